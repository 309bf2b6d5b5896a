//! One server core, its clients and whoever else sends to it, joined in memory.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig, Event, Phase};
use tickcast::config::Config;
use tickcast::game::{Game, Standard};
use tickcast::gate::{DropReason, PeerAddr};
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server, Totals};
use tickcast::wire::{
    Ack, ClosedReason, Encoding, FromClient, FromServer, Hello, Leave, Move, PROTOCOL_VERSION, PlainSnapshot,
    Player, Position, Proof, Refusal, Tick, Welcome, decode_server, encode_client, snapshot_header,
};

use crate::ledger::Ledger;

/// Where a datagram is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToServer,
    ToClient,
}

/// What the network does with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    Lost,
    Twice,
    /// Arrives before the tick so many ticks from now, behind what was sent later.
    Late(u64),
}

/// Decides on every datagram.
type Weather = Box<dyn FnMut(Way, &[u8]) -> Fate>;

struct Late {
    tick: u64,
    way: Way,
    peer: PeerAddr,
    bytes: Vec<u8>,
}

/// A client, where it is, and what it has been through.
pub(crate) struct Seat {
    pub(crate) client_id: u32,
    pub(crate) client: Client,
    pub(crate) addr: PeerAddr,
    pub(crate) events: Vec<Event>,
}

/// A server core, clients in numbered seats, and addresses without a client whose mail is kept.
///
/// - Time: [`Net::step`] is one tick, in which clients say what is due, the server ticks, and all its datagrams
///   go out; [`Net::pass`] lets time go by without a tick.
/// - Clients: [`Net::join`], [`Net::move_to`], [`Net::leave`], [`Net::change_address`].
/// - Datagrams by hand, from any address: [`Net::say`], [`Net::prove`], [`Net::ask`]; answers: [`Net::mail`].
/// - Nothing is lost unless [`Net::weather`] says so; what is sent by hand never is.
///
/// With every tick it checks that each peer got exactly one snapshot, of this tick and no larger than allowed,
/// and keeps a [`Ledger`].
pub(crate) struct Net {
    pub(crate) server: Server,
    pub(crate) seats: Vec<Seat>,
    pub(crate) now: Instant,
    ledger: Ledger,
    weather: Weather,
    late: Vec<Late>,
    homes: HashMap<PeerAddr, usize>,
    mail: HashMap<PeerAddr, Vec<FromServer>>,
    addresses: u32,
    started: Instant,
    starts: u64,
}

/// Making one.
impl Net {
    pub(crate) fn new(config: Config) -> Self {
        let game = Standard::new(&config);
        Self::with_game(config, Box::new(game))
    }

    pub(crate) fn with_game(config: Config, game: Box<dyn Game>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant has no other origin; only differences count"
        )]
        let now = Instant::now() + Duration::from_secs(86_400);
        let ledger = Ledger::new(config.open);
        Self {
            server: Server::with_game(config, game, &Secret::from_seed(1), now)
                .expect("a config that can be served"),
            seats: Vec::new(),
            now,
            ledger,
            weather: Box::new(|_, _| Fate::Arrives),
            late: Vec::new(),
            homes: HashMap::new(),
            mail: HashMap::new(),
            addresses: 0,
            started: now,
            starts: 1,
        }
    }

    /// A server for a few, and clients with these ids who play.
    pub(crate) fn with<const N: usize>(client_ids: [u32; N]) -> (Self, [usize; N]) {
        let mut net = Self::new(small());
        let seats = client_ids.map(|client_id| net.join(client_id));
        (net, seats)
    }

    /// From now on `weather` decides on every datagram from or to a client.
    pub(crate) fn weather(&mut self, weather: impl FnMut(Way, &[u8]) -> Fate + 'static) {
        self.weather = Box::new(weather);
    }

    /// An address that nobody has used.
    pub(crate) fn address(&mut self) -> PeerAddr {
        self.addresses += 1;
        address(self.addresses)
    }
}

/// A configuration for a few peers, quick to make.
pub(crate) fn small() -> Config {
    Config { max_peers: 64, checksums: true, ..Config::default() }
}

/// The `number`-th of 16 million addresses.
pub(crate) fn address(number: u32) -> PeerAddr {
    let ip = Ipv4Addr::from(0x0a00_0000 | number & 0x00ff_ffff);
    PeerAddr::udp(SocketAddr::from((ip, 4_000)), None).expect("an address that can be somebody's")
}

