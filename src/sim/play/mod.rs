//! One play: events in the order of their time, until everyone knows the same.

mod actors;
mod knowing;
mod sealed;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hasher as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use actors::Actor;

use super::errands::Errands;
use super::ledger::Ledger;
use super::scene::{Trouble, impairment, troubles};
use super::shelf::Shelf;
use super::talk::{Books, is_talkative};
use super::works::Works;
use super::{Broken, SimConfig, SimReport};
use crate::config::Config;
use crate::game::Game;
use crate::gate::PeerAddr;
use crate::path::{Impairment, Path};
use crate::secret::Secret;
use crate::server::{Batch, Server, Totals};
use crate::wire::{Encoding, Position, SEALED_EXTRA_BYTES, Tick};

/// Most clients of a play.
pub const CLIENTS_MAX: usize = 1_000;

/// The client id of the first.
const FIRST_ID: u32 = 100;
/// A client is removed that is silent for so long: short, so that it happens.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A client that was refused or closed tries again after so long.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// So long after the last trouble all must know the same: who crashed is timed out first, and then forgotten by everyone.
const CALM_MAX: Duration = Duration::from_secs(12);
/// What waits for a server that stalls; beyond, it is lost as in a socket's queue.
const WAITING_MAX: usize = 4_096;
/// Datagrams in clear that arrive with a wrong bit come to the server from here: whom it came from, a checksum would have
/// told. Where all is sealed they come from where they came from, to either end.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)), 9);

/// What happens next. In the order of time; of the same time, in the order in which it was found out.
type Due = Reverse<(Duration, u64, What)>;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// It is time for a tick.
    Tick,
    /// It is time for a client to say something.
    Turn(usize),
    /// A datagram arrives at the server.
    Up(SocketAddr, Vec<u8>),
    /// A datagram arrives at the address of a client.
    Down(usize, SocketAddr, Vec<u8>),
    /// The trouble of this number begins.
    Trouble(usize),
    /// A client that has crashed is back.
    ClientBack(usize),
    /// The server is back.
    ServerBack,
}

/// How a play has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) report: SimReport,
    /// Of every datagram that arrived at a client, and when.
    digest: u64,
}

/// One play of one seed.
pub(super) struct Play<'a> {
    config: &'a SimConfig,
    seed: u64,
    draw: Xoshiro256PlusPlus,
    origin: Instant,
    now: Duration,
    due: BinaryHeap<Due>,
    found_out: u64,
    troubles: Vec<(Duration, Trouble)>,
    serves: Config,
    /// `None` while it has crashed.
    server: Option<Server>,
    /// Every other seed has one.
    store: Option<Shelf>,
    /// What this start of the server's game has started.
    works: Works,
    starts: u64,
    stalled_until: Duration,
    /// What the server's clock shows, and until when.
    clock_stopped: Option<(Duration, Duration)>,
    waiting: Vec<(SocketAddr, Vec<u8>)>,
    tick: u64,
    batch: Batch,
    actors: Vec<Actor>,
    places: HashMap<SocketAddr, usize>,
    ledger: Ledger,
    /// Where clients and game talk.
    books: Option<Books>,
    digest: DefaultHasher,
    report: SimReport,
}

impl<'a> Play<'a> {
    pub(super) fn new(config: &'a SimConfig, seed: u64, origin: Instant) -> Self {
        let mut draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        let datagram_bytes = [256, 500, 1_200][draw.random_range(0..3)];
        let tickets = sealed::tickets(seed);
        // So that what is in a snapshot is as long as without.
        let datagram_bytes = datagram_bytes + tickets.as_ref().map_or(0, |_| SEALED_EXTRA_BYTES);
        let serves = Config { timeout: TIMEOUT, datagram_bytes, tickets, ..Config::default() };
        let lasts = serves.tick_rate.period() * config.ticks as u32;
        let troubles = troubles(&mut draw, config.clients, lasts);
        let remembers = !seed.is_multiple_of(2);
        let store = remembers.then(|| Shelf::new(Secret::from_seed(seed).derive("store")));
        let mut play = Self {
            config,
            seed,
            origin,
            now: Duration::ZERO,
            due: BinaryHeap::new(),
            found_out: 0,
            troubles,
            server: None,
            store,
            works: Works::new(Secret::from_seed(seed)),
            starts: 0,
            stalled_until: Duration::ZERO,
            clock_stopped: None,
            waiting: Vec::new(),
            tick: 0,
            batch: Batch::new(datagram_bytes),
            actors: Vec::new(),
            places: HashMap::new(),
            ledger: Ledger::new(config.clients, remembers),
            books: is_talkative(seed).then(|| Books::new(config.clients, FIRST_ID)),
            digest: DefaultHasher::new(),
            report: SimReport::default(),
            serves,
            draw,
        };
        play.set_up();
        play
    }

