//! Who has walked the farthest, of all who are here.
//!
//! Lesson, leaderboards: where nobody has to be asked, nothing is fetched. This one is of the evening, and counted in the tick.

use std::collections::BTreeMap;

use tickcast::wire::Position;

/// So many are named.
pub(crate) const LEADERS_MAX: usize = 5;

/// How far everyone has walked, in units.
#[derive(Debug, Default)]
pub(crate) struct Leaders {
    walked: BTreeMap<u32, u32>,
}

impl Leaders {
    /// By the straight line, to whole units.
    pub(crate) fn walk(&mut self, player: u32, from: Position, to: Position) {
        let walked = self.walked.entry(player).or_default();
        *walked = walked.saturating_add(from.distance_squared(to).isqrt() as u32);
    }

    pub(crate) fn leave(&mut self, player: u32) {
        self.walked.remove(&player);
    }

    /// The best, the best first; of equals the lowest number.
    pub(crate) fn best(&self) -> Vec<(u32, u32)> {
        let mut best: Vec<(u32, u32)> =
            self.walked.iter().map(|(player, walked)| (*player, *walked)).collect();
        best.sort_by_key(|(player, walked)| (std::cmp::Reverse(*walked), *player));
        best.truncate(LEADERS_MAX);
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_have_walked_the_farthest_are_named_and_who_has_left_is_not() {
        let mut leaders = Leaders::default();
        let at = |x, y| Position { x, y };
        for player in 1..=7 {
            leaders.walk(player, at(0, 0), at(3 * player as i32, 4 * player as i32));
        }
        leaders.walk(2, at(0, 0), at(-100, 0));
        leaders.leave(7);
        assert_eq!(leaders.best(), [(2, 110), (6, 30), (5, 25), (4, 20), (3, 15)]);
    }
}
