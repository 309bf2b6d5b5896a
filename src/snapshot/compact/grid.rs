//! Whose turn it is to be told to all.
//!
//! The ticks that are made are dealt out in turn to as many places, and every cluster has a place. Ticks that are
//! skipped do not count: else a server that makes every second one would leave out half of the clusters.

use super::ages::Ages;

/// How many places there are: far clusters are told in one of so many ticks.
pub(super) const PLACES: usize = 4;

/// The ticks that were made lately, by place.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    place: usize,
    /// By place.
    ages: [Ages; PLACES],
    /// The ticks in which it was the turn of all.
    all: Ages,
}

impl Grid {
    /// A tick begins, so many after the last that was made. It may be the turn of all.
    pub(super) fn begin(&mut self, ticks: u64, is_for_all: bool) {
        self.place = (self.place + 1) % PLACES;
        self.ages = self.ages.map(|ages| ages.later(ticks));
        self.ages[self.place] |= Ages(1);
        self.all = self.all.later(ticks) | Ages(is_for_all.into());
    }

    /// The place whose turn it is.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// The place whose turn it was so many ticks ago.
    pub(super) fn place_at(&self, age: u64) -> Option<usize> {
        self.ages.iter().position(|ages| ages.contains(age))
    }

    /// Whether it is the turn of all.
    pub(super) fn is_for_all(&self) -> bool {
        self.all.contains(0)
    }

    /// The ages of the ticks in which it was the turn of all.
    pub(super) fn all(&self) -> Ages {
        self.all
    }

    /// Whether it is the turn of `cluster`.
    pub(super) fn is_turn_of(&self, cluster: u16) -> bool {
        usize::from(cluster) % PLACES == self.place
    }

    /// The ages of the ticks that were the turns of the place of `cluster`, whether of all or not.
    pub(super) fn ages(&self, cluster: u16) -> Ages {
        self.ages[usize::from(cluster) % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_ticks_are_nobodys_turn() {
        let mut grid = Grid::default();
        for _ in 0..9 {
            grid.begin(2, false);
        }
        let turns: Vec<u16> = (0..4).filter(|&cluster| grid.is_turn_of(cluster)).collect();
        assert_eq!((turns.as_slice(), grid.place()), (&[1][..], 1));
        assert_eq!(
            [0, 1].map(|cluster| grid.ages(cluster).iter().take(3).collect::<Vec<_>>()),
            [vec![2, 10], vec![0, 8, 16]]
        );
        assert_eq!([0, 1, 2, 8].map(|age| grid.place_at(age)), [Some(1), None, Some(0), Some(1)]);
        grid.begin(1, true);
        assert!(grid.is_for_all() && grid.all() == Ages(1));
    }
}
