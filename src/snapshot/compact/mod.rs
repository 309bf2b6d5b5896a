//! The compact snapshot: clusters of near players, each as a block that is encoded once and copied to many.
//!
//! A peer is told of its own surroundings every tick, of what was lost before its turn, and of all other clusters
//! in turn. Choosing costs it O(blocks told), however many clusters there are.

mod ages;
mod blocks;
mod effort;
mod graves;
mod grid;
mod history;
mod lead;
mod near;
mod order;
mod packing;
mod parts;
mod records;
mod showing;
mod telling;
mod told;
mod turn;
mod view;

use std::time::Duration;

use crate::wire::block::Member;
use crate::wire::{
    CHECKSUM_FLAG, COMPACT_TAG, EXTRAS_FLAG, Position, SnapshotHeader, Tick, kind_of, put_snapshot_header,
};
use crate::world::{PlayerSlot, World};

use super::clusters::Clusters;
use super::motion::{LOOK_TICKS, Pace};
use ages::Ages;
use blocks::{Blocks, Source};
use effort::Effort;
use graves::Graves;
use grid::Grid;
use history::{FRAMES, History};
use lead::Lead;
use near::{Seats, seats};
use order::Agenda;
use packing::{Chosen, Mark, NearTally, Stock};
use telling::Telling;
use view::View;

pub use told::Told;

/// Most players that enter the clusters in one tick; it takes about a microsecond for each. The others follow in
/// the next.
const ENTERING_MAX: usize = 1_000;

/// What a snapshot has before its blocks: see PROTOCOL-COMPACT.md.
const HEADER_BYTES: usize = 33;
const CHECKSUM_BYTES: usize = 8;

/// Where all blocks of a tick would take no more than this part of a datagram, it is every cluster's turn in every tick,
/// even if not quite all fit.
const ALL_FIT_PERCENT: usize = 120;

/// Makes the compact snapshots of a tick.
///
/// [`CompactSnapshots::on_gone`] whenever a player goes; [`CompactSnapshots::begin`] once a tick, after all
/// changes; then [`CompactSnapshots::write`] for every peer.
///
/// Memory: for each player 64 ticks of history at 24 bytes, and about 60 bytes besides; for each cluster of some 56
/// players about 2 KB.
#[derive(Debug)]
pub struct CompactSnapshots {
    datagram_bytes: usize,
    has_checksums: bool,
    now: Tick,
    begun: u64,
    clusters: Clusters,
    history: History,
    blocks: Blocks,
    /// By slot.
    places: Vec<Position>,
    paces: Vec<Pace>,
    /// By cluster.
    lives: Vec<Life>,
    marks: Vec<Mark>,
    graves: Graves,
    /// The clusters whose turn it is to be told to all, ascending.
    due: Vec<u16>,
    grid: Grid,
    near_tally: NearTally,
    effort: Effort,
    snapshots: u64,
    /// By cluster.
    leads: Vec<Lead>,
    /// What followers of leads are sent in this tick.
    bodies: Vec<u8>,
    chosen: Vec<Chosen>,
    /// How far peers see, unless they see everything.
    view: Option<View>,
}

/// A cluster and its neighbours, which are looked for now and then: some may be no more.
fn seats_around(clusters: &Clusters, home: Option<u16>, marks: &[Mark]) -> Seats {
    let neighbours = home.map_or(&[][..], |home| clusters.neighbours(home));
    let there = neighbours.iter().copied().filter(|&id| marks[usize::from(id)].is_there);
    seats(home.into_iter().chain(there))
}

/// When a cluster was there, the last time.
#[derive(Clone, Copy, Debug)]
struct Life {
    began: Tick,
    /// The first tick without it.
    ended: Option<Tick>,
}

impl Default for Life {
    fn default() -> Self {
        Self { began: Tick(0), ended: Some(Tick(0)) }
    }
}

impl Life {
    /// The ages of the ticks in which it was there.
    fn ages(self, now: Tick) -> Ages {
        let end = now.since(self.began) + 1;
        let ended = self.ended.map_or(0, |ended| now.since(ended) + 1);
        Ages::below(end) & !Ages::below(ended)
    }
}

