//! One snapshot while it is put together: how blocks find room in it.

use super::ages::Ages;
use super::blocks::{Base, Block, Blocks, Part, Source};
use super::parts::PartsTold;
use crate::wire::Tick;

/// No seat.
pub(super) const NO_SEAT: u8 = u8::MAX;

/// What is known of a cluster while snapshots are put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// The last snapshot in which it was near, or told.
    pub(super) snapshot: u64,
    pub(super) seat: u8,
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
    pub(super) blocks: usize,
    pub(super) bytes: usize,
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
    pub(super) chosen: &'a mut Vec<Chosen>,
}

/// A cluster that a snapshot tells of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    pub(super) cluster: u16,
    /// How old the baseline is that its block leads from; 0 if it stands alone.
    pub(super) age: u8,
}

/// Who a snapshot is for.
#[derive(Clone, Copy)]
pub(super) struct Listener {
    pub(super) now: Tick,
    /// When it was told something that it has heard.
    pub(super) heard: Ages,
    /// Whether it takes parts of clusters where the whole of one fits into no snapshot.
    pub(super) takes_parts: bool,
}

/// Puts blocks into a snapshot, one after the other, as far as they fit.
pub(super) struct Packing<'a, 's> {
    pub(super) stock: &'a mut Stock<'s>,
    pub(super) to: Listener,
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
    /// The last block.
    last: Block,
}

impl<'a, 's> Packing<'a, 's> {
    /// Appends blocks to `out`, where they begin at `start`, and which may grow to `limit`.
    pub(super) fn new(
        stock: &'a mut Stock<'s>,
        to: Listener,
        out: &'a mut Vec<u8>,
        start: usize,
        limit: usize,
    ) -> Self {
        *stock.snapshots += 1;
        stock.chosen.clear();
        Self {
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
            last: Block::default(),
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

    /// Whether it has told of anything.
    pub(super) fn has_told(&self) -> bool {
        !self.stock.chosen.is_empty()
    }

    /// How many bytes the blocks have so far.
    pub(super) fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// How many they may have.
    pub(super) fn room(&self) -> usize {
        self.end - self.start
    }

    /// The clusters that the last block says members have moved to.
    pub(super) fn moved_to(&self) -> impl Iterator<Item = u16> {
        let (blocks, last) = (&*self.stock.blocks, self.last);
        (0..last.moves()).map(move |index| blocks.moved_to(last, index))
    }

    /// From here on, until [`Packing::end_share`], blocks may take no more than this part of the room, counted from
    /// the begin of the first block.
    pub(super) fn share_of_all(&mut self, percent: usize) {
        self.limit = self.start + (self.end - self.start) * percent / 100;
    }

    /// The same, counted from here.
    pub(super) fn share_from_here(&mut self, percent: usize) {
        self.limit = self.end.min(self.out.len() + (self.end - self.start) * percent / 100);
    }

    pub(super) fn end_share(&mut self) {
        self.limit = self.end;
    }

    /// What is known of a cluster in this snapshot.
    #[inline(always)]
    pub(super) fn mark(&mut self, cluster: u16) -> &mut Mark {
        let mark = &mut self.stock.marks[usize::from(cluster)];
        if mark.snapshot != *self.stock.snapshots {
            (mark.snapshot, mark.seat, mark.is_told) = (*self.stock.snapshots, NO_SEAT, false);
        }
        mark
    }

    /// Whether this snapshot tells of the cluster already.
    #[inline(always)]
    pub(super) fn has(&self, cluster: u16) -> bool {
        let mark = &self.stock.marks[usize::from(cluster)];
        mark.snapshot == *self.stock.snapshots && mark.is_told
    }

    /// Adds a block of `cluster`, of which it has none yet, that leads from `base`. False if it finds no room.
    #[inline(always)]
    pub(super) fn put(&mut self, cluster: u16, base: Option<Base>, parts: &mut PartsTold) -> bool {
        let block = self.stock.blocks.whole(self.stock.source, cluster, base);
        if self.out.len() + block.len() <= self.limit {
            self.push(block);
            self.add_checksum(cluster, Part::ALL);
            self.ages |= Ages(base.map_or(0, |base| 1 << base.age));
        } else if !self.takes_part(block) || !self.put_part(cluster, base, parts) {
            return false;
        }
        self.mark(cluster).is_told = true;
        self.stock.chosen.push(Chosen { cluster, age: base.map_or(0, |base| base.age) });
        true
    }

    /// Says that nobody is in a cluster of which it tells nothing else. It may take some bytes more than there is room.
    pub(super) fn put_hidden(&mut self, cluster: u16, base: Option<Base>, spare: usize) -> bool {
        let block = self.stock.blocks.hidden(self.stock.source, cluster, base);
        let fits = self.out.len() + block.len() <= self.limit + spare;
        if fits {
            self.push(block);
            self.mark(cluster).is_told = true;
        }
        fits
    }

    #[inline(always)]
    fn add_checksum(&mut self, cluster: u16, part: Part) {
        let sum = self.stock.blocks.checksum(self.stock.source, cluster, part);
        self.checksum = self.checksum.wrapping_add(sum);
    }

    #[inline(always)]
    fn push(&mut self, block: Block) {
        self.out.extend_from_slice(self.stock.blocks.bytes(block));
        self.last = block;
    }

    /// Whether a cluster with such a block would fit into no snapshot as a whole, and all the room is free for a part. In a
    /// share of it one might be told that is no more than the peer holds, and never grows.
    fn takes_part(&self, block: Block) -> bool {
        self.limit == self.end && self.start + block.len() > self.end
    }

    /// Adds as much of a cluster as fits, where all of it fits into no snapshot: a little more than the peer holds,
    /// until it holds all.
    #[inline(never)]
    fn put_part(&mut self, cluster: u16, base: Option<Base>, parts: &mut PartsTold) -> bool {
        self.lacks_parts |= !self.to.takes_parts;
        if !self.to.takes_parts || !parts.have_room() {
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
        parts.note(self.to.now, cluster, part);
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
pub(super) fn spread(tick: Tick) -> u64 {
    tick.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}