pub(crate) fn at(x: i32, y: i32) -> Position {
    Position { x, y }
}

/// Time.
impl Net {
    /// One tick.
    pub(crate) fn step(&mut self) {
        self.pass(self.period());
        self.land();
        self.poll_clients();
        self.tick();
    }

    pub(crate) fn run(&mut self, ticks: u64) {
        (0..ticks).for_each(|_| self.step());
    }

    /// Lets time go by without a tick.
    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now += duration;
    }

    pub(crate) fn period(&self) -> Duration {
        self.server.config().tick_rate.period()
    }

    /// The number that a tick has now.
    pub(crate) fn tick_now(&self) -> u64 {
        ((self.now - self.started).as_nanos() / self.period().as_nanos()) as u64
    }

    /// Ends the server without a word and starts another, which knows nothing.
    pub(crate) fn restart(&mut self) {
        self.starts += 1;
        let secret = Secret::from_seed(self.starts);
        let config = self.server.config().clone();
        self.server = Server::new(config, &secret, self.now).expect("it could be served before");
        self.ledger = Ledger::new(self.server.config().open);
        self.started = self.now;
    }

    /// Ends every session, and hands out what is due then.
    pub(crate) fn close(&mut self, reason: ClosedReason) {
        self.server.close(reason);
        let due = self.drain();
        due.into_iter().for_each(|(to, bytes)| self.send_down(to, bytes));
    }

    fn land(&mut self) {
        let tick = self.tick_now();
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition(|late| late.tick <= tick);
        self.late = late;
        for Late { way, peer, bytes, .. } in Vec::from_iter::<Vec<Late>>(due) {
            self.arrive(way, peer, &bytes);
        }
    }

    fn poll_clients(&mut self) {
        for seat in 0..self.seats.len() {
            let mut out = Vec::new();
            while self.seats[seat].client.poll(self.now, &mut out) {
                self.send_up(seat, std::mem::take(&mut out));
            }
        }
    }

    fn tick(&mut self) {
        let tick = Tick(self.tick_now());
        self.server.tick(self.now, tick);
        let due = self.drain();
        self.check_snapshots(tick, &due);
        due.into_iter().for_each(|(to, bytes)| self.send_down(to, bytes));
        self.ledger.check(&self.server);
    }

    /// Everything that the server has to send.
    fn drain(&mut self) -> Vec<(PeerAddr, Vec<u8>)> {
        let mut batch = Batch::new(self.server.config().datagram_bytes);
        let mut due = Vec::new();
        while self.server.poll(&mut batch) {
            due.extend(batch.iter().map(|(to, bytes)| (to, bytes.to_vec())));
        }
        due
    }

    fn check_snapshots(&self, tick: Tick, due: &[(PeerAddr, Vec<u8>)]) {
        let mut told = HashMap::new();
        for (to, bytes) in due {
            assert!(bytes.len() <= self.server.config().datagram_bytes, "{} bytes to {to}", bytes.len());
            if snapshot_header(bytes).is_some() {
                assert_eq!(bytes[12..20], tick.0.to_le_bytes(), "a snapshot is of the tick it is sent in");
                assert_eq!(told.insert(*to, ()), None, "two snapshots to {to} in {tick:?}");
            }
        }
        assert_eq!(told.len(), self.server.report().peers, "one snapshot to every peer in {tick:?}");
        assert_eq!(self.server.gate().peers(), told.len(), "gate and tick have the same peers");
    }
}

/// The network.
impl Net {
    pub(crate) fn send_up(&mut self, seat: usize, bytes: Vec<u8>) {
        self.send(Way::ToServer, self.seats[seat].addr, bytes);
    }

    fn send_down(&mut self, to: PeerAddr, bytes: Vec<u8>) {
        self.ledger.on_sent(to, &bytes);
        if self.homes.contains_key(&to) {
            self.send(Way::ToClient, to, bytes);
        } else {
            self.arrive(Way::ToClient, to, &bytes);
        }
    }

    fn send(&mut self, way: Way, peer: PeerAddr, bytes: Vec<u8>) {
        match (self.weather)(way, &bytes) {
            Fate::Lost => {}
            Fate::Arrives => self.arrive(way, peer, &bytes),
            Fate::Twice => (0..2).for_each(|_| self.arrive(way, peer, &bytes)),
            Fate::Late(ticks) => {
                self.late.push(Late { tick: self.tick_now() + ticks, way, peer, bytes });
            }
        }
    }

