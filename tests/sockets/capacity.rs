//! What a machine holds, at the size of a toy, and the floor that it is held against.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::crowd::{beside, now};
use crate::served::{Served, run, text};

#[test]
fn capacity_measures_each_step_against_the_floor_and_says_all_of_it() {
    let _beside = beside();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path of text").to_owned();
    let (json, svg) = (path("capacity.json"), path("capacity.svg"));
    let line = ["capacity", "--from", "8", "--to", "16", "--duration", "1s", "--warmup", "200ms"];
    let output = run(&[&line[..], &["--floor", "--runs", "1", "--json", &json, "--svg", &svg]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = std::fs::read_to_string(&json).expect("the file is there");
    let report: Value = serde_json::from_str(&told).expect("one object");
    let search = &report["rates"][0];
    assert_eq!((&report["runs"], &search["rate_hz"]), (&Value::from(1), &Value::from(30.0)));
    let steps = search["steps"].as_array().expect("what was tried");
    // Whether this machine holds so few now is not for a test to say: then it tries fewer.
    assert!(steps.iter().any(|step| step["clients"] == 8), "{told}");
    let mut holding = steps.iter().filter(|step| step["verdict"] == "holds").map(|step| &step["clients"]);
    assert_eq!(holding.next_back().unwrap_or(&Value::Null), &search["holds"]);
    for step in steps.iter().filter(|step| step["verdict"] == "holds") {
        assert_eq!(step["joined"], step["clients"], "{step}");
        let figure = |key: &str| step[key].as_f64().unwrap_or_else(|| panic!("{key} in {step}"));
        assert!(figure("delivered") > 0.0 && figure("ratio_to_floor") > 0.0 && figure("tick_us_max") > 0.0);
        assert!(figure("snapshot_bytes") > 32.0 && figure("bytes_per_client_second") > 0.0);
    }
    let table = text(&output.stdout);
    assert!(table.starts_with("|     Hz | clients |"), "{table}");
    assert_eq!(
        table.lines().count(),
        2 + steps.len() + 1,
        "headings, a row for each step, and the sum: {table}"
    );
    let picture = std::fs::read_to_string(&svg).expect("the file is there");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
}

#[test]
fn bots_play_against_the_floor() {
    let _beside = beside();
    let served = Served::start_as(&["floor", "--port", "0", "--datagram-bytes", "603", "--json"], &[]);
    let line = ["bots", "--server", &served.addr, "--clients", "40", "--duration", "1s", "--warmup", "100ms"];
    let mut missing = 0;
    for _again in 0..2 {
        let output = run(&[&line[..], &["--json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let last = text(&output.stdout).lines().last().expect("a line").to_owned();
        let report: Value = serde_json::from_str(&last).expect("one object");
        let number = |key: &str| report[key].as_u64().expect("a number");
        assert_eq!((number("joined"), number("decode_errors"), number("resumes")), (40, 0, 0));
        assert_eq!((number("snapshot_bytes_p50"), number("snapshot_bytes_max")), (600, 600));
        assert!(number("moves_sent") > 0 && number("moves_applied") == 0, "it looks into no move");
        missing +=
            number("snapshots_expected") - number("snapshots_received") - number("socket_queue_losses");
    }
    let statistics = served.ended();
    assert_eq!((&statistics["joined"], &statistics["left"]), (&Value::from(80), &Value::from(80)));
    assert!(statistics["cpu_us_per_client_tick"].as_f64().is_some(), "{statistics}");
    let skipped = statistics["ticks_skipped"].as_u64().expect("a number");
    assert!(missing <= 40 * skipped, "{missing} snapshots are missing, and {skipped} ticks were skipped");
}

#[test]
fn a_signal_ends_capacity_and_every_process_that_it_started() {
    let _beside = beside();
    let mut process = Command::new(env!("CARGO_BIN_EXE_tickcast"))
        .args(["capacity", "--from", "4", "--to", "4", "--warmup", "1h"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let deadline = now() + Duration::from_secs(30);
    let started = loop {
        let children = children_of(process.id());
        if children.len() == 2 {
            break children;
        }
        assert!(now() < deadline, "a server and bots are started: {children:?}");
        std::thread::yield_now();
    };
    let sent = Command::new("kill").args(["-INT", &process.id().to_string()]).status();
    assert!(sent.expect("kill is there").success());
    assert_eq!(process.wait().expect("it ends").code(), Some(1));
    let left: Vec<&u32> =
        started.iter().filter(|id| std::path::Path::new(&format!("/proc/{id}")).exists()).collect();
    assert!(left.is_empty(), "{left:?} of {started:?} are still there");
}

/// The processes whose parent is `parent`: proc(5), the fourth field of `stat`, behind the name in brackets.
fn children_of(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("a table of processes");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        fields.split(' ').nth(1) == Some(&parent.to_string())
    })
    .collect()
}

#[test]
fn what_cannot_be_measured_is_said_before_anything_is() {
    let _beside = beside();
    for (args, told) in [
        (&["--from", "9", "--to", "8"][..], "--from 9 is more than --to 8"),
        (&["--json", "/no/such/folder/file"], "--json /no/such/folder/file: "),
        (&["--from", "1", "--to", "1", "--server-core", "99999"], "--pin 99999: "),
    ] {
        let output = run(&[&["capacity"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        let error = text(&output.stderr);
        assert!(error.starts_with("error: ") && error.contains(told), "{error}");
    }
}
