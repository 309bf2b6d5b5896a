//! Compact snapshots, as clients see them. `properties.rs` has them in every storm.

use std::time::Duration;

use tickcast::config::Config;
use tickcast::wire::MOVE_BYTES;

use crate::draw::Draw;
use crate::pair::{Fate, Net, Way, at};

/// A net of clients who all play and stand somewhere; every other one has compact snapshots.
fn crowd(clients: u32, datagram_bytes: usize) -> Net {
    let timeout = Duration::from_secs(600);
    let mut net = Net::new(Config { datagram_bytes, timeout, checksums: true, ..Config::default() });
    (0..clients).for_each(|client_id| _ = net.seat(client_id));
    net.run(2);
    net
}

/// One tick in which everyone moves.
fn walk(net: &mut Net, mut place: impl FnMut(usize) -> (i32, i32)) {
    for seat in 0..net.seats.len() {
        let (x, y) = place(seat);
        net.move_to(seat, x, y);
    }
    net.step();
}

/// How many players of the world the client knows at places that are not theirs now, or not at all.
fn behind(net: &Net, seat: usize) -> usize {
    net.truth().iter().filter(|player| net.known_at(seat, player.client_id) != Some(player.at)).count()
}

#[test]
fn walking_players_who_fit_are_all_fresh_in_every_tick() {
    let mut net = crowd(300, 1_200);
    let place =
        |tick: i32| move |seat: usize| (seat as i32 * 40 + tick * 5, seat as i32 % 17 * 100 - tick * 3);
    (0..40).for_each(|tick| walk(&mut net, place(tick)));
    for tick in 40..80 {
        walk(&mut net, place(tick));
        (0..300).step_by(2).for_each(|seat| assert_eq!(behind(&net, seat), 0, "seat {seat}, tick {tick}"));
    }
}

#[test]
fn players_who_jump_across_the_world_fit_into_any_datagram_and_are_known_once_they_rest() {
    for (datagram_bytes, ticks) in [(256, 200), (1_200, 40), (65_507, 40)] {
        println!("seed {datagram_bytes}");
        let mut draw = Draw::new(datagram_bytes as u64);
        let mut net = crowd(200, datagram_bytes);
        let mut anywhere = || draw.below(1 << 32) as u32 as i32;
        (0..30).for_each(|_| walk(&mut net, |_| (anywhere(), anywhere())));
        let at_rest: Vec<(i32, i32)> = (0..200).map(|_| (anywhere(), anywhere())).collect();
        (0..ticks).for_each(|_| walk(&mut net, |seat| at_rest[seat]));
        (0..200).step_by(2).for_each(|seat| assert_eq!(behind(&net, seat), 0, "seat {seat}"));
    }
}

#[test]
fn who_acknowledges_nothing_is_still_told_of_everyone_and_recovers_at_once() {
    let mut net = crowd(150, 1_200);
    let place = |seat: usize| (seat as i32 * 50, 7);
    walk(&mut net, place);
    for tick in 0..300 {
        for seat in (0..150).filter(|seat| *seat != 0) {
            net.move_to(seat, seat as i32 * 50, 7 + i32::from(tick < 200));
        }
        net.step();
    }
    assert_eq!(behind(&net, 0), 0, "in small datagrams, cluster by cluster");
    (0..8).for_each(|tick| walk(&mut net, |seat| (seat as i32 * 50, tick)));
    assert_eq!(behind(&net, 0), 0, "a few ticks after it acknowledges again");
}

#[test]
fn who_is_twenty_ticks_away_is_told_from_baselines_all_the_same() {
    let mut net = crowd(300, 1_200);
    let place = |tick: i32| move |seat: usize| (seat as i32 * 40 + tick * 5, seat as i32 % 17 * 100);
    net.weather(|way, _| if way == Way::ToServer { Fate::Late(20) } else { Fate::Arrives });
    (0..100).for_each(|tick| walk(&mut net, place(tick)));
    let before = net.seats[0].client.blocks();
    (100..140).for_each(|tick| walk(&mut net, place(tick)));
    let after = net.seats[0].client.blocks();
    let bits = (after.bytes - before.bytes) as f64 * 8.0 / (after.players - before.players) as f64;
    assert!(bits < 12.0, "{bits} for each player: a full block has 40 and more");
}

#[test]
fn one_who_leaves_is_gone_for_everyone_though_every_third_datagram_is_lost() {
    let mut net = crowd(100, 1_200);
    let place = |seat: usize| (seat as i32 * 50, seat as i32);
    (0..10).for_each(|_| walk(&mut net, place));
    let mut draw = Draw::new(3);
    net.weather(move |way, _| match way {
        Way::ToClient if draw.below(3) == 0 => Fate::Lost,
        _ => Fate::Arrives,
    });
    net.leave(41);
    for _ in 0..20 {
        (0..100).filter(|seat| *seat != 41).for_each(|seat| net.move_to(seat, seat as i32 * 50, seat as i32));
        net.step();
    }
    assert_eq!(net.true_at(41), None);
    for seat in (0..100).step_by(2) {
        assert_eq!(
            (net.known_at(seat, 41), net.known_at(seat, 42)),
            (None, Some(at(2_100, 42))),
            "seat {seat}"
        );
    }
}

#[test]
fn one_who_leaves_before_its_entering_is_acknowledged_is_no_ghost_for_long() {
    let mut net = crowd(20, 1_200);
    let place = |seat: usize| (seat as i32 * 50, seat as i32);
    (0..20).for_each(|_| walk(&mut net, place));
    let visitor = net.join(77);
    let is_visitors = |bytes: &[u8]| bytes.len() != MOVE_BYTES || bytes[4..8] == [77, 0, 0, 0];
    let fate = |arrives: bool| if arrives { Fate::Arrives } else { Fate::Lost };
    net.weather(move |way, bytes| fate(way == Way::ToClient || is_visitors(bytes)));
    (0..2).for_each(|_| walk(&mut net, place));
    net.leave(visitor);
    (0..2).for_each(|_| walk(&mut net, place));
    net.weather(|_, _| Fate::Arrives);
    (0..10).for_each(|_| walk(&mut net, place));
    assert_eq!(net.true_at(77), None);
    assert!(net.known_at(0, 77).is_some(), "nobody names it: a ghost");
    (0..25).for_each(|_| walk(&mut net, place));
    assert_eq!(net.known_at(0, 77), None, "within a second and a bit");
    assert_eq!(net.known(0).len(), 20, "everyone else is there");
}
