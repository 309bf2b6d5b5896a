//! What one peer has been told, what of it has arrived, and how much it can take.

use super::ages::{AGES, Ages};
use super::blocks::{Base, Part};
use super::near::Near;
use super::parts::PartsTold;
use super::turn::Turns;
use crate::wire::{Ack, Tick};

/// A snapshot that is not acknowledged when one so many ticks newer is has been lost.
const LOST_AFTER_TICKS: u64 = 8;

/// The smallest byte budget of a peer.
pub(super) const BUDGET_MIN: usize = 256;
/// What a snapshot that arrived adds to the budget, in bytes.
const BUDGET_STEP: usize = 8;
/// What a lost one leaves of it, in percent, at most once in [`LOST_AFTER_TICKS`].
const BUDGET_KEPT_PERCENT: usize = 85;

/// One peer's side of the compact snapshots.
///
/// Nothing is noted for each block: which clusters a snapshot told of follows from the seats and the turn of its tick,
/// and what the peer holds follows from that and from which snapshots have arrived. So an acknowledgement costs a few
/// operations on bits, whatever it says.
///
/// - For every move of the peer: [`Told::on_ack`].
/// - For every snapshot, by whoever packs it: [`Told::begin`]; budget and base to choose; near, turns and parts note
///   what was told.
///
/// Memory: about 600 bytes, and what [`PartsTold`] takes for a peer whose datagrams are too small for whole clusters.
#[derive(Clone, Debug)]
pub struct Told {
    /// The tick of the newest snapshot.
    now: Tick,
    sent: Ages,
    arrived: Ages,
    /// When it was told of all clusters that were no more.
    buried_in: Ages,
    /// So many clusters, counted from the first ever that dissolved, it knows to be no more.
    buried: u32,
    budget: u32,
    budget_max: u32,
    next_cut: Tick,
    pub(super) near: Near,
    pub(super) turns: Turns,
    pub(super) parts: PartsTold,
}

impl Told {
    /// A peer that holds nothing and may be sent `datagram_bytes`.
    pub fn new(datagram_bytes: usize) -> Self {
        Self {
            now: Tick(0),
            sent: Ages::NONE,
            arrived: Ages::NONE,
            buried_in: Ages::NONE,
            buried: 0,
            budget: datagram_bytes as u32,
            budget_max: datagram_bytes as u32,
            next_cut: Tick(0),
            near: Near::NOBODY,
            turns: Turns::NONE,
            parts: PartsTold::default(),
        }
    }

    /// The peer says which snapshots have arrived. Those that it was not sent are ignored.
    pub fn on_ack(&mut self, ack: Ack) {
        let newest = Ages::of(ack.newest, self.now);
        let behind = Ages(ack.history).later(newest.least()).later(1);
        let news = (newest | behind) & self.sent & !self.arrived;
        if !newest.is_empty() && !news.is_empty() {
            self.arrived |= news;
            let grown = self.budget as usize + BUDGET_STEP * news.len();
            self.budget = grown.min(self.budget_max as usize) as u32;
        }
    }

    /// What the peer holds of a cluster that sits at `seat`, if at any. `legal` are the ages that a block of it may
    /// lead from, `in_turn` those of the ticks in which it may have been told in turn.
    #[inline(always)]
    pub(super) fn base(&self, cluster: u16, seat: Option<usize>, legal: Ages, in_turn: Ages) -> Option<Base> {
        let mut near = seat.map_or(Ages::NONE, |seat| self.near.told(seat)) & self.arrived & legal;
        while let Some(age) = near.take_least() {
            let eights = self.parts.eights(cluster, self.now, age);
            if eights > 0 {
                return Some(Base { age: age as u8, eights });
            }
        }
        let mut far = self.arrived & legal & in_turn;
        while let Some(age) = self.turns.latest(cluster, self.now, far) {
            let eights = self.parts.eights(cluster, self.now, age);
            if eights > 0 {
                return Some(Base { age: age as u8, eights });
            }
            far = far & !Ages::below(age + 1);
        }
        None
    }

    /// The tick of its newest snapshot.
    pub(super) fn now(&self) -> Tick {
        self.now
    }

    /// How many bytes its next snapshot may have.
    pub(super) fn budget(&self) -> usize {
        if self.is_silent() { BUDGET_MIN.min(self.budget_max as usize) } else { self.budget as usize }
    }

