//! The game in a terminal that tmux draws: keys in, screen out.

use std::process::Command;

use serde_json::Value;

use crate::picture::svg;
use crate::tmux::Tmux;

/// Columns and rows of a terminal in which all is seen.
const SIZE: (u16, u16) = (100, 40);

#[test]
fn one_fights_among_bots_and_monsters_in_a_terminal() {
    let Some(game) = game() else { return };
    let tmux = Tmux::start(&format!("'{game}' --bots 6 --monsters 24 --seed 1"), SIZE);
    tmux.wait_until("the town is there", |screen| {
        screen.contains("Pythonville: yard") && screen.contains('@')
    });
    tmux.wait_until("bots play along", |screen| screen.contains("playing with 6 others"));
    tmux.wait_until("monsters come", |screen| screen.contains('&'));
    tmux.wait_until("monsters bite", |screen| screen.contains('♡'));
    tmux.wait_until("the best walkers are named", |screen| screen.contains("1. "));
    tmux.wait_until("one strikes back", |screen| {
        tmux.press("Space");
        screen.contains("you hit a monster")
    });
    keep(&tmux);
    tmux.press("q");
    assert_eq!(tmux.wait_for_end(), "0", "it ends in order, when it is told to");
}

#[test]
fn two_meet_talk_and_trade_in_two_terminals() {
    let Some(game) = game() else { return };
    let host = Tmux::start(&format!("'{game}' --bots 0 --monsters 0"), SIZE);
    let screen = host.wait_until("it stands in its town", |screen| place(screen) == Some("2,2"));
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let join = format!("exec \"{game}\" --server {} --client-id 1001", address(&screen));
    let join = format!("sh -c 'echo $$ > {}; {join}'; echo \"status $?\"; stty -a", pid.display());
    let guest = Tmux::start(&join, SIZE);
    for tmux in [&host, &guest] {
        tmux.wait_until("it sees the other", |screen| screen.contains("playing with 1 others"));
    }
    host.press("Right");
    host.wait_until("it stands on the tile beside", |screen| place(screen) == Some("3,2"));
    for key in ["c", "n", "i", "!", "Enter"] {
        host.press(key);
    }
    host.wait_until("it hears itself", |screen| screen.contains("you: ni!"));
    guest.wait_until("the other hears it", |screen| screen.contains("P1000: ni!"));
    trade(&host, &guest);
    let pid = std::fs::read_to_string(pid).expect("its number");
    let killed = Command::new("kill").args(["-TERM", pid.trim()]).status().expect("kill runs");
    assert!(killed.success());
    let left = guest.wait_until("the terminal is as it was", |screen| screen.contains("status "));
    let left =
        guest.wait_until("stty has said all", |screen| screen.contains("echoctl")).replace('\n', " ") + &left;
    assert!(left.contains("status 0"), "{left}");
    assert!(left.contains(" icanon") && left.contains(" echo "), "{left}");
    host.press("q");
    assert_eq!(host.wait_for_end(), "0");
}

#[test]
fn who_has_lost_the_terminal_ends() {
    let Some(game) = game() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let start = format!("sh -c 'echo $$ > {}; exec \"{game}\" --bots 1'", pid.display());
    let tmux = Tmux::start(&start, SIZE);
    tmux.wait_until("it plays", |screen| screen.contains("playing with 1 others"));
    let pid = std::fs::read_to_string(pid).expect("its number");
    let is_there = || {
        let said = Command::new("kill").args(["-0", pid.trim()]).output().expect("kill runs");
        said.status.success()
    };
    assert!(is_there());
    drop(tmux);
    let has_ended = (0..10_000).any(|_| !is_there());
    assert!(has_ended, "it goes on where nobody sees it, and keeps a core busy");
}

/// What newcomers have is by their numbers: 1000 an apple, an egg and a lamp, 1001 an egg, a lamp and a sword.
fn trade(host: &Tmux, guest: &Tmux) {
    let has = |screen: &str, things: [&str; 2]| things.iter().all(|thing| screen.contains(thing));
    host.wait_until("it has its things", |screen| has(screen, [" 1 apple", " 0 sword"]));
    guest.wait_until("it has its things", |screen| has(screen, [" 0 apple", " 1 sword"]));
    let offer = |what: &str, mark: &str| {
        host.press("o");
        host.wait_until("an offer is made up", |screen| screen.contains(what));
        host.press("Enter");
        guest.wait_until("it is offered", |screen| screen.contains(mark));
    };
    offer(" offer [apple] for [sword] to [P1001]", "y/n P1000: apple for sword");
    host.wait_until("it stands", |screen| screen.contains("  > P1001: apple for sword"));
    guest.press("y");
    host.wait_until("both have it", |screen| has(screen, [" 0 apple", " 1 sword"]));
    guest.wait_until("both have it", |screen| has(screen, [" 1 apple", " 0 sword"]));
    assert!(host.screen().contains("traded with P1001: you have sword now"));
    assert!(guest.screen().contains("traded with P1000: you have apple now"));
    offer(" offer [egg] for [apple] to [P1001]", "y/n P1000: egg for apple");
    guest.press("n");
    let both = [(host, "P1001", " 0 apple"), (guest, "P1000", " 1 apple")];
    for (tmux, other, apples) in both {
        let declined = format!("no trade with {other}: declined");
        let screen = tmux.wait_until("it is refused", |screen| screen.contains(&declined));
        assert!(has(&screen, [apples, " 1 egg"]), "nothing has changed hands:\n{screen}");
    }
}

/// What the lower edge of the map says: `at 3,4`.
fn place(screen: &str) -> Option<&str> {
    let (_, behind) = screen.split_once("└ at ")?;
    behind.split_once(' ').map(|(place, _)| place)
}

/// Where others may join.
fn address(screen: &str) -> &str {
    let (_, behind) = screen.split_once("│at ").expect("it says where others may join");
    behind.split_once(' ').expect("blanks behind it").0
}

/// For README, where somebody wants a new picture.
fn keep(tmux: &Tmux) {
    if let Some(file) = std::env::var_os("TICKCAST_PICTURE") {
        tmux.wait_until("much is to be seen", |screen| screen.contains("│y/n ") && screen.contains('♡'));
        std::fs::write(file, svg(&tmux.coloured())).expect("it can be written");
    }
}

/// The example, built as `cargo run --example pythonville` builds it; `None` where there is no tmux to play it in.
fn game() -> Option<String> {
    if !Tmux::is_installed() {
        println!("skipped: tmux is not installed; apt-get install tmux");
        assert!(std::env::var_os("CI").is_none(), "where all tests are to run, tmux must be installed");
        return None;
    }
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
    Some(file.expect("cargo says what it has built").to_owned())
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
