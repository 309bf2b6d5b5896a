//! Profiles, leaderboards and scores against a real HTTP server, with everything that may be wrong with one.

mod faults;
mod game;
#[path = "../maps/mod.rs"]
mod maps;
mod play;
mod queues;
mod reports;
mod service;
