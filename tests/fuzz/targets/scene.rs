//! A server on which one plays, and what it may do with a datagram.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::config::{Config, TicketConfig};
use tickcast::gate::{DropReason, PeerAddr};
use tickcast::seal::TicketKeys;
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{FromClient, Hello, MOVE_BYTES, MOVE_EXTRAS_BYTES_MIN, Tick, Welcome, encode_client};

use super::seal::{self, SERVER, Sealer, TODAY};

/// The player that is there.
pub(crate) const PLAYER: u32 = 7;

/// Where time begins.
pub(crate) fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; only differences count")]
    *ORIGIN.get_or_init(|| Instant::now() + Duration::from_secs(86_400))
}

/// The `number`-th address.
pub(crate) fn address(number: u8) -> PeerAddr {
    let ip = Ipv4Addr::new(10, 0, number / 4, number);
    PeerAddr::udp(SocketAddr::from((ip, 4_000)), None).expect("an address that can be somebody's")
}

/// Tickets that [`seal::pass`] is good for.
pub(crate) fn tickets() -> TicketConfig {
    TicketConfig { keys: TicketKeys::one(seal::ticket_key()), server: SERVER.into() }
}

/// How the server of a [`Scene`] is configured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Clear,
    Open,
    Sealed,
}

/// What became of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Command,
    Reply(Vec<u8>),
    Dropped(DropReason),
}

/// Hands a datagram to the gate. It becomes a command, a reply that is no longer, or exactly one counted drop, takes
/// nothing from the heap but for the messages in it, and lets nobody in.
pub(crate) fn receive(server: &Server, now: Instant, from: PeerAddr, bytes: &[u8]) -> Outcome {
    let gate = server.gate();
    let before = (gate.queued(), gate.drops().total(), gate.peers());
    let counts: [u64; 64] = std::array::from_fn(|at| count(server, at));
    let mut reply = None;
    let cost = measure(|| reply = gate.receive(now, from, bytes));
    let (commands, dropped) = (gate.queued() - before.0, gate.drops().total() - before.1);
    let is_long = bytes.len() > MOVE_BYTES + MOVE_EXTRAS_BYTES_MIN && commands == 1;
    assert!(cost.count_total <= u64::from(is_long), "the gate takes nothing from the heap");
    assert!(cost.bytes_total <= bytes.len() as u64, "but what it was sent");
    assert_eq!(gate.peers(), before.2, "the gate admits nobody");
    assert!(gate.queued() <= server.config().queue_places());
    match reply {
        Some(reply) => {
            assert!(commands == 0 && dropped <= 1 && reply.len() <= bytes.len(), "{} bytes", reply.len());
            Outcome::Reply(reply.to_vec())
        }
        None if commands == 1 && dropped == 0 => Outcome::Command,
        None => {
            assert_eq!((commands, dropped), (0, 1), "one outcome");
            let reason = (0..64).find(|&at| count(server, at) > counts[at]).expect("it was counted");
            Outcome::Dropped(DropReason::ALL[reason])
        }
    }
}

fn count(server: &Server, at: usize) -> u64 {
    DropReason::ALL.get(at).map_or(0, |&reason| server.gate().drops().of(reason))
}

/// A server, one who plays on it at [`Scene::home`], and an address that nobody plays from.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) now: Instant,
    pub(crate) welcome: Welcome,
    pub(crate) sealer: Sealer,
    /// The last sequence that was sealed.
    pub(crate) sequence: u64,
    tick: u64,
}

impl Scene {
    pub(crate) fn new(kind: Kind) -> Self {
        let now = origin();
        let tickets = (kind == Kind::Sealed).then(tickets);
        let config = Config { max_peers: 4, open: kind == Kind::Open, tickets, ..Config::default() };
        let mut server = Server::new(config, &Secret::from_seed(1), now).expect("within bounds");
        server.gate().set_unix_seconds(TODAY);
        let pass = (kind == Kind::Sealed).then(|| seal::pass(PLAYER));
        let config = ClientConfig { pass, ..ClientConfig::new(PLAYER) };
        let mut client = Client::new(config, &Secret::from_seed(2), now);
        let mut hello = Vec::new();
        while client.poll(now, &mut hello) {
            if let Some(reply) = server.gate().receive(now, Self::home(), &hello) {
                client.receive(now, &reply);
            }
            hello.clear();
        }
        tick(&mut server, now, 1, |_, bytes| _ = client.receive(now, bytes));
        assert_eq!(client.phase(), Phase::Playing);
        let welcome = *client.welcome().expect("it plays");
        let drawn = [welcome.nonce, welcome.session, welcome.epoch];
        let sealer = Sealer::new(&seal::session_key(PLAYER), drawn, "server");
        Self { server, now, welcome, sealer, sequence: 0, tick: 1 }
    }

    pub(crate) fn home() -> PeerAddr {
        address(1)
    }

    pub(crate) fn elsewhere() -> PeerAddr {
        address(2)
    }

    pub(crate) fn receive(&self, from: PeerAddr, bytes: &[u8]) -> Outcome {
        receive(&self.server, self.now, from, bytes)
    }

    /// The same hello with a proof of address.
    pub(crate) fn prove(&self, from: PeerAddr, hello: Hello) -> Hello {
        let mut bytes = Vec::new();
        encode_client(&FromClient::Hello(hello), &mut bytes);
        match self.receive(from, &bytes) {
            Outcome::Reply(reply) => match tickcast::wire::decode_server(&reply) {
                Ok(tickcast::wire::FromServer::Challenge(told)) => Hello { proof: told.proof, ..hello },
                _ => hello,
            },
            _ => hello,
        }
    }

    /// One tick, which keeps to the limits.
    pub(crate) fn tick(&mut self) {
        self.tick += 1;
        self.now += Duration::from_millis(34);
        tick(&mut self.server, self.now, self.tick, |_, _| ());
    }
}

/// One tick, and everything that is due, handed to `send`. No datagram is too long, every peer has one snapshot, and
/// gate and tick have the same peers, no more than allowed.
pub(crate) fn tick(server: &mut Server, now: Instant, number: u64, mut send: impl FnMut(PeerAddr, &[u8])) {
    let snapshots = server.report().totals.snapshots;
    server.tick(now, Tick(number));
    let limit = server.config().datagram_bytes;
    let mut batch = Batch::new(limit);
    while server.poll(&mut batch) {
        for (to, bytes) in batch.iter() {
            assert!(bytes.len() <= limit, "{} bytes to {to}", bytes.len());
            send(to, bytes);
        }
    }
    let report = server.report();
    assert_eq!(report.totals.snapshots - snapshots, report.peers as u64, "one snapshot to every peer");
    assert_eq!(server.gate().peers(), report.peers);
    assert!(report.peers <= server.config().max_peers && report.players <= report.peers);
}
