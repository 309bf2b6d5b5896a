//! What every cluster was at the ticks that a peer may name as a baseline.

use crate::wire::Tick;
use crate::wire::block::{AGE_TICKS_MAX, Member};

/// Ticks that are remembered: a baseline is at most [`AGE_TICKS_MAX`] ticks old.
pub(super) const FRAMES: usize = AGE_TICKS_MAX as usize + 1;

/// The last [`FRAMES`] ticks of all clusters.
///
/// Memory: 64 times the members, each of about 24 bytes: 15 MB for 10,000 players.
#[derive(Debug)]
pub(super) struct History {
    frames: Vec<Frame>,
}

/// One tick. Members of one cluster stand together, in the order of the cluster.
#[derive(Debug, Default)]
struct Frame {
    tick: Tick,
    members: Vec<Member>,
    /// By cluster: where its members stand.
    spans: Vec<(u32, u32)>,
}

impl History {
    pub(super) fn new() -> Self {
        Self { frames: (0..FRAMES).map(|_| Frame::default()).collect() }
    }

    /// Begins the frame of `tick`; the frame that was in its place is forgotten.
    pub(super) fn begin(&mut self, tick: Tick, clusters: usize) {
        let frame = self.frame_mut(tick);
        frame.tick = tick;
        frame.members.clear();
        frame.spans.clear();
        frame.spans.resize(clusters, (0, 0));
    }

    /// Adds the members of a cluster to the frame of `tick`, which must have begun.
    pub(super) fn add(&mut self, tick: Tick, cluster: u16, members: impl Iterator<Item = Member>) {
        let frame = self.frame_mut(tick);
        let start = frame.members.len() as u32;
        frame.members.extend(members);
        frame.spans[usize::from(cluster)] = (start, frame.members.len() as u32);
    }

    /// The members of a cluster at `tick`, which must be remembered; nobody if it was not there.
    pub(super) fn members(&self, tick: Tick, cluster: u16) -> &[Member] {
        let frame = &self.frames[tick.0 as usize % FRAMES];
        debug_assert_eq!(frame.tick, tick, "only ticks that are remembered may be named");
        let (start, end) = frame.spans.get(usize::from(cluster)).copied().unwrap_or_default();
        &frame.members[start as usize..end as usize]
    }

    fn frame_mut(&mut self, tick: Tick) -> &mut Frame {
        &mut self.frames[tick.0 as usize % FRAMES]
    }
}
