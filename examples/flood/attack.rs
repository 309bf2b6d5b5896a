//! Who floods, and with what.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::secret::Secret;
use tickcast::wire::{
    Encoding, FromClient, Hello, PROTOCOL_VERSION, Position, Proof, TICKET_HELLO_BYTES, encode_client,
};

use super::passes::Passes;
use super::program::{now, rest};
use super::proven::Proven;
use super::volley::{self, Gun};

/// The client ids of hostile peers begin here, beyond those of the bots.
const FIRST_ID: u32 = 1_000_000;
/// Peers that flood.
const PEERS: u32 = 50;
/// Addresses that say hello, each in a prefix of its own.
const ADDRESSES: u32 = 800;
/// Addresses of one IP that play, and change their client ids: eight times a second each would be 4,000 in all, more than one
/// prefix has joins for. Not more addresses, lest it is their number that fills the core.
const CHURNING: u32 = 500;
const FIRST_CHURNING_ID: u32 = 4_000_000;
/// Prefixes of strangers that have proven themselves, with so many addresses each.
const PREFIXES: u32 = 40;
const OF_PREFIX: u32 = 10;
/// A client id that is played: who says hello for it is refused.
const TAKEN_ID: u32 = 0;
/// Behind by more than that, it does not try to make up for it.
const BEHIND_MAX: Duration = Duration::from_millis(20);
/// What junk is taken from, some of it here and some there.
const JUNK_BYTES: usize = 1 << 18;
/// Lengths of junk: those of messages, and others.
const JUNK_LENGTHS: [usize; 8] = [48, 56, 16, 76, 1, 192, 300, 1_200];
/// The tag of a hello with a ticket; see PROTOCOL-SEALED.md.
const TICKET_HELLO_TAG: u8 = 3;

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
    /// Hellos from many addresses with proofs that no server made, and tickets where it wants some.
    Proven,
    /// Hellos from many addresses with good proofs, again and again: for a client id that is played, or without the ticket that
    /// is wanted.
    Strangers,
    /// Addresses that play, and say hello for another client id all the time; only where nothing is sealed.
    Churn,
    /// Peers that say the same moves again and again.
    Replays,
    /// Peers that say one good move after the other.
    Peers,
    /// Peers whose sealed moves have a wrong bit; only where it seals.
    Forged,
    /// Each of them in turn.
    Mixed,
}

impl Kind {
    const ALL: [Kind; 10] = [
        Kind::None,
        Kind::Junk,
        Kind::Hellos,
        Kind::Proven,
        Kind::Strangers,
        Kind::Churn,
        Kind::Replays,
        Kind::Peers,
        Kind::Forged,
        Kind::Mixed,
    ];

    /// All that are hostile to a server that seals, or to one that does not.
    pub(crate) fn all(is_sealed: bool) -> Vec<Kind> {
        let other = if is_sealed { Kind::Churn } else { Kind::Forged };
        Self::ALL.into_iter().filter(|kind| *kind != other).collect()
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let is_named = |kind: &Kind| format!("{kind:?}").eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is_named).ok_or_else(|| format!("there is no flood of {name}"))
    }

    /// What it is made of.
    fn parts(self, is_sealed: bool) -> Vec<Kind> {
        match self {
            Kind::None => Vec::new(),
            Kind::Mixed => {
                let is_part = |kind: &Kind| !matches!(kind, Kind::None | Kind::Mixed);
                Self::all(is_sealed).into_iter().filter(is_part).collect()
            }
            one => vec![one],
        }
    }

    fn is_of_peers(self) -> bool {
        matches!(self, Kind::Replays | Kind::Peers | Kind::Forged)
    }
}

/// One that plays, and then does not behave.
struct Peer {
    gun: Gun,
    client: Client,
    replays: Vec<u8>,
    forgeries: Vec<u8>,
}

/// What has been sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) per_second: u64,
    /// The time that it took on a core, as a share of all time; what the system does for each datagram is in it.
    pub(crate) cpu_share: Option<f64>,
}

