//! The baselines that a client keeps: every cluster that it was told of in the last ticks.

use super::table::Table;
use crate::wire::block::{
    AGE_TICKS_MAX, BlockError, Departure, Head, MEMBERS_MAX, Member, Unpacked, checksum, decode,
};
use crate::wire::{CompactSnapshot, Tick};

/// Ticks that are kept: a block leads from a tick at most [`AGE_TICKS_MAX`] older.
const FRAMES: usize = AGE_TICKS_MAX as usize + 1;

/// Most members that one snapshot may tell of, whatever it claims. An honest one has a few thousand.
const FRAME_MEMBERS_MAX: usize = 1_024 * MEMBERS_MAX;

/// The last ticks, as they were told.
///
/// [`Frames::take_in`] every compact snapshot; where that succeeds, [`Frames::telling`] has what it said.
/// Memory: 64 times what a snapshot tells, at 28 bytes for each member.
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
    /// Where its row in the known world may be.
    pub(super) hint: u32,
    /// It was no longer in its cluster then.
    pub(super) since: Tick,
}

/// What one snapshot said.
pub(super) struct Telling<'a> {
    /// Everyone it told of.
    pub(super) members: &'a [Member],
    /// For each of them, where its row in the known world may be: as it was when the baseline was told, for want of
    /// one when the cluster was, or [`Table::NOWHERE`]. Who follows a hint sets it right for those that inherit it.
    pub(super) hints: &'a mut [u32],
    /// Who left its cluster.
    pub(super) departed: &'a [Departure],
}

#[derive(Debug, Default)]
struct Frame {
    /// `None` if nothing, or nothing complete, was told.
    tick: Option<Tick>,
    members: Vec<Member>,
    /// As many as members.
    hints: Vec<u32>,
    /// The clusters, ascending.
    spans: Vec<Span>,
    /// Whether every cluster was told as a whole.
    is_complete: bool,
}

/// A cluster in a frame.
#[derive(Clone, Copy, Debug)]
struct Span {
    cluster: u16,
    /// How many ticks before it was told of, the last time; 0 if that is not kept.
    previous: u8,
    /// Where its members stand.
    start: u32,
    end: u32,
}

impl Frame {
    fn clear(&mut self) {
        self.tick = None;
        self.members.clear();
        self.hints.clear();
        self.spans.clear();
    }

    /// The members of a cluster, and their hints.
    fn cluster(&self, cluster: u16) -> Option<(&[Member], &[u32])> {
        self.span(cluster).map(|span| self.told_in(span))
    }

    fn span(&self, cluster: u16) -> Option<&Span> {
        let at = self.spans.binary_search_by_key(&cluster, |span| span.cluster).ok()?;
        self.spans.get(at)
    }

    fn told_in(&self, span: &Span) -> (&[Member], &[u32]) {
        let place = span.start as usize..span.end as usize;
        (&self.members[place.clone()], &self.hints[place])
    }

