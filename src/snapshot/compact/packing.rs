//! One snapshot while it is put together: which blocks go into it, and in which order.

use super::ages::Ages;
use super::blocks::{Base, Block, Blocks, Part, Source};
use super::records::Records;
use super::turn::{Lost, Stretch};
use crate::wire::Tick;

/// Near clusters may take this part of a snapshot; the rest, and what they leave, is for all others in turn.
const NEAR_PERCENT: usize = 75;

/// While turns are slow, near clusters take less.
const SLOW_NEAR_PERCENT: usize = 25;

/// What was lost may take this part of a snapshot.
const LOST_PERCENT: usize = 50;

/// No seat.
const NO_SEAT: u8 = u8::MAX;

/// What is known of a cluster while snapshots are put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// The last snapshot in which it was near, or told.
    snapshot: u64,
    seat: u8,
    is_told: bool,
    /// Whether it is there in this tick.
    pub(super) is_there: bool,
    /// The ages of the baselines that its blocks may lead from.
    pub(super) legal: Ages,
    /// Those of the ticks in which it was its turn.
    pub(super) in_turn: Ages,
}

impl Mark {
    pub(super) const NONE: Mark = Mark {
        snapshot: 0,
        seat: NO_SEAT,
        is_told: false,
        is_there: false,
        legal: Ages::NONE,
        in_turn: Ages::NONE,
    };
}

/// The near blocks of a tick, all peers together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NearTally {
    blocks: usize,
    bytes: usize,
}

impl NearTally {
    /// The mean length of a block.
    pub(super) fn mean_bytes(self) -> usize {
        self.bytes / self.blocks.max(1)
    }
}

/// What all snapshots of a tick are put together from.
pub(super) struct Stock<'a> {
    pub(super) source: Source<'a>,
    pub(super) blocks: &'a mut Blocks,
    /// By cluster.
    pub(super) marks: &'a mut [Mark],
    /// Snapshots put together so far, ever.
    pub(super) snapshots: &'a mut u64,
    pub(super) near_tally: &'a mut NearTally,
    /// The clusters that the last snapshot told of, in their order.
    pub(super) clusters: &'a mut Vec<u16>,
}

/// What is to be told in a tick.
pub(super) struct Agenda<'a> {
    pub(super) now: Tick,
    /// The clusters whose turn it is, ascending.
    pub(super) due: &'a [u16],
    /// The place on the grid that they have, if it is not the turn of all.
    pub(super) place: usize,
    pub(super) all_are_due: bool,
    /// The longest that a snapshot may be without its header.
    pub(super) body_bytes: usize,
}

/// Who a snapshot is for.
pub(super) struct Listener<'a> {
    pub(super) records: &'a mut Records,
    pub(super) now: Tick,
    /// When it was told something that it has heard.
    pub(super) heard: Ages,
    /// Whether it takes parts of clusters where the whole of one fits into no snapshot.
    pub(super) takes_parts: bool,
}

/// Puts a snapshot together: [`Packing::tell_all`] or [`Packing::tell_these`].
pub(super) struct Packing<'a, 's> {
    stock: &'a mut Stock<'s>,
    to: Listener<'a>,
    out: &'a mut Vec<u8>,
    /// Where in `out` the blocks begin, and how far they may reach.
    start: usize,
    end: usize,
    /// How far they may reach for now: `end`, or the end of a share.
    limit: usize,
    /// The ages of all baselines so far.
    ages: Ages,
    /// The sum of all checksums so far.
    checksum: u64,
    /// Whether some cluster is told in part.
    has_parts: bool,
    /// Whether something did not fit because it would fit into no snapshot as a whole.
    lacks_parts: bool,
}

impl<'a, 's> Packing<'a, 's> {
    /// Appends blocks to `out`, where they begin at `start`, and which may grow to `limit`.
    pub(super) fn new(
        stock: &'a mut Stock<'s>,
        to: Listener<'a>,
        out: &'a mut Vec<u8>,
        start: usize,
        limit: usize,
    ) -> Self {
        *stock.snapshots += 1;
        stock.clusters.clear();
        let mut packing = Self {
            stock,
            to,
            out,
            start,
            end: limit,
            limit,
            ages: Ages::NONE,
            checksum: 0,
            has_parts: false,
            lacks_parts: false,
        };
        packing.mark_near();
        packing
    }

    /// Finds the seats of the clusters around.
    fn mark_near(&mut self) {
        for (seat, &cluster) in self.to.records.near.clusters().iter().enumerate() {
            let mark = &mut self.stock.marks[usize::from(cluster)];
            (mark.snapshot, mark.seat, mark.is_told) = (*self.stock.snapshots, seat as u8, false);
        }
    }

