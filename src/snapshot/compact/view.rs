//! Peers who are shown only what is around them: which clusters those are.
//!
//! A cluster comes into view when one of its members may be within the radius, and stays while all of it is within the
//! radius and a margin. Clusters are so narrow that the one follows from the other: nobody within the radius is missing,
//! and nobody beyond the margin is told of.

use super::ages::Ages;
use super::blocks::Base;
use super::parts::PartsTold;
use crate::snapshot::clusters::Clusters;
use crate::wire::{Bounds, Position, Tick};

/// What may be told of beyond the radius, in percent of it.
pub(super) const MARGIN_PERCENT: u32 = 25;

/// So many of the clusters in view, the nearest, are told in every tick.
pub(super) const NEAREST_MAX: usize = 12;

/// How far peers see, and what may be around each cluster.
#[derive(Debug)]
pub(super) struct View {
    radius: u32,
    /// By cluster: which of `around` may be in view of its members, if that was asked for.
    spans: Vec<Option<(u32, u32)>>,
    around: Vec<u16>,
    /// Space to merge in.
    merged: Vec<Place>,
    /// What was in view at the last look, by the square of its distance; if that is crowded, the nearest.
    pub(super) nearest: Vec<(u64, u16)>,
    /// Space for whoever tells: what comes first, and what else must be named.
    pub(super) order: Vec<(u64, u16)>,
    pub(super) named: Vec<u16>,
}

impl View {
    /// `radius` in units.
    pub(super) fn new(radius: u32) -> Self {
        Self {
            radius,
            spans: Vec::new(),
            around: Vec::new(),
            merged: Vec::new(),
            nearest: Vec::new(),
            order: Vec::new(),
            named: Vec::new(),
        }
    }

    /// How wide a cluster may be, in units.
    pub(super) fn diameter(radius: u32) -> u32 {
        Self::margin(radius)
    }

    fn margin(radius: u32) -> u32 {
        (u64::from(radius) * u64::from(MARGIN_PERCENT) / 100) as u32
    }

    /// A tick begins with so many clusters.
    pub(super) fn begin(&mut self, clusters: usize) {
        self.spans.clear();
        self.spans.resize(clusters, None);
        self.around.clear();
    }

    /// Which clusters are in view of the player at `at` in the cluster `home`, if it is in any.
    pub(super) fn look(
        &mut self,
        now: Tick,
        clusters: &Clusters,
        home: Option<u16>,
        at: Position,
        seen: &mut Seen,
    ) {
        let ticks = now.since(seen.now);
        seen.now = now;
        self.nearest.clear();
        let span = home.map_or(0..0, |home| self.span(clusters, home));
        self.merged.clear();
        let mut before = seen.places.iter().peekable();
        for index in span {
            let cluster = self.around[index];
            while let Some(place) = before.next_if(|place| place.cluster < cluster) {
                self.merged.push(Place { is_in_view: false, ..place.later(ticks) });
            }
            let known = before.next_if(|place| place.cluster == cluster).map(|place| place.later(ticks));
            let Some(bounds) = clusters.bounds(cluster) else {
                self.merged.extend(known.map(|place| Place { is_in_view: false, ..place }));
                continue;
            };
            let was_in_view = known.is_some_and(|place| place.is_in_view);
            let is_in_view = is_within(farthest(bounds, at), self.radius + Self::margin(self.radius))
                && (was_in_view || is_within(nearest(bounds, at), self.radius));
            if is_in_view {
                self.nearest.push((nearest(bounds, at), cluster));
            }
            if is_in_view || known.is_some() {
                let place = known.unwrap_or(Place::new(cluster));
                self.merged.push(Place { is_in_view, ..place });
            }
        }
        self.merged.extend(before.map(|place| Place { is_in_view: false, ..place.later(ticks) }));
        seen.places.clear();
        seen.places.extend_from_slice(&self.merged);
        if seen.is_crowded && self.nearest.len() > NEAREST_MAX {
            self.nearest.select_nth_unstable(NEAREST_MAX);
            self.nearest.truncate(NEAREST_MAX);
            self.nearest.sort_unstable();
        }
    }

