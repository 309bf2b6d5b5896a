//! Ways from everywhere to whoever is nearest on foot: found once, for all who ask. The only place that names
//! `pathfinding`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::iter::successors;

use pathfinding::directed::dijkstra::dijkstra_reach;

use super::think::Plan;
use crate::level::{Grid, Level, Tile, WAY_TILES_MAX};
use crate::wire::{Player, Position};
use crate::work::Stop;

/// How many tiles of a way are planned: half a minute's walk on tiles of 16 units, and a plan is waited for ten seconds.
const TILES_PER_WAY_MAX: usize = 256;

/// After so many tiles without a turn there is a place all the same: an enemy that joins a way is to see as far, and a step
/// across a corner counts as two, and a few more off the middles.
const STRAIGHT_TILES_MAX: usize = 100;
const _: () = assert!(2 * STRAIGHT_TILES_MAX + 8 < WAY_TILES_MAX);

/// The cost of a step to a tile beside, and of one across a corner: 5 to 7 is nearly 1 to the root of 2.
const STRAIGHT: u32 = 5;
const ACROSS: u32 = 7;

/// The tiles around all players, as far as they were looked at, and what to do on each.
///
/// It grows from all players at once, the nearest tiles first, so that every tile is looked at once for all enemies together,
/// and belongs to the player to whom the way from it is the shortest.
pub(super) struct Field<'a> {
    level: &'a Level,
    steps: HashMap<Tile, Step>,
}

/// What to do on a tile.
struct Step {
    /// Where to go next; `None` where the player is.
    next: Option<Tile>,
    target: Player,
}

impl<'a> Field<'a> {
    /// Grows until all `wanted` tiles are in it, or it has so many tiles, or nobody wants it any more. Of players on one
    /// tile the first is chased, and nobody who stands in a wall.
    pub(super) fn new(
        level: &'a Level,
        players: &[Player],
        mut wanted: HashSet<Tile>,
        tiles_max: usize,
        stop: &Stop,
    ) -> Self {
        let mut targets = BTreeMap::new();
        for player in players.iter().filter(|player| !level.is_wall(player.at)) {
            level.grid().tile_at(player.at).map(|tile| targets.entry(tile).or_insert(*player));
        }
        // Before all tiles, one that is none, from which the players' tiles are reached for nothing.
        let next = |from: &Option<Tile>| {
            let first = if from.is_none() { Some(targets.keys()) } else { None };
            let first = first.into_iter().flatten().map(|tile| (Some(*tile), 0));
            let beside = from.map(|tile| next_tiles(level, tile)).into_iter().flatten();
            first.chain(beside.map(|(tile, cost)| (Some(tile), cost)))
        };
        let mut steps: HashMap<Tile, Step> = HashMap::new();
        let mut reached = dijkstra_reach(&None, next);
        while !wanted.is_empty() && steps.len() < tiles_max && !stop.is_asked() {
            let Some(found) = reached.next() else { break };
            let Some(tile) = found.node else { continue };
            let next = found.parent.flatten();
            let target = next.map_or_else(|| targets[&tile], |next| steps[&next].target);
            steps.insert(tile, Step { next, target });
            wanted.remove(&tile);
        }
        Self { level, steps }
    }

    /// The way from a place to the player who is nearest on foot, if the field comes there: straight, if nothing is in the
    /// way.
    pub(super) fn plan(&self, at: Position) -> Option<Plan> {
        let start = self.level.grid().tile_at(at)?;
        let Player { client_id: target, at: to, .. } = self.steps.get(&start)?.target;
        if self.level.first_wall_on(at, to).is_none() {
            return Some(Plan { target, ahead: vec![to] });
        }
        let way = successors(Some(start), |tile| self.steps[tile].next).take(TILES_PER_WAY_MAX);
        let way: Vec<Tile> = way.collect();
        let is_whole = way.last().is_some_and(|tile| self.steps[tile].next.is_none());
        Some(Plan { target, ahead: places(self.level.grid(), &way, is_whole.then_some(to)) })
    }
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

/// The corners of a way through the middles of tiles, with places between that are far apart, and `to` at its end; the next
/// one last.
fn places(grid: Grid, tiles: &[Tile], to: Option<Position>) -> Vec<Position> {
    let direction =
        |a: Tile, b: Tile| (i64::from(b.column) - i64::from(a.column), i64::from(b.row) - i64::from(a.row));
    let mut straight = 0;
    let is_place = |t: &&[Tile]| {
        straight += 1;
        let is_place = straight == STRAIGHT_TILES_MAX || direction(t[0], t[1]) != direction(t[1], t[2]);
        straight = if is_place { 0 } else { straight };
        is_place
    };
    let mut places: Vec<Position> = tiles.windows(3).filter(is_place).map(|t| grid.centre(t[1])).collect();
    places.extend(tiles.last().map(|tile| grid.centre(*tile)));
    places.extend(to);
    places.reverse();
    places
}
