//! A server, clients who play as they should, some who do not, and the books that are kept of all.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::config::Config;
use tickcast::gate::PeerAddr;
use tickcast::secret::Secret;
use tickcast::server::Server;
use tickcast::wire::{Encoding, FromServer, Player, Proof, Tick, decode_server};

use super::scene::{Outcome, address, origin, receive, tick, tickets};
use super::script::Script;
use super::seal::{self, Sealer, TODAY};

/// Seats below this are of clients whose datagrams nobody makes up; their client ids are the seats.
pub(crate) const HONEST: usize = 2;
/// Honest and others.
pub(crate) const SEATS: usize = 4;
/// Most datagrams that are kept to be said again, or to be late.
const KEPT_MAX: usize = 32;

/// A client and where it is.
pub(crate) struct Seat {
    pub(crate) client: Client,
    pub(crate) addr: PeerAddr,
    /// The last sequence that was sealed by hand.
    pub(crate) sequence: u64,
}

/// - Time: [`Play::pass`] and [`Play::tick`], whose datagrams arrive, or not, as the script says.
/// - [`Play::say`] is a datagram from any address; it keeps the books: an address that has not proven itself gets no
///   more bytes than it sent.
/// - [`Play::check`]: honest clients understand all that they were told, and it was true.
pub(crate) struct Play {
    pub(crate) server: Server,
    pub(crate) now: Instant,
    pub(crate) seats: Vec<Seat>,
    /// What came before, and from where.
    pub(crate) said: Vec<(PeerAddr, Vec<u8>)>,
    pub(crate) proofs: HashMap<PeerAddr, (u64, Proof)>,
    tick: u64,
    addresses: u8,
    late: Vec<(PeerAddr, Vec<u8>)>,
    handed_out: HashSet<(PeerAddr, u64, [u64; 2])>,
    proven: HashSet<PeerAddr>,
    owed: HashMap<PeerAddr, usize>,
    truth: HashMap<u64, Vec<Player>>,
}

impl Play {
    pub(crate) fn new(script: &mut Script, is_sealed: bool) -> Self {
        let flags = script.byte();
        let config = Config {
            max_peers: 1 + usize::from(flags & 3) * 2,
            datagram_bytes: if flags & 4 == 0 { 300 } else { 1_200 },
            view: (flags & 8 != 0).then_some(64),
            moves_per_second: if flags & 16 == 0 { 250 } else { 20 },
            timeout: Duration::from_secs(2),
            open: !is_sealed && flags & 32 != 0,
            tickets: is_sealed.then(tickets),
            checksums: true,
            ..Config::default()
        };
        let mut server = Server::new(config, &Secret::from_seed(1), origin()).expect("within bounds");
        server.gate().set_unix_seconds(TODAY);
        if flags & 64 != 0 {
            server.remember([Player { client_id: 3, ..Player::default() }]);
        }
        let mut play = Self {
            server,
            now: origin(),
            seats: Vec::new(),
            said: Vec::new(),
            proofs: HashMap::new(),
            tick: 0,
            addresses: 0,
            late: Vec::new(),
            handed_out: HashSet::new(),
            proven: HashSet::new(),
            owed: HashMap::new(),
            truth: HashMap::new(),
        };
        (0..SEATS).for_each(|_| play.seat(is_sealed));
        play
    }

    fn seat(&mut self, is_sealed: bool) {
        let (client_id, addr) = (self.seats.len() as u32, self.address());
        let pass = is_sealed.then(|| seal::pass(client_id));
        let encoding = [Encoding::Compact, Encoding::Plain, Encoding::Compact][self.seats.len() % 3];
        let config = ClientConfig { pass, encoding, ..ClientConfig::new(client_id) };
        let client = Client::new(config, &Secret::from_seed(client_id.into()), self.now);
        self.seats.push(Seat { client, addr, sequence: 0 });
    }

