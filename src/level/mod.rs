//! Where are walls, spawns and exits?
//!
//! A [`Level`] is read from a map made with [Tiled](https://www.mapeditor.org) (TMX), orthogonal and not infinite. One
//! pixel is one unit, and the corner of the map is 0,0.
//!
//! - Walls: a property `wall` that is true, of a tile in a tileset (then it is a wall wherever it stands) or of a tile
//!   layer (then every tile in it is one).
//! - Spawns: objects of the class `spawn`, by their middle. If there are none, the middle of the map is one.
//! - Exits: rectangles of the class `exit`, with a property `to` that names the level to go to, from this one's file on.
//!
//! A map is whatever somebody sends; it may be wrong, huge, or made to do harm. All of it has limits, and what is
//! refused says why. What maps name, other levels too, is in the folder of the first, the one that somebody chose, or below
//! it. The only place that names `tiled` and what it stands on.

mod files;
mod grid;
mod ground;
#[cfg(test)]
#[path = "../../tests/maps/mod.rs"]
pub(crate) mod maps;
mod tally;
#[cfg(test)]
mod tests;
mod tmx;
mod trace;

use std::path::{Path, PathBuf};

pub use files::{LEVEL_BYTES_MAX, ReadFile};
pub use grid::{Grid, Tile};
pub use tally::{ELEMENTS_MAX, OBJECTS_MAX, TILES_MAX, TILESET_TILES_MAX, TILESETS_MAX};
pub use trace::{Obstacle, WAY_TILES_MAX};

use crate::wire::{Bounds, Position};
use grid::TileSet;
use tally::Fault;

/// How much of what a file says is repeated in an error, in characters.
const WORDS_MAX: usize = 200;

/// Walls, spawns and exits. It never changes, so that whoever thinks beside the tick may keep it.
///
/// Made by [`Level::load`] or, of files that are elsewhere, by [`Level::read`], both of which take their time: a second for
/// the largest. All that is asked of it then is answered in bounded work.
#[derive(Clone, PartialEq, Eq)]
pub struct Level {
    folder: PathBuf,
    source: PathBuf,
    grid: Grid,
    walls: TileSet,
    /// One at least, none in a wall.
    spawns: Vec<Position>,
    exits: Vec<Exit>,
    /// The tiles that exits cover some of: most places are in none.
    exit_tiles: TileSet,
    /// Tiles that can be walked to from a spawn, one at least.
    ground: Vec<Tile>,
}

/// Its file and its size: millions of tiles are nothing to read.
impl std::fmt::Debug for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { source, grid, .. } = self;
        f.debug_struct("Level").field("source", source).field("grid", grid).finish_non_exhaustive()
    }
}

/// A way to another level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The file of that level: see [`Level::load_within`].
    pub to: PathBuf,
    /// The places from which it is reached.
    pub area: Bounds,
}

/// Why there is no level.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", shown(file))]
    Read {
        /// Which one.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// There is more of something than a level may have.
    #[error("{}: more than {max} {what}", shown(file))]
    TooMuch {
        /// In which file.
        file: PathBuf,
        /// Of what.
        what: &'static str,
        /// How many there may be.
        max: u64,
    },
    /// A file is not what it should be.
    #[error("{}: {why}", shown(file))]
    Form {
        /// Which one.
        file: PathBuf,
        /// In words, some of which may be from the file.
        why: String,
    },
}

impl LevelError {
    fn of(file: &Path, fault: Fault) -> Self {
        let file = file.to_owned();
        match fault {
            Fault::TooMany(what, max) => Self::TooMuch { file, what, max },
            Fault::Form(why) => {
                let why = why.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
                Self::Form { file, why }
            }
        }
    }
}

/// A file's name as it may stand in a log: maps name files, and may be made to do harm.
fn shown(file: &Path) -> String {
    let name = file.display().to_string();
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    name.chars().take(WORDS_MAX).map(escaped).collect()
}

/// Making one.
impl Level {
    /// Reads a level that somebody chose, and the files that it names, which must be in its folder or below. It waits for the
    /// disk: call it off the tick.
    ///
    /// # Errors
    /// What is wrong with it, or cannot be read.
    pub fn load(path: &Path) -> Result<Self, LevelError> {
        Self::load_within(folder_of(path), path)
    }

    /// The same for one that an exit leads to: `folder` is [`Level::folder`] of the level that the exit is in.
    ///
    /// # Errors
    /// What is wrong with it, or cannot be read.
    pub fn load_within(folder: &Path, path: &Path) -> Result<Self, LevelError> {
        tmx::read(folder, path, &mut files::read_file)
    }

    /// Reads a level through `read`, which is asked for the file at `path` and those that it names, and how many bytes
    /// of each are wanted at the most.
    ///
    /// # Errors
    /// What is wrong with it, or cannot be read.
    pub fn read<'a>(path: &'a Path, read: &'a mut ReadFile<'a>) -> Result<Self, LevelError> {
        tmx::read(folder_of(path), path, read)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Asking it.
impl Level {
    /// Where all that it names is, or below: the folder of the level that somebody chose, also where exits have led on from
    /// there, so that one in a folder below leads back.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file that it is from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// How its places are cut into tiles.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// All its places, walls included.
    pub fn bounds(&self) -> Bounds {
        self.grid.bounds()
    }

    /// Whether nobody can stand there: in a wall, or outside.
    pub fn is_wall(&self, at: Position) -> bool {
        self.grid.tile_at(at).is_none_or(|tile| self.is_wall_tile(tile))
    }

    /// Whether the tile, which must be one of the grid's, is a wall.
    pub fn is_wall_tile(&self, tile: Tile) -> bool {
        self.walls.contains(self.grid.index(tile))
    }

    /// The first wall on a straight way, the end of the map included, and the last place before it; `None` if there is
    /// none. Of a way [`WAY_TILES_MAX`] tiles are looked at; there it ends, as at a wall. A wall in which the way
    /// begins does not count, so that one can always leave one.
    pub fn first_wall_on(&self, from: Position, to: Position) -> Option<Obstacle> {
        let is_wall = |column: i64, row: i64| {
            let tile = u32::try_from(column).ok().zip(u32::try_from(row).ok());
            let tile = tile.and_then(|(column, row)| self.grid.tile(column, row));
            tile.is_none_or(|tile| self.is_wall_tile(tile))
        };
        trace::first_wall(&self.grid, from, to, is_wall)
    }

    /// Where the `n`-th to come appears: the spawns in turn.
    pub fn spawn(&self, n: u64) -> Position {
        self.spawns[(n % self.spawns.len() as u64) as usize]
    }

    /// All spawns, in the order of the map.
    pub fn spawns(&self) -> &[Position] {
        &self.spawns
    }

    /// A place anywhere that can be walked to from a spawn; `n` is drawn.
    pub fn somewhere(&self, n: u64) -> Position {
        self.grid.centre(self.ground[(n % self.ground.len() as u64) as usize])
    }

    /// The exit that is reached at a place, the first of the map if there are several.
    pub fn exit_at(&self, at: Position) -> Option<&Exit> {
        let tile = self.grid.tile_at(at)?;
        if !self.exit_tiles.contains(self.grid.index(tile)) {
            return None;
        }
        self.exits.iter().find(|exit| exit.area.contains(at))
    }

    /// All exits, in the order of the map.
    pub fn exits(&self) -> &[Exit] {
        &self.exits
    }
}
