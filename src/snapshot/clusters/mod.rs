//! Which players share a block?
//!
//! A cluster is up to [`MEMBERS_MAX`] players that are near one another. It is not a region: it moves with its
//! members, who walk together without a change. Membership is sticky, because every change costs some 80 bits in
//! the blocks that tell it: a player changes only when another cluster is clearly nearer, and only a few do at each
//! of a cluster's rare visits. Fuller clusters attract less, which keeps all of them about equally full.
//!
//! Where crossing a cluster's width takes a few ticks only, any sorting is stale at once. Clusters notice that
//! regrouping was for nothing, wait ever longer, and stop paying for changes.

mod geometry;
mod membership;
mod neighbours;
mod number;
mod regroup;
mod tight;

use std::collections::VecDeque;

use geometry::{Site, center_of};
use regroup::Regrouped;
use tight::Tight;

use crate::wire::block::MEMBERS_MAX;
use crate::wire::{Bounds, Position, Tick};
use crate::world::PlayerSlot;

/// The most neighbours that a cluster lists.
pub const NEIGHBOURS_MAX: usize = 12;

/// Each cluster is looked after in every so many updates: a quarter of them in each.
pub const VISIT_UPDATES: u64 = 4;

/// The most players that change clusters in one update, when there are so many clusters.
pub fn changes_max(clusters: usize) -> usize {
    clusters.div_ceil(VISIT_UPDATES as usize) * membership::MOVES_PER_VISIT + 2 * MEMBERS_MAX
}

/// No cluster.
const NOWHERE: u16 = u16::MAX;

/// All clusters, and which player is in which. Every `places` is a table with a row for every slot.
///
/// - Players: [`Clusters::insert`], [`Clusters::remove`].
/// - Once per tick, after all moves: [`Clusters::update`].
/// - Questions: [`Clusters::home`], [`Clusters::members`], [`Clusters::neighbours`], [`Clusters::ids`],
///   [`Clusters::id_bits`], [`Clusters::changes`].
///
/// Members keep their order: those who stay are in the same order as before, and whoever enters is appended. An id
/// rests for `rest_ticks` before it names another cluster. Nothing is allocated once as many clusters have been
/// there before.
#[derive(Debug)]
pub struct Clusters {
    rest_ticks: u64,
    /// By id, also of those at rest.
    clusters: Vec<Cluster>,
    /// By id: what is needed of every cluster to find the nearest.
    sites: Vec<Site>,
    /// By slot.
    homes: Vec<u16>,
    /// Ids at rest, with the tick from which each may be used again.
    resting: VecDeque<(Tick, u16)>,
    players: usize,
    live: usize,
    changes: u64,
    updates: u64,
    /// Where the search for a tangled cluster goes on.
    cursor: usize,
    tight: Option<Tight>,
}

#[derive(Debug)]
struct Cluster {
    members: [PlayerSlot; MEMBERS_MAX],
    len: usize,
    /// The mean distance of the members from the centre, squares averaged.
    spread: f64,
    neighbours: [u16; NEIGHBOURS_MAX],
    neighbours_len: usize,
    /// The distance from the centre to that of the last neighbour.
    reach: f64,
    regrouped: Regrouped,
}

impl Cluster {
    const EMPTY: Self = Self {
        members: [PlayerSlot(0); MEMBERS_MAX],
        len: 0,
        spread: 0.0,
        neighbours: [NOWHERE; NEIGHBOURS_MAX],
        neighbours_len: 0,
        reach: 0.0,
        regrouped: Regrouped::NEVER,
    };

    fn members(&self) -> &[PlayerSlot] {
        &self.members[..self.len]
    }

    fn neighbours(&self) -> &[u16] {
        &self.neighbours[..self.neighbours_len]
    }
}

impl Clusters {
    /// No clusters yet. `rest_ticks` must be more than the ticks for which a peer may name an old cluster.
    pub fn new(rest_ticks: u64) -> Self {
        Self {
            rest_ticks,
            clusters: Vec::new(),
            sites: Vec::new(),
            homes: Vec::new(),
            resting: VecDeque::new(),
            players: 0,
            live: 0,
            changes: 0,
            updates: 0,
            cursor: 0,
            tight: None,
        }
    }

    /// No clusters yet, of which none will be wider than `diameter` after an update, in units: no two of its members are
    /// farther from each other, nor are the corners of its bounds. They list no neighbours, and are asked for by place.
    pub fn tight(rest_ticks: u64, diameter: u32) -> Self {
        Self { tight: Some(Tight::new(diameter)), ..Self::new(rest_ticks) }
    }

