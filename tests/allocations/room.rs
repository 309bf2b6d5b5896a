//! A server and its clients on the reference walk, called where a game would.

use std::time::Instant;

use tickcast::client::{Client, ClientConfig};
use tickcast::game::{Game, Standard};
use tickcast::gate::PeerAddr;
use tickcast::load::{Area, Walk, Walks};
use tickcast::seal::{Mint, TicketKey};
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::store::Store;
use tickcast::wire::{Encoding, Tick};
use tickcast::{Config, TicketConfig};

/// What the core is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// One datagram to the gate.
    Receive,
    /// The work of a tick without its snapshots.
    Tick,
    /// A batch of snapshots.
    Poll,
    /// What has changed, to the store.
    Keep,
    /// One snapshot to the client that decodes.
    Decode,
}

/// Makes a call into the library, and looks at what that costs.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(Part, &mut dyn FnMut());

/// Players spread over the area of the reference walk, each with a peer that acknowledges every snapshot with its
/// next move. The first one's client decodes; those of the others read headers.
///
/// [`Room::step`] is one tick: everyone's move in, everyone's snapshot out. Everything is drawn from fixed seeds.
pub(crate) struct Room {
    pub(crate) server: Server,
    /// What has changed is handed over to it after every tick, if there is one.
    pub(crate) store: Option<Store>,
    batch: Batch,
    clients: Vec<Client>,
    walks: Walks,
    bytes: Vec<u8>,
    tick: Tick,
    now: Instant,
}

impl Room {
    /// A room in which all have joined.
    pub(crate) fn new(players: usize, encoding: Encoding, config: Config) -> Self {
        Self::watched(players, encoding, config, &mut unwatched)
    }

    /// The same, for one who looks at their joining.
    pub(crate) fn watched(players: usize, encoding: Encoding, config: Config, watch: Watch) -> Self {
        let game = Standard::new(&config);
        Self::with_game(players, encoding, config, Box::new(game), watch)
    }

    /// The same with another game than the standard one.
    pub(crate) fn with_game(
        players: usize,
        encoding: Encoding,
        config: Config,
        game: Box<dyn Game>,
        watch: Watch,
    ) -> Self {
        let mut room = Self::empty(players, encoding, config, game);
        room.join(watch);
        room
    }

    /// One in which nobody has joined yet: see [`Room::join`].
    #[expect(clippy::disallowed_methods, reason = "a room begins somewhere in time")]
    pub(crate) fn empty(players: usize, encoding: Encoding, config: Config, game: Box<dyn Game>) -> Self {
        let (secret, now) = (Secret::from_seed(1), Instant::now());
        let has_tickets = config.tickets.is_some();
        let server = Server::with_game(config, game, &secret, now).expect("the configuration is good");
        server.gate().set_unix_seconds(0);
        let client = |id| {
            let config =
                ClientConfig { encoding, decode: id == 0, interpolation: None, ..ClientConfig::new(id) };
            let mint = Mint { client_id: id, expires: 1, server: TicketConfig::SERVER };
            let pass = has_tickets.then(|| mint.pass(&key(), [id as u8; 56]));
            let config = ClientConfig { pass, ..config };
            Client::new(config, &Secret::from_seed(id.into()), now)
        };
        Self {
            batch: Batch::new(server.config().datagram_bytes),
            server,
            store: None,
            clients: (0..players as u32).map(client).collect(),
            walks: Walks::new(Walk::Waypoint, Area::default(), players, 7),
            bytes: Vec::with_capacity(192),
            tick: Tick(0),
            now,
        }
    }

    /// As many in each tick as a server lets in.
    pub(crate) fn join(&mut self, watch: Watch) {
        let joins_per_tick = self.server.config().joins_per_tick();
        for first in (0..self.clients.len()).step_by(joins_per_tick) {
            for id in first..self.clients.len().min(first + joins_per_tick) {
                // Hello, and hello with the proof.
                (0..2).for_each(|_| self.ask(id, watch));
            }
            self.play(watch);
        }
        assert_eq!(self.server.gate().peers(), self.clients.len(), "everyone has joined");
    }

    fn ask(&mut self, id: usize, watch: Watch) {
        self.bytes.clear();
        self.clients[id].poll(self.now, &mut self.bytes);
        let mut reply = None;
        watch(Part::Receive, &mut || reply = self.server.gate().receive(self.now, addr(id), &self.bytes));
        if let Some(reply) = reply {
            self.clients[id].receive(self.now, &reply);
        }
    }

    /// So many ticks at which nobody looks.
    pub(crate) fn warm_up(&mut self, ticks: usize) {
        (0..ticks).for_each(|_| self.step(&mut unwatched));
    }

    /// How many ticks ago the client that decodes was told of whom it was told of longest ago. `None` if it does not know
    /// everyone.
    pub(crate) fn oldest_told(&self) -> Option<u64> {
        let known = self.clients[0].world();
        let ages = known.players().map(|player| self.tick.since(player.told));
        ages.max().filter(|_| known.len() == self.clients.len())
    }

    /// One tick. Every call into the core is made by `watch`, and those into the client that decodes.
    pub(crate) fn step(&mut self, watch: Watch) {
        for id in 0..self.clients.len() {
            let to = self.walks.step(id, self.tick.0);
            self.bytes.clear();
            self.clients[id].move_to(to, 0, &mut self.bytes).expect("everyone plays");
            let (gate, now, bytes) = (self.server.gate(), self.now, &self.bytes);
            watch(Part::Receive, &mut || _ = gate.receive(now, addr(id), bytes));
        }
        self.play(watch);
        let report = self.server.report();
        assert_eq!(report.players, self.clients.len(), "everyone has moved");
        assert_eq!(self.server.gate().drops().total(), 0, "nothing is refused");
    }

    fn play(&mut self, watch: Watch) {
        self.tick.0 += 1;
        self.now += self.server.config().tick_rate.period();
        watch(Part::Tick, &mut || self.server.tick(self.now, self.tick));
        loop {
            let mut is_any = false;
            watch(Part::Poll, &mut || is_any = self.server.poll(&mut self.batch));
            if !is_any {
                break;
            }
            for (to, bytes) in self.batch.iter() {
                let id = usize::from(to.remote().port() - FIRST_PORT);
                let (client, now) = (&mut self.clients[id], self.now);
                match id {
                    0 => watch(Part::Decode, &mut || _ = client.receive(now, bytes)),
                    _ => _ = client.receive(now, bytes),
                }
            }
        }
        if let Some(store) = &mut self.store {
            watch(Part::Keep, &mut || store.after_tick(self.now, &mut self.server));
        }
    }
}

/// What the tickets are sealed with, where there are any.
pub(crate) fn key() -> TicketKey {
    TicketKey::from_bytes([1; 32])
}

/// Looks at nothing.
pub(crate) fn unwatched(_: Part, call: &mut dyn FnMut()) {
    call();
}

const FIRST_PORT: u16 = 1_000;

fn addr(id: usize) -> PeerAddr {
    // In many prefixes: one alone is let in at a rate.
    let remote = ([10, 0, (id >> 7) as u8, id as u8 & 127], FIRST_PORT + id as u16).into();
    PeerAddr::udp(remote, None).expect("a good address")
}
