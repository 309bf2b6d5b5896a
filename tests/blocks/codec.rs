//! Blocks there and back, cut, hostile, and as long as can be.

use tickcast::wire::Position;
use tickcast::wire::block::{
    BLOCK_BYTES_MAX, BlockError, Departure, Encoder, Head, MEMBERS_MAX, Member, Motion, Unpacked,
};

use crate::walk::Draw;
use crate::whole::decoded;

const CLUSTER_BITS: u32 = 9;

fn coordinate(draw: &mut Draw) -> i32 {
    match draw.below(6) {
        0 => i32::MIN,
        1 => i32::MAX,
        2 => draw.number() as i32,
        _ => draw.below(2_000) as i32 - 1_000,
    }
}

fn member(draw: &mut Draw, id: u32) -> Member {
    let state = if draw.below(3) == 0 { draw.number() as u32 >> draw.below(32) } else { 0 };
    let wild = Motion { x: draw.number() as i16, y: i16::MIN };
    let motion = if draw.below(4) == 0 { wild } else { Motion { x: 80, y: -3 } };
    let kind = if draw.below(8) == 0 { draw.number() as u8 } else { 0 };
    Member { id, at: Position { x: coordinate(draw), y: coordinate(draw) }, state, motion, kind }
}

fn some_members(draw: &mut Draw) -> Vec<Member> {
    let first = draw.number() as u32 >> draw.below(32);
    (0..draw.below(65) as u32).map(|index| member(draw, first.wrapping_add(index * 3))).collect()
}

/// What a cluster may become: some leave, some change a little or entirely, some enter.
fn next(draw: &mut Draw, was: &[Member]) -> Vec<Member> {
    let [leave, change] = [draw.below(4) * 20, draw.below(5) * 25];
    let mut is: Vec<Member> = was.iter().filter(|_| draw.below(100) >= leave).copied().collect();
    for old in &mut is {
        if draw.below(100) < change {
            *old = changed(draw, *old);
        }
    }
    let room = (MEMBERS_MAX - is.len()) as u64;
    let first = 0x7000_0000 + (draw.number() as u32 >> 8) * 64;
    for index in 0..draw.below(1 + room) as u32 {
        let new = member(draw, first.wrapping_add(index));
        if is.iter().chain(was).all(|old| old.id != new.id) {
            is.push(new);
        }
    }
    is
}

fn changed(draw: &mut Draw, old: Member) -> Member {
    let fresh = member(draw, old.id);
    let mut near = |coordinate: i32| coordinate.wrapping_add(draw.below(9) as i32 - 4);
    match old.id % 4 {
        0 => Member { kind: old.kind, ..fresh },
        1 => Member { motion: fresh.motion, ..old },
        2 => Member { state: fresh.state, ..old },
        _ => Member { at: Position { x: near(old.at.x), y: near(old.at.y) }, ..old },
    }
}

fn destination(id: u32) -> Option<u16> {
    (!id.is_multiple_of(3)).then_some((id % 512) as u16)
}

fn encoded(encoder: &mut Encoder, head: Head, was: &[Member], is: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.encode(head, CLUSTER_BITS, was, is, |index| destination(was[index].id), &mut bytes);
    bytes
}

fn players(ids: &[u32]) -> Vec<Member> {
    ids.iter()
        .map(|&id| Member { id, at: Position { x: id as i32 * 7, y: -5 }, ..Member::default() })
        .collect()
}

#[test]
fn what_is_decoded_is_what_was_encoded() {
    let (mut draw, mut encoder, mut out) = (Draw::new(1), Encoder::new(), Unpacked::new());
    for round in 0..6_000 {
        let age = draw.below(64) as u8;
        let was = if age == 0 { Vec::new() } else { some_members(&mut draw) };
        let is = next(&mut draw, &was);
        let head = Head { cluster: draw.below(512) as u16, age };
        let mut bytes = encoded(&mut encoder, head, &was, &is);
        let len = bytes.len();
        assert!(len <= BLOCK_BYTES_MAX, "round {round}: {len} bytes");
        bytes.extend([0xFF; 5]);
        let read = decoded(&bytes, CLUSTER_BITS, Some(&was), &mut out);
        assert_eq!(read, Ok((head, len, is.clone())), "round {round}");
        let left = was.iter().map(|old| old.id).filter(|id| is.iter().all(|new| new.id != *id));
        let departed: Vec<Departure> = left.map(|id| Departure { id, to: destination(id) }).collect();
        assert_eq!(out.departed, departed, "round {round}");
    }
}

