//! What do clients get, and how fresh, with so many players and so much lost? A server, and its clients, in memory.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use tickcast::Config;
use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::gate::PeerAddr;
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{Position, Tick};

use crate::page::grouped;
use crate::walk::{Draw, Movement, Walk};

/// Ticks that a snapshot is on its way, and a move: a server knows after three, 100 ms, what has arrived.
pub(crate) const DOWN_TICKS: usize = 2;
pub(crate) const UP_TICKS: usize = 1;
/// So many clients decode, or all if there are fewer; the others acknowledge what they get.
pub(crate) const DECODING: usize = 50;
/// So many players, by true position, are near.
pub(crate) const NEAR: usize = 200;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) players: usize,
    /// Of all datagrams, both ways.
    pub(crate) loss_percent: u64,
    pub(crate) datagram_bytes: usize,
    /// From when everyone has joined.
    pub(crate) warmup_ticks: u64,
    pub(crate) measured_ticks: u64,
}

impl Case {
    /// A row of so many players, in datagrams as they are by default.
    pub(crate) fn new(players: usize, loss_percent: u64) -> Self {
        Self { players, loss_percent, datagram_bytes: 1_200, warmup_ticks: 300, measured_ticks: 150 }
    }

    /// A row that is quick to measure and has all that large worlds have: more players than fit, and loss.
    pub(crate) const SHORT: Self =
        Self { players: 1_000, loss_percent: 5, datagram_bytes: 600, warmup_ticks: 100, measured_ticks: 40 };

    /// All rows, quick ones first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let players = [100, 1_000, 1_500, 3_000, 10_000];
        let cases =
            players.into_iter().flat_map(|players| [0, 1, 5, 20].map(|loss| Self::new(players, loss)));
        std::iter::once(Self::SHORT).chain(cases)
    }

    /// Measures it.
    pub(crate) fn row(self) -> String {
        let mut net = Net::new(self);
        net.join();
        (0..self.warmup_ticks).for_each(|_| net.step());
        (net.bytes, net.near, net.all) = Default::default();
        (0..self.measured_ticks).for_each(|_| net.step());
        net.check();
        let seconds = self.measured_ticks as f64 * net.server.config().tick_rate.period().as_secs_f64();
        let bytes = (net.bytes as f64 / self.players as f64 / seconds).round() as u64;
        let [near, all] =
            [&net.near, &net.all].map(|ages| format!("{} | {}", ages.part(0.5), ages.part(0.99)));
        let short = if self == Self::SHORT { ", short" } else { "" };
        let [players, bytes] = [self.players as u64, bytes].map(grouped);
        format!(
            "| {players}{short} | {} % | {bytes} | {near} | {all} | {} |",
            self.loss_percent,
            net.all.part(1.0)
        )
    }
}

/// A datagram, and the client that sends or gets it.
type Sent = (usize, Vec<u8>);

/// A server and its clients: [`Net::join`], then [`Net::step`] for every tick.
struct Net {
    case: Case,
    server: Server,
    batch: Batch,
    clients: Vec<Client>,
    walk: Walk,
    losses: Draw,
    now: Instant,
    tick: Tick,
    /// What is on its way, by tick, oldest first.
    down: VecDeque<Vec<Sent>>,
    up: VecDeque<Vec<Sent>>,
    /// Of all snapshots.
    bytes: usize,
    near: Ages,
    all: Ages,
    /// By distance from a client, and how old, of all others.
    others: Vec<(u64, u64)>,
}

