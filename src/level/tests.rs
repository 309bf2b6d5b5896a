//! Levels from maps as people make them, and from what nobody would.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::*;
use crate::secret::Secret;

use super::maps::{TILE, drawn, tmx};

const PATH: &str = "maps/test.tmx";

fn at(x: i32, y: i32) -> Position {
    Position { x, y }
}

/// The middle of a tile.
fn middle(column: i32, row: i32) -> Position {
    at(column * TILE + TILE / 2, row * TILE + TILE / 2)
}

/// Reads a map from files in memory.
fn read_of(files: &[(&str, &[u8])]) -> Result<Level, LevelError> {
    let files: HashMap<PathBuf, &[u8]> =
        files.iter().map(|(path, bytes)| (PathBuf::from(path), *bytes)).collect();
    let mut read = |path: &Path, max: usize| match files.get(path) {
        Some(bytes) => Ok(bytes[..bytes.len().min(max)].to_vec()),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    Level::read(Path::new(PATH), &mut read)
}

fn read(map: &str) -> Result<Level, LevelError> {
    read_of(&[(PATH, map.as_bytes())])
}

fn level(rows: &[&str]) -> Level {
    read(&drawn(rows, "other.tmx")).expect("a level")
}

fn why_not(map: &str) -> String {
    read(map).expect_err("no level").to_string()
}

fn load_ours(name: &str) -> Level {
    Level::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("maps").join(name)).expect("a map of our own")
}

#[test]
fn our_own_maps_lead_to_each_other() {
    for name in ["yard.tmx", "cellar.tmx"] {
        let level = load_ours(name);
        assert_eq!(level.folder(), level.source().with_file_name("").as_path());
        assert!(level.spawns().len() >= 2, "{name}");
        assert!(level.ground.len() > 100, "{name}: one can walk about");
        for exit in level.exits() {
            let other = Level::load_within(level.folder(), &exit.to).expect("an exit leads to a level");
            let back = other.exits().iter().any(|back| back.to.file_name() == level.source().file_name());
            assert!(back, "{name}: and back");
        }
        assert!(!level.exits().is_empty(), "{name}");
    }
}

#[test]
fn walls_spawns_and_exits_are_where_they_were_drawn() {
    let level = level(&["#####", "#s.x#", "#.#s#", "#####"]);
    assert_eq!(level.bounds(), Bounds { min: at(0, 0), max: at(5 * TILE - 1, 4 * TILE - 1) });
    assert_eq!((level.is_wall(middle(0, 0)), level.is_wall(middle(1, 1))), (true, false));
    assert_eq!((level.is_wall(middle(2, 2)), level.is_wall(middle(2, 1))), (true, false));
    assert_eq!((level.spawn(0), level.spawn(1), level.spawn(2)), (middle(1, 1), middle(3, 2), middle(1, 1)));
    let exit = level.exit_at(at(3 * TILE, TILE)).expect("the corner belongs to it");
    assert_eq!(exit.to, Path::new("maps/other.tmx"));
    assert_eq!(level.exit_at(at(3 * TILE - 1, TILE)), None);
    assert_eq!(level.exit_at(at(-1, i32::MAX)), None);
}

#[test]
fn what_is_outside_is_wall() {
    let level = level(&["..", ".."]);
    for outside in [at(-1, 0), at(0, -1), at(2 * TILE, 0), at(0, 2 * TILE), at(i32::MIN, i32::MAX)] {
        assert!(level.is_wall(outside), "{outside:?}");
    }
    assert!(!level.is_wall(at(2 * TILE - 1, 2 * TILE - 1)));
}

#[test]
fn a_layer_can_be_all_wall() {
    let map = drawn(&["..", ".."], "").replace(
        "<data",
        r#"<properties><property name="wall" type="bool" value="true"/></properties><data"#,
    );
    assert!(why_not(&map).contains("all of the map is wall"), "{}", why_not(&map));
    let map = map.replace("1,1,\n1,1", "1,1,\n0,1");
    let level = read(&map).expect("a tile is left out");
    assert_eq!(level.spawns(), [middle(0, 1)], "and where no spawn is, the free middle is one");
}

