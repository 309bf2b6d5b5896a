//! Moves in, snapshots out: order, limits, and everyone told about everyone.

use std::collections::HashMap;
use std::time::Duration;

use tickcast::client::Phase;
use tickcast::config::{Config, TickRate};
use tickcast::gate::{DropReason, PeerAddr};
use tickcast::server::Batch;
use tickcast::wire::{Bounds, Hello, Leave, Move, PLAYER_BYTES, Player, Position, SnapshotHeader, Tick};

use crate::draw::Draw;
use crate::pair::{Net, at, hello, small, step};

#[test]
fn a_client_connects_and_is_counted() {
    let (net, seats) = Net::with([1, 2, 3]);
    assert_eq!((net.server.report().peers, net.server.gate().peers()), (3, 3));
    assert!(seats.iter().all(|&seat| net.phase(seat) == Phase::Playing));
    assert!(net.truth().is_empty(), "a player appears with its first move");
}

#[test]
fn a_move_sets_a_position() {
    let (mut net, [seat]) = Net::with([7]);
    net.move_to(seat, -12, 34);
    net.step();
    assert_eq!(net.truth(), [Player { client_id: 7, at: at(-12, 34), state: 0 }]);
    assert_eq!((net.totals().moves_applied, net.seats[seat].client.applied()), (1, 1));
}

#[test]
fn every_client_receives_the_updated_positions_of_all() {
    let (mut net, seats) = Net::with([1, 2, 3, 4]);
    for round in 1..=5 {
        for (index, &seat) in (0..).zip(&seats) {
            net.move_to(seat, round * 10 + index, round);
        }
        net.step();
        assert_eq!(net.true_at(4), Some(at(round * 10 + 3, round)));
        seats.iter().for_each(|&seat| assert_eq!(net.known(seat), net.truth()));
    }
}

#[test]
fn moves_of_a_tick_are_applied_in_order_and_the_newest_stays() {
    let (mut net, [seat]) = Net::with([7]);
    (1..=10).for_each(|x| net.move_to(seat, x, 0));
    net.step();
    assert_eq!((net.true_at(7), net.totals().moves_applied), (Some(at(10, 0)), 10));
    let header = *net.seats[seat].client.header().expect("a snapshot has come");
    assert_eq!((header.applied, header.applied_history), (10, 0b1_1111_1111));
}

#[test]
fn the_state_of_a_game_is_passed_on() {
    let (mut net, here, session) = alone();
    net.say(here, Move { state: 0xdead_beef, ..step(7, session, 1, 70) });
    net.step();
    assert_eq!(net.snapshot(here).players, [Player { client_id: 7, at: at(70, 0), state: 0xdead_beef }]);
}

#[test]
fn what_is_replayed_duplicated_or_overtaken_is_dropped_and_counted() {
    let (mut net, here, session) = alone();
    for (sequence, x) in [(1, 1), (3, 3), (2, 2), (3, -3), (1, -1), (4, 4)] {
        net.say(here, step(7, session, sequence, x));
    }
    net.step();
    assert_eq!((net.true_at(7), net.drops(DropReason::Sequence)), (Some(at(4, 0)), 3));
    assert_eq!(applied(&mut net, here), (4, 0b101));
    (0..1_000).for_each(|_| net.say(here, step(7, session, 4, -4)));
    net.step();
    assert_eq!((net.true_at(7), net.drops(DropReason::Sequence)), (Some(at(4, 0)), 1_003));
}

#[test]
fn sequences_go_around_at_two_to_the_32() {
    let (mut net, here, session) = near_the_wrap();
    for (sequence, x) in [(u32::MAX - 1, 1), (u32::MAX, 2), (0, 3), (u32::MAX, -1), (1, 4), (0, -1)] {
        net.say(here, step(7, session, sequence, x));
        net.step();
    }
    assert_eq!((net.true_at(7), net.drops(DropReason::Sequence)), (Some(at(4, 0)), 2));
}

#[test]
fn the_history_of_applied_moves_goes_around_too() {
    let (mut net, here, session) = near_the_wrap();
    for (sequence, expected) in
        [(u32::MAX - 1, 0b1), (u32::MAX, 0b11), (0, 0b111), (1, 0b1111), (3, 0b111_110)]
    {
        net.say(here, step(7, session, sequence, 1));
        net.step();
        assert_eq!(applied(&mut net, here), (sequence, expected));
    }
}

#[test]
fn every_corner_of_i32_is_a_place() {
    let (mut net, here, session) = alone();
    let ends = [i32::MIN, -1, 0, 1, i32::MAX];
    let corners = ends.into_iter().flat_map(|x| ends.map(|y| at(x, y)));
    for (sequence, corner) in (1..).zip(corners) {
        net.say(here, Move { at: corner, ..step(7, session, sequence, 0) });
        net.step();
        assert_eq!(net.snapshot(here).players[0].at, corner);
    }
    assert_eq!(net.dropped(), 0);
}

