//! Keys and tickets on the command line, and a server that wants them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::crowd::{beside, now};
use crate::script::python;
use crate::served::{Served, run, text};

/// A folder with a file of keys, and another.
fn folder() -> (TempDir, String, String) {
    let folder = TempDir::new().expect("a folder");
    let [one, two] = ["one", "two"].map(|name| {
        let path = folder.path().join(name).display().to_string();
        let output = run(&["key", "--out", &path]);
        assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stderr));
        path
    });
    (folder, one, two)
}

/// Makes a pass for client id 7, in a file of its own.
fn pass(folder: &Path, keys: &str, args: &[&str]) -> String {
    let output = run(&[&["ticket", "--ticket-key", keys, "--client-id", "7"], args].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let path = folder.join("pass").display().to_string();
    fs::write(&path, &output.stdout).expect("written");
    path
}

/// What `send` says with a pass: nothing if it plays.
fn sent(addr: &str, pass: &str) -> String {
    text(&run(&["send", "--server", addr, "--ticket", pass, "--x", "3", "--y", "4"]).stderr)
}

/// Asks again until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let asked = now();
    while !is_so() {
        assert!(asked.elapsed().as_secs() < 30, "{what}");
    }
}

#[test]
fn who_has_a_ticket_plays_and_nobody_else() {
    let _beside = beside();
    let (folder, one, two) = folder();
    let served = Served::start(&["--ticket-key", &one]);
    let sent = |keys: &str, args: &[&str]| sent(&served.addr, &pass(folder.path(), keys, args));
    assert_eq!(sent(&one, &[]), "");
    let ends_now = pass(folder.path(), &one, &["--expires", "0s"]);
    until("the ticket has expired, by the time the server last read", || {
        self::sent(&served.addr, &ends_now) == "error: refused: the ticket has expired\n"
    });
    assert_eq!(sent(&one, &["--ticket-server", "x"]), "error: refused: the ticket is for another server\n");
    assert_eq!(sent(&two, &[]), "error: refused: none of the server's keys opens the ticket\n");
    let output = run(&["send", "--server", &served.addr, "--client-id", "7", "--x", "3", "--y", "4"]);
    assert_eq!(text(&output.stderr), "error: refused: the server wants a ticket\n");
    let bots = ["bots", "--server", &served.addr, "--clients", "5", "--duration", "100ms", "--warmup", "0s"];
    let asked = now();
    assert!(!run(&bots).status.success());
    assert!(asked.elapsed().as_secs() < 8, "who is refused for good does not wait to be let in");
    let output = run(&[&bots[..], &["--ticket-key", &one]].concat());
    assert!(text(&output.stdout).contains("5 of 5 (100 %)"), "{}", text(&output.stderr));
}

#[test]
fn keys_are_read_again_at_a_hangup() {
    let _beside = beside();
    let (folder, one, two) = folder();
    let served = Served::start(&["--ticket-key", &one]);
    let new = pass(folder.path(), &two, &[]);
    assert!(sent(&served.addr, &new).contains("none of the server's keys"));
    fs::write(&one, "no key").expect("written");
    served.signal("-HUP");
    fs::copy(&two, &one).expect("copied");
    served.signal("-HUP");
    until("the new key is good", || sent(&served.addr, &new).is_empty());
}

/// What `scripts/test_sealed.py` checks. It is skipped where its package is missing; that is a failure where CI=true.
#[test]
fn clients_in_python_play_with_passes_of_their_own_making() {
    let _beside = beside();
    let (_folder, one, _) = folder();
    let served = Served::start(&["--ticket-key", &one]);
    let Some(output) = python("test_sealed.py", &["-v", &one, &served.addr]) else { return };
    let said = text(&output.stderr);
    if said.contains("needs the package cryptography") && std::env::var("CI").as_deref() != Ok("true") {
        return eprintln!("skipped: {said}");
    }
    assert!(output.status.success() && !said.contains("skipped"), "{said}");
}

#[test]
fn keys_and_passes_are_written_for_their_owner_alone_and_never_over_another() {
    let (folder, keys, _) = folder();
    let ticket = ["ticket", "--ticket-key", &keys, "--client-id", "7"];
    let pass = folder.path().join("of 7").display().to_string();
    assert!(run(&[&ticket[..], &["--out", &pass]].concat()).status.success());
    for (command, file, begins) in
        [(&["key"][..], &keys, "tickcast-key-1:"), (&ticket, &pass, "tickcast-pass-1:7:")]
    {
        let before = fs::read_to_string(file).expect("a line");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(file).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{command:?}");
        }
        let again = run(&[command, &["--out", file]].concat());
        assert!(!again.status.success() && text(&again.stderr).contains(&format!("--out {file}: ")));
        assert_eq!(fs::read_to_string(file).expect("a line"), before);
        let printed = text(&run(command).stdout);
        assert!(printed.starts_with(begins) && printed != before && printed.len() == before.len());
    }
}

#[test]
fn a_server_that_others_reach_says_what_its_tickets_do_not_keep_out() {
    let _beside = beside();
    let (_folder, one, _) = folder();
    let serve = |args: &[&str]| Served::start_as(&[&["serve", "--bind", "0.0.0.0:0"], args].concat(), &[]);
    let log = |args: &[&str]| {
        let mut served = serve(args);
        served.signal("-INT");
        assert!(served.process.wait().expect("it ends").success());
        served.rest_of_log()
    };
    let warnings = ["anyone may play as any client id", "is good for every other with the same keys"];
    let warns = |args: &[&str]| {
        let log = log(args);
        warnings.map(|warning| log.contains(warning))
    };
    assert_eq!(warns(&[]), [true, false]);
    assert_eq!(warns(&["--ticket-key", &one]), [false, true]);
    assert_eq!(warns(&["--ticket-key", &one, "--ticket-server", "arena"]), [false, false]);
    fs::set_permissions(&one, fs::Permissions::from_mode(0o640)).expect("it is its own");
    let mut served = serve(&["--ticket-key", &one]);
    served.signal("-HUP");
    served.next_line("others than its owner can read it");
}
