//! What it costs to seal: the same calls into a server with tickets and into one without.
//! `cargo bench --bench seal`.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tickcast::client::{Client, ClientConfig};
use tickcast::gate::PeerAddr;
use tickcast::seal::{Mint, TicketKey, TicketKeys};
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{Encoding, Position, Tick};
use tickcast::{Config, TicketConfig};

criterion_group!(benches, moves, snapshots, hellos);
criterion_main!(benches);

/// Everyone in a plain snapshot: so many players make it about 400 bytes long, and about 1,172 with its seal.
const PLAYERS: [u32; 2] = [22, 68];

/// A server and its clients, who all play.
struct Room {
    server: Server,
    clients: Vec<Client>,
    batch: Batch,
    tick: Tick,
    now: Instant,
}

impl Room {
    #[expect(clippy::disallowed_methods, reason = "a benchmark begins somewhere in time")]
    fn new(players: u32, is_sealed: bool) -> Self {
        let (secret, now, key) = (Secret::from_seed(1), Instant::now(), TicketKey::from_bytes([1; 32]));
        let tickets = is_sealed.then(|| TicketConfig::new(TicketKeys::one(key)));
        let config = Config { tickets, moves_per_second: 100_000, ..Config::default() };
        let server = Server::new(config, &secret, now).expect("the configuration is good");
        server.gate().set_unix_seconds(0);
        let client = |client_id| {
            let mint = Mint { client_id, expires: 1, server: TicketConfig::SERVER };
            let pass = is_sealed.then(|| mint.pass(&key, [client_id as u8; 56]));
            let config = ClientConfig { pass, encoding: Encoding::Plain, ..ClientConfig::new(client_id) };
            Client::new(config, &Secret::from_seed(client_id.into()), now)
        };
        let clients = (0..players).map(client).collect();
        let batch = Batch::new(server.config().datagram_bytes);
        let mut room = Self { server, clients, batch, tick: Tick(0), now };
        room.join();
        room
    }

    /// As many in each tick as a server lets in.
    fn join(&mut self) {
        let joins_per_tick = self.server.config().joins_per_tick();
        for first in (0..self.clients.len()).step_by(joins_per_tick) {
            for id in first..self.clients.len().min(first + joins_per_tick) {
                let _challenged = self.say_hello(id);
                let hello = self.say_hello(id);
                self.receive(id, &hello);
            }
            self.play();
        }
        assert_eq!(self.server.gate().peers(), self.clients.len());
    }

    /// What the client says; it hears a challenge at once.
    fn say_hello(&mut self, id: usize) -> Vec<u8> {
        let mut hello = Vec::new();
        self.clients[id].poll(self.now, &mut hello);
        let is_first = hello.len() == 56 && hello[32..] == [0; 24];
        if let Some(reply) = is_first.then(|| self.receive(id, &hello)).flatten() {
            self.clients[id].receive(self.now, &reply);
        }
        hello
    }

    fn receive(&self, id: usize, bytes: &[u8]) -> Option<Vec<u8>> {
        self.server.gate().receive(self.now, addr(id), bytes).map(|reply| reply.to_vec())
    }

    /// A tick, whose datagrams the clients hear.
    fn play(&mut self) {
        self.advance();
        while self.server.poll(&mut self.batch) {
            for (to, bytes) in self.batch.iter() {
                self.clients[usize::from(to.remote().port()) - 1_000].receive(self.now, bytes);
            }
        }
    }

    fn advance(&mut self) {
        self.tick.0 += 1;
        self.now += self.server.config().tick_rate.period();
        self.server.tick(self.now, self.tick);
    }

    /// Everyone's next move, on its way.
    fn moves(&mut self) -> Vec<Vec<u8>> {
        let at = Position { x: self.tick.0 as i32, y: 0 };
        let said = |client: &mut Client| {
            let mut bytes = Vec::new();
            client.move_to(at, 0, &mut bytes).expect("everyone plays");
            bytes
        };
        self.clients.iter_mut().map(said).collect()
    }

    /// How long the gate takes for everyone's move.
    fn timed_moves(&mut self) -> Duration {
        let moves = self.moves();
        let spent = timed(|| {
            for (id, bytes) in moves.iter().enumerate() {
                self.server.gate().receive(self.now, addr(id), bytes);
            }
        });
        self.play();
        spent
    }

    /// How long everyone's snapshot takes, without the tick.
    fn timed_snapshots(&mut self) -> Duration {
        let moves = self.moves();
        moves.iter().enumerate().for_each(|(id, bytes)| _ = self.receive(id, bytes));
        self.advance();
        timed(|| {
            while self.server.poll(&mut self.batch) {
                black_box(self.batch.iter().last());
            }
        })
    }
}

fn addr(id: usize) -> PeerAddr {
    PeerAddr::udp(SocketAddr::from(([127, 0, 0, 1], 1_000 + id as u16)), None).expect("a good address")
}

#[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
fn timed(call: impl FnOnce()) -> Duration {
    let began = Instant::now();
    call();
    began.elapsed()
}

/// The time of so many datagrams, from that of rounds of everyone.
fn scaled(datagrams: u64, players: u32, mut round: impl FnMut() -> Duration) -> Duration {
    let rounds = datagrams.div_ceil(players.into());
    let spent: Duration = (0..rounds).map(|_| round()).sum();
    spent.mul_f64(datagrams as f64 / (rounds * u64::from(players)) as f64)
}

/// One move through the gate: of 48 bytes, or opened first.
fn moves(c: &mut Criterion) {
    let mut group = c.benchmark_group("move");
    for players in [50, 500] {
        for (name, is_sealed) in [("clear", false), ("sealed", true)] {
            let mut room = Room::new(players, is_sealed);
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new(name, players), |b| {
                b.iter_custom(|datagrams| scaled(datagrams, players, || room.timed_moves()));
            });
            assert_eq!(room.server.gate().drops().total(), 0);
        }
    }
    group.finish();
}

/// One snapshot into the batch, and sealed there.
fn snapshots(c: &mut Criterion) {
    let mut group = c.benchmark_group("snapshot");
    for players in PLAYERS {
        for (name, is_sealed) in [("clear", false), ("sealed", true)] {
            let mut room = Room::new(players, is_sealed);
            (0..3).for_each(|_| _ = room.timed_moves());
            let before = room.server.report().totals;
            room.timed_snapshots();
            let bytes = (room.server.report().totals.bytes_out - before.bytes_out) / u64::from(players);
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new(name, bytes), |b| {
                b.iter_custom(|datagrams| scaled(datagrams, players, || room.timed_snapshots()));
            });
        }
    }
    group.finish();
}

/// A hello with a ticket that is good but for its tag: all that the gate does for one.
fn hellos(c: &mut Criterion) {
    let mut room = Room::new(1, true);
    room.clients[0].rejoin(room.now);
    let _challenged = room.say_hello(0);
    let mut hello = room.say_hello(0);
    *hello.last_mut().expect("192 bytes") ^= 1;
    let mut later = room.now;
    c.bench_function("hello with a ticket", |b| {
        b.iter(|| {
            // So that it may ask as often, and its proof stays good.
            later += Duration::from_nanos(100_000);
            if later > room.now + Duration::from_secs(8) {
                later = room.now + Duration::from_secs(1);
            }
            room.server.gate().receive(later, addr(0), &hello)
        });
    });
}
