//! The command line, as a user meets it.

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;
use tickcast::client::Phase;
use tickcast::wire::ClosedReason;

use crate::crowd::{Crowd, beside, now};
use crate::served::{Served, run, text};

/// The keys that others rely on, in their order.
const BOTS_KEYS: &str = "clients, joined, clients_decoded, moves_sent, moves_applied, snapshots_expected, \
    snapshots_received, socket_queue_losses, tick_hz_seen, snapshot_bytes_p50, snapshot_bytes_p99, \
    snapshot_bytes_max, players_seen_min, players_seen_p50, age_ticks_p50, age_ticks_p99, age_ms_p50, age_ms_p99, \
    near_age_ticks_p99, far_age_ms_max, bits_per_player, checksums_compared, desyncs, decode_errors, resumes, \
    outage_ms_max, cpu_share, moves_skipped";

#[test]
fn bots_join_see_everyone_and_report_every_key() {
    let _beside = beside();
    let served = Served::start(&["--checksums", "--json"]);
    let line = ["bots", "--server", &served.addr, "--clients", "60", "--rate", "30", "--duration", "1s"];
    let output = run(&[&line[..], &["--warmup", "200ms", "--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().expect("a line").to_owned();
    let report: Value = serde_json::from_str(&last).expect("one object");
    let written = last.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(", ");
    assert_eq!(written, BOTS_KEYS);
    assert!(
        report.as_object().expect("an object").values().all(|value| value.is_number() || value.is_null())
    );
    let number = |key: &str| report[key].as_u64().expect("a number");
    assert_eq!((number("joined"), number("players_seen_min"), number("decode_errors")), (60, 60, 0));
    assert!(number("checksums_compared") > 0 && number("desyncs") == 0);
    assert!(number("snapshot_bytes_max") <= 1_200 && number("moves_applied") > 0);
    let missing = number("snapshots_expected") - number("snapshots_received") - number("socket_queue_losses");
    let skipped = served.ended()["ticks_skipped"].as_u64().expect("a number");
    assert!(missing <= 60 * skipped, "{missing} snapshots are missing, and {skipped} ticks were skipped");
}

#[test]
fn bots_without_a_server_say_so() {
    let line = ["bots", "--server", "127.0.0.1:9", "--clients", "1", "--duration", "100ms", "--warmup", "0s"];
    let output = run(&line);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).starts_with("error: "), "{}", text(&output.stderr));
}

#[test]
fn send_makes_one_move_and_prints_what_the_server_then_says() {
    let _beside = beside();
    let served = Served::start(&["--world", "-100,-100,100,100"]);
    let send = |x: &str| {
        let line = ["send", "--server", &served.addr, "--client-id", "8", "--x", x, "--y", "4"];
        run(&[&line[..], &["--snapshots", "2", "--json"]].concat())
    };
    let output = send("-3");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["players"][0]["x"], &lines[1]["applied"]), (&Value::from(-3), &Value::from(1)));
    assert_eq!(send("101").status.code(), Some(1), "a place outside the world");
}

#[test]
fn send_says_where_the_game_puts_whom_it_corrects() {
    let _beside = beside();
    let served = Served::start(&["--spawn", "5,6", "--speed-limit", "10"]);
    let output = run(&["send", "--server", &served.addr, "--client-id", "8", "--x", "1000", "--y", "4"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("the game does not let the player stand at 1000,4, but at 5,6"), "{said}");
}

#[test]
fn a_signal_tells_every_peer_and_ends_the_server_in_order() {
    let _beside = beside();
    for signal in ["-INT", "-TERM"] {
        let mut served = Served::start(&[]);
        let mut crowd = Crowd::join(3, served.addr.parse().expect("an address"));
        let began = now();
        served.signal(signal);
        assert!(served.process.wait().expect("it ends").success());
        assert!(began.elapsed() < Duration::from_secs(5), "within a second, and five times its slack");
        let closed = Phase::Closed(ClosedReason::ShuttingDown);
        crowd.pump_until("all are told", |crowd| crowd.all(|player| player.client.phase() == closed));
    }
}

#[test]
fn flags_count_before_the_environment_and_that_before_the_file() {
    let _beside = beside();
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "tick-rate = 20\nworld = \"0,0,9,9\"\ntimeout = \"3s\"").expect("written");
    let path = file.path().to_str().expect("a path of text");
    let served = Served::start_with(
        &["--config", path, "--tick-rate", "40"],
        &[("TICKCAST_TICK_RATE", "50"), ("TICKCAST_TIMEOUT", "4s")],
    );
    let crowd = Crowd::join(1, served.addr.parse().expect("an address"));
    let welcome = crowd.0[0].client.welcome().expect("it has joined");
    assert_eq!((welcome.period_ns, welcome.timeout_ms, welcome.bounds.max.x), (25_000_000, 4_000, 9));
}

#[test]
fn what_cannot_be_served_names_its_flag_and_bound() {
    let _beside = beside();
    for (args, told) in [
        (&["--tick-rate", "0.5"][..], "a tick rate is 1 to 1000 Hz, not 0.5"),
        (&["--tick-rate", "fast"], "'--tick-rate <HZ>'"),
        (&["--datagram-bytes", "65508"], "--datagram-bytes must be 256 to 65507, not 65508"),
        (&["--max-peers", "0"], "--max-peers must be 1 to 1000000, not 0"),
        (&["--timeout", "10"], "write 10s or 500ms"),
        (&["--open", "--bind", "0.0.0.0:0"], "--open lets anyone in"),
        (&["--world", "0,0,-1,0"], "X0 <= X1"),
        (&["--config", "/no/such.toml"], "--config /no/such.toml: "),
        (&["--log-level", "=="], "--log-level =="),
        (&["--log-level", "loud"], "--log-level loud: it is none of off"),
        (&["--tick-rate", "-5"], "not -5"),
    ] {
        let output = run(&[&["serve"], args].concat());
        assert!(!output.status.success() && text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
}

#[test]
fn a_play_sums_up_and_a_broken_one_says_how_to_see_it_again() {
    let play = ["sim", "--seed", "7", "--seeds", "2", "--clients", "5", "--ticks", "60", "--loss", "0.2"];
    let output = run(&play);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().expect("a line").to_owned();
    let report: Value = serde_json::from_str(&last).expect("one object");
    assert_eq!(report["seeds"], 2);
    assert!(report["checked"].as_u64() > Some(1_000) && report["lost"].as_u64() > Some(0), "{last}");
    assert_eq!(run(&play).stdout, output.stdout, "the same seeds, the same play");
    let output = run(&[&play[..], &["--sabotage"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("error: seed 7, tick 30: "), "{told}");
    assert!(told.contains("tickcast sim --seed 7 --clients 5 --ticks 60 --loss 0.2 --sabotage"), "{told}");
}

#[test]
#[cfg(unix)]
fn a_signal_that_comes_twice_at_once_is_one() {
    let _beside = beside();
    let mut served = Served::start(&[]);
    served.signal("-TERM");
    served.next_line("stopping");
    // It tells everyone so for 40 ms.
    served.signal("-TERM");
    assert!(served.process.wait().expect("it ends").success(), "{}", served.rest_of_log());
}
