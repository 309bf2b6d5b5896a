//! The client in Python, against the real binary.

use std::process::{Command, Output};

use crate::crowd::alone;
use crate::served::{Served, text};

/// Runs the script. `None` where there is no Python; that is a failure where CI=true.
fn walk(addr: &str, args: &[&str]) -> Option<Output> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/walk.py");
    match Command::new("python3").arg(script).arg(addr).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs python3: {error}");
            eprintln!("skipped, there is no python3: {error}");
            None
        }
    }
}

#[test]
fn the_script_joins_walks_and_prints_what_it_is_told() {
    let _alone = alone();
    let served = Served::start(&[]);
    let Some(output) = walk(&served.addr, &["--client-id", "7", "--steps", "30"]) else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert_eq!(printed.lines().count(), 30, "{printed}");
    let last = printed.lines().last().unwrap_or_default();
    assert!(last.contains("1 players: 7 at (") && !last.contains("(0, 0)"), "{printed}");

    let again = walk(&served.addr, &["--client-id", "7", "--steps", "1"]).expect("python3 is there");
    assert!(again.status.success(), "it has left, so its client id is free: {}", text(&again.stderr));
}

#[test]
fn the_script_says_a_refusal_in_words() {
    let _alone = alone();
    let served = Served::start(&["--client-ids", "1-9"]);
    let Some(output) = walk(&served.addr, &["--client-id", "10"]) else { return };
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr).trim(), "The server refuses: this client id may not play");
}

#[test]
fn the_script_speaks_the_version_of_this_crate() {
    let script = include_str!("../../scripts/walk.py");
    let version = format!("VERSION, PLAIN_ENCODING, NO_PROOF = {}, 0,", tickcast::wire::PROTOCOL_VERSION);
    assert!(script.contains(&version), "{version}");
}