    fn set_up(&mut self) {
        self.start_server().expect("nothing is remembered yet");
        let period = self.serves.tick_rate.period();
        self.at(period, What::Tick);
        for index in 0..self.troubles.len() {
            self.at(self.troubles[index].0, What::Trouble(index));
        }
        for index in 0..self.config.clients {
            let path = |draw: &mut Xoshiro256PlusPlus| {
                let bad = impairment(draw, self.config);
                Path::new(bad, draw.random())
            };
            let (up, down) = (path(&mut self.draw), path(&mut self.draw));
            let ip = [10, 0, (index / 250) as u8, (index % 250 + 1) as u8];
            let addr = SocketAddr::from((ip, 4_000));
            let encoding = [Encoding::Plain, Encoding::Compact][self.draw.random_range(0..2)];
            let [x, y] = [(); 2].map(|()| self.draw.random_range(-2_000..2_000));
            let (cut_off_until, at) = (Duration::ZERO, Position { x, y });
            let tries_again_at = None;
            let actor = Actor {
                client: None,
                starts: 0,
                encoding,
                addr,
                up,
                down,
                cut_off_until,
                tries_again_at,
                at,
                spoiled: 0,
            };
            self.actors.push(actor);
            self.places.insert(addr, index);
            self.start_client(index);
            let phase = period.mul_f64(self.draw.random());
            self.at(phase, What::Turn(index));
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, Broken> {
        let calm_from = self.config.ticks;
        let calm_ticks = self.serves.tick_rate.ticks_in(CALM_MAX);
        while let Some(Reverse((at, _, what))) = self.due.pop() {
            self.now = at;
            let is_tick = what == What::Tick;
            self.happen(what).map_err(|what| self.broken(what))?;
            if !is_tick || self.tick < calm_from {
                continue;
            }
            if self.tick == calm_from {
                self.calm_down().map_err(|what| self.broken(what))?;
            } else if self.all_know_the_same() {
                let calm_ticks = self.tick - calm_from;
                return Ok(self.ended(calm_ticks));
            } else if self.tick > calm_from + calm_ticks {
                return Err(self.broken(self.who_knows_not()));
            }
        }
        Err(self.broken("nothing happens any more".into()))
    }

    fn broken(&self, what: String) -> Broken {
        Broken { seed: self.seed, tick: self.tick, what }
    }

    fn ended(mut self, calm_ticks: u64) -> Outcome {
        for actor in &self.actors {
            for passed in [actor.up.passed(), actor.down.passed()] {
                self.report.passed.add(passed);
            }
        }
        self.report.seeds = 1;
        self.report.sealed = u64::from(self.serves.tickets.is_some());
        self.report.talkative = u64::from(self.books.is_some());
        self.report.messages = self.books.as_ref().map_or(0, |books| books.arrived);
        self.report.checked = self.ledger.checked + self.report.messages;
        self.report.calm_ticks_max = calm_ticks;
        Outcome { report: self.report, digest: self.digest.finish() }
    }

    fn at(&mut self, at: Duration, what: What) {
        self.found_out += 1;
        self.due.push(Reverse((at, self.found_out, what)));
    }

    fn happen(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Tick => self.on_tick(),
            What::Turn(index) => {
                self.on_turn(index);
                Ok(())
            }
            What::Up(from, bytes) => self.on_up(from, bytes),
            What::Down(index, to, bytes) => self.on_down(index, to, &bytes),
            What::Trouble(number) => {
                self.on_trouble(self.troubles[number].1);
                Ok(())
            }
            What::ClientBack(index) => {
                self.start_client(index);
                Ok(())
            }
            What::ServerBack => self.start_server(),
        }
    }
}

/// The server.
impl Play<'_> {
    fn start_server(&mut self) -> Result<(), String> {
        if self.server.is_some() {
            return Ok(());
        }
        self.starts += 1;
        let secret = Secret::from_seed(self.seed).derive(&format!("server {}", self.starts));
        self.works = Works::new(secret.derive("works"));
        let game: Box<dyn Game> = match &mut self.books {
            None => Box::<Errands>::default(),
            Some(books) => books.game(self.starts, Tick(self.config.ticks)),
        };
        let server = Server::with_game(self.serves.clone(), game, &secret, self.server_clock());
        let server = self.server.insert(server.expect("the configuration is good"));
        server.gate().set_unix_seconds(sealed::UNIX_SECONDS);
        if let Some(store) = &self.store {
            server.remember(store.players());
            self.ledger.on_remembered(store.players())?;
        }
        Ok(())
    }

