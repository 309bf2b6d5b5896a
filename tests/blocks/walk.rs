//! Simulated movement, drawn from a seed.

use tickcast::secret::Secret;
use tickcast::wire::Position;

/// The reference walk goes on within an area of this side, in units.
pub(crate) const SIDE: f64 = 16_384.0;

/// Numbers drawn one after the other.
pub(crate) struct Draw {
    secret: Secret,
    drawn: u64,
}

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self { secret: Secret::from_seed(seed), drawn: 0 }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.drawn += 1;
        self.secret.number(self.drawn)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.number() % n
    }

    /// From 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How players move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Movement {
    /// Not at all, spread over the area.
    Rest,
    /// Not at all, all in one place.
    OneTile,
    /// Each to waypoints of its own, so many units a tick; 5 on the reference walk.
    Waypoints(f64),
    /// All start in one place and go to waypoints.
    Burst,
}

/// Players who move.
pub(crate) struct Walk {
    movement: Movement,
    draw: Draw,
    at: Vec<[f64; 2]>,
    waypoints: Vec<[f64; 2]>,
    /// Where everyone is, to whole units; by slot.
    pub(crate) places: Vec<Position>,
}

impl Walk {
    pub(crate) fn new(movement: Movement, players: usize, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let mut points =
            || (0..players).map(|_| [draw.unit() * SIDE, draw.unit() * SIDE]).collect::<Vec<_>>();
        let (mut at, waypoints) = (points(), points());
        if matches!(movement, Movement::OneTile | Movement::Burst) {
            at.fill([SIDE / 2.0; 2]);
        }
        let mut walk = Self { movement, draw, at, waypoints, places: Vec::new() };
        walk.publish();
        walk
    }

    /// One tick.
    pub(crate) fn step(&mut self) {
        let pace = match self.movement {
            Movement::Rest | Movement::OneTile => return,
            Movement::Waypoints(pace) => pace,
            Movement::Burst => 5.0,
        };
        for (at, waypoint) in self.at.iter_mut().zip(&mut self.waypoints) {
            let [x, y] = [waypoint[0] - at[0], waypoint[1] - at[1]];
            let distance = x.hypot(y);
            if distance <= pace {
                *at = *waypoint;
                *waypoint = [self.draw.unit() * SIDE, self.draw.unit() * SIDE];
            } else {
                *at = [at[0] + x / distance * pace, at[1] + y / distance * pace];
            }
        }
        self.publish();
    }

    fn publish(&mut self) {
        self.places.clear();
        self.places
            .extend(self.at.iter().map(|[x, y]| Position { x: x.round() as i32, y: y.round() as i32 }));
    }
}
