//! Simulated movement, drawn from a seed.

use tickcast::secret::Secret;
use tickcast::wire::Position;

/// The reference walk goes on within an area of this side, in units.
pub(crate) const SIDE: f64 = 16_384.0;
/// A crowd stays within a square of this side, in units.
const CROWD_SIDE: f64 = 1_000.0;
/// How far one walks in a tick on the reference walk, in units.
const PACE: f64 = 5.0;

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

    /// In a square with that side.
    fn point(&mut self, side: f64) -> [f64; 2] {
        [self.unit() * side, self.unit() * side]
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
    /// By up to so many units on each axis at every tick.
    Random(u32),
    /// All within a square that goes to waypoints; each strays in it by up to so many units on each axis at every
    /// tick.
    Crowd(u32),
    /// Each to waypoints of its own within a square as large as that of a crowd.
    Milling,
    /// At every tick one in twenty jumps to anywhere; all others stand.
    Jumps,
}

impl Movement {
    /// The side of the square where players walk, in units.
    fn side(self) -> f64 {
        match self {
            Self::Crowd(_) | Self::Milling => CROWD_SIDE,
            _ => SIDE,
        }
    }
}

/// Players who move.
pub(crate) struct Walk {
    movement: Movement,
    draw: Draw,
    /// By slot, within the square of a crowd if there is one.
    at: Vec<[f64; 2]>,
    waypoints: Vec<[f64; 2]>,
    /// Where the square of a crowd begins, and where that is going.
    corner: [f64; 2],
    corner_waypoint: [f64; 2],
    /// Where everyone is, to whole units; by slot.
    pub(crate) places: Vec<Position>,
}

impl Walk {
    pub(crate) fn new(movement: Movement, players: usize, seed: u64) -> Self {
        let (mut draw, side) = (Draw::new(seed), movement.side());
        let mut points = || (0..players).map(|_| draw.point(side)).collect::<Vec<_>>();
        let (mut at, waypoints) = (points(), points());
        if matches!(movement, Movement::OneTile | Movement::Burst) {
            at.fill([SIDE / 2.0; 2]);
        }
        let mut corners = Draw::new(!seed);
        let [corner, corner_waypoint] = [0; 2].map(|_| corners.point(SIDE - side));
        let mut walk = Self { movement, draw, at, waypoints, corner, corner_waypoint, places: Vec::new() };
        walk.publish();
        walk
    }

    /// One tick.
    pub(crate) fn step(&mut self) {
        match self.movement {
            Movement::Rest | Movement::OneTile => return,
            Movement::Waypoints(pace) => self.walk_on(pace),
            Movement::Burst | Movement::Milling => self.walk_on(PACE),
            Movement::Random(step) => self.stray(step),
            Movement::Crowd(step) => {
                self.stray(step);
                let room = SIDE - CROWD_SIDE;
                walk_on(&mut self.corner, &mut self.corner_waypoint, PACE, || self.draw.point(room));
            }
            Movement::Jumps => self.jump(),
        }
        self.publish();
    }

    fn walk_on(&mut self, pace: f64) {
        let side = self.movement.side();
        for (at, waypoint) in self.at.iter_mut().zip(&mut self.waypoints) {
            walk_on(at, waypoint, pace, || self.draw.point(side));
        }
    }

    fn stray(&mut self, step: u32) {
        let side = self.movement.side();
        for coordinate in self.at.iter_mut().flatten() {
            let stray = self.draw.below(u64::from(2 * step + 1)) as f64 - f64::from(step);
            *coordinate = (*coordinate + stray).clamp(0.0, side);
        }
    }

    fn jump(&mut self) {
        for at in &mut self.at {
            if self.draw.below(20) == 0 {
                *at = self.draw.point(SIDE);
            }
        }
    }

    fn publish(&mut self) {
        let [left, low] = self.corner;
        let place =
            |[x, y]: &[f64; 2]| Position { x: (left + x).round() as i32, y: (low + y).round() as i32 };
        self.places.clear();
        self.places.extend(self.at.iter().map(place));
    }
}

/// Goes on towards a waypoint; there it draws the next.
fn walk_on(at: &mut [f64; 2], waypoint: &mut [f64; 2], pace: f64, next: impl FnOnce() -> [f64; 2]) {
    let [x, y] = [waypoint[0] - at[0], waypoint[1] - at[1]];
    let distance = x.hypot(y);
    if distance <= pace {
        *at = *waypoint;
        *waypoint = next();
    } else {
        *at = [at[0] + x / distance * pace, at[1] + y / distance * pace];
    }
}
