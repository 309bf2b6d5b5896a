//! The baselines that a client keeps: every cluster that it was told of in the last ticks.

use std::sync::Arc;

use super::roster::Roster;
use crate::wire::block::{
    AGE_TICKS_MAX, BlockError, Departure, Head, MEMBERS_MAX, Told, Unpacked, checksum, decode,
};
use crate::wire::{CompactSnapshot, Position, Tick};

/// Ticks that are kept: a block leads from a tick at most [`AGE_TICKS_MAX`] older.
const FRAMES: usize = AGE_TICKS_MAX as usize + 1;

/// Most members that one snapshot may tell of, whatever it claims. An honest one has a few thousand.
const FRAME_MEMBERS_MAX: usize = 1_024 * MEMBERS_MAX;

/// The last ticks, as they were told.
///
/// [`Frames::take_in`] every compact snapshot; where that succeeds, [`Frames::telling`] has what it said.
/// Memory: 64 times what a snapshot tells, at 8 bytes for each member. To that come 20 for each of a cluster, once for
/// all ticks until anyone enters or leaves it or has a new state; 4 of them anew when anyone turns.
#[derive(Debug)]
pub(super) struct Frames {
    frames: Vec<Frame>,
    departed: Vec<Departure>,
    /// By cluster, the newest tick that told of it; 0 = none has.
    last_told: Vec<Tick>,
    block: Unpacked,
}

/// One of whom something new should be heard, if it is still there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    pub(super) id: u32,
    /// It was no longer in its cluster then.
    pub(super) since: Tick,
}

/// What one snapshot said.
pub(super) struct Telling<'a> {
    /// How many players it told of.
    pub(super) members: usize,
    frame: &'a Frame,
    /// Who left its cluster.
    pub(super) departed: &'a [Departure],
}

impl<'a> Telling<'a> {
    /// Every cluster that it told of.
    pub(super) fn clusters(&self) -> impl Iterator<Item = (u16, &'a Arc<Roster>, &'a [Position])> {
        let frame = self.frame;
        frame.clusters.iter().map(|cluster| (cluster.number, &cluster.roster, frame.told(cluster).places))
    }
}

#[derive(Debug, Default)]
struct Frame {
    /// `None` if nothing, or nothing complete, was told.
    tick: Option<Tick>,
    /// By their numbers, ascending.
    clusters: Vec<Cluster>,
    /// Of one cluster after the other.
    places: Vec<Position>,
    /// Whether every cluster was told as a whole.
    is_complete: bool,
}

/// A cluster in a frame.
#[derive(Debug)]
struct Cluster {
    number: u16,
    /// How many ticks before it was told of, the last time; 0 if that is not kept.
    previous: u8,
    /// Where its members' places are.
    start: u32,
    end: u32,
    roster: Arc<Roster>,
}

impl Frame {
    fn clear(&mut self) {
        self.tick = None;
        self.clusters.clear();
        self.places.clear();
    }

    fn cluster(&self, number: u16) -> Option<&Cluster> {
        let at = self.clusters.binary_search_by_key(&number, |cluster| cluster.number).ok()?;
        self.clusters.get(at)
    }

    fn told<'a>(&'a self, cluster: &'a Cluster) -> Told<'a> {
        cluster.roster.with(&self.places[cluster.start as usize..cluster.end as usize])
    }

    fn push(&mut self, number: u16, roster: Arc<Roster>, places: &[Position]) {
        let start = self.places.len() as u32;
        self.places.extend_from_slice(places);
        self.clusters.push(Cluster { number, previous: 0, start, end: self.places.len() as u32, roster });
    }
}

impl Frames {
    pub(super) fn new() -> Self {
        let frames = (0..FRAMES).map(|_| Frame::default()).collect();
        Self { frames, departed: Vec::new(), last_told: Vec::new(), block: Unpacked::new() }
    }

    pub(super) fn clear(&mut self) {
        self.frames.iter_mut().for_each(Frame::clear);
        self.last_told.clear();
    }

