//! Operators' orders over a real socket in the file system.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use tickcast::config::Config;
use tickcast::game::{Game, REFUSED, Realm, Step, Verdict};
use tickcast::net::{ControlSocket, ControlThread, ORDER_BYTES_MAX};
use tickcast::{ServeError, TickServer};

use crate::crowd::alone;
use crate::served::{Served, run, text};

/// Says what it is told, with the tick before it.
struct Parrot;

impl Game for Parrot {
    fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        Verdict::Accept
    }

    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        match order {
            "panic" => panic!("on purpose"),
            "much" => "no end\n".repeat(100_000),
            _ => format!("{} {order}", realm.tick().0),
        }
    }
}

/// A server that takes orders at `path`.
fn controlled(path: &Path) -> (TickServer, ControlThread) {
    let server =
        TickServer::bind_game("127.0.0.1:0".parse().expect("good"), Config::default(), Box::new(Parrot));
    let server = server.expect("it starts");
    let socket = ControlSocket::bind(path).expect("nothing is there");
    let control = ControlThread::start(socket, server.orders()).expect("it starts");
    (server, control)
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    stream
}

/// What comes back until the server closes.
fn answer(mut stream: UnixStream) -> String {
    let mut bytes = Vec::new();
    let _closed_or_reset = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).expect("text")
}

fn ask(path: &Path, said: &[u8]) -> String {
    let mut stream = connect(path);
    stream.write_all(said).expect("said");
    answer(stream)
}

#[test]
fn an_order_is_answered_by_the_game_in_a_tick() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("control");
    let (server, control) = controlled(&path);
    let told = runtime.block_on(server.order("by library".into())).expect("it runs");
    let tick: u64 = told.strip_suffix(" by library").expect("the parrot's").parse().expect("a number");
    let told = ask(&path, b"by socket\nand more\n");
    let later: u64 = told.strip_suffix(" by socket\n").expect("the parrot's").parse().expect("a number");
    assert!(later >= tick, "{later} and {tick}");
    let output = run(&["order", "--control", path.to_str().expect("text"), "by", "command", "--all"]);
    assert!(output.status.success() && text(&output.stdout).ends_with(" by command --all\n"), "{output:?}");

    assert!(ask(&path, b"panic\n").starts_with(REFUSED));
    let mut watch = server.watch();
    let panicked = watch.wait_for(|status| status.report.totals.hook_panics == 1);
    drop(runtime.block_on(panicked).expect("it runs"));
    let much = ask(&path, b"much\n");
    assert!(
        much.starts_with("no end no end") && much.len() == 65_536 && much.ends_with('\n'),
        "{}",
        much.len()
    );

    let orders = server.orders();
    drop(control);
    assert!(!path.exists());
    runtime.block_on(server.run_until(async {})).expect("it stops in order");
    assert!(matches!(runtime.block_on(orders.give("late".into())), Err(ServeError::Ended)));
}

#[test]
fn who_says_too_much_nothing_or_no_text_costs_nobody_else_anything() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("control");
    let (_server, _control) = controlled(&path);
    let longest = [&vec![b'x'; ORDER_BYTES_MAX][..], b"\n"].concat();
    assert!(ask(&path, &longest).ends_with("xx\n"), "as long as may be");
    for said in [&b"\n"[..], b"  \r\n", b"\xff\xfe\n", &vec![b'x'; ORDER_BYTES_MAX + 1]] {
        assert!(ask(&path, said).starts_with(REFUSED), "{said:?}");
    }
    let mut endless = connect(&path);
    let error = loop {
        if let Err(error) = endless.write_all(&[b'x'; 4_096]) {
            break error;
        }
    };
    assert!(
        error.kind() == std::io::ErrorKind::BrokenPipe || error.kind() == std::io::ErrorKind::ConnectionReset
    );

    // More than may be at once: the eldest go, and who comes last is answered.
    let silent: Vec<UnixStream> = (0..100).map(|_| connect(&path)).collect();
    assert!(ask(&path, b"hello\n").ends_with(" hello\n"));
    let mut silent = silent.into_iter();
    assert_eq!(answer(silent.next().expect("a hundred")), "", "it has gone without a word");
    let last = answer(silent.next_back().expect("a hundred"));
    assert!(last.starts_with(REFUSED), "it is told that it says nothing: {last:?}");
}

#[test]
fn the_binary_takes_orders_at_a_socket_that_others_cannot_open_and_removes_it() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("control");
    let at = path.to_str().expect("text");
    let mut killed = Served::start(&["--control", at]);
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let output = run(&["order", "--control", at, "fly"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), "error: unknown order\n".into()));
    let too_long = run(&["order", "--control", at, &"x".repeat(2 * ORDER_BYTES_MAX)]);
    assert_eq!(text(&too_long.stderr), format!("error: an order has {ORDER_BYTES_MAX} bytes at the most\n"));
    let second = run(&["serve", "--bind", "127.0.0.1:0", "--control", at]);
    assert!(text(&second.stderr).contains("another server takes orders there"), "{}", text(&second.stderr));
    assert_eq!(run(&["order", "--control", at, "fly"]).status.code(), Some(1), "and the first still does");

    killed.process.kill().expect("it runs");
    killed.process.wait().expect("it has ended");
    assert!(path.exists(), "it could not clean up");
    let output = run(&["order", "--control", at, "fly"]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("--control"), "{output:?}");
    let mut served = Served::start(&["--control", at]);
    assert_eq!(text(&run(&["order", "--control", at, "fly"]).stderr), "error: unknown order\n");
    served.signal("-INT");
    assert!(served.process.wait().expect("it ends").success());
    assert!(!path.exists());
    assert!(!served.rest_of_log().contains("\"ERROR\""));
}

#[test]
fn what_is_no_socket_is_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("letter");
    std::fs::write(&file, "dear").expect("written");
    let error = ControlSocket::bind(&file).expect_err("it is something else").to_string();
    assert!(error.contains("something else"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "dear");

    // Whoever has put something else into its place keeps that.
    let path = dir.path().join("control");
    let socket = ControlSocket::bind(&path).expect("nothing is there");
    std::fs::remove_file(&path).expect("removed");
    let _other = UnixListener::bind(&path).expect("nothing is there");
    drop(socket);
    assert!(path.exists());
    assert!(ControlSocket::bind(&path).is_err(), "somebody listens");
}
