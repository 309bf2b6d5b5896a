//! The compact snapshot: clusters of near players, each as a block that is encoded once and copied to many.
//!
//! A peer is told of its own surroundings every tick, of what was lost before its turn, and of all other clusters
//! in turn. Choosing costs it O(blocks told), however many clusters there are.

mod blocks;
mod history;
mod packing;
mod told;

use crate::wire::block::Member;
use crate::wire::{SnapshotHeader, Tick};
use crate::world::{PlayerSlot, World};

use super::clusters::Clusters;
use super::motion::{LOOK_TICKS, Pace};
use blocks::Blocks;
use history::{FRAMES, History};
use packing::Packing;

pub use told::Told;

/// Most players that enter the clusters in one tick; it takes about a microsecond for each. The others follow in
/// the next.
const ENTERING_MAX: usize = 1_000;

/// Where all blocks of a tick would fit into this part of a datagram, every cluster is told every tick.
const ALL_FIT_PERCENT: usize = 85;

/// Makes the compact snapshots of a tick.
///
/// [`CompactSnapshots::on_gone`] whenever a player goes; [`CompactSnapshots::begin`] once a tick, after all
/// changes; then [`CompactSnapshots::write`] for every peer.
///
/// Memory: for each player 64 ticks of history at 24 bytes, and about 60 bytes besides.
#[derive(Debug)]
pub struct CompactSnapshots {
    datagram_bytes: usize,
    now: Tick,
    begun: u64,
    clusters: Clusters,
    history: History,
    blocks: Blocks,
    /// By slot.
    places: Vec<crate::wire::Position>,
    paces: Vec<Pace>,
    /// By cluster: whether it was there at the last tick.
    was_there: Vec<bool>,
    /// Clusters that are no more, and since when.
    dissolved: Vec<(Tick, u16)>,
    /// The clusters whose turn it is to be told to all, ascending.
    due: Vec<u16>,
    is_everyone_due: bool,
    /// By cluster: the last snapshot that it was put into.
    told_in: Vec<u64>,
    snapshots: u64,
}

impl CompactSnapshots {
    /// For datagrams of at most `datagram_bytes`.
    pub fn new(datagram_bytes: usize) -> Self {
        Self {
            datagram_bytes,
            now: Tick(0),
            begun: 0,
            clusters: Clusters::new(2 * FRAMES as u64),
            history: History::new(),
            blocks: Blocks::new(),
            places: Vec::new(),
            paces: Vec::new(),
            was_there: Vec::new(),
            dissolved: Vec::new(),
            due: Vec::new(),
            is_everyone_due: true,
            told_in: Vec::new(),
            snapshots: 0,
        }
    }

    /// From `tick` on, the player that was at `slot` is seen no longer.
    pub fn on_gone(&mut self, tick: Tick, slot: PlayerSlot) {
        self.clusters.remove(slot, tick);
    }

    /// Takes in the world of `tick`.
    pub fn begin(&mut self, tick: Tick, world: &World) {
        self.now = tick;
        self.begun += 1;
        self.follow_players(world);
        self.clusters.update(tick, &self.places);
        self.note_dissolved();
        self.remember(world);
        self.is_everyone_due =
            self.blocks.mean_bytes() * self.clusters.len() <= self.datagram_bytes * ALL_FIT_PERCENT / 100;
        self.blocks.begin(tick, self.was_there.len(), self.clusters.id_bits());
        self.due.clear();
        let is_due = |id: &u16| self.is_everyone_due || blocks::is_on_grid(*id, tick);
        self.due.extend(self.clusters.ids().filter(is_due));
    }

    /// Appends the snapshot of a peer that plays the player at `own` to `out`.
    pub fn write(
        &mut self,
        header: &SnapshotHeader,
        world: &World,
        own: PlayerSlot,
        told: &mut Told,
        out: &mut Vec<u8>,
    ) {
        self.snapshots += 1;
        let home = |id: u32| world.slot_of(id).and_then(|slot| self.clusters.home(slot));
        told.begin(self.now, self.was_there.len());
        let mut packing = Packing {
            now: self.now,
            history: &self.history,
            blocks: &mut self.blocks,
            home: &home,
            told_in: &mut self.told_in,
            snapshot: self.snapshots,
            told,
            start: out.len(),
            limit: out.len(),
            out,
        };
        packing.head(header);
        packing.tombstones(&self.dissolved);
        let near = self.clusters.home(own).map_or(&[][..], |home| self.clusters.neighbours(home));
        let place = if self.is_everyone_due { 0 } else { blocks::grid_place(self.now) };
        if packing.told.takes_far_first() {
            packing.far(&self.due, place);
        }
        packing.near(self.clusters.home(own), near);
        packing.lost(&self.was_there);
        packing.far(&self.due, place);
        packing.rest_of_near(near);
    }

    /// How many blocks were encoded for this tick so far.
    pub fn encoded(&self) -> usize {
        self.blocks.encoded()
    }

    /// Where everyone is, who is new, and, for a quarter of the players, where they are heading.
    fn follow_players(&mut self, world: &World) {
        self.places.resize(world.slots(), Default::default());
        self.paces.resize(world.slots(), Pace::default());
        let mut entering = ENTERING_MAX;
        for (slot, player) in world.standing() {
            self.places[slot.index()] = player.at;
            if self.clusters.home(slot).is_none() {
                if entering > 0 {
                    entering -= 1;
                    self.paces[slot.index()] = Pace::at(player.at);
                    self.clusters.insert(slot, self.now, &self.places);
                }
            } else if (u64::from(slot.0) + self.begun).is_multiple_of(LOOK_TICKS) {
                self.paces[slot.index()].look(player.at);
            }
        }
    }

    fn note_dissolved(&mut self) {
        let now = self.now;
        self.dissolved.retain(|(since, _)| now.since(*since) < FRAMES as u64);
        let ids = 1 << self.clusters.id_bits();
        self.was_there.resize(ids.max(self.was_there.len()), false);
        self.told_in.resize(self.was_there.len(), 0);
        let mut is_there = self.clusters.ids().peekable();
        for (id, was_there) in self.was_there.iter_mut().enumerate() {
            let is = is_there.next_if(|there| usize::from(*there) == id).is_some();
            if *was_there && !is {
                self.dissolved.push((now, id as u16));
            }
            *was_there = is;
        }
    }

    /// Adds this tick to the history.
    fn remember(&mut self, world: &World) {
        self.history.begin(self.now, self.was_there.len());
        for id in self.clusters.ids() {
            let members = self.clusters.members(id).iter().filter_map(|&slot| {
                let player = world.player(slot)?;
                let motion = self.paces[slot.index()].motion();
                Some(Member { id: player.client_id, at: player.at, state: player.state, motion, kind: 0 })
            });
            self.history.add(self.now, id, members);
        }
    }
}
