//! Who is told what?
//!
//! Once a tick the world is made into what can be shared by all peers; then each peer's snapshot is put
//! together from it, never larger than one datagram.

pub mod clusters;
mod compact;
pub mod motion;
mod plain;

pub use compact::{CompactSnapshots, Told};
pub use plain::{PlainSnapshots, Turn};
