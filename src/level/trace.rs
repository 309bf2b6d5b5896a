//! What stands in the way between two places: the tiles on a straight line, one after the other, in whole numbers.

use super::grid::Grid;
use crate::wire::Position;

/// How many tiles of a way are looked at; what lies beyond counts as behind a wall.
pub const WAY_TILES_MAX: usize = 256;

/// A wall in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The last place before it, which is in no wall.
    pub last_free: Position,
    /// The first place behind that.
    pub wall: Position,
}

/// The first wall that a way leads into; a wall in which it begins does not count. A way through the point where two walls
/// touch is no way. `is_wall` is asked for columns and rows, also for those that are none.
///
/// Places are points in the middle of a square of one unit; in half units they are odd and borders are even, so that
/// no place lies on a border. The walk from tile to tile is that of Amanatides and Woo (1987), with fractions compared
/// by cross-multiplication.
pub(super) fn first_wall(
    grid: &Grid,
    from: Position,
    to: Position,
    is_wall: impl Fn(i64, i64) -> bool,
) -> Option<Obstacle> {
    let mut x = Axis::new(from.x, to.x, grid.tile_width);
    let mut y = Axis::new(from.y, to.y, grid.tile_height);
    if grid.tile_at(from).is_none() {
        return Some(Obstacle { last_free: from, wall: from });
    }
    for _ in 0..WAY_TILES_MAX {
        if x.is_there() && y.is_there() {
            return None;
        }
        let crossing = next_border(&x, &y);
        if is_blocked(&x, &y, crossing, &is_wall) {
            return Some(obstacle(&x, &y, crossing));
        }
        x.tile += if crossing.x { x.step } else { 0 };
        y.tile += if crossing.y { y.step } else { 0 };
    }
    if x.is_there() && y.is_there() { None } else { Some(obstacle(&x, &y, next_border(&x, &y))) }
}

/// Which borders the way crosses next: one, or at a corner both.
#[derive(Clone, Copy)]
struct Crossing {
    x: bool,
    y: bool,
}

fn next_border(x: &Axis, y: &Axis) -> Crossing {
    match (x.is_there(), y.is_there()) {
        (true, _) => Crossing { x: false, y: true },
        (_, true) => Crossing { x: true, y: false },
        _ => {
            let (at_x, at_y) = (x.to_border() * y.delta.abs(), y.to_border() * x.delta.abs());
            Crossing { x: at_x <= at_y, y: at_y <= at_x }
        }
    }
}

fn is_blocked(x: &Axis, y: &Axis, crossing: Crossing, is_wall: &impl Fn(i64, i64) -> bool) -> bool {
    let (beside_x, beside_y) = (x.tile + x.step, y.tile + y.step);
    match (crossing.x, crossing.y) {
        (true, true) => {
            is_wall(beside_x, beside_y) || (is_wall(beside_x, y.tile) && is_wall(x.tile, beside_y))
        }
        (true, false) => is_wall(beside_x, y.tile),
        _ => is_wall(x.tile, beside_y),
    }
}

fn obstacle(x: &Axis, y: &Axis, crossing: Crossing) -> Obstacle {
    let (free_x, wall_x) = if crossing.x { x.beside_border() } else { x.when(y) };
    let (free_y, wall_y) = if crossing.y { y.beside_border() } else { y.when(x) };
    Obstacle { last_free: Position { x: free_x, y: free_y }, wall: Position { x: wall_x, y: wall_y } }
}

/// One coordinate on the way.
struct Axis {
    /// Where the way begins, in half units.
    start: i64,
    /// How far it goes, in half units.
    delta: i64,
    /// -1, 0 or 1 tile.
    step: i64,
    /// The size of a tile, in units.
    size: i64,
    /// In which column or row the way is.
    tile: i64,
    /// In which it ends.
    last: i64,
}

impl Axis {
    fn new(from: i32, to: i32, size: u32) -> Self {
        let (from, to, size) = (i64::from(from), i64::from(to), i64::from(size));
        Self {
            start: 2 * from + 1,
            delta: 2 * (to - from),
            step: (to - from).signum(),
            size,
            tile: from.div_euclid(size),
            last: to.div_euclid(size),
        }
    }

    fn is_there(&self) -> bool {
        self.tile == self.last
    }

    /// From the start to the next border, in half units.
    fn to_border(&self) -> i64 {
        let border = 2 * self.size * (self.tile + i64::from(self.step > 0));
        (border - self.start).abs()
    }

    /// The units on both sides of the next border.
    fn beside_border(&self) -> (i32, i32) {
        let here = self.tile * self.size + if self.step > 0 { self.size - 1 } else { 0 };
        (here as i32, (here + self.step) as i32)
    }

    /// The unit in which this coordinate is when `other` comes to its border. No product is over 2^60: a map
    /// is at most 2^24 units wide, and a way at most 2^32 long.
    fn when(&self, other: &Axis) -> (i32, i32) {
        let (part, whole) = (other.to_border(), other.delta.abs());
        let unit = (self.start * whole + self.delta * part).div_euclid(2 * whole);
        let first = self.tile * self.size;
        let unit = unit.clamp(first, first + self.size - 1) as i32;
        (unit, unit)
    }
}
