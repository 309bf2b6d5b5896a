//! The core through its seam: a server, clients and strangers joined in memory, with a clock of their own.
//! No sockets, no threads, no waiting; whatever is random comes from a seed that a failure names.

mod bound;
mod compact;
mod crowd;
mod crowds;
mod draw;
mod enemies;
mod hostile;
mod joining;
mod journey;
mod ledger;
mod levels;
#[path = "../maps/mod.rs"]
mod maps;
mod messages;
mod moving;
mod news;
mod pair;
mod properties;
mod remembering;
mod removing;
mod rules;
mod sealed;
mod showing;
mod standard;
mod starving;
mod stealing;
mod vault;
mod views;
mod work;
