//! The blocks of a tick, each encoded once and shared by all peers that need it.

use super::ages::{AGES, Ages};
use super::history::History;
use crate::wire::Tick;
use crate::wire::block::{AGE_TICKS_MAX, Encoder, Head, MEMBERS_MAX, Member, checksum};

/// A baseline may be so old whatever its tick is; an older one only if that was a turn of its cluster.
const FRESH_TICKS: u64 = 12;

/// No baseline is older. A client keeps those of [`AGE_TICKS_MAX`]; the difference is what may overtake a snapshot on
/// its way.
const LEGAL_TICKS: u64 = AGE_TICKS_MAX as u64 - 7;

/// Blocks of a part of a cluster, and those that hide it, that are encoded for each cluster and tick; whoever asks for
/// another gets a full block.
const PARTIAL_BLOCKS_MAX: usize = 32;

/// Which of a cluster's members are told, in eights, where all of them do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) from: u8,
    pub(super) to: u8,
}

impl Part {
    /// All that a cluster can have.
    pub(super) const ALL: Part = Part { from: 0, to: (MEMBERS_MAX / EIGHT) as u8 };

    const NOBODY: Part = Part { from: 0, to: 0 };

    /// The members that it takes, of all.
    fn of(self, members: &[Member]) -> &[Member] {
        let end = members.len().min(usize::from(self.to) * EIGHT);
        &members[end.min(usize::from(self.from) * EIGHT)..end]
    }
}

/// What parts of clusters are counted in. Eight members fit into the smallest datagram, whatever they are.
pub(super) const EIGHT: usize = 8;

/// What a block leads from: how many ticks ago the peer was told of the cluster, and how many eights of it it holds
/// since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) age: u8,
    pub(super) eights: u8,
}

impl Base {
    /// All of a cluster, so many ticks ago; nothing if that is 0.
    #[inline(always)]
    pub(super) fn whole(age: u8) -> Option<Self> {
        (age > 0).then_some(Self { age, eights: Part::ALL.to })
    }

    fn is_whole(self) -> bool {
        self.eights == Part::ALL.to
    }
}

/// The ages of the baselines that blocks of a cluster may lead from, which had its turns `in_turn`: at most 25, so that
/// no pattern of acknowledgements makes more encodings.
pub(super) fn legal_ages(in_turn: Ages) -> Ages {
    let fresh = Ages::below(FRESH_TICKS + 1);
    (fresh | in_turn) & Ages::below(LEGAL_TICKS + 1) & !Ages(1)
}

/// Where the players of a tick are: what blocks are made from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) history: &'a History,
    /// Which cluster a player is in, by its client id.
    pub(super) home: &'a dyn Fn(u32) -> Option<u16>,
}

/// A block that was encoded: where its bytes stand. Behind them stand the clusters that it says members have moved to,
/// two bytes for each, if anybody asks for that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    start: u32,
    len: u16,
    moved_to: u16,
}

impl Block {
    pub(super) fn len(self) -> usize {
        self.len.into()
    }

    /// How many members it says have moved to other clusters.
    pub(super) fn moves(self) -> usize {
        self.moved_to.into()
    }
}

#[derive(Clone, Copy, Debug)]
struct PartialBlock {
    base: Option<Base>,
    part: Part,
    block: Block,
}

/// The blocks of one tick.
///
/// [`Blocks::begin`] once a tick, then [`Blocks::whole`] and [`Blocks::partial`] as often as there is someone to tell,
/// and [`Blocks::bytes`] to copy.
///
/// Memory: 512 bytes for each cluster, besides the blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    now: Tick,
    cluster_bits: u32,
    encoder: Encoder,
    bytes: Vec<u8>,
    /// By cluster, then by the age of the baseline (0: none). A length of 0: not encoded.
    whole: Vec<[Block; AGES as usize]>,
    /// By cluster.
    partial: Vec<Vec<PartialBlock>>,
    /// By cluster: blocks that say that nobody is in it. Empty where all is shown to all.
    hidden: Vec<Vec<(Option<Base>, Block)>>,
    /// The clusters that the block being encoded says members have moved to.
    moved_to: Vec<u16>,
    hides: bool,
    encoded: usize,
    /// By cluster: the checksum of all its members, if it was asked for. Empty where checksums are off.
    checksums: Vec<Option<u64>>,
    has_checksums: bool,
}

