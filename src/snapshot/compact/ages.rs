//! Sets of recent ticks.

use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

use crate::wire::Tick;

/// How many ticks a set reaches back.
pub(super) const AGES: u64 = u64::BITS as u64;

/// A set of ticks by their age: bit `i` stands for the tick `i` before now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ages(pub(super) u64);

impl Ages {
    pub(super) const NONE: Ages = Ages(0);

    /// Those from 0 up to, but without, `end`.
    pub(super) fn below(end: u64) -> Self {
        Self(if end < AGES { (1 << end) - 1 } else { u64::MAX })
    }

    /// The one tick `tick`, as seen from `now`; none if that is too long ago, or to come.
    pub(super) fn of(tick: Tick, now: Tick) -> Self {
        match now.0.checked_sub(tick.0) {
            Some(age) if age < AGES => Self(1 << age),
            _ => Self::NONE,
        }
    }

    /// All of them, seen so many ticks later.
    #[inline(always)]
    pub(super) fn later(self, ticks: u64) -> Self {
        Self(if ticks < AGES { self.0 << ticks } else { 0 })
    }

    /// The least age; [`AGES`] if there is none.
    #[inline(always)]
    pub(super) fn least(self) -> u64 {
        u64::from(self.0.trailing_zeros())
    }

    #[inline(always)]
    pub(super) fn contains(self, age: u64) -> bool {
        self.0 >> age & 1 == 1
    }

    #[inline(always)]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// From the least on.
    pub(super) fn iter(self) -> impl Iterator<Item = u64> {
        let mut left = self;
        std::iter::from_fn(move || left.take_least())
    }

    /// Takes out the least age.
    #[inline(always)]
    pub(super) fn take_least(&mut self) -> Option<u64> {
        let age = self.least();
        self.0 &= self.0.wrapping_sub(1);
        (age < AGES).then_some(age)
    }
}

impl BitAnd for Ages {
    type Output = Ages;
    #[inline(always)]
    fn bitand(self, other: Ages) -> Ages {
        Ages(self.0 & other.0)
    }
}

impl BitOr for Ages {
    type Output = Ages;
    #[inline(always)]
    fn bitor(self, other: Ages) -> Ages {
        Ages(self.0 | other.0)
    }
}

impl BitOrAssign for Ages {
    #[inline(always)]
    fn bitor_assign(&mut self, other: Ages) {
        self.0 |= other.0;
    }
}

impl Not for Ages {
    type Output = Ages;
    #[inline(always)]
    fn not(self) -> Ages {
        Ages(!self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_grow_with_time_and_fall_out_at_the_end() {
        let ages = Ages::of(Tick(10), Tick(12)) | Ages::of(Tick(12), Tick(12));
        assert_eq!(ages.iter().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(ages.later(61).iter().collect::<Vec<_>>(), [61, 63]);
        assert_eq!((ages.later(63).len(), ages.later(64), ages.later(u64::MAX)), (1, Ages::NONE, Ages::NONE));
        assert_eq!(Ages::of(Tick(13), Tick(12)) | Ages::of(Tick(1), Tick(65)), Ages::NONE);
        assert_eq!((Ages::NONE.least(), Ages::below(64).len(), Ages::below(3).0), (AGES, 64, 0b111));
    }
}
