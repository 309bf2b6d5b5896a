//! Centres, spreads, and what it costs to be far from one.

use crate::wire::Position;
use crate::wire::block::MEMBERS_MAX;
use crate::world::PlayerSlot;

/// The members aimed at: the fewer clusters the better, but a full one can take in nobody.
pub(super) const MEMBERS_AIM: usize = 60;

/// Where a cluster is, and how little it attracts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) center: [f64; 2],
    /// Multiplies squared distances. Infinite if the cluster cannot take in anybody.
    pub(super) repulsion: f64,
    pub(super) is_live: bool,
}

impl Site {
    /// Nowhere, and full.
    pub(super) const NONE: Self = Self { center: [0.0; 2], repulsion: f64::INFINITY, is_live: false };

    /// What it costs to be in this cluster: the squared distance, more if it is fuller. Never 0, so that costs
    /// divide.
    #[inline(always)]
    pub(super) fn cost(&self, at: Position) -> f64 {
        (square_distance(point(at), self.center) + 1e-3) * self.repulsion
    }

    /// Whether it has room for one more.
    pub(super) fn is_open(&self) -> bool {
        self.repulsion.is_finite()
    }
}

/// How little a cluster attracts one more, by the members it has.
pub(super) fn repulsion(len: usize) -> f64 {
    let fill = (len + 1) as f64 / MEMBERS_AIM as f64;
    if len < MEMBERS_MAX { fill * fill * fill } else { f64::INFINITY }
}

/// The first site of the least cost, and that cost.
#[inline]
pub(super) fn cheapest(sites: &[Site], at: Position) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (index, site) in sites.iter().enumerate() {
        let cost = site.cost(at);
        if cost < best.1 {
            best = (index, cost);
        }
    }
    best
}

/// The mean of the places of players.
pub(super) fn center_of(slots: &[PlayerSlot], places: &[Position]) -> [f64; 2] {
    let sum = slots.iter().fold([0_i64; 2], |[x, y], slot| {
        let at = places[slot.index()];
        [x + i64::from(at.x), y + i64::from(at.y)]
    });
    sum.map(|sum| sum as f64 / slots.len().max(1) as f64)
}

/// The centre of players, and how far they are from it, squares averaged.
pub(super) fn spread_of(slots: &[PlayerSlot], places: &[Position]) -> ([f64; 2], f64) {
    let center = center_of(slots, places);
    let squares: f64 = slots.iter().map(|slot| square_distance(point(places[slot.index()]), center)).sum();
    (center, (squares / slots.len().max(1) as f64).sqrt())
}

/// Sorts players along the axis of their greater extent; those in one place by slot.
pub(super) fn sort_along_widest(slots: &mut [PlayerSlot], places: &[Position]) {
    let extent = |coordinate: fn(Position) -> i32| {
        let along = || slots.iter().map(|slot| i64::from(coordinate(places[slot.index()])));
        along().max().unwrap_or(0) - along().min().unwrap_or(0)
    };
    if extent(|at| at.y) > extent(|at| at.x) {
        slots.sort_unstable_by_key(|&slot| (places[slot.index()].y, slot));
    } else {
        slots.sort_unstable_by_key(|&slot| (places[slot.index()].x, slot));
    }
}

#[inline(always)]
pub(super) fn square_distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let [x, y] = [a[0] - b[0], a[1] - b[1]];
    x * x + y * y
}

#[inline(always)]
pub(super) fn point(at: Position) -> [f64; 2] {
    [f64::from(at.x), f64::from(at.y)]
}
