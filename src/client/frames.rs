//! The baselines that a client keeps: every cluster that it was told of in the last ticks.

use crate::wire::block::{AGE_TICKS_MAX, BlockError, Departure, MEMBERS_MAX, Member, Unpacked, decode};
use crate::wire::{CompactSnapshot, Tick};

/// Ticks that are kept: a block leads from a tick at most [`AGE_TICKS_MAX`] older.
const FRAMES: usize = AGE_TICKS_MAX as usize + 1;

/// Most members that one snapshot may tell of, whatever it claims. An honest one has a few thousand.
const FRAME_MEMBERS_MAX: usize = 1_024 * MEMBERS_MAX;

/// The last ticks, as they were told.
///
/// [`Frames::take_in`] every compact snapshot; where that succeeds, [`Frames::told`] and [`Frames::departed`] have
/// what it said. Memory: 64 times what a snapshot tells, at 24 bytes for each member.
#[derive(Debug)]
pub(super) struct Frames {
    frames: Vec<Frame>,
    departed: Vec<Departure>,
    block: Unpacked,
}

#[derive(Debug, Default)]
struct Frame {
    /// `None` if nothing, or nothing complete, was told.
    tick: Option<Tick>,
    members: Vec<Member>,
    /// The clusters, ascending, and where their members stand.
    spans: Vec<(u16, u32, u32)>,
}

impl Frame {
    fn clear(&mut self) {
        self.tick = None;
        self.members.clear();
        self.spans.clear();
    }

    fn cluster(&self, cluster: u16) -> Option<&[Member]> {
        let at = self.spans.binary_search_by_key(&cluster, |span| span.0).ok()?;
        let (_, start, end) = self.spans[at];
        Some(&self.members[start as usize..end as usize])
    }
}

impl Frames {
    pub(super) fn new() -> Self {
        let frames = (0..FRAMES).map(|_| Frame::default()).collect();
        Self { frames, departed: Vec::new(), block: Unpacked::new() }
    }

    pub(super) fn clear(&mut self) {
        self.frames.iter_mut().for_each(Frame::clear);
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
            Ok(()) => frame.tick = Some(tick),
            Err(_) => frame.clear(),
        }
        self.frames[place] = frame;
        decoded.map(|()| true)
    }

    /// Everyone that the snapshot of `tick` told of.
    pub(super) fn told(&self, tick: Tick) -> &[Member] {
        &self.frames[tick.0 as usize % FRAMES].members
    }

    /// Who left its cluster, in the snapshot taken in last.
    pub(super) fn departed(&self) -> &[Departure] {
        &self.departed
    }

    fn decode_all(&mut self, snapshot: &CompactSnapshot<'_>, frame: &mut Frame) -> Result<(), BlockError> {
        let mut bytes = snapshot.blocks;
        while !bytes.is_empty() {
            let frames = &self.frames;
            let baseline = |age: u8, cluster: u16| {
                let tick = Tick(snapshot.header.tick.0.checked_sub(age.into())?);
                let held = &frames[tick.0 as usize % FRAMES];
                held.cluster(cluster).filter(|_| held.tick == Some(tick))
            };
            let (head, length) = decode(
                bytes,
                snapshot.cluster_bits,
                |head| baseline(head.age, head.cluster),
                &mut self.block,
            )?;
            let start = frame.members.len();
            if start + self.block.members.len() > FRAME_MEMBERS_MAX {
                return Err(BlockError::Malformed);
            }
            frame.members.extend_from_slice(&self.block.members);
            frame.spans.push((head.cluster, start as u32, frame.members.len() as u32));
            self.departed.extend_from_slice(&self.block.departed);
            bytes = &bytes[length..];
        }
        frame.spans.sort_unstable_by_key(|span| span.0);
        let is_twice = frame.spans.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if is_twice { Err(BlockError::Malformed) } else { Ok(()) }
    }
}
