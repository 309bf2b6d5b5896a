//! A server that wants tickets, clients with passes, and whoever listens to them and says what they said again.

use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig, Event, Phase};
use tickcast::config::{Config, TicketConfig};
use tickcast::gate::{DropReason, PeerAddr};
use tickcast::seal::{Mint, Pass, TicketKey, TicketKeys};
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{Encoding, Position, Tick};

use crate::pair::address;

/// The name of the server.
pub(crate) const ARENA: &str = "arena";
/// The time of day at the start, in seconds since 1970.
pub(crate) const TODAY: u64 = 1_800_000_000;

/// A key that is made of one byte.
pub(crate) fn key(byte: u8) -> TicketKey {
    TicketKey::from_bytes([byte; 32])
}

/// A pass for an hour on [`ARENA`], sealed with key 1; `number` tells it from others.
pub(crate) fn pass(client_id: u32, number: u8) -> Pass {
    Mint { client_id, expires: TODAY + 3_600, server: ARENA }.pass(&key(1), [number; 56])
}

pub(crate) fn config() -> Config {
    let tickets = TicketConfig { keys: TicketKeys::one(key(1)), server: ARENA.into() };
    Config { max_peers: 64, timeout: Duration::from_secs(2), tickets: Some(tickets), ..Config::default() }
}

/// A client and where it is.
pub(crate) struct Seat {
    pub(crate) client: Client,
    pub(crate) addr: PeerAddr,
    pub(crate) events: Vec<Event>,
}

/// A server that wants tickets, and clients in numbered seats, on a network that loses nothing.
///
/// [`Vault::step`] is one tick; [`Vault::sent`] has what the server sent in it. [`Vault::say`] is a datagram by hand.
pub(crate) struct Vault {
    pub(crate) server: Server,
    pub(crate) seats: Vec<Seat>,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<(PeerAddr, Vec<u8>)>,
    tick: u64,
    addresses: u32,
    starts: u64,
}

impl Vault {
    pub(crate) fn new(config: Config) -> Self {
        let vault = Self::without_time(config);
        vault.server.gate().set_unix_seconds(TODAY);
        vault
    }