    /// Where in `around` those stand that may be in view of members of a cluster, ascending.
    fn span(&mut self, clusters: &Clusters, home: u16) -> std::ops::Range<usize> {
        let (from, to) = self.spans[usize::from(home)].unwrap_or_else(|| {
            let from = self.around.len();
            let reach = self.radius + Self::margin(self.radius);
            self.around.extend(clusters.bounds(home).iter().flat_map(|&around| clusters.near(around, reach)));
            self.around[from..].sort_unstable();
            (from as u32, self.around.len() as u32)
        });
        self.spans[usize::from(home)] = Some((from, to));
        from as usize..to as usize
    }
}

/// A cluster that a peer was told of, or is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) cluster: u16,
    pub(super) is_in_view: bool,
    /// When it was told of it.
    pub(super) told: Ages,
    /// When, since it went out of view, the peer was told that nobody is in it.
    pub(super) withdrawn: Ages,
}

impl Place {
    fn new(cluster: u16) -> Self {
        Self { cluster, is_in_view: false, told: Ages::NONE, withdrawn: Ages::NONE }
    }

    fn later(self, ticks: u64) -> Self {
        Self { told: self.told.later(ticks), withdrawn: self.withdrawn.later(ticks), ..self }
    }

    /// What the peer holds of it: the newest of what it was told in one of the ticks `among`.
    pub(super) fn base(&self, now: Tick, among: Ages, parts: &PartsTold) -> Option<Base> {
        let held = (self.told & among).iter().map(|age| (age, parts.eights(self.cluster, now, age)));
        held.into_iter().find(|(_, eights)| *eights > 0).map(|(age, eights)| Base { age: age as u8, eights })
    }
}

/// What one peer sees, and what it has seen and may still believe in.
///
/// Memory: 24 bytes for each cluster.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    now: Tick,
    /// Ascending by cluster.
    pub(super) places: Vec<Place>,
    /// Whether not all that is in view fits into a snapshot.
    pub(super) is_crowded: bool,
}

impl Seen {
    pub(super) const NOTHING: Seen = Seen { now: Tick(0), places: Vec::new(), is_crowded: false };

    /// The clusters in view.
    pub(super) fn in_view(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| place.is_in_view)
    }

    pub(super) fn is_in_view(&self, cluster: u16) -> bool {
        self.index_of(cluster).is_some_and(|index| self.places[index].is_in_view)
    }

    pub(super) fn index_of(&self, cluster: u16) -> Option<usize> {
        self.places.binary_search_by_key(&cluster, |place| place.cluster).ok()
    }

    /// Forgets what is out of view, and known by the peer to be so, or told too long ago to be believed in.
    pub(super) fn forget(&mut self, arrived: Ages) {
        self.places.retain(|place| {
            place.is_in_view || !place.told.is_empty() && (place.withdrawn & arrived).is_empty()
        });
    }
}

/// The square of the distance to the nearest place within bounds.
fn nearest(bounds: Bounds, at: Position) -> u64 {
    let x = at.x.clamp(bounds.min.x, bounds.max.x);
    let y = at.y.clamp(bounds.min.y, bounds.max.y);
    at.distance_squared(Position { x, y })
}

/// The square of the distance to the farthest.
fn farthest(bounds: Bounds, at: Position) -> u64 {
    let farther =
        |least: i32, most: i32, at: i32| if at.abs_diff(least) > at.abs_diff(most) { least } else { most };
    let x = farther(bounds.min.x, bounds.max.x, at.x);
    let y = farther(bounds.min.y, bounds.max.y, at.y);
    at.distance_squared(Position { x, y })
}

fn is_within(square: u64, distance: u32) -> bool {
    square <= u64::from(distance).pow(2)
}
