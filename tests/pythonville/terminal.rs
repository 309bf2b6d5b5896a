//! The game in a terminal that tmux draws: keys in, screen out.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::picture::svg;
use crate::tmux::Tmux;

#[test]
fn one_walks_chats_fights_and_trades_in_a_terminal() {
    if !Tmux::is_installed() {
        println!("skipped: tmux is not installed; apt-get install tmux");
        assert!(std::env::var_os("CI").is_none(), "where all tests are to run, tmux must be installed");
        return;
    }
    let game = game().into_os_string().into_string().expect("a path in UTF-8");
    let tmux = Tmux::start(&format!("'{game}' --bots 6 --monsters 24 --seed 1"), (100, 36));

    tmux.wait_until("the town is there", |screen| {
        screen.contains("Pythonville: yard") && screen.contains('@')
    });
    tmux.wait_until("bots play along", |screen| screen.contains("playing with 6 others"));
    tmux.wait_until("the pocket is filled", |screen| screen.contains(" 1 apple"));
    walk(&tmux);
    for key in ["c", "n", "i", "!", "Enter"] {
        tmux.press(key);
    }
    tmux.wait_until("all hear what is said", |screen| screen.contains("you: ni!"));
    tmux.press("o");
    tmux.wait_until("an offer is made up", |screen| screen.contains(" offer ["));
    tmux.press("Enter");
    let answers = ["you offer ", "they do not have that"];
    tmux.wait_until("it is answered", |screen| answers.iter().any(|answer| screen.contains(answer)));
    trade(&tmux);
    tmux.wait_until("the best walkers are named", |screen| screen.contains("1. "));
    tmux.wait_until("monsters come", |screen| screen.contains('&'));
    tmux.wait_until("monsters bite", |screen| screen.contains('♡'));
    keep(&tmux);
    tmux.press("q");
    assert_eq!(tmux.wait_for_end(), "0", "it ends in order, when it is told to");
}

/// To where there is no wall.
fn walk(tmux: &Tmux) {
    let screen = tmux.wait_until("it says where one is", |screen| place(screen).is_some());
    let before = place(&screen);
    tmux.press(way(&screen));
    tmux.wait_until("one has walked", |screen| place(screen).is_some() && place(screen) != before);
}

/// What the lower edge of the map says: `at 3,4`.
fn place(screen: &str) -> Option<&str> {
    let (_, behind) = screen.split_once("└ at ")?;
    behind.split_once(' ').map(|(place, _)| place)
}

/// The key to a tile beside the player that is no wall.
fn way(screen: &str) -> &'static str {
    let rows: Vec<Vec<char>> = screen.lines().map(|row| row.chars().collect()).collect();
    let row = rows.iter().position(|row| row.contains(&'@')).expect("one sees oneself");
    let column = rows[row].iter().position(|c| *c == '@').expect("in this row");
    let beside = [("Right", row, column + 2), ("Left", row, column - 2), ("Up", row - 1, column)];
    let is_free = |row: usize, column: usize| rows[row].get(column) == Some(&'·');
    beside.iter().find(|(_, row, column)| is_free(*row, *column)).map_or("Down", |(key, _, _)| key)
}

/// Bots offer what they have; says yes until one keeps its word.
fn trade(tmux: &Tmux) {
    loop {
        let screen = tmux.wait_until("something is offered or traded", |screen| {
            screen.contains("y/n?") || screen.contains("traded with")
        });
        if screen.contains("traded with") {
            return;
        }
        let lines = ended(&screen);
        tmux.press("y");
        tmux.wait_until("the offer ends", |screen| !screen.contains("y/n?") || ended(screen) > lines);
    }
}

/// How many lines on the screen are about the end of an offer.
fn ended(screen: &str) -> usize {
    screen.lines().filter(|line| line.contains("traded with") || line.contains("no trade with")).count()
}

/// For README, where somebody wants a new picture.
fn keep(tmux: &Tmux) {
    if let Some(file) = std::env::var_os("TICKCAST_PICTURE") {
        std::fs::write(file, svg(&tmux.coloured())).expect("it can be written");
    }
}

/// The example, built as `cargo run --example pythonville` builds it.
fn game() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--example", "pythonville", "--message-format", "json"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo tells a test about its package would be news to build scripts, and all that stands on them built anew.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_the_test(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let lines = built.stdout.split(|byte| *byte == b'\n').map(serde_json::from_slice::<Value>);
    let (of_game, others): (Vec<Value>, Vec<Value>) =
        lines.flatten().partition(|line| line["target"]["name"] == "pythonville");
    let stale: Vec<Value> = others.into_iter().filter(|line| line["fresh"] == false).collect();
    assert!(stale.is_empty(), "the test was built with these, and they are built anew: {stale:#?}");
    let file = of_game.iter().find_map(|line| line["executable"].as_str());
    file.expect("cargo says what it has built").into()
}

/// Whether cargo has set a variable for the test alone.
fn is_of_the_test(name: &str) -> bool {
    let names = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_MANIFEST_LINKS",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    name.starts_with("CARGO_PKG_") || names.contains(&name)
}
