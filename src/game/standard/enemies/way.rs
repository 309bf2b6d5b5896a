//! A way on foot: straight pieces from place to place, walked in whole units.

use crate::wire::Position;

/// How far somebody has come on a way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Walk {
    /// Where the piece begins.
    from: Position,
    /// Units of it that are behind.
    walked: u64,
    /// The places to go to, the next one last.
    ahead: Vec<Position>,
}

impl Walk {
    /// From `from` to all of `places`, the last one first.
    pub(super) fn new(from: Position, ahead: Vec<Position>) -> Self {
        Self { from, walked: 0, ahead }
    }

    /// Where it is.
    pub(super) fn at(&self) -> Position {
        match self.ahead.last() {
            Some(to) => between(self.from, *to, self.walked),
            None => self.from,
        }
    }

    /// Whether it has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.ahead.is_empty()
    }

    /// Goes on by so many units, and says where that is. At the end it stays.
    pub(super) fn go(&mut self, units: u64) -> Position {
        self.walked += units;
        while let Some(to) = self.ahead.last() {
            let length = length(self.from, *to);
            if self.walked < length {
                return between(self.from, *to, self.walked);
            }
            (self.walked, self.from) = (self.walked - length, *to);
            self.ahead.pop();
        }
        self.walked = 0;
        self.from
    }
}

/// The distance in whole units, rounded down.
fn length(from: Position, to: Position) -> u64 {
    from.distance_squared(to).isqrt()
}

/// The place that the straight line is in after so many units: the very squares of one unit that
/// [`crate::level::Level::first_wall_on`] looks at, so that nobody on a way without walls is ever in one.
fn between(from: Position, to: Position, units: u64) -> Position {
    let length = length(from, to).max(1) as i128;
    let units = i128::from(units).min(length);
    let along = |from: i32, to: i32| {
        let (from, far) = (i128::from(from), i128::from(to) - i128::from(from));
        ((2 * from + 1) * length + 2 * far * units).div_euclid(2 * length) as i32
    };
    Position { x: along(from.x, to.x), y: along(from.y, to.y) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn at(x: i32, y: i32) -> Position {
        Position { x, y }
    }

    #[test]
    fn a_walk_goes_from_place_to_place_and_stays_at_the_end() {
        let mut walk = Walk::new(at(0, 0), vec![at(10, -20), at(10, 0)]);
        assert_eq!((walk.go(4), walk.go(4), walk.go(4)), (at(4, 0), at(8, 0), at(10, -2)));
        assert_eq!(
            (walk.at(), walk.go(17), walk.go(100), walk.go(1)),
            (at(10, -2), at(10, -19), at(10, -20), at(10, -20))
        );
    }

    #[test]
    fn walking_in_small_steps_leads_where_one_large_step_does() {
        for seed in 0..200 {
            let key = Secret::from_seed(seed).derive("walks");
            let place = |index: u64| at(key.number(index) as i32 % 500, key.number(index + 100) as i32 % 500);
            let places: Vec<Position> = (1..5).map(place).collect();
            let (mut slow, mut fast) = (Walk::new(place(0), places.clone()), Walk::new(place(0), places));
            let steps: Vec<u64> = (0..40).map(|index| key.number(index + 200) % 30).collect();
            steps.iter().for_each(|step| _ = slow.go(*step));
            assert_eq!(fast.go(steps.iter().sum()), slow.at(), "seed {seed}");
        }
    }

    #[test]
    fn the_farthest_places_are_reached_without_overflow() {
        let (from, to) = (at(i32::MIN, i32::MIN), at(i32::MAX, i32::MAX));
        let mut walk = Walk::new(from, vec![to]);
        assert_eq!(walk.go(0), from);
        assert_eq!(walk.go(u64::from(u32::MAX) * 2), to);
    }
}
