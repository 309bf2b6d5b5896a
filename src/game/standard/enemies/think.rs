//! Which way leads to the nearest player: thought out beside the tick, and pure. The only place that names
//! `pathfinding`.

use std::sync::Arc;

use pathfinding::directed::astar::astar;

use crate::level::{Grid, Level, Tile};
use crate::wire::{Player, Position};

/// How many tiles are looked at for one enemy: a way of hundreds of tiles around walls, in a millisecond.
pub(super) const TILES_PER_WAY_MAX: usize = 4_096;
/// How many for all of them in one thought: some 50 ms on a thread that gives way to everything.
pub(super) const TILES_PER_THOUGHT_MAX: usize = 131_072;

/// The cost of a step to a tile beside, and of one across a corner: 5 to 7 is nearly 1 to the root of 2.
const STRAIGHT: u32 = 5;
const ACROSS: u32 = 7;

/// What is to be thought about.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Where walls are; without a level there are none.
    pub(super) level: Option<Arc<Level>>,
    /// Where the enemies are.
    pub(super) enemies: Vec<Position>,
    /// Whom they chase.
    pub(super) players: Vec<Player>,
    /// How many tiles may be looked at, for all together.
    pub(super) tiles: usize,
    /// Draws whose turn is first. Whoever comes last may find the tiles used up, and then goes straight on.
    pub(super) seed: u64,
}

/// What an enemy does from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The client id of the player whom it chases.
    pub(super) target: u32,
    /// Where to go, the next place last.
    pub(super) ahead: Vec<Position>,
}

/// A plan for each enemy, in their order; none if there is nobody to chase. The same question has the same answer.
pub(super) fn think(question: &Question) -> Vec<Option<Plan>> {
    let count = question.enemies.len();
    let mut plans = vec![None; count];
    let mut tiles_left = question.tiles;
    for turn in 0..count {
        let index = (question.seed as usize % count + turn) % count;
        let from = question.enemies[index];
        let nearest = question.players.iter().min_by_key(|player| player.at.distance_squared(from));
        plans[index] = nearest.map(|player| Plan {
            target: player.client_id,
            ahead: way(question.level.as_deref(), from, player.at, &mut tiles_left),
        });
    }
    plans
}

/// Straight on if nothing is in the way; else around the walls; else straight on up to the first of them.
fn way(level: Option<&Level>, from: Position, to: Position, tiles_left: &mut usize) -> Vec<Position> {
    let Some(level) = level else { return vec![to] };
    let Some(wall) = level.first_wall_on(from, to) else { return vec![to] };
    let tiles_max = TILES_PER_WAY_MAX.min(*tiles_left);
    match around_walls(level, from, to, tiles_max, tiles_left) {
        Some(tiles) => places(level.grid(), &tiles, to),
        None => vec![wall.last_free],
    }
}

/// The tiles on the shortest way, both ends included, if it is found among so many.
fn around_walls(
    level: &Level,
    from: Position,
    to: Position,
    tiles_max: usize,
    tiles_left: &mut usize,
) -> Option<Vec<Tile>> {
    let (start, end) = (level.grid().tile_at(from)?, level.grid().tile_at(to)?);
    let mut looked_at = 0;
    let next = |tile: &Tile| {
        looked_at += 1;
        let tiles = (looked_at <= tiles_max).then(|| next_tiles(level, *tile));
        tiles.into_iter().flatten()
    };
    let found = astar(&start, next, |tile| at_least(*tile, end), |tile| *tile == end);
    *tiles_left -= looked_at.min(tiles_max);
    found.map(|(tiles, _)| tiles)
}

/// What a way between two tiles costs at the least.
fn at_least(a: Tile, b: Tile) -> u32 {
    let (columns, rows) = (a.column.abs_diff(b.column), a.row.abs_diff(b.row));
    columns.max(rows) * STRAIGHT + columns.min(rows) * (ACROSS - STRAIGHT)
}

/// Where one can go from a tile, and for what: to the eight around it that are free; across a corner only if no wall
/// touches it.
fn next_tiles(level: &Level, tile: Tile) -> impl Iterator<Item = (Tile, u32)> {
    let beside = move |columns: i64, rows: i64| {
        let column = u32::try_from(i64::from(tile.column) + columns).ok()?;
        let row = u32::try_from(i64::from(tile.row) + rows).ok()?;
        level.grid().tile(column, row).filter(|tile| !level.is_wall_tile(*tile))
    };
    let straight = [(1, 0), (0, 1), (-1, 0), (0, -1)].into_iter();
    let straight = straight.filter_map(move |(columns, rows)| Some((beside(columns, rows)?, STRAIGHT)));
    let across = [(1, 1), (-1, 1), (-1, -1), (1, -1)].into_iter();
    let across = across.filter_map(move |(columns, rows)| {
        beside(columns, 0)?;
        beside(0, rows)?;
        Some((beside(columns, rows)?, ACROSS))
    });
    straight.chain(across)
}

/// The corners of a way through the middles of tiles, and `to` at its end; the next one last.
fn places(grid: Grid, tiles: &[Tile], to: Position) -> Vec<Position> {
    let direction =
        |a: Tile, b: Tile| (i64::from(b.column) - i64::from(a.column), i64::from(b.row) - i64::from(a.row));
    let turns = tiles.windows(3).filter(|t| direction(t[0], t[1]) != direction(t[1], t[2]));
    let mut places: Vec<Position> = turns.map(|t| grid.centre(t[1])).collect();
    places.extend(tiles.last().map(|tile| grid.centre(*tile)));
    places.push(to);
    places.reverse();
    places
}
