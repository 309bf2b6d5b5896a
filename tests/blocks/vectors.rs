//! The committed test vectors: what the encoder writes, byte for byte, and what both decoders make of it.
//!
//! After a change of the format write them anew: `TICKCAST_WRITE_VECTORS=1 cargo test --test blocks vectors`.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tickcast::wire::Position;
use tickcast::wire::block::{Departure, Encoder, Head, MEMBERS_MAX, Member, Motion, Unpacked};

use crate::walk::Draw;
use crate::whole::decoded;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/blocks/vectors.jsonl");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/block.py");
const CLUSTER_BITS: u32 = 8;

/// A cluster at two ticks, and the block that leads from one to the other.
struct Vector {
    head: Head,
    was: Vec<Member>,
    is: Vec<Member>,
    departed: Vec<Departure>,
    bytes: Vec<u8>,
}

/// Blocks of all kinds: alone, at rest, walking, jumping, few who move, great distances, all who leave.
fn vectors() -> Vec<Vector> {
    let mut draw = Draw::new(21);
    (0..40).map(|round| vector(&mut draw, round)).collect()
}

fn vector(draw: &mut Draw, round: u64) -> Vector {
    let age = if round.is_multiple_of(9) { 0 } else { 1 + draw.below(63) as u8 };
    let n = if round.is_multiple_of(13) { 64 } else { draw.below(14) };
    let reach = draw.below(31) as u32;
    let member = |draw: &mut Draw, id: u32| Member {
        id,
        at: Position { x: draw.number() as i32 >> reach, y: draw.number() as i32 >> reach },
        state: if round.is_multiple_of(3) { draw.number() as u32 >> draw.below(32) } else { 0 },
        motion: Motion { x: draw.below(200) as i16 - 100, y: draw.below(200) as i16 - 100 },
        kind: u8::from(round.is_multiple_of(6)),
    };
    let was: Vec<Member> =
        (0..if age == 0 { 0 } else { n }).map(|index| member(draw, index as u32 * 7 + 1)).collect();
    let (stray, movers) = (1 + draw.below(1 << (round % 22)), [1, 2, 9][draw.below(3) as usize]);
    let leaves = |old: &&Member| round.is_multiple_of(4) && old.id % 5 == 1;
    let mut is: Vec<Member> = was.iter().filter(|old| !leaves(old)).copied().collect();
    for old in &mut is {
        let stray = if draw.below(movers) == 0 { stray } else { 1 };
        *old = walked(draw, old, i32::from(age), stray);
    }
    let entering = if round.is_multiple_of(5) || age == 0 { draw.below(4) + 1 } else { 0 };
    (0..entering).for_each(|index| is.push(member(draw, 1_000 + index as u32)));
    is.truncate(MEMBERS_MAX);
    with_bytes(Head { cluster: (round * 5) as u16, age }, was, is)
}

/// Where a member is after so many ticks along its motion, or astray; some turn, some change their state.
fn walked(draw: &mut Draw, old: &Member, age: i32, stray: u64) -> Member {
    let mut off = || (draw.below(stray) as i64 - stray as i64 / 2) as i32;
    let mut to =
        |from: i32, motion: i16| from.wrapping_add((i32::from(motion) * age + 8) >> 4).wrapping_add(off());
    let at = Position { x: to(old.at.x, old.motion.x), y: to(old.at.y, old.motion.y) };
    let turn = if draw.below(9) == 0 { draw.number() as i16 } else { 0 };
    let motion = Motion { x: old.motion.x.wrapping_add(turn), ..old.motion };
    let state = if draw.below(9) == 0 { draw.number() as u32 >> draw.below(32) } else { old.state };
    Member { at, motion, state, ..*old }
}

fn with_bytes(head: Head, was: Vec<Member>, is: Vec<Member>) -> Vector {
    let destination = |id: u32| id.is_multiple_of(2).then_some(9);
    let mut bytes = Vec::new();
    Encoder::new().encode(head, CLUSTER_BITS, &was, &is, |index| destination(was[index].id), &mut bytes);
    let left = was.iter().filter(|old| is.iter().all(|new| new.id != old.id));
    let departed = left.map(|old| Departure { id: old.id, to: destination(old.id) }).collect();
    Vector { head, was, is, departed, bytes }
}

fn line_of(vector: &Vector) -> String {
    let row = |m: &Member| json!([m.id, m.at.x, m.at.y, m.state, m.motion.x, m.motion.y, m.kind]);
    let list = |members: &[Member]| Value::from_iter(members.iter().map(row));
    let hex: String = vector.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let departed =
        Value::from_iter(vector.departed.iter().map(|left| json!({ "id": left.id, "to": left.to })));
    json!({
        "cluster_bits": CLUSTER_BITS, "cluster": vector.head.cluster, "hex": hex,
        "was": list(&vector.was), "is": list(&vector.is), "departed": departed,
    })
    .to_string()
}

#[test]
fn the_encoder_writes_what_is_committed() {
    let lines: String = vectors().iter().map(|vector| line_of(vector) + "\n").collect();
    if std::env::var_os("TICKCAST_WRITE_VECTORS").is_some() {
        std::fs::write(FILE, &lines).unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap();
    let pairs = lines.lines().zip(committed.lines()).enumerate();
    pairs.for_each(|(index, (line, committed))| assert_eq!(line, committed, "vector {index}"));
    assert_eq!(lines.len(), committed.len());
}

#[test]
fn every_vector_is_decoded() {
    for vector in vectors() {
        let mut out = Unpacked::new();
        let read = decoded(&vector.bytes, CLUSTER_BITS, Some(&vector.was), &mut out);
        assert_eq!(read, Ok((vector.head, vector.bytes.len(), vector.is)));
        assert_eq!(out.departed, vector.departed);
    }
}

#[test]
fn the_script_decodes_every_vector() {
    let file = std::fs::File::open(FILE).unwrap();
    let child = Command::new("python3").arg(SCRIPT).stdin(file).stdout(Stdio::piped()).spawn();
    let child = match child {
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no python3: {error}"),
        Err(error) => return eprintln!("skipped, no python3: {error}"),
        Ok(child) => child,
    };
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script says why above");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "40 blocks decoded");
}