    fn server_clock(&self) -> Instant {
        match self.clock_stopped {
            Some((shows, until)) if self.now < until => self.origin + shows,
            _ => self.origin + self.now,
        }
    }

    fn on_tick(&mut self) -> Result<(), String> {
        self.tick += 1;
        self.at(self.serves.tick_rate.period() * (self.tick as u32 + 1), What::Tick);
        if self.now < self.stalled_until {
            return Ok(());
        }
        for (from, bytes) in std::mem::take(&mut self.waiting) {
            self.on_up(from, bytes)?;
        }
        if self.config.sabotage && self.tick == self.config.ticks / 2 {
            self.forge();
        }
        let now = self.server_clock();
        let Some(mut server) = self.server.take() else { return Ok(()) };
        self.works.before_tick(self.tick, &mut server);
        let before = server.report().totals;
        server.tick(now, Tick(self.tick));
        self.books.as_mut().map_or(Ok(()), Books::after_tick)?;
        let done = self.after_tick(&mut server, &before);
        if let Some(store) = &mut self.store {
            store.after_tick(self.now, &mut server);
        }
        self.server = Some(server);
        done
    }

    /// Looks at what the server has done, and sends its datagrams.
    fn after_tick(&mut self, server: &mut Server, before: &Totals) -> Result<(), String> {
        self.report.ticks += 1;
        self.works.after_tick(self.tick, server);
        self.on_game(server, before)?;
        self.ledger.on_tick(server.epoch(), Tick(self.tick), server.players())?;
        let mut batch = std::mem::replace(&mut self.batch, Batch::new(0));
        let mut snapshots = HashMap::new();
        while server.poll(&mut batch) {
            for (to, bytes) in batch.iter() {
                let to = to.remote();
                if bytes.len() > self.serves.datagram_bytes {
                    return Err(format!("{} bytes are sent to {to}", bytes.len()));
                }
                let (is_snapshot, is_welcome) = (sealed::is_snapshot(bytes), sealed::is_welcome(bytes));
                if is_snapshot && snapshots.insert(to, ()).is_some() {
                    return Err(format!("two snapshots of a tick are sent to {to}"));
                }
                self.ledger.on_sent(to, bytes.len(), is_welcome, is_snapshot)?;
                self.send_down(to, bytes);
            }
        }
        self.batch = batch;
        self.ledger.checked += 1;
        match server.report().peers == snapshots.len() {
            true => Ok(()),
            false => Err(format!("{} peers, {} snapshots", server.report().peers, snapshots.len())),
        }
    }

    /// The game finds out itself what is wrong with its work, and panics.
    fn on_game(&mut self, server: &Server, before: &Totals) -> Result<(), String> {
        let totals = &server.report().totals;
        if totals.hook_panics > 0 {
            return Err("the game was told of its work what is not true".into());
        }
        let told = |t: &Totals| [t.work_finished, t.work_failed, t.work_timed_out, t.work_cancelled];
        for (now, before) in told(totals).into_iter().zip(told(before)) {
            self.digest.write_u64(now);
            self.report.works += now - before;
        }
        Ok(())
    }

