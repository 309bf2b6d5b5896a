//! Profiles, leaderboards and scores against a real HTTP server, with everything that may be wrong with one.

mod faults;
mod game;
mod reports;
mod service;