#[test]
fn a_move_outside_the_world_is_refused_and_the_player_stays() {
    let world = Bounds { min: at(-10, -20), max: at(30, 40) };
    let mut net = Net::new(Config { world, ..small() });
    let here = net.address();
    let session = net.welcomed(here, hello(7, 1)).session;
    let places = [at(31, 0), at(-11, 0), at(0, 41), at(0, -21), at(i32::MIN, i32::MAX)];
    let go = |net: &mut Net, sequence, place: Position| {
        net.say(here, Move { at: place, ..step(7, session, sequence, 0) });
        net.step();
    };
    go(&mut net, 1, places[0]);
    assert!(net.truth().is_empty(), "it has not appeared yet");
    go(&mut net, 2, at(30, 40));
    for (sequence, &place) in (3..).zip(&places) {
        go(&mut net, sequence, place);
        assert_eq!(net.true_at(7), Some(at(30, 40)));
    }
    assert_eq!((net.drops(DropReason::OutsideWorld), net.totals().moves_applied), (6, 1));
    assert_eq!(applied(&mut net, here), (2, 0), "a refused move is not applied");
}

#[test]
fn a_peer_that_walks_into_the_wall_does_not_time_out() {
    let mut net = Net::new(Config { world: Bounds { min: at(0, 0), max: at(9, 9) }, ..small() });
    let seat = net.join(7);
    for _ in 0..400 {
        net.move_to(seat, 10, 0);
        net.step();
    }
    assert_eq!((net.drops(DropReason::OutsideWorld), net.totals().timed_out), (400, 0));
}

#[test]
fn a_flood_of_one_peer_costs_that_peer_only() {
    let (mut net, [flooder, honest]) = Net::with([7, 8]);
    for round in 1..=30 {
        (0..1_000).for_each(|x| net.move_to(flooder, x, 0));
        net.move_to(honest, round, 0);
        net.step();
        assert_eq!((net.true_at(8), net.known_at(honest, 8)), (Some(at(round, 0)), Some(at(round, 0))));
    }
    let passed = net.totals().moves_applied - 30;
    let allowed = u64::from(net.server.config().burst() + 250);
    assert!((250..=allowed).contains(&passed), "{passed} in a second, after a pause");
    assert_eq!(net.drops(DropReason::Rate), 30_000 - passed);
}

#[test]
fn a_flood_of_leaves_or_hellos_of_one_peer_costs_that_peer_only() {
    let mut net = Net::new(Config { max_peers: 4, ..Config::default() });
    let (honest, flooder) = (net.join(8), net.address());
    let session = net.welcomed(flooder, hello(7, 1)).session;
    let again = net.prove(flooder, hello(7, 2));
    for _ in 0..5_000 {
        net.say(flooder, again);
        net.say(flooder, Leave { client_id: 7, session });
    }
    net.move_to(honest, 80, 0);
    net.step();
    assert_eq!((net.true_at(8), net.drops(DropReason::QueueFull)), (Some(at(80, 0)), 0));
}

#[test]
fn a_flood_of_proven_hellos_costs_no_peer_a_move() {
    let mut net = Net::new(Config { max_peers: 4, ..Config::default() });
    let (honest, flooder) = (net.join(8), net.address());
    let refused = net.prove(flooder, hello(8, 1));
    (0..5_000).for_each(|_| net.say(flooder, refused));
    net.move_to(honest, 80, 0);
    net.step();
    assert_eq!(net.true_at(8), Some(at(80, 0)));
}

#[test]
fn floods_of_hellos_get_a_bounded_number_of_answers_a_tick() {
    let mut net = Net::new(Config { max_peers: 4, ..Config::default() });
    net.join(8);
    let flooders: Vec<_> = (0..200).map(|_| net.address()).collect();
    let refused: Vec<_> = flooders.iter().map(|&from| net.prove(from, hello(8, 1))).collect();
    for _ in 0..100 {
        flooders.iter().zip(&refused).for_each(|(&from, &hello)| net.say(from, hello));
    }
    net.step();
    let answered: usize = flooders.iter().map(|&from| net.mail(from).len()).sum();
    let places = net.server.config().joins_per_tick();
    assert!(
        (places..=places + 8).contains(&answered),
        "{answered} of 20,000: eight are a prefix that says little"
    );
    (0..100).for_each(|_| net.say(flooders[0], refused[0]));
    net.step();
    assert!(net.mail(flooders[0]).len() <= 8 + 2, "a stranger who has asked enough is not answered");
}

