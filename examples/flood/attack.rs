//! Who floods, and with what.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::secret::Secret;
use tickcast::wire::{Encoding, FromClient, Hello, PROTOCOL_VERSION, Position, Proof, encode_client};

use super::{now, rest};

/// The client ids of hostile peers begin here, beyond those of the bots.
const FIRST_ID: u32 = 1_000_000;
/// Peers that flood.
const PEERS: u32 = 50;
/// Addresses that say hello, each in a prefix of its own.
const ADDRESSES: u32 = 800;
/// Datagrams from one look at the clock to the next.
const AT_ONCE: u64 = 32;
/// Behind by more than that, it does not try to make up for it.
const BEHIND_MAX: Duration = Duration::from_millis(20);

/// What the flood is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// No flood, to compare with.
    None,
    /// Bytes at random, of lengths that messages have and others.
    Junk,
    /// First hellos from many addresses in as many prefixes, each with a nonce of its own.
    Hellos,
    /// Hellos from many addresses with proofs that no server made.
    Proven,
    /// Peers that say the same moves again and again.
    Replays,
    /// Peers that say one good move after the other.
    Peers,
    /// Each of them in turn.
    Mixed,
}

impl Kind {
    pub(crate) const ALL: [Kind; 7] =
        [Kind::None, Kind::Junk, Kind::Hellos, Kind::Proven, Kind::Replays, Kind::Peers, Kind::Mixed];

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let is_named = |kind: &Kind| format!("{kind:?}").eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is_named).ok_or_else(|| format!("there is no flood of {name}"))
    }
}

/// One that plays, and then does not behave.
struct Peer {
    socket: UdpSocket,
    client: Client,
    said: Vec<u8>,
}

/// A flood that is ready.
pub(crate) struct Attack {
    kind: Kind,
    server: SocketAddr,
    peers: Vec<Peer>,
    sockets: Vec<UdpSocket>,
    draw: Secret,
    drawn: u64,
    bytes: Vec<u8>,
}

impl Attack {
    /// Takes its addresses, and lets its peers join.
    pub(crate) fn prepare(kind: Kind, server: SocketAddr) -> Result<Self, Box<dyn std::error::Error>> {
        let wants_peers = matches!(kind, Kind::Replays | Kind::Peers | Kind::Mixed);
        let peers = (0..if wants_peers { PEERS } else { 0 }).map(|number| join(server, FIRST_ID + number));
        let sockets = (0..ADDRESSES).map(|number| {
            let ip = Ipv4Addr::from(0x7f01_0001 + (number << 8));
            let socket = UdpSocket::bind((ip, 0))?;
            socket.connect(server)?;
            Ok(socket)
        });
        Ok(Self {
            kind,
            server,
            peers: peers.collect::<Result<_, _>>()?,
            sockets: sockets.collect::<Result<_, std::io::Error>>()?,
            draw: Secret::from_seed(9),
            drawn: 0,
            bytes: Vec::with_capacity(1_500),
        })
    }

    /// Sends so many datagrams a second until it should stop; gives how many a second it has sent.
    pub(crate) fn run(mut self, rate: u64, stop: &Arc<AtomicBool>) -> u64 {
        let interval = Duration::from_secs(AT_ONCE) / rate.max(1) as u32;
        let began = now();
        let (mut due, mut sent) = (began, 0);
        while !stop.load(Ordering::Acquire) && self.kind != Kind::None {
            let time = now();
            if due > time {
                rest((due - time).min(Duration::from_millis(1)));
                continue;
            }
            due = due.max(time.checked_sub(BEHIND_MAX).unwrap_or(time)) + interval;
            sent += (0..AT_ONCE).filter(|index| self.send(sent + index)).count() as u64;
        }
        sent / (now() - began).as_secs().max(1)
    }

    fn send(&mut self, index: u64) -> bool {
        const EACH: [Kind; 5] = [Kind::Junk, Kind::Hellos, Kind::Proven, Kind::Replays, Kind::Peers];
        let kind = if self.kind == Kind::Mixed { EACH[index as usize % EACH.len()] } else { self.kind };
        let place = index as usize / if self.kind == Kind::Mixed { EACH.len() } else { 1 };
        self.bytes.clear();
        match kind {
            Kind::Replays | Kind::Peers => return self.send_as_peer(place, kind == Kind::Peers),
            Kind::Junk => self.junk(),
            _ => self.hello(kind == Kind::Proven),
        }
        self.sockets[place % self.sockets.len()].send(&self.bytes).is_ok()
    }

    fn send_as_peer(&mut self, place: usize, is_new: bool) -> bool {
        let count = self.peers.len();
        let peer = &mut self.peers[place % count];
        if is_new || peer.said.is_empty() {
            peer.said.clear();
            peer.client.move_to(Position { x: place as i32, y: 0 }, 0, &mut peer.said);
        }
        peer.socket.send_to(&peer.said, self.server).is_ok()
    }

    fn junk(&mut self) {
        const LENGTHS: [usize; 8] = [48, 56, 16, 76, 1, 0, 300, 1_200];
        let length = LENGTHS[self.number() as usize % LENGTHS.len()];
        while self.bytes.len() < length {
            let number = self.number();
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.bytes.truncate(length);
    }

    fn hello(&mut self, has_proof: bool) {
        let mut proof = Proof::NONE;
        if has_proof {
            proof = Proof { time_ms: self.number() % 10_000, mac: [self.number(), self.number()] };
        }
        let nonce = self.number();
        let hello = Hello {
            version: PROTOCOL_VERSION,
            nonce,
            client_id: nonce as u32 >> 8,
            encoding: 1,
            session: 0,
            proof,
        };
        encode_client(&FromClient::Hello(hello), &mut self.bytes);
    }

    fn number(&mut self) -> u64 {
        self.drawn += 1;
        self.draw.number(self.drawn)
    }
}

/// A peer that plays.
fn join(server: SocketAddr, client_id: u32) -> Result<Peer, Box<dyn std::error::Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    let config = ClientConfig { encoding: Encoding::Plain, decode: false, ..ClientConfig::new(client_id) };
    let mut client = Client::new(config, &Secret::from_seed(client_id.into()), now());
    let (mut bytes, mut buffer) = (Vec::new(), [0; 2_048]);
    for _ in 0..200 {
        if client.phase() == Phase::Playing {
            return Ok(Peer { socket, client, said: Vec::new() });
        }
        bytes.clear();
        if client.poll(now(), &mut bytes) {
            socket.send_to(&bytes, server)?;
        }
        if let Ok(length) = socket.recv(&mut buffer) {
            client.receive(now(), &buffer[..length]);
        }
    }
    Err(format!("client {client_id} was not let in").into())
}
