//! What one peer has been told, what of it has arrived, and how much it can take.

use std::collections::VecDeque;

use super::blocks::{self, Base, GRID_TICKS, Part};
use crate::wire::{Ack, Tick};

/// How many ticks back a peer may acknowledge.
const ACK_TICKS: u64 = 64;

/// A snapshot that is not acknowledged when one so many ticks newer is has been lost.
const LOST_AFTER_TICKS: u64 = 8;

/// Lost blocks that wait to be told again; whatever else was lost comes when its turn does.
const LOST_BLOCKS_MAX: usize = 32;

/// The smallest byte budget of a peer.
pub(super) const BUDGET_MIN: usize = 256;
/// What a snapshot that arrived adds to the budget, in bytes.
const BUDGET_STEP: usize = 8;
/// What a lost one leaves of it, in percent, at most once in [`LOST_AFTER_TICKS`].
const BUDGET_KEPT_PERCENT: usize = 85;

/// One block of a sent snapshot: the cluster, and how much of it was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentBlock {
    pub(super) cluster: u16,
    /// `None`: the cluster was said to be no more.
    pub(super) part: Option<Part>,
}

/// The newest state of a cluster that a peer holds, in four bytes: the tick, modulo 2^28, and how many eights of its
/// members.
#[derive(Clone, Copy, Debug, Default)]
struct Held(u32);

/// The bits of a [`Held`] that say how many eights: 1 to 8, and 0 for nothing.
const EIGHTS: u32 = 0xf;

impl Held {
    const NOTHING: Held = Held(0);

    fn new(tick: Tick, part: Part) -> Self {
        Self((tick.0 as u32) << 4 | u32::from(part.to))
    }

    /// As a baseline, for someone who lives at `now`: its tick is the one next to now that fits.
    fn base(self, now: Tick) -> Option<Base> {
        let to = (self.0 & EIGHTS) as u8;
        let ahead = (self.0 & !EIGHTS).wrapping_sub((now.0 as u32) << 4) as i32 >> 4;
        let tick = now.0.checked_add_signed(ahead.into())?;
        (to > 0).then_some(Base { tick: Tick(tick), part: Part { from: 0, to } })
    }
}

/// The snapshot of one tick.
#[derive(Clone, Copy, Debug, Default)]
struct SentTick {
    tick: Tick,
    /// The number of its first block, and of the one behind its last.
    blocks: (u64, u64),
    is_acked: bool,
}

/// One peer's side of the compact snapshots.
///
/// - For every move of the peer: [`Told::on_ack`].
/// - For every snapshot, by whoever packs it: begin; budget, base and next lost to choose; on sent for each block.
///
/// Memory: 4 bytes for every cluster there ever was at a time, and 6 bytes for every block sent within 64 ticks.
#[derive(Debug)]
pub struct Told {
    /// By cluster.
    held: Vec<Held>,
    sent: VecDeque<SentBlock>,
    /// The number of the first block in `sent`, counted from the first ever.
    sent_from: u64,
    /// By tick, modulo [`ACK_TICKS`].
    ticks: Vec<SentTick>,
    /// The tick of the newest snapshot.
    now: Tick,
    /// The newest acknowledgement.
    acked: Ack,
    lost: VecDeque<u16>,
    budget: usize,
    budget_max: usize,
    next_cut: Tick,
    /// For each place on the grid: how far the turn through its clusters has got.
    pub(super) turns: [u16; GRID_TICKS as usize],
    is_far_starved: bool,
}

impl Told {
    /// A peer that holds nothing and may be sent `datagram_bytes`.
    pub fn new(datagram_bytes: usize) -> Self {
        Self {
            held: Vec::new(),
            sent: VecDeque::new(),
            sent_from: 0,
            ticks: vec![SentTick::default(); ACK_TICKS as usize],
            now: Tick(0),
            acked: Ack::default(),
            lost: VecDeque::new(),
            budget: datagram_bytes,
            budget_max: datagram_bytes,
            next_cut: Tick(0),
            turns: [0; GRID_TICKS as usize],
            is_far_starved: false,
        }
    }

    /// The peer says which snapshots have arrived. Ticks of which it was sent none are ignored, and so are
    /// acknowledgements that an earlier one has overtaken: they say nothing new.
    pub fn on_ack(&mut self, ack: Ack) {
        let ahead = ack.newest.since(self.acked.newest);
        let was_sent = self.ticks[(ack.newest.0 % ACK_TICKS) as usize].tick == ack.newest;
        if ahead == 0 || !was_sent {
            return;
        }
        let shifted =
            |bits: u64, by: u64| u32::try_from(by).ok().and_then(|by| bits.checked_shl(by)).unwrap_or(0);
        let before = shifted(self.acked.history, ahead) | shifted(1, ahead - 1);
        let mut news = ack.history & !before;
        self.acked = ack;
        self.arrived(ack.newest);
        while news != 0 {
            let behind = u64::from(news.trailing_zeros()) + 1;
            news &= news - 1;
            if let Some(tick) = ack.newest.0.checked_sub(behind) {
                self.arrived(Tick(tick));
            }
        }
    }

