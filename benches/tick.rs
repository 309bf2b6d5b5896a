//! The tick loop without sockets: moves in, datagrams out. `cargo bench`, or a part of it:
//! `cargo bench --bench tick -- tick/compact`.

#[path = "../tests/allocations/herd.rs"]
mod herd;
#[path = "../tests/maps/mod.rs"]
mod maps;

use std::hint::black_box;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use herd::Herd;
use tickcast::Config;
use tickcast::client::{Client, ClientConfig};
use tickcast::game::{Admission, Game, Joining, Realm, Standard, Step, Verdict};
use tickcast::gate::PeerAddr;
use tickcast::level::Level;
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{
    self, Ack, Encoding, FromClient, Move, PlainSnapshot, Player, Position, SnapshotHeader, Tick,
};
use tickcast::work::{Done, Started, Work};

criterion_group!(benches, tick, entities, enemies, thoughts, receive, codec);
criterion_main!(benches);

const FIRST_PORT: u16 = 1_000;

/// Where the parts of an encoded move stand that change from one to the next.
const SEQUENCE_AT: Range<usize> = 16..20;
const X_AT: Range<usize> = 20..24;
const ACK_NEWEST_AT: Range<usize> = 32..40;
const ACK_HISTORY_AT: Range<usize> = 40..48;

/// A server with players spread over the reference area, and the next move of each.
struct Room {
    server: Server,
    batch: Batch,
    moves: Vec<(PeerAddr, Vec<u8>)>,
    sequence: u32,
    tick: Tick,
    now: Instant,
}

impl Room {
    fn new(players: u32, encoding: Encoding) -> Self {
        let config = Config::default();
        Self::with_game(players, encoding, Box::new(Standard::new(&config)), config)
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark begins somewhere in time")]
    fn with_game(players: u32, encoding: Encoding, game: Box<dyn Game>, config: Config) -> Self {
        let (secret, now) = (Secret::from_seed(1), Instant::now());
        let config = Config { moves_per_second: 100_000, ..config };
        let server = Server::with_game(config, game, &secret, now).expect("the configuration is good");
        let batch = Batch::new(server.config().datagram_bytes);
        let mut room = Self { server, batch, moves: Vec::new(), sequence: 0, tick: Tick(0), now };
        let client = |id| {
            let config = ClientConfig { encoding, ..ClientConfig::new(id) };
            Client::new(config, &Secret::from_seed(id.into()), now)
        };
        let mut clients: Vec<Client> = (0..players).map(client).collect();
        room.join(&mut clients);
        room.moves =
            clients.iter_mut().zip(0..).map(|(client, id)| (addr(id), first_move(client, id))).collect();
        room.step();
        room
    }

    /// As many in each tick as a server lets in.
    fn join(&mut self, clients: &mut [Client]) {
        let joins_per_tick = self.server.config().joins_per_tick();
        for first in (0..clients.len()).step_by(joins_per_tick) {
            let some = first..clients.len().min(first + joins_per_tick);
            for id in some {
                self.ask(&mut clients[id], id as u32);
            }
            self.advance();
            self.deliver(clients);
        }
    }

    /// Hello, and hello with the proof.
    fn ask(&mut self, client: &mut Client, id: u32) {
        for _ in 0..2 {
            let mut bytes = Vec::new();
            client.poll(self.now, &mut bytes);
            if let Some(reply) = self.server.gate().receive(self.now, addr(id), &bytes) {
                client.receive(self.now, &reply);
            }
        }
    }

    fn deliver(&mut self, clients: &mut [Client]) {
        while self.server.poll(&mut self.batch) {
            for (to, bytes) in self.batch.iter() {
                clients[usize::from(to.remote().port() - FIRST_PORT)].receive(self.now, bytes);
            }
        }
    }

    fn advance(&mut self) {
        self.tick.0 += 1;
        self.now += self.server.config().tick_rate.period();
        self.server.tick(self.now, self.tick);
    }

    /// Everyone's next move, in: five units along, in a level also back, and every snapshot so far has arrived.
    fn receive(&mut self) {
        self.sequence += 1;
        let is_back = self.server.config().level.is_some() && self.sequence.is_multiple_of(2);
        let sequence = (self.sequence + 1).to_le_bytes();
        for (from, bytes) in &mut self.moves {
            let x = i32::from_le_bytes(bytes[X_AT].try_into().expect("four bytes"));
            bytes[X_AT].copy_from_slice(&(if is_back { x - 5 } else { x + 5 }).to_le_bytes());
            bytes[SEQUENCE_AT].copy_from_slice(&sequence);
            bytes[ACK_NEWEST_AT].copy_from_slice(&self.tick.0.to_le_bytes());
            bytes[ACK_HISTORY_AT].fill(0xff);
            self.server.gate().receive(self.now, *from, bytes);
        }
    }

    fn round(&mut self) {
        self.receive();
        self.step();
    }

    /// How long a round takes. What the game starts in it is done after it, and takes as long as it likes.
    fn timed_round(&mut self) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
        let began = Instant::now();
        self.round();
        let spent = began.elapsed();
        _ = self.think();
        spent
    }

