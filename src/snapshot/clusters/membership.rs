//! Who moves to another cluster, one at a time.

use super::geometry::{Site, cheapest, repulsion};
use super::{Clusters, NEIGHBOURS_MAX, NOWHERE};
use crate::wire::block::MEMBERS_MAX;
use crate::wire::{Position, Tick};
use crate::world::PlayerSlot;

/// At most so many members move to another cluster at a visit, so that at most one player in 128 does per tick.
pub(super) const MOVES_PER_VISIT: usize = 2;

/// Each cluster looks for its neighbours in every so many updates; a multiple of the updates between visits.
const SEEK_UPDATES: u64 = 16;
const _: () = assert!(SEEK_UPDATES.is_multiple_of(super::VISIT_UPDATES));

/// A player moves only to a cluster whose attraction is so many times that of its own. With 2 there are more
/// changes, with 4 clusters overlap more: the least bits on the reference walk, at 99 % of the near found.
const ATTRACTION_TO_MOVE: f64 = 2.5;

/// A player joins a full cluster, which then splits, if any other attracts it so many times less.
const ATTRACTION_TO_SPLIT: f64 = 4.0;

/// A member so many times as far out as the others in the mean has jumped: its new cluster need not be a neighbour.
const JUMP_SPREADS: f64 = 5.0;

/// A member that would be better off in another cluster.
#[derive(Clone, Copy)]
struct Wish {
    slot: PlayerSlot,
    to: u16,
    attraction: f64,
}

impl Clusters {
    /// Looks after one cluster.
    pub(super) fn visit(&mut self, id: u16, tick: Tick, places: &[Position]) {
        self.measure(id, places);
        for wish in self.wishes(id, places).into_iter().flatten() {
            if self.sites[usize::from(wish.to)].is_open() {
                self.leave(id, wish.slot, tick);
                self.enter(wish.to, wish.slot, places);
                self.changes += 1;
            }
        }
        if self.is_turn_of(id, SEEK_UPDATES) {
            self.seek(id);
        }
    }

    /// The members that have most to gain from a move.
    fn wishes(&self, id: u16, places: &[Position]) -> [Option<Wish>; MOVES_PER_VISIT] {
        let cluster = &self.clusters[usize::from(id)];
        let mut near = [Site::NONE; NEIGHBOURS_MAX];
        for (site, &neighbour) in near.iter_mut().zip(cluster.neighbours()) {
            *site = self.sites[usize::from(neighbour)];
        }
        let own = Site { repulsion: repulsion(cluster.len - 1), ..self.sites[usize::from(id)] };
        let jump = JUMP_SPREADS * JUMP_SPREADS * cluster.spread * cluster.spread * own.repulsion;
        let mut wishes = [None; MOVES_PER_VISIT];
        let mut may_jump = true;
        let is_hopeless = cluster.is_hopeless();
        for &slot in cluster.members() {
            let at = places[slot.index()];
            let cost = own.cost(at);
            let (to, least) = if cost > jump && may_jump {
                // One search among all clusters per visit, so that a visit stays cheap.
                may_jump = false;
                self.nearest(at)
            } else if is_hopeless {
                continue;
            } else {
                let (nearest, least) = cheapest(&near, at);
                (cluster.neighbours[nearest], least)
            };
            let wish = Wish { slot, to, attraction: cost / least };
            if wish.attraction > ATTRACTION_TO_MOVE && to != id {
                keep_greatest(&mut wishes, wish);
            }
        }
        wishes
    }

    /// The cluster with room that attracts most, and its cost there.
    pub(super) fn nearest(&self, at: Position) -> (u16, f64) {
        let (index, cost) = cheapest(&self.sites, at);
        (index as u16, cost)
    }

    /// A cluster with room for a player at `at`: the most attractive, half of a full one, or a new one.
    pub(super) fn room_for(&mut self, at: Position, tick: Tick, places: &[Position]) -> u16 {
        let (id, cost) = self.nearest(at);
        match self.nearest_full(at) {
            Some((full, least)) if least * ATTRACTION_TO_SPLIT < cost => {
                let other = self.split(full, tick, places);
                let cost = |id: u16| self.sites[usize::from(id)].cost(at);
                if cost(other) < cost(full) { other } else { full }
            }
            _ if cost.is_finite() => id,
            _ => self.open(tick),
        }
    }

    fn nearest_full(&self, at: Position) -> Option<(u16, f64)> {
        let full = self.sites.iter().enumerate().filter(|(_, site)| site.is_live && !site.is_open());
        let costs = full
            .map(|(id, site)| (id as u16, Site { repulsion: repulsion(MEMBERS_MAX - 1), ..*site }.cost(at)));
        costs.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Appends a player to a cluster that has room.
    pub(super) fn enter(&mut self, id: u16, slot: PlayerSlot, places: &[Position]) {
        let cluster = &mut self.clusters[usize::from(id)];
        cluster.members[cluster.len] = slot;
        cluster.len += 1;
        self.homes[slot.index()] = id;
        // The centre follows at once, so that many who enter in one tick see one another.
        let (site, len, at) = (&mut self.sites[usize::from(id)], cluster.len as f64, places[slot.index()]);
        site.center[0] += (f64::from(at.x) - site.center[0]) / len;
        site.center[1] += (f64::from(at.y) - site.center[1]) / len;
        site.repulsion = repulsion(cluster.len);
    }

    /// Takes a player out of its cluster, which closes if that was the last.
    pub(super) fn leave(&mut self, id: u16, slot: PlayerSlot, tick: Tick) {
        let cluster = &mut self.clusters[usize::from(id)];
        if let Some(at) = cluster.members().iter().position(|&member| member == slot) {
            cluster.members.copy_within(at + 1..cluster.len, at);
            cluster.len -= 1;
        }
        self.homes[slot.index()] = NOWHERE;
        self.sites[usize::from(id)].repulsion = repulsion(cluster.len);
        if cluster.len == 0 {
            self.close(id, tick);
        }
    }
}

/// Keeps a wish if it is greater than one of those kept, greatest first.
fn keep_greatest(kept: &mut [Option<Wish>], mut wish: Wish) {
    for place in kept {
        match place {
            Some(other) if other.attraction >= wish.attraction => {}
            Some(other) => std::mem::swap(other, &mut wish),
            None => {
                *place = Some(wish);
                return;
            }
        }
    }
}
