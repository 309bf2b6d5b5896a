//! Clusters that are nowhere wider than a given diameter, for games in which the far world stays hidden.
//!
//! Whoever no longer fits into its cluster leaves it in the same tick, for another near it or a new one. Clusters that
//! would fit into one together are merged, a few in each tick.

use super::geometry::{center_of, point, square_distance};
use super::{Cluster, Clusters, NOWHERE};
use crate::wire::block::MEMBERS_MAX;
use crate::wire::{Bounds, Position, Tick};
use crate::world::PlayerSlot;

/// Two clusters are merged if they are no wider together than this part of the diameter, so that they stay so for some
/// time.
const MERGED_PERCENT: u64 = 70;

/// Merged clusters have at most so many members: a full one can take in nobody.
const MERGED_MAX: usize = 56;

/// In each update every so many-th cluster looks for one to merge with.
const MERGE_UPDATES: u64 = 8;

/// Whoever looks for a cluster near it looks at no more than so many.
const LOOKS_MAX: usize = 64;

/// A cluster by the row that the least y of its bounds is in, and the least x.
type Row = (i64, i32, u16);

/// What keeps the clusters narrow.
#[derive(Debug)]
pub(super) struct Tight {
    /// No two members of a cluster are farther from each other, in units.
    diameter: u32,
    /// By id: where its members are.
    bounds: Vec<Bounds>,
    /// All clusters by the row that the least y of its bounds is in, then by the least x. Rows are as high as the diameter.
    rows: Vec<Row>,
    /// The same of those that can take in more.
    open: Vec<Row>,
    /// Players that are in no cluster, to be placed.
    homeless: Vec<PlayerSlot>,
}

impl Tight {
    pub(super) fn new(diameter: u32) -> Self {
        Self {
            diameter: diameter.max(1),
            bounds: Vec::new(),
            rows: Vec::new(),
            open: Vec::new(),
            homeless: Vec::new(),
        }
    }

    pub(super) fn take_in(&mut self, slot: PlayerSlot) {
        self.homeless.push(slot);
    }

    /// Where the members of a cluster are.
    pub(super) fn bounds(&self, id: u16) -> Bounds {
        self.bounds[usize::from(id)]
    }

    fn row(&self, y: i64) -> i64 {
        y.div_euclid(self.diameter.into())
    }

    fn fits(&self, bounds: Bounds, percent: u64) -> bool {
        let most = u64::from(self.diameter) * percent / 100;
        bounds.min.distance_squared(bounds.max) <= most * most
    }

    /// The clusters whose least corner is no farther than `reach` from `around` along either axis, and some in the rows
    /// above and below.
    pub(super) fn near(&self, around: Bounds, reach: u32) -> impl Iterator<Item = u16> {
        self.near_in(&self.rows, around, reach)
    }

    fn near_in(&self, all: &[Row], around: Bounds, reach: u32) -> impl Iterator<Item = u16> {
        let reach = i64::from(reach);
        let along_x = i64::from(around.min.x) - reach..=i64::from(around.max.x) + reach;
        let rows = self.row(i64::from(around.min.y) - reach)..=self.row(i64::from(around.max.y) + reach);
        rows.flat_map(move |row| {
            let least = (row, *along_x.start());
            let from = all.partition_point(|&(row, x, _)| (row, i64::from(x)) < least);
            let most = *along_x.end();
            all[from..].iter().take_while(move |at| at.0 == row && i64::from(at.1) <= most)
        })
        .map(|&(_, _, id)| id)
    }

    /// The square in which a place lies: whatever is in one fits into one cluster.
    fn square(&self, at: Position) -> (i32, i32) {
        let side = f64::from(self.diameter) / std::f64::consts::SQRT_2;
        let side = side as i64 + 1;
        (i64::from(at.y).div_euclid(side) as i32, i64::from(at.x).div_euclid(side) as i32)
    }
}

impl Clusters {
    /// One update of clusters that are kept narrow.
    pub(super) fn update_tight(&mut self, mut tight: Tight, tick: Tick, places: &[Position]) -> Tight {
        tight.bounds.resize(self.clusters.len(), Bounds::ALL);
        for id in 0..self.clusters.len() as u16 {
            if self.sites[usize::from(id)].is_live {
                self.expel(&mut tight, id, tick, places);
            }
        }
        self.sort_rows(&mut tight);
        self.place_homeless(&mut tight, tick, places);
        self.merge_some(&mut tight, tick, places);
        self.sort_rows(&mut tight);
        self.players = self.clusters.iter().map(|cluster| cluster.len).sum();
        tight
    }

    /// Takes the members farthest out away from a cluster until it is narrow.
    fn expel(&mut self, tight: &mut Tight, id: u16, tick: Tick, places: &[Position]) {
        loop {
            let members = self.members(id);
            let bounds = bounds_of(members, places);
            tight.bounds[usize::from(id)] = bounds;
            if tight.fits(bounds, 100) {
                return;
            }
            let center = center_of(members, places);
            let far = |slot: &PlayerSlot| square_distance(point(places[slot.index()]), center);
            let Some(&farthest) = members.iter().max_by(|a, b| far(a).total_cmp(&far(b))) else { return };
            self.leave(id, farthest, tick);
            tight.homeless.push(farthest);
        }
    }