impl Blocks {
    /// With checksums or without; `hides` if [`Blocks::hidden`] and [`Blocks::moved_to`] will be asked for.
    pub(super) fn new(has_checksums: bool, hides: bool) -> Self {
        Self {
            now: Tick(0),
            cluster_bits: 1,
            encoder: Encoder::new(),
            bytes: Vec::new(),
            whole: Vec::new(),
            partial: Vec::new(),
            hidden: Vec::new(),
            moved_to: Vec::new(),
            hides,
            encoded: 0,
            checksums: Vec::new(),
            has_checksums,
        }
    }

    /// `clusters` is one more than the highest id, `cluster_bits` how wide an id is.
    pub(super) fn begin(&mut self, now: Tick, clusters: usize, cluster_bits: u32) {
        self.now = now;
        self.cluster_bits = cluster_bits;
        self.encoded = 0;
        self.bytes.clear();
        self.whole.clear();
        self.whole.resize(clusters, [Block::default(); AGES as usize]);
        if self.has_checksums {
            self.checksums.clear();
            self.checksums.resize(clusters, None);
        }
        empty(&mut self.partial, clusters);
        if self.hides {
            empty(&mut self.hidden, clusters);
        }
    }

    /// How many blocks have been encoded in this tick.
    pub(super) fn encoded(&self) -> usize {
        self.encoded
    }

    #[inline(always)]
    pub(super) fn bytes(&self, block: Block) -> &[u8] {
        &self.bytes[block.start as usize..][..block.len()]
    }

