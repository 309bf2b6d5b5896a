//! The real binary, killed and started again, or with a store that it cannot use.

#[path = "../../examples/kills/play/mod.rs"]
mod play;

use std::path::Path;

use serde_json::Value;

use crate::crowd::{Crowd, beside};
use crate::served::{Served, run, text};

fn served(dir: &Path, bind: &str) -> Served {
    let dir = dir.to_str().expect("a name in UTF-8");
    Served::start_as(&["serve", "--bind", bind, "--data", dir, "--json"], &[])
}

#[test]
fn a_server_that_stopped_in_order_knows_where_everyone_stood() {
    let _beside = beside();
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("made");
    let mut first = served(&dir, "127.0.0.1:0");
    let mut crowd = Crowd::join(3, first.addr.parse().expect("an address"));
    for (x, player) in (10..).zip(&mut crowd.0) {
        player.move_to(x, -x);
    }
    crowd.pump_until("all stand there", |crowd| crowd.all(|player| player.sees(2) == Some((12, -12))));
    first.signal("-INT");
    let stdout = first.process.stdout.take().expect("piped");
    assert!(first.process.wait().expect("it ends").success());
    let last: Value = serde_json::from_reader(stdout).expect("one line of statistics");
    assert_eq!((&last["store_lag_ms"], &last["store_failures"]), (&Value::from(0), &Value::from(0)));
    assert!(last["store_commits"].as_u64() > Some(0), "{last}");
    let second = served(&dir, "127.0.0.1:0");
    let crowd = Crowd::join(3, second.addr.parse().expect("an address"));
    for (x, player) in (10..).zip(&crowd.0) {
        let welcome = player.client.welcome().expect("it plays");
        assert_eq!((welcome.placed, welcome.at.x, welcome.at.y), (1, x, -x));
    }
}

#[test]
fn clients_of_a_killed_server_go_on_where_they_stood() {
    let _beside = beside();
    let dir = tempfile::tempdir().expect("a directory");
    let program = env!("CARGO_BIN_EXE_tickcast").into();
    let plan = play::Plan { program, times: 3, clients: 10, seed: 3, slack: 10 };
    let report = play::play(&plan, dir.path(), |life| println!("{life}")).expect("it is played");
    assert_eq!(report.failures, [""; 0]);
    assert!(report.positions >= 10, "{report:?}");
    // A machine may be slow; the command is strict.
    assert!(report.pass, "{report:?}");
}

#[test]
fn a_store_that_cannot_be_used_is_refused_before_anything_is_served() {
    let _beside = beside();
    let dir = tempfile::tempdir().expect("a directory");
    let refused = |dir: &Path| {
        let dir = dir.to_str().expect("a name in UTF-8");
        let output = run(&["serve", "--bind", "127.0.0.1:0", "--data", dir]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("listening"));
        text(&output.stderr)
    };
    let _holder = served(dir.path(), "127.0.0.1:0");
    let in_use = refused(dir.path());
    assert!(in_use.contains("error: --data: ") && in_use.contains("in use by another server"), "{in_use}");
    let not_a_directory = dir.path().join("file");
    std::fs::write(&not_a_directory, "text").expect("written");
    let told = refused(&not_a_directory);
    assert!(told.contains("error: --data: cannot use the directory"), "{told}");
}
