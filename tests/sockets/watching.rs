//! The server, watched over HTTP.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use tickcast::gate::DropReason;
use tickcast::{Config, HttpThread, TickServer};

use crate::crowd::{Crowd, alone, beside, server};
use crate::exposition::Exposition;
use crate::http::{ask, connect, get, request};
use crate::served::{Served, run, text};

/// A server that is watched, where it answers, and who answers.
fn watched(config: Config) -> (TickServer, SocketAddr, HttpThread) {
    let server = server(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let http = HttpThread::start(listener, server.observer()).expect("it starts");
    (server, http.local_addr(), http)
}

fn metrics(at: SocketAddr) -> Exposition {
    let answer = get(at, "/metrics");
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").expect("a type");
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    Exposition::read(&answer.body)
}

#[test]
fn four_pages_answer_who_reads_and_nothing_else_does() {
    let _beside = beside();
    let (server, at, _http) = watched(Config::default());
    let mut crowd = Crowd::join(1, server.local_addr());
    crowd.pump_until("a tick is done", |_| get(at, "/ready").status == 200);
    for path in ["/live", "/ready", "/metrics", "/peers"] {
        assert_eq!(get(at, path).status, 200, "{path}");
        let head = request(at, "HEAD", path);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        let posted = request(at, "POST", path);
        assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")), "{path}");
    }
    for path in ["/", "/metrics/", "/Live", "/peers/7", "/../metrics"] {
        assert_eq!(get(at, path).status, 404, "{path}");
    }
    assert_eq!(get(at, "/peers?limit=0").status, 400);
    assert_eq!(get(at, "/live").body, "ok\n");
}

#[test]
fn a_page_in_a_browser_reads_nothing_under_a_name_of_its_own() {
    let _beside = beside();
    let (_server, at, _http) = watched(Config::default());
    let status = |target: &str, host: &str| ask(at, &format!("GET {target} HTTP/1.1\r\n{host}\r\n")).status;
    for target in ["/live", "/metrics", "/peers", "/"] {
        assert_eq!(status(target, "Host: evil.example:9464\r\n"), 403, "{target}");
    }
    assert_eq!(status("http://evil.example/peers", &format!("Host: {at}\r\n")), 403);
    for host in ["Host: localhost\r\n", "Host: [::1]:80\r\n", ""] {
        assert_eq!(status("/peers", host), 200, "{host}");
    }
}

#[test]
fn metrics_can_be_read_and_grow_with_what_happens() {
    let _alone = alone();
    let (server, at, _http) = watched(Config::default());
    let before = metrics(at);
    for reason in DropReason::ALL {
        let label = format!("reason=\"{}\"", reason.name());
        assert_eq!(before.labelled("tickcast_dropped_datagrams_total", &label), 0.0);
    }
    assert_eq!(before.value("tickcast_moves_applied_total"), 0.0);
    let mut crowd = Crowd::join(2, server.local_addr());
    crowd.pump_ticks(3);
    crowd.0[0].move_to(3, 4);
    crowd.0[1].socket.send(b"junk").expect("sent");
    crowd.pump_until("both are counted", |_| {
        let now = metrics(at);
        now.value("tickcast_moves_applied_total") == 1.0
            && now.labelled("tickcast_dropped_datagrams_total", "reason=\"length\"") == 1.0
    });
    let after = metrics(at);
    for (name, value) in [
        ("tickcast_joined_total", 2.0),
        ("tickcast_peers", 2.0),
        ("tickcast_players", 1.0),
        ("tickcast_tick_rate_hertz", 30.0),
        ("tickcast_acknowledgement_age_ticks_count", 1.0),
        ("tickcast_kernel_dropped_datagrams_total", 0.0),
        ("tickcast_queue_capacity_commands", 32_768.0),
    ] {
        assert_eq!(after.value(name), value, "{name}");
    }
    let ticks = after.value("tickcast_ticks_total");
    assert!(ticks > before.value("tickcast_ticks_total"));
    for histogram in ["tickcast_tick_duration_seconds", "tickcast_tick_lateness_seconds"] {
        assert!(after.value(&format!("{histogram}_count")) >= ticks, "one of every tick");
        assert!(after.value(&format!("{histogram}_sum")) > 0.0);
    }
    for counted in ["received_datagrams", "received_bytes", "sent_datagrams", "made_bytes", "snapshots"] {
        assert!(after.value(&format!("tickcast_{counted}_total")) > 0.0, "{counted}");
    }
    assert!(after.value("process_resident_memory_bytes") > 1e6);
}

#[test]
fn the_readme_lists_every_metric_with_what_it_means() {
    let _beside = beside();
    let (_server, at, _http) = watched(Config::default());
    let mut rows: Vec<String> = metrics(at).0.values().map(row).collect();
    rows.sort_unstable();
    let readme = include_str!("../../README.md");
    let is_metric = |line: &&str| line.starts_with("| `tickcast_") || line.starts_with("| `process_");
    let mut told: Vec<&str> = readme.lines().filter(is_metric).collect();
    told.sort_unstable();
    assert_eq!(told, rows, "README should have these rows:\n{}", rows.join("\n"));
}

fn row(family: &crate::exposition::Family) -> String {
    let suffix = match family.kind.as_str() {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    };
    format!("| `{}{suffix}` | {} | {} |", family.name, family.kind, family.help.trim_end_matches('.'))
}

#[test]
fn peers_are_told_a_page_at_a_time_and_never_their_sessions() {
    let _beside = beside();
    let (server, at, _http) = watched(Config::default());
    let mut crowd = Crowd::join(5, server.local_addr());
    crowd.pump_ticks(2);
    crowd.0[3].move_to(1, 2);
    crowd.pump_until("the move is known", |crowd| crowd.0[0].sees(3).is_some());
    let page = |query: &str| -> Value {
        let body = get(at, &format!("/peers{query}")).body;
        for player in &crowd.0 {
            let session = player.client.welcome().expect("it plays").session;
            assert!(
                !body.contains(&format!("{session}")) && !body.contains(&format!("{session:x}")),
                "{body}"
            );
        }
        serde_json::from_str(&body).expect("JSON")
    };
    let ids = |page: &Value| -> Vec<u64> {
        page["peers"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|peer| peer["client_id"].as_u64())
            .collect()
    };
    let all = page("");
    assert_eq!((ids(&all), &all["next_after"]), (vec![0, 1, 2, 3, 4], &Value::Null));
    let mover = &all["peers"][3];
    assert_eq!(mover["address"], crowd.0[3].socket.local_addr().expect("bound").to_string());
    assert_eq!((&mover["encoding"], &mover["newest_move"]), (&Value::from("compact"), &Value::from(1)));
    assert!(
        mover["silent_seconds"].as_f64() < Some(30.0) && mover["acknowledged_age_ticks"].is_u64(),
        "{mover}"
    );
    let first = page("?limit=2");
    assert_eq!((ids(&first), &first["next_after"]), (vec![0, 1], &Value::from(1)));
    let last = page("?limit=2&after=3");
    assert_eq!((ids(&last), &last["next_after"]), (vec![4], &Value::Null));
}

#[test]
fn a_server_that_stops_is_not_ready_and_then_not_live() {
    let _beside = beside();
    let (server, at, _http) = watched(Config::default());
    let mut crowd = Crowd::join(1, server.local_addr());
    crowd.pump_until("it is ready", |_| get(at, "/ready").status == 200);
    drop(server);
    let ready = get(at, "/ready");
    assert_eq!(ready.status, 503);
    assert!(
        ready.body == "it is shutting down\n" || ready.body == "the tick thread has ended\n",
        "{ready:?}"
    );
    crowd.pump_until("it has ended", |_| get(at, "/live").status == 503);
    assert_eq!(metrics(at).value("tickcast_joined_total"), 1.0, "the last numbers stay");
}

#[test]
fn readers_who_dawdle_keep_nobody_out() {
    let _beside = beside();
    let (_server, at, _http) = watched(Config::default());
    let mut dawdlers: Vec<_> = (0..40).map(|_| connect(at)).collect();
    for dawdler in &mut dawdlers {
        // Those that came first may be closed already.
        let _sent_or_closed = dawdler.write_all(b"GET /metrics HTTP/1.1\r\nHost: ");
        assert_eq!(get(at, "/live").status, 200);
    }
    let mut rest = Vec::new();
    let _closed_or_reset = dawdlers[39].read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "whoever does not ask is not answered");
}