    /// An address that nobody has used, as long as there are any.
    pub(crate) fn address(&mut self) -> PeerAddr {
        self.addresses = self.addresses.saturating_add(1);
        address(self.addresses)
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    /// One tick, after some that are skipped. Bits of `fates` say for each datagram whether it is lost or late.
    pub(crate) fn tick(&mut self, skipped: u64, fates: u64) {
        let overtaken = std::mem::take(&mut self.late);
        (self.tick, self.now) = (self.tick + 1 + skipped, self.now + Duration::from_millis(34));
        let (mut due, mut told) = (Vec::new(), HashSet::new());
        let is_clear = self.server.config().tickets.is_none();
        tick(&mut self.server, self.now, self.tick, |to, bytes| {
            if is_clear && tickcast::wire::snapshot_header(bytes).is_some() {
                assert!(told.insert(to), "two snapshots to {to}");
            }
            due.push((to, bytes.to_vec()));
        });
        self.truth.insert(self.tick, self.server.players().collect());
        for (index, (to, bytes)) in due.into_iter().enumerate() {
            self.on_sent(to, &bytes);
            match fates >> (index * 2 % 64) & 3 {
                1 => {}
                2 if self.late.len() < KEPT_MAX => self.late.push((to, bytes)),
                _ => self.arrive(to, &bytes),
            }
        }
        overtaken.into_iter().for_each(|(to, bytes)| self.arrive(to, &bytes));
    }

    fn arrive(&mut self, to: PeerAddr, bytes: &[u8]) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.addr == to) {
            seat.client.receive(self.now, bytes);
            while seat.client.take_message().is_some() {}
            seat.client.take_correction();
        }
    }

    /// A datagram to the server.
    pub(crate) fn say(&mut self, from: PeerAddr, bytes: &[u8]) -> Outcome {
        self.on_received(from, bytes);
        let outcome = receive(&self.server, self.now, from, bytes);
        if let Outcome::Reply(reply) = &outcome {
            self.on_sent(from, reply);
            self.arrive(from, reply);
        }
        if self.said.len() == KEPT_MAX {
            self.said.remove(0);
        }
        self.said.push((from, bytes.to_vec()));
        outcome
    }

    /// What the client in the seat says of itself.
    pub(crate) fn poll(&mut self, seat: usize) {
        let (mut bytes, addr) = (Vec::new(), self.seats[seat].addr);
        if self.seats[seat].client.poll(self.now, &mut bytes) {
            self.say(addr, &bytes);
        }
    }

    /// The keys of the seat's session, for one who knows them.
    pub(crate) fn sealer(&self, seat: usize) -> Option<Sealer> {
        let welcome = self.seats[seat].client.welcome()?;
        let drawn = [welcome.nonce, welcome.session, welcome.epoch];
        Some(Sealer::new(&seal::session_key(seat as u32), drawn, "server"))
    }

    fn on_received(&mut self, from: PeerAddr, bytes: &[u8]) {
        *self.owed.entry(from).or_default() += bytes.len();
        let number = |at: usize| {
            bytes.get(at..at + 8).map_or(0, |part| u64::from_le_bytes(part.try_into().expect("8 bytes")))
        };
        if self.handed_out.contains(&(from, number(8), [number(40), number(48)])) {
            self.proven.insert(from);
        }
    }

    fn on_sent(&mut self, to: PeerAddr, bytes: &[u8]) {
        if !self.server.config().open && !self.proven.contains(&to) {
            let owed = self.owed.entry(to).or_default();
            *owed = owed.checked_sub(bytes.len()).expect("an unproven address gets no more than it sent");
        }
        if let Ok(FromServer::Challenge(told)) = decode_server(bytes) {
            self.handed_out.insert((to, told.nonce, told.proof.mac));
            self.proofs.insert(to, (told.nonce, told.proof));
        }
    }

    /// Honest clients have understood all, and believe what was true.
    pub(crate) fn check(&self) {
        for seat in &self.seats[..HONEST] {
            let client = &seat.client;
            assert_eq!((client.malformed(), client.blocks().desyncs), (0, 0));
            for known in client.world().players() {
                let truth = self.truth.get(&known.told.0);
                assert!(truth.is_some_and(|truth| truth.contains(&known.player)), "{known:?} of {truth:?}");
            }
            let welcome = client.welcome().filter(|_| client.phase() == Phase::Playing);
            assert!(welcome.is_none_or(|welcome| welcome.tick <= Tick(self.tick)));
        }
    }
}
