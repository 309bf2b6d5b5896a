//! Crowds whose peers hear of snapshots late, seldom, twice and out of order, and hop from cluster to cluster.

use tickcast::wire::Position;

use crate::crowd::{Crowd, Peer, Way};
use crate::draw::Draw;

fn any_way(draw: &mut Draw, worst: u64) -> Way {
    match draw.below(6) {
        0..2 => Way::default(),
        2 => Way { delay: draw.below(12), ..Way::default() },
        3 => Way { lost: draw.below(worst), late: draw.below(50), jitter: 6, ..Way::default() },
        4 => Way { lost: draw.below(20), twice: 30, late: 50, jitter: draw.below(7), delay: draw.below(70) },
        _ => Way { lost: draw.below(101), twice: 10, late: 20, jitter: 5, delay: draw.below(5) },
    }
}

fn play(seed: u64, players: u32, datagram_bytes: usize, side: u64, ticks: u64, view: Option<u32>) {
    println!("seed {seed}, {players} players, {datagram_bytes} bytes, side {side}, view {view:?}");
    let (mut draw, mut loads) = (Draw::new(seed), Draw::new(seed + 1));
    let mut crowd = Crowd::new(seed, datagram_bytes, view);
    // In thousands, fifths, hundreds and thousands.
    let [hop, go, skip, rejoin] = [
        [0, 1, 30][draw.below(3) as usize],
        [0, 0, 1, 5][draw.below(4) as usize],
        draw.below(3),
        [0, 0, 1][draw.below(3) as usize],
    ];
    let anywhere = |draw: &mut Draw| Position { x: draw.below(side) as i32, y: draw.below(side) as i32 };
    let mut ids = players;
    for id in 0..players {
        let at = anywhere(&mut draw);
        let way = any_way(&mut draw, 60);
        crowd.join(id, at, way);
    }
    for tick in 0..ticks {
        for peer in 0..crowd.peers.len() {
            if draw.below(1_000) < hop {
                let at = anywhere(&mut draw);
                crowd.place(peer, at);
            } else {
                let at = crowd.at(peer);
                let id = crowd.peers[peer].id as i32;
                crowd.place(
                    peer,
                    Position { x: at.x + id % 7 - 3, y: at.y + id % 5 - 2 + tick as i32 % 3 - 1 },
                );
            }
            if draw.below(1_000) < rejoin {
                crowd.rejoin(peer);
            }
            if draw.below(500) < 1 {
                crowd.peers[peer].way = any_way(&mut draw, 60);
            }
        }
        if draw.below(200) < 1 && tick % 2 == 0 {
            (0..crowd.peers.len() * 9 / 10).for_each(|_| crowd.leave(0));
        }
        while go > 0 && draw.below(100) < 20 * go && !crowd.peers.is_empty() {
            crowd.leave(draw.below(crowd.peers.len() as u64) as usize);
        }
        while (crowd.peers.len() as u32) < players && draw.below(100) < 50 {
            ids += 1;
            let at = anywhere(&mut draw);
            let way = any_way(&mut draw, 60);
            crowd.join(ids, at, way);
        }
        let skipped =
            if draw.below(100) < skip { [1, 3, 30, 63, 64, 65, 130][draw.below(7) as usize] } else { 0 };
        crowd.load = if loads.below(20) == 0 { loads.below(200) as u32 } else { crowd.load };
        crowd.step(skipped);
    }
    crowd.load = 0;
    crowd.peers.iter_mut().for_each(|peer| peer.way = Way { delay: peer.way.delay % 50, ..Way::default() });
    let calm = 150 + 40 * u64::from(players) / 100 * (1_200 / datagram_bytes as u64).max(1);
    (0..calm).for_each(|_| crowd.step(0));
    let ignorant = crowd.ignorant(calm);
    assert!(ignorant.is_empty(), "{ignorant:?}");
}

#[test]
fn crowds_on_any_network_are_sent_what_they_can_decode_and_end_with_all_of_it() {
    for seed in 0..12 {
        let mut draw = Draw::new(seed ^ 77);
        let datagram_bytes = [256, 300, 500, 1_200, 1_200, 65_507][draw.below(6) as usize];
        let players = [1, 10, 50, 100, 200][draw.below(5) as usize];
        let side = [1_000, 10_000, 1_000_000][draw.below(3) as usize];
        play(seed, players, datagram_bytes, side, 100, None);
    }
}

#[test]
fn who_hears_late_learns_of_clusters_that_fit_into_no_datagram() {
    play(12, 200, 256, 10_000, 150, None);
}

#[test]
fn crowds_that_see_only_what_is_around_them_are_never_told_of_more_and_end_with_all_of_it() {
    for seed in 100..104 {
        let mut draw = Draw::new(seed ^ 77);
        let datagram_bytes = [256, 300, 500, 1_200, 1_200, 65_507][draw.below(6) as usize];
        let players = [10, 50, 100, 200][draw.below(4) as usize];
        let side = [1_000, 10_000][draw.below(2) as usize];
        let radius = side as u32 / [1, 3, 8][draw.below(3) as usize];
        play(seed, players, datagram_bytes, side, 100, Some(radius));
    }
}

