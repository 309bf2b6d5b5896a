//! Maps for tests: drawn with letters, or generated as large as asked for.

#![allow(dead_code, reason = "not every test that draws maps needs a large one")]

use std::fmt::Write as _;

/// Units along the sides of a tile of a map that is made here.
pub(crate) const TILE: i32 = 16;

/// A map as TMX, its tileset in it: `#` is a wall, `s` a spawn, `x` an exit to `to`, all else is free.
pub(crate) fn drawn(rows: &[&str], to: &str) -> String {
    let (columns, count) = (rows[0].len(), rows.len());
    let numbers =
        |row: &&str| row.chars().map(|c| if c == '#' { "2" } else { "1" }).collect::<Vec<_>>().join(",");
    let tiles = rows.iter().map(numbers).collect::<Vec<_>>().join(",\n");
    let mut objects = String::new();
    for (row, text) in rows.iter().enumerate() {
        for (column, c) in text.chars().enumerate() {
            let (x, y) = (column as i32 * TILE, row as i32 * TILE);
            match c {
                's' => {
                    _ = write!(
                        objects,
                        r#"<object class="spawn" x="{}" y="{}"><point/></object>"#,
                        x + 8,
                        y + 8
                    )
                }
                'x' => _ = write!(objects, "{}", exit(x, y, to)),
                _ => {}
            }
        }
    }
    tmx(columns, count, &tiles, &objects)
}

fn exit(x: i32, y: i32, to: &str) -> String {
    let size = format!(r#"x="{x}" y="{y}" width="{TILE}" height="{TILE}""#);
    format!(
        r#"<object class="exit" {size}><properties><property name="to" type="file" value="{to}"/></properties></object>"#
    )
}

/// A map of one layer whose tiles and objects are given as they stand in the file.
pub(crate) fn tmx(columns: usize, rows: usize, tiles: &str, objects: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<map version="1.10" orientation="orthogonal" width="{columns}" height="{rows}" tilewidth="{TILE}" tileheight="{TILE}" infinite="0">
 <tileset firstgid="1" name="tiles" tilewidth="{TILE}" tileheight="{TILE}" tilecount="999" columns="1">
  <tile id="1"><properties><property name="wall" type="bool" value="true"/></properties></tile>
 </tileset>
 <layer id="1" name="ground" width="{columns}" height="{rows}"><data encoding="csv">
{tiles}
</data></layer>
 <objectgroup id="2" name="things">{objects}</objectgroup>
</map>
"#
    )
}

/// A map of 50 MB: 3,540 x 3,540 free tiles of three digits within a wall, and a spawn near a corner.
pub(crate) fn large() -> String {
    const SIDE: usize = 3_540;
    let row = |wall: bool| {
        let mut row = "2,".to_owned();
        row.extend(std::iter::repeat_n(if wall { "002," } else { "100," }, SIDE - 2));
        row + "2,"
    };
    let (wall, free) = (row(true), row(false));
    let mut tiles = String::with_capacity(SIDE * free.len());
    (0..SIDE).for_each(|number| tiles += if number == 0 || number == SIDE - 1 { &wall } else { &free });
    tiles.pop();
    tmx(SIDE, SIDE, &tiles, r#"<object class="spawn" x="40" y="40"><point/></object>"#)
}
