//! What a steady tick takes from the heap: nothing.
//!
//! `allocation_counter` is the allocator of this binary, and counts for each thread alone.

mod herd;
mod room;

use herd::Herd;
use room::{Part, Room, unwatched};
use tickcast::game::Standard;
use tickcast::seal::TicketKeys;
use tickcast::store::Store;
use tickcast::wire::Encoding;
use tickcast::{Config, TicketConfig};

const PLAYERS: usize = 1_000;
/// Nearly every buffer is as large as it gets by then; one that grows later breaks a record, and has room for more.
const WARMUP_TICKS: usize = 300;
const TICKS: usize = 100;
/// All that the server remembers is as long as it gets.
const HISTORY_TICKS: usize = 70;

#[test]
fn a_steady_tick_of_compact_snapshots_allocates_nothing() {
    assert_eq!(allocations(Encoding::Compact, Config::default()), []);
}

#[test]
fn a_steady_tick_of_sealed_snapshots_allocates_nothing() {
    assert_eq!(allocations(Encoding::Compact, sealed()), []);
}

fn sealed() -> Config {
    Config { tickets: Some(TicketConfig::new(TicketKeys::one(room::key()))), ..Config::default() }
}

#[test]
fn a_steady_tick_of_plain_snapshots_allocates_nothing() {
    assert_eq!(allocations(Encoding::Plain, Config::default()), []);
}

#[test]
fn a_steady_tick_of_views_allocates_nothing() {
    assert_eq!(allocations(Encoding::Compact, Config { view: Some(2_000), ..Config::default() }), []);
}

#[test]
fn a_steady_tick_with_a_speed_limit_allocates_nothing() {
    assert_eq!(allocations(Encoding::Compact, Config { speed_limit: Some(300), ..Config::default() }), []);
}

#[test]
fn a_steady_tick_with_entities_that_walk_allocates_nothing() {
    for encoding in [Encoding::Plain, Encoding::Compact] {
        let herd = Box::new(Herd::new(500));
        let mut room = Room::with_game(PLAYERS, encoding, Config::default(), herd, &mut unwatched);
        room.warm_up(WARMUP_TICKS);
        assert_eq!(allocations_in(&mut room), [], "{encoding:?}");
        assert_eq!(room.server.report().entities, 500);
    }
}

#[test]
fn a_steady_tick_with_a_store_allocates_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, remembered) = Store::open(dir.path(), 1).expect("a store");
    let game = Box::new(Standard::new(&Config::default()));
    let mut room = Room::empty(PLAYERS, Encoding::Compact, Config::default(), game);
    room.server.remember(remembered.players);
    room.server.remember_profiles(remembered.profiles, remembered.id);
    room.store = Some(store);
    room.join(&mut unwatched);
    room.warm_up(WARMUP_TICKS);
    let commits = |room: &Room| room.store.as_ref().map_or(0, |store| store.status().commits);
    let before = commits(&room);
    assert_eq!(allocations_in(&mut room), []);
    assert!(commits(&room) > before, "changes were handed over meanwhile");
    let store = room.store.take().expect("it is there");
    assert_eq!(store.finish(&mut room.server).lag_ms, 0);
    let (_, remembered) = Store::open(dir.path(), 1).expect("a store");
    let walked = remembered.profiles.iter().filter(|profile| profile.totals.distance > 0).count();
    assert_eq!(walked, PLAYERS, "and what everyone has done");
}

#[test]
fn a_player_takes_what_the_readme_says() {
    for (encoding, stated) in [(Encoding::Plain, 1_200), (Encoding::Compact, 4_000)] {
        let [some, twice] = [PLAYERS, 2 * PLAYERS].map(|players| taken(players, encoding, Config::default()));
        let each = (twice - some) / PLAYERS as i64;
        println!("{encoding:?}: {each} bytes for each player");
        let told =
            format!("{stated} bytes of memory with {} snapshots", format!("{encoding:?}").to_lowercase());
        assert!(include_str!("../../README.md").contains(&told), "README says: {told}");
        assert!((stated / 2..=stated).contains(&each), "{encoding:?}: {each} bytes, not {stated}");
    }
}

#[test]
fn a_sealed_session_takes_what_the_readme_says() {
    let [clear, sealed] = [Config::default(), sealed()].map(|config| taken(PLAYERS, Encoding::Plain, config));
    let each = (sealed - clear) / PLAYERS as i64;
    println!("{each} bytes for each session");
    let stated = 1_500;
    let told = format!("{stated} bytes more for the keys of a sealed session");
    assert!(include_str!("../../README.md").contains(&told), "README says: {told}");
    assert!((stated / 2..=stated).contains(&each), "{each} bytes, not {stated}");
}

/// What so many players and their peers take from the heap, from their joining on, in bytes.
fn taken(players: usize, encoding: Encoding, config: Config) -> i64 {
    let mut bytes = 0;
    let mut watch = |part: Part, call: &mut dyn FnMut()| {
        let taken = allocation_counter::measure(call).bytes_current;
        bytes += if part == Part::Decode { 0 } else { taken };
    };
    let mut room = Room::watched(players, encoding, config, &mut watch);
    (0..HISTORY_TICKS).for_each(|_| room.step(&mut watch));
    bytes
}

/// In which calls into the server something was allocated, in which of the measured ticks, and how often.
fn allocations(encoding: Encoding, config: Config) -> Vec<(Part, usize, u64)> {
    let sees_all = config.view.is_none();
    let mut room = Room::new(PLAYERS, encoding, config);
    room.warm_up(WARMUP_TICKS);
    let oldest = room.oldest_told();
    assert!(!sees_all || oldest.is_some_and(|oldest| oldest <= 30), "what is measured is steady: {oldest:?}");
    allocations_in(&mut room)
}

fn allocations_in(room: &mut Room) -> Vec<(Part, usize, u64)> {
    let mut found = Vec::new();
    for tick in 0..TICKS {
        room.step(&mut |part, call| {
            let count = allocation_counter::measure(call).count_total;
            if count > 0 && part != Part::Decode {
                found.push((part, tick, count));
            }
        });
    }
    found
}
