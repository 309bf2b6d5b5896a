//! In which order do peers get their snapshots of a tick?

/// Everyone once. Where the system had no room for all, the next tick begins with the first who went without, so that they
/// are not the same each time.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// The place of the peer that is first.
    first: usize,
    /// How many have had their turn.
    done: usize,
    /// How many there are.
    all: usize,
    /// How many had had their turn when the last batch was begun.
    batch_began: usize,
    /// The place of the peer that is first in the next round.
    next_first: usize,
    is_full: bool,
}

impl Round {
    /// A round of so many places.
    pub(super) fn begin(&mut self, all: usize) {
        let first = if self.next_first < all { self.next_first } else { 0 };
        *self = Self { first, all, next_first: first, ..Self::default() };
    }

    /// Nobody is left to have a turn.
    pub(super) fn end(&mut self) {
        self.done = self.all;
    }

    /// Whose turns come belong to one batch.
    pub(super) fn begin_batch(&mut self) {
        self.batch_began = self.done;
    }

    /// Whose turn it is.
    #[inline]
    pub(super) fn next(&mut self) -> Option<usize> {
        if self.done == self.all {
            return None;
        }
        self.done += 1;
        Some(self.place(self.done - 1))
    }

    /// The last batch was not sent whole.
    pub(super) fn on_full(&mut self) {
        if !std::mem::replace(&mut self.is_full, true) && self.all > 0 {
            self.next_first = self.place(self.batch_began % self.all);
        }
    }

    fn place(&self, turn: usize) -> usize {
        let place = self.first + turn;
        if place < self.all { place } else { place - self.all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round in which batches of three are sent, and only the first `room` of all.
    fn play(round: &mut Round, all: usize, room: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut order, mut sent) = (Vec::new(), Vec::new());
        round.begin(all);
        loop {
            round.begin_batch();
            let batch: Vec<usize> = std::iter::from_fn(|| round.next()).take(3).collect();
            if batch.is_empty() {
                order.sort_unstable();
                return (order, sent);
            }
            let fit = room.saturating_sub(order.len()).min(batch.len());
            sent.extend(&batch[..fit]);
            if fit < batch.len() {
                round.on_full();
            }
            order.extend(batch);
        }
    }

    #[test]
    fn where_there_is_no_room_for_all_each_goes_without_in_turn() {
        let mut round = Round::default();
        let mut had = [0; 10];
        for _ in 0..300 {
            let (all, sent) = play(&mut round, 10, 4);
            assert!(all.into_iter().eq(0..10), "everyone has one turn");
            sent.into_iter().for_each(|place| had[place] += 1);
        }
        assert!(had.iter().all(|had| *had >= 300 * 3 / 10), "{had:?}");
    }

    #[test]
    fn where_there_is_room_the_order_stays_and_whoever_leaves_or_comes_is_in_it() {
        let mut round = Round::default();
        assert_eq!(play(&mut round, 5, 4).1, [0, 1, 2, 3]);
        for _ in 0..2 {
            assert_eq!(play(&mut round, 5, 5).1, [3, 4, 0, 1, 2]);
        }
        assert_eq!(play(&mut round, 6, 6).1, [3, 4, 5, 0, 1, 2]);
        assert_eq!(play(&mut round, 2, 2).1, [0, 1]);
        assert_eq!(play(&mut round, 0, 0).1, [0; 0]);
        round.on_full();
        assert_eq!(play(&mut round, 2, 2).1, [0, 1]);
    }

    #[test]
    fn whoever_ends_a_round_has_nobody_left() {
        let mut round = Round::default();
        round.begin(3);
        assert_eq!(round.next(), Some(0));
        round.end();
        assert_eq!(round.next(), None);
    }
}