    fn arrive(&mut self, way: Way, peer: PeerAddr, bytes: &[u8]) {
        match way {
            Way::ToServer => {
                if let Some(reply) = self.give_to_gate(peer, bytes) {
                    self.send_down(peer, reply);
                }
            }
            Way::ToClient => self.arrive_at_home(peer, bytes),
        }
    }

    fn give_to_gate(&mut self, from: PeerAddr, bytes: &[u8]) -> Option<Vec<u8>> {
        self.ledger.on_received(from, bytes);
        self.server.gate().receive(self.now, from, bytes).map(|reply| reply.to_vec())
    }

    fn arrive_at_home(&mut self, to: PeerAddr, bytes: &[u8]) {
        match self.homes.get(&to) {
            Some(&seat) => self.give_to_client(seat, bytes),
            // A snapshot on its way to where its client was before, or one with extras.
            None if snapshot_header(bytes).is_some() && decode_server(bytes).is_err() => {}
            None => self.mail.entry(to).or_default().push(decode_server(bytes).expect("a message")),
        }
    }

    /// Hands a datagram to a client, wherever it came from.
    pub(crate) fn give_to_client(&mut self, seat: usize, bytes: &[u8]) {
        let seat = &mut self.seats[seat];
        seat.events.extend(seat.client.receive(self.now, bytes));
    }
}

/// Clients.
impl Net {
    /// Seats a client that is about to say hello, at an address of its own: one with compact snapshots, one with
    /// plain ones, in turn.
    pub(crate) fn seat(&mut self, client_id: u32) -> usize {
        let addr = self.address();
        let secret = Secret::from_seed(u64::from(client_id) << 32 | self.seats.len() as u64);
        let encoding = if self.seats.len().is_multiple_of(2) { Encoding::Compact } else { Encoding::Plain };
        let config = ClientConfig { encoding, ..ClientConfig::new(client_id) };
        let client = Client::new(config, &secret, self.now);
        self.seats.push(Seat { client_id, client, addr, events: Vec::new() });
        self.homes.insert(addr, self.seats.len() - 1);
        self.seats.len() - 1
    }

    /// Seats a client and lets it join within a tick.
    pub(crate) fn join(&mut self, client_id: u32) -> usize {
        let seat = self.seat(client_id);
        self.step();
        assert_eq!(self.phase(seat), Phase::Playing, "client {client_id} joins");
        seat
    }

    /// Sends a move, if the client plays, as one that knows of every correction so far.
    pub(crate) fn move_to(&mut self, seat: usize, x: i32, y: i32) {
        let mut bytes = Vec::new();
        self.seats[seat].client.take_correction();
        if self.seats[seat].client.move_to(at(x, y), 0, &mut bytes).is_some() {
            self.send_up(seat, bytes);
        }
    }

    /// Sends a leave, if the client plays.
    pub(crate) fn leave(&mut self, seat: usize) {
        let mut bytes = Vec::new();
        if self.seats[seat].client.leave(&mut bytes) {
            self.send_up(seat, bytes);
        }
    }

    /// From now on the client is elsewhere, and does not know: what is sent to its old address is lost.
    pub(crate) fn change_address(&mut self, seat: usize) {
        let addr = self.address();
        let old = std::mem::replace(&mut self.seats[seat].addr, addr);
        self.homes.remove(&old);
        self.homes.insert(addr, seat);
    }

    /// Says hello anew with the next tick.
    pub(crate) fn rejoin(&mut self, seat: usize) {
        self.seats[seat].client.rejoin(self.now);
    }

    pub(crate) fn phase(&self, seat: usize) -> Phase {
        self.seats[seat].client.phase()
    }

    pub(crate) fn welcome(&self, seat: usize) -> Welcome {
        *self.seats[seat].client.welcome().expect("it has been welcomed")
    }

    /// Where the client believes a player to be.
    pub(crate) fn known_at(&self, seat: usize, client_id: u32) -> Option<Position> {
        self.seats[seat].client.world().player(client_id).map(|known| known.player.at)
    }

    /// All that the client knows, by client id.
    pub(crate) fn known(&self, seat: usize) -> Vec<Player> {
        by_id(self.seats[seat].client.world().players().map(|known| known.player))
    }

    /// All that is true, by client id.
    pub(crate) fn truth(&self) -> Vec<Player> {
        by_id(self.server.players())
    }

    /// Where a player is.
    pub(crate) fn true_at(&self, client_id: u32) -> Option<Position> {
        self.server.players().find(|player| player.client_id == client_id).map(|player| player.at)
    }
}