    /// Takes in a player; nothing happens if it is in a cluster already.
    ///
    /// It is compared with every cluster (1 us where there are 178): limit how many join per tick.
    pub fn insert(&mut self, slot: PlayerSlot, tick: Tick, places: &[Position]) {
        if self.home(slot).is_some() {
            return;
        }
        if self.homes.len() <= slot.index() {
            self.homes.resize(slot.index() + 1, NOWHERE);
        }
        if let Some(tight) = &mut self.tight {
            return tight.take_in(slot);
        }
        self.players += 1;
        let id = self.room_for(places[slot.index()], tick, places);
        self.enter(id, slot, places);
    }

    /// Lets a player go; nothing happens if it is in no cluster.
    pub fn remove(&mut self, slot: PlayerSlot, tick: Tick) {
        let Some(id) = self.home(slot) else { return };
        self.players -= 1;
        self.leave(id, slot, tick);
    }

    /// Looks after a quarter of the clusters, regroups at most one pair, and splits or dissolves at most one: at
    /// most [`changes_max`] players change. Call it once per tick, after the moves.
    ///
    /// Clusters that are kept tight are all looked after, and as many players change as must.
    pub fn update(&mut self, tick: Tick, places: &[Position]) {
        self.updates += 1;
        if let Some(tight) = self.tight.take() {
            self.tight = Some(self.update_tight(tight, tick, places));
            return;
        }
        self.follow(places);
        for id in 0..self.clusters.len() as u16 {
            if self.sites[usize::from(id)].is_live && self.is_turn_of(id, VISIT_UPDATES) {
                self.visit(id, tick, places);
            }
        }
        self.regroup_next(tick, places);
        if self.updates.is_multiple_of(VISIT_UPDATES) {
            self.fit_number(tick, places);
        }
    }

    /// Whether it is this cluster's turn of so many. Turns count updates, because ticks may be skipped.
    fn is_turn_of(&self, id: u16, turns: u64) -> bool {
        (u64::from(id) + self.updates).is_multiple_of(turns)
    }

    /// Moves all centres with their members: in a crowd that walks, a centre that lags would seem another's.
    fn follow(&mut self, places: &[Position]) {
        for (site, cluster) in self.sites.iter_mut().zip(&self.clusters).filter(|(site, _)| site.is_live) {
            site.center = center_of(cluster.members(), places);
        }
    }
}

/// Questions.
impl Clusters {
    /// The cluster that a player is in.
    pub fn home(&self, slot: PlayerSlot) -> Option<u16> {
        self.homes.get(slot.index()).copied().filter(|&id| id != NOWHERE)
    }

    /// A cluster's members, in order; none if there is no such cluster.
    pub fn members(&self, id: u16) -> &[PlayerSlot] {
        self.clusters.get(usize::from(id)).map_or(&[], Cluster::members)
    }

    /// The nearest other clusters, as of a few updates ago, nearest first. One that is gone since has no members.
    pub fn neighbours(&self, id: u16) -> &[u16] {
        self.clusters.get(usize::from(id)).map_or(&[], Cluster::neighbours)
    }

    /// Where the members of a cluster are, if clusters are kept tight, and as of the last update.
    pub fn bounds(&self, id: u16) -> Option<Bounds> {
        self.tight.as_ref().filter(|_| !self.members(id).is_empty()).map(|tight| tight.bounds(id))
    }

    /// The clusters whose least corner is no farther than `reach` from `around` along either axis, each once, and some
    /// others; if clusters are kept tight, and as of the last update.
    pub fn near(&self, around: Bounds, reach: u32) -> impl Iterator<Item = u16> {
        self.tight.iter().flat_map(move |tight| tight.near(around, reach))
    }

    /// How far a cluster's members are from its centre, in units, squares averaged; as of its last visit.
    pub fn spread(&self, id: u16) -> f64 {
        self.clusters.get(usize::from(id)).map_or(0.0, |cluster| cluster.spread)
    }

    /// The ids of all clusters, ascending.
    pub fn ids(&self) -> impl Iterator<Item = u16> {
        self.sites.iter().enumerate().filter(|(_, site)| site.is_live).map(|(id, _)| id as u16)
    }

    /// The width that every id so far fits into, in bits: at least 1, never less than before.
    pub fn id_bits(&self) -> u32 {
        (usize::BITS - self.clusters.len().saturating_sub(1).leading_zeros()).max(1)
    }

    /// How many clusters there are.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no cluster.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// How many times a player has moved from one cluster to another so far.
    pub fn changes(&self) -> u64 {
        self.changes
    }
}
