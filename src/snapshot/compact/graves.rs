//! The clusters that are no more, as long as a peer may believe in them.

use std::collections::VecDeque;

use super::ages::AGES;
use crate::wire::Tick;

/// The clusters that dissolved within the last [`AGES`] ticks, numbered from the first ever.
#[derive(Debug, Default)]
pub(super) struct Graves {
    dissolved: VecDeque<(Tick, u16)>,
    count: u32,
}

impl Graves {
    /// Forgets those that dissolved too long ago.
    pub(super) fn begin(&mut self, now: Tick) {
        while self.dissolved.front().is_some_and(|(since, _)| now.since(*since) >= AGES) {
            self.dissolved.pop_front();
        }
    }

    /// The cluster dissolves.
    pub(super) fn add(&mut self, now: Tick, cluster: u16) {
        self.dissolved.push_back((now, cluster));
        self.count += 1;
    }

    /// How many had ever dissolved so many ticks ago.
    pub(super) fn count(&self, now: Tick, age: u64) -> u32 {
        let later = self.dissolved.iter().rev().take_while(|(since, _)| since.0 + age > now.0);
        self.count - later.count() as u32
    }

    /// Whether none of them come after the first so many.
    pub(super) fn are_known(&self, buried: u32) -> bool {
        self.count == buried || self.dissolved.is_empty()
    }

    /// Those after the first so many.
    pub(super) fn after(&self, buried: u32) -> impl ExactSizeIterator<Item = u16> {
        let unknown = ((self.count - buried) as usize).min(self.dissolved.len());
        self.dissolved.range(self.dissolved.len() - unknown..).map(|(_, cluster)| *cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graves_are_counted_from_the_first_and_forgotten_in_time() {
        let mut graves = Graves::default();
        for tick in 1..=5 {
            graves.begin(Tick(tick));
            graves.add(Tick(tick), tick as u16);
        }
        assert_eq!([0, 1, 4, 5].map(|age| graves.count(Tick(5), age)), [5, 4, 1, 0]);
        assert_eq!((graves.after(3).collect::<Vec<_>>(), graves.after(5).len()), (vec![4, 5], 0));
        assert!(graves.are_known(5) && !graves.are_known(4));
        graves.begin(Tick(67));
        assert_eq!((graves.after(0).collect::<Vec<_>>(), graves.count(Tick(67), 0)), (vec![4, 5], 5));
        graves.begin(Tick(100));
        assert!(graves.are_known(0) && graves.after(0).len() == 0, "nobody believes in them any more");
    }
}
