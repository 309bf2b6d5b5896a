//! What keeping 10,000 players costs who all move: the tick, which hands over, and the thread that commits, on a file in a
//! directory of its own. `cargo bench --bench store`.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tickcast::Config;
use tickcast::gate::PeerAddr;
use tickcast::secret::Secret;
use tickcast::server::{Changes, Server};
use tickcast::store::Store;
use tickcast::wire::{Ack, FromClient, Move, Position, Tick, encode_client};

criterion_group!(benches, hand_over, commit);
criterion_main!(benches);

const PLAYERS: u32 = 10_000;
/// More than the time between two hand-overs.
const PERIOD: Duration = Duration::from_millis(300);

/// A server whose players all move in every tick.
struct Room {
    server: Server,
    now: Instant,
    ticks: u32,
}

impl Room {
    fn new() -> Self {
        let config = Config { open: true, moves_per_second: 100_000, ..Config::default() };
        let server = Server::new(config, &Secret::from_seed(1), now()).expect("the configuration is good");
        let mut room = Self { server, now: now(), ticks: 0 };
        room.server.remember([]);
        // As many join in a tick as the server lets in.
        while room.server.report().players < PLAYERS as usize {
            room.step();
        }
        room
    }

    fn step(&mut self) {
        (self.ticks, self.now) = (self.ticks + 1, self.now + PERIOD);
        let mut bytes = Vec::new();
        for client_id in 0..PLAYERS {
            let at = Position { x: self.ticks as i32, y: client_id as i32 };
            let (session, sequence, state) = (0, self.ticks, 0);
            bytes.clear();
            let step = Move { client_id, session, sequence, at, state, ack: Ack::default() };
            encode_client(&FromClient::Move(step), &mut bytes);
            let remote = ([127, 0, 0, 1], 1 + client_id as u16).into();
            let from = PeerAddr::udp(remote, None).expect("a good address");
            self.server.gate().receive(self.now, from, &bytes);
        }
        self.server.tick(self.now, Tick(self.ticks.into()));
    }
}

/// What the tick does four times a second.
fn hand_over(c: &mut Criterion) {
    let (mut room, mut changes) = (Room::new(), Changes::default());
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Elements(PLAYERS.into()));
    group.bench_function("hand over", |b| {
        b.iter_custom(|times| {
            let timed = |_| {
                room.step();
                let began = now();
                room.server.take_changes(&mut changes);
                let spent = began.elapsed();
                assert_eq!(changes.players.len(), PLAYERS as usize);
                spent
            };
            (0..times).map(timed).sum()
        });
    });
}

/// What the writer does with it: the time until it is on disk, and the time that its thread is on a core.
fn commit(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open(dir.path(), 1).expect("a new store");
    let mut room = Room::new();
    let mut group = c.benchmark_group("store");
    group.sample_size(20).throughput(Throughput::Elements(PLAYERS.into()));
    for (name, is_cpu) in [("commit", false), ("commit, time on a core", true)] {
        group.bench_function(name, |b| {
            b.iter_custom(|times| {
                let timed = |_| {
                    room.step();
                    let (before, on_core, began) = (store.status().commits, on_core(), now());
                    while store.status().commits == before {
                        store.after_tick(room.now, &mut room.server);
                        std::thread::yield_now();
                    }
                    let spent = began.elapsed();
                    match on_core.zip(self::on_core()) {
                        Some((before, after)) if is_cpu => after - before,
                        _ => spent,
                    }
                };
                (0..times).map(timed).sum()
            });
        });
    }
    assert_eq!(store.status().failures, 0);
}

/// How long the writer has been on a core, where the system says so: proc(5), schedstat.
fn on_core() -> Option<Duration> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?.filter_map(Result::ok);
    let is_writer = |comm: std::io::Result<String>| comm.is_ok_and(|name| name.trim() == "store");
    let writer =
        tasks.map(|task| task.path()).find(|task| is_writer(std::fs::read_to_string(task.join("comm"))));
    let told = std::fs::read_to_string(writer?.join("schedstat")).ok()?;
    told.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
