//! The clusters that were told in part only, because all of them fitted into no datagram.

use super::ages::{AGES, Ages};
use super::blocks::Part;
use crate::wire::Tick;

/// Most of them in one snapshot.
const PER_SNAPSHOT_MAX: usize = 8;

#[derive(Clone, Copy, Debug)]
struct PartTold {
    tick: Tick,
    cluster: u16,
    part: Part,
}

/// Which parts of clusters one peer was told of in its last snapshots.
///
/// Memory: 16 bytes for each, up to 8 KB for a peer whose datagrams are the smallest; nothing for all others.
#[derive(Clone, Debug, Default)]
pub(super) struct PartsTold {
    /// When there were any.
    ticks: Ages,
    /// Ascending by tick.
    parts: Vec<PartTold>,
    /// Those of now.
    of_now: usize,
}

impl PartsTold {
    /// So many ticks go by, and it is `now`.
    #[inline]
    pub(super) fn later(&mut self, ticks: u64, now: Tick) {
        self.of_now = 0;
        self.ticks = self.ticks.later(ticks);
        if !self.parts.is_empty() {
            self.parts.retain(|told| now.since(told.tick) < AGES);
        }
    }

    /// Whether this tick's snapshot tells of any.
    pub(super) fn has_any_now(&self) -> bool {
        self.of_now > 0
    }

    /// Whether one more may be told now.
    pub(super) fn have_room(&self) -> bool {
        self.of_now < PER_SNAPSHOT_MAX
    }

    pub(super) fn note(&mut self, now: Tick, cluster: u16, part: Part) {
        self.ticks |= Ages(1);
        self.of_now += 1;
        self.parts.push(PartTold { tick: now, cluster, part });
    }

    /// How many eights of the cluster the peer holds since it was told of it, so many ticks ago; 0 if those are not
    /// the first ones, from which a block could lead.
    #[inline(always)]
    pub(super) fn eights(&self, cluster: u16, now: Tick, age: u64) -> u8 {
        if self.ticks.contains(age) { self.look_up(cluster, Tick(now.0 - age)) } else { Part::ALL.to }
    }

    fn look_up(&self, cluster: u16, tick: Tick) -> u8 {
        let from = self.parts.partition_point(|told| told.tick < tick);
        let of_tick = self.parts[from..].iter().take_while(|told| told.tick == tick);
        match of_tick.into_iter().find(|told| told.cluster == cluster) {
            Some(PartTold { part: Part { from: 0, to }, .. }) => *to,
            Some(_) => 0,
            None => Part::ALL.to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_take_8_kb_at_most() {
        let mut parts = PartsTold::default();
        for tick in 1..1_000 {
            parts.later(1, Tick(tick));
            while parts.have_room() {
                parts.note(Tick(tick), tick as u16, Part { from: 0, to: 1 });
            }
            assert!(parts.parts.capacity() * size_of::<PartTold>() <= 8_192);
            assert_eq!(parts.eights(tick as u16, Tick(tick), 0), 1);
        }
    }
}
