//! What a compact snapshot costs a client: 1,000 players on the reference walk, everyone told every tick.
//! `cargo bench --bench client`. All is one thread's time, for each player told; what a client takes is printed.

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
const WARMUP_TICKS: usize = 120;
/// Ticks that are played before the clock starts, so that the server does not take the caches in between.
const BURST_TICKS: usize = 64;
const FIRST_PORT: u16 = 1_000;

/// A server and the clients of its players, of whom only the first decodes; what that one was sent is kept.
struct Room {
    server: Server,
    batch: Batch,
    clients: Vec<Client>,
    walk: Walk,
    tick: Tick,
    now: Instant,
    sent: Vec<Sent>,
}

/// A datagram to the first client, and when it arrived.
type Sent = (Instant, Vec<u8>);

impl Room {
    #[expect(clippy::disallowed_methods, reason = "a benchmark begins somewhere in time")]
    fn new() -> Self {
        let (secret, now) = (Secret::from_seed(1), Instant::now());
        let server = Server::new(Config::default(), &secret, now).expect("the configuration is good");
        let batch = Batch::new(server.config().datagram_bytes);
        let clients = (0..PLAYERS).map(|id| client(id, id == 0, false, now)).collect();
        let walk = Walk::new(Movement::Waypoints(5.0), PLAYERS, 7);
        Self { server, batch, clients, walk, tick: Tick(0), now, sent: Vec::new() }
    }

    /// What the first client is sent in so many ticks.
    fn play(&mut self, ticks: usize) -> Vec<Sent> {
        (0..ticks).for_each(|_| self.step());
        std::mem::take(&mut self.sent)
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
                let id = usize::from(to.remote().port() - FIRST_PORT);
                self.clients[id].receive(self.now, bytes);
                if id == 0 {
                    self.sent.push((self.now, bytes.to_vec()));
                }
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
            if id == 0 {
                self.sent.push((self.now, reply.to_vec()));
            }
        }
    }
}

fn client(id: usize, decode: bool, is_interpolated: bool, now: Instant) -> Client {
    let interpolation = is_interpolated.then_some(Duration::from_millis(100));
    let config = ClientConfig { decode, interpolation, ..ClientConfig::new(id as u32) };
    Client::new(config, &Secret::from_seed(id as u64), now)
}

fn addr(id: usize) -> PeerAddr {
    let remote = SocketAddr::from(([127, 0, 0, 1], FIRST_PORT + id as u16));
    PeerAddr::udp(remote, None).expect("a good address")
}

/// Twins of the first client in a room: drawn from the same secret, they are sent the same.
struct Twins {
    room: Room,
    clients: Vec<Client>,
}

impl Twins {
    fn new(count: usize, is_interpolated: bool) -> Self {
        let mut room = Room::new();
        let clients = (0..count).map(|_| client(0, true, is_interpolated, room.now)).collect();
        let warmup = room.play(WARMUP_TICKS);
        let mut twins = Self { room, clients };
        let before = resident_bytes();
        twins.receive(&warmup);
        let taken = resident_bytes().saturating_sub(before) / count as u64;
        eprintln!("{count} clients: {} kB each", taken / 1_000);
        twins
    }

    /// One datagram after the other, each to one client after the other.
    fn receive(&mut self, sent: &[Sent]) {
        for (now, bytes) in sent {
            self.clients.iter_mut().for_each(|client| _ = client.receive(*now, bytes));
        }
    }

    fn told(&self) -> u64 {
        self.clients.iter().map(|client| client.blocks().players).sum()
    }

    /// What it takes to be told of so many players, reckoned from as many bursts as that needs.
    #[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
    fn timed(&mut self, players: u64) -> Duration {
        let (mut told, mut spent) = (0, Duration::ZERO);
        while told < players {
            let (uncounted, sent) = (self.room.play(BURST_TICKS), self.room.play(BURST_TICKS));
            // The server has taken the caches; this brings back what fits into them.
            self.receive(&uncounted);
            let (before, began) = (self.told(), Instant::now());
            self.receive(&sent);
            spent += began.elapsed();
            told += self.told() - before;
        }
        spent.mul_f64(players as f64 / told as f64)
    }
}

/// What the process takes of the memory; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).map_or(0, |pages: u64| pages * 4_096)
}

/// From bytes to the known world: one client alone, and two hundred in turn, of whom no cache holds all.
fn receive(c: &mut Criterion) {
    let mut group = c.benchmark_group("client receive, per player");
    group.sample_size(10).warm_up_time(Duration::from_millis(20)).measurement_time(Duration::from_millis(60));
    group.throughput(Throughput::Elements(1));
    for (count, is_interpolated) in [(1, false), (200, false), (200, true)] {
        let name = if is_interpolated { "interpolated" } else { "told" };
        let mut twins = None;
        group.bench_function(BenchmarkId::new(name, count), |b| {
            let twins = twins.get_or_insert_with(|| Twins::new(count, is_interpolated));
            b.iter_custom(|players| twins.timed(players));
            let known = twins.clients.iter().map(|client| client.world().len()).min();
            assert_eq!(known, Some(PLAYERS), "every client knows everyone");
        });
    }
    group.finish();
}
