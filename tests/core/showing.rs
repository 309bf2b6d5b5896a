//! Where players are shown between the ticks that they were told for.

use std::cell::RefCell;
use std::rc::Rc;

use tickcast::client::{KnownWorld, RenderTime};
use tickcast::wire::compact_snapshot;

use crate::draw::Draw;
use crate::pair::{Fate, Net, Way};

/// Units along x that a player goes each tick.
const PACES: [i32; 4] = [6, -3, 0, 1];

/// Where the tick stands in a compact snapshot.
const TICK_AT: std::ops::Range<usize> = 12..20;

fn in_ticks(time: RenderTime) -> f64 {
    time.tick.0 as f64 + time.fraction
}

/// Everyone walks straight on, for a tick.
fn walk(net: &mut Net) {
    let next = net.tick_now() as i32 + 1;
    for (seat, pace) in PACES.iter().enumerate() {
        net.move_to(seat, pace * next, 7 * seat as i32);
    }
    net.step();
}

#[test]
fn a_straight_walk_is_shown_exactly_through_losses_and_delays() {
    let (mut net, seats) = Net::with([0, 1, 2, 3]);
    (0..20).for_each(|_| walk(&mut net));
    let mut draw = Draw::new(5);
    net.weather(move |way, _| match draw.below(10) {
        0..2 if way == Way::ToClient => Fate::Lost,
        2..6 if way == Way::ToClient => Fate::Late(1 + draw.below(4)),
        _ => Fate::Arrives,
    });
    let mut last = [0.0; 4];
    for _ in 0..300 {
        walk(&mut net);
        for seat in seats {
            let time = net.seats[seat].client.render_time(net.now).expect("it has snapshots");
            assert!(in_ticks(time) >= last[seat], "time goes on");
            last[seat] = in_ticks(time);
            check_shown(&net, seat, time);
        }
    }
    let behind = net.tick_now() as f64 - last[0];
    assert!(
        (3.0..4.0).contains(&behind),
        "{behind} ticks: a hundred milliseconds, and what the clock forgot"
    );
}

/// A plain snapshot tells no motions: past the newest place nobody knows how it goes on.
fn check_shown(net: &Net, seat: usize, time: RenderTime) {
    let world = net.seats[seat].client.world();
    assert_eq!(world.positions_at(time).count(), 4);
    for (known, shown) in world.positions_at(time) {
        let client_id = known.player.client_id;
        let is_guessed = seat % 2 == 1 && known.told <= time.tick;
        let x = f64::from(PACES[client_id as usize]) * in_ticks(time);
        let is_exact = (shown[0] - x).abs() < 1e-6 && shown[1] == 7.0 * f64::from(client_id);
        assert!(is_exact || is_guessed, "seat {seat}: {client_id} at {shown:?}, not {x}");
        assert_eq!(world.position_at(client_id, time), Some(shown));
    }
}

#[test]
fn whatever_compact_snapshots_say_everyone_is_shown_within_the_world() {
    let mut believed = 0;
    for seed in 0..30 {
        println!("seed {seed}");
        let (mut net, _) = Net::with([0, 1, 2, 3]);
        let heard = Rc::new(RefCell::new(Vec::new()));
        let ear = Rc::clone(&heard);
        net.weather(move |_, bytes| {
            ear.borrow_mut().extend(compact_snapshot(bytes).map(|_| bytes.to_vec()));
            Fate::Arrives
        });
        let mut draw = Draw::new(seed);
        for _ in 0..60 {
            walk(&mut net);
            for bytes in heard.take() {
                (0..10).for_each(|_| net.give_to_client(0, &mangled(&mut draw, &bytes)));
                check_harmless(&net);
            }
        }
        believed += net.seats[0].events.len();
    }
    assert!(believed > 30 * 60 * 3, "{believed}: most of them must be no snapshots, but not nearly all");
}

/// A few bits are others, and often the tick too.
fn mangled(draw: &mut Draw, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + draw.below(3) {
        let bit = 32 * 8 + draw.below(bytes.len() as u64 * 8 - 32 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    let tick = u64::from_le_bytes(bytes[TICK_AT].try_into().expect("eight bytes"));
    let other = match draw.below(100) {
        0..30 => tick.wrapping_add(draw.below(130)).wrapping_sub(64),
        30 => u64::MAX - draw.below(2),
        31 => draw.number(),
        _ => tick,
    };
    bytes[TICK_AT].copy_from_slice(&other.to_le_bytes());
    bytes
}

fn check_harmless(net: &Net) {
    let client = &net.seats[0].client;
    let now = client.render_time(net.now).expect("it has snapshots");
    assert!(client.world().len() < KnownWorld::PLAYERS_MAX / 8);
    for time in [now, RenderTime { tick: client.world().newest(), fraction: 0.5 }] {
        let world = f64::from(i32::MIN)..=f64::from(i32::MAX);
        let is_within = |shown: [f64; 2]| shown.iter().all(|place| world.contains(place));
        assert!(client.world().positions_at(time).all(|(_, shown)| is_within(shown)), "{time:?}");
    }
}