#[test]
fn the_first_so_many_members_are_a_baseline_and_a_block_too() {
    let (mut draw, mut encoder, mut out) = (Draw::new(4), Encoder::new(), Unpacked::new());
    for _ in 0..300 {
        let was = some_members(&mut draw);
        let is = next(&mut draw, &was);
        let known = draw.below(was.len() as u64 + 1) as usize;
        let stayed = was[..known].iter().filter(|old| is.iter().any(|new| new.id == old.id)).count();
        let told = stayed + draw.below((is.len() - stayed) as u64 + 1) as usize;
        let bytes = encoded(&mut encoder, Head { cluster: 1, age: 3 }, &was[..known], &is[..told]);
        let (.., members) = decoded(&bytes, CLUSTER_BITS, Some(&was[..known]), &mut out).expect("it decodes");
        assert_eq!(members, is[..told]);
    }
}

#[test]
fn the_longest_blocks_fit() {
    let (mut draw, mut encoder, mut out) = (Draw::new(7), Encoder::new(), Unpacked::new());
    let mut wild = |id: u32, sign: i16| Member {
        id: id << 25,
        at: Position { x: draw.number() as i32, y: draw.number() as i32 },
        state: u32::MAX * u32::from(sign < 0),
        motion: Motion { x: sign * 0x7000, y: i16::MIN + sign.abs() },
        kind: 255,
    };
    let was: Vec<Member> = (1..=64).map(|id| wild(id, 1)).collect();
    for kept in [0, 16, 32, 48, 64] {
        let is: Vec<Member> = (1 + 64 - kept..=64 + 64 - kept).map(|id| wild(id, -1)).collect();
        let bytes = encoded(&mut encoder, Head { cluster: 511, age: 63 }, &was, &is);
        assert!((1_200..=BLOCK_BYTES_MAX).contains(&bytes.len()), "{} bytes", bytes.len());
        let (.., members) = decoded(&bytes, CLUSTER_BITS, Some(&was), &mut out).expect("it decodes");
        assert_eq!(members, is);
    }
}

#[test]
fn a_cluster_at_rest_takes_three_bytes() {
    let was = players(&(0..64).collect::<Vec<_>>());
    let mut bytes = Vec::new();
    Encoder::new().encode(Head { cluster: 3, age: 6 }, 8, &was, &was, |_| None, &mut bytes);
    assert_eq!(bytes.len(), 3);
}

#[test]
fn who_walks_as_expected_costs_nothing_either() {
    let mut was = players(&(0..64).collect::<Vec<_>>());
    was.iter_mut().for_each(|old| old.motion = Motion { x: 80, y: -16 });
    let step = |old: &Member| Member { at: Position { x: old.at.x + 30, y: old.at.y - 6 }, ..*old };
    let is: Vec<Member> = was.iter().map(step).collect();
    let bytes = encoded(&mut Encoder::new(), Head { cluster: 3, age: 6 }, &was, &is);
    assert_eq!(bytes.len(), 4);
}

#[test]
fn who_leaves_and_comes_back_is_a_newcomer() {
    let (was, mut out) = (players(&[1, 2, 3]), Unpacked::new());
    for ids in [&[2, 3, 1][..], &[3, 1], &[2, 1], &[], &[9, 8, 1]] {
        let is = players(ids);
        let bytes = encoded(&mut Encoder::new(), Head { cluster: 0, age: 1 }, &was, &is);
        let (.., members) = decoded(&bytes, CLUSTER_BITS, Some(&was), &mut out).expect("it decodes");
        assert_eq!(members, is);
    }
}

