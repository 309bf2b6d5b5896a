//! Where the bots walk: deterministic, the same seed gives the same ways.

use std::str::FromStr;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use crate::secret::Secret;
use crate::wire::Position;

/// How far a walk to a waypoint goes in one move, in units.
const UNITS_PER_MOVE: f64 = 5.0;
/// A random walk changes each coordinate by at most this in one move, in units.
const RANDOM_STEP: i32 = 3;
/// A crowd stays within a square with sides of so many units.
const CROWD_UNITS: u32 = 1_000;
/// Within its crowd a bot strays by at most this on each axis in one move, in units.
const CROWD_STEP: i32 = 1;

/// How bots walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Walk {
    /// In a straight line to a place drawn from the whole area, 5 units a move, and then to the next.
    #[default]
    Waypoint,
    /// By -3 to 3 units on each axis at every move.
    Random,
    /// All together within 1,000 x 1,000 units that walk to waypoints; each strays by -1 to 1 of its own.
    Crowd,
    /// Nobody leaves its place.
    Rest,
}

impl Walk {
    /// All of them.
    pub const ALL: [Walk; 4] = [Walk::Waypoint, Walk::Random, Walk::Crowd, Walk::Rest];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Walk::Waypoint => "waypoint",
            Walk::Random => "random",
            Walk::Crowd => "crowd",
            Walk::Rest => "rest",
        }
    }
}

/// The places where bots walk: from (0, 0) up to, but without, (width, height).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    width: u32,
    height: u32,
}

impl Area {
    /// The longest side, in units.
    pub const SIDE_MAX: u32 = i32::MAX as u32;

    /// An area of `width` x `height` units, both from 1 to [`Area::SIDE_MAX`].
    pub fn new(width: u32, height: u32) -> Result<Self, AreaError> {
        let side = 1..=Self::SIDE_MAX;
        if side.contains(&width) && side.contains(&height) {
            Ok(Self { width, height })
        } else {
            Err(AreaError::OutOfBounds)
        }
    }

    /// The part of it that a crowd takes up.
    fn crowd(self) -> Self {
        Self { width: self.width.min(CROWD_UNITS), height: self.height.min(CROWD_UNITS) }
    }

    /// Where the corner of `inner` may be.
    fn less(self, inner: Self) -> Self {
        Self { width: self.width - inner.width + 1, height: self.height - inner.height + 1 }
    }
}

impl Default for Area {
    /// That of the reference walk, 16,384 x 16,384.
    fn default() -> Self {
        Self { width: 16_384, height: 16_384 }
    }
}

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Area {
    type Err = AreaError;

    fn from_str(text: &str) -> Result<Self, AreaError> {
        let (width, height) = text.split_once('x').ok_or(AreaError::Form)?;
        let side = |text: &str| text.trim().parse().map_err(|_| AreaError::Form);
        Self::new(side(width)?, side(height)?)
    }
}

/// Why something is not an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AreaError {
    /// Not two numbers.
    #[error("an area is WIDTHxHEIGHT in units, such as 16384x16384")]
    Form,
    /// A side of nothing, or one that does not fit a coordinate.
    #[error("both sides of an area are 1 to {max} units", max = Area::SIDE_MAX)]
    OutOfBounds,
}

/// The ways of all bots.
///
/// [`Walks::step`] whenever a bot makes a move; [`Walks::at`] for where it has got to.
#[derive(Debug)]
pub struct Walks {
    walk: Walk,
    /// Where a single bot walks: the area, or within its crowd.
    room: Area,
    walkers: Vec<Walker>,
    told: Vec<Position>,
    crowd: Walker,
    crowd_room: Area,
    crowd_round: u64,
}

impl Walks {
    /// The ways of `bots` bots, who stand at their first places.
    pub fn new(walk: Walk, area: Area, bots: usize, seed: u64) -> Self {
        let draw = Secret::from_seed(seed).derive("walks");
        let room = if walk == Walk::Crowd { area.crowd() } else { area };
        let crowd_room = area.less(area.crowd());
        let mut walks = Self {
            walk,
            room,
            walkers: (0..bots as u64).map(|bot| Walker::new(room, draw.number(bot))).collect(),
            told: Vec::new(),
            crowd: Walker::new(crowd_room, draw.derive("crowd").number(0)),
            crowd_room,
            crowd_round: 0,
        };
        walks.told = (0..bots).map(|bot| walks.place(bot)).collect();
        walks
    }

    /// Where the bot is after its last move.
    pub fn at(&self, bot: usize) -> Position {
        self.told[bot]
    }

    /// Makes the bot's move of `round`, and says where it leads. Rounds only go forward; the crowd moves once
    /// in each.
    pub fn step(&mut self, bot: usize, round: u64) -> Position {
        let walker = &mut self.walkers[bot];
        match self.walk {
            Walk::Waypoint => walker.walk_on(self.room),
            Walk::Random => walker.stray(self.room, RANDOM_STEP),
            Walk::Crowd => {
                walker.stray(self.room, CROWD_STEP);
                while self.crowd_round < round {
                    self.crowd.walk_on(self.crowd_room);
                    self.crowd_round += 1;
                }
            }
            Walk::Rest => {}
        }
        self.told[bot] = self.place(bot);
        self.told[bot]
    }

