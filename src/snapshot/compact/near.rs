//! The clusters around a peer, which it is told of in every tick.

use super::ages::Ages;
use crate::snapshot::clusters::NEIGHBOURS_MAX;

/// The peer's own cluster, and its neighbours.
pub(super) const SEATS: usize = NEIGHBOURS_MAX + 1;

/// Who sits at each seat.
pub(super) type Seats = [u16; SEATS];

/// A seat that nobody sits in.
const EMPTY: u16 = u16::MAX;

/// The clusters around a peer, its own first, each with the ticks in which the peer was told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    clusters: Seats,
    told: [Ages; SEATS],
}

impl Near {
    pub(super) const NOBODY: Near = Near { clusters: [EMPTY; SEATS], told: [Ages::NONE; SEATS] };

    /// So many ticks go by.
    #[inline]
    pub(super) fn later(&mut self, ticks: u64) {
        self.told = self.told.map(|ages| ages.later(ticks));
    }

    /// These are the clusters around the peer from now on; what was told of those that stay is kept.
    #[inline]
    pub(super) fn seat(&mut self, clusters: Seats) {
        if clusters != self.clusters {
            let before = *self;
            self.told = clusters.map(|cluster| before.told_of(cluster));
            self.clusters = clusters;
        }
    }

    /// Takes over what another was told, so many ticks ago, in the ticks of these ages before now.
    pub(super) fn absorb(&mut self, other: &Near, ticks: u64, ages: Ages) {
        self.seat(other.clusters);
        for (told, others) in self.told.iter_mut().zip(other.told) {
            *told |= others.later(ticks) & ages;
        }
    }

    /// Whether every seat is told now that is so in the other, which has the same seats.
    pub(super) fn covers(&self, other: &Near) -> bool {
        self.clusters == other.clusters
            && self.told.iter().zip(&other.told).all(|(told, others)| told.contains(0) || !others.contains(0))
    }

    fn told_of(&self, cluster: u16) -> Ages {
        let seat = self.clusters.iter().position(|&seated| seated == cluster && cluster != EMPTY);
        seat.map_or(Ages::NONE, |seat| self.told[seat])
    }

    /// Who sits at each seat.
    pub(super) fn seats(&self) -> Seats {
        self.clusters
    }

    /// In the order in which they are told.
    pub(super) fn clusters(&self) -> &[u16] {
        let end = self.clusters.iter().position(|&cluster| cluster == EMPTY).unwrap_or(SEATS);
        &self.clusters[..end]
    }

    /// When the peer was told of the cluster at this seat.
    #[inline(always)]
    pub(super) fn told(&self, seat: usize) -> Ages {
        self.told[seat]
    }

    /// It is told now.
    #[inline(always)]
    pub(super) fn note(&mut self, seat: usize) {
        self.told[seat] |= Ages(1);
    }
}

/// The first of these clusters as seats.
pub(super) fn seats(around: impl Iterator<Item = u16>) -> Seats {
    let mut seats = [EMPTY; SEATS];
    seats.iter_mut().zip(around).for_each(|(seat, cluster)| *seat = cluster);
    seats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_goes_with_the_cluster_from_seat_to_seat() {
        let mut near = Near::NOBODY;
        near.seat(seats([7, 8, 9].into_iter()));
        near.note(0);
        near.later(2);
        near.note(1);
        near.seat(seats([8, 3, 7].into_iter()));
        assert_eq!(near.clusters(), [8, 3, 7]);
        assert_eq!([0, 1, 2].map(|seat| near.told(seat).0), [1, 0, 4]);
        near.seat(seats([].into_iter()));
        assert!(near.clusters().is_empty());
    }
}