#[test]
fn a_cut_block_is_refused() {
    let (mut draw, mut encoder, mut out) = (Draw::new(2), Encoder::new(), Unpacked::new());
    for _ in 0..80 {
        let was = some_members(&mut draw);
        let is = next(&mut draw, &was);
        let bytes = encoded(&mut encoder, Head { cluster: 1, age: 5 }, &was, &is);
        for len in 0..bytes.len() {
            let read = decoded(&bytes[..len], CLUSTER_BITS, Some(&was), &mut out);
            assert!(
                matches!(read, Err(BlockError::Short | BlockError::Malformed)),
                "{len} of {}",
                bytes.len()
            );
        }
    }
}

#[test]
fn hostile_bytes_neither_panic_nor_grow() {
    let (mut draw, mut encoder, mut out) = (Draw::new(3), Encoder::new(), Unpacked::new());
    for round in 0..30_000_u32 {
        let is_block = round.is_multiple_of(10);
        let was =
            if is_block { some_members(&mut draw) } else { vec![member(&mut draw, 1); round as usize % 65] };
        let mut bytes: Vec<u8> = (0..draw.below(120)).map(|_| draw.number() as u8).collect();
        if is_block {
            let is = next(&mut draw, &was);
            bytes = encoded(&mut encoder, Head { cluster: 1, age: 5 }, &was, &is);
            for _ in 0..=draw.below(3) {
                let bit = draw.below(bytes.len() as u64 * 8) as usize;
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
        if let Ok((_, len, _)) = decoded(&bytes, round % 18, Some(&was), &mut out) {
            assert!(len <= bytes.len());
        }
        let capacities = [out.places.capacity(), out.profiles.capacity(), out.departed.capacity()];
        assert_eq!(capacities, [MEMBERS_MAX; 3], "{round}");
    }
}

#[test]
fn no_block_holds_an_id_twice() {
    let (mut encoder, mut out) = (Encoder::new(), Unpacked::new());
    let bytes = encoded(&mut encoder, Head { cluster: 0, age: 0 }, &[], &players(&[5, 6, 5]));
    assert_eq!(decoded(&bytes, CLUSTER_BITS, None, &mut out), Err(BlockError::Malformed));
}

#[test]
fn padding_is_zeros() {
    let was = players(&[1, 2]);
    let mut bytes = encoded(&mut Encoder::new(), Head { cluster: 7, age: 2 }, &was, &was);
    *bytes.last_mut().unwrap() |= 0x80;
    let read = decoded(&bytes, CLUSTER_BITS, Some(&was), &mut Unpacked::new());
    assert_eq!(read, Err(BlockError::Malformed));
}

#[test]
fn a_missing_baseline_is_named() {
    let was = players(&[1]);
    let bytes = encoded(&mut Encoder::new(), Head { cluster: 7, age: 2 }, &was, &was);
    let read = decoded(&bytes, CLUSTER_BITS, None, &mut Unpacked::new());
    assert_eq!(read, Err(BlockError::NoBaseline));
}

#[test]
fn an_encoder_and_a_decoder_allocate_nothing_once_their_buffers_have_grown() {
    let (mut draw, mut encoder, mut out) = (Draw::new(6), Encoder::new(), Unpacked::new());
    let mut bytes = Vec::with_capacity(BLOCK_BYTES_MAX);
    let pointers = |out: &Unpacked| {
        (out.places.as_ptr(), out.profiles.as_ptr(), out.motions.as_ptr(), out.departed.as_ptr())
    };
    let buffers = (bytes.as_ptr(), pointers(&out));
    for _ in 0..100 {
        let was = some_members(&mut draw);
        let is = next(&mut draw, &was);
        bytes.clear();
        encoder.encode(Head { cluster: 1, age: 1 }, CLUSTER_BITS, &was, &is, |_| None, &mut bytes);
        decoded(&bytes, CLUSTER_BITS, Some(&was), &mut out).expect("it decodes");
    }
    assert_eq!(buffers, (bytes.as_ptr(), pointers(&out)));
}