#[test]
fn a_tileset_of_its_own_file_is_found_beside_the_map() {
    let tileset: &[u8] = br#"<tileset tilewidth="16" tileheight="16" tilecount="2" columns="1"><tile id="1">
        <properties><property name="wall" type="bool" value="true"/></properties></tile></tileset>"#;
    let inside = drawn(&["#.", ".."], "");
    let (before, after) =
        (inside.find("<tileset").expect("one"), inside.find("</tileset>").expect("its end") + 10);
    let map = |source: &str| {
        let tag = format!(r#"<tileset firstgid="1" source="{source}"/>"#);
        format!("{}{tag}{}", &inside[..before], &inside[after..])
    };
    let files = |map: &str, path: &str| read_of(&[(PATH, map.as_bytes()), (path, tileset)]);
    let level = files(&map("tiles.tsx"), "maps/tiles.tsx").expect("beside the map");
    assert!(level.is_wall(middle(0, 0)) && !level.is_wall(middle(1, 0)));
    files(&map("deep/../sets/tiles.tsx"), "maps/sets/tiles.tsx").expect("below the folder");
    let missing = files(&map("tiles.tsx"), "tiles.tsx").expect_err("not there").to_string();
    assert!(missing.contains("cannot read maps/tiles.tsx"), "{missing}");
    for outside in ["/etc/passwd", "../sets/tiles.tsx", "deep/../../../../../../proc/kmsg"] {
        let path = Path::new("maps").join(outside);
        let told = files(&map(outside), path.to_str().expect("text")).expect_err("elsewhere").to_string();
        assert!(told.contains("outside of the folder that levels may be in"), "{told}");
    }
}

#[test]
fn a_level_in_a_folder_below_leads_back_and_no_farther() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("maps");
    std::fs::create_dir_all(folder.join("deep")).expect("a folder");
    let write = |file: &str, to: &str| std::fs::write(folder.join(file), drawn(&["sx"], to)).expect("a file");
    write("hall.tmx", "deep/well.tmx");
    write("deep/well.tmx", "../hall.tmx");
    write("../outside.tmx", "maps/hall.tmx");
    let mut level = Level::load(&folder.join("hall.tmx")).expect("the one that was chosen");
    for names in ["deep/well.tmx", "hall.tmx"].repeat(3) {
        let to = level.exits()[0].to.clone();
        assert_eq!(to, folder.join(names), "and no longer each time");
        level = Level::load_within(level.folder(), &to).expect("there and back");
        assert_eq!(level.folder(), folder);
    }
    write("deep/well.tmx", "../../outside.tmx");
    let told =
        Level::load_within(&folder, &folder.join("deep/well.tmx")).expect_err("up and away").to_string();
    assert!(told.contains("leads out of the folder that levels may be in"), "{told}");
    write("deep/well.tmx", "../hall.tmx");
    let told = Level::load(&folder.join("deep/well.tmx")).expect_err("chosen itself").to_string();
    assert!(told.contains("leads out of the folder"), "its own folder is all that was chosen: {told}");
}

