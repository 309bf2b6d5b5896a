//! Who may come, and who else can read it?
//!
//! Keys and tickets, and what a session seals with the keys that it makes of them. Everything random comes in as an
//! argument. This folder is the only place that names the library of ciphers.
//!
//! - A [`TicketKey`] is shared by the game's backend and the server; [`TicketKeys`] are several of them, by age.
//! - A backend mints a [`Pass`] with a key: the ticket, sealed for the server, and the session key that is in it.
//! - A session's two ends make keys of the session key and of what both drew for this handshake; `session` has them.

mod aead;
mod hex;
mod key;
mod session;
mod ticket;
mod window;

pub use key::{KeyError, TicketKey, TicketKeys};
pub(crate) use session::{Opener, Sealer, SessionKey, Unopened, keys_of_session};
pub use ticket::{Mint, Pass, PassError, server_number};
pub(crate) use ticket::{bearer_tag, is_from_bearer};
