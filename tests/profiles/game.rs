//! The standard game with a service: what its players are told, and what the service is.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tickcast::config::Config;
use tickcast::game::words::{Said, Told};
use tickcast::level::Level;
use tickcast::profiles::{Name, Scores, Totals};
use tickcast::wire::Position;

use crate::maps;
use crate::play::Play;
use crate::service::{Desk, PATIENCE, answer, wait_until_gone};

fn is_anna(told: &Told) -> bool {
    matches!(told, Told::Profile { name, totals } if name.as_str() == "Anna" && totals.distance == 12)
}

const ANNA: &str = r#"{"name": "Anna", "start": {"x": 300, "y": -400}, "distance": 12}"#;
const BOARD: &str =
    r#"{"entries": [{"client_id": 9, "name": "Bo", "score": 55}, {"client_id": 7, "score": 12}]}"#;

#[test]
fn one_plays_at_once_and_the_profile_comes_when_it_does() {
    let (let_go, may_go) = channel::<()>();
    let (may_go, done) = (Mutex::new(may_go), Arc::new(Mutex::new(false)));
    let desk = Desk::start(move |_, request, stream| {
        let mut is_open = done.lock().expect("no other has panicked");
        if !*is_open {
            let _opened = may_go.lock().expect("no other has panicked").recv();
            *is_open = true;
        }
        drop(is_open);
        answer(stream, 200, if request.path == "/board" { BOARD } else { ANNA });
    });
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    // Both are on their way before either is answered.
    let mut paths = [desk.next().path, desk.next().path];
    paths.sort();
    assert_eq!(paths, ["/board", "/players/7"]);
    let before = play.ticks;
    (1..=200).for_each(|_| play.step());
    assert_eq!(
        (play.ticks - before, play.seats[0].told.len()),
        (200, 0),
        "ticks go on, and nothing is told yet"
    );
    drop(let_go);
    play.until("the profile comes", |play| play.has_been_told(is_anna));
    play.until("and the leaderboard", |play| play.has_been_told(|told| matches!(told, Told::Board { .. })));
    let board = play.seats[0].told.iter().find_map(|told| match told {
        Told::Board { first: 0, places: 2, entries } => Some(entries.clone()),
        _ => None,
    });
    let board = board.expect("all of it");
    assert_eq!((board[0].name.as_str(), board[0].score, board[1].client_id), ("Bo", 55, 7));
    assert_eq!(
        play.place(),
        Some(Position { x: 300, y: -400 }),
        "who had not moved is put where the profile says"
    );
}

#[test]
fn who_has_moved_is_not_put_elsewhere_by_a_late_profile() {
    let (let_go, may_go) = channel::<()>();
    let may_go = Mutex::new(may_go);
    let desk = Desk::start(move |_, _, stream| {
        let _opened = may_go.lock().expect("no other has panicked").recv();
        answer(stream, 200, ANNA);
    });
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    play.move_to(5, 5);
    drop(let_go);
    play.until("the profile comes", |play| play.has_been_told(is_anna));
    assert_eq!(play.place(), Some(Position { x: 5, y: 5 }));
}

#[test]
fn who_leaves_and_comes_back_at_once_is_told_its_profile_all_the_same() {
    let asked = Mutex::new(0);
    let desk = Desk::start(move |_, request, stream| {
        let mut asked = asked.lock().expect("no other has panicked");
        *asked += usize::from(request.path == "/players/7");
        let is_first = *asked == 1;
        drop(asked);
        // Nobody waits for the first answer any more.
        if is_first { wait_until_gone(stream) } else { answer(stream, 200, ANNA) }
    });
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    while desk.next().path != "/players/7" {}
    play.leave();
    let now = play.now;
    play.seats[0].client.rejoin(now);
    play.join();
    play.until("the profile comes", |play| play.has_been_told(is_anna));
}

#[test]
fn a_service_that_answers_nothing_costs_no_tick_and_the_player_plays_on() {
    let desk = Desk::start(|_, _, stream| wait_until_gone(stream));
    let mut play = Play::new(Some(desk.service(Duration::from_millis(100))));
    play.join();
    (1..=100).for_each(|x| play.move_to(x, 0));
    play.until("it is told what is known here", |play| {
        play.has_been_told(|told| matches!(told, Told::Profile { name, .. } if name.is_empty()))
    });
    assert_eq!(play.place().map(|at| at.x), Some(100));
}

#[test]
fn scores_are_reported_until_they_are_taken() {
    let taken = Arc::new(Mutex::new(Vec::<Value>::new()));
    let (notes, refused) = (Arc::clone(&taken), 5);
    let posts = Mutex::new(0);
    let desk = Desk::start(move |_, request, stream| {
        if request.method == "GET" {
            return answer(stream, 404, "");
        }
        let mut posts = posts.lock().expect("no other has panicked");
        *posts += 1;
        if *posts <= refused {
            return answer(stream, 500, "down");
        }
        notes
            .lock()
            .expect("no other has panicked")
            .push(serde_json::from_str(&request.body).expect("a report"));
        answer(stream, 204, "");
    });
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    (0..=40).for_each(|x| play.move_to(x * 10, 0));
    let all = move |_: &Play| {
        let taken = taken.lock().expect("no other has panicked");
        taken.last().is_some_and(|report| report["scores"][0]["distance"] == 400)
    };
    play.until("all of it is taken", all);
}

