//! The server on real sockets of this machine, on free ports: one test after the other, but for those that mostly wait.
//!
//! Nothing here asserts a rate or a time: tick numbers say whether something is missing, and waiting has a
//! deadline only so that a failure ends.

mod capacity;
mod commands;
mod crowd;
mod enemies;
mod examples;
mod exposition;
mod hostile;
mod http;
mod impair;
mod lesson;
mod levels;
mod library;
#[path = "../maps/mod.rs"]
mod maps;
mod options;
#[cfg(unix)]
mod orders;
mod script;
mod served;
mod statistics;
mod store;
mod tickets;
mod watching;
mod work;