    fn place(&self, bot: usize) -> Position {
        let at = self.walkers[bot].at;
        match self.walk {
            Walk::Crowd => {
                let corner = self.crowd.at;
                Point { x: corner.x + at.x, y: corner.y + at.y }.rounded()
            }
            _ => at.rounded(),
        }
    }
}

/// A place between places: a straight line at any angle keeps its speed.
#[derive(Clone, Copy, Debug)]
struct Point {
    x: f64,
    y: f64,
}

impl Point {
    fn draw(room: Area, rng: &mut Xoshiro256PlusPlus) -> Self {
        let mut side = |units: u32| f64::from(rng.random_range(0..units));
        Self { x: side(room.width), y: side(room.height) }
    }

    fn rounded(self) -> Position {
        Position { x: self.x.round() as i32, y: self.y.round() as i32 }
    }
}

#[derive(Debug)]
struct Walker {
    at: Point,
    target: Point,
    rng: Xoshiro256PlusPlus,
}

impl Walker {
    fn new(room: Area, seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (at, target) = (Point::draw(room, &mut rng), Point::draw(room, &mut rng));
        Self { at, target, rng }
    }

    /// Goes on towards its target; there it draws the next.
    fn walk_on(&mut self, room: Area) {
        let (dx, dy) = (self.target.x - self.at.x, self.target.y - self.at.y);
        let distance = dx.hypot(dy);
        if distance <= UNITS_PER_MOVE {
            self.at = self.target;
            self.target = Point::draw(room, &mut self.rng);
        } else {
            let share = UNITS_PER_MOVE / distance;
            self.at = Point { x: self.at.x + dx * share, y: self.at.y + dy * share };
        }
    }

    fn stray(&mut self, room: Area, step: i32) {
        let mut stray = |from: f64, units: u32| {
            let to = from + f64::from(self.rng.random_range(-step..=step));
            to.clamp(0.0, f64::from(units - 1))
        };
        self.at = Point { x: stray(self.at.x, room.width), y: stray(self.at.y, room.height) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 7;

    fn ways(walk: Walk, seed: u64) -> Vec<Vec<Position>> {
        let mut walks = Walks::new(walk, Area::default(), 20, seed);
        (1..=500).map(|round| (0..20).map(|bot| walks.step(bot, round)).collect()).collect()
    }

    /// The distance of every move of every bot.
    fn distances(ways: &[Vec<Position>]) -> Vec<f64> {
        let moved = |pair: &[Vec<Position>]| {
            let steps = pair[0].iter().zip(&pair[1]).map(|(a, b)| (a.distance_squared(*b) as f64).sqrt());
            steps.collect::<Vec<_>>()
        };
        ways.windows(2).flat_map(moved).collect()
    }

    #[test]
    fn the_same_seed_walks_the_same_ways() {
        for walk in Walk::ALL {
            assert_eq!(ways(walk, SEED), ways(walk, SEED), "{}", walk.name());
            assert_ne!(ways(walk, SEED), ways(walk, SEED + 1), "{}", walk.name());
        }
    }

    #[test]
    fn waypoints_are_walked_to_at_five_units_a_move() {
        let distances = distances(&ways(Walk::Waypoint, SEED));
        // Both ends are rounded to whole units, by half a unit on each axis.
        let half_units = 2.0_f64.sqrt();
        let slow = distances.iter().filter(|d| **d < 5.0 - half_units).count();
        assert!(distances.iter().all(|d| *d <= 5.0 + half_units), "seed {SEED}");
        assert!(slow <= 20, "only the last move to a waypoint is shorter: {slow}, seed {SEED}");
    }

    #[test]
    fn a_random_walk_steps_by_three_at_most_and_stays_in_its_area() {
        let area = Area::new(10, 20).expect("an area");
        let mut walks = Walks::new(Walk::Random, area, 1, SEED);
        for round in 1..=2_000 {
            let (before, now) = (walks.at(0), walks.step(0, round));
            assert!(before.x.abs_diff(now.x) <= 3 && before.y.abs_diff(now.y) <= 3);
            assert!((0..10).contains(&now.x) && (0..20).contains(&now.y), "{now:?}");
        }
    }

    #[test]
    fn a_crowd_walks_together_and_does_not_stand_still() {
        let ways = ways(Walk::Crowd, SEED);
        for together in &ways {
            for axis in [|p: &Position| p.x, |p: &Position| p.y] {
                let (low, high) = (together.iter().map(axis).min(), together.iter().map(axis).max());
                assert!(high.zip(low).is_some_and(|(high, low)| high - low <= 1_000));
            }
        }
        let mean = distances(&ways).iter().sum::<f64>() / (20.0 * 499.0);
        assert!((4.0..6.0).contains(&mean), "{mean}");
    }

    #[test]
    fn who_rests_stays() {
        assert!(distances(&ways(Walk::Rest, SEED)).iter().all(|d| *d == 0.0));
    }

    #[test]
    fn an_area_is_two_sides_within_bounds() {
        assert_eq!("16384x16384".parse(), Ok(Area::default()));
        assert_eq!("16384".parse::<Area>(), Err(AreaError::Form));
        assert_eq!("0x5".parse::<Area>(), Err(AreaError::OutOfBounds));
        assert_eq!("5x2147483648".parse::<Area>(), Err(AreaError::OutOfBounds));
        assert_eq!(Walks::new(Walk::Waypoint, Area::new(1, 1).expect("one place"), 1, 1).step(0, 1).x, 0);
    }
}