    fn sort_rows(&self, tight: &mut Tight) {
        let mut rows = std::mem::take(&mut tight.rows);
        rows.clear();
        rows.extend(self.ids().map(|id| {
            let least = tight.bounds(id).min;
            (tight.row(least.y.into()), least.x, id)
        }));
        rows.sort_unstable();
        tight.open.clear();
        tight.open.extend(rows.iter().filter(|(_, _, id)| self.members(*id).len() < MERGED_MAX));
        tight.rows = rows;
    }

    /// Everyone without a cluster gets one, by squares, so that those near one another come to the same. Should all ids
    /// be in use or at rest, some are left without.
    fn place_homeless(&mut self, tight: &mut Tight, tick: Tick, places: &[Position]) {
        let mut homeless = std::mem::take(&mut tight.homeless);
        homeless.sort_unstable_by_key(|&slot| (tight.square(places[slot.index()]), slot));
        let mut opened = None;
        for slot in homeless.drain(..) {
            if self.home(slot).is_some() {
                continue;
            }
            let at = places[slot.index()];
            let square = tight.square(at);
            let of_square = opened.filter(|&(of, id)| of == square && self.has_room(id, 1));
            let to = match self.with_room(tight, at).or(of_square.map(|(_, id)| id)) {
                Some(id) => id,
                None => {
                    let Some(id) = self.open_at(tight, at, tick) else { continue };
                    opened = Some((square, id));
                    id
                }
            };
            self.enter(to, slot, places);
            self.changes += 1;
            tight.bounds[usize::from(to)] = union(tight.bounds(to), Bounds { min: at, max: at });
        }
        tight.homeless = homeless;
    }

    /// A cluster that has room for one at `at` and would still be narrow; of those looked at, the narrowest.
    fn with_room(&self, tight: &Tight, at: Position) -> Option<u16> {
        let at = Bounds { min: at, max: at };
        let near = tight.near_in(&tight.open, at, tight.diameter);
        let near = near.filter(|&id| self.has_room(id, 1)).take(LOOKS_MAX);
        let widths = near.filter_map(|id| {
            let with = union(tight.bounds(id), at);
            tight.fits(with, 100).then(|| (with.min.distance_squared(with.max), id))
        });
        widths.min().map(|(_, id)| id)
    }

    fn has_room(&self, id: u16, more: usize) -> bool {
        (1..=MEMBERS_MAX - more).contains(&self.members(id).len())
    }

    fn open_at(&mut self, tight: &mut Tight, at: Position, tick: Tick) -> Option<u16> {
        let has_rested = self.resting.front().is_some_and(|&(from_tick, _)| from_tick <= tick);
        if !has_rested && self.clusters.len() >= usize::from(NOWHERE) {
            return None;
        }
        let id = self.open(tick);
        tight.bounds.resize(self.clusters.len(), Bounds::ALL);
        tight.bounds[usize::from(id)] = Bounds { min: at, max: at };
        Some(id)
    }

    /// Some clusters look for one near them that they fit together with, and take its members in.
    fn merge_some(&mut self, tight: &mut Tight, tick: Tick, places: &[Position]) {
        for id in 0..self.clusters.len() as u16 {
            if !self.is_turn_of(id, MERGE_UPDATES) || self.members(id).is_empty() {
                continue;
            }
            let Some((other, bounds)) = self.match_for(tight, id) else { continue };
            let (from, to) =
                if self.members(id).len() < self.members(other).len() { (id, other) } else { (other, id) };
            let Cluster { members, len, .. } = self.clusters[usize::from(from)];
            for &slot in &members[..len] {
                self.leave(from, slot, tick);
                self.enter(to, slot, places);
                self.changes += 1;
            }
            tight.bounds[usize::from(to)] = bounds;
        }
    }

    /// The cluster that would be narrowest together with this one, if narrow enough, and where both are.
    fn match_for(&self, tight: &Tight, id: u16) -> Option<(u16, Bounds)> {
        let (own, len) = (tight.bounds(id), self.members(id).len());
        let others = tight.near_in(&tight.open, own, tight.diameter);
        let is_small =
            |other: &u16| (1..=MERGED_MAX.saturating_sub(len)).contains(&self.members(*other).len());
        let small = others.filter(|&other| other != id).filter(is_small).take(LOOKS_MAX);
        let both = small.filter_map(|other| {
            let with = union(own, tight.bounds(other));
            let fits = tight.fits(with, MERGED_PERCENT);
            fits.then(|| (with.min.distance_squared(with.max), other, with))
        });
        both.min_by_key(|&(width, other, _)| (width, other)).map(|(_, other, with)| (other, with))
    }
}

/// Where players are.
fn bounds_of(slots: &[PlayerSlot], places: &[Position]) -> Bounds {
    let at = |slot: &PlayerSlot| Bounds { min: places[slot.index()], max: places[slot.index()] };
    slots.iter().map(at).reduce(union).unwrap_or(Bounds::ALL)
}