    /// How long the next thought takes of what the game has for enemies.
    fn timed_thought(&mut self) -> Duration {
        loop {
            self.round();
            if let Some(spent) = self.think() {
                return spent;
            }
        }
    }

    /// Does what the game has started, and says how long that took, if it was anything.
    fn think(&mut self) -> Option<Duration> {
        let works: Vec<Started> = self.server.take_work().collect();
        let mut spent = None;
        for Started { id, work, stop } in works {
            if let Work::Thread(run) = work {
                #[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
                let began = Instant::now();
                let answer = run(&stop);
                spent = Some(began.elapsed());
                self.server.finish(id, Ok(answer));
            }
        }
        spent
    }

    /// One tick's work, and everyone's snapshot, out.
    fn step(&mut self) {
        self.advance();
        while self.server.poll(&mut self.batch) {
            black_box(self.batch.iter().last());
        }
    }
}

fn addr(id: u32) -> PeerAddr {
    // In many prefixes: one alone is let in at a rate.
    let remote = SocketAddr::from(([10, 0, (id >> 7) as u8, id as u8 & 127], FIRST_PORT + id as u16));
    PeerAddr::udp(remote, None).expect("a good address")
}

/// To where the game has placed it or, if it has not, anywhere in the reference area.
fn first_move(client: &mut Client, id: u32) -> Vec<u8> {
    let number = Secret::from_seed(9).number(id.into());
    let anywhere = Position { x: (number & 0x3fff) as i32, y: (number >> 32 & 0x3fff) as i32 };
    let placed = client.welcome().filter(|welcome| welcome.is_placed()).map(|welcome| welcome.at);
    let mut bytes = Vec::new();
    client.move_to(placed.unwrap_or(anywhere), 0, &mut bytes).expect("the client has joined");
    bytes
}

/// Drain, world and snapshots: everyone's move in, everyone's datagram out.
fn tick(c: &mut Criterion) {
    for (name, encoding) in [("tick/plain", Encoding::Plain), ("tick/compact", Encoding::Compact)] {
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        for players in [100, 1_000, 10_000] {
            let mut room = Room::new(players, encoding);
            // Until everyone has been told of everyone once.
            (0..60).for_each(|_| room.round());
            group.throughput(Throughput::Elements(players.into()));
            group.bench_function(BenchmarkId::from_parameter(players), |b| b.iter(|| room.round()));
            assert!(room.server.report().totals.moves_applied > 0 && room.server.gate().drops().total() == 0);
        }
        group.finish();
    }
}

/// The same of 1,000 players, with entities that walk among them.
fn entities(c: &mut Criterion) {
    const PLAYERS: u32 = 1_000;
    for (name, encoding) in
        [("tick/plain with entities", Encoding::Plain), ("tick/compact with entities", Encoding::Compact)]
    {
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        for entities in [0, 500] {
            let mut room =
                Room::with_game(PLAYERS, encoding, Box::new(Herd::new(entities)), Config::default());
            (0..60).for_each(|_| room.round());
            group.bench_function(BenchmarkId::from_parameter(entities), |b| b.iter(|| room.round()));
            assert_eq!(room.server.report().entities, entities);
        }
        group.finish();
    }
}

/// The same of 1,000 players, chased by enemies of the standard game, which think beside the tick; also in a maze.
fn enemies(c: &mut Criterion) {
    const PLAYERS: u32 = 1_000;
    for (name, encoding) in
        [("tick/plain with enemies", Encoding::Plain), ("tick/compact with enemies", Encoding::Compact)]
    {
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        for (enemies, level) in [(0, None), (500, None), (0, Some(maze())), (500, Some(maze()))] {
            let id = format!("{enemies}{}", if level.is_some() { " in a maze" } else { "" });
            let (game, config) = chase(enemies, level);
            let mut room = Room::with_game(PLAYERS, encoding, Box::new(game), config);
            (0..60).for_each(|_| _ = room.timed_round());
            group.bench_function(BenchmarkId::from_parameter(id), |b| {
                b.iter_custom(|rounds| (0..rounds).map(|_| room.timed_round()).sum());
            });
            let report = room.server.report();
            assert_eq!(report.entities, enemies);
            assert!(report.totals.moves_applied >= 60 * u64::from(PLAYERS), "{report:?}");
        }
        group.finish();
    }
}