    /// The ages of all baselines. `None` if some cluster would have been told in part.
    pub(super) fn ages(&self) -> Option<Ages> {
        (!self.lacks_parts).then_some(self.ages)
    }

    /// The sum of the checksums of all blocks.
    pub(super) fn checksum(&self) -> u64 {
        self.checksum
    }

    /// Whether some cluster is told in part.
    pub(super) fn has_parts(&self) -> bool {
        self.has_parts
    }

    /// What is near, what was lost, and the clusters whose turn it is.
    pub(super) fn tell_all(&mut self, agenda: &Agenda) {
        // At irregular ticks: were the near ones passed over every fourth, none of them might be a baseline for long.
        let is_starved = self.to.records.turns.is_starved(agenda.place) && spread(agenda.now) >> 31 == 0;
        if is_starved {
            self.lost(agenda, 100);
        }
        let is_slow = self.to.records.turns.is_slow(agenda.place);
        self.near(if is_slow { SLOW_NEAR_PERCENT } else { NEAR_PERCENT });
        if !is_starved {
            self.lost(agenda, LOST_PERCENT);
        }
        self.far(agenda);
        self.rest_of_near();
    }

    /// Whether it has told of anything.
    pub(super) fn has_told(&self) -> bool {
        !self.stock.clusters.is_empty()
    }

    /// These clusters in this order. False if they do not fit.
    pub(super) fn tell_these(&mut self, clusters: &[u16]) -> bool {
        clusters.iter().all(|&cluster| self.tell(cluster))
    }

    /// The peer's own cluster, and its neighbours within their share.
    fn near(&mut self, percent: usize) {
        let from = self.out.len();
        let seated = self.to.records.near;
        for (seat, &cluster) in seated.clusters().iter().enumerate() {
            self.tell(cluster);
            if seat == 0 {
                self.limit = self.start + (self.end - self.start) * percent / 100;
            }
        }
        self.limit = self.end;
        self.stock.near_tally.blocks += seated.clusters().len();
        self.stock.near_tally.bytes += self.out.len() - from;
    }

    /// Neighbours that found no room in their share, where others have left some.
    fn rest_of_near(&mut self) {
        let seated = self.to.records.near;
        seated.clusters().iter().for_each(|&cluster| _ = self.tell(cluster));
    }

    /// What was lost on its way, or found no room, before its turn comes again.
    fn lost(&mut self, &Agenda { now, due, place, all_are_due, .. }: &Agenda, percent: usize) {
        let turns = &self.to.records.turns;
        let Some((index, Lost { tick, rest })) = turns.first_lost((!all_are_due).then_some(place)) else {
            return;
        };
        self.limit = self.end.min(self.out.len() + (self.end - self.start) * percent / 100);
        let from = due.partition_point(|&cluster| cluster < rest.from);
        let mut waiting = due[from..].iter().chain(&due[..from]).copied().peekable();
        let mut left = rest;
        while let Some(cluster) = waiting.next_if(|&id| rest.contains(id) && self.is_made_good(id, tick)) {
            left.from = cluster + 1;
        }
        let mut told = Stretch { from: left.from, to: left.from };
        while let Some(cluster) =
            waiting.next_if(|&id| rest.contains(id) && !self.is_made_good(id, tick) && self.tell(id))
        {
            told.to = cluster + 1;
        }
        left.from = told.to;
        let is_at_end = waiting.peek().is_none_or(|&next| !rest.contains(next));
        let left = if is_at_end { Stretch::default() } else { left };
        self.limit = self.end;
        let turns = &mut self.to.records.turns;
        turns.set_starved(place, !is_at_end && told.is_empty());
        turns.note_again(now, index, told, left);
    }

    /// Whether something newer than `tick` has arrived.
    fn is_made_good(&self, cluster: u16, tick: Tick) -> bool {
        self.base(cluster).is_some_and(|base| self.now() - u64::from(base.age) > tick.0)
    }

    /// The clusters whose turn it is, from where the turn has got to. The first that finds no room is the first of the
    /// next turn.
    fn far(&mut self, &Agenda { now, due, place, .. }: &Agenda) {
        let next = self.to.records.turns.visit_from(now, place);
        let from = due.partition_point(|&cluster| cluster < next);
        let mut in_turn = due[from..].iter().chain(&due[..from]);
        match in_turn.position(|&cluster| !self.tell(cluster)) {
            None => self.to.records.turns.note(now, place, Stretch::ALL),
            Some(0) => self.to.records.turns.note_starved(now, place, due[from % due.len()]),
            Some(at) => {
                let told = Stretch { from: next, to: due[(from + at) % due.len()] };
                self.to.records.turns.note(now, place, told);
            }
        }
    }

