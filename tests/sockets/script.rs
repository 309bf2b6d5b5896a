//! The clients in Python, against the real binary.

use std::process::{Command, Output};

use tickcast::game::{Game, Realm, Step, Verdict};
use tickcast::mail::Delivery;
use tickcast::wire::Position;
use tickcast::{Config, TickRate, TickServer};

use crate::crowd::{alone, beside};
use crate::served::{Served, text};

/// Runs a script. `None` where there is no Python; that is a failure where CI=true.
pub(crate) fn python(script: &str, args: &[&str]) -> Option<Output> {
    let script = format!("{}/scripts/{script}", env!("CARGO_MANIFEST_DIR"));
    match Command::new("python3").arg(script).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs python3: {error}");
            eprintln!("skipped, there is no python3: {error}");
            None
        }
    }
}

#[test]
fn the_walk_joins_walks_and_prints_what_it_is_told() {
    let _beside = beside();
    let served = Served::start(&[]);
    for encoding in ["compact", "plain"] {
        let walk = |steps: &str| {
            let args = [&served.addr, "--client-id", "7", "--steps", steps, "--encoding", encoding];
            python("walk.py", &args)
        };
        let Some(output) = walk("30") else { return };
        assert!(output.status.success(), "{}", text(&output.stderr));
        let printed = text(&output.stdout);
        assert_eq!(printed.lines().count(), 30, "{printed}");
        let last = printed.lines().last().unwrap_or_default();
        assert!(last.contains("1 players: 7 at (") && !last.contains("(0, 0)"), "{printed}");

        let again = walk("1").expect("python3 is there");
        assert!(again.status.success(), "it has left, so its client id is free: {}", text(&again.stderr));
    }
}

#[test]
fn the_walk_says_a_refusal_in_words() {
    let _beside = beside();
    let served = Served::start(&["--client-ids", "1-9"]);
    let Some(output) = python("walk.py", &[&served.addr, "--client-id", "10"]) else { return };
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr).trim(), "The server refuses: this client id may not play");
}

/// What `scripts/test_tickcast.py` checks: all know the same world, be it told plain or compact, whole or with loss.
#[test]
fn clients_in_python_know_the_same_world() {
    let _beside = beside();
    let served = Served::start(&["--tick-rate", "60"]);
    let Some(output) = python("test_tickcast.py", &["-v", "Playing", "TakingIn", &served.addr]) else {
        return;
    };
    let said = text(&output.stderr);
    assert!(output.status.success() && !said.contains("skipped"), "{said}");
}

/// Says again what it hears, removes whoever wants that, and puts whoever goes too far back.
struct Echo;

impl Game for Echo {
    fn on_move(&mut self, _realm: &mut Realm<'_>, step: &Step) -> Verdict {
        if step.to.x <= 1_000 {
            Verdict::Accept
        } else {
            Verdict::Correct(Position { x: 1_000, y: step.to.y })
        }
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        if message == b"remove me" {
            assert!(realm.remove(player, 7));
            return;
        }
        let is_unreliable = message.starts_with(b"u");
        let delivery = if is_unreliable { Delivery::Unreliable } else { Delivery::Reliable };
        realm
            .send(player, delivery, message)
            .expect("a client waits for what it has said before it says more");
    }
}

/// Through losses of a fifth.
#[test]
fn clients_in_python_talk_with_a_game_and_are_corrected() {
    let _alone = alone();
    let config = Config { tick_rate: TickRate::from_hz(60.0).expect("a rate"), ..Config::default() };
    let addr = "127.0.0.1:0".parse().expect("an address");
    let server = TickServer::bind_game(addr, config, Box::new(Echo)).expect("it is served");
    let addr = server.local_addr().to_string();
    let Some(output) = python("test_tickcast.py", &["-v", "Talking", "--talks", &addr]) else { return };
    let said = text(&output.stderr);
    assert!(output.status.success() && !said.contains("skipped"), "{said}");
    assert!(server.status().report.totals.messages >= 240, "{:?}", server.status().report.totals);
}

#[test]
fn the_scripts_speak_the_version_of_this_crate() {
    let module = include_str!("../../scripts/tickcast.py");
    let version = format!("VERSION, NO_PROOF = {}, bytes(24)", tickcast::wire::PROTOCOL_VERSION);
    assert!(module.contains(&version), "{version}");
}

#[test]
fn clients_in_python_see_what_is_around_them() {
    let _beside = beside();
    let served = Served::start(&["--tick-rate", "60", "--view", "1000"]);
    let test = ["-v", "Viewing", "--view=1000", &served.addr];
    let Some(output) = python("test_tickcast.py", &test) else { return };
    let said = text(&output.stderr);
    assert!(output.status.success() && !said.contains("skipped"), "{said}");
}
