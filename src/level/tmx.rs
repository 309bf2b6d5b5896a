//! From a map as Tiled has it to a level.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use tiled::{
    DefaultResourceCache, FiniteTileLayer, Layer, LayerType, Loader, Map, Object, ObjectShape, Orientation,
    Properties, PropertyValue, TileLayer,
};

use super::files::{Files, ReadFile, within};
use super::grid::{Grid, TileSet};
use super::tally::{Fault, TILES_MAX};
use super::{Exit, Level, LevelError, ground};
use crate::wire::{Bounds, Position};

/// Tiles along one side of a map.
const SIDE_TILES_MAX: u32 = 16_384;
/// Units along one side of a tile.
const TILE_UNITS_MAX: u32 = 1_024;
/// Exits of a level.
const EXITS_MAX: usize = 256;

/// Reads a map and what it names, all of it in the folder or below. Whatever is wrong with it is an error; a panic in
/// `tiled` too.
pub(super) fn read<'a>(
    folder: &'a Path,
    path: &Path,
    read: &'a mut ReadFile<'a>,
) -> Result<Level, LevelError> {
    let work = std::panic::AssertUnwindSafe(|| read_map(folder, path, read));
    let broken = |_| Err(LevelError::of(path, Fault::form("it is broken in a way that nobody thought of")));
    std::panic::catch_unwind(work).unwrap_or_else(broken)
}

fn read_map<'a>(folder: &'a Path, path: &Path, read: &'a mut ReadFile<'a>) -> Result<Level, LevelError> {
    let files = Files::new(folder, read);
    let mut loader = Loader::with_cache_and_reader(DefaultResourceCache::new(), files);
    let map = loader.load_tmx_map(path).map_err(|error| error_of(path, error))?;
    level_of(folder, path, &map).map_err(|fault| LevelError::of(path, fault))
}

fn error_of(path: &Path, error: tiled::Error) -> LevelError {
    match error {
        tiled::Error::ResourceLoadingError { err, .. } => match err.downcast::<LevelError>() {
            Ok(ours) => *ours,
            Err(other) => LevelError::of(path, Fault::form(other)),
        },
        other => LevelError::of(path, Fault::form(other)),
    }
}

fn level_of(folder: &Path, path: &Path, map: &Map) -> Result<Level, Fault> {
    let grid = grid_of(map)?;
    let mut parts = Parts::new(folder, path, grid);
    let wall_tiles = wall_tiles(map);
    for_each_layer(map.layers(), &mut |layer| match layer.layer_type() {
        LayerType::Tiles(TileLayer::Finite(tiles)) => {
            parts.add_walls(&tiles, &wall_tiles, is_wall(&layer.properties));
            Ok(())
        }
        LayerType::Objects(objects) => objects.objects().try_for_each(|object| parts.add_object(&object)),
        _ => Ok(()),
    })?;
    parts.into_level()
}

fn grid_of(map: &Map) -> Result<Grid, Fault> {
    if map.orientation != Orientation::Orthogonal {
        return Err(Fault::form("the map is not orthogonal"));
    }
    let sides = [
        ("tiles along a side", map.width, SIDE_TILES_MAX),
        ("tiles along a side", map.height, SIDE_TILES_MAX),
    ];
    let units = [
        ("units in a tile", map.tile_width, TILE_UNITS_MAX),
        ("units in a tile", map.tile_height, TILE_UNITS_MAX),
    ];
    for (what, count, max) in sides.into_iter().chain(units) {
        match count {
            0 => return Err(Fault::Form(format!("the map has no {what}"))),
            count if count > max => return Err(Fault::TooMany(what, max.into())),
            _ => {}
        }
    }
    let grid = Grid {
        columns: map.width,
        rows: map.height,
        tile_width: map.tile_width,
        tile_height: map.tile_height,
    };
    if grid.len() as u64 > TILES_MAX {
        return Err(Fault::TooMany("tiles", TILES_MAX));
    }
    Ok(grid)
}

/// Every layer, also of those in groups, as deep as the tally lets them be.
fn for_each_layer<'map>(
    layers: impl Iterator<Item = Layer<'map>>,
    on_layer: &mut dyn FnMut(Layer<'map>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for layer in layers {
        match layer.layer_type() {
            LayerType::Group(group) => {
                for_each_layer(Box::new(group.layers()) as Box<dyn Iterator<Item = _>>, on_layer)?;
            }
            _ => on_layer(layer)?,
        }
    }
    Ok(())
}

/// For each tileset of the map, which of its tiles are walls.
fn wall_tiles(map: &Map) -> Vec<HashSet<u32>> {
    let of_one = |tiles: &tiled::Tileset| {
        let walls = tiles.tiles().filter(|(_, tile)| is_wall(&tile.properties));
        walls.map(|(id, _)| id).collect()
    };
    map.tilesets().iter().map(|tiles| of_one(tiles)).collect()
}

fn is_wall(properties: &Properties) -> bool {
    properties.get("wall") == Some(&PropertyValue::BoolValue(true))
}

/// What has been found in a map so far.
struct Parts {
    folder: PathBuf,
    source: PathBuf,
    grid: Grid,
    walls: TileSet,
    spawns: Vec<Position>,
    exits: Vec<Exit>,
}

impl Parts {
    fn new(folder: &Path, path: &Path, grid: Grid) -> Self {
        let (folder, source) = (folder.to_owned(), path.to_owned());
        Self { folder, source, grid, walls: TileSet::new(grid.len()), spawns: Vec::new(), exits: Vec::new() }
    }

