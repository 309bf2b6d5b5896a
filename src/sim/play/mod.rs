//! One play: events in the order of their time, until everyone knows the same.

mod hosts;
mod knowing;
mod ledger;
mod scene;
mod sealed;
mod server;
mod shelf;
mod trouble;
mod works;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hasher as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use hosts::Host;
use ledger::Ledger;
use scene::{Trouble, impairment, troubles};
use shelf::Shelf;
use works::Works;

use super::scenario::Scenario;
use super::{Broken, SimConfig, SimReport};
use crate::config::Config;
use crate::path::Path;
use crate::secret::Secret;
use crate::server::{Batch, Server};
use crate::wire::{Encoding, Position, SEALED_EXTRA_BYTES};

/// Most clients of a play.
pub const CLIENTS_MAX: usize = 1_000;

/// The client id of the first client; the others have those that follow.
pub const FIRST_ID: u32 = 100;
/// A client is removed that is silent for so long: short, so that it happens.
const TIMEOUT: Duration = Duration::from_secs(2);
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
#[derive(Debug, PartialEq)]
pub(super) struct Outcome<P> {
    pub(super) report: SimReport,
    pub(super) played: P,
    /// Of every datagram that arrived anywhere, and when.
    digest: u64,
}

/// One play of one seed.
pub(super) struct Play<'a, S> {
    scenario: S,
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
    hosts: Vec<Host>,
    places: HashMap<SocketAddr, usize>,
    ledger: Ledger,
    digest: DefaultHasher,
    report: SimReport,
}

impl<'a, S: Scenario> Play<'a, S> {
    pub(super) fn new(config: &'a SimConfig, seed: u64, origin: Instant, scenario: S) -> Self {
        let mut draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        let datagram_bytes = [256, 500, 1_200][draw.random_range(0..3)];
        let tickets = sealed::tickets(seed);
        // So that what is in a snapshot is as long as without.
        let datagram_bytes = datagram_bytes + tickets.as_ref().map_or(0, |_| SEALED_EXTRA_BYTES);
        let serves = Config { timeout: TIMEOUT, datagram_bytes, tickets, ..scenario.config() };
        let lasts = serves.tick_rate.period() * config.ticks as u32;
        let troubles = troubles(&mut draw, config.clients, lasts);
        let remembers = !seed.is_multiple_of(2);
        let store = remembers.then(|| Shelf::new(Secret::from_seed(seed).derive("store")));
        Self {
            scenario,
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
            hosts: Vec::new(),
            places: HashMap::new(),
            ledger: Ledger::new(config.clients),
            digest: DefaultHasher::new(),
            report: SimReport::default(),
            serves,
            draw,
        }
    }

    fn set_up(&mut self) -> Result<(), String> {
        self.start_server()?;
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
            let (cut_off_until, at) = (Duration::ZERO, Position::default());
            let host =
                Host { client: None, starts: 0, encoding, addr, up, down, cut_off_until, at, spoiled: 0 };
            self.hosts.push(host);
            self.places.insert(addr, index);
            self.start_client(index);
            let phase = period.mul_f64(self.draw.random());
            self.at(phase, What::Turn(index));
        }
        Ok(())
    }

    pub(super) fn run(mut self) -> Result<Outcome<S::Played>, Broken> {
        self.set_up().map_err(|what| self.broken(what))?;
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
            } else if self.is_over() {
                let calm_ticks = self.tick - calm_from;
                return Ok(self.ended(calm_ticks));
            } else if self.tick > calm_from + calm_ticks {
                return Err(self.broken(self.who_is_unsettled()));
            }
        }
        Err(self.broken("nothing happens any more".into()))
    }

    fn broken(&self, what: String) -> Broken {
        Broken { seed: self.seed, tick: self.tick, what }
    }

    fn ended(mut self, calm_ticks: u64) -> Outcome<S::Played> {
        for host in &self.hosts {
            for passed in [host.up.passed(), host.down.passed()] {
                self.report.passed.add(passed);
            }
        }
        self.report.seeds = 1;
        self.report.sealed = u64::from(self.serves.tickets.is_some());
        self.report.checked = self.ledger.checked;
        self.report.calm_ticks_max = calm_ticks;
        Outcome { report: self.report, played: self.scenario.end(), digest: self.digest.finish() }
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
