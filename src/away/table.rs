//! Players found by client id, and in the order in which they went.
//!
//! A table of a fixed size with lists through its rows: nothing in it ever grows or is hashed anew at once, which with a
//! million players would take as long as some ticks. What is not used of it takes no memory of the machine's.

use std::hash::BuildHasher as _;

use super::Known;
use crate::secret::HashState;

/// The row that is nobody's: the end of every list, and the two ends of the order.
const NOBODY: u32 = 0;

#[derive(Clone, Copy, Debug)]
struct Row<T> {
    known: T,
    /// The next in its bucket, or of those that are vacant.
    next: u32,
    older: u32,
    newer: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Table<T> {
    limit: usize,
    len: usize,
    hash: HashState,
    /// The first row of each bucket.
    buckets: Vec<u32>,
    rows: Vec<Row<T>>,
    vacant: u32,
    /// The oldest of those who are still to be told of: all who are newer are so too.
    changed: u32,
}

impl<T: Known> Table<T> {
    pub(super) fn new(limit: usize, hash: HashState) -> Self {
        let mut rows = Vec::with_capacity(limit + 1);
        rows.push(Row { known: T::default(), next: NOBODY, older: NOBODY, newer: NOBODY });
        let buckets = vec![NOBODY; limit.next_power_of_two()];
        Self { limit, len: 0, hash, buckets, rows, vacant: NOBODY, changed: NOBODY }
    }

    /// Remembers what is known of a player. Gives who is forgotten for it.
    pub(super) fn keep(&mut self, known: T) -> Option<u32> {
        self.recall(known.client_id());
        let oldest = self.rows[NOBODY as usize].newer;
        let is_full = self.len == self.limit;
        let forgotten = is_full.then(|| self.rows[oldest as usize].known.client_id());
        forgotten.and_then(|client_id| self.recall(client_id));
        let (bucket, newest) = (self.bucket(known.client_id()), self.rows[NOBODY as usize].older);
        let row = Row { known, next: self.buckets[bucket], older: newest, newer: NOBODY };
        let place = self.put(row);
        self.buckets[bucket] = place;
        self.rows[newest as usize].newer = place;
        self.rows[NOBODY as usize].older = place;
        if self.changed == NOBODY {
            self.changed = place;
        }
        self.len += 1;
        forgotten
    }

    fn put(&mut self, row: Row<T>) -> u32 {
        match self.vacant {
            NOBODY => {
                self.rows.push(row);
                self.rows.len() as u32 - 1
            }
            place => {
                self.vacant = self.rows[place as usize].next;
                self.rows[place as usize] = row;
                place
            }
        }
    }

    /// What is known of a player.
    pub(super) fn find(&self, client_id: u32) -> Option<T> {
        let mut place = self.buckets[self.bucket(client_id)];
        while place != NOBODY && self.rows[place as usize].known.client_id() != client_id {
            place = self.rows[place as usize].next;
        }
        (place != NOBODY).then(|| self.rows[place as usize].known)
    }

    /// What is known of a player, who is then remembered no longer.
    pub(super) fn recall(&mut self, client_id: u32) -> Option<T> {
        let bucket = self.bucket(client_id);
        let (mut before, mut place) = (NOBODY, self.buckets[bucket]);
        while place != NOBODY && self.rows[place as usize].known.client_id() != client_id {
            (before, place) = (place, self.rows[place as usize].next);
        }
        if place == NOBODY {
            return None;
        }
        let row = self.rows[place as usize];
        match before {
            NOBODY => self.buckets[bucket] = row.next,
            _ => self.rows[before as usize].next = row.next,
        }
        self.rows[row.older as usize].newer = row.newer;
        self.rows[row.newer as usize].older = row.older;
        if self.changed == place {
            self.changed = row.newer;
        }
        self.rows[place as usize].next = self.vacant;
        self.vacant = place;
        self.len -= 1;
        Some(row.known)
    }

    /// The next who was kept and not yet told of, those who went first before others.
    pub(super) fn next_changed(&mut self) -> Option<T> {
        let row = self.rows[self.changed as usize];
        let is_any = self.changed != NOBODY;
        self.changed = if is_any { row.newer } else { NOBODY };
        is_any.then_some(row.known)
    }

    fn bucket(&self, client_id: u32) -> usize {
        self.hash.hash_one(client_id) as usize & (self.buckets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::secret::Secret;
    use crate::wire::{Player, Position};

    fn player(client_id: u32, x: i32) -> Player {
        Player { client_id, at: Position { x, y: 0 }, state: 0 }
    }

    /// The same, the slow way: in the order in which they went, and whether they are to be told of.
    #[derive(Default)]
    struct Model(VecDeque<(Player, bool)>);

    impl Model {
        fn recall(&mut self, client_id: u32) -> Option<Player> {
            let place = self.0.iter().position(|(player, _)| player.client_id == client_id)?;
            self.0.remove(place).map(|(player, _)| player)
        }

        fn keep(&mut self, player: Player, limit: usize) -> Option<u32> {
            self.recall(player.client_id);
            let forgotten = (self.0.len() == limit).then(|| self.0.pop_front()).flatten();
            self.0.push_back((player, true));
            forgotten.map(|(player, _)| player.client_id)
        }

        fn next_changed(&mut self) -> Option<Player> {
            let (player, changed) = self.0.iter_mut().find(|(_, changed)| *changed)?;
            *changed = false;
            Some(*player)
        }
    }

    #[test]
    fn whatever_is_done_it_remembers_as_a_list_would() {
        for seed in 0..20 {
            let (draw, limit) = (Secret::from_seed(seed), 1 + seed as usize);
            let (mut away, mut model) = (Table::new(limit, draw.hash_state()), Model::default());
            for step in 0..2_000 {
                let drawn = draw.number(step);
                let id = (drawn >> 8) as u32 % 30;
                match drawn % 4 {
                    0 => {
                        let found = away.find(id);
                        assert_eq!(
                            (found, away.recall(id)),
                            (model.recall(id), found),
                            "seed {seed}, step {step}"
                        );
                    }
                    1 => assert_eq!(away.next_changed(), model.next_changed(), "seed {seed}, step {step}"),
                    _ => {
                        let kept = player(id, step as i32);
                        let forgotten = (away.keep(kept), model.keep(kept, limit));
                        assert_eq!(forgotten.0, forgotten.1, "seed {seed}, step {step}");
                    }
                }
                assert_eq!(away.len, model.0.len());
            }
            assert!(away.rows.len() <= limit + 1, "rows are used again");
        }
    }
}
