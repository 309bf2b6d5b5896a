//! Blocks and clusters on the reference walk: 10,000 players on 16,384 x 16,384, 5 units a tick.
//! `cargo bench --bench blocks`, or a part of it: `cargo bench --bench blocks -- encode`. All is one thread's time;
//! encode and decode are for one block of some 56 members.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use field::Field;
use tickcast::wire::Position;
use tickcast::wire::block::{self, Encoder, Head, Member, Motion, Profile, Told, Unpacked};
use walk::Movement;

#[path = "../examples/tables/field.rs"]
mod field;
#[path = "../tests/blocks/walk.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod walk;

criterion_group!(benches, blocks, update);
criterion_main!(benches);

const PLAYERS: usize = 10_000;
const CLUSTER_BITS: u32 = 8;
/// Everyone's motion is known by then.
const WARMUP_TICKS: u64 = 200;

/// A cluster at two ticks.
struct Pair {
    head: Head,
    was: Vec<Member>,
    is: Vec<Member>,
}

/// Every cluster now, from what it was `age` ticks ago.
fn pairs(movement: Movement, age: u8) -> Vec<Pair> {
    let mut field = Field::new(movement, PLAYERS, WARMUP_TICKS);
    let mut before = field.members();
    (0..age).for_each(|_| field.step());
    let now = field.members().into_iter().enumerate();
    let pair = |(cluster, is): (usize, Vec<Member>)| {
        let was = if age == 0 { Vec::new() } else { std::mem::take(&mut before[cluster]) };
        Pair { head: Head { cluster: cluster as u16, age }, was, is }
    };
    now.map(pair).filter(|pair| !pair.is.is_empty() && (age == 0 || !pair.was.is_empty())).collect()
}

fn blocks(c: &mut Criterion) {
    let walking = Movement::Waypoints(5.0);
    let cases = [
        ("walk, age 1", walking, 1),
        ("walk, age 2", walking, 2),
        ("walk, age 6", walking, 6),
        ("rest, age 6", Movement::Rest, 6),
        ("full", walking, 0),
    ];
    for (name, movement, age) in cases {
        let pairs = pairs(movement, age);
        let mut encoder = Encoder::new();
        let mut out = Vec::with_capacity(block::BLOCK_BYTES_MAX);
        let mut next = pairs.iter().cycle();
        c.bench_function(&format!("block encode/{name}"), |b| {
            b.iter(|| encode(&mut encoder, next.next().expect("it goes around"), &mut out));
        });
        decode(c, name, &mut encoder, &pairs);
    }
}

fn encode(encoder: &mut Encoder, pair: &Pair, out: &mut Vec<u8>) {
    out.clear();
    encoder.encode(pair.head, CLUSTER_BITS, &pair.was, &pair.is, |_| Some(3), out);
    black_box(out);
}

fn decode(c: &mut Criterion, name: &str, encoder: &mut Encoder, pairs: &[Pair]) {
    let encoded = pairs.iter().map(|pair| {
        let mut bytes = Vec::new();
        encode(encoder, pair, &mut bytes);
        let places: Vec<Position> = pair.was.iter().map(|member| member.at).collect();
        let motions: Vec<Motion> = pair.was.iter().map(|member| member.motion).collect();
        (bytes, pair.was.iter().map(Member::profile).collect::<Vec<Profile>>(), motions, places)
    });
    let encoded: Vec<_> = encoded.collect();
    let mut unpacked = Unpacked::new();
    let mut next = encoded.iter().cycle();
    c.bench_function(&format!("block decode/{name}"), |b| {
        b.iter(|| {
            let (bytes, profiles, motions, places) = next.next().expect("it goes around");
            let was = Told { profiles, motions, places };
            black_box(block::decode(bytes, CLUSTER_BITS, |_| Some(was), &mut unpacked)).expect("a block");
        });
    });
}

/// What a tick costs beside the blocks: clusters, and a look at a quarter of the players.
fn update(c: &mut Criterion) {
    let mut group = c.benchmark_group("clusters");
    group.throughput(Throughput::Elements(PLAYERS as u64));
    let cases = [("walk", Movement::Waypoints(5.0)), ("one tile", Movement::OneTile)];
    for (name, movement) in cases {
        let mut field = Field::new(movement, PLAYERS, WARMUP_TICKS);
        group.bench_function(BenchmarkId::new("update", name), |b| {
            b.iter_custom(|ticks| (0..ticks).map(|_| timed(&mut field, Field::update)).sum());
        });
        group.bench_function(BenchmarkId::new("look", name), |b| {
            b.iter_custom(|ticks| (0..ticks).map(|_| timed(&mut field, Field::look)).sum());
        });
    }
    group.finish();
}

/// One tick, of which a part is timed.
#[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
fn timed(field: &mut Field, part: fn(&mut Field)) -> Duration {
    field.advance();
    let began = Instant::now();
    part(field);
    began.elapsed()
}
