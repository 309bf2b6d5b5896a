//! Tiles: how the plane is cut into them, and sets of them.

use std::ops::Range;

use crate::wire::{Bounds, Position};

/// A tile by its column and row, both counted from the corner with the smallest coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Counted along the first axis.
    pub column: u32,
    /// Counted along the second axis.
    pub row: u32,
}

/// How the plane is cut into tiles: from 0,0 on, all of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// How many tiles there are along the first axis, 1 at least.
    pub columns: u32,
    /// How many tiles there are along the second axis, 1 at least.
    pub rows: u32,
    /// The width of a tile, in units, 1 at least.
    pub tile_width: u32,
    /// The height of a tile, in units, 1 at least.
    pub tile_height: u32,
}

impl Grid {
    /// How many tiles there are.
    pub fn len(&self) -> usize {
        self.columns as usize * self.rows as usize
    }

    /// Never: a grid has a tile at least.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All places of all tiles.
    pub fn bounds(&self) -> Bounds {
        let last = |tiles: u32, size: u32| (tiles * size) as i32 - 1;
        let max = Position { x: last(self.columns, self.tile_width), y: last(self.rows, self.tile_height) };
        Bounds { min: Position { x: 0, y: 0 }, max }
    }

    /// The tile that a place belongs to, if there is one.
    pub fn tile_at(&self, at: Position) -> Option<Tile> {
        let (x, y) = (u32::try_from(at.x).ok()?, u32::try_from(at.y).ok()?);
        self.tile(x / self.tile_width, y / self.tile_height)
    }

    /// The tile in a column and row, if there is one.
    pub fn tile(&self, column: u32, row: u32) -> Option<Tile> {
        (column < self.columns && row < self.rows).then_some(Tile { column, row })
    }

    /// The place in the middle of a tile.
    pub fn centre(&self, tile: Tile) -> Position {
        let x = tile.column * self.tile_width + self.tile_width / 2;
        let y = tile.row * self.tile_height + self.tile_height / 2;
        Position { x: x as i32, y: y as i32 }
    }

    /// The number of a tile: row by row, from 0.
    pub fn index(&self, tile: Tile) -> usize {
        tile.row as usize * self.columns as usize + tile.column as usize
    }

    /// The tile of this number, which must be below [`Grid::len`].
    pub fn tile_of(&self, index: usize) -> Tile {
        let columns = self.columns as usize;
        Tile { column: (index % columns) as u32, row: (index / columns) as u32 }
    }
}

/// A set of the tiles of a grid, a bit for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TileSet {
    words: Vec<u64>,
}

impl TileSet {
    /// The empty set of a grid with so many tiles.
    pub(super) fn new(tiles: usize) -> Self {
        Self { words: vec![0; tiles.div_ceil(64)] }
    }

    pub(super) fn insert(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
    }

    /// Puts in all of a range, words at a time.
    pub(super) fn insert_all(&mut self, indices: Range<usize>) {
        let mut index = indices.start;
        while index < indices.end {
            let (bit, count) = (index % 64, (64 - index % 64).min(indices.end - index));
            self.words[index / 64] |= (u64::MAX >> (64 - count)) << bit;
            index += count;
        }
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.words[index / 64] >> (index % 64) & 1 == 1
    }

    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}