    fn on_up(&mut self, from: SocketAddr, bytes: Vec<u8>) -> Result<(), String> {
        if self.now < self.stalled_until {
            if self.waiting.len() < WAITING_MAX {
                self.waiting.push((from, bytes));
            }
            return Ok(());
        }
        let now = self.server_clock();
        let Some(server) = &self.server else { return Ok(()) };
        self.ledger.on_received(from, bytes.len());
        let addr = PeerAddr::udp(from, None).expect("all are somebody's addresses");
        let gate = server.gate();
        let before = (gate.drops().total(), gate.queued());
        let reply = gate.receive(now, addr, &bytes);
        let dropped = gate.drops().total() - before.0;
        let became = dropped as usize + (gate.queued() - before.1);
        // A hello of another version is counted and answered.
        if became + usize::from(reply.is_some()) != 1 && !(reply.is_some() && dropped == 1) {
            return Err(format!(
                "a datagram became {became} drops or commands, and a reply: {}",
                reply.is_some()
            ));
        }
        match reply {
            None => Ok(()),
            Some(reply) => {
                self.ledger.on_sent(from, reply.len(), false, false)?;
                self.send_down(from, &reply);
                Ok(())
            }
        }
    }

    fn send_down(&mut self, to: SocketAddr, bytes: &[u8]) {
        let Some(&index) = self.places.get(&to) else { return };
        let actor = &mut self.actors[index];
        let arrivals: Vec<_> = actor.down.send(self.now, bytes.len()).collect();
        let is_cut_off = self.now < actor.cut_off_until;
        let is_sealed = self.serves.tickets.is_some();
        for arrival in arrivals.into_iter().filter(|_| !is_cut_off) {
            if arrival.wrong_bit.is_none() || is_sealed {
                let mut bytes = bytes.to_vec();
                arrival.corrupt(&mut bytes);
                self.actors[index].spoiled += u64::from(arrival.wrong_bit.is_some());
                self.at(arrival.at, What::Down(index, to, bytes));
            }
        }
    }

    /// Makes a move in the name of a client, who knows nothing of it.
    fn forge(&mut self) {
        let Some(server) = &self.server else { return };
        let now = self.origin + self.now;
        for actor in &mut self.actors {
            let mut bytes = Vec::new();
            let at = Position { x: actor.at.x + 5_000, y: actor.at.y };
            if let Some(client) = &mut actor.client
                && client.move_to(at, 0, &mut bytes).is_some()
            {
                let addr = PeerAddr::udp(actor.addr, None).expect("it is somebody's address");
                server.gate().receive(now, addr, &bytes);
            }
        }
    }
}

/// Trouble, and its end.
impl Play<'_> {
    fn on_trouble(&mut self, trouble: Trouble) {
        self.report.troubles += 1;
        match trouble {
            Trouble::Moved(index) => {
                let actor = &mut self.actors[index];
                actor.addr.set_port(actor.addr.port() + 1);
                self.places.insert(actor.addr, index);
            }
            Trouble::Crashed(index, long) => {
                self.actors[index].client = None;
                self.at(self.now + long, What::ClientBack(index));
            }
            Trouble::CutOff(index, long) => self.actors[index].cut_off_until = self.now + long,
            Trouble::ServerCrashed(long) => {
                self.server = None;
                if let Some(store) = &mut self.store {
                    store.on_crash(self.now);
                }
                self.waiting.clear();
                self.ledger.on_server_crash();
                self.at(self.now + long, What::ServerBack);
            }
            Trouble::ServerStalled(long) => self.stalled_until = self.now + long,
            Trouble::ClockStopped(long) => self.clock_stopped = Some((self.now, self.now + long)),
        }
    }

    fn calm_down(&mut self) -> Result<(), String> {
        self.start_server()?;
        self.stalled_until = self.now;
        self.clock_stopped = None;
        for index in 0..self.actors.len() {
            self.start_client(index);
            let actor = &mut self.actors[index];
            actor.cut_off_until = self.now;
            for path in [&mut actor.up, &mut actor.down] {
                self.report.passed.add(path.passed());
                *path = Path::new(Impairment::default(), 0);
            }
        }
        Ok(())
    }
}
