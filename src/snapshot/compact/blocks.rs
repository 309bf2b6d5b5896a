//! The blocks of a tick, each encoded once and shared by all peers that need it.

use super::history::History;
use crate::wire::Tick;
use crate::wire::block::{AGE_TICKS_MAX, Encoder, Head, MEMBERS_MAX, Member};

/// A baseline may be so old whatever its tick is.
const FRESH_TICKS: u64 = 12;

/// An older one only if its tick is on the grid of its cluster: every so many ticks.
pub(super) const GRID_TICKS: u64 = 4;

/// Blocks of a part of a cluster that are encoded for each cluster and tick; whoever asks for another gets
/// a full block.
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

    /// The members that it takes, of all.
    fn of(self, members: &[Member]) -> &[Member] {
        let end = members.len().min(usize::from(self.to) * EIGHT);
        &members[end.min(usize::from(self.from) * EIGHT)..end]
    }
}

/// What parts of clusters are counted in. Eight members fit into the smallest datagram, whatever they are.
pub(super) const EIGHT: usize = 8;

/// What a block leads from: a tick at which the peer holds the cluster, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) tick: Tick,
    pub(super) part: Part,
}

impl Base {
    /// Whether a block of `cluster` at `now` may lead from it. There are at most 25 such ticks, so that no
    /// pattern of acknowledgements makes more encodings.
    fn is_legal(self, cluster: u16, now: Tick) -> bool {
        let age = now.since(self.tick);
        let is_on_grid = is_on_grid(cluster, self.tick);
        (1..=FRESH_TICKS).contains(&age) || (age <= u64::from(AGE_TICKS_MAX) && age > 0 && is_on_grid)
    }
}

/// Whether a peer should remember that it holds `cluster` at `tick`: for as long as it may need it, a block may lead
/// from there. One who is far away thus keeps to the grid.
pub(super) fn is_worth_holding(cluster: u16, tick: Tick, now: Tick) -> bool {
    now.since(tick) <= FRESH_TICKS / 2 || is_on_grid(cluster, tick)
}

/// Which of the places on the grid `tick` is.
pub(super) fn grid_place(tick: Tick) -> usize {
    (tick.0 % GRID_TICKS) as usize
}

/// Whether `tick` is one of those at which far peers are told of `cluster`.
pub(super) fn is_on_grid(cluster: u16, tick: Tick) -> bool {
    (tick.0 + u64::from(cluster)).is_multiple_of(GRID_TICKS)
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    base: Option<Base>,
    part: Part,
    start: u32,
    end: u32,
}

/// The blocks of one tick.
///
/// [`Blocks::begin`] once a tick, then [`Blocks::get`] as often as there is someone to tell.
#[derive(Debug)]
pub(super) struct Blocks {
    now: Tick,
    cluster_bits: u32,
    encoder: Encoder,
    bytes: Vec<u8>,
    /// By cluster.
    entries: Vec<Vec<Entry>>,
    encoded: usize,
    /// Those among them that lead from a baseline to a whole cluster, and their length.
    deltas: usize,
    delta_bytes: usize,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self {
            now: Tick(0),
            cluster_bits: 1,
            encoder: Encoder::new(),
            bytes: Vec::new(),
            entries: Vec::new(),
            encoded: 0,
            deltas: 0,
            delta_bytes: 0,
        }
    }

    /// `clusters` is one more than the highest id, `cluster_bits` how wide an id is.
    pub(super) fn begin(&mut self, now: Tick, clusters: usize, cluster_bits: u32) {
        self.now = now;
        self.cluster_bits = cluster_bits;
        self.bytes.clear();
        (self.encoded, self.deltas, self.delta_bytes) = (0, 0, 0);
        self.entries.iter_mut().for_each(Vec::clear);
        self.entries.resize_with(clusters, Vec::new);
    }

    /// How many members a cluster has now.
    pub(super) fn members(&self, history: &History, cluster: u16) -> usize {
        history.members(self.now, cluster).map_or(0, <[Member]>::len)
    }

    /// The width of a cluster's number in this tick's blocks.
    pub(super) fn cluster_bits(&self) -> u32 {
        self.cluster_bits
    }

    /// The mean length of the blocks that lead from a baseline, of this tick so far.
    pub(super) fn mean_bytes(&self) -> usize {
        self.delta_bytes / self.deltas.max(1)
    }

    /// How many blocks have been encoded in this tick.
    pub(super) fn encoded(&self) -> usize {
        self.encoded
    }

    /// The block that leads from `base` (from nothing, where that is not legal) to a part of `cluster` now.
    /// `home` says where a player is now. `None` if too many parts were asked for already.
    pub(super) fn get(
        &mut self,
        history: &History,
        home: &dyn Fn(u32) -> Option<u16>,
        cluster: u16,
        base: Option<Base>,
        part: Part,
    ) -> Option<&[u8]> {
        let base = base.filter(|base| base.is_legal(cluster, self.now));
        let known = &self.entries[usize::from(cluster)];
        if let Some(entry) = known.iter().find(|entry| entry.base == base && entry.part == part) {
            return Some(&self.bytes[entry.start as usize..entry.end as usize]);
        }
        let is_partial =
            |entry: &Entry| entry.part != Part::ALL || entry.base.is_some_and(|base| base.part != Part::ALL);
        let (start, end) = (self.bytes.len() as u32, 0);
        let entry = Entry { base, part, start, end };
        if is_partial(&entry) && known.iter().filter(|entry| is_partial(entry)).count() >= PARTIAL_BLOCKS_MAX
        {
            return None;
        }
        self.encode(history, home, cluster, entry)
    }

    fn encode(
        &mut self,
        history: &History,
        home: &dyn Fn(u32) -> Option<u16>,
        cluster: u16,
        mut entry: Entry,
    ) -> Option<&[u8]> {
        let is = entry.part.of(history.members(self.now, cluster)?);
        let (age, was) = match entry.base {
            None => (0, &[][..]),
            Some(base) => {
                let age = self.now.since(base.tick) as u8;
                (age, base.part.of(history.members(base.tick, cluster)?))
            }
        };
        let head = Head { cluster, age };
        let moved_to = |index: usize| home(was[index].id);
        self.encoder.encode(head, self.cluster_bits, was, is, moved_to, &mut self.bytes);
        entry.end = self.bytes.len() as u32;
        self.encoded += 1;
        if entry.base.is_some() && entry.part == Part::ALL {
            self.deltas += 1;
            self.delta_bytes += (entry.end - entry.start) as usize;
        }
        self.entries[usize::from(cluster)].push(entry);
        Some(&self.bytes[entry.start as usize..entry.end as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_baselines_are_legal_whatever_is_acknowledged() {
        for (cluster, now) in (0..8).flat_map(|cluster| (1_000..1_004).map(move |now| (cluster, Tick(now)))) {
            let base = |tick| Base { tick: Tick(tick), part: Part::ALL };
            let legal = (0..2_000).filter(|&tick| base(tick).is_legal(cluster, now)).count();
            assert!(legal <= 25, "{legal} of cluster {cluster} at {now:?}");
        }
    }
}
