//! Peers who are shown only what is around them: which clusters those are.
//!
//! A cluster comes into view when one of its members may be within the radius, and stays while all of it is within the
//! radius and a margin. Clusters are so narrow that the one follows from the other: nobody within the radius is missing,
//! and nobody beyond the margin is told of.

use super::ages::Ages;
use super::blocks::Base;
use super::grid::PLACES;
use super::parts::PartsTold;
use crate::snapshot::clusters::Clusters;
use crate::wire::{Bounds, Position, Tick};

/// What may be told of beyond the radius, in percent of it.
pub(super) const MARGIN_PERCENT: u32 = 25;

/// So many of the clusters in view, the nearest, are told in every tick.
pub(super) const NEAREST_MAX: usize = 12;

/// Every peer's list has room for as many places as the longest that there was, up to this, so that it seldom grows:
/// 10,000 players on the reference walk who see 2,000 units far need some 220. No peer can make those of others longer.
const PLACES_RESERVED_MAX: usize = 256;

/// How far peers see, and what may be around each cluster.
#[derive(Debug)]
pub(super) struct View {
    radius: u32,
    /// By cluster: which of `around` may be in view of its members, if that was asked for.
    spans: Vec<Option<(u32, u32)>>,
    around: Vec<Around>,
    /// Space to merge in.
    merged: Vec<Place>,
    /// The most places that a peer had, up to [`PLACES_RESERVED_MAX`].
    places_max: usize,
    /// What is in view since the last look: the square of its distance, and its place. If that is crowded, the nearest.
    pub(super) nearest: Vec<(u64, u32)>,
    /// Space for whoever tells: what comes first, and what else must be named.
    pub(super) order: Vec<(u64, u32)>,
    pub(super) named: Vec<u16>,
}

/// A cluster that may be in view.
#[derive(Clone, Copy, Debug)]
struct Around {
    cluster: u16,
    members: u16,
    bounds: Bounds,
}

impl View {
    /// `radius` in units.
    pub(super) fn new(radius: u32) -> Self {
        Self {
            radius,
            spans: Vec::new(),
            around: Vec::new(),
            merged: Vec::new(),
            places_max: 0,
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

    /// Which clusters are in view of the player at `at` in the cluster `home`, if it is in any; gives how many players
    /// those are. `arrived`: which snapshots have reached the peer.
    pub(super) fn look(
        &mut self,
        now: Tick,
        clusters: &Clusters,
        home: Option<u16>,
        at: Position,
        arrived: Ages,
        seen: &mut Seen,
    ) -> u32 {
        let ticks = now.since(seen.now);
        seen.now = now;
        self.nearest.clear();
        self.merged.clear();
        let span = home.map_or(0..0, |home| self.span(clusters, home));
        let (least, most) = (square(self.radius), square(self.radius + Self::margin(self.radius)));
        let mut players = 0;
        let mut before = seen.places.iter().map(|place| place.later(ticks)).peekable();
        for around in &self.around[span] {
            while let Some(place) = before.next_if(|place| place.cluster < around.cluster) {
                self.merged.extend(place.out_of_view(arrived));
            }
            let known = before.next_if(|place| place.cluster == around.cluster);
            let was_in_view = known.is_some_and(|place| place.is_in_view);
            let near = nearest(around.bounds, at);
            if (was_in_view || near <= least) && farthest(around.bounds, at) <= most {
                players += u32::from(around.members);
                self.nearest.push((near, self.merged.len() as u32));
                let place = known.unwrap_or(Place::new(around.cluster));
                self.merged.push(Place { is_in_view: true, ..place });
            } else {
                self.merged.extend(known.and_then(|place| place.out_of_view(arrived)));
            }
        }
        self.merged.extend(before.filter_map(|place| place.out_of_view(arrived)));
        self.places_max = self.places_max.max(self.merged.len().min(PLACES_RESERVED_MAX));
        seen.places.clear();
        seen.places.reserve(self.places_max.next_power_of_two());
        seen.places.extend_from_slice(&self.merged);
        if seen.is_crowded && self.nearest.len() > NEAREST_MAX {
            self.nearest.select_nth_unstable(NEAREST_MAX);
            self.nearest.truncate(NEAREST_MAX);
            self.nearest.sort_unstable();
        }
        players
    }

    /// Where in `around` those stand that may be in view of members of a cluster, ascending.
    fn span(&mut self, clusters: &Clusters, home: u16) -> std::ops::Range<usize> {
        let (from, to) = self.spans[usize::from(home)].unwrap_or_else(|| {
            let from = self.around.len();
            let reach = self.radius + Self::margin(self.radius);
            let near = clusters.bounds(home).into_iter().flat_map(|around| clusters.near(around, reach));
            self.around.extend(near.filter_map(|cluster| {
                let members = clusters.members(cluster).len() as u16;
                Some(Around { cluster, members, bounds: clusters.bounds(cluster)? })
            }));
            self.around[from..].sort_unstable_by_key(|around| around.cluster);
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

    /// Out of view, until the peer knows so, or was told of it so long ago that it believes in it no longer.
    fn out_of_view(self, arrived: Ages) -> Option<Self> {
        let is_forgotten = self.told.is_empty() || !(self.withdrawn & arrived).is_empty();
        (!is_forgotten).then_some(Place { is_in_view: false, ..self })
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
    /// Whether, at each place on the grid, what waits longest found no room.
    pub(super) is_starved: [bool; PLACES],
}

impl Seen {
    pub(super) const NOTHING: Seen =
        Seen { now: Tick(0), places: Vec::new(), is_crowded: false, is_starved: [false; PLACES] };

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

fn square(distance: u32) -> u64 {
    u64::from(distance).pow(2)
}
