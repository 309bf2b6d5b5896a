//! The example that one can play: its trades on bad networks, and its screen in a terminal.

#[path = "../../examples/pythonville/rules/mod.rs"]
mod rules;
#[path = "../../examples/pythonville/tie.rs"]
mod tie;
#[path = "../../examples/pythonville/town.rs"]
mod town;

mod picture;
mod play;
mod table;
mod terminal;
mod tmux;
mod trades;
mod watched;