    fn arrived(&mut self, tick: Tick) {
        let sent = &mut self.ticks[(tick.0 % ACK_TICKS) as usize];
        if sent.tick != tick || sent.is_acked {
            return;
        }
        sent.is_acked = true;
        let (from, to) = sent.blocks;
        for number in from.max(self.sent_from)..to {
            let block = self.sent[(number - self.sent_from) as usize];
            self.hold(block, tick);
        }
        self.budget = (self.budget + BUDGET_STEP).min(self.budget_max);
    }

    fn hold(&mut self, block: SentBlock, tick: Tick) {
        let held = &mut self.held[usize::from(block.cluster)];
        let is_newer = held.base(tick).is_none_or(|base| base.tick < tick);
        let is_baseline = block
            .part
            .is_none_or(|part| part.from == 0 && blocks::is_worth_holding(block.cluster, tick, self.now));
        if is_newer && is_baseline {
            *held = block.part.map_or(Held::NOTHING, |part| Held::new(tick, part));
        }
    }

    /// What the peer holds of `cluster`, if anything.
    pub(super) fn base(&self, cluster: u16, now: Tick) -> Option<Base> {
        self.held.get(usize::from(cluster))?.base(now)
    }

    /// How many bytes its next snapshot may have.
    pub(super) fn budget(&self, now: Tick) -> usize {
        if self.is_silent(now) { BUDGET_MIN.min(self.budget_max) } else { self.budget }
    }

    /// Whether it has acknowledged nothing that a block could lead from.
    pub(super) fn is_silent(&self, now: Tick) -> bool {
        now.since(self.acked.newest) >= ACK_TICKS
    }

    /// A cluster whose block was lost, to be told before its turn.
    pub(super) fn next_lost(&mut self) -> Option<u16> {
        self.lost.pop_front()
    }

    /// It found no room; it stays the first.
    pub(super) fn put_back_lost(&mut self, cluster: u16) {
        self.lost.push_front(cluster);
    }

    /// Whether the turn through all clusters is to begin before the near ones, which took all room last time.
    pub(super) fn takes_far_first(&self) -> bool {
        self.is_far_starved
    }

    /// Notes whether the turn got on at all.
    pub(super) fn note_far(&mut self, got_on: bool) {
        self.is_far_starved = !got_on;
    }

    /// Begins the snapshot of `now`, for which [`Told::on_sent`] names the blocks.
    pub(super) fn begin(&mut self, now: Tick, clusters: usize) {
        self.now = now;
        if self.held.len() < clusters {
            self.held.resize(clusters, Held::NOTHING);
        }
        if let Some(tick) = now.0.checked_sub(LOST_AFTER_TICKS) {
            self.look_for_loss(Tick(tick), now);
        }
        let place = (now.0 % ACK_TICKS) as usize;
        let (_, end) = self.ticks[place].blocks;
        while self.sent_from < end {
            self.sent.pop_front();
            self.sent_from += 1;
        }
        let next = self.sent_from + self.sent.len() as u64;
        self.ticks[place] = SentTick { tick: now, blocks: (next, next), is_acked: false };
    }

    /// The snapshot that has begun holds this block.
    pub(super) fn on_sent(&mut self, now: Tick, block: SentBlock) {
        self.sent.push_back(block);
        self.ticks[(now.0 % ACK_TICKS) as usize].blocks.1 += 1;
    }

    /// The snapshot of `tick` is old enough to have been acknowledged, if a newer one has.
    fn look_for_loss(&mut self, tick: Tick, now: Tick) {
        let sent = self.ticks[(tick.0 % ACK_TICKS) as usize];
        if sent.tick != tick || sent.is_acked || self.acked.newest <= tick {
            return;
        }
        if now >= self.next_cut {
            self.budget = (self.budget * BUDGET_KEPT_PERCENT / 100).max(BUDGET_MIN.min(self.budget_max));
            self.next_cut = Tick(now.0 + LOST_AFTER_TICKS);
        }
        for number in sent.blocks.0.max(self.sent_from)..sent.blocks.1 {
            let cluster = self.sent[(number - self.sent_from) as usize].cluster;
            let is_made_good = self.base(cluster, now).is_some_and(|base| base.tick > tick);
            if !is_made_good && self.lost.len() < LOST_BLOCKS_MAX && !self.lost.contains(&cluster) {
                self.lost.push_back(cluster);
            }
        }
    }
}