#[test]
fn a_server_that_stops_reports_once_more_what_failed_before() {
    for is_back in [true, false] {
        let is_up = Arc::<AtomicBool>::default();
        let up = Arc::clone(&is_up);
        let desk = Desk::start(move |_, request, stream| match request.method.as_str() {
            "GET" => answer(stream, 404, ""),
            _ => answer(stream, if up.load(Ordering::Relaxed) { 204 } else { 500 }, ""),
        });
        let service = desk.service(PATIENCE);
        let mut play = Play::new(Some(service.clone()));
        play.join();
        // The leaderboard is one; the other is a report.
        play.move_to(0, 0);
        play.move_to(10, 0);
        play.until("a report has failed", |_| service.asked().failures >= 2);
        play.move_to(50, 0);
        is_up.store(is_back, Ordering::Relaxed);
        play.stop();
        let Scores { waiting, delivered, lost, .. } = service.status().scores;
        assert_eq!((waiting, delivered, lost), (u64::from(!is_back), u64::from(is_back), 0));
    }
}

#[test]
fn with_a_store_alone_names_and_deeds_are_kept_here() {
    let mut play = Play::new(None);
    play.server.remember([]);
    play.server.remember_profiles(Vec::new(), 1);
    play.join();
    let zoe = Name::new("Zoë").expect("a name");
    play.say(Said::Name(zoe));
    (0..=30).for_each(|x| play.move_to(x, 0));
    play.say(Said::Who(7));
    play.say(Said::Board);
    // Messages of a client ride in its moves.
    (0..20).for_each(|_| play.move_to(30, 0));
    play.until("it is told what it is called", |play| {
        play.has_been_told(|told| *told == Told::Who { client_id: 7, name: zoe })
    });
    let is_told = |told: &Told| match told {
        Told::Board { entries, .. } => {
            entries.first().is_some_and(|entry| entry.name == zoe && entry.score == 30)
        }
        _ => false,
    };
    play.until("it leads", |play| play.has_been_told(is_told));
    assert!(play.server.order("leaderboard").contains("1. \"Zoë\" (client 7): 30"));
    let named = |told: &Told| matches!(told, Told::Profile { name, totals: Totals { .. } } if *name == zoe);
    assert!(play.has_been_told(named));
}

#[test]
fn with_neither_store_nor_service_nobody_is_told_anything() {
    let mut play = Play::new(None);
    play.join();
    play.say(Said::Board);
    (0..30).for_each(|x| play.move_to(x, 0));
    assert!(play.seats[0].told.is_empty() && play.server.order("leaderboard").starts_with("refused: "));
}

/// A wall from 64 to 79, everything else is free, one spawn in the corner.
const WALLED: [&str; 3] = ["s...#...", "....#...", "........"];

#[test]
fn a_start_in_a_wall_or_outside_is_not_taken() {
    for (x, is_taken) in [(70, false), (-5, false), (9_000, false), (100, true)] {
        let start = format!(r#"{{"name": "Anna", "distance": 12, "start": {{"x": {x}, "y": 5}}}}"#);
        let desk = Desk::start(move |_, _, stream| answer(stream, 200, &start));
        let map = maps::drawn(&WALLED, "");
        let mut read = |_: &Path, _: usize| Ok(map.clone().into_bytes());
        let level = Level::read(Path::new("yard.tmx"), &mut read).expect("a level");
        let service = Some(desk.service(PATIENCE));
        let config = Config { service, ..Config::default() }.in_level(Arc::new(level));
        let mut play = Play::with(config, 7..8);
        play.join();
        let spawn = play.place().expect("it stands at the spawn");
        play.until("the profile comes", |play| play.has_been_told(is_anna));
        let put = if is_taken { Position { x, y: 5 } } else { spawn };
        assert_eq!(play.place(), Some(put), "{x}");
    }
}

#[test]
fn a_leaderboard_that_is_always_asked_for_is_told_all_the_same() {
    let desk = Desk::start(|_, request, stream| match request.path.as_str() {
        // Always longer on its way than anybody may wait with the next question.
        "/board" => wait_until_gone(stream),
        _ => answer(stream, 404, ""),
    });
    let mut play = Play::new(Some(desk.service(Duration::from_millis(100))));
    play.join();
    let has_board = |play: &Play| play.has_been_told(|told| matches!(told, Told::Board { .. }));
    #[expect(clippy::disallowed_methods, reason = "a test that fails shall end")]
    let deadline = std::time::Instant::now() + PATIENCE / 4;
    while !has_board(&play) {
        // In the tick, too, in which there is an answer.
        play.say(Said::Board);
        play.move_to(0, 0);
        #[expect(clippy::disallowed_methods, reason = "a test that fails shall end")]
        let is_late = std::time::Instant::now() > deadline;
        assert!(!is_late, "it is told what there is");
    }
}

#[test]
fn who_asks_for_itself_is_told_its_profile_again() {
    let desk = Desk::start(|_, _, stream| answer(stream, 200, ANNA));
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    play.until("the profile comes", |play| play.has_been_told(is_anna));
    play.seats[0].told.clear();
    play.say(Said::Who(7));
    (0..20).for_each(|_| play.move_to(30, 0));
    play.until("it comes again", |play| play.has_been_told(is_anna));
}
