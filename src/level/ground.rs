//! Which tiles can be walked to.

use std::collections::VecDeque;

use super::grid::{Grid, Tile, TileSet};

/// How many tiles one may choose from, spread evenly over all that can be walked to.
const CHOICE_MAX: usize = 4_096;

/// Tiles that can be walked to from one of `starts`, in the order of their numbers: all, or an even choice of them.
pub(super) fn walkable(grid: &Grid, walls: &TileSet, starts: impl Iterator<Item = Tile>) -> Vec<Tile> {
    let ground = flood(grid, walls, starts);
    let every = ground.count().div_ceil(CHOICE_MAX).max(1);
    let all = (0..grid.len()).filter(|index| ground.contains(*index));
    all.step_by(every).map(|index| grid.tile_of(index)).collect()
}

fn flood(grid: &Grid, walls: &TileSet, starts: impl Iterator<Item = Tile>) -> TileSet {
    let mut ground = TileSet::new(grid.len());
    let mut border: VecDeque<Tile> = VecDeque::new();
    let mut reach = |tile: Tile, border: &mut VecDeque<Tile>| {
        let index = grid.index(tile);
        if !walls.contains(index) && !ground.contains(index) {
            ground.insert(index);
            border.push_back(tile);
        }
    };
    starts.for_each(|tile| reach(tile, &mut border));
    while let Some(tile) = border.pop_front() {
        beside(grid, tile).for_each(|next| reach(next, &mut border));
    }
    ground
}

/// The tiles that share a side with this one.
fn beside(grid: &Grid, Tile { column, row }: Tile) -> impl Iterator<Item = Tile> {
    let beside =
        [(column.wrapping_sub(1), row), (column + 1, row), (column, row.wrapping_sub(1)), (column, row + 1)];
    beside.into_iter().filter_map(|(column, row)| grid.tile(column, row))
}