    /// The same, whose server nobody has told the time of day.
    pub(crate) fn without_time(config: Config) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant has no other origin; only differences count"
        )]
        let now = Instant::now() + Duration::from_secs(86_400);
        let server = Server::new(config, &Secret::from_seed(1), now).expect("a config that can be served");
        Self { server, seats: Vec::new(), now, sent: Vec::new(), tick: 0, addresses: 0, starts: 1 }
    }

    /// A server and one who plays on it, who has the pass number 1.
    pub(crate) fn with(client_id: u32) -> (Self, usize) {
        let mut vault = Self::new(config());
        let seat = vault.join(client_id, 1);
        (vault, seat)
    }

    /// An address that nobody has used.
    pub(crate) fn address(&mut self) -> PeerAddr {
        self.addresses += 1;
        address(self.addresses)
    }

    /// Seats a client that is about to say hello.
    pub(crate) fn seat(&mut self, pass: Option<Pass>, client_id: u32) -> usize {
        let encoding = [Encoding::Compact, Encoding::Plain][self.seats.len() % 2];
        let config = ClientConfig { pass, encoding, ..ClientConfig::new(client_id) };
        let secret = Secret::from_seed(100 + self.seats.len() as u64);
        let client = Client::new(config, &secret, self.now);
        let addr = self.address();
        self.seats.push(Seat { client, addr, events: Vec::new() });
        self.seats.len() - 1
    }

    /// Seats a client with the pass of that number, and lets it join.
    pub(crate) fn join(&mut self, client_id: u32, number: u8) -> usize {
        let seat = self.seat(Some(pass(client_id, number)), client_id);
        self.step();
        assert_eq!(self.phase(seat), Phase::Playing, "client {client_id} joins");
        seat
    }

    pub(crate) fn phase(&self, seat: usize) -> Phase {
        self.seats[seat].client.phase()
    }

    /// One tick, before which every client says what is due.
    pub(crate) fn step(&mut self) {
        for seat in 0..self.seats.len() {
            while let Some(hello) = self.hello(seat) {
                let addr = self.seats[seat].addr;
                if let Some(reply) = self.say(addr, &hello) {
                    self.tell(seat, &reply);
                }
            }
        }
        self.tick();
    }

    /// One tick, in which no client says anything.
    pub(crate) fn tick(&mut self) {
        self.tick += 1;
        self.now += self.server.config().tick_rate.period();
        self.server.tick(self.now, Tick(self.tick));
        let mut batch = Batch::new(self.server.config().datagram_bytes);
        self.sent.clear();
        while self.server.poll(&mut batch) {
            self.sent.extend(batch.iter().map(|(to, bytes)| (to, bytes.to_vec())));
        }
        for (to, bytes) in self.sent.clone() {
            if let Some(seat) = self.seats.iter().position(|seat| seat.addr == to) {
                self.tell(seat, &bytes);
            }
        }
    }

    /// Lets time go by, in which the server ticks and clients only say hello.
    pub(crate) fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.now < until {
            self.step();
        }
    }

    /// What the client says of itself now, if anything.
    pub(crate) fn hello(&mut self, seat: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.seats[seat].client.poll(self.now, &mut out).then_some(out)
    }

    /// The hello with a ticket that a client says now: it proves its address, and the rest is up to the caller.
    pub(crate) fn ticket_hello(&mut self, seat: usize) -> Vec<u8> {
        let addr = self.seats[seat].addr;
        let hello = self.hello(seat).expect("a hello is due");
        let challenge = self.say(addr, &hello).expect("a challenge");
        self.tell(seat, &challenge);
        self.hello(seat).expect("a hello with a ticket is due")
    }

    /// A move that the client makes, as it stands on the wire.
    pub(crate) fn step_of(&mut self, seat: usize, x: i32) -> Vec<u8> {
        let mut out = Vec::new();
        self.seats[seat].client.move_to(Position { x, y: 0 }, 0, &mut out).expect("it plays");
        out
    }

    pub(crate) fn move_to(&mut self, seat: usize, x: i32) {
        let (bytes, addr) = (self.step_of(seat, x), self.seats[seat].addr);
        assert_eq!(self.say(addr, &bytes), None);
    }

    /// Hands a datagram to a client, wherever it came from.
    pub(crate) fn tell(&mut self, seat: usize, bytes: &[u8]) {
        let seat = &mut self.seats[seat];
        seat.events.extend(seat.client.receive(self.now, bytes));
    }

    /// Hands a datagram to the server, from any address.
    pub(crate) fn say(&mut self, from: PeerAddr, bytes: &[u8]) -> Option<Vec<u8>> {
        let reply = self.server.gate().receive(self.now, from, bytes).map(|reply| reply.to_vec());
        assert!(reply.as_ref().is_none_or(|reply| reply.len() <= bytes.len()), "no answer is longer");
        reply
    }

    /// Says it, lets a tick go by, and gives why it was refused; it must have been, and counted once.
    pub(crate) fn refused(&mut self, from: PeerAddr, bytes: &[u8]) -> DropReason {
        let before = DropReason::ALL.iter().map(|&reason| self.drops(reason)).collect::<Vec<_>>();
        let (peers, moves) = (self.server.gate().peers(), self.server.report().totals.moves_applied);
        self.say(from, bytes);
        self.tick();
        let totals = self.server.report().totals;
        assert_eq!((self.server.gate().peers(), totals.moves_applied), (peers, moves), "nothing has changed");
        let grown =
            DropReason::ALL.iter().zip(before).filter(|(reason, before)| self.drops(**reason) > *before);
        let grown: Vec<_> = grown.map(|(reason, before)| (*reason, self.drops(*reason) - before)).collect();
        match grown[..] {
            [(reason, 1)] => reason,
            _ => panic!("counted once, not {grown:?}"),
        }
    }

    pub(crate) fn drops(&self, reason: DropReason) -> u64 {
        self.server.gate().drops().of(reason)
    }

    /// Where everyone stands.
    pub(crate) fn standing(&self) -> Vec<(u32, i32)> {
        let mut standing: Vec<_> = self.server.players().map(|p| (p.client_id, p.at.x)).collect();
        standing.sort_unstable();
        standing
    }

    /// Ends the server without a word and starts another, which knows nothing but its keys.
    pub(crate) fn restart(&mut self) {
        self.starts += 1;
        let (config, secret) = (self.server.config().clone(), Secret::from_seed(self.starts));
        self.server = Server::new(config, &secret, self.now).expect("it could be served before");
        self.server.gate().set_unix_seconds(TODAY);
        self.tick = 0;
    }
}