/// A flood that is ready.
pub(crate) struct Attack {
    parts: Vec<Kind>,
    is_sealed: bool,
    peers: Vec<Peer>,
    strangers: Vec<Gun>,
    /// Those whose proofs are good, and those who play besides.
    proven: Vec<Proven>,
    churning: Vec<Proven>,
    draw: Secret,
    drawn: u64,
    junk: Vec<u8>,
    bytes: Vec<u8>,
}

impl Attack {
    /// Takes its addresses, and lets its peers join.
    pub(crate) fn prepare(kind: Kind, server: SocketAddr, passes: &Passes) -> Result<Self, Box<dyn Error>> {
        let parts = kind.parts(passes.are_wanted());
        let peers = if parts.iter().any(|part| part.is_of_peers()) { PEERS } else { 0 };
        let draw = Secret::from_seed(9);
        let junk = (0..JUNK_BYTES as u64 / 8).flat_map(|index| draw.number(index).to_le_bytes()).collect();
        let peers = (0..peers).map(|number| join(server, passes.config(FIRST_ID + number)?));
        let strangers =
            (0..ADDRESSES).map(|number| Gun::new(Ipv4Addr::from(0x7f01_0001 + (number << 8)).into(), server));
        let count = |kind, count| if parts.contains(&kind) { count } else { 0 };
        let proven = (0..count(Kind::Strangers, PREFIXES * OF_PREFIX)).map(|number| {
            let ip = Ipv4Addr::from(0x7f02_0001 + ((number % PREFIXES) << 8));
            Proven::new(ip.into(), server, number.into())
        });
        let churning = (0..count(Kind::Churn, CHURNING))
            .map(|number| Proven::new(Ipv4Addr::from(0x7f03_0001).into(), server, number.into()));
        Ok(Self {
            proven: proven.collect::<Result<_, _>>()?,
            churning: churning.collect::<Result<_, _>>()?,
            parts,
            is_sealed: passes.are_wanted(),
            peers: peers.collect::<Result<_, _>>()?,
            strangers: strangers.collect::<Result<_, _>>()?,
            draw: draw.derive("numbers"),
            drawn: 0,
            junk,
            bytes: Vec::new(),
        })
    }

    /// Sends so many datagrams a second until it should stop.
    pub(crate) fn run(mut self, rate: u64, stop: &Arc<AtomicBool>) -> Sent {
        let interval = Duration::from_secs(volley::LENGTH as u64) / rate.max(1) as u32;
        let (began, worked) = (now(), time_on_core());
        let (mut due, mut volleys, mut sent) = (began, 0, 0);
        while !stop.load(Ordering::Acquire) && !self.parts.is_empty() {
            let time = now();
            if due > time {
                rest((due - time).min(Duration::from_millis(1)));
                continue;
            }
            due = due.max(time.checked_sub(BEHIND_MAX).unwrap_or(time)) + interval;
            sent += self.fire(volleys) as u64;
            volleys += 1;
        }
        let seconds = (now() - began).as_secs_f64();
        let worked = time_on_core().zip(worked).map(|(after, before)| (after - before).as_secs_f64());
        Sent { per_second: (sent as f64 / seconds) as u64, cpu_share: worked.map(|worked| worked / seconds) }
    }

    fn fire(&mut self, index: usize) -> usize {
        let (kind, place) = (self.parts[index % self.parts.len()], index / self.parts.len());
        if kind.is_of_peers() {
            let peers = self.peers.len();
            return self.peers[place % peers].fire(kind, place as i32, &mut self.bytes);
        }
        if kind == Kind::Strangers {
            let proven = self.proven.len();
            return self.proven[place % proven].fire(|| TAKEN_ID, &mut self.bytes);
        }
        if kind == Kind::Churn {
            let churning = self.churning.len();
            let (draw, drawn) = (&self.draw, &mut self.drawn);
            let another = || FIRST_CHURNING_ID + (number(draw, drawn) as u32 >> 8);
            return self.churning[place % churning].fire(another, &mut self.bytes);
        }
        let strangers = self.strangers.len();
        let gun = &mut self.strangers[place % strangers];
        if kind == Kind::Junk {
            let length = JUNK_LENGTHS[place % JUNK_LENGTHS.len()];
            let bytes = length * volley::LENGTH;
            let from = number(&self.draw, &mut self.drawn) as usize % (self.junk.len() - bytes);
            return gun.fire(&self.junk[from..from + bytes], length);
        }
        self.bytes.clear();
        for _ in 0..volley::LENGTH {
            hello(
                kind == Kind::Proven,
                self.is_sealed,
                || number(&self.draw, &mut self.drawn),
                &mut self.bytes,
            );
        }
        gun.fire(&self.bytes, self.bytes.len() / volley::LENGTH)
    }
}

