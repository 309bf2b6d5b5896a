//! What the server says of a stretch of time.

use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use crate::crowd::{Crowd, beside};
use crate::served::{Served, run, text};

/// The keys that others rely on, in their order; README says what they mean.
const KEYS: [&str; 46] = [
    "seconds",
    "peers",
    "players",
    "ticks",
    "ticks_skipped",
    "tick_us_p50",
    "tick_us_p99",
    "tick_us_max",
    "late_us_p50",
    "late_us_p99",
    "late_us_max",
    "cpu_s",
    "cpu_share",
    "cpu_us_per_client_tick",
    "joined",
    "left",
    "timed_out",
    "removed",
    "moves_applied",
    "messages",
    "snapshots",
    "bytes_out",
    "hook_panics",
    "work_started",
    "work_finished",
    "work_failed",
    "work_timed_out",
    "work_cancelled",
    "work_in_flight",
    "received",
    "received_bytes",
    "receive_errors",
    "sent",
    "send_failed",
    "store_commits",
    "store_failures",
    "store_lag_ms",
    "service_attempts",
    "service_retries",
    "service_failures",
    "scores_waiting",
    "scores_delivered",
    "scores_refused",
    "scores_lost",
    "dropped",
    "drops",
];

#[test]
fn statistics_are_over_the_time_since_those_before() {
    let _beside = beside();
    let mut served = Served::start(&["--json"]);
    let mut lines = BufReader::new(served.process.stdout.take().expect("piped")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("a line").expect("of text");
        let keys: Vec<&str> = KEYS.into_iter().filter(|key| line.contains(&format!("\"{key}\":"))).collect();
        assert_eq!(keys, KEYS, "{line}");
        serde_json::from_str(&line).expect("one object")
    };
    let mut crowd = Crowd::join(3, served.addr.parse().expect("an address"));
    served.signal("-USR1");
    let joining = next();
    assert_eq!((&joining["joined"], &joining["peers"]), (&Value::from(3), &Value::from(3)));
    crowd.0[0].socket.send(b"junk").expect("sent");
    crowd.pump_ticks(10);
    served.signal("-USR1");
    let steady = next();
    assert_eq!((&steady["joined"], &steady["drops"]["length"]), (&Value::from(0), &Value::from(1)));
    let number = |key: &str| steady[key].as_u64().expect("a number");
    assert!(number("ticks") >= 10 && number("snapshots") == 3 * number("ticks"), "{steady}");
    assert!(number("sent") >= number("snapshots") && number("bytes_out") > 0, "{steady}");
    assert!(["tick_us_p99", "late_us_max"].iter().all(|key| steady[key].as_f64().is_some()), "{steady}");
    served.signal("-INT");
    assert!(served.process.wait().expect("it ends").success());
    let last = next();
    assert!((last["joined"].as_u64(), last["left"].as_u64()) == (Some(0), Some(0)), "{last}");
    assert!(lines.next().is_none(), "one line for each time that it was asked, and one at the end");
}

#[test]
fn the_readme_says_what_every_key_is() {
    let readme = include_str!("../../README.md");
    let missing: Vec<&str> = KEYS.into_iter().filter(|key| !readme.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "README does not name {missing:?}");
}

#[test]
fn a_core_that_does_not_exist_is_refused_by_name() {
    let _beside = beside();
    for command in ["serve", "bots"] {
        let output = run(&[command, "--pin", "99999"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).starts_with("error: --pin 99999: "), "{}", text(&output.stderr));
    }
}
