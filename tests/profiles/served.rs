//! Servers with their ticks, sockets and threads, and the real binary, with a service.

use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;
use tickcast::client::Phase;
use tickcast::config::Config;
use tickcast::game::words::{Said, Told};
use tickcast::mail::Delivery;
use tickcast::net::Statistics;

use crate::binary::{Served, run, text};
use crate::crowd::{Crowd, Player, now, server};
use crate::exposition::Exposition;
use crate::http::get;
use crate::service::{Desk, PATIENCE, Request, answer, wait_until_gone};

/// A door before the service's answers: shut, and nothing is answered.
#[derive(Default)]
struct Door(Mutex<bool>, Condvar);

impl Door {
    fn set(&self, is_shut: bool) {
        *self.0.lock().expect("no other has panicked") = is_shut;
        self.1.notify_all();
    }

    fn pass(&self) {
        let is_shut = self.0.lock().expect("no other has panicked");
        drop(self.1.wait_while(is_shut, |is_shut| *is_shut).expect("no other has panicked"));
    }
}

/// Who joins, and plays.
fn join(crowd: &mut Crowd, ids: std::ops::Range<u32>, to: std::net::SocketAddr) {
    crowd.0.extend(ids.map(|id| Player::new(id, to)));
    crowd.pump_until("all play", |crowd| crowd.all(|player| player.client.phase() == Phase::Playing));
}

/// Pumps until each has been told something of the kind.
fn told(crowd: &mut Crowd, is_it: impl Fn(&Told) -> bool) {
    let mut missing: Vec<usize> = (0..crowd.0.len()).collect();
    let deadline = now() + PATIENCE;
    while !missing.is_empty() {
        assert!(now() < deadline, "waited in vain until {missing:?} are told");
        crowd.pump_ticks(1);
        missing.retain(|&place| {
            let client = &mut crowd.0[place].client;
            let mut messages = std::iter::from_fn(|| client.take_message());
            !messages.any(|message| Told::read(&message).is_some_and(|told| is_it(&told)))
        });
    }
}