fn by_id(players: impl Iterator<Item = Player>) -> Vec<Player> {
    let mut players: Vec<Player> = players.collect();
    players.sort_by_key(|player| player.client_id);
    players
}

/// Datagrams by hand.
impl Net {
    /// Sends bytes; the reply, if there is one, is the address's mail.
    pub(crate) fn say_bytes(&mut self, from: PeerAddr, bytes: &[u8]) {
        if let Some(reply) = self.give_to_gate(from, bytes) {
            self.ledger.on_sent(from, &reply);
            self.mail.entry(from).or_default().push(decode_server(&reply).expect("a message"));
        }
    }

    pub(crate) fn say(&mut self, from: PeerAddr, message: impl Into<FromClientBytes>) {
        self.say_bytes(from, &message.into().0);
    }

    /// What has come to an address since it was last asked for.
    pub(crate) fn mail(&mut self, to: PeerAddr) -> Vec<FromServer> {
        self.mail.remove(&to).unwrap_or_default()
    }

    /// The same hello, with a proof of address.
    pub(crate) fn prove(&mut self, from: PeerAddr, hello: Hello) -> Hello {
        self.say(from, Hello { proof: Proof::NONE, ..hello });
        match self.mail(from).pop() {
            Some(FromServer::Challenge(challenge)) => Hello { proof: challenge.proof, ..hello },
            other => panic!("no challenge but {other:?}"),
        }
    }

    /// Says a hello as it is, lets a tick go by, and gives the first answer that is no snapshot.
    pub(crate) fn ask(&mut self, from: PeerAddr, hello: Hello) -> Option<FromServer> {
        self.mail(from);
        self.say(from, hello);
        self.step();
        self.mail(from).into_iter().find(|answer| !matches!(answer, FromServer::Plain(_)))
    }

    /// Proves an address, says hello, and gives the refusal.
    pub(crate) fn refused(&mut self, from: PeerAddr, hello: Hello) -> Refusal {
        let proven = self.prove(from, hello);
        match self.ask(from, proven) {
            Some(FromServer::Refusal(refusal)) => refusal,
            other => panic!("no refusal but {other:?}"),
        }
    }

    /// Proves an address, says hello, and gives the welcome.
    pub(crate) fn welcomed(&mut self, from: PeerAddr, hello: Hello) -> Welcome {
        let proven = self.prove(from, hello);
        match self.ask(from, proven) {
            Some(FromServer::Welcome(welcome)) => welcome,
            other => panic!("no welcome but {other:?}"),
        }
    }

    /// The newest snapshot in the mail of an address, which is emptied.
    pub(crate) fn snapshot(&mut self, to: PeerAddr) -> PlainSnapshot {
        match self.mail(to).pop() {
            Some(FromServer::Plain(snapshot)) => snapshot,
            other => panic!("no snapshot but {other:?}"),
        }
    }

    pub(crate) fn drops(&self, reason: DropReason) -> u64 {
        self.server.gate().drops().of(reason)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.server.gate().drops().total()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.server.report().totals
    }
}

/// A message of a client as it stands on the wire.
pub(crate) struct FromClientBytes(pub(crate) Vec<u8>);

impl From<FromClient> for FromClientBytes {
    fn from(message: FromClient) -> Self {
        let mut bytes = Vec::new();
        encode_client(&message, &mut bytes);
        Self(bytes)
    }
}

impl From<Hello> for FromClientBytes {
    fn from(hello: Hello) -> Self {
        FromClient::Hello(hello).into()
    }
}

impl From<Move> for FromClientBytes {
    fn from(step: Move) -> Self {
        FromClient::Move(step).into()
    }
}

impl From<Leave> for FromClientBytes {
    fn from(leave: Leave) -> Self {
        FromClient::Leave(leave).into()
    }
}

pub(crate) fn bytes_of(message: impl Into<FromClientBytes>) -> Vec<u8> {
    message.into().0
}

/// The first hello of a client.
pub(crate) fn hello(client_id: u32, nonce: u64) -> Hello {
    Hello { version: PROTOCOL_VERSION, nonce, client_id, encoding: 0, session: 0, proof: Proof::NONE }
}

/// A move to `(x, 0)`.
pub(crate) fn step(client_id: u32, session: u64, sequence: u32, x: i32) -> Move {
    Move { client_id, session, sequence, at: at(x, 0), state: 0, ack: Ack::default() }
}
