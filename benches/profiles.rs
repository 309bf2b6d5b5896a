//! What counting costs with 10,000 players who all move: a step, the scores of a tick, a hand-over to the store, a
//! leaderboard made anew. `cargo bench --bench profiles`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tickcast::profiles::{Book, Name};
use tickcast::secret::Secret;
use tickcast::wire::Position;

criterion_group!(benches, walk, leave_and_join, scores, take, leaderboard);
criterion_main!(benches);

const PLAYERS: u32 = 10_000;
const PERIOD: Duration = Duration::from_millis(33);

/// A book in which so many play, each in a place of its own.
struct Room {
    book: Book,
    steps: u32,
}

impl Room {
    fn new() -> Self {
        let mut book = Book::new(100_000, Secret::from_seed(1).hash_state());
        for client_id in 0..PLAYERS {
            book.join(client_id, Duration::ZERO);
            book.call(client_id, Name::new(&format!("player {client_id}")).expect("a name"));
        }
        Self { book, steps: 0 }
    }

    fn now(&self) -> Duration {
        PERIOD * self.steps
    }

    /// Everyone takes a step.
    fn walk(&mut self) {
        self.steps += 1;
        let at = |steps: u32| Position { x: steps as i32 % 1_000, y: 7 };
        for client_id in 0..PLAYERS {
            self.book.walk(client_id as usize, client_id, at(self.steps - 1), at(self.steps));
        }
    }
}

fn walk(c: &mut Criterion) {
    let mut room = Room::new();
    let mut group = c.benchmark_group("profiles");
    group.throughput(Throughput::Elements(PLAYERS.into()));
    group.bench_function("everyone takes a step", |b| b.iter(|| room.walk()));
}

fn leave_and_join(c: &mut Criterion) {
    let mut room = Room::new();
    (0..10).for_each(|_| room.walk());
    let mut player = 0;
    c.bench_function("profiles/one leaves and joins", |b| {
        b.iter(|| {
            player = (player + 1) % PLAYERS;
            let now = room.now();
            black_box(room.book.leave(player, now));
            room.book.join(player, now);
        });
    });
}

fn scores(c: &mut Criterion) {
    let mut group = c.benchmark_group("profiles");
    group.throughput(Throughput::Elements(PLAYERS.into()));
    let mut room = Room::new();
    group.bench_function("scores of all", |b| {
        b.iter_custom(|times| {
            let timed = |_| {
                room.walk();
                let (mut count, began) = (0, now());
                room.book.scores(room.now(), PLAYERS as usize, |_| {
                    count += 1;
                    true
                });
                let spent = began.elapsed();
                assert_eq!(count, PLAYERS);
                spent
            };
            (0..times).map(timed).sum()
        });
    });
}

fn take(c: &mut Criterion) {
    let mut group = c.benchmark_group("profiles");
    group.throughput(Throughput::Elements(PLAYERS.into()));
    let (mut room, mut profiles) = (Room::new(), Vec::with_capacity(2 * PLAYERS as usize));
    group.bench_function("all are handed to the store", |b| {
        b.iter_custom(|times| {
            let timed = |_| {
                room.walk();
                profiles.clear();
                let began = now();
                room.book.take(room.now(), 2 * PLAYERS as usize, &mut profiles);
                let spent = began.elapsed();
                assert_eq!(profiles.len(), PLAYERS as usize);
                spent
            };
            (0..times).map(timed).sum()
        });
    });
}

fn leaderboard(c: &mut Criterion) {
    let mut room = Room::new();
    (0..10).for_each(|_| room.walk());
    let mut now = room.now();
    c.bench_function("profiles/leaderboard made anew", |b| {
        b.iter(|| {
            now += Duration::from_secs(1);
            black_box(room.book.leaderboard(now).entries().len());
        });
    });
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
