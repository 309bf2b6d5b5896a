//! Profiles, leaderboards and scores against a real HTTP server, with everything that may be wrong with one.

#[path = "../sockets/served.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod binary;
#[path = "../sockets/crowd.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod crowd;
#[path = "../sockets/exposition.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod exposition;
mod faults;
mod game;
#[path = "../sockets/http.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod http;
#[path = "../maps/mod.rs"]
mod maps;
mod play;
mod queues;
mod reports;
mod served;
mod service;
mod trust;
