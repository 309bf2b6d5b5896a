//! The example that one can play: its trades on bad networks, and its screen in a terminal.

#[path = "../../examples/pythonville/rules/mod.rs"]
mod rules;
#[path = "../../examples/pythonville/tie.rs"]
mod tie;
#[path = "../../examples/pythonville/town.rs"]
mod town;

#[path = "../sockets/crowd.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod crowd;
mod picture;
mod play;
mod table;
mod terminal;
mod tmux;
mod trades;
mod waiting;
mod watched;