#[test]
fn all_ways_of_saving_tiles_are_read_but_one() {
    use base64::Engine as _;
    use std::io::Write as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let map = drawn(&["#.", ".."], "");
    let raw: Vec<u8> = [2u32, 1, 1, 1].iter().flat_map(|gid| gid.to_le_bytes()).collect();
    let zlib = |raw: &[u8]| {
        let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(raw).and_then(|()| to.finish()).expect("a Vec takes all")
    };
    let saved = |attributes: &str, bytes: &[u8]| {
        let map = map.replace(r#"encoding="csv""#, &format!(r#"encoding="base64" {attributes}"#));
        read(&map.replace("2,1,\n1,1", &encode(bytes)))
    };
    let expected = read(&map).expect("as CSV");
    assert_eq!(saved("", &raw).expect("alone"), expected);
    assert_eq!(saved(r#"compression="zlib""#, &zlib(&raw)).expect("with zlib"), expected);
    let bomb = saved(r#"compression="zlib""#, &zlib(&vec![0; 300 << 20])).expect_err("300 MB of nothing");
    assert!(bomb.to_string().contains("a layer of 4 tiles holds 16777217"), "{bomb}");
    let zstd = saved(r#"compression="zstd""#, &raw).expect_err("not read").to_string();
    assert!(zstd.contains("choose one of these in Tiled"), "{zstd}");
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let good = drawn(&["#s", ".x"], "other.tmx");
    let cases = [
        ("", "Document ended before root element"),
        ("<map", "maps/test.tmx"),
        ("<html></html>", "html"),
        (&good[..good.len() / 2], "maps/test.tmx"),
        (&good.replace(r#"infinite="0""#, r#"infinite="1""#), "the map is infinite"),
        (&good.replace("orthogonal", "hexagonal"), "the map is not orthogonal"),
        (
            &good.replace(r#"height="2" tilewidth"#, r#"height="0" tilewidth"#),
            "the map has no tiles along a side",
        ),
        (
            &good.replace(r#"tilewidth="16" tileheight="16" inf"#, r#"tilewidth="0" tileheight="16" inf"#),
            "no units in",
        ),
        (
            &good.replace(r#"tilewidth="16" tileheight="16" inf"#, r#"tilewidth="16" tileheight="9999" inf"#),
            "more than 1024",
        ),
        (
            &good.replace(r#"width="2" height="2" tilew"#, r#"width="2" height="99999" tilew"#),
            "more than 16384 tiles",
        ),
        (&good.replace("2,1,\n1,1", "2,1,\n1"), "a layer of 4 tiles holds 3"),
        (&good.replace("2,1,\n1,1", "2,1,\n1,a"), "invalid digit"),
        (
            &good.replace(r#"tilecount="999""#, r#"tilecount="4294967295""#),
            "more than 262144 tiles in tilesets",
        ),
        (&good.replace(r#"x="24" y="8""#, r#"x="8" y="8""#), "the spawn at 8,8 is in a wall"),
        (&good.replace(r#"x="24" y="8""#, r#"x="NaN" y="-1""#), "the spawn at 0,-1 is outside the map"),
        (&good.replace(r#"name="to""#, r#"name="two""#), "does not say in a property `to`"),
        (&good.replace("other.tmx", "/other.tmx"), "named from the map on"),
        (&good.replace("other.tmx", ""), "named from the map on"),
        (&good.replace("other.tmx", "../other.tmx"), "leads out of the folder that levels may be in"),
        (&good.replace("other.tmx", "a/../../maps/other.tmx"), "leads out of the folder"),
        (
            &good.replace(r#"x="16" y="16" width="16""#, r#"x="16" y="16" width="0""#),
            "covers no place of the map",
        ),
    ];
    for (map, words) in cases {
        let why = why_not(map);
        assert!(why.contains(words) && why.len() < 500, "{why:?} should say {words:?}");
    }
}

#[test]
fn nothing_is_nested_so_deep_that_the_stack_ends() {
    let groups = 100_000;
    let deep = format!("{}{}", "<group>".repeat(groups), "</group>".repeat(groups));
    let map = drawn(&[".."], "").replace("<objectgroup", &format!("{deep}<objectgroup"));
    assert!(why_not(&map).contains("more than 32 elements nested"), "{}", why_not(&map));
}

#[test]
fn templates_in_a_circle_come_to_an_end() {
    let map = tmx(1, 1, "1", r#"<object template="a.tx"/>"#);
    let template: &[u8] = br#"<template><object template="a.tx"/></template>"#;
    let error = read_of(&[(PATH, map.as_bytes()), ("maps/a.tx", template)]).expect_err("no end").to_string();
    assert!(error.contains("more than 32 files"), "{error}");
}

#[test]
fn an_element_with_many_attributes_is_not_compared_with_itself_for_hours() {
    let many: String = (0..1_000_000).map(|number| format!(" a{number}=''")).collect();
    let map = drawn(&[".."], "").replace("<objectgroup", &format!("<objectgroup{many}"));
    assert!(why_not(&map).contains("more than 64 attributes"), "{}", why_not(&map));
}

#[test]
fn a_file_that_is_none_or_has_no_end_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = Level::load(&folder.path().join("missing.tmx")).expect_err("nothing there").to_string();
    assert!(missing.contains("cannot read") && missing.contains("missing.tmx"), "{missing}");
    let none = Level::load(folder.path()).expect_err("a folder").to_string();
    assert!(none.contains("it is no file"), "{none}");
    let mut endless = |_: &Path, max: usize| Ok(vec![b' '; max]);
    let endless = Level::read(Path::new(PATH), &mut endless).expect_err("too large").to_string();
    assert!(endless.contains(&format!("more than {LEVEL_BYTES_MAX} bytes")), "{endless}");
}

#[test]
fn whatever_is_changed_in_a_map_is_a_level_or_an_error() {
    let good = drawn(&["#####", "#s.x#", "#.#s#", "#####"], "other.tmx").into_bytes();
    let key = Secret::from_seed(11).derive("maps");
    let mut levels = 0;
    for seed in 0..2_000 {
        let draw = |index: u64| key.derive(&seed.to_string()).number(index) as usize;
        let mut bytes = good.clone();
        for change in 0..1 + draw(0) as u64 % 4 {
            let place = draw(3 * change + 1) % bytes.len();
            match draw(3 * change + 2) % 3 {
                0 => bytes[place] = draw(3 * change + 3) as u8,
                1 => bytes.truncate(place.max(1)),
                _ => bytes[place] = b"0123456789<>\"/"[draw(3 * change + 3) % 14],
            }
        }
        match read_of(&[(PATH, &bytes)]) {
            Ok(level) => levels += usize::from(!level.is_wall(level.spawn(0))),
            Err(error) => assert!(!error.to_string().contains("nobody thought of"), "seed {seed}: {error}"),
        }
    }
    assert!(levels > 20, "some changes do no harm: {levels}");
}

/// A level of drawn tiles, three of ten of them walls.
fn drawn_level(key: &Secret) -> Level {
    let tile = |index: u64| match key.number(index) % 10 {
        0..3 => '#',
        _ => '.',
    };
    let rows: Vec<String> =
        (0..12).map(|row| (0..14).map(|column| tile(row * 14 + column)).collect()).collect();
    level(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_way_ends_before_the_first_wall_and_nowhere_else() {
    for seed in 0..200 {
        let key = Secret::from_seed(seed).derive("ways");
        let level = drawn_level(&key);
        let Bounds { max, .. } = level.bounds();
        let place = |index: u64| {
            let drawn = key.number(1_000 + index);
            at((drawn as i32).rem_euclid(max.x + 1), ((drawn >> 32) as i32).rem_euclid(max.y + 1))
        };
        for way in 0..50 {
            let (from, to) = (place(2 * way), place(2 * way + 1));
            if !level.is_wall(from) {
                check_way(&level, from, to, seed);
            }
        }
    }
}

fn check_way(level: &Level, from: Position, to: Position, seed: u64) {
    let way = format!("seed {seed}, from {from:?} to {to:?}");
    let Some(Obstacle { last_free, wall }) = level.first_wall_on(from, to) else {
        assert_eq!(wall_near(level, from, to, 1.0), None, "{way}: a wall is overlooked");
        assert_eq!(level.first_wall_on(to, from), None, "{way}: and not so on the way back");
        return;
    };
    assert!(!level.is_wall(last_free), "{way}: {last_free:?} is free");
    assert!(last_free.distance_squared(wall) <= 2, "{way}: {wall:?} is beside {last_free:?}");
    assert!(beside_line(from, to, last_free) <= 1.0, "{way}: {last_free:?} is on the way");
    let part = (from.distance_squared(last_free) as f64 / from.distance_squared(to).max(1) as f64).sqrt();
    let length = (from.distance_squared(to) as f64).sqrt();
    let before = part - 2.0 / length;
    assert_eq!(wall_near(level, from, to, before), None, "{way}: no wall is before {last_free:?}");
    let corner = last_free.x != wall.x && last_free.y != wall.y;
    assert!(level.is_wall(wall) || corner, "{way}: {wall:?} is a wall");
}

/// How far a place is from the line through two others.
fn beside_line(from: Position, to: Position, place: Position) -> f64 {
    let apart = |a: Position, b: Position| (f64::from(b.x - a.x), f64::from(b.y - a.y));
    let ((x, y), (place_x, place_y)) = (apart(from, to), apart(from, place));
    (x * place_y - y * place_x).abs() / x.hypot(y)
}

/// A place that is in a wall on the first `part` of a way, looked for in small steps.
fn wall_near(level: &Level, from: Position, to: Position, part: f64) -> Option<Position> {
    let middle = |unit: i32| f64::from(unit) + 0.5;
    let place = |step: i32| {
        let along =
            |from: i32, to: i32| middle(from) + (middle(to) - middle(from)) * f64::from(step) / 4_000.0;
        at(along(from.x, to.x).floor() as i32, along(from.y, to.y).floor() as i32)
    };
    (0..=(4_000.0 * part) as i32).map(place).find(|at| level.is_wall(*at))
}

#[test]
fn walls_that_touch_at_a_corner_leave_no_gap() {
    let level = level(&["s#", "#."]);
    let wall = level.first_wall_on(at(8, 8), at(24, 24)).expect("closed");
    assert_eq!(wall, Obstacle { last_free: at(15, 15), wall: at(16, 16) });
    let level = self::level(&["s.", "#."]);
    assert_eq!(level.first_wall_on(at(8, 8), at(24, 24)), None, "one alone does");
}

#[test]
fn a_way_is_looked_at_for_so_many_tiles_only() {
    let row = format!("s{}", ".".repeat(2 * WAY_TILES_MAX));
    let level = level(&[&row]);
    let wall = level.first_wall_on(middle(0, 0), middle(2 * WAY_TILES_MAX as i32, 0)).expect("too far");
    assert_eq!(wall.last_free.x, (WAY_TILES_MAX as i32 + 1) * TILE - 1);
    assert_eq!(level.first_wall_on(middle(0, 0), middle(WAY_TILES_MAX as i32, 0)), None);
    let outside = level.first_wall_on(middle(0, 0), at(i32::MIN, i32::MIN)).expect("outside is wall");
    assert_eq!(outside.last_free, at(0, 0));
}

#[test]
fn somewhere_is_where_one_can_walk_to() {
    let level = level(&["s.#..", "..#..", "..#.."]);
    assert_eq!(level.ground.len(), 6);
    for n in 0..100 {
        assert!(level.somewhere(n).x < 2 * TILE, "the room behind the wall has no door");
    }
}

#[test]
fn a_map_of_fifty_megabytes_is_a_level() {
    let map = maps::large();
    assert!((50_000_000..LEVEL_BYTES_MAX).contains(&map.len()), "{} bytes", map.len());
    let level = read(&map).expect("a large level");
    assert!(level.is_wall(at(0, 0)) && !level.is_wall(at(40, 40)));
    assert!(level.is_wall(level.bounds().max));
}

#[test]
fn a_layer_holds_its_tiles_once() {
    let map = drawn(&["..", ".#"], "");
    let twice = map.replace("</data></layer>", "</data><data encoding=\"csv\">1,1,1,1</data></layer>");
    assert_ne!(map, twice);
    assert!(why_not(&twice).contains("a layer of 0 tiles holds 4"), "{}", why_not(&twice));
}

#[test]
fn exits_cover_the_tiles_that_they_touch_and_no_others() {
    let exit = r#"<object class="exit" x="5" y="5" width="900" height="900"><properties><property name="to" value="a"/></properties></object>"#;
    let level = read(&tmx(64, 64, &["1"].repeat(64 * 64).join(","), &exit.repeat(256))).expect("a level");
    let (grid, within) = (level.grid(), |tile: Tile| tile.column <= 56 && tile.row <= 56);
    for tile in (0..grid.len()).map(|index| grid.tile_of(index)) {
        assert_eq!(level.exit_tiles.contains(grid.index(tile)), within(tile), "{tile:?}");
    }
}

#[test]
fn no_name_in_a_map_reaches_a_terminal_as_more_than_a_name() {
    let exit = |to: &str| drawn(&["sx"], to);
    assert!(read(&exit("a&#x85;b")).is_err() && read(&exit("ab")).is_ok());
    let tileset = r#"<map version="1.10" orientation="orthogonal" width="1" height="1" tilewidth="9" tileheight="9" infinite="0"><tileset firstgid="1" source="t&#x9b;2J.tsx"/></map>"#;
    let why = why_not(tileset);
    assert!(why.contains("t\\u{9b}2J.tsx") && !why.contains(char::is_control), "{why}");
}
