//! The game of the binary: how fast one may go, and where one begins.

use tickcast::config::Config;
use tickcast::gate::DropReason;
use tickcast::wire::{Bounds, Player};

use crate::pair::{Net, at, hello, small, step};

/// How a standard game judges moves of so many units, each after so many ticks: where the player stands in the end, and
/// how many were corrected.
fn judged(speed_limit: u32, moves: impl IntoIterator<Item = (u64, i32)>) -> (i32, u64) {
    let mut net = Net::new(Config { speed_limit: Some(speed_limit), ..small() });
    let from = net.address();
    let session = net.welcomed(from, hello(7, 1)).session;
    net.say(from, step(7, session, 1, 0));
    for (sequence, (ticks, units)) in (2..).zip(moves) {
        net.run(ticks);
        let x = net.true_at(7).map_or(0, |at| at.x);
        net.say(from, step(7, session, sequence, x + units));
        net.step();
    }
    (net.true_at(7).map_or(0, |at| at.x), net.drops(DropReason::Corrected))
}

#[test]
fn a_walk_at_the_speed_limit_is_never_corrected_and_one_beyond_it_soon_is() {
    // At 30 Hz, 5 units a tick are 150 a second.
    assert_eq!(judged(150, (0..600).map(|_| (0, 5))), (3_000, 0));
    let (x, corrected) = judged(150, (0..600).map(|_| (0, 6)));
    assert!(corrected > 50 && x <= 600 * 5 + 150, "{x} units, {corrected} corrected");
}

#[test]
fn what_was_not_walked_is_saved_for_a_second_and_no_longer() {
    assert_eq!(judged(150, [(0, 150), (0, 6)]), (150, 1), "all at once, and no more in the next tick");
    assert_eq!(judged(150, [(0, 150), (0, 5)]), (155, 0));
    assert_eq!(judged(150, [(300, 151)]), (0, 1), "ten seconds save no more than one");
    assert_eq!(judged(150, [(300, 150), (29, 150)]), (300, 0));
}

#[test]
fn moves_that_come_together_count_together_and_in_order() {
    let mut net = Net::new(Config { speed_limit: Some(30), ..small() });
    let one = net.join(7);
    net.move_to(one, 0, 0);
    // Until the gate lets so many in at once.
    net.run(30);
    (1..=30).for_each(|x| net.move_to(one, x, 0));
    net.step();
    assert_eq!((net.true_at(7), net.dropped()), (Some(at(30, 0)), 0), "a second's walk in one tick");
    net.move_to(one, 33, 0);
    net.step();
    assert_eq!((net.true_at(7), net.drops(DropReason::Corrected)), (Some(at(30, 0)), 1));
}

#[test]
fn the_speed_limit_is_of_each_player_and_survives_no_change_of_player() {
    let mut net = Net::new(Config { speed_limit: Some(30), ..small() });
    let (one, two) = (net.join(7), net.join(8));
    for seat in [one, two] {
        net.move_to(seat, 0, 0);
        net.move_to(seat, 30, 0);
    }
    net.step();
    assert_eq!(net.dropped(), 0);
    net.leave(one);
    net.step();
    let three = net.join(9);
    net.move_to(three, 500, 0);
    net.move_to(three, 530, 0);
    net.step();
    assert_eq!((net.true_at(9), net.dropped()), (Some(at(530, 0)), 0), "in the row of the one that left");
}

#[test]
fn whoever_leaves_and_comes_back_has_saved_nothing_by_that() {
    let mut net = Net::new(Config { speed_limit: Some(30), ..small() });
    net.server.remember([]);
    let started = net.tick_now();
    for _ in 0..10 {
        // The rows of the world are given away in turn.
        let seats = [7, 8].map(|client_id| net.join(client_id));
        let x = net.true_at(7).map_or(0, |at| at.x + 29);
        seats.into_iter().for_each(|seat| net.move_to(seat, x, 0));
        net.step();
        seats.into_iter().for_each(|seat| net.leave(seat));
        net.step();
    }
    let ticks = (net.tick_now() - started) as i32;
    net.join(7);
    let x = net.true_at(7).map_or(0, |at| at.x);
    assert!(x <= 30 + ticks, "{x} units in {ticks} ticks");
}

#[test]
fn a_newcomer_stands_at_the_spawn_and_whoever_is_remembered_where_it_stood() {
    let world = Bounds { min: at(-10, -10), max: at(10, 10) };
    let mut net = Net::new(Config { spawn: Some(at(4, -4)), world, ..small() });
    let before = |client_id, x| Player { client_id, at: at(x, 0), state: 3 };
    net.server.remember([before(7, 9), before(8, 11)]);
    for (client_id, stands) in [(7, at(9, 0)), (8, at(4, -4)), (9, at(4, -4))] {
        net.join(client_id);
        assert_eq!(net.true_at(client_id), Some(stands), "{client_id}");
    }
    let error = Config { spawn: Some(at(11, 0)), world, ..small() }.check().unwrap_err();
    assert_eq!(error.to_string(), "--spawn 11,0 lies outside of the --world");
}
