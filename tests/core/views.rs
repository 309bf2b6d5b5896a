//! Views that do not fit into a datagram, and what goes out of them.

use tickcast::wire::Position;

use crate::crowd::{Crowd, Way};
use crate::draw::Draw;

fn anywhere(draw: &mut Draw, side: u64) -> Position {
    Position { x: draw.below(side) as i32, y: draw.below(side) as i32 }
}

/// Everyone walks at random, on a clean network, in view of all: how many do not know how many.
fn unknown(players: u32, datagram_bytes: usize, radius: u32, side: u64, step: u64) -> usize {
    let mut draw = Draw::new(1);
    let mut crowd = Crowd::new(1, datagram_bytes, Some(radius));
    for id in 0..players {
        let at = anywhere(&mut draw, side);
        crowd.join(id.wrapping_mul(0x9e37_79b1), at, Way::default());
    }
    for _ in 0..150 {
        for peer in 0..crowd.peers.len() {
            let at = crowd.at(peer);
            let mut walk =
                |at: i32| (at + draw.below(2 * step + 1) as i32 - step as i32).clamp(0, side as i32);
            let to = Position { x: walk(at.x), y: walk(at.y) };
            crowd.place(peer, to);
        }
        crowd.step(0);
    }
    let knows = |id: u32| crowd.peers.iter().filter(move |peer| peer.client.world().player(id).is_none());
    crowd.peers.iter().map(|peer| knows(peer.id).count()).sum()
}

#[test]
fn nobody_in_view_is_left_out_where_not_all_fit() {
    for (players, bytes, radius, side, step) in [(250, 256, 1_000, 700, 3), (250, 500, 100_000, 70_000, 300)]
    {
        assert_eq!(unknown(players, bytes, radius, side, step), 0, "{players} players, {bytes} bytes");
    }
}

#[test]
fn two_full_clusters_know_one_another_however_small_the_datagrams() {
    for (datagram_bytes, side) in [(256, 40), (257, 50), (260, 50)] {
        let mut draw = Draw::new(8);
        let mut crowd = Crowd::new(8, datagram_bytes, Some(300));
        for id in 0..128 {
            let Position { x, y } = anywhere(&mut draw, side);
            let at = Position { x: if id < 64 { x } else { x + 200 }, y };
            crowd.join(900 + 8 * id, at, Way::default());
        }
        (0..400).for_each(|_| crowd.step(0));
        let ignorant = crowd.ignorant(400);
        assert!(ignorant.is_empty(), "{datagram_bytes} bytes, side {side}: {ignorant:?}");
    }
}

/// The others burst apart to places out of view: for how many ticks one who stays still believes in any of them.
fn ticks_believed(datagram_bytes: usize, players: u32, side: u64) -> usize {
    let mut draw = Draw::new(4);
    let mut crowd = Crowd::new(4, datagram_bytes, Some(1_000));
    for id in 0..players {
        let at = anywhere(&mut draw, side);
        crowd.join(id, at, Way::default());
    }
    (0..100).for_each(|_| crowd.step(0));
    for peer in 1..crowd.peers.len() {
        crowd.place(peer, Position { x: 10_000 + peer as i32 * 5_000, y: draw.below(1_000_000) as i32 });
    }
    let believes = |crowd: &mut Crowd| {
        crowd.step(0);
        crowd.peers[0].client.world().len() > 1
    };
    (0..200).take_while(|_| believes(&mut crowd)).count()
}

#[test]
fn a_crowd_that_bursts_out_of_view_is_soon_believed_in_no_more() {
    for (bytes, players, side) in [(256, 62, 50), (300, 62, 50), (500, 62, 50), (1_200, 250, 1_000)] {
        let ticks = ticks_believed(bytes, players, side);
        assert!(ticks < 10, "{ticks} ticks, a second: {players} players, {bytes} bytes");
    }
}