#[test]
fn as_many_ticks_are_made_before_while_and_after_the_service_answers_nothing() {
    let door = Arc::<Door>::default();
    let passed = Arc::clone(&door);
    let desk = Desk::start(move |_, request, stream| {
        passed.pass();
        let is_board = request.path == "/board";
        answer(stream, 200, if is_board { r#"{"entries": []}"# } else { r#"{"name": "Anna"}"# });
    });
    let (service, tick_rate) = (Some(desk.service(PATIENCE)), "10".parse().expect("a rate"));
    let server = server(Config { service, tick_rate, ..Config::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asker = server.statistics();
    let statistics = || -> Statistics { runtime.block_on(asker.ask()).expect("the server runs") };
    let mut crowd = Crowd(Vec::new());
    join(&mut crowd, 0..5, server.local_addr());
    let named = |told: &Told| matches!(told, Told::Profile { name, .. } if name.as_str() == "Anna");
    told(&mut crowd, named);
    statistics();
    let stretch = |crowd: &mut Crowd, ids| {
        join(crowd, ids, server.local_addr());
        crowd.pump_ticks(15);
        statistics()
    };
    let before = stretch(&mut crowd, 5..10);
    door.set(true);
    let meanwhile = stretch(&mut crowd, 10..30);
    assert!(meanwhile.work_in_flight > 0, "somebody waits for an answer");
    door.set(false);
    let after = stretch(&mut crowd, 30..35);
    for (statistics, joined) in [(&before, 5), (&meanwhile, 20), (&after, 5)] {
        assert_eq!((statistics.ticks_skipped, statistics.joined), (0, joined), "{statistics:?}");
        let in_time = statistics.seconds * 10.0;
        assert!((statistics.ticks as f64 - in_time).abs() < 3.0, "{statistics:?}");
    }
    crowd.0.drain(..10);
    told(&mut crowd, named);
    assert_eq!(statistics().ticks_skipped, 0);
}

/// Asks with the next move, to where it stands.
fn ask(player: &mut Player, said: Said, x: i32) {
    let mut bytes = Vec::new();
    said.write(&mut bytes);
    player.client.send(Delivery::Reliable, &bytes).expect("there is room");
    player.move_to(x, 0);
}

/// A service that knows Anna, and takes reports if it `takes` them.
fn anna(takes: bool) -> (Desk, std::sync::mpsc::Receiver<Request>) {
    let (reporting, reports) = channel();
    let desk = Desk::start(move |_, request, stream| {
        if request.method == "POST" {
            let _test_has_ended = reporting.send(request.clone());
            return answer(stream, if takes { 204 } else { 500 }, "");
        }
        match request.path.as_str() {
            "/players/7" => answer(stream, 200, r#"{"name": "Anna", "distance": 12}"#),
            "/board" => answer(stream, 200, r#"{"entries": [{"client_id": 9, "score": 55}]}"#),
            _ => answer(stream, 404, ""),
        }
    });
    (desk, reports)
}

/// The binary with such a service, and one who has walked 30 units there.
fn walked(desk: &Desk, more: &[&str]) -> (Served, Crowd) {
    let [profiles, board] = ["players", "board"].map(|path| format!("http://{}/{path}", desk.addr));
    let flags =
        ["--profiles-url", &profiles, "--leaderboard-url", &board, "--service-timeout", "2s", "--json"];
    // Nobody is asked through these.
    let proxies =
        ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:9"));
    let served = Served::start_with(&[&flags, more].concat(), &proxies);
    let mut crowd = Crowd(Vec::new());
    join(&mut crowd, 7..8, served.addr.parse().expect("an address"));
    told(
        &mut crowd,
        |told| matches!(told, Told::Profile { name, totals } if name.as_str() == "Anna" && totals.distance == 12),
    );
    join(&mut crowd, 8..9, served.addr.parse().expect("an address"));
    crowd.0[0].move_to(0, 0);
    crowd.pump_ticks(2);
    crowd.0[0].move_to(30, 0);
    crowd.pump_until("it stands there", |crowd| crowd.0[1].sees(7) == Some((30, 0)));
    (served, crowd)
}

#[test]
fn the_flags_name_a_service_that_is_asked_and_told() {
    let (desk, reports) = anna(true);
    let (mut served, mut crowd) = walked(&desk, &["--http", "127.0.0.1:0"]);
    let watched = served.next_addr().parse().expect("an address");
    let value = |name: &str| Exposition::read(&get(watched, "/metrics").body).value(name);
    assert!(
        value("tickcast_service_attempts_total") >= 3.0 && value("tickcast_service_failures_total") == 0.0
    );
    assert_eq!(value("tickcast_scores_lost_total") + value("tickcast_players_forgotten_total"), 0.0);
    crowd.0.truncate(1);
    while crowd.0[0].client.take_message().is_some() {}
    ask(&mut crowd.0[0], Said::Board, 30);
    told(&mut crowd, |told| matches!(told, Told::Board { entries, .. } if entries[0].score == 55));
    // What it has done since the last look comes when the server stops.
    let last = served.ended();
    let far = |report: &Request| {
        let report: Value = serde_json::from_str(&report.body).expect("a report");
        report["scores"][0]["distance"].as_u64() == Some(30)
    };
    assert!(reports.try_iter().any(|report| far(&report)), "{last}");
    assert_eq!((&last["scores_waiting"], &last["scores_lost"]), (&Value::from(0), &Value::from(0)));
    assert!(last["service_attempts"].as_u64() >= Some(3), "{last}");
}

#[test]
fn what_the_service_has_not_taken_at_the_stop_is_told() {
    let (desk, reports) = anna(false);
    let (served, _crowd) = walked(&desk, &[]);
    let last = served.ended();
    assert_eq!((&last["scores_waiting"], &last["scores_delivered"]), (&Value::from(1), &Value::from(0)));
    assert_eq!(last["players"], 1, "who has not moved has no score");
    assert!(reports.try_iter().count() >= 1);
}

#[test]
fn a_service_that_answers_nothing_holds_up_no_stop() {
    let desk = Desk::start(|_, request, stream| match request.method.as_str() {
        "GET" => answer(stream, 404, ""),
        _ => wait_until_gone(stream),
    });
    let server = server(Config { service: Some(desk.service(PATIENCE)), ..Config::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut crowd = Crowd(Vec::new());
    join(&mut crowd, 7..9, server.local_addr());
    crowd.0[0].move_to(0, 0);
    crowd.pump_ticks(2);
    crowd.0[0].move_to(30, 0);
    crowd.pump_until("it stands there", |crowd| crowd.0[1].sees(7) == Some((30, 0)));
    let began = now();
    let status = runtime.block_on(server.run_until(async {})).expect("it stops in order");
    let scores = status.service.expect("there is one").scores;
    assert_eq!((scores.waiting, scores.delivered), (1, 0));
    assert!(began.elapsed() < PATIENCE / 2, "not as long as the service lets it wait");
}

#[test]
fn a_password_in_an_address_that_is_none_is_not_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = |args: &[&str]| {
        let output = run(&[&["serve"], args].concat());
        let said = text(&output.stderr) + &text(&output.stdout);
        assert!(!output.status.success() && !said.contains("hush"), "{said}");
        said
    };
    for flag in ["--profiles-url", "--leaderboard-url"] {
        for url in
            ["http://anna:hush@ho st/", "ftp://anna:hush@host/", "anna:hush@host", "http://anna:hush@host/#a"]
        {
            assert!(said(&[flag, url]).contains(flag), "{url}");
            let file = folder.path().join("settings.toml");
            let path = file.to_str().expect("text");
            for line in [format!("= \"{url}\""), format!("= \"{url}"), format!("= [\"{url}\"]")] {
                let key = flag.trim_start_matches('-');
                std::fs::write(&file, format!("tick-rate = 30\n{key} {line}\n")).expect("a file");
                assert!(said(&["--config", path]).contains(key), "{line}");
            }
        }
    }
}

#[test]
fn what_players_have_done_survives_a_server_that_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("text");
    let start = || Served::start(&["--data", data, "--spawn", "0,0"]);
    let far = |told: &Told| matches!(told, Told::Profile { totals, .. } if totals.distance == 100);
    let served = start();
    let mut crowd = Crowd(Vec::new());
    join(&mut crowd, 7..8, served.addr.parse().expect("an address"));
    for x in 1..=10 {
        crowd.0[0].move_to(10 * x, 0);
        crowd.pump_ticks(1);
    }
    ask(&mut crowd.0[0], Said::Who(7), 100);
    told(&mut crowd, far);
    // Everything is on disk two seconds later.
    crowd.pump_ticks(90);
    // Without a word to it.
    drop(served);
    let served = start();
    let mut crowd = Crowd(Vec::new());
    join(&mut crowd, 7..8, served.addr.parse().expect("an address"));
    told(&mut crowd, far);
}