    /// Appends a cluster. Who stayed inherits the hint that it had in the baseline.
    fn push(&mut self, cluster: u16, block: &Unpacked, inherited: &[u32]) {
        let start = self.members.len();
        self.members.extend_from_slice(&block.members);
        if block.left == 0 {
            self.hints.extend_from_slice(inherited);
        } else {
            let stayed = inherited.iter().enumerate().filter(|(index, _)| block.left >> index & 1 == 0);
            self.hints.extend(stayed.map(|(_, hint)| *hint));
        }
        self.hints.resize(self.members.len(), Table::NOWHERE);
        let end = self.members.len() as u32;
        self.spans.push(Span { cluster, previous: 0, start: start as u32, end });
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
        self.departed.clear();
        let decoded = self.decode_all(snapshot, &mut frame);
        match decoded {
            Ok(()) => {
                frame.tick = Some(tick);
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
    pub(super) fn telling(&mut self, tick: Tick) -> Telling<'_> {
        let Frame { members, hints, .. } = &mut self.frames[tick.0 as usize % FRAMES];
        Telling { members, hints, departed: &self.departed }
    }

    /// The sum of the checksums of all clusters that the snapshot of `tick` told of.
    pub(super) fn checksum(&self, tick: Tick) -> u64 {
        let frame = &self.frames[tick.0 as usize % FRAMES];
        let sums = frame.spans.iter().map(|span| checksum(span.cluster, frame.told_in(span).0));
        sums.fold(0, u64::wrapping_add)
    }

    /// Calls `on_missing` with everyone who, by what has been told, is no longer in the cluster that it was in: by
    /// the snapshot of `tick`, which was taken in last, or by a newer one if this came late. Some of them are in
    /// another cluster, and may have been told of there.
    pub(super) fn missing(&self, tick: Tick, mut on_missing: impl FnMut(Missing)) {
        let frame = &self.frames[tick.0 as usize % FRAMES];
        for span in &frame.spans {
            let newest = self.last_told[usize::from(span.cluster)];
            if newest > tick {
                each_missing(frame.told_in(span), newest, &mut on_missing);
            } else if frame.is_complete {
                self.left_since(frame, span, tick, &mut on_missing);
            }
        }
        let moved = self.departed.iter().filter(|left| frame.is_complete && left.to.is_some());
        moved.for_each(|left| on_missing(Missing { id: left.id, hint: Table::NOWHERE, since: tick }));
    }

    /// Those whom a cluster had when it was last told of, back to when all of it was, unless nobody has left.
    fn left_since(&self, frame: &Frame, span: &Span, tick: Tick, on_missing: &mut impl FnMut(Missing)) {
        let (_, hints) = frame.told_in(span);
        let (mut span, mut at) = (span, tick);
        while let Some((earlier, before)) = self.previous(span, at) {
            let (members, hints_before) = earlier.told_in(before);
            if !hints.starts_with(hints_before) {
                each_missing((members, hints_before), tick, on_missing);
            }
            if earlier.is_complete {
                break;
            }
            (span, at) = (before, Tick(at.0 - u64::from(span.previous)));
        }
    }

    /// What was told of the same cluster before.
    fn previous(&self, span: &Span, tick: Tick) -> Option<(&Frame, &Span)> {
        let tick = Tick(tick.0.checked_sub(span.previous.into()).filter(|_| span.previous > 0)?);
        let frame = &self.frames[tick.0 as usize % FRAMES];
        frame.span(span.cluster).filter(|_| frame.tick == Some(tick)).map(|span| (frame, span))
    }

    /// Who has moved to a cluster that the same snapshot says nobody is in has gone out of view.
    fn hide(&mut self, frame: &Frame) {
        for left in &mut self.departed {
            let is_empty = |to| frame.span(to).is_some_and(|span| span.start == span.end);
            left.to = left.to.filter(|&to| !is_empty(to));
        }
    }

    /// Notes when each cluster of the frame was told of before.
    fn link(&mut self, frame: &mut Frame, tick: Tick) {
        for span in &mut frame.spans {
            let cluster = usize::from(span.cluster);
            if cluster >= self.last_told.len() {
                self.last_told.resize(cluster + 1, Tick(0));
            }
            let last = &mut self.last_told[cluster];
            let ticks = u8::try_from(tick.since(*last)).unwrap_or(0);
            span.previous = if ticks <= AGE_TICKS_MAX { ticks } else { 0 };
            *last = tick.max(*last);
        }
    }

    fn decode_all(&mut self, snapshot: &CompactSnapshot<'_>, frame: &mut Frame) -> Result<(), BlockError> {
        let mut bytes = snapshot.blocks;
        while !bytes.is_empty() {
            bytes = &bytes[self.decode_next(snapshot, bytes, frame)?..];
        }
        frame.spans.sort_unstable_by_key(|span| span.cluster);
        let is_twice = frame.spans.windows(2).any(|pair| pair[0].cluster == pair[1].cluster);
        if is_twice { Err(BlockError::Malformed) } else { Ok(()) }
    }

    /// Decodes the first of `bytes`; says how long it is.
    fn decode_next(
        &mut self,
        snapshot: &CompactSnapshot<'_>,
        bytes: &[u8],
        frame: &mut Frame,
    ) -> Result<usize, BlockError> {
        let (frames, mut inherited) = (&self.frames, &[][..]);
        let baseline = |head: Head| {
            let tick = Tick(snapshot.header.tick.0.checked_sub(head.age.into())?);
            let held = &frames[tick.0 as usize % FRAMES];
            let (members, hints) = held.cluster(head.cluster).filter(|_| held.tick == Some(tick))?;
            inherited = hints;
            Some(members)
        };
        let (head, length) = decode(bytes, snapshot.cluster_bits, baseline, &mut self.block)?;
        if frame.members.len() + self.block.members.len() > FRAME_MEMBERS_MAX {
            return Err(BlockError::Malformed);
        }
        if head.age == 0 {
            inherited = newest_hints(frames, &self.last_told, head.cluster);
        }
        frame.push(head.cluster, &self.block, inherited);
        self.departed.extend_from_slice(&self.block.departed);
        Ok(length)
    }
}

/// The hints of a cluster when it was told of last: as good for a block that stands alone, wherever the members have
/// kept their places.
fn newest_hints<'a>(frames: &'a [Frame], last_told: &[Tick], cluster: u16) -> &'a [u32] {
    let newest = last_told.get(usize::from(cluster)).map(|&tick| (tick, &frames[tick.0 as usize % FRAMES]));
    let held = newest.filter(|(tick, frame)| frame.tick == Some(*tick));
    held.and_then(|(_, frame)| frame.cluster(cluster)).map_or(&[], |(_, hints)| hints)
}

