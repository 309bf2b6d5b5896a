//! Where is a player heading? How its motion, the hint that makes blocks short, is found.
//!
//! Peers are told of a motion when it changes, so it must change rarely. A player who walks straight keeps one for
//! its whole leg: told once when it has walked evenly for two looks, and refined once. One who wanders or jumps has
//! none. A wrong motion costs bits for the 8 to 12 ticks after a turn, never exactness.

use crate::wire::Position;
use crate::wire::block::Motion;

/// Ticks between two looks at the same player.
pub const LOOK_TICKS: u64 = 4;

/// The same, to calculate with.
const TICKS: i32 = LOOK_TICKS as i32;

/// The largest way between two looks that counts as walking, in units; beyond it the player has jumped.
///
/// Sixteenths of it per tick fit into 16 bits.
const STEP_UNITS_MAX: i32 = 4_000;
const _: () = assert!(2 * STEP_UNITS_MAX * 16 / TICKS < i16::MAX as i32 + 1);

/// A walk is believed when as many units have been walked evenly, so that chance does not look like it.
const PROOF_UNITS: i32 = 12;

/// What rounding to whole units can do to the difference of two steps, in units.
const ROUNDING_UNITS: i32 = 2;

/// Looks from one review of a motion to the next.
const REVIEW_LOOKS: u8 = 8;

/// What is remembered of one player to tell its motion: 36 bytes.
///
/// Call [`Pace::look`] every [`LOOK_TICKS`], for some of the players in each tick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    seen: Position,
    /// From the look before the last to the last.
    step: [i32; 2],
    motion: Motion,
    /// Where the player was when the measuring of its motion began, and the looks since.
    anchor: Position,
    looks: u8,
    /// How many steps in a row were like the one before.
    even_steps: u8,
    is_reviewed: bool,
}

impl Pace {
    /// A player that stands at `at` and has not moved yet.
    pub fn at(at: Position) -> Self {
        Self { seen: at, ..Self::default() }
    }

    /// The motion as of the last look.
    pub fn motion(&self) -> Motion {
        self.motion
    }

    /// Looks at the player again, [`LOOK_TICKS`] after the last time.
    pub fn look(&mut self, at: Position) -> Motion {
        let step = way_between(self.seen, at);
        let before = std::mem::replace(&mut self.step, step);
        self.seen = at;
        self.even_steps = if is_even(before, step) { self.even_steps.saturating_add(1) } else { 0 };
        let way = [before[0].saturating_add(step[0]), before[1].saturating_add(step[1])];
        let astray = self.astray(way, 2);
        if astray > ROUNDING_UNITS.max(longest(way) / 6) {
            self.turn(way, step, astray);
        } else if self.motion != Motion::REST {
            self.review();
        }
        self.motion
    }

    /// How far from the end of `way` the motion leads within so many looks.
    fn astray(&self, way: [i32; 2], looks: i32) -> i32 {
        let led = |component: i16| i32::from(component) * looks * TICKS / 16;
        longest([way[0].saturating_sub(led(self.motion.x)), way[1].saturating_sub(led(self.motion.y))])
    }

    /// Takes the last two steps for the motion if the walk is believed; gives the old one up if it is no better
    /// than none.
    fn turn(&mut self, way: [i32; 2], step: [i32; 2], astray: i32) {
        let length = longest(step);
        if length * i32::from(self.even_steps) >= PROOF_UNITS {
            let [x, y] = way.map(|part| (part * 16 / (2 * TICKS)) as i16);
            self.motion = Motion { x, y };
            let Position { x, y } = self.seen;
            self.anchor = Position { x: x.wrapping_sub(way[0]), y: y.wrapping_sub(way[1]) };
            self.looks = 2;
            self.is_reviewed = false;
        } else if astray >= length {
            self.motion = Motion::REST;
        }
    }

    /// Now and then takes the way since the anchor, which tells the motion better than two steps: always the
    /// first time, later only if the motion has led astray.
    fn review(&mut self) {
        self.looks += 1;
        if self.looks < REVIEW_LOOKS {
            return;
        }
        let way = way_between(self.anchor, self.seen);
        let looks = i32::from(self.looks);
        if !self.is_reviewed || self.astray(way, looks) > ROUNDING_UNITS.max(longest(way) / 16) {
            let ticks = looks * TICKS;
            let [x, y] = way.map(|part| (part.saturating_mul(16) + ticks / 2).div_euclid(ticks) as i16);
            self.motion = Motion { x, y };
        }
        self.is_reviewed = true;
        self.anchor = self.seen;
        self.looks = 0;
    }
}

/// Whether two steps are those of one straight walk, but for rounding.
fn is_even(before: [i32; 2], step: [i32; 2]) -> bool {
    let length = longest(step);
    let change = longest([step[0].wrapping_sub(before[0]), step[1].wrapping_sub(before[1])]);
    length <= STEP_UNITS_MAX
        && longest(before) <= STEP_UNITS_MAX
        && change <= (length / 8).clamp(1, ROUNDING_UNITS)
}

fn way_between(from: Position, to: Position) -> [i32; 2] {
    [to.x.wrapping_sub(from.x), to.y.wrapping_sub(from.y)]
}

fn longest(way: [i32; 2]) -> i32 {
    way[0].saturating_abs().max(way[1].saturating_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The motions of a player who is at `place(tick)`, by look.
    fn motions(looks: u64, place: impl Fn(u64) -> Position) -> Vec<Motion> {
        let mut pace = Pace::at(place(0));
        (1..=looks).map(|look| pace.look(place(look * LOOK_TICKS))).collect()
    }

    fn straight(tick: u64, x: f64, y: f64) -> Position {
        Position { x: (tick as f64 * x).round() as i32, y: (tick as f64 * y).round() as i32 }
    }

    #[test]
    fn a_walk_is_known_after_two_looks_and_told_a_few_times_only() {
        let mut told = motions(500, |tick| straight(tick, 3.317, -3.741));
        assert_ne!(told[2], Motion::REST);
        told.dedup();
        assert!(told.len() <= 4, "{told:?}");
        assert_eq!(motions(500, |tick| straight(tick, 3.0, -4.0))[499], Motion { x: 48, y: -64 });
    }

    #[test]
    fn rest_has_no_motion() {
        let stands = motions(50, |_| Position { x: 7, y: 9 });
        assert!(stands.iter().all(|motion| *motion == Motion::REST));
        let stops = motions(50, |tick| straight(tick.min(100), 3.0, -4.0));
        assert_eq!(stops[30..], [Motion::REST; 20]);
    }

    #[test]
    fn who_wanders_has_no_motion_and_who_turns_gets_a_new_one() {
        let wanders = motions(50, |tick| straight(tick / 4 % 2, 3.0, 3.0));
        assert_eq!(wanders[10..], [Motion::REST; 40]);
        let turns = motions(50, |tick| straight(tick.min(200 - tick), 5.0, 0.0));
        assert_eq!((turns[20], turns[49]), (Motion { x: 80, y: 0 }, Motion { x: -80, y: 0 }));
    }

    #[test]
    fn jumps_to_the_ends_of_the_world_do_not_panic() {
        let ends = [i32::MIN, i32::MAX, 0, -1];
        let end = |turn: u64| ends[(turn % 4) as usize];
        motions(200, |tick| Position { x: end(tick / 4), y: end(tick / 8) });
    }
}
