use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::app::Key;
use crate::rules::items::Pocket;
use crate::rules::words::News;

/// Eight tiles by five, with a wall around and an exit in the lower right corner.
const MAP: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<map version="1.10" orientation="orthogonal" renderorder="right-down" width="8" height="5" tilewidth="16" tileheight="16" infinite="0">
 <tileset firstgid="1" name="wall" tilewidth="16" tileheight="16" tilecount="1" columns="1">
  <tile id="0"><properties><property name="wall" type="bool" value="true"/></properties></tile>
 </tileset>
 <layer id="1" name="ground" width="8" height="5"><data encoding="csv">
1,1,1,1,1,1,1,1,
1,0,0,0,0,0,0,1,
1,0,0,1,0,0,0,1,
1,0,0,0,0,0,0,1,
1,1,1,1,1,1,1,1
</data></layer>
 <objectgroup id="2" name="places">
  <object id="1" type="spawn" x="24" y="24"><point/></object>
  <object id="2" type="exit" x="96" y="48" width="16" height="16">
   <properties><property name="to" value="other.tmx"/></properties>
  </object>
 </objectgroup>
</map>
"#;

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4_000);

fn level() -> Level {
    let mut read = |_: &std::path::Path, _: usize| Ok(MAP.as_bytes().to_vec());
    Level::read(std::path::Path::new("small.tmx"), &mut read).expect("a level")
}

fn centre(column: u32, row: u32) -> Position {
    level().grid().centre(Tile { column, row })
}

fn app() -> App {
    let mut app = App::new(1);
    app.town.level = Some("small.tmx".into());
    app.town.on_news(News::Anew { health: 7, pocket: Pocket([1, 0, 2, 0, 0]), missed: 0 });
    app
}

/// The rows of the screen, without the blanks at their ends.
fn shown(app: &App, me: Position, beings: &[Being], size: (u16, u16)) -> Vec<String> {
    let level = level();
    let scene = Scene { app, level: Some(&level), me, beings, status: "playing", server: SERVER };
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    draw(&scene, &mut buffer);
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..size.1).map(row).map(|row| row.trim_end().to_owned()).collect()
}

#[test]
fn a_moment_is_shown_as_it_is() {
    let mut app = app();
    for (number, from, to, gives, wants) in [
        (2, 1, u32::MAX, Item::Lamp, Item::Sword),
        (3, 2, 1, Item::Sword, Item::Apple),
        (4, 3, 1, Item::Egg, Item::Lamp),
    ] {
        app.town.on_news(News::Offered { number, from, to, gives, wants });
    }
    app.town.on_news(News::Said { from: 2, text: "ni!".into() });
    app.answerable = Some(3);
    app.town.leaders = vec![(2, 1_234), (1, 20)];
    let beings = [
        Being { id: 2, kind: 0, at: centre(5, 1) },
        Being { id: 0xF010_0000, kind: MONSTER, at: centre(2, 3) },
    ];
    let expected = "
┌ Pythonville: small ────────────────┐┌ You ───────────────────────────┐
│                                    ││♥♥♥♥♥♥♥♡♡♡                      │
│                                    ││ 1 apple                        │
│                                    ││ 0 egg                          │
│                                    ││ 2 lamp                         │
│                                    ││ 0 sword                        │
│                                    ││ 0 spam                         │
│                                    ││playing                         │
│                                    ││at 127.0.0.1:4000               │
│          ████████████████          │└────────────────────────────────┘
│          ██@ · · · B · ██          │┌ Offers ────────────────────────┐
│          ██· · ██· · · ██          ││y/n Brian: sword for apple      │
│          ██· & · · · ░░██          ││  > P4294967295: lamp for sword │
│          ████████████████          ││  < Camelot: egg for lamp       │
│                                    ││                                │
│                                    ││                                │
│                                    ││                                │
│                                    ││                                │
│                                    ││                                │
│                                    │└────────────────────────────────┘
│                                    │┌ Farthest walked ───────────────┐
│                                    ││1. Brian                  1234  │
│                                    ││2. you                      20  │
└ at 1,1 ────────────────────────────┘└────────────────────────────────┘
┌ What happens ────────────────────────────────────────────────────────┐
│welcome to Pythonville                                                │
│you offer P4294967295 lamp for sword                                  │
│Brian offers you sword for apple                                      │
│Camelot offers you egg for lamp                                       │
│Brian: ni!                                                            │
│                                                                      │
└──────────────────────────────────────────────────────────────────────┘
 arrows walk · space strikes · c chat · o offers · y/n answer · q quit";
    let rows = shown(&app, centre(1, 1), &beings, (72, 33));
    assert_eq!(rows.join("\n"), expected.trim_start_matches('\n'), "\n{}", rows.join("\n"));
    let small = shown(&app, centre(1, 1), &beings, (80, 24)).join("\n");
    for part in ["at 127.0.0.1:4000", "y/n Brian: sword for apple", "q quit"] {
        assert!(small.contains(part), "a terminal of the usual size shows {part}:\n{small}");
    }
}

#[test]
fn the_view_follows_the_player_and_ends_with_the_map() {
    let seen = |column, row| {
        let rows = shown(&app(), centre(column, row), &[], (46, 19));
        rows[1..9].iter().map(|row| row.chars().skip(1).take(10).collect::<String>()).collect::<Vec<_>>()
    };
    let left = seen(1, 1);
    assert!(left.iter().any(|row| row.starts_with("██@ ·")), "{left:?}");
    let right = seen(6, 1);
    assert!(right.iter().any(|row| row.ends_with("@ ██")), "{right:?}");
}

#[test]
fn the_last_line_says_what_keys_do() {
    let last = |app: &App| shown(app, centre(1, 1), &[], (100, 28)).pop().expect("a row");
    let mut app = app();
    assert!(last(&app).contains("q quit"));
    for key in [Key::Char('c'), Key::Char('n'), Key::Char('i')] {
        app.on_key(key, &[2]);
    }
    assert_eq!(last(&app), " say: ni█");
    app.on_key(Key::Escape, &[2]);
    app.on_key(Key::Char('o'), &[2]);
    assert!(last(&app).starts_with(" offer [apple] for [egg] to [Brian]"), "{}", last(&app));
}

#[test]
fn no_size_and_no_knowledge_is_too_small() {
    for size in [(1, 1), (20, 5), (40, 12), (300, 100)] {
        shown(&app(), centre(1, 1), &[], size);
        let scene = Scene {
            app: &App::new(1),
            level: None,
            me: Position { x: -9, y: i32::MAX },
            beings: &[],
            status: "",
            server: SERVER,
        };
        draw(&scene, &mut Buffer::empty(Rect::new(0, 0, size.0, size.1)));
    }
}
