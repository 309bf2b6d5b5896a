//! The checks of the lesson that the project began with, and what a hundred and five hundred clients see.

use tickcast::{Config, TickRate};

use crate::crowd::{Crowd, Player, alone, server};

#[test]
fn a_client_connects_and_is_counted() {
    let _alone = alone();
    let server = server(Config::default());
    let _crowd = Crowd::join(1, server.local_addr());
    assert_eq!(server.status().report.totals.joined, 1);
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
    assert_eq!(server.drops().total(), 0, "nothing is lost: {:?}", server.drops());
    assert_eq!(server.status().report.totals.moves_applied, u64::from(clients) * ROUNDS as u64);
}

#[test]
fn ticks_that_take_too_long_are_skipped_and_counted_and_none_is_sent_twice() {
    let _alone = alone();
    // Snapshots of 60,000 bytes for 300 clients take longer than a millisecond.
    let tick_rate = TickRate::from_hz(1000.0).expect("a rate");
    let server = server(Config { tick_rate, datagram_bytes: 60_000, ..Config::default() });
    let mut crowd = Crowd::join(300, server.local_addr());
    crowd.0.iter_mut().for_each(|player| player.move_to(1, 1));
    crowd.pump_ticks(200);
    let report = server.status().report;
    assert!(report.totals.ticks_skipped > 0, "{report:?}");
    assert_eq!(report.totals.ticks + report.totals.ticks_skipped, report.tick.0);
    for Player { ticks, .. } in &crowd.0 {
        assert!(ticks.is_sorted_by(|earlier, later| earlier < later), "one snapshot of a tick, in order");
    }
}
