//! A level of 50 MB, loaded while players play over real sockets.

use std::sync::Arc;
use std::time::Duration;

use tickcast::config::Config;
use tickcast::level::Level;
use tickcast::wire::Position;
use tickcast::{TickRate, TickServer};

use crate::crowd::{Crowd, alone};
use crate::maps::{drawn, large};

/// How long a machine that has other things to do may take for a level.
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn no_tick_is_skipped_while_a_level_of_fifty_megabytes_is_loaded_and_played() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a directory");
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("small.tmx"), drawn(&["#####", "#s..#", "#####"], "large.tmx")).expect("written");
    std::fs::write(file("large.tmx"), large()).expect("written");
    let level = Level::load(&file("small.tmx")).expect("a level");
    // Slow, so that a machine that has other things to do skips none either.
    let tick_rate = TickRate::from_hz(10.0).expect("a rate");
    let config = Config { tick_rate, timeout: PATIENCE, enemies: 5, ..Config::default() };
    let server = TickServer::bind("127.0.0.1:0".parse().expect("good"), config.in_level(Arc::new(level)));
    let server = server.expect("it starts");
    let mut crowd = Crowd::join(3, server.local_addr());
    crowd.pump_ticks(5);
    let before = server.status().report.totals;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let order = |order: String| runtime.block_on(server.order(order)).expect("it runs");
    let answer = order(format!("level {}", file("large.tmx").display()));
    assert!(answer.starts_with("loading "), "{answer}");
    let mut ticks = (0..PATIENCE.as_secs()).map(|_| crowd.pump_ticks(10));
    let is_played = ticks.any(|()| order("level".into()).starts_with("playing "));
    assert!(is_played, "the large level is played");
    crowd.pump_ticks(10);
    let places = runtime.block_on(server.positions()).expect("it runs").players.clone();
    let spawn = Position { x: 40, y: 40 };
    assert_eq!(places.iter().map(|player| player.at).collect::<Vec<_>>(), [spawn; 3], "all are there");

    crowd.assert_no_snapshot_is_missing_or_double();
    let after = server.status().report.totals;
    assert_eq!(after.ticks_skipped, before.ticks_skipped, "{after:?}");
    assert!(after.ticks > before.ticks + 10, "and they went on: {after:?}");
}
