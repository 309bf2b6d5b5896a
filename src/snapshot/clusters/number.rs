//! How many clusters: they open and close, split when too many are full, dissolve when too many are not.

use super::geometry::{MEMBERS_AIM, Site, repulsion, sort_along_widest};
use super::{Cluster, Clusters, NOWHERE};
use crate::wire::block::MEMBERS_MAX;
use crate::wire::{Position, Tick};

impl Clusters {
    /// Takes an id that has rested, or a new one.
    ///
    /// Ids cannot run out: a cluster opens when another is full, so that at most one id is taken for every 32
    /// players, plus one for every 32 that join while the ids of closed clusters rest.
    pub(super) fn open(&mut self, tick: Tick) -> u16 {
        let rested = self.resting.pop_front_if(|&mut (from_tick, _)| from_tick <= tick);
        let id = rested.map_or(self.clusters.len() as u16, |(_, id)| id);
        assert!(id != NOWHERE, "{} clusters hold more players than there are peers", self.clusters.len());
        if usize::from(id) == self.clusters.len() {
            self.clusters.push(Cluster::EMPTY);
            self.sites.push(Site::NONE);
        }
        self.clusters[usize::from(id)] = Cluster::EMPTY;
        self.sites[usize::from(id)] = Site { repulsion: repulsion(0), is_live: true, ..Site::NONE };
        self.live += 1;
        id
    }

    pub(super) fn close(&mut self, id: u16, tick: Tick) {
        self.clusters[usize::from(id)].neighbours_len = 0;
        self.sites[usize::from(id)] = Site::NONE;
        self.resting.push_back((Tick(tick.0 + self.rest_ticks), id));
        self.live -= 1;
    }

    /// Dissolves or splits one cluster if there are too many or too few.
    pub(super) fn fit_number(&mut self, tick: Tick, places: &[Position]) {
        if self.has_too_many() {
            self.dissolve_smallest(tick, places);
        } else if self.has_too_few() {
            self.split_widest(tick, places);
        }
    }

    /// Whether the players would fit into fewer clusters.
    fn has_too_many(&self) -> bool {
        self.live * MEMBERS_AIM > self.players + self.players / 16 + MEMBERS_MAX
    }

    /// Whether so many clusters are full that players cannot move.
    fn has_too_few(&self) -> bool {
        self.live * MEMBERS_AIM < self.players && self.players > MEMBERS_MAX
    }

    fn split_widest(&mut self, tick: Tick, places: &[Position]) {
        let full = self.ids().filter(|&id| self.members(id).len() == MEMBERS_MAX);
        if let Some(id) = full.max_by(|&a, &b| self.spread(a).total_cmp(&self.spread(b))) {
            self.split(id, tick, places);
        }
    }

    /// Moves one half of a full cluster to a new one.
    pub(super) fn split(&mut self, id: u16, tick: Tick, places: &[Position]) -> u16 {
        let other = self.open(tick);
        let mut all = self.clusters[usize::from(id)].members;
        sort_along_widest(&mut all, places);
        let (low, high) = all.split_at(MEMBERS_MAX / 2);
        self.share_out([(id, low), (other, high)], places);
        other
    }

    /// Lets the members of the smallest cluster move to the others, as long as there is room.
    fn dissolve_smallest(&mut self, tick: Tick, places: &[Position]) {
        let Some(id) = self.ids().min_by_key(|&id| self.members(id).len()) else { return };
        let Cluster { members, len, .. } = self.clusters[usize::from(id)];
        for &slot in &members[..len] {
            self.sites[usize::from(id)].repulsion = f64::INFINITY;
            let (to, cost) = self.nearest(places[slot.index()]);
            if !cost.is_finite() {
                self.sites[usize::from(id)].repulsion = repulsion(self.members(id).len());
                return;
            }
            self.leave(id, slot, tick);
            self.enter(to, slot, places);
            self.changes += 1;
        }
    }
}
