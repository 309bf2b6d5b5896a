//! A UDP tick server: every player's position, to every player, every tick.

pub mod client;
pub mod config;
pub mod gate;
pub mod secret;
pub mod server;
pub mod snapshot;
pub mod wire;
pub mod world;
pub mod net;