#[test]
fn what_is_too_long_is_refused() {
    let _beside = beside();
    let (_server, at, _http) = watched(Config::default());
    let long = format!("/live?{}", "a".repeat(20_000));
    let mut stream = connect(at);
    let _sent_or_closed = stream.write_all(format!("GET {long} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    let mut answer = Vec::new();
    let _answered_or_reset = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", text(&answer));
    assert_eq!(get(at, "/live").status, 200);
}

#[test]
fn who_reads_without_a_pause_takes_no_tick_and_no_snapshot() {
    let _alone = alone();
    let (server, at, _http) = watched(Config::default());
    let mut crowd = Crowd::join(40, server.local_addr());
    let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = metrics(at);
    std::thread::scope(|scope| {
        for path in ["/metrics", "/peers"] {
            let (stop, answers) = (&stop, &answers);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(get(at, path).status, 200);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..15 {
            crowd.0.iter_mut().enumerate().for_each(|(id, player)| player.move_to(id as i32, round));
            crowd.pump_ticks(3);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let after = metrics(at);
    let grown = |name: &str| after.value(name) - before.value(name);
    let ticks = grown("tickcast_ticks_total");
    assert!(answers.load(Ordering::Relaxed) as f64 > ticks, "more answers than ticks");
    // A busy machine takes a tick now and then from anyone.
    let lost = grown("tickcast_ticks_skipped_total") + grown("tickcast_ticks_overrun_total");
    assert!(lost <= ticks / 10.0, "{lost} of {ticks}");
    crowd.assert_no_snapshot_is_missing_or_double();
}

#[test]
fn the_binary_answers_where_it_says_and_only_if_asked() {
    let _beside = beside();
    let mut served = Served::start(&["--http", "127.0.0.1:0"]);
    let at: SocketAddr = served.next_addr().parse().expect("an address");
    let mut crowd = Crowd::join(1, served.addr.parse().expect("an address"));
    crowd.pump_until("it is ready, and one has joined", |_| {
        get(at, "/ready").status == 200 && metrics(at).value("tickcast_joined_total") == 1.0
    });
    served.signal("-TERM");
    assert!(served.process.wait().expect("it ends").success());
    drop(crowd);

    let mut open = Served::start(&["--http", "0.0.0.0:0"]);
    assert!(open.next_line("there is no authentication").contains("WARN"), "whoever opens it is warned");

    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("bound").to_string();
    let output = run(&["serve", "--bind", "127.0.0.1:0", "--http", &addr]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains(&format!("cannot listen on --http {addr}: ")), "{told}");
}