/// What 500 enemies think, of few players and of many: what the tick does not wait for.
fn thoughts(c: &mut Criterion) {
    let mut group = c.benchmark_group("thought of 500 enemies");
    group.sample_size(20);
    for (players, level, place) in [
        (1_000, None, "without a level"),
        (1_000, Some(maze()), "in a maze"),
        (10, Some(maze()), "in a maze"),
    ] {
        let (game, config) = chase(500, level);
        let mut room = Room::with_game(players, Encoding::Plain, Box::new(Scattered(game)), config);
        group.bench_function(format!("{players} players {place}"), |b| {
            b.iter_custom(|thoughts| (0..thoughts).map(|_| room.timed_thought()).sum());
        });
    }
    group.finish();
}

/// Enemies, who catch nobody: players stay where they are, in a level at a spawn each.
fn chase(enemies: usize, level: Option<Arc<Level>>) -> (Standard, Config) {
    let config = Config { enemies, ..Config::default() };
    let config = match level {
        Some(level) => config.in_level(level),
        None => config,
    };
    (Standard::new(&config).without_catches(), config)
}

/// The standard game, whose enemies are somewhere else in every tick, lest all come to where there is nothing to think about.
struct Scattered(Standard);

impl Game for Scattered {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.0.on_join(realm, joining)
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.0.on_move(realm, step)
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        let enemies: Vec<u32> = realm.entities().map(|entity| entity.id).collect();
        assert!(enemies.into_iter().all(|enemy| self.0.send_off(realm, enemy)));
        self.0.on_tick(realm);
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        self.0.on_done(realm, done);
    }
}

/// 201 x 201 tiles, and 1,000 spawns.
fn maze() -> Arc<Level> {
    let rows = maps::maze(100, 1);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let map = maps::drawn(&rows, "").into_bytes();
    Arc::new(Level::read(Path::new("maze.tmx"), &mut |_, _| Ok(map.clone())).expect("a level"))
}

/// One datagram through the gate, from bytes to the queue.
fn receive(c: &mut Criterion) {
    let mut group = c.benchmark_group("receive");
    for players in [100, 10_000] {
        let mut room = Room::new(players, Encoding::Plain);
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("move", players), |b| {
            b.iter_custom(|datagrams| {
                let rounds = datagrams.div_ceil(players.into());
                let spent: Duration = (0..rounds).map(|_| timed_receive(&mut room)).sum();
                spent.mul_f64(datagrams as f64 / (rounds * u64::from(players)) as f64)
            });
        });
        assert_eq!(room.server.gate().drops().total(), 0);
    }
    let room = Room::new(1, Encoding::Plain);
    group.bench_function("junk", |b| b.iter(|| room.server.gate().receive(room.now, addr(7), &[7; 48])));
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
fn timed_receive(room: &mut Room) -> Duration {
    let began = Instant::now();
    room.receive();
    let spent = began.elapsed();
    room.step();
    spent
}

fn codec(c: &mut Criterion) {
    let step = FromClient::Move(Move {
        client_id: 1,
        session: 2,
        sequence: 3,
        at: Position { x: 4, y: 5 },
        state: 6,
        ack: Ack::default(),
    });
    let mut bytes = Vec::new();
    wire::encode_client(&step, &mut bytes);
    c.bench_function("codec/move encode", |b| {
        let mut out = Vec::with_capacity(64);
        b.iter(|| {
            out.clear();
            wire::encode_client(black_box(&step), &mut out);
        });
    });
    c.bench_function("codec/move decode", |b| b.iter(|| wire::decode_client(black_box(&bytes))));
    let players = vec![Player::default(); 72];
    let snapshot = PlainSnapshot { header: SnapshotHeader::default(), gone: Vec::new(), players };
    let mut bytes = Vec::new();
    wire::encode_server(&wire::FromServer::Plain(snapshot), &mut bytes);
    c.bench_function("codec/plain snapshot decode", |b| b.iter(|| wire::decode_server(black_box(&bytes))));
}
