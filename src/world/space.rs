//! Who is near whom, cheaply: the players in the order of a space-filling curve.

use super::{PlayerSlot, World};
use crate::wire::Position;

/// How far along the curve, to either side, near players are looked for.
const REACH: usize = 64;

/// The players that stand somewhere, in Z-order (Morton, 1966): who is near in it is near in the plane.
///
/// Refresh it once a tick, then ask for as many neighbourhoods as there are peers; each costs the same,
/// however many players there are and however they crowd. The reverse does not hold: the curve has seams,
/// and some near players lie far along it. Who is told of near players by this order must also be told of
/// all others in turn.
#[derive(Debug, Default)]
pub struct NearOrder {
    order: Vec<(u64, PlayerSlot)>,
    rank: Vec<u32>,
    found: Vec<(u64, PlayerSlot)>,
}

impl NearOrder {
    /// Takes in where everyone stands: O(n log n).
    pub fn refresh(&mut self, world: &World) {
        self.order.clear();
        self.order.extend(world.standing().map(|(slot, player)| (morton(player.at), slot)));
        self.order.sort_unstable();
        self.rank.resize(world.slots(), 0);
        for (rank, (_, slot)) in self.order.iter().enumerate() {
            self.rank[slot.index()] = rank as u32;
        }
    }

    /// Up to `most` players near the one at `slot`, which must stand somewhere; not itself. The nearest of
    /// those within reach along the curve, in no particular order.
    pub fn near(&mut self, world: &World, slot: PlayerSlot, most: usize) -> &[(u64, PlayerSlot)] {
        self.found.clear();
        let Some(at) = world.player(slot).map(|player| player.at) else { return &[] };
        let rank = self.rank[slot.index()] as usize;
        let within = rank.saturating_sub(REACH)..(rank + REACH + 1).min(self.order.len());
        for &(_, other) in &self.order[within] {
            if other != slot
                && let Some(player) = world.player(other)
            {
                self.found.push((at.distance_squared(player.at), other));
            }
        }
        if most < self.found.len() {
            self.found.select_nth_unstable(most);
            self.found.truncate(most);
        }
        &self.found
    }
}

/// The bits of both coordinates in turn, highest first; negative coordinates come before positive ones.
fn morton(at: Position) -> u64 {
    let biased = |v: i32| v as u32 ^ 0x8000_0000;
    spread(biased(at.y)) << 1 | spread(biased(at.x))
}

/// Moves bit `i` to bit `2 i`.
fn spread(bits: u32) -> u64 {
    let mut v = u64::from(bits);
    v = (v | v << 16) & 0x0000_ffff_0000_ffff;
    v = (v | v << 8) & 0x00ff_00ff_00ff_00ff;
    v = (v | v << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    v = (v | v << 2) & 0x3333_3333_3333_3333;
    (v | v << 1) & 0x5555_5555_5555_5555
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::wire::Bounds;

    #[test]
    fn the_curve_takes_both_coordinates_in_turn() {
        assert_eq!(spread(0b1011), 0b1000101);
        assert_eq!(spread(u32::MAX), 0x5555_5555_5555_5555);
        let at = |x, y| morton(Position { x, y });
        assert!(at(-1, -1) < at(0, 0) && at(i32::MIN, i32::MIN) == 0 && at(i32::MAX, i32::MAX) == u64::MAX);
    }

    #[test]
    fn near_players_are_nearer_than_most() {
        let mut world = World::new(Bounds::ALL, &Secret::from_seed(1));
        let draw = Secret::from_seed(2);
        for id in 0..2_000 {
            let slot = world.admit(id);
            let number = draw.number(u64::from(id));
            let at = Position { x: (number & 0xfff) as i32, y: (number >> 32 & 0xfff) as i32 };
            world.place(slot, at, 0).expect("everywhere is a place");
        }
        let mut order = NearOrder::default();
        order.refresh(&world);
        for slot in (0..2_000).step_by(50).map(PlayerSlot) {
            let here = world.player(slot).expect("placed").at;
            let near = order.near(&world, slot, 30).to_vec();
            let nearer =
                |far: u64| world.standing().filter(|(_, p)| p.at.distance_squared(here) < far).count();
            let mut ranks: Vec<usize> = near.iter().map(|(far, _)| nearer(*far)).collect();
            ranks.sort_unstable();
            assert_eq!(near.len(), 30);
            assert!(ranks[15] < 100, "half of the 30 found are among the nearest 100 of 2,000: {ranks:?}");
        }
    }

    #[test]
    fn a_crowd_in_one_place_costs_no_more_than_its_reach() {
        let mut world = World::new(Bounds::ALL, &Secret::from_seed(1));
        for id in 0..1_000 {
            let slot = world.admit(id);
            world.place(slot, Position { x: 5, y: 5 }, 0).expect("everywhere is a place");
        }
        let mut order = NearOrder::default();
        order.refresh(&world);
        assert_eq!(order.near(&world, PlayerSlot(500), usize::MAX).len(), 2 * REACH);
        assert_eq!(order.near(&world, PlayerSlot(0), 7).len(), 7);
    }
}