fn number(draw: &Secret, drawn: &mut u64) -> u64 {
    *drawn += 1;
    draw.number(*drawn)
}

fn hello(is_proven: bool, is_sealed: bool, mut number: impl FnMut() -> u64, out: &mut Vec<u8>) {
    let (from, nonce) = (out.len(), number());
    let proof = match is_proven {
        true => Proof { time_ms: number() % 10_000, mac: [number(), number()] },
        false => Proof::NONE,
    };
    let client_id = nonce as u32 >> 8;
    let hello = Hello { version: PROTOCOL_VERSION, nonce, client_id, encoding: 1, session: 0, proof };
    encode_client(&FromClient::Hello(hello), out);
    if is_proven && is_sealed {
        out[from] = TICKET_HELLO_TAG;
        while out.len() < from + TICKET_HELLO_BYTES {
            out.extend_from_slice(&nonce.to_le_bytes());
        }
    }
}

impl Peer {
    fn fire(&mut self, kind: Kind, x: i32, bytes: &mut Vec<u8>) -> usize {
        if kind == Kind::Peers {
            bytes.clear();
            self.say_moves(x, bytes);
            return self.gun.fire(bytes, bytes.len() / volley::LENGTH);
        }
        if self.replays.is_empty() {
            self.replays = self.moves();
            self.forgeries = self.moves();
            let moves = self.forgeries.chunks_mut(self.replays.len() / volley::LENGTH);
            moves.filter_map(<[u8]>::last_mut).for_each(|last| *last ^= 1);
        }
        let said = if kind == Kind::Forged { &self.forgeries } else { &self.replays };
        self.gun.fire(said, said.len() / volley::LENGTH)
    }

    fn moves(&mut self) -> Vec<u8> {
        let mut moves = Vec::new();
        self.say_moves(0, &mut moves);
        moves
    }

    fn say_moves(&mut self, x: i32, out: &mut Vec<u8>) {
        for y in 0..volley::LENGTH as i32 {
            self.client.move_to(Position { x, y }, 0, out);
        }
    }
}

/// Of this thread, so far.
#[cfg(target_os = "linux")]
fn time_on_core() -> Option<Duration> {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok().map(Duration::from)
}

#[cfg(not(target_os = "linux"))]
fn time_on_core() -> Option<Duration> {
    None
}

/// A peer that plays.
fn join(server: SocketAddr, config: ClientConfig) -> Result<Peer, Box<dyn Error>> {
    let gun = Gun::new(Ipv4Addr::LOCALHOST.into(), server)?;
    gun.socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    let config = ClientConfig { encoding: Encoding::Plain, decode: false, ..config };
    let mut client = Client::new(config, &Secret::from_seed(config.client_id.into()), now());
    let (mut bytes, mut buffer) = (Vec::new(), [0; 2_048]);
    for _ in 0..200 {
        if client.phase() == Phase::Playing {
            return Ok(Peer { gun, client, replays: Vec::new(), forgeries: Vec::new() });
        }
        bytes.clear();
        if client.poll(now(), &mut bytes) {
            gun.socket.send(&bytes)?;
        }
        if let Ok(length) = gun.socket.recv(&mut buffer) {
            client.receive(now(), &buffer[..length]);
        }
    }
    Err(format!("client {} was not let in", config.client_id).into())
}
