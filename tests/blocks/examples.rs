//! The worked examples of the document on blocks, which this test writes: bits from the codec, words from here.
//!
//! After a change write them anew: `TICKCAST_WRITE_VECTORS=1 cargo test --test blocks examples`.

use std::fmt::Write as _;

use tickcast::wire::Position;
use tickcast::wire::block::{Encoder, Head, Member, Motion, Unpacked};

use crate::whole::decoded;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/PROTOCOL-COMPACT.md");
const BEGIN: &str = "<!-- examples: written by a test -->\n";
const END: &str = "<!-- end of the examples -->\n";
const CLUSTER_BITS: u32 = 8;

/// A block and what each run of its bits says: how many, and what.
struct Example {
    title: &'static str,
    head: Head,
    was: Vec<Member>,
    is: Vec<Member>,
    parts: &'static [(usize, &'static str)],
}

fn member(id: u32, x: i32, y: i32, motion: [i16; 2]) -> Member {
    let motion = Motion { x: motion[0], y: motion[1] };
    Member { id, at: Position { x, y }, motion, ..Member::default() }
}

fn examples() -> [Example; 3] {
    let first = vec![member(7, 100, 200, [80, 0]), member(9, 104, 196, [0, 0])];
    let second = vec![member(7, 110, 200, [80, 0]), member(9, 104, 195, [0, 0])];
    let third = vec![member(7, 115, 200, [80, 0]), member(12, 90, 210, [0, -16])];
    [
        Example {
            title: "A block that stands alone: two players, one of whom walks 5 units a tick along x",
            head: Head { cluster: 3, age: 0 },
            was: Vec::new(),
            is: first.clone(),
            parts: &[
                (8, "cluster 3"),
                (6, "age 0: no baseline"),
                (4, "flags: only `entered`"),
                (3, "gamma 2: two enter"),
                (5, "id width 4, less 1"),
                (5, "place width 3, less 1"),
                (5, "motion width 8"),
                (1, "none is special"),
                (32, "origin x 102"),
                (32, "origin y 198"),
                (4, "id 7"),
                (3, "x: zigzag 3 = -2: 100"),
                (3, "y: zigzag 4 = 2: 200"),
                (8, "motion x: zigzag 160 = 80"),
                (8, "motion y: 0"),
                (4, "id 9"),
                (3, "x: zigzag 4 = 2: 104"),
                (3, "y: zigzag 3 = -2: 196"),
                (8, "motion x: 0"),
                (8, "motion y: 0"),
            ],
        },
        Example {
            title: "Two ticks later: 7 is where its motion led it, 9 has gone one unit down along y",
            head: Head { cluster: 3, age: 2 },
            was: first,
            is: second.clone(),
            parts: &[
                (8, "cluster 3"),
                (6, "age 2"),
                (4, "no flags"),
                (1, "motions are followed"),
                (5, "table 4: shift 0, shape 3"),
                (1, "not sparse"),
                (1, "symbol 0: player 7 has ranks 0 and 0"),
                (4, "symbol 8: player 9 has rank 0 in x, 2 in y"),
            ],
        },
        Example {
            title: "One tick later: 9 has moved to cluster 5, and 12 has entered",
            head: Head { cluster: 3, age: 1 },
            was: second,
            is: third,
            parts: &[
                (8, "cluster 3"),
                (6, "age 1"),
                (4, "flags: `left` and `entered`"),
                (1, "gamma 1: one of two leaves"),
                (1, "index 1: player 9"),
                (1, "it has moved"),
                (8, "to cluster 5"),
                (1, "motions are followed"),
                (5, "table 0: all who stay are where predicted"),
                (1, "gamma 1: one enters"),
                (5, "id width 4, less 1"),
                (5, "place width 6, less 1"),
                (5, "motion width 5"),
                (1, "none is special"),
                (4, "id 12"),
                (6, "x: zigzag 33 = -17, from the mean 107 of the baseline: 90"),
                (6, "y: zigzag 26 = 13, from the mean 197: 210"),
                (5, "motion x: 0"),
                (5, "motion y: zigzag 31 = -16"),
            ],
        },
    ]
}

fn encoded(example: &Example) -> Vec<u8> {
    let Example { head, was, is, .. } = example;
    let mut bytes = Vec::new();
    Encoder::new().encode(*head, CLUSTER_BITS, was, is, |_| Some(5), &mut bytes);
    bytes
}

fn bit(bytes: &[u8], at: usize) -> u8 {
    bytes[at / 8] >> (at % 8) & 1
}

/// The text of an example. Bits are shown in the order in which they are taken: the lowest of a field first.
fn text_of(example: &Example) -> String {
    let bytes = encoded(example);
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = format!("\n**{}.** {} bytes:\n\n```text\n", example.title, bytes.len());
    hex.chunks(24).for_each(|row| text += &(row.join(" ") + "\n"));
    text += "```\n\n| byte, bit | bits, first to last | |\n|---|---|---|\n";
    let mut at = 0;
    for (width, what) in example.parts {
        let bits: String = (at..at + width).map(|at| char::from(b'0' + bit(&bytes, at))).collect();
        writeln!(text, "| {}, {} | `{bits}` | {what} |", at / 8, at % 8).expect("a string takes all");
        at += width;
    }
    assert!(
        bytes.len() * 8 - at < 8 && (at..bytes.len() * 8).all(|at| bit(&bytes, at) == 0),
        "{}",
        example.title
    );
    let padding = "0".repeat(bytes.len() * 8 - at);
    if !padding.is_empty() {
        writeln!(text, "| {}, {} | `{padding}` | padding |", at / 8, at % 8).expect("a string takes all");
    }
    text
}

#[test]
fn the_worked_examples_are_what_the_codec_writes() {
    let text: String = examples().iter().map(text_of).collect();
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("TICKCAST_WRITE_VECTORS").is_some() {
        return std::fs::write(DOCUMENT, [before, BEGIN, &text, "\n", END, after].concat()).unwrap();
    }
    assert_eq!(written.trim(), text.trim());
}

#[test]
fn the_worked_examples_are_decoded() {
    for example in examples() {
        let (bytes, mut out) = (encoded(&example), Unpacked::new());
        let read = decoded(&bytes, CLUSTER_BITS, Some(&example.was), &mut out);
        assert_eq!(read, Ok((example.head, bytes.len(), example.is)), "{}", example.title);
    }
}