impl CompactSnapshots {
    /// For datagrams of at most `datagram_bytes`, with checksums of what they tell or without.
    pub fn new(datagram_bytes: usize, has_checksums: bool) -> Self {
        Self::make(datagram_bytes, has_checksums, None)
    }

    /// The same, for peers who are shown no farther than `radius` units around their players, and at most a quarter of
    /// that beyond: whole clusters, which are no wider than that quarter. `radius` is 4 to 2^30.
    pub fn with_view(datagram_bytes: usize, has_checksums: bool, radius: u32) -> Self {
        Self::make(datagram_bytes, has_checksums, Some(radius))
    }

    fn make(datagram_bytes: usize, has_checksums: bool, radius: Option<u32>) -> Self {
        let rest_ticks = 2 * FRAMES as u64;
        let clusters = match radius {
            Some(radius) => Clusters::tight(rest_ticks, View::diameter(radius)),
            None => Clusters::new(rest_ticks),
        };
        Self {
            datagram_bytes,
            has_checksums,
            now: Tick(0),
            begun: 0,
            clusters,
            history: History::new(),
            blocks: Blocks::new(has_checksums, radius.is_some()),
            places: Vec::new(),
            paces: Vec::new(),
            lives: Vec::new(),
            marks: Vec::new(),
            graves: Graves::default(),
            due: Vec::new(),
            grid: Grid::default(),
            near_tally: NearTally::default(),
            effort: Effort::new(),
            snapshots: 0,
            leads: Vec::new(),
            bodies: Vec::new(),
            chosen: Vec::new(),
            view: radius.map(View::new),
        }
    }

    /// From `tick` on, the player that was at `slot` is seen no longer.
    pub fn on_gone(&mut self, tick: Tick, slot: PlayerSlot) {
        self.clusters.remove(slot, tick);
    }

    /// Takes in the world of `tick`.
    pub fn begin(&mut self, tick: Tick, world: &World) {
        let ticks = tick.since(self.now);
        self.now = tick;
        self.begun += 1;
        self.follow_players(world);
        self.clusters.update(tick, &self.places);
        self.note_births_and_deaths();
        self.remember(world);
        self.blocks.begin(tick, self.lives.len(), self.clusters.id_bits());
        self.bodies.clear();
        self.effort.begin();
        match &mut self.view {
            Some(view) => {
                view.begin(self.lives.len());
                self.grid.begin(ticks, false);
            }
            None => self.find_due(ticks),
        }
        self.mark_clusters();
    }

    /// Appends the snapshot of a peer that plays the player at `own` to `out`, with these extras: none, or at most
    /// [`crate::wire::extras_bytes_max`] of them, beside what the peer can take of the world.
    pub fn write(
        &mut self,
        header: &SnapshotHeader,
        world: &World,
        own: PlayerSlot,
        told: &mut Told,
        extras: &[u8],
        out: &mut Vec<u8>,
    ) {
        told.begin(self.now, |age| self.graves.count(self.now, age));
        let home = self.clusters.home(own);
        let mut header = *header;
        if let Some(view) = &mut self.view {
            let at = world.player(own).map_or(Position::default(), |player| player.at);
            let arrived = told.arrived();
            header.players = view.look(self.now, &self.clusters, home, at, arrived, &mut told.records.seen);
        } else if told.home() != home {
            let before = told.home().map(|before| &self.leads[usize::from(before)].records);
            told.set_home(home, before);
        }
        let limit = out.len() + (told.budget() + extras.len()).min(self.datagram_bytes);
        put_snapshot_header(COMPACT_TAG, &header, out);
        let widths_at = out.len();
        out.push(self.clusters.id_bits() as u8);
        if self.has_checksums {
            out[widths_at] |= CHECKSUM_FLAG;
            out.extend_from_slice(&[0; CHECKSUM_BYTES]);
        }
        if !extras.is_empty() {
            out[widths_at] |= EXTRAS_FLAG;
            out.extend_from_slice(extras);
        }
        let start = out.len();
        let home_of = |id: u32| world.slot_of(id).and_then(|slot| self.clusters.home(slot));
        let mut stock = Stock {
            source: Source { history: &self.history, home: &home_of },
            blocks: &mut self.blocks,
            marks: &mut self.marks,
            snapshots: &mut self.snapshots,
            near_tally: &mut self.near_tally,
            chosen: &mut self.chosen,
        };
        let agenda = Agenda {
            now: self.now,
            due: &self.due,
            grid: &self.grid,
            body_bytes: self.datagram_bytes - HEADER_BYTES - CHECKSUM_BYTES * usize::from(self.has_checksums),
        };
        if let Some(view) = &mut self.view {
            Telling { told, stock: &mut stock, agenda: &agenda, out, widths_at, start, limit }
                .show(view, home);
            return;
        }
        let mut lead = home.map(|home| &mut self.leads[usize::from(home)]);
        if let Some(lead) = lead.as_deref_mut()
            && !lead.has_begun(self.now)
        {
            let seats = seats_around(&self.clusters, home, stock.marks);
            lead.begin(seats, &mut stock, &agenda, &mut self.bodies);
        }
        let mut telling = Telling { told, stock: &mut stock, agenda: &agenda, out, widths_at, start, limit };
        telling.bury(&self.graves, lead.as_deref().map(|lead| &lead.records));
        let follows = lead.as_deref_mut().is_some_and(|lead| telling.follow(lead, &mut self.bodies));
        if !follows && !telling.wait(home, &mut self.effort) {
            telling.own(lead.as_deref(), &mut self.effort);
        }
    }

