//! What a machine holds, at the size of a toy, and the floor that it is held against.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::crowd::{beside, now};
use crate::served::{Served, run, text};

#[test]
fn capacity_measures_each_step_against_the_floor_and_says_all_of_it() {
    let _beside = beside();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path of text").to_owned();
    let (json, svg, page) = (path("capacity.json"), path("capacity.svg"), path("capacity.md"));
    let line = ["capacity", "--from", "8", "--to", "16", "--duration", "1s", "--warmup", "200ms"];
    let files = ["--json", &json, "--svg", &svg, "--table", &page];
    let output = run(&[&line[..], &["--floor", "--runs", "1"], &files].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = std::fs::read_to_string(&json).expect("the file is there");
    let report: Value = serde_json::from_str(&told).expect("one object");
    let search = &report["rates"][0];
    assert_eq!((&report["runs"], &search["rate_hz"]), (&Value::from(1), &Value::from(30.0)));
    assert_eq!(&report["unfinished"], &Value::Null);
    let steps = search["steps"].as_array().expect("what was tried");
    // Whether this machine holds so few now is not for a test to say: then it tries fewer.
    assert!(steps.iter().any(|step| step["clients"] == 8), "{told}");
    let mut holding = steps.iter().filter(|step| step["verdict"] == "holds").map(|step| &step["clients"]);
    assert_eq!(holding.next_back().unwrap_or(&Value::Null), &search["holds"]);
    for step in steps.iter().filter(|step| step["verdict"] == "holds") {
        assert_eq!(
            (&step["joined"], &step["clients_decoded"]),
            (&step["clients"], &step["clients"]),
            "{step}"
        );
        assert!(
            ["moves_skipped", "moves_lost", "lost_at_server"].iter().all(|key| step[key].is_number()),
            "{step}"
        );
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
    let page = std::fs::read_to_string(&page).expect("the file is there");
    assert!(page.starts_with("| Hz | clients |") && page.lines().count() == 3, "{page}");
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
    for (signal, code) in [("-INT", Some(1)), ("-HUP", Some(1)), ("-KILL", None)] {
        let mut process = capacity(&["--from", "4", "--to", "4", "--warmup", "1h"]);
        let started = until("a server and bots are started", || {
            let children = children_of(process.id());
            (children.len() == 2).then_some(children)
        });
        kill(signal, process.id());
        assert_eq!(process.wait().expect("it ends").code(), code, "{signal}");
        let runs = |id: &&u32| state_of(**id).is_some_and(|state| state != "Z");
        until("they have ended too", || started.iter().find(runs).is_none().then_some(()));
    }
}

/// A measurement with its table in a pipe. Where the tests run under `nohup`, it hears of hangups all the same.
fn capacity(args: &[&str]) -> Child {
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_tickcast"), "capacity"]).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts")
}

fn kill(signal: &str, id: u32) {
    let sent = Command::new("kill").args([signal, &id.to_string()]).status();
    assert!(sent.expect("kill is there").success());
}

/// Looks until something is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_leaves_what_has_been_measured() {
    let _beside = beside();
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("capacity.json");
    std::fs::write(&json, "of another day").expect("written");
    let path = json.to_str().expect("a path of text");
    let few = ["--from", "1", "--to", "1", "--warmup", "0s", "--json", path];
    let mut process = capacity(&[&few[..], &["--duration", "1h"]].concat());
    until("a server and bots are started", || (children_of(process.id()).len() == 2).then_some(()));
    kill("-INT", process.id());
    assert_eq!(process.wait().expect("it ends").code(), Some(1));
    assert_eq!(std::fs::read_to_string(&json).expect("there"), "of another day", "nothing new is known");
    let mut process = capacity(&[&few[..], &["--rates", "30,31,32,33,34,35", "--duration", "1s"]].concat());
    let table = BufReader::new(process.stdout.take().expect("piped"));
    let first = table.lines().map_while(Result::ok).nth(2).expect("two lines of headings and a row");
    kill("-INT", process.id());
    assert_eq!(process.wait().expect("it ends").code(), Some(1));
    let report: Value = serde_json::from_slice(&std::fs::read(&json).expect("there")).expect("one object");
    assert_eq!(&report["unfinished"], "stopped before it was done");
    assert!(first.contains(" 30 ") && report["rates"][0]["rate_hz"] == 30.0, "{first} {report}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing lies beside it");
}

#[test]
fn figures_are_written_also_where_nobody_reads_the_table() {
    let _beside = beside();
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("capacity.json");
    let path = json.to_str().expect("a path of text");
    let line = ["--from", "1", "--to", "1", "--duration", "100ms", "--warmup", "0s", "--json", path];
    let mut process = capacity(&line);
    drop(process.stdout.take());
    process.wait().expect("it ends");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).expect("there")).expect("one object");
    assert!(report["unfinished"].is_null() && report["rates"][0]["steps"][0]["clients"] == 1, "{report}");
}

#[test]
fn a_run_that_fails_is_no_finding() {
    let _beside = beside();
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("capacity.json");
    std::fs::write(&json, "of another day").expect("written");
    let program = env!("CARGO_BIN_EXE_tickcast");
    let line =
        format!("ulimit -n 100; exec '{program}' capacity --from 200 --to 200 --json '{}'", json.display());
    let output = Command::new("sh").args(["-c", &line]).output().expect("a shell is there");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let last = text(&output.stderr).lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("error: `bots` ended: ") && last.contains("open files"), "{last}");
    assert!(text(&output.stdout).ends_with("30 Hz holds: none of those tried (not all was tried)\n"));
    assert_eq!(std::fs::read_to_string(&json).expect("there"), "of another day", "nothing new is known");
}

#[test]
fn tickets_may_be_for_a_server_of_another_name() {
    let _beside = beside();
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    let key = key.to_str().expect("a path of text");
    assert!(run(&["key", "--out", key]).status.success());
    let line = ["capacity", "--from", "1", "--to", "1", "--duration", "100ms", "--warmup", "0s"];
    let output = run(&[&line[..], &["--ticket-key", key, "--", "--ticket-server", "arena"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_floor_says_where_it_cannot_listen_and_how_much_it_sends() {
    let _beside = beside();
    let mut served = Served::start_as(&["floor", "--port", "0", "--datagram-bytes", "51"], &[]);
    assert!(served.said.contains("\"datagram_bytes\":48"), "{}", served.said);
    let port = served.addr.rsplit(':').next().expect("a port").to_owned();
    let output = run(&["floor", "--port", &port]);
    let told = format!("error: cannot listen on --port {port}: ");
    assert!(text(&output.stderr).contains(&told), "{}", text(&output.stderr));
    served.signal("-TERM");
    assert!(served.process.wait().expect("it ends").success());
}

/// How a process is: proc(5), the third field of `stat`. `None` where there is none.
fn state_of(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').next().map(Into::into)
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
        (&["--json", "x", "--svg", "./x"], "--json and --svg are the same file"),
        (
            &["--from", "1", "--to", "1", "--duration", "100ms", "--warmup", "0s", "--json", "/dev/full"],
            "--json /dev/full: ",
        ),
        (&["--from", "1", "--to", "1", "--server-core", "99999"], "--pin 99999: "),
    ] {
        let output = run(&[&["capacity"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        let error = text(&output.stderr);
        assert!(error.starts_with("error: ") && error.contains(told), "{error}");
    }
}