fn each_missing((members, hints): (&[Member], &[u32]), since: Tick, on_missing: &mut impl FnMut(Missing)) {
    for (member, &hint) in members.iter().zip(hints) {
        on_missing(Missing { id: member.id, hint, since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::wire::block::Encoder;
    use crate::wire::{Position, SnapshotHeader};

    const CLUSTER_BITS: u32 = 4;

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
        CompactSnapshot { header, cluster_bits: CLUSTER_BITS, is_partial: false, checksum: None, blocks }
    }

    #[test]
    fn blocks_lead_from_what_was_told_before() {
        let (first, second) = (members(50, 0), members(60, 3));
        let mut frames = Frames::new();
        assert_eq!(frames.take_in(&snapshot(10, &block(3, 0, &[], &first))), Ok(true));
        let next = block(3, 5, &first, &second);
        assert_eq!(frames.take_in(&snapshot(15, &next)), Ok(true));
        assert_eq!(frames.telling(Tick(15)).members, second);
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
            assert!(frames.telling(Tick(round)).members.len() <= FRAME_MEMBERS_MAX, "{taken:?}");
        }
        let endless = [block(3, 0, &[], &members(64, 0)), vec![0; 60_000]].concat();
        assert!(frames.take_in(&snapshot(30_000, &endless)).is_err());
    }

    /// Takes in a snapshot; gives who is missing then, and since when.
    fn missing(frames: &mut Frames, tick: u64, is_partial: bool, blocks: &[u8]) -> Vec<(u32, u64)> {
        let taken = frames.take_in(&CompactSnapshot { is_partial, ..snapshot(tick, blocks) });
        assert_eq!(taken, Ok(true));
        // As the known world sets them: everyone's row is where its id says.
        let telling = frames.telling(Tick(tick));
        telling.hints.iter_mut().zip(telling.members).for_each(|(hint, member)| *hint = member.id);
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
        assert_eq!(found[3..], [(3, 12), (4, 12)], "those who stayed have been told of at 12");
        assert_eq!(missing(&mut frames, 13, false, &block(3, 1, &few, &few)), [], "that is known by now");
    }

    #[test]
    fn a_part_of_a_cluster_says_nothing_of_who_is_missing() {
        let (all, few) = (members(5, 0), members(3, 0));
        let mut frames = Frames::new();
        assert_eq!(missing(&mut frames, 10, false, &block(3, 0, &[], &all)), []);
        assert_eq!(missing(&mut frames, 11, true, &block(3, 0, &[], &few)), []);
        assert_eq!(missing(&mut frames, 12, false, &block(3, 0, &[], &few))[3..], [(3, 12), (4, 12)]);
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
}
