//! A UDP tick server: every player's position, to every player, every tick.
//!
//! [`TickServer`] runs a server on a socket of yours; look at its positions and counters while it runs. For a
//! server without sockets and clock, see [`server::Server`]; for a client without them, [`client::Client`].

mod away;
pub mod cli;
pub mod client;
pub mod config;
pub mod game;
pub mod gate;
pub mod level;
pub mod load;
pub mod machine;
pub mod mail;
pub mod net;
pub mod path;
pub mod profiles;
pub mod seal;
pub mod secret;
pub mod server;
pub mod sim;
pub mod snapshot;
pub mod store;
pub mod wire;
pub mod work;
pub mod world;

pub use config::{Config, TickRate, TicketConfig};
#[cfg(unix)]
pub use net::{ControlSocket, ControlThread};
pub use net::{HttpThread, Observer, Orders, Positions, ServeError, TickServer, TicketKeyring};