fn union(a: Bounds, b: Bounds) -> Bounds {
    let (min, max) = ((a.min, b.min), (a.max, b.max));
    Bounds {
        min: Position { x: min.0.x.min(min.1.x), y: min.0.y.min(min.1.y) },
        max: Position { x: max.0.x.max(max.1.x), y: max.0.y.max(max.1.y) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const DIAMETER: u32 = 250;

    /// Players that walk, jump, come and go, all drawn from a seed.
    struct Play {
        clusters: Clusters,
        places: Vec<Position>,
        draw: Secret,
        drawn: u64,
    }

    impl Play {
        fn new(seed: u64, players: usize, area: u64) -> Self {
            let clusters = Clusters::tight(128, DIAMETER);
            let mut play = Self { clusters, places: Vec::new(), draw: Secret::from_seed(seed), drawn: 0 };
            play.places = (0..players).map(|_| play.anywhere(area)).collect();
            play
        }

        fn below(&mut self, end: u64) -> u64 {
            self.drawn += 1;
            self.draw.number(self.drawn) % end
        }

        fn anywhere(&mut self, area: u64) -> Position {
            Position { x: self.below(area) as i32, y: self.below(area) as i32 }
        }

        fn update(&mut self, tick: u64) {
            for slot in 0..self.places.len() {
                self.clusters.insert(PlayerSlot(slot as u32), Tick(tick), &self.places);
            }
            self.clusters.update(Tick(tick), &self.places);
            self.check();
        }

        fn check(&self) {
            let clusters = &self.clusters;
            let members: usize = clusters.ids().map(|id| clusters.members(id).len()).sum();
            let is_home = |slot: &PlayerSlot| {
                clusters.home(*slot).is_some_and(|id| clusters.members(id).contains(slot))
            };
            let slots = || (0..self.places.len() as u32).map(PlayerSlot);
            assert_eq!((members, slots().filter(is_home).count()), (self.places.len(), self.places.len()));
            for id in clusters.ids() {
                let bounds = bounds_of(clusters.members(id), &self.places);
                assert_eq!(clusters.bounds(id), Some(bounds));
                assert!(bounds.min.distance_squared(bounds.max) <= u64::from(DIAMETER).pow(2), "{bounds:?}");
            }
        }
    }

    #[test]
    fn none_is_ever_wider_than_allowed_and_nobody_is_without() {
        for (seed, players, area) in [(1, 500, 4_000), (2, 500, 200), (3, 300, 1), (4, 300, 100_000)] {
            let mut play = Play::new(seed, players, area);
            for tick in 1..200 {
                for slot in 0..players {
                    let at = play.places[slot];
                    let [x, y] = [(); 2].map(|()| play.below(11) as i32 - 5);
                    let jumps = play.below(200) == 0;
                    play.places[slot] =
                        if jumps { play.anywhere(area) } else { Position { x: at.x + x, y: at.y + y } };
                }
                play.update(tick);
            }
            let (clusters, changes) = (play.clusters.len(), play.clusters.changes());
            println!("{players} on {area}: {clusters} clusters, {} changes a tick", changes / 200);
            assert!(clusters <= players && (area > 1 || clusters <= players / 16), "{clusters}");
        }
    }

    #[test]
    fn a_crowd_that_bursts_apart_to_the_ends_of_the_world_is_sorted_out_at_once() {
        let mut play = Play::new(5, 600, 10);
        play.update(1);
        let crowded = play.clusters.len();
        for at in &mut play.places {
            let corner = [i32::MIN, i32::MAX];
            *at = Position { x: corner[at.x as usize % 2], y: corner[at.y as usize % 2] };
        }
        play.update(2);
        (3..60).for_each(|tick| play.update(tick));
        assert!(play.clusters.len() <= 4 * crowded, "{} of {crowded}", play.clusters.len());
    }

    #[test]
    fn many_who_gather_on_one_spot_come_to_few_clusters() {
        let mut play = Play::new(8, 4_500, 1 << 31);
        play.update(1);
        assert!(play.clusters.len() > 4_000);
        play.places.fill(Position { x: 7, y: -7 });
        (2..200).for_each(|tick| play.update(tick));
        assert!(play.clusters.len() <= 4_500 / 16, "{}", play.clusters.len());
    }

    #[test]
    fn those_who_are_near_are_found() {
        let mut play = Play::new(6, 800, 6_000);
        (1..10).for_each(|tick| play.update(tick));
        for id in play.clusters.ids() {
            let around = play.clusters.bounds(id).expect("it is there");
            let found: Vec<u16> = play.clusters.near(around, 1_250).collect();
            let least = |id: u16| play.clusters.bounds(id).expect("it is there").min;
            let is_near = |at: Position| {
                (around.min.x - 1_250..=around.max.x + 1_250).contains(&at.x)
                    && (around.min.y - 1_250..=around.max.y + 1_250).contains(&at.y)
            };
            let near: Vec<u16> = play.clusters.ids().filter(|&id| is_near(least(id))).collect();
            assert!(near.iter().all(|id| found.contains(id)) && found.len() <= near.len() * 3 / 2 + 9);
        }
    }
}
