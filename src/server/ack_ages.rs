//! How old what peers have is, by their own word.

use crate::wire::{Ack, Tick};

/// Upper bounds of ages, in ticks. Baselines are younger than 64 ticks; what is older helps nobody.
pub(crate) const ACK_AGE_BOUNDS: &[u64] = &[0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64];

/// How many ticks old the newest snapshot was that a move acknowledged. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AckAges {
    /// One for each of [`ACK_AGE_BOUNDS`], of the ages up to it and above the one before; the last is of all above.
    pub(crate) counts: [u64; ACK_AGE_BOUNDS.len() + 1],
    pub(crate) sum: u64,
}

impl AckAges {
    /// Notes what a move acknowledges while the newest tick is `now`; not, if it names none or one that is to come.
    pub(super) fn note(&mut self, now: Tick, ack: Ack) {
        if ack.newest == Tick(0) || ack.newest > now {
            return;
        }
        let age = now.since(ack.newest);
        self.counts[ACK_AGE_BOUNDS.partition_point(|bound| *bound < age)] += 1;
        self.sum += age;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_ticks_that_have_been() {
        let mut ages = AckAges::default();
        for newest in [0, 100, 99, 95, 30, 101, u64::MAX] {
            ages.note(Tick(100), Ack { newest: Tick(newest), history: 0 });
        }
        assert_eq!(ages.counts, [1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(ages.sum, 76);
    }
}