    fn now(&self) -> u64 {
        self.to.now.0
    }

    /// Adds a block of `cluster`, unless it is told already. False if it finds no room.
    #[inline(always)]
    fn tell(&mut self, cluster: u16) -> bool {
        let mark = &mut self.stock.marks[usize::from(cluster)];
        if mark.snapshot != *self.stock.snapshots {
            (mark.snapshot, mark.seat, mark.is_told) = (*self.stock.snapshots, NO_SEAT, false);
        }
        if mark.is_told {
            return true;
        }
        let seat = (mark.seat != NO_SEAT).then_some(usize::from(mark.seat));
        let base = self.to.records.base(cluster, seat, self.to.heard & mark.legal, mark.in_turn);
        let block = self.stock.blocks.whole(self.stock.source, cluster, base);
        if self.out.len() + block.len() <= self.limit {
            self.push(block);
            self.add_checksum(cluster, Part::ALL);
            self.ages |= Ages(base.map_or(0, |base| 1 << base.age));
        } else if self.start + block.len() <= self.end || !self.tell_part(cluster, base) {
            return false;
        }
        self.stock.marks[usize::from(cluster)].is_told = true;
        self.stock.clusters.push(cluster);
        if let Some(seat) = seat {
            self.to.records.near.note(seat);
        }
        true
    }

    fn base(&self, cluster: u16) -> Option<Base> {
        let mark = &self.stock.marks[usize::from(cluster)];
        let is_near = mark.snapshot == *self.stock.snapshots && mark.seat != NO_SEAT;
        let seat = is_near.then_some(usize::from(mark.seat));
        self.to.records.base(cluster, seat, self.to.heard & mark.legal, mark.in_turn)
    }

    #[inline(always)]
    fn add_checksum(&mut self, cluster: u16, part: Part) {
        let sum = self.stock.blocks.checksum(self.stock.source, cluster, part);
        self.checksum = self.checksum.wrapping_add(sum);
    }

    #[inline(always)]
    fn push(&mut self, block: Block) {
        self.out.extend_from_slice(self.stock.blocks.bytes(block));
    }

    /// Adds as much of a cluster as fits, where all of it fits into no snapshot: a little more than the peer holds,
    /// until it holds all.
    #[inline(never)]
    fn tell_part(&mut self, cluster: u16, base: Option<Base>) -> bool {
        self.lacks_parts |= !self.to.takes_parts;
        if !self.to.takes_parts || !self.to.records.parts.have_room() {
            return false;
        }
        let grown = base.and_then(|base| {
            let parts = (base.eights..=Part::ALL.to).map(|to| Part { from: 0, to });
            parts.map_while(|part| Some((part, self.fitting(cluster, Some(base), part)?))).last()
        });
        let Some((part, block)) = grown.or_else(|| self.part_alone(cluster)) else { return false };
        self.has_parts = true;
        self.add_checksum(cluster, part);
        self.push(block);
        self.to.records.parts.note(self.to.now, cluster, part);
        true
    }

    /// As many members as fit without a baseline: the first ones, to begin with. One who acknowledges nothing never
    /// gets beyond them; it is told any eights in turn.
    fn part_alone(&mut self, cluster: u16) -> Option<(Part, Block)> {
        let eights = self.stock.blocks.eights(self.stock.source, cluster);
        // Any, because turns come at regular ticks.
        let any = spread(self.to.now) % u64::from(eights.max(1));
        let from = if self.to.heard.is_empty() { any as u8 } else { 0 };
        let mut parts = (from + 1..=eights).map(|to| Part { from, to }).rev();
        parts.find_map(|part| Some((part, self.fitting(cluster, None, part)?)))
    }

    /// The block, if it fits, and if not too many parts of the cluster were asked for.
    fn fitting(&mut self, cluster: u16, base: Option<Base>, part: Part) -> Option<Block> {
        let room = self.limit.saturating_sub(self.out.len());
        self.stock.blocks.partial(self.stock.source, cluster, base, part).filter(|block| block.len() <= room)
    }
}

/// A number of 32 bits that follows from the tick without regularity, by a multiplication (Knuth, 6.4).
fn spread(tick: Tick) -> u64 {
    tick.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}
