//! One snapshot while it is put together: which blocks go into it, and in which order.

use super::ages::Ages;
use super::blocks::{self, Base, Block, Blocks, Part, Source};
use super::told::Told;
use super::turn::{Lost, Stretch};
use crate::wire::{COMPACT_TAG, PARTIAL_FLAG, SnapshotHeader, encode_part};

/// Near clusters may take this part of a snapshot; the rest, and what they leave, is for all others in turn.
const NEAR_PERCENT: usize = 75;

/// Most lost clusters that are looked at in one snapshot, to be told again.
const LOST_PER_SNAPSHOT: usize = 32;

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

pub(super) struct Packing<'a> {
    pub(super) source: Source<'a>,
    pub(super) blocks: &'a mut Blocks,
    /// By cluster.
    pub(super) marks: &'a mut [Mark],
    /// The number of this snapshot, of all ever made.
    pub(super) snapshot: u64,
    pub(super) near_tally: &'a mut NearTally,
    pub(super) told: &'a mut Told,
    pub(super) out: &'a mut Vec<u8>,
    /// Where in `out` the snapshot begins, and how far it may reach.
    pub(super) start: usize,
    pub(super) limit: usize,
}

impl Packing<'_> {
    /// The header, and how wide the numbers of clusters are.
    pub(super) fn head(&mut self, header: &SnapshotHeader) {
        self.limit = self.start + self.told.budget();
        encode_part(&(COMPACT_TAG, *header), self.out);
        self.out.push(self.blocks.cluster_bits() as u8);
        self.start = self.out.len();
    }

    /// Clusters that are no more, as long as the peer may believe in them. `dissolved` are the last of `count`.
    pub(super) fn tombstones(&mut self, dissolved: impl DoubleEndedIterator<Item = u16>, count: u32) {
        let unknown = (count - self.told.buried()) as usize;
        let mut all_fit = true;
        for cluster in dissolved.rev().take(unknown) {
            let base = self.base(cluster);
            let block = self.blocks.whole(self.source, cluster, base);
            all_fit &= self.limit - self.out.len() >= block.len();
            if all_fit {
                self.push(block);
            }
        }
        if all_fit {
            self.told.note_buried();
        }
    }

    /// The peer's own cluster, and its neighbours within their share.
    pub(super) fn near(&mut self) {
        let from = self.out.len();
        let all = self.limit;
        let seated = self.told.near;
        for (seat, &cluster) in seated.clusters().iter().enumerate() {
            self.tell(cluster);
            if seat == 0 {
                self.limit = all.min(self.start + (all - self.start) * NEAR_PERCENT / 100);
            }
        }
        self.limit = all;
        self.near_tally.blocks += seated.clusters().len();
        self.near_tally.bytes += self.out.len() - from;
    }

    /// Finds the seats of the clusters around.
    pub(super) fn mark_near(&mut self) {
        for (seat, &cluster) in self.told.near.clusters().iter().enumerate() {
            let mark = &mut self.marks[usize::from(cluster)];
            (mark.snapshot, mark.seat, mark.is_told) = (self.snapshot, seat as u8, false);
        }
    }

    /// Neighbours that found no room in their share, where others have left some.
    pub(super) fn rest_of_near(&mut self) {
        let seated = self.told.near;
        seated.clusters().iter().for_each(|&cluster| _ = self.tell(cluster));
    }

    /// What was lost on its way, before its next turn.
    pub(super) fn lost(&mut self) {
        let mut looks = LOST_PER_SNAPSHOT;
        while let Some(Lost { tick, rest }) = self.told.turns.first_lost() {
            let ids = self.marks.len() as u16;
            let mut cluster = if rest.from < ids { rest.from } else { 0 };
            let to = rest.to.min(ids) % ids;
            let mut is_at_end = false;
            while !is_at_end && looks > 0 {
                if blocks::is_on_grid(cluster, tick) && self.marks[usize::from(cluster)].is_there {
                    looks -= 1;
                    if !self.tell_again(cluster, tick.0) {
                        break;
                    }
                }
                cluster = (cluster + 1) % ids;
                is_at_end = cluster == to;
            }
            let rest = if is_at_end { Stretch::default() } else { Stretch { from: cluster, to: rest.to } };
            self.told.turns.set_first_lost(rest);
            if !is_at_end {
                return;
            }
        }
    }

    /// Tells of a cluster unless something newer than `tick` has arrived. False if it finds no room.
    fn tell_again(&mut self, cluster: u16, tick: u64) -> bool {
        let is_made_good = self.base(cluster).is_some_and(|base| self.now() - u64::from(base.age) > tick);
        is_made_good || self.tell(cluster)
    }

    /// The clusters whose turn it is, from where the peer's turn has got to. The first that finds no room is the
    /// first of the next turn.
    pub(super) fn far(&mut self, due: &[u16], place: usize) {
        let next = self.told.turns.next(place);
        let from = due.partition_point(|&cluster| cluster < next);
        let mut in_turn = due[from..].iter().chain(&due[..from]);
        let first_out = in_turn.position(|&cluster| !self.tell(cluster));
        let told = match first_out {
            None => Stretch::ALL,
            Some(at) => Stretch { from: next, to: due[(from + at) % due.len()] },
        };
        let now = crate::wire::Tick(self.now());
        self.told.turns.note(now, place, told, first_out != Some(0));
    }

    fn now(&self) -> u64 {
        self.told.now().0
    }

    /// Adds a block of `cluster`, unless it is told already. False if it finds no room.
    #[inline(always)]
    fn tell(&mut self, cluster: u16) -> bool {
        let mark = &mut self.marks[usize::from(cluster)];
        if mark.snapshot != self.snapshot {
            (mark.snapshot, mark.seat, mark.is_told) = (self.snapshot, NO_SEAT, false);
        }
        if mark.is_told {
            return true;
        }
        let seat = (mark.seat != NO_SEAT).then_some(usize::from(mark.seat));
        let base = self.told.base(cluster, seat, mark.legal, mark.in_turn);
        let block = self.blocks.whole(self.source, cluster, base);
        if self.out.len() + block.len() <= self.limit {
            self.push(block);
        } else if self.start + block.len() <= self.limit || !self.tell_part(cluster, base) {
            return false;
        }
        self.marks[usize::from(cluster)].is_told = true;
        if let Some(seat) = seat {
            self.told.near.note(seat);
        }
        true
    }

    fn base(&self, cluster: u16) -> Option<Base> {
        let mark = &self.marks[usize::from(cluster)];
        let is_near = mark.snapshot == self.snapshot && mark.seat != NO_SEAT;
        let seat = is_near.then_some(usize::from(mark.seat));
        self.told.base(cluster, seat, mark.legal, mark.in_turn)
    }

    #[inline(always)]
    fn push(&mut self, block: Block) {
        self.out.extend_from_slice(self.blocks.bytes(block));
    }

    /// Adds as much of a cluster as fits, where all of it fits into no snapshot: a little more than the peer holds,
    /// until it holds all.
    #[inline(never)]
    fn tell_part(&mut self, cluster: u16, base: Option<Base>) -> bool {
        if !self.told.parts.have_room() {
            return false;
        }
        let grown = base.and_then(|base| {
            let parts = (base.eights..=Part::ALL.to).map(|to| Part { from: 0, to });
            parts.map_while(|part| Some((part, self.fitting(cluster, Some(base), part)?))).last()
        });
        let Some((part, block)) = grown.or_else(|| self.part_alone(cluster)) else { return false };
        self.out[self.start - 1] |= PARTIAL_FLAG;
        self.push(block);
        self.told.note_part(cluster, part);
        true
    }

    /// As many members as fit without a baseline: the first ones, to begin with. One who acknowledges nothing never
    /// gets beyond them; it is told any eights in turn.
    fn part_alone(&mut self, cluster: u16) -> Option<(Part, Block)> {
        let eights = self.blocks.eights(self.source, cluster);
        // Spread by a multiplication (Knuth, 6.4), because turns come at regular ticks.
        let turn = self.now().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let from = if self.told.is_silent() { (turn % u64::from(eights.max(1))) as u8 } else { 0 };
        let mut parts = (from + 1..=eights).map(|to| Part { from, to }).rev();
        parts.find_map(|part| Some((part, self.fitting(cluster, None, part)?)))
    }

    /// The block, if it fits, and if not too many parts of the cluster were asked for.
    fn fitting(&mut self, cluster: u16, base: Option<Base>, part: Part) -> Option<Block> {
        let room = self.limit.saturating_sub(self.out.len());
        self.blocks.partial(self.source, cluster, base, part).filter(|block| block.len() <= room)
    }
}