impl Net {
    fn new(case: Case) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant has no other origin; only differences count"
        )]
        let now = Instant::now();
        let config = Config { datagram_bytes: case.datagram_bytes, ..Config::default() };
        let server = Server::new(config, &Secret::from_seed(1), now).expect("a config that can be served");
        let stride = case.players.div_ceil(DECODING);
        let client = |id: usize| {
            let decode = id.is_multiple_of(stride);
            let config = ClientConfig { decode, ..ClientConfig::new(id as u32) };
            Client::new(config, &Secret::from_seed(id as u64), now)
        };
        Self {
            case,
            batch: Batch::new(server.config().datagram_bytes),
            server,
            clients: (0..case.players).map(client).collect(),
            walk: Walk::new(Movement::Waypoints(5.0), case.players, 7),
            losses: Draw::new(case.loss_percent),
            now,
            tick: Tick(0),
            down: VecDeque::from(vec![Vec::new(); DOWN_TICKS]),
            up: VecDeque::from(vec![Vec::new(); UP_TICKS]),
            bytes: 0,
            near: Ages::default(),
            all: Ages::default(),
            others: Vec::new(),
        }
    }

    /// Everyone joins, as many in a tick as are let in; nothing is lost or late yet.
    fn join(&mut self) {
        let joins_per_tick = self.server.config().joins_per_tick();
        for first in (0..self.case.players).step_by(joins_per_tick) {
            (first..self.case.players.min(first + joins_per_tick)).for_each(|id| self.say_hello(id));
            for (id, bytes) in self.tick() {
                self.clients[id].receive(self.now, &bytes);
            }
        }
    }

    /// Hello, and hello with the proof.
    fn say_hello(&mut self, id: usize) {
        for _ in 0..2 {
            let mut bytes = Vec::new();
            self.clients[id].poll(self.now, &mut bytes);
            if let Some(reply) = self.server.gate().receive(self.now, address(id), &bytes) {
                self.clients[id].receive(self.now, &reply);
            }
        }
    }

    /// What was sent to clients comes in, they move, what they sent before comes in, and the server ticks.
    fn step(&mut self) {
        self.walk.step();
        for (id, bytes) in self.down.pop_front().unwrap_or_default() {
            self.clients[id].receive(self.now, &bytes);
            self.sample(id);
        }
        let moves = (0..self.clients.len()).filter_map(|id| {
            let mut bytes = Vec::new();
            self.clients[id].move_to(self.walk.places[id], 0, &mut bytes).map(|_| (id, bytes))
        });
        let moves = moves.collect();
        let moves = self.less_the_lost(moves);
        self.up.push_back(moves);
        for (id, bytes) in self.up.pop_front().unwrap_or_default() {
            self.server.gate().receive(self.now, address(id), &bytes);
        }
        let snapshots = self.tick();
        self.bytes += snapshots.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let snapshots = self.less_the_lost(snapshots);
        self.down.push_back(snapshots);
    }

    /// Everything that the server sends in the next tick.
    fn tick(&mut self) -> Vec<Sent> {
        self.tick.0 += 1;
        self.now += self.server.config().tick_rate.period();
        self.server.tick(self.now, self.tick);
        let mut sent = Vec::new();
        while self.server.poll(&mut self.batch) {
            sent.extend(self.batch.iter().map(|(to, bytes)| (client_at(to), bytes.to_vec())));
        }
        sent
    }

    fn less_the_lost(&mut self, mut sent: Vec<Sent>) -> Vec<Sent> {
        sent.retain(|_| self.losses.below(100) >= self.case.loss_percent);
        sent
    }

    /// Takes the ages of all others, as a client that decodes knows them after a snapshot.
    fn sample(&mut self, id: usize) {
        let world = self.clients[id].world();
        if world.is_empty() {
            return;
        }
        let (newest, own): (Tick, Position) = (world.newest(), self.walk.places[id]);
        let mut told = vec![Tick(0); self.case.players];
        world.players().for_each(|known| told[known.player.client_id as usize] = known.told);
        let other = |(at, &told): (&Position, &Tick)| (own.distance_squared(*at), newest.since(told));
        self.others.clear();
        self.others.extend(self.walk.places.iter().zip(&told).map(other));
        self.others.swap_remove(id);
        if self.others.len() > NEAR {
            self.others.select_nth_unstable(NEAR - 1);
        }
        self.others.iter().take(NEAR).for_each(|(_, age)| self.near.note(*age));
        self.others.iter().for_each(|(_, age)| self.all.note(*age));
    }

    /// Everyone still plays, and nobody has got what it could not read.
    fn check(&self) {
        assert_eq!(self.server.report().peers, self.case.players);
        assert!(
            self.clients.iter().all(|client| client.phase() == Phase::Playing && client.malformed() == 0)
        );
    }
}

/// How often each age was seen, in ticks.
#[derive(Default)]
struct Ages(Vec<u64>);

impl Ages {
    fn note(&mut self, age: u64) {
        let age = age as usize;
        if self.0.len() <= age {
            self.0.resize(age + 1, 0);
        }
        self.0[age] += 1;
    }

    /// The age that this part of all does not exceed.
    fn part(&self, part: f64) -> usize {
        let all: u64 = self.0.iter().sum();
        let mut within = 0;
        let reaches = |count: &u64| {
            within += count;
            within as f64 >= part * all as f64
        };
        self.0.iter().position(reaches).unwrap_or(0)
    }
}

fn address(id: usize) -> PeerAddr {
    let ip = Ipv4Addr::from(0x0a00_0000 + id as u32);
    PeerAddr::udp(SocketAddr::from((ip, 4_000)), None).expect("an address that can be somebody's")
}

fn client_at(addr: PeerAddr) -> usize {
    match addr.remote().ip() {
        IpAddr::V4(ip) => ip.to_bits() as usize - 0x0a00_0000,
        IpAddr::V6(_) => unreachable!("all are at addresses of version 4"),
    }
}