    /// The work of the tick took so long, sends included, out of a `period`: where that is too long, peers who do not know
    /// the world yet wait for one another. Who never says so has none of them wait.
    pub fn on_worked(&mut self, took: Duration, period: Duration) {
        self.effort.on_worked(took, period);
    }

    /// How many clusters there are in this tick, those included that are named because they are no more.
    pub fn clusters(&self) -> usize {
        self.clusters.len() + self.graves.after(0).len()
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

    fn note_births_and_deaths(&mut self) {
        let now = self.now;
        self.graves.begin(now);
        let ids = 1 << self.clusters.id_bits();
        self.lives.resize(ids.max(self.lives.len()), Life::default());
        if self.view.is_none() {
            self.leads.resize_with(self.lives.len(), Lead::new);
        }
        let mut there = self.clusters.ids().peekable();
        for (id, life) in self.lives.iter_mut().enumerate() {
            let is_there = there.next_if(|there| usize::from(*there) == id).is_some();
            match (is_there, life.ended) {
                (true, Some(_)) => {
                    *life = Life { began: now, ended: None };
                    if let Some(lead) = self.leads.get_mut(id) {
                        *lead = Lead::new();
                    }
                }
                (false, None) => {
                    life.ended = Some(now);
                    self.graves.add(now, id as u16);
                }
                _ => {}
            }
        }
    }

    /// Whose turn it is: everyone's, if that fits into a datagram.
    fn find_due(&mut self, ticks: u64) {
        let all_bytes = std::mem::take(&mut self.near_tally).mean_bytes() * self.clusters.len();
        let all_fit = all_bytes <= self.datagram_bytes * ALL_FIT_PERCENT / 100;
        self.grid.begin(ticks, all_fit);
        self.due.clear();
        let is_due = |id: &u16| all_fit || self.grid.is_turn_of(*id);
        self.due.extend(self.clusters.ids().filter(is_due));
    }

    fn mark_clusters(&mut self) {
        self.marks.resize(self.lives.len(), Mark::NONE);
        for (id, (mark, life)) in self.marks.iter_mut().zip(&self.lives).enumerate() {
            let id = id as u16;
            mark.is_there = life.ended.is_none();
            let in_turn = self.grid.ages(id);
            mark.legal = blocks::legal_ages(in_turn) & life.ages(self.now);
            mark.in_turn = in_turn | self.grid.all();
        }
    }

    /// Adds this tick to the history.
    fn remember(&mut self, world: &World) {
        self.history.begin(self.now, self.lives.len());
        for id in self.clusters.ids() {
            let members = self.clusters.members(id).iter().filter_map(|&slot| {
                let player = world.player(slot)?;
                let motion = self.paces[slot.index()].motion();
                let (id, kind) = (player.client_id, kind_of(player.client_id));
                Some(Member { id, at: player.at, state: player.state, motion, kind })
            });
            self.history.add(self.now, id, members);
        }
    }
}