    /// Decodes a snapshot and keeps it as a baseline. False if it had come before, or is too old to be one.
    ///
    /// # Errors
    /// If its blocks are not what a server sends to one that holds what this client has acknowledged; then
    /// nothing of it is kept.
    pub(super) fn take_in(&mut self, snapshot: &CompactSnapshot<'_>) -> Result<bool, BlockError> {
        let tick = snapshot.header.tick;
        let place = tick.0 as usize % FRAMES;
        if self.frames[place].tick.is_some_and(|kept| kept >= tick) {
            return Ok(false);
        }
        let mut frame = std::mem::take(&mut self.frames[place]);
        frame.clear();
        // About as many as the tick before, and a cluster more: not room for twice as many.
        let before = &self.frames[(place + FRAMES - 1) % FRAMES];
        frame.places.reserve_exact(before.places.len() + MEMBERS_MAX);
        frame.clusters.reserve_exact(before.clusters.len() + 1);
        self.departed.clear();
        let decoded = self.decode_all(snapshot, &mut frame);
        match decoded {
            Ok(()) => {
                frame.tick = Some(tick);
                frame.places.shrink_to(frame.places.len() + 2 * MEMBERS_MAX);
                frame.is_complete = !snapshot.is_partial;
                self.hide(&frame);
                self.link(&mut frame, tick);
            }
            Err(_) => frame.clear(),
        }
        self.frames[place] = frame;
        decoded.map(|()| true)
    }

    /// What the snapshot taken in last said; `tick` is its tick.
    pub(super) fn telling(&self, tick: Tick) -> Telling<'_> {
        let frame = &self.frames[tick.0 as usize % FRAMES];
        Telling { members: frame.places.len(), frame, departed: &self.departed }
    }

    /// The sum of the checksums of all clusters that the snapshot of `tick` told of.
    pub(super) fn checksum(&self, tick: Tick) -> u64 {
        let frame = &self.frames[tick.0 as usize % FRAMES];
        let sums =
            frame.clusters.iter().map(|cluster| checksum(cluster.number, frame.told(cluster).members()));
        sums.fold(0, u64::wrapping_add)
    }

    /// Calls `on_missing` with everyone who, by what has been told, is no longer in the cluster that it was in: by
    /// the snapshot of `tick`, which was taken in last, or by a newer one if this came late. Some of them are in
    /// another cluster, and may have been told of there.
    pub(super) fn missing(&self, tick: Tick, mut on_missing: impl FnMut(Missing)) {
        let frame = &self.frames[tick.0 as usize % FRAMES];
        for cluster in &frame.clusters {
            let newest = self.last_told[usize::from(cluster.number)];
            if newest > tick {
                each_missing(&cluster.roster, None, newest, &mut on_missing);
            } else if frame.is_complete {
                self.left_since(cluster, tick, &mut on_missing);
            }
        }
        let moved = self.departed.iter().filter(|left| frame.is_complete && left.to.is_some());
        moved.for_each(|left| on_missing(Missing { id: left.id, since: tick }));
    }

    /// Those whom a cluster had when it was last told of, back to when all of it was, unless nobody has left.
    fn left_since(&self, cluster: &Cluster, tick: Tick, on_missing: &mut impl FnMut(Missing)) {
        let (mut at, mut told) = (tick, cluster);
        while let Some((earlier, before)) = self.previous(told, at) {
            if !cluster.roster.has_profiles_of(&before.roster) {
                each_missing(&before.roster, Some(&*cluster.roster), tick, on_missing);
            }
            if earlier.is_complete {
                break;
            }
            (at, told) = (Tick(at.0 - u64::from(told.previous)), before);
        }
    }

    /// What was told of the same cluster before.
    fn previous(&self, cluster: &Cluster, tick: Tick) -> Option<(&Frame, &Cluster)> {
        let tick = Tick(tick.0.checked_sub(cluster.previous.into()).filter(|_| cluster.previous > 0)?);
        let frame = &self.frames[tick.0 as usize % FRAMES];
        frame.cluster(cluster.number).filter(|_| frame.tick == Some(tick)).map(|before| (frame, before))
    }

    /// Who has moved to a cluster that the same snapshot says nobody is in has gone out of view.
    fn hide(&mut self, frame: &Frame) {
        for left in &mut self.departed {
            let is_empty = |to| frame.cluster(to).is_some_and(|cluster| cluster.start == cluster.end);
            left.to = left.to.filter(|&to| !is_empty(to));
        }
    }

    /// Notes when each cluster of the frame was told of before.
    fn link(&mut self, frame: &mut Frame, tick: Tick) {
        for cluster in &mut frame.clusters {
            let number = usize::from(cluster.number);
            if number >= self.last_told.len() {
                self.last_told.resize(number + 1, Tick(0));
            }
            let last = &mut self.last_told[number];
            let ticks = u8::try_from(tick.since(*last)).unwrap_or(0);
            cluster.previous = if ticks <= AGE_TICKS_MAX { ticks } else { 0 };
            *last = tick.max(*last);
        }
    }

    fn decode_all(&mut self, snapshot: &CompactSnapshot<'_>, frame: &mut Frame) -> Result<(), BlockError> {
        let mut bytes = snapshot.blocks;
        while !bytes.is_empty() {
            bytes = &bytes[self.decode_next(snapshot, bytes, frame)?..];
        }
        frame.clusters.sort_unstable_by_key(|cluster| cluster.number);
        let is_twice = frame.clusters.windows(2).any(|pair| pair[0].number == pair[1].number);
        if is_twice { Err(BlockError::Malformed) } else { Ok(()) }
    }

    /// Decodes the first of `bytes`; says how long it is.
    fn decode_next(
        &mut self,
        snapshot: &CompactSnapshot<'_>,
        bytes: &[u8],
        frame: &mut Frame,
    ) -> Result<usize, BlockError> {
        let (frames, mut was) = (&self.frames, None);
        let baseline = |head: Head| {
            let tick = Tick(snapshot.header.tick.0.checked_sub(head.age.into())?);
            let held = &frames[tick.0 as usize % FRAMES];
            let cluster = held.cluster(head.cluster).filter(|_| held.tick == Some(tick))?;
            was = Some(&cluster.roster);
            Some(held.told(cluster))
        };
        let (head, length) = decode(bytes, snapshot.cluster_bits, baseline, &mut self.block)?;
        if frame.places.len() + self.block.places.len() > FRAME_MEMBERS_MAX {
            return Err(BlockError::Malformed);
        }
        let newest = || newest_roster(frames, &self.last_told, head.cluster);
        let roster = Roster::of(&self.block, was, newest);
        frame.push(head.cluster, roster, &self.block.places);
        self.departed.extend_from_slice(&self.block.departed);
        Ok(length)
    }
}

