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

/// A maze of so many cells along each side, drawn from a seed: from every cell one way leads on, up or to the left, and
/// every tenth has a spawn. It has two tiles for each cell, and a wall around all.
pub(crate) fn maze(cells: usize, seed: u32) -> Vec<String> {
    let side = 2 * cells + 1;
    let mut rows = vec![vec![b'#'; side]; side];
    let mut luck = seed;
    for number in 0..cells * cells {
        let (column, row) = (2 * (number % cells) + 1, 2 * (number / cells) + 1);
        rows[row][column] = if number % 10 == 0 { b's' } else { b'.' };
        // Numerical Recipes' generator, of whose numbers the first bit is good enough here.
        luck = luck.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match (column, row) {
            (1, 1) => {}
            (1, _) => rows[row - 1][1] = b'.',
            (_, 1) => rows[1][column - 1] = b'.',
            _ if luck >> 31 == 0 => rows[row - 1][column] = b'.',
            _ => rows[row][column - 1] = b'.',
        }
    }
    rows.into_iter().map(|row| row.into_iter().map(char::from).collect()).collect()
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
