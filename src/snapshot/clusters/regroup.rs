//! Sorting two clusters out that lie across each other, which single moves do not help.

use std::ops::RangeInclusive;

use super::geometry::{sort_along_widest, spread_of};
use super::{Cluster, Clusters, NOWHERE};
use crate::wire::block::MEMBERS_MAX;
use crate::wire::{Position, Tick};
use crate::world::PlayerSlot;

/// A cluster is tangled with others if it is so many times as wide as it would be if all around were sorted out.
const TANGLE: f64 = 2.5;

/// Two clusters are regrouped only if that takes away this share of their squared spread.
const REGROUP_GAIN: f64 = 0.25;

/// A regrouping was for nothing if it left the spread or the tangle at more than these shares.
const SPREAD_LEFT: f64 = 0.9;
const TANGLE_LEFT: f64 = 0.8;

/// The ticks for which a cluster is left alone after it has been regrouped: doubled whenever it was for nothing,
/// because the members walk through one another too fast.
const PATIENCE_TICKS: RangeInclusive<u64> = 64..=1024;

/// A tangled cluster that is left alone for longer than this makes no single moves either.
const HOPELESS_TICKS: u64 = 128;

/// With so many of its nearest neighbours a cluster tries to regroup.
const REGROUP_TRIES: usize = 3;

/// What is remembered of the last regrouping of a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regrouped {
    spread_before: f64,
    tangle_before: f64,
    patience_ticks: u64,
    until: Tick,
}

impl Regrouped {
    pub(super) const NEVER: Self = Self {
        spread_before: f64::INFINITY,
        tangle_before: f64::INFINITY,
        patience_ticks: *PATIENCE_TICKS.start(),
        until: Tick(0),
    };

    /// The cluster is looked at again: it waits longer if it has become as wide and as tangled as before.
    fn again(&mut self, (spread, tangle): (f64, f64), tick: Tick) {
        let was_for_nothing =
            spread > self.spread_before * SPREAD_LEFT && tangle > self.tangle_before * TANGLE_LEFT;
        let patience = if was_for_nothing { self.patience_ticks * 2 } else { self.patience_ticks / 2 };
        self.patience_ticks = patience.clamp(*PATIENCE_TICKS.start(), *PATIENCE_TICKS.end());
        (self.spread_before, self.tangle_before) = (spread, tangle);
        self.until = Tick(tick.0 + self.patience_ticks);
    }
}

impl Cluster {
    /// How many times as wide the cluster is as it would be if all around were sorted out.
    ///
    /// Sorted squares of side s spread over s/sqrt(6) and have their k nearest neighbours within s * sqrt((k +
    /// 1)/pi).
    fn tangle(&self) -> f64 {
        let neighbours = (self.neighbours_len + 1) as f64;
        let sorted = self.reach * (std::f64::consts::PI / (6.0 * neighbours)).sqrt();
        if self.spread > 0.0 { self.spread / sorted } else { 0.0 }
    }

    fn is_tangled(&self) -> bool {
        self.tangle() > TANGLE
    }

    /// Whether it has shown that changes do not help it for long.
    pub(super) fn is_hopeless(&self) -> bool {
        self.is_tangled() && self.regrouped.patience_ticks > HOPELESS_TICKS
    }

    fn is_due(&self, tick: Tick) -> bool {
        self.len > 0 && self.is_tangled() && self.regrouped.until <= tick
    }

    fn width(&self) -> (f64, f64) {
        (self.spread, self.tangle())
    }
}

impl Clusters {
    /// Regroups one tangled cluster with a neighbour, the next in turn that has waited long enough.
    pub(super) fn regroup_next(&mut self, tick: Tick, places: &[Position]) {
        let count = self.clusters.len();
        let mut turns = (self.cursor..self.cursor + count).map(|turn| turn % count);
        let Some(index) = turns.find(|&index| self.clusters[index].is_due(tick)) else { return };
        self.cursor = index + 1;
        let mut partners = [NOWHERE; REGROUP_TRIES];
        partners.iter_mut().zip(self.clusters[index].neighbours()).for_each(|(to, id)| *to = *id);
        self.measure(index as u16, places);
        let width = self.clusters[index].width();
        self.clusters[index].regrouped.again(width, tick);
        for other in partners {
            if self.members(other).is_empty() {
                continue;
            }
            self.measure(other, places);
            let width = self.clusters[usize::from(other)].width();
            if self.regroup(index as u16, other, places) {
                return self.clusters[usize::from(other)].regrouped.again(width, tick);
            }
        }
    }

    /// Shares the members of two clusters out anew, by a cut across, if that makes both clearly narrower.
    fn regroup(&mut self, id: u16, other: u16, places: &[Position]) -> bool {
        let mut all = [PlayerSlot(0); 2 * MEMBERS_MAX];
        let (first, second) = (self.members(id), self.members(other));
        let len = first.len() + second.len();
        all[..first.len()].copy_from_slice(first);
        all[first.len()..len].copy_from_slice(second);
        let all = &mut all[..len];
        let squares = |slots: &[PlayerSlot]| slots.len() as f64 * spread_of(slots, places).1.powi(2);
        let before = squares(first) + squares(second);
        sort_along_widest(all, places);
        let (low, high) = all.split_at(len / 2);
        if squares(low) + squares(high) > before * (1.0 - REGROUP_GAIN) {
            return false;
        }
        let staying =
            |slots: &[PlayerSlot]| slots.iter().filter(|slot| self.homes[slot.index()] == id).count();
        let (to_id, to_other) = if staying(low) >= staying(high) { (low, high) } else { (high, low) };
        self.share_out([(id, to_id), (other, to_other)], places);
        true
    }

    /// Gives two clusters new members from among their old ones; who stays keeps its order, who enters is
    /// appended.
    pub(super) fn share_out(&mut self, shares: [(u16, &[PlayerSlot]); 2], places: &[Position]) {
        for (id, slots) in shares {
            slots.iter().for_each(|slot| self.homes[slot.index()] = id);
        }
        let old = shares.map(|(id, _)| {
            let Cluster { members, len, .. } = self.clusters[usize::from(id)];
            (id, members, len)
        });
        for [stay, enter] in [[0, 1], [1, 0]] {
            let id = old[stay].0;
            let cluster = &mut self.clusters[usize::from(id)];
            cluster.len = 0;
            for (from, members, len) in [old[stay], old[enter]] {
                for &slot in members[..len].iter().filter(|slot| self.homes[slot.index()] == id) {
                    cluster.members[cluster.len] = slot;
                    cluster.len += 1;
                    self.changes += u64::from(from != id);
                }
            }
        }
        for (id, _) in shares {
            self.measure(id, places);
        }
        for (id, _) in shares {
            self.seek(id);
        }
    }
}