    /// Whether it has acknowledged nothing that a block could lead from.
    pub(super) fn is_silent(&self) -> bool {
        self.arrived.is_empty()
    }

    /// Begins the snapshot of `now`. `buried(age)` says how many clusters had ever dissolved so many ticks ago, and
    /// in the ticks of `all_in` everybody was told of everything, so that nothing is to be told again.
    pub(super) fn begin(&mut self, now: Tick, all_in: Ages, buried: impl Fn(u64) -> u32) {
        let ticks = now.since(self.now);
        if self.sent.is_empty() {
            self.buried = buried(0);
        }
        self.now = now;
        self.sent = self.sent.later(ticks) | Ages(1);
        self.arrived = self.arrived.later(ticks);
        self.buried_in = self.buried_in.later(ticks);
        self.near.later(ticks);
        self.parts.later(ticks, now);
        if let Some(age) = (self.buried_in & self.arrived).iter().next() {
            self.buried = self.buried.max(buried(age));
        }
        let due = Ages::below(LOST_AFTER_TICKS + ticks.min(AGES)) & !Ages::below(LOST_AFTER_TICKS);
        let lost = self.sent & !self.arrived & due;
        if !lost.is_empty() {
            self.on_lost(lost, all_in);
        }
        self.turns.begin(now);
    }

    /// Snapshots are old enough to have been acknowledged, if a newer one has.
    #[inline(never)]
    fn on_lost(&mut self, lost: Ages, all_in: Ages) {
        for age in lost.iter().filter(|age| self.arrived.least() < *age) {
            if self.now >= self.next_cut {
                let cut = self.budget as usize * BUDGET_KEPT_PERCENT / 100;
                self.budget = cut.max(BUDGET_MIN.min(self.budget_max as usize)) as u32;
                self.next_cut = Tick(self.now.0 + LOST_AFTER_TICKS);
            }
            if !all_in.contains(age) {
                self.turns.lose(Tick(self.now.0 - age));
            }
        }
    }

    /// How many of the clusters that dissolved, counted from the first ever, it knows to be no more.
    pub(super) fn buried(&self) -> u32 {
        self.buried
    }

    /// This snapshot names all others.
    pub(super) fn note_buried(&mut self) {
        self.buried_in |= Ages(1);
    }

    /// This snapshot tells of a part of the cluster.
    pub(super) fn note_part(&mut self, cluster: u16, part: Part) {
        self.parts.note(self.now, cluster, part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ticks: u64) -> Told {
        let mut told = Told::new(1_200);
        (1..=ticks).for_each(|tick| told.begin(Tick(tick), Ages::NONE, |_| 0));
        told
    }

    #[test]
    fn only_what_was_sent_can_arrive() {
        let mut told = told(100);
        for newest in [0, 101, 36, u64::MAX] {
            told.on_ack(Ack { newest: Tick(newest), history: u64::MAX });
            assert!(told.is_silent(), "{newest}");
        }
        told.on_ack(Ack { newest: Tick(98), history: 0b101 });
        assert_eq!(told.arrived.iter().collect::<Vec<_>>(), [2, 3, 5]);
        told.begin(Tick(200), Ages::NONE, |_| 0);
        assert!(told.is_silent() && told.sent.len() == 1);
    }

    #[test]
    fn the_budget_follows_what_arrives_and_silence_has_the_least() {
        let mut told = told(10);
        assert_eq!(told.budget(), BUDGET_MIN);
        let mut receive = |ticks: std::ops::Range<u64>, arrives: fn(u64) -> bool| {
            for tick in ticks {
                told.begin(Tick(tick), Ages::NONE, |_| 0);
                if arrives(tick) {
                    told.on_ack(Ack { newest: Tick(tick), history: 0 });
                }
            }
            told.budget()
        };
        assert_eq!(receive(11..60, |_| true), 1_200);
        let at_some_loss = receive(60..600, |tick| tick % 10 > 0);
        assert!((256..1_000).contains(&at_some_loss), "{at_some_loss}");
        assert!(receive(600..1_000, |tick| tick % 2 > 0) < at_some_loss);
        assert_eq!(receive(1_000..1_300, |_| true), 1_200);
        assert_eq!(receive(1_300..1_364, |_| false), BUDGET_MIN);
        assert_eq!(receive(1_364..1_365, |_| true), 1_200, "it recovers at once");
    }

    #[test]
    fn a_peer_takes_little_memory() {
        assert!(size_of::<Told>() <= 640, "{}", size_of::<Told>());
    }
}