#[test]
fn joining_anew_buys_no_moves() {
    let tick_rate = TickRate::from_hz(500.0).expect("a rate");
    let mut net = Net::new(Config { tick_rate, ..small() });
    let here = net.address();
    let mut applied = 0;
    for nonce in 1..=100 {
        let session = net.welcomed(here, hello(7, nonce)).session;
        (1..=14).for_each(|n| net.say(here, step(7, session, n, n as i32)));
        net.step();
        applied = net.totals().moves_applied;
        net.mail(here);
        if net.drops(DropReason::Rate) > 0 {
            break;
        }
    }
    let rate = net.server.config().moves_per_second as f64;
    let seconds = net.tick_now() as f64 * net.period().as_secs_f64();
    assert!(applied as f64 <= rate * seconds + 16.0, "{applied} moves in {seconds} s");
    assert!(net.drops(DropReason::Rate) > 0, "what is over the rate is dropped");
}

#[test]
fn a_slow_tick_loses_no_moves() {
    let tick_rate = TickRate::from_hz(1.0).expect("a rate");
    let timeout = Duration::from_secs(3_600);
    let mut net = Net::new(Config { tick_rate, timeout, max_peers: 300, ..Config::default() });
    let peers: Vec<_> = (0..300).map(|id| (id, net.address())).collect();
    let sessions: Vec<u64> =
        peers.iter().map(|&(id, from)| net.welcomed(from, hello(id, 1)).session).collect();
    net.pass(Duration::from_secs(1));
    for n in 1..=30 {
        for (&(id, from), &session) in peers.iter().zip(&sessions) {
            net.say(from, step(id, session, n, n as i32));
        }
        let now = net.now;
        net.server.catch_up(now);
    }
    net.step();
    assert_eq!((net.drops(DropReason::QueueFull), net.totals().moves_applied), (0, 9_000));
    assert_eq!(net.server.report().commands, 9_000, "those before the tick are counted with it");
}

#[test]
fn what_does_not_fit_into_the_queue_is_counted() {
    let mut net = Net::new(Config { max_peers: 64, ..Config::default() });
    let peers: Vec<_> = (0..64).map(|id| (id, net.address())).collect();
    let sessions: Vec<u64> =
        peers.iter().map(|&(id, from)| net.welcomed(from, hello(id, 1)).session).collect();
    net.pass(Duration::from_secs(2));
    for n in 1..=100 {
        for (&(id, from), &session) in peers.iter().zip(&sessions) {
            net.say(from, step(id, session, n, n as i32));
        }
    }
    let places = net.server.config().queue_places();
    assert_eq!(
        (net.server.gate().queued(), net.drops(DropReason::QueueFull)),
        (places, 6_400 - places as u64)
    );
    net.step();
    assert_eq!((net.true_at(63), net.server.report().commands), (Some(at(64, 0)), places));
    net.say(peers[63].1, step(63, sessions[63], 101, -1));
    net.step();
    assert_eq!(net.true_at(63), Some(at(-1, 0)), "the queue is empty again");
}

#[test]
fn five_hundred_who_fit_into_a_datagram_see_each_other_every_tick() {
    let mut net = crowd(500, 48 + 500 * PLAYER_BYTES);
    for round in 1..=5 {
        walk(&mut net, round);
        let truth = net.truth();
        assert_eq!(truth.len(), 500);
        (0..500).for_each(|seat| assert_eq!(net.known(seat), truth, "client {seat}, round {round}"));
    }
}

#[test]
fn five_hundred_in_small_datagrams_see_everyone_in_bounded_time() {
    let mut net = crowd(500, 1_200);
    let bound = 500_u64.div_ceil((1_200 - 48) / PLAYER_BYTES as u64 / 2);
    (0..2 * bound as i32).for_each(|round| walk(&mut net, round));
    let now = net.tick_now();
    for (index, seat) in net.seats.iter().enumerate() {
        // Two clusters of players who jump fit into a datagram; of one in four it is the turn.
        let bound = if index % 2 == 0 { 30 } else { bound };
        assert_eq!(seat.client.world().len(), 500, "everyone is known at {}", seat.addr);
        let oldest = seat.client.world().players().map(|known| now - known.told.0).max();
        assert!(oldest < Some(bound), "nobody is known by more than {bound} ticks ago: {oldest:?}");
    }
}

#[test]
fn a_tick_that_came_late_is_skipped_and_counted() {
    let (mut net, [seat]) = Net::with([7]);
    net.move_to(seat, 1, 0);
    net.step();
    let (before, ticks) = (net.tick_now(), net.totals().ticks);
    net.pass(net.period() * 4);
    net.step();
    assert_eq!((net.tick_now(), net.totals().ticks), (before + 5, ticks + 1));
    assert_eq!(net.totals().ticks_skipped, 4);
    assert_eq!(net.seats[seat].client.header().map(|header| header.tick.0), Some(before + 5));
}