    fn add_walls(&mut self, layer: &FiniteTileLayer<'_>, wall_tiles: &[HashSet<u32>], all: bool) {
        if !all && wall_tiles.iter().all(HashSet::is_empty) {
            return;
        }
        let columns = layer.width().min(self.grid.columns);
        let rows = layer.height().min(self.grid.rows);
        let tiles = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
        for (column, row) in tiles {
            let Some(tile) = layer.get_tile_data(column as i32, row as i32) else { continue };
            if all || wall_tiles[tile.tileset_index()].contains(&tile.id()) {
                self.walls.insert(self.grid.index(super::Tile { column, row }));
            }
        }
    }

    fn add_object(&mut self, object: &Object<'_>) -> Result<(), Fault> {
        match object.user_type.as_str() {
            "spawn" => self.add_spawn(object),
            "exit" => self.add_exit(object),
            _ => Ok(()),
        }
    }

    fn add_spawn(&mut self, object: &Object<'_>) -> Result<(), Fault> {
        let [x, y, width, height] = rectangle(object);
        let at = Position { x: (x + width / 2.0).floor() as i32, y: (y + height / 2.0).floor() as i32 };
        if self.grid.tile_at(at).is_none() {
            return Err(Fault::Form(format!("the spawn at {},{} is outside the map", at.x, at.y)));
        }
        self.spawns.push(at);
        Ok(())
    }

    fn add_exit(&mut self, object: &Object<'_>) -> Result<(), Fault> {
        let [x, y, width, height] = rectangle(object);
        let named = |why: &str| Fault::Form(format!("the exit at {x},{y} {why}"));
        let to = match object.properties.get("to") {
            Some(PropertyValue::StringValue(to) | PropertyValue::FileValue(to)) => Path::new(to),
            _ => return Err(named("does not say in a property `to` to which file it leads")),
        };
        if to.is_absolute() || to.as_os_str().is_empty() {
            return Err(named("does not lead to a file that is named from the map on"));
        }
        if to.display().to_string().contains(char::is_control) {
            return Err(named("leads to a file whose name has control characters"));
        }
        let to = within(&self.folder, &self.source.with_file_name("").join(to))
            .ok_or_else(|| named("leads out of the folder that levels may be in"))?;
        let area =
            area(&self.grid, [x, y, width, height]).ok_or_else(|| named("covers no place of the map"))?;
        if self.exits.len() == EXITS_MAX {
            return Err(Fault::TooMany("exits", EXITS_MAX as u64));
        }
        self.exits.push(Exit { to, area });
        Ok(())
    }

    fn into_level(mut self) -> Result<Level, Fault> {
        let is_wall = |at: Position| {
            self.grid.tile_at(at).is_none_or(|tile| self.walls.contains(self.grid.index(tile)))
        };
        if let Some(at) = self.spawns.iter().find(|at| is_wall(**at)) {
            return Err(Fault::Form(format!("the spawn at {},{} is in a wall", at.x, at.y)));
        }
        if self.spawns.is_empty() {
            self.spawns.push(self.in_the_middle()?);
        }
        let starts = self.spawns.iter().filter_map(|at| self.grid.tile_at(*at));
        let ground = ground::walkable(&self.grid, &self.walls, starts);
        let exit_tiles = self.exit_tiles();
        let Self { folder, source, grid, walls, spawns, exits } = self;
        Ok(Level { folder, source, grid, walls, spawns, exits, exit_tiles, ground })
    }

    /// The free tile that is nearest to the middle.
    fn in_the_middle(&self) -> Result<Position, Fault> {
        let Bounds { max, .. } = self.grid.bounds();
        let middle = Position { x: max.x / 2, y: max.y / 2 };
        let free = (0..self.grid.len()).filter(|index| !self.walls.contains(*index));
        let places = free.map(|index| self.grid.centre(self.grid.tile_of(index)));
        places
            .min_by_key(|at| at.distance_squared(middle))
            .ok_or_else(|| Fault::form("all of the map is wall"))
    }

    /// The tiles that an exit covers some of.
    fn exit_tiles(&self) -> TileSet {
        let mut tiles = TileSet::new(self.grid.len());
        for area in self.exits.iter().map(|exit| exit.area) {
            let corners = (self.grid.tile_at(area.min), self.grid.tile_at(area.max));
            let (Some(first), Some(last)) = corners else { continue };
            for row in first.row..=last.row {
                let index = |column| self.grid.index(super::Tile { column, row });
                tiles.insert_all(index(first.column)..index(last.column) + 1);
            }
        }
        tiles
    }
}

/// x, y, width and height. Objects with a picture are placed by their lower left corner.
fn rectangle(object: &Object<'_>) -> [f64; 4] {
    let (width, height) = match object.shape {
        ObjectShape::Rect { width, height } | ObjectShape::Ellipse { width, height } => (width, height),
        _ => (0.0, 0.0),
    };
    let top = if object.tile_data().is_some() { object.y - height } else { object.y };
    [object.x.into(), top.into(), width.into(), height.into()]
}

/// The places of the map that a rectangle covers, if there are any.
fn area(grid: &Grid, [x, y, width, height]: [f64; 4]) -> Option<Bounds> {
    let Bounds { max, .. } = grid.bounds();
    let first = Position { x: (x.round() as i32).max(0), y: (y.round() as i32).max(0) };
    let end = |from: f64, size: f64| ((from + size).round() as i32).saturating_sub(1);
    let last = Position { x: end(x, width).min(max.x), y: end(y, height).min(max.y) };
    (first.x <= last.x && first.y <= last.y).then_some(Bounds { min: first, max: last })
}
