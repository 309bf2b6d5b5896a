//! The checks of the lesson that the project began with, and what a hundred and five hundred clients see.

use std::time::Duration;

use tickcast::Config;

use crate::crowd::{Crowd, Player, alone, now, server};
use crate::served::Served;

#[test]
fn a_client_connects_and_is_counted() {
    let _alone = alone();
    let server = server(Config::default());
    let _crowd = Crowd::join(1, server.local_addr());
    assert_eq!(server.status().report.totals.joined, 1, "counted before its welcome is sent");
}

#[test]
fn a_move_sets_the_position() {
    let _alone = alone();
    let server = server(Config::default());
    let mut crowd = Crowd::join(1, server.local_addr());
    crowd.0[0].move_to(-3, i32::MAX);
    crowd.pump_until("it stands there", |crowd| crowd.0[0].sees(0) == Some((-3, i32::MAX)));
    assert_eq!(server.status().report.totals.moves_applied, 1);
}

#[test]
fn every_client_receives_the_updated_positions_of_all() {
    let _alone = alone();
    let server = server(Config::default());
    let mut crowd = Crowd::join(3, server.local_addr());
    for round in 0..10 {
        for (id, player) in crowd.0.iter_mut().enumerate() {
            player.move_to(id as i32, round);
        }
        crowd.pump_until("all see all", |crowd| {
            crowd.all(|p| (0..3).all(|id| p.sees(id) == Some((id as i32, round))))
        });
    }
    crowd.assert_no_snapshot_is_missing_or_double();
}

#[test]
fn a_hundred_clients_get_every_tick_and_see_everyone() {
    many_clients_get_every_tick_and_see_everyone(100);
}

#[test]
fn five_hundred_clients_get_every_tick_and_see_everyone() {
    many_clients_get_every_tick_and_see_everyone(500);
}

fn many_clients_get_every_tick_and_see_everyone(clients: u32) {
    const ROUNDS: i32 = 10;
    let _alone = alone();
    let server = server(Config::default());
    let mut crowd = Crowd::join(clients, server.local_addr());
    // More than have a place in one tick say hello at once, and some of them twice.
    let before = server.drops().total();
    for round in 1..=ROUNDS {
        for (id, player) in crowd.0.iter_mut().enumerate() {
            player.move_to(id as i32, round);
        }
        crowd.pump_ticks(2);
    }
    crowd.pump_until("all see where all stand at last", |crowd| {
        crowd.all(|p| (0..clients).all(|id| p.sees(id) == Some((id as i32, ROUNDS))))
    });
    crowd.assert_no_snapshot_is_missing_or_double();
    assert!(crowd.all(|p| p.largest <= 1_200), "no datagram is larger than its limit");
    assert!(crowd.all(|p| p.client.applied() == ROUNDS as u32));
    assert!(crowd.all(|p| p.client.header().expect("has one").applied_history == (1 << (ROUNDS - 1)) - 1));
    assert_eq!(server.drops().total(), before, "nothing is lost: {:?}", server.drops());
    assert_eq!(server.status().report.totals.moves_applied, u64::from(clients) * ROUNDS as u64);
}

#[test]
fn ticks_of_a_stalled_server_are_skipped_and_counted_and_none_is_sent_twice() {
    const HZ: f64 = 100.0;
    let _alone = alone();
    let served = Served::start(&["--tick-rate", "100"]);
    let mut crowd = Crowd::join(3, served.addr.parse().expect("an address"));
    crowd.pump_ticks(3);
    served.signal("-STOP");
    let stopped = now();
    crowd.pump_until("300 ms have gone by", |_| stopped.elapsed() > Duration::from_millis(300));
    served.signal("-CONT");
    crowd.pump_ticks(30);
    for Player { ticks, .. } in &crowd.0 {
        assert!(ticks.is_sorted_by(|earlier, later| earlier < later), "one snapshot of a tick, in order");
        let gaps = ticks.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            gaps.clone().max() >= Some((0.3 * HZ) as u64 - 1),
            "what was slept through is skipped: {ticks:?}"
        );
    }
    crowd.assert_no_snapshot_is_missing_or_double();
}