#[test]
fn a_tick_has_one_snapshot_for_each_peer_however_often_it_is_polled() {
    let (mut net, _) = Net::with([1, 2, 3]);
    let before = net.totals().snapshots;
    net.step();
    let mut batch = Batch::new(1_200);
    (0..10).for_each(|_| assert!(!net.server.poll(&mut batch) && batch.is_empty()));
    assert_eq!(net.totals().snapshots, before + 3);
}

#[test]
fn what_comes_in_while_snapshots_go_out_is_the_next_ticks() {
    let (mut net, here, session) = alone();
    net.say(here, step(7, session, 1, 1));
    net.step();
    net.say(here, step(7, session, 2, 2));
    assert_eq!((net.true_at(7), net.server.gate().queued()), (Some(at(1, 0)), 1));
    net.pass(Duration::from_millis(1));
    net.step();
    assert_eq!(net.true_at(7), Some(at(2, 0)));
}

#[test]
fn what_a_peer_says_after_its_leave_is_dropped() {
    let (mut net, here, session) = alone();
    net.say(here, step(7, session, 1, 1));
    net.say(here, Leave { client_id: 7, session });
    net.say(here, step(7, session, 2, 2));
    net.say(here, Leave { client_id: 7, session });
    net.step();
    assert_eq!((net.drops(DropReason::PeerGone), net.totals().left), (2, 1));
    assert_eq!((net.truth(), net.server.gate().peers()), (vec![], 0));
}

#[test]
fn what_comes_from_the_old_address_in_the_tick_of_a_takeover_is_dropped() {
    let (mut net, here, session) = alone();
    let there = net.address();
    let takeover = net.prove(there, Hello { session, ..hello(7, 2) });
    net.say(here, step(7, session, 1, 1));
    net.say(there, takeover);
    net.say(here, step(7, session, 2, 2));
    net.say(here, Leave { client_id: 7, session });
    net.step();
    assert_eq!((net.true_at(7), net.drops(DropReason::PeerGone)), (Some(at(1, 0)), 2));
}

/// A peer by hand, which plays client 7: its address and session.
fn alone() -> (Net, PeerAddr, u64) {
    let mut net = Net::new(small());
    let here = net.address();
    let session = net.welcomed(here, hello(7, 1)).session;
    (net, here, session)
}

/// The same, with `u32::MAX - 2` as its newest sequence; half of the circle is the longest way at once.
fn near_the_wrap() -> (Net, PeerAddr, u64) {
    let (mut net, here, session) = alone();
    for sequence in [u32::MAX / 2, u32::MAX - 2] {
        net.say(here, step(7, session, sequence, 0));
        net.step();
    }
    (net, here, session)
}

/// What the newest snapshot says of the peer's moves.
fn applied(net: &mut Net, here: PeerAddr) -> (u32, u32) {
    let SnapshotHeader { applied, applied_history, .. } = net.snapshot(here).header;
    (applied, applied_history)
}

/// Clients who have all come at once, and joined by the time that they said hello twice.
fn crowd(clients: u32, datagram_bytes: usize) -> Net {
    let mut net = Net::new(Config { max_peers: 1_000, datagram_bytes, ..Config::default() });
    for client_id in 0..clients {
        net.seat(client_id);
    }
    net.run(9);
    assert_eq!(net.server.gate().peers(), clients as usize);
    net
}

/// Everyone moves somewhere else, and a tick goes by.
fn walk(net: &mut Net, round: i32) {
    let mut draw = Draw::new(round as u64);
    for seat in 0..net.seats.len() {
        let place = draw.number();
        net.move_to(seat, (place & 0x3fff) as i32, (place >> 32 & 0x3fff) as i32);
    }
    net.step();
}

#[test]
fn where_the_system_has_no_room_for_all_everyone_goes_without_in_turn() {
    const CLIENTS: u32 = 200;
    let mut net = Net::new(Config::default());
    (0..CLIENTS).for_each(|client_id| _ = net.join(client_id));
    let (mut batch, mut had) = (Batch::new(net.server.config().datagram_bytes), HashMap::new());
    for _ in 0..100 {
        let (mut room, mut told) = (CLIENTS as usize / 2, 0);
        net.now += net.period();
        net.server.tick(net.now, Tick(net.tick_now() + 1));
        while net.server.poll(&mut batch) {
            batch.iter().take(room).for_each(|(to, _)| *had.entry(to).or_insert(0) += 1);
            told += batch.len();
            if room < batch.len() {
                net.server.on_full();
            }
            room = room.saturating_sub(batch.len());
        }
        assert_eq!(told, CLIENTS as usize, "each is told once, whatever comes of it");
    }
    let least = had.values().min();
    assert!(had.len() == CLIENTS as usize && least > Some(&30), "{} of them, {least:?} of 50", had.len());
}
