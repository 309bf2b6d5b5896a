//! Many at once on a service that does not answer: nobody is forgotten, and nothing else waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tickcast::config::Config;
use tickcast::game::words::Told;
use tickcast::profiles::{IN_FLIGHT_MAX, Service};

use crate::play::{Play, Seat};
use crate::service::{Desk, PATIENCE, answer, wait_until_gone};

/// A service that answers nothing until the flag says so, and then everyone by name.
fn held() -> (Desk, Arc<AtomicBool>) {
    let is_open = Arc::<AtomicBool>::default();
    let open = Arc::clone(&is_open);
    let desk = Desk::start(move |_, request, stream| {
        if !open.load(Ordering::Relaxed) {
            return wait_until_gone(stream);
        }
        match request.path.strip_prefix("/players/") {
            Some(id) => answer(stream, 200, &format!(r#"{{"name": "No {id}"}}"#)),
            None => answer(stream, 200, r#"{"entries": []}"#),
        }
    });
    (desk, is_open)
}

fn served(service: Service) -> Config {
    Config { service: Some(service), ..Config::default() }
}

fn has_its_name(seat: &Seat, id: u32) -> bool {
    let is_it =
        |told: &Told| matches!(told, Told::Profile { name, .. } if name.as_str() == format!("No {id}"));
    seat.told.iter().any(is_it)
}

#[test]
fn all_get_their_profiles_from_a_service_that_was_slow_beyond_all_attempts() {
    let (desk, is_open) = held();
    let service = desk.service(Duration::from_millis(100));
    let players = 3 * IN_FLIGHT_MAX as u32;
    let mut play = Play::with(served(service.clone()), 0..players);
    play.join();
    // Those who are asked for at once, and the leaderboard, are given up at least once.
    play.until("some are given up", |_| service.asked().failures >= IN_FLIGHT_MAX as u64);
    is_open.store(true, Ordering::Relaxed);
    play.until("all have their profiles", |play| {
        (0..).zip(&play.seats).all(|(id, seat)| has_its_name(seat, id))
    });
}

#[test]
fn who_waits_for_its_profile_takes_no_place_from_other_work() {
    let (desk, _held) = held();
    let players = tickcast::work::IN_FLIGHT_MAX as u32 + 100;
    let mut play = Play::with(served(desk.service(PATIENCE)), 0..players);
    play.join();
    assert!(play.server.report().work_in_flight <= IN_FLIGHT_MAX);
    let loading = play.server.order("level nowhere.tmx");
    assert!(loading.starts_with("loading "), "{loading}");
    (0..200).for_each(|x| play.move_to(x, 0));
    let mut paths = std::iter::repeat_with(|| desk.next());
    assert!(paths.any(|request| request.method == "POST"), "a report is on its way");
}