/// The roster of a cluster when it was told of last.
fn newest_roster<'a>(frames: &'a [Frame], last_told: &[Tick], cluster: u16) -> Option<&'a Arc<Roster>> {
    let tick = *last_told.get(usize::from(cluster))?;
    let frame = &frames[tick.0 as usize % FRAMES];
    frame.cluster(cluster).filter(|_| frame.tick == Some(tick)).map(|cluster| &cluster.roster)
}

/// Everyone of a roster, but for those who stand in a newer one in the same order.
fn each_missing(was: &Roster, is: Option<&Roster>, since: Tick, on_missing: &mut impl FnMut(Missing)) {
    let mut stayed = is.map_or(&[][..], Roster::profiles);
    for profile in was.profiles() {
        match stayed.split_first() {
            Some((first, rest)) if first.id == profile.id => stayed = rest,
            _ => on_missing(Missing { id: profile.id, since }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::secret::Secret;
    use crate::wire::SnapshotHeader;
    use crate::wire::block::{Encoder, Member};

    const CLUSTER_BITS: u32 = 5;

    fn members(count: u32, x: i32) -> Vec<Member> {
        let member = |id| Member { id, at: Position { x: x + id as i32, y: -7 }, ..Member::default() };
        (0..count).map(member).collect()
    }

    fn block(cluster: u16, age: u8, was: &[Member], is: &[Member]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Encoder::new().encode(Head { cluster, age }, CLUSTER_BITS, was, is, |_| None, &mut bytes);
        bytes
    }

    fn snapshot(tick: u64, blocks: &[u8]) -> CompactSnapshot<'_> {
        let header = SnapshotHeader { tick: Tick(tick), ..SnapshotHeader::default() };
        CompactSnapshot {
            header,
            cluster_bits: CLUSTER_BITS,
            is_partial: false,
            checksum: None,
            extras: None,
            blocks,
        }
    }

    #[test]
    fn blocks_lead_from_what_was_told_before() {
        let (first, second) = (members(50, 0), members(60, 3));
        let mut frames = Frames::new();
        assert_eq!(frames.take_in(&snapshot(10, &block(3, 0, &[], &first))), Ok(true));
        let next = block(3, 5, &first, &second);
        assert_eq!(frames.take_in(&snapshot(15, &next)), Ok(true));
        let frame = &frames.frames[15];
        assert_eq!(frame.told(&frame.clusters[0]).members().collect::<Vec<_>>(), second);
        assert_eq!(frames.take_in(&snapshot(15, &next)), Ok(false), "it has come before");
        assert_eq!(frames.take_in(&snapshot(80, &next)), Err(BlockError::NoBaseline), "75 was never told");
        assert_eq!(frames.take_in(&snapshot(16, &next)), Err(BlockError::NoBaseline), "nor was 11");
    }

    #[test]
    fn a_snapshot_that_does_not_decode_to_its_end_is_not_kept() {
        let good = block(3, 0, &[], &members(50, 0));
        let mut frames = Frames::new();
        let twice = [&good[..], &good[..]].concat();
        assert_eq!(frames.take_in(&snapshot(10, &twice)), Err(BlockError::Malformed), "a cluster twice");
        let cut = [&good[..], &block(4, 0, &[], &members(9, 0))[..5]].concat();
        assert_eq!(frames.take_in(&snapshot(11, &cut)), Err(BlockError::Short));
        let next = block(3, 1, &members(50, 0), &members(50, 1));
        assert_eq!(frames.take_in(&snapshot(12, &next)), Err(BlockError::NoBaseline));
        assert_eq!(frames.take_in(&snapshot(12, &good)), Ok(true), "the tick is still to be told");
    }

    #[test]
    fn hostile_bytes_neither_panic_nor_grow() {
        let draw = Secret::from_seed(7);
        let honest = [block(3, 0, &[], &members(64, 0)), block(5, 0, &[], &members(20, 9))].concat();
        let mut frames = Frames::new();
        for round in 0..20_000_u64 {
            let number = draw.number(round);
            let mut bytes = honest.clone();
            let bit = (number >> 8) as usize % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes.truncate(number as usize % 4 * 40 + bytes.len() / 2);
            let hostile = CompactSnapshot { cluster_bits: number as u32 % 20, ..snapshot(round, &bytes) };
            let taken = frames.take_in(&hostile);
            assert!(frames.telling(Tick(round)).members <= FRAME_MEMBERS_MAX, "{taken:?}");
        }
        let endless = [block(3, 0, &[], &members(64, 0)), vec![0; 60_000]].concat();
        assert!(frames.take_in(&snapshot(30_000, &endless)).is_err());
    }

    /// Takes in a snapshot; gives who is missing then, and since when.
    fn missing(frames: &mut Frames, tick: u64, is_partial: bool, blocks: &[u8]) -> Vec<(u32, u64)> {
        let taken = frames.take_in(&CompactSnapshot { is_partial, ..snapshot(tick, blocks) });
        assert_eq!(taken, Ok(true));
        let mut found = Vec::new();
        frames.missing(Tick(tick), |missing| found.push((missing.id, missing.since.0)));
        found
    }

    #[test]
    fn whom_a_cluster_had_and_has_no_more_is_missing() {
        let (all, few) = (members(5, 0), members(3, 0));
        let mut frames = Frames::new();
        assert_eq!(missing(&mut frames, 10, false, &block(3, 0, &[], &all)), []);
        assert_eq!(missing(&mut frames, 11, false, &block(5, 0, &[], &few)), [], "another cluster");
        let found = missing(&mut frames, 12, false, &block(3, 0, &[], &few));
        assert_eq!(found, [(3, 12), (4, 12)]);
        assert_eq!(missing(&mut frames, 13, false, &block(3, 1, &few, &few)), [], "that is known by now");
    }

    #[test]
    fn a_part_of_a_cluster_says_nothing_of_who_is_missing() {
        let (all, few) = (members(5, 0), members(3, 0));
        let mut frames = Frames::new();
        assert_eq!(missing(&mut frames, 10, false, &block(3, 0, &[], &all)), []);
        assert_eq!(missing(&mut frames, 11, true, &block(3, 0, &[], &few)), []);
        assert_eq!(missing(&mut frames, 12, false, &block(3, 0, &[], &few)), [(3, 12), (4, 12)]);
    }

    #[test]
    fn whom_a_late_snapshot_tells_of_may_be_missing_since_the_newer_one() {
        let (all, few) = (members(5, 0), members(3, 0));
        let mut frames = Frames::new();
        assert_eq!(missing(&mut frames, 12, false, &block(3, 0, &[], &few)), []);
        let found = missing(&mut frames, 11, false, &block(3, 0, &[], &all));
        assert_eq!(found, [0, 1, 2, 3, 4].map(|id| (id, 12)));
        assert_eq!(missing(&mut frames, 13, false, &block(3, 1, &few, &few)), [], "as if it had not come");
    }

    #[test]
    fn who_moved_is_missing_until_it_is_told_of_elsewhere() {
        let (all, few) = (members(5, 0), members(4, 0));
        let mut frames = Frames::new();
        assert_eq!(missing(&mut frames, 10, false, &block(3, 0, &[], &all)), []);
        assert_eq!(missing(&mut frames, 30, false, &block(3, 0, &[], &few)).last(), Some(&(4, 30)));
        let mut moved = Vec::new();
        let head = Head { cluster: 3, age: 40 };
        Encoder::new().encode(head, CLUSTER_BITS, &all, &few, |_| Some(7), &mut moved);
        assert_eq!(
            missing(&mut frames, 50, false, &moved),
            [(4, 50)],
            "named, though known by now to be elsewhere"
        );
    }

    impl Frames {
        /// What is allocated for the ticks that are kept, but for the allocator's own part.
        fn bytes(&self) -> usize {
            let clusters = || self.frames.iter().flat_map(|frame| &frame.clusters);
            let rosters: HashMap<_, _> =
                clusters().map(|cluster| (Arc::as_ptr(&cluster.roster), &*cluster.roster)).collect();
            let profiles: HashMap<_, _> =
                rosters.values().map(|roster| (roster.profiles().as_ptr(), roster.profiles())).collect();
            let of_frame = |frame: &Frame| {
                frame.places.capacity() * size_of::<Position>()
                    + frame.clusters.capacity() * size_of::<Cluster>()
            };
            self.frames.iter().map(of_frame).sum::<usize>()
                + rosters.len() * size_of::<Roster>()
                + profiles.values().map(|profiles| size_of_val(*profiles)).sum::<usize>()
        }
    }

    #[test]
    fn a_thousand_players_take_less_than_ten_bytes_each_for_a_tick() {
        let (draw, mut frames) = (Secret::from_seed(5), Frames::new());
        let mut clusters: Vec<Vec<Member>> = (0..20).map(|_| members(50, 0)).collect();
        for tick in 1..=100_u64 {
            let mut blocks = Vec::new();
            for (number, is) in clusters.iter_mut().enumerate() {
                let was = is.clone();
                let drawn = draw.number(tick << 8 | number as u64);
                is.iter_mut().for_each(|member| member.at.x += (drawn >> (member.id % 64) & 3) as i32);
                if drawn.is_multiple_of(40) {
                    is[(drawn >> 8) as usize % 50].motion.x += 1;
                }
                let (age, was) = if tick == 1 { (0, &[][..]) } else { (1, &was[..]) };
                blocks.extend(block(number as u16, age, was, is));
            }
            let snapshot = snapshot(tick, &blocks);
            assert_eq!(frames.take_in(&snapshot), Ok(true));
        }
        let each = frames.bytes() as f64 / (1_000 * FRAMES) as f64;
        assert!(each < 10.0, "{each} bytes");
    }
}