    /// One of the clusters that a block says members have moved to, of as many as [`Block::moves`].
    pub(super) fn moved_to(&self, block: Block, index: usize) -> u16 {
        let at = block.start as usize + block.len() + 2 * index;
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// How many members a cluster has now, in eights.
    pub(super) fn eights(&self, source: Source, cluster: u16) -> u8 {
        source.history.members(self.now, cluster).len().div_ceil(EIGHT) as u8
    }

    /// The checksum of a part of `cluster` as it is now; 0 where checksums are off.
    #[inline]
    pub(super) fn checksum(&mut self, source: Source, cluster: u16, part: Part) -> u64 {
        if !self.has_checksums {
            return 0;
        }
        let now = self.now;
        let sum = || checksum(cluster, part.of(source.history.members(now, cluster)));
        if part == Part::ALL { *self.checksums[usize::from(cluster)].get_or_insert_with(sum) } else { sum() }
    }

    /// The block that leads from `base` to the whole of `cluster` now. The base must be legal.
    #[inline(always)]
    pub(super) fn whole(&mut self, source: Source, cluster: u16, base: Option<Base>) -> Block {
        let age = match base {
            None => 0,
            Some(base) if base.is_whole() => base.age,
            Some(_) => return self.whole_from_part(source, cluster, base),
        };
        let block = self.whole[usize::from(cluster)][usize::from(age) % AGES as usize];
        if block.len > 0 { block } else { self.encode_whole(source, cluster, base) }
    }

    /// The block that leads from `base` to a part of `cluster` now. `None` if too many parts were asked for already.
    pub(super) fn partial(
        &mut self,
        source: Source,
        cluster: u16,
        base: Option<Base>,
        part: Part,
    ) -> Option<Block> {
        let known = &self.partial[usize::from(cluster)];
        if let Some(entry) = known.iter().find(|entry| entry.base == base && entry.part == part) {
            return Some(entry.block);
        }
        if known.len() >= PARTIAL_BLOCKS_MAX {
            return None;
        }
        let block = self.encode(source, cluster, base, part);
        self.partial[usize::from(cluster)].push(PartialBlock { base, part, block });
        Some(block)
    }

    /// The block that leads from `base` to nobody, for peers who shall not see the cluster: who is in it now is gone, who
    /// has moved to another has moved.
    pub(super) fn hidden(&mut self, source: Source, cluster: u16, base: Option<Base>) -> Block {
        let known = &self.hidden[usize::from(cluster)];
        if let Some((_, block)) = known.iter().find(|(of, _)| *of == base) {
            return *block;
        }
        if known.len() >= PARTIAL_BLOCKS_MAX && base.is_some() {
            return self.hidden(source, cluster, None);
        }
        let block = self.encode(source, cluster, base, Part::NOBODY);
        self.hidden[usize::from(cluster)].push((base, block));
        block
    }

    fn whole_from_part(&mut self, source: Source, cluster: u16, base: Option<Base>) -> Block {
        let from_part = self.partial(source, cluster, base, Part::ALL);
        from_part.unwrap_or_else(|| self.whole(source, cluster, None))
    }

    #[inline(never)]
    fn encode_whole(&mut self, source: Source, cluster: u16, base: Option<Base>) -> Block {
        let block = self.encode(source, cluster, base, Part::ALL);
        let age = base.map_or(0, |base| usize::from(base.age));
        self.whole[usize::from(cluster)][age] = block;
        block
    }

    fn encode(&mut self, source: Source, cluster: u16, base: Option<Base>, part: Part) -> Block {
        let is = part.of(source.history.members(self.now, cluster));
        let was = base.map_or(&[][..], |base| {
            let tick = Tick(self.now.0 - u64::from(base.age));
            Part { from: 0, to: base.eights }.of(source.history.members(tick, cluster))
        });
        let head = Head { cluster, age: base.map_or(0, |base| base.age) };
        let start = self.bytes.len();
        self.moved_to.clear();
        let moved_to = |index: usize| {
            let home = (source.home)(was[index].id).filter(|&home| home != cluster || part != Part::NOBODY);
            self.moved_to.extend(home.filter(|_| self.hides));
            home
        };
        self.encoder.encode(head, self.cluster_bits, was, is, moved_to, &mut self.bytes);
        self.encoded += 1;
        let len = (self.bytes.len() - start) as u16;
        self.bytes.extend(self.moved_to.iter().flat_map(|cluster| cluster.to_le_bytes()));
        Block { start: start as u32, len, moved_to: self.moved_to.len() as u16 }
    }
}

/// Empties the lists, of which there are so many at least. They keep their room, and never need more.
fn empty<T>(lists: &mut Vec<Vec<T>>, clusters: usize) {
    lists.iter_mut().for_each(Vec::clear);
    if lists.len() < clusters {
        // A full block may come on top.
        lists.resize_with(clusters, || Vec::with_capacity(PARTIAL_BLOCKS_MAX + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid::Grid;
    use super::*;

    #[test]
    fn few_baselines_are_legal_whatever_is_acknowledged() {
        for (cluster, made) in (0..8).flat_map(|cluster| (100..104).map(move |made| (cluster, made))) {
            let mut grid = Grid::default();
            (0..made).for_each(|_| grid.begin(1, false));
            let (turns, legal) = (grid.ages(cluster), legal_ages(grid.ages(cluster)));
            assert!(legal.len() <= 25 && !legal.contains(0), "{legal:?} of cluster {cluster} after {made}");
            assert!(legal.iter().filter(|&age| age > FRESH_TICKS).all(|age| turns.contains(age)));
            assert!(
                (FRESH_TICKS + 1..LEGAL_TICKS)
                    .filter(|&age| turns.contains(age))
                    .all(|age| legal.contains(age))
            );
        }
    }
}
