//! One snapshot while it is put together: which blocks go into it, and in which order.

use super::blocks::{Base, Blocks, EIGHT, Part};
use super::history::History;
use super::told::{SentBlock, Told};
use crate::wire::{COMPACT_TAG, PARTIAL_FLAG, SnapshotHeader, Tick, encode_part};

/// Near clusters may take this part of a snapshot; the rest, and what they leave, is for all others in turn.
const NEAR_PERCENT: usize = 75;

/// Most lost blocks that are told again in one snapshot.
const LOST_PER_SNAPSHOT: usize = 8;

pub(super) struct Packing<'a> {
    pub(super) now: Tick,
    pub(super) history: &'a History,
    pub(super) blocks: &'a mut Blocks,
    pub(super) home: &'a dyn Fn(u32) -> Option<u16>,
    pub(super) told_in: &'a mut [u64],
    pub(super) snapshot: u64,
    pub(super) told: &'a mut Told,
    pub(super) out: &'a mut Vec<u8>,
    /// Where in `out` the snapshot begins, and how far it may reach.
    pub(super) start: usize,
    pub(super) limit: usize,
}

impl Packing<'_> {
    /// The header, and how wide the numbers of clusters are.
    pub(super) fn head(&mut self, header: &SnapshotHeader) {
        self.limit = self.start + self.told.budget(self.now);
        encode_part(&(COMPACT_TAG, *header), self.out);
        self.out.push(self.blocks.cluster_bits() as u8);
        self.start = self.out.len();
    }

    /// Clusters that are no more, as long as the peer may believe in them.
    pub(super) fn tombstones(&mut self, dissolved: &[(Tick, u16)]) {
        for &(_, cluster) in dissolved {
            if let Some(base) = self.told.base(cluster, self.now) {
                self.add(cluster, Some(base), Part::ALL, None);
            }
        }
    }

    /// The peer's own cluster, and its neighbours within their share.
    pub(super) fn near(&mut self, own: Option<u16>, neighbours: &[u16]) {
        if let Some(own) = own {
            self.tell(own);
        }
        let all = self.limit;
        self.limit = all.min(self.start + (all - self.start) * NEAR_PERCENT / 100);
        neighbours.iter().for_each(|&cluster| _ = self.tell(cluster));
        self.limit = all;
    }

    /// Neighbours that found no room in their share, where others have left some.
    pub(super) fn rest_of_near(&mut self, neighbours: &[u16]) {
        neighbours.iter().for_each(|&cluster| _ = self.tell(cluster));
    }

    /// What was lost on its way before.
    pub(super) fn lost(&mut self, is_there: &[bool]) {
        for _ in 0..LOST_PER_SNAPSHOT {
            let Some(cluster) = self.told.next_lost() else { return };
            if is_there[usize::from(cluster)] && !self.tell(cluster) {
                return self.told.put_back_lost(cluster);
            }
        }
    }

    /// The clusters whose turn it is, from where the peer's turn has got to. The first that finds no room is the
    /// first of the next turn.
    pub(super) fn far(&mut self, due: &[u16], place: usize) {
        let from = due.partition_point(|&cluster| cluster < self.told.turns[place]);
        let in_turn = due[from..].iter().chain(&due[..from]);
        let mut has_told = false;
        for &cluster in in_turn {
            if !self.tell(cluster) {
                self.told.turns[place] = cluster;
                break;
            }
            has_told = true;
        }
        self.told.note_far(has_told || due.is_empty());
    }

    /// Adds a block of `cluster`, unless it is told already. False if it finds no room.
    fn tell(&mut self, cluster: u16) -> bool {
        if self.told_in[usize::from(cluster)] == self.snapshot {
            return true;
        }
        let base = self.told.base(cluster, self.now);
        let room = self.limit.saturating_sub(self.out.len());
        let whole = self.blocks.get(self.history, self.home, cluster, base, Part::ALL);
        let Some(whole) = whole else { return true };
        if whole.len() <= room {
            self.out.extend_from_slice(whole);
            self.note(cluster, Some(Part::ALL));
            return true;
        }
        let would_fit_alone = whole.len() <= self.limit - self.start;
        !would_fit_alone && self.tell_part(cluster, base)
    }

    /// Adds as much of a cluster as fits, where all of it fits into no snapshot: a little more than the peer holds,
    /// until it holds all.
    fn tell_part(&mut self, cluster: u16, base: Option<Base>) -> bool {
        let grown = base.and_then(|base| {
            let parts = (base.part.to..=Part::ALL.to).map(|to| Part { from: 0, to });
            let fitting = parts.take_while(|part| self.fits(cluster, Some(base), *part));
            fitting.last().map(|part| (Some(base), part))
        });
        let Some((base, part)) = grown.or_else(|| Some((None, self.part_alone(cluster)?))) else {
            return false;
        };
        self.out[self.start - 1] |= PARTIAL_FLAG;
        self.add(cluster, base, part, Some(part))
    }

    /// As many members as fit without a baseline: the first ones, to begin with. One who acknowledges nothing never
    /// gets beyond them; it is told any eights in turn.
    fn part_alone(&mut self, cluster: u16) -> Option<Part> {
        let eights = self.blocks.members(self.history, cluster).div_ceil(EIGHT) as u64;
        // Spread by a multiplication (Knuth, 6.4), because turns come at regular ticks.
        let turn = self.now.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let from = if self.told.is_silent(self.now) { (turn % eights.max(1)) as u8 } else { 0 };
        let mut parts = (from + 1..=eights as u8).map(|to| Part { from, to }).rev();
        parts.find(|part| self.fits(cluster, None, *part))
    }

    fn fits(&mut self, cluster: u16, base: Option<Base>, part: Part) -> bool {
        let room = self.limit.saturating_sub(self.out.len());
        self.length(cluster, base, part).is_some_and(|length| length <= room)
    }

    /// The length of a block. `None` if the cluster is not remembered, or too many parts of it were asked for.
    fn length(&mut self, cluster: u16, base: Option<Base>, part: Part) -> Option<usize> {
        self.blocks.get(self.history, self.home, cluster, base, part).map(<[u8]>::len)
    }

    /// Appends a block if it fits, and notes that it was `told`.
    fn add(&mut self, cluster: u16, base: Option<Base>, part: Part, told: Option<Part>) -> bool {
        let Some(block) = self.blocks.get(self.history, self.home, cluster, base, part) else { return false };
        if self.out.len() + block.len() > self.limit {
            return false;
        }
        self.out.extend_from_slice(block);
        self.note(cluster, told);
        true
    }

    fn note(&mut self, cluster: u16, told: Option<Part>) {
        self.told_in[usize::from(cluster)] = self.snapshot;
        self.told.on_sent(self.now, SentBlock { cluster, part: told });
    }
}
