//! What a compact snapshot costs a client: 1,000 players on the reference walk, everyone told every tick.
//! `cargo bench --bench client`. All is one thread's time, for each player told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tickcast::Config;
use tickcast::client::{Client, ClientConfig};
use tickcast::gate::PeerAddr;
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::Tick;
use walk::{Movement, Walk};

#[path = "../tests/blocks/walk.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod walk;

criterion_group!(benches, receive);
criterion_main!(benches);

const PLAYERS: usize = 1_000;
/// Everyone has joined, every motion is known, and every baseline is held by then.
const WARMUP_TICKS: u64 = 120;
const FIRST_PORT: u16 = 1_000;

/// A server and the clients of its players, of whom some decode.
struct Room {
    server: Server,
    batch: Batch,
    clients: Vec<Client>,
    walk: Walk,
    tick: Tick,
    now: Instant,
    /// What those who decode took for it, of late.
    spent: Duration,
}

impl Room {
    #[expect(clippy::disallowed_methods, reason = "a benchmark begins somewhere in time")]
    fn new(decoding: usize, is_interpolated: bool) -> Self {
        let (secret, now) = (Secret::from_seed(1), Instant::now());
        let server = Server::new(Config::default(), &secret, now).expect("the configuration is good");
        let batch = Batch::new(server.config().datagram_bytes);
        let client = |id: usize| {
            let config = client_config(id, id < decoding, is_interpolated);
            Client::new(config, &Secret::from_seed(id as u64), now)
        };
        let clients = (0..PLAYERS).map(client).collect();
        let walk = Walk::new(Movement::Waypoints(5.0), PLAYERS, 7);
        let mut room = Self { server, batch, clients, walk, tick: Tick(0), now, spent: Duration::ZERO };
        (0..WARMUP_TICKS).for_each(|_| room.step());
        room
    }

    /// One tick, in which everyone moves and everyone's snapshot arrives.
    fn step(&mut self) {
        self.walk.step();
        (0..PLAYERS).for_each(|id| self.speak(id));
        self.tick.0 += 1;
        self.now += self.server.config().tick_rate.period();
        self.server.tick(self.now, self.tick);
        while self.server.poll(&mut self.batch) {
            for (to, bytes) in self.batch.iter() {
                let client = &mut self.clients[usize::from(to.remote().port() - FIRST_PORT)];
                self.spent += timed_receive(client, self.now, bytes);
            }
        }
    }

    fn speak(&mut self, id: usize) {
        let (client, mut bytes) = (&mut self.clients[id], Vec::new());
        while client.poll(self.now, &mut bytes)
            || client.move_to(self.walk.places[id], 0, &mut bytes).is_some()
        {
            let Some(reply) = self.server.gate().receive(self.now, addr(id), &bytes) else { break };
            client.receive(self.now, &reply);
            bytes.clear();
        }
    }

    fn told(&self) -> u64 {
        self.clients.iter().map(|client| client.blocks().players).sum()
    }
}

fn client_config(id: usize, decode: bool, is_interpolated: bool) -> ClientConfig {
    let interpolation = is_interpolated.then_some(Duration::from_millis(100));
    ClientConfig { decode, interpolation, ..ClientConfig::new(id as u32) }
}

fn addr(id: usize) -> PeerAddr {
    let remote = SocketAddr::from(([127, 0, 0, 1], FIRST_PORT + id as u16));
    PeerAddr::udp(remote, None).expect("a good address")
}

/// Nothing, where the client does not decode.
#[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
fn timed_receive(client: &mut Client, now: Instant, bytes: &[u8]) -> Duration {
    let told = client.blocks().players;
    let began = Instant::now();
    client.receive(now, bytes);
    let spent = began.elapsed();
    if client.blocks().players > told { spent } else { Duration::ZERO }
}

/// From bytes to the known world. Between two snapshots of a client comes the work of a whole tick, and with a hundred
/// clients that of the others: little of it is in the cache, as with bots.
fn receive(c: &mut Criterion) {
    let mut group = c.benchmark_group("client receive, per player");
    group.sample_size(10).warm_up_time(Duration::from_millis(20)).measurement_time(Duration::from_millis(60));
    group.throughput(Throughput::Elements(1));
    for (decoding, is_interpolated) in [(1, false), (100, false), (100, true)] {
        let name = if is_interpolated { "interpolated" } else { "told" };
        let mut room = None;
        group.bench_function(BenchmarkId::new(name, decoding), |b| {
            let room = room.get_or_insert_with(|| Room::new(decoding, is_interpolated));
            b.iter_custom(|players| timed_steps(room, players));
            let known = room.clients[..decoding].iter().map(|client| client.world().len()).min();
            assert_eq!(known, Some(PLAYERS), "every client knows everyone");
        });
    }
    group.finish();
}

/// What it takes to be told of so many players, reckoned from as many whole ticks as that needs.
fn timed_steps(room: &mut Room, players: u64) -> Duration {
    let before = room.told();
    room.spent = Duration::ZERO;
    while room.told() - before < players {
        room.step();
    }
    room.spent.mul_f64(players as f64 / (room.told() - before) as f64)
}