#[test]
fn on_a_clean_network_whoever_is_in_view_is_known_and_whoever_goes_out_is_not() {
    let mut draw = Draw::new(9);
    let mut crowd = Crowd::new(9, 1_200, Some(1_000));
    let anywhere = |draw: &mut Draw| Position { x: draw.below(4_000) as i32, y: draw.below(4_000) as i32 };
    for id in 0..150 {
        let at = anywhere(&mut draw);
        crowd.join(id, at, Way::default());
    }
    (0..30).for_each(|_| crowd.step(0));
    for tick in 0..300 {
        for peer in 0..crowd.peers.len() {
            let (at, way) = (crowd.at(peer), crowd.peers[peer].id as i32);
            let walked = Position { x: at.x + way % 31 - 15, y: at.y + way % 23 - 11 };
            let to = if draw.below(500) == 0 { anywhere(&mut draw) } else { walked };
            crowd.place(peer, to);
        }
        if tick % 10 == 0 {
            crowd.leave(draw.below(crowd.peers.len() as u64) as usize);
            let at = anywhere(&mut draw);
            crowd.join(1_000 + tick, at, Way::default());
        }
        crowd.step(0);
        let ignorant = crowd.ignorant(30);
        assert!(ignorant.is_empty(), "tick {tick}: {ignorant:?}");
    }
}

#[test]
fn a_server_that_skips_every_other_tick_leaves_nobody_out() {
    let skipped = 1;
    let mut draw = Draw::new(skipped);
    let mut crowd = Crowd::new(skipped, 720, None);
    for id in 0..600 {
        let at = Position { x: draw.below(90_000) as i32, y: draw.below(90_000) as i32 };
        crowd.join(id, at, Way::default());
    }
    for _ in 0..150 {
        for peer in 0..crowd.peers.len() {
            let at = crowd.at(peer);
            let [x, y] = [(); 2].map(|()| draw.below(201) as i32 - 100);
            crowd.place(peer, Position { x: at.x + x, y: at.y + y });
        }
        crowd.step(skipped);
    }
    let stale = crowd.tick - 90 * (skipped + 1);
    let fresh = |peer: &Peer| peer.client.world().players().filter(|known| known.told.0 > stale).count();
    let behind: Vec<(u32, usize)> =
        crowd.peers.iter().map(|peer| (peer.id, 600 - fresh(peer))).filter(|(_, stale)| *stale > 0).collect();
    assert!(behind.len() <= 3, "{behind:?}");
}

#[test]
fn a_crowd_that_makes_ticks_too_long_gets_to_know_the_world_a_few_at_a_time() {
    let mut draw = Draw::new(5);
    let mut crowd = Crowd::new(5, 500, None);
    for id in 0..600 {
        let at = Position { x: draw.below(90_000) as i32, y: draw.below(90_000) as i32 };
        crowd.join(id, at, Way::default());
    }
    let well_informed = |crowd: &Crowd| {
        let ignorant = crowd.ignorant(0);
        let knows_most = |wrong: usize| wrong < 300;
        600 - ignorant.iter().filter(|(_, wrong, _)| !knows_most(*wrong)).count()
    };
    crowd.load = 150;
    let mut informed = Vec::new();
    for _ in 0..4 {
        for _ in 0..20 {
            walk(&mut crowd, &mut draw, 10);
        }
        let own = crowd.peers.iter().filter(|peer| knows_itself(peer, &crowd)).count();
        assert_eq!(own, 600, "everyone is told of what is around it");
        informed.push(well_informed(&crowd));
    }
    assert!(informed[0] < 100 && informed.is_sorted(), "{informed:?} know most of the others");
    assert_eq!(informed[3], 600, "however long ticks take");
    crowd.load = 0;
    (0..40).for_each(|_| crowd.step(0));
    assert_eq!(crowd.ignorant(0), []);
}

#[test]
fn who_waits_holds_nothing_of_what_it_was_told_a_round_of_ticks_before() {
    let mut draw = Draw::new(6);
    let mut crowd = Crowd::new(6, 300, None);
    for id in 0..600 {
        let at = Position { x: draw.below(90_000) as i32, y: draw.below(90_000) as i32 };
        crowd.join(id, at, Way::default());
    }
    for load in [0, 150, 0] {
        crowd.load = load;
        (0..70).for_each(|_| walk(&mut crowd, &mut draw, 300));
    }
}

fn walk(crowd: &mut Crowd, draw: &mut Draw, most: i32) {
    for peer in 0..crowd.peers.len() {
        let at = crowd.at(peer);
        let [x, y] = [(); 2].map(|()| draw.below(2 * most as u64 + 1) as i32 - most);
        crowd.place(peer, Position { x: at.x + x, y: at.y + y });
    }
    crowd.step(0);
}

/// Whether the peer was told of its own cluster in this tick.
fn knows_itself(peer: &Peer, crowd: &Crowd) -> bool {
    peer.client.world().player(peer.id).is_some_and(|known| known.told.0 == crowd.tick)
}
