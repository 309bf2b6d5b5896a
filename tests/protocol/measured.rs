//! Numbers that the page states and no constant gives: taken from what server core and client do.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::config::{Config, TickRate};
use tickcast::gate::{PeerAddr, Reply};
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{
    Ack, FromClient, FromServer, Hello, Leave, Move, PROTOCOL_VERSION, PlainSnapshot, Player, Position,
    Proof, SnapshotHeader, Tick, decode_client, decode_server, encode_client, encode_server,
};

/// The tick rate of most measurements, at which a tick is 10 ms.
pub(crate) const HZ: f64 = 100.0;

const MS: Duration = Duration::from_millis(1);

/// A server core, its clock, and what it sent last.
struct Bench {
    server: Server,
    now: Instant,
    tick: u64,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "where the measured time starts makes no difference")]
    fn new(config: Config) -> Self {
        let now = Instant::now();
        let server = Server::new(config, &Secret::from_seed(1), now).expect("a configuration within bounds");
        Self { server, now, tick: 0 }
    }

    /// An open server of small datagrams in which so many players stand: the addresses are their ids.
    fn crowd(players: u32) -> Self {
        let mut bench = Bench::new(Config {
            open: true,
            datagram_bytes: 256,
            tick_rate: TickRate::from_hz(HZ).expect("a tick rate"),
            ..Config::default()
        });
        for client_id in 0..players {
            let at = Position { x: client_id as i32, y: 0 };
            let step = Move { client_id, session: 0, sequence: 1, at, state: 0, ack: Ack::default() };
            bench.send(client_id, &FromClient::Move(step));
        }
        bench.tick();
        bench
    }

    fn send(&self, from: u32, message: &FromClient) -> Option<Reply> {
        let mut bytes = Vec::new();
        encode_client(message, &mut bytes);
        self.server.gate().receive(self.now, address(from), &bytes)
    }

    /// A period later: what the next tick sends.
    fn tick(&mut self) -> Vec<(PeerAddr, Vec<u8>)> {
        self.now += self.server.config().tick_rate.period();
        self.tick += 1;
        self.server.tick(self.now, Tick(self.tick));
        let (mut batch, mut sent) = (Batch::new(self.server.config().datagram_bytes), Vec::new());
        while self.server.poll(&mut batch) {
            sent.extend(batch.iter().map(|(to, bytes)| (to, bytes.to_vec())));
        }
        sent
    }

    /// What the next tick tells the peer of client id 0.
    fn snapshot(&mut self) -> PlainSnapshot {
        let sent = self.tick();
        let own = sent.iter().find(|(to, _)| *to == address(0)).expect("a snapshot every tick");
        match decode_server(&own.1) {
            Ok(FromServer::Plain(snapshot)) => snapshot,
            other => panic!("no snapshot: {other:?}"),
        }
    }

    /// Lets a client join, all within one tick.
    fn join(&mut self) -> Client {
        let mut client = Client::new(ClientConfig::new(0), &Secret::from_seed(2), self.now);
        for _ in 0..2 {
            let mut hello = Vec::new();
            assert!(client.poll(self.now, &mut hello), "a hello is due");
            if let Some(reply) = self.server.gate().receive(self.now, address(0), &hello) {
                client.receive(self.now, &reply);
            }
        }
        for (_, bytes) in self.tick() {
            client.receive(self.now, &bytes);
        }
        assert_eq!(client.phase(), Phase::Playing);
        client
    }
}

fn address(client_id: u32) -> PeerAddr {
    let addr = SocketAddr::from(([127, 0, 0, 1], 1_000 + client_id as u16));
    PeerAddr::udp(addr, None).expect("an address that a peer may have")
}

fn at_rate(hz: f64) -> Bench {
    Bench::new(Config { tick_rate: TickRate::from_hz(hz).expect("a tick rate"), ..Config::default() })
}

/// How long an unanswered client waits until it says hello again.
pub(crate) fn hello_interval() -> Duration {
    let bench = at_rate(HZ);
    let mut client = Client::new(ClientConfig::new(0), &Secret::from_seed(2), bench.now);
    assert!(client.poll(bench.now, &mut Vec::new()), "the first hello is due at once");
    (1..)
        .map(|ms| ms * MS)
        .find(|&after| client.poll(bench.now + after, &mut Vec::new()))
        .expect("in the end")
}

/// How long after the challenge a client last says hello with its proof.
pub(crate) fn proof_used_for() -> Duration {
    let bench = at_rate(HZ);
    let mut client = Client::new(ClientConfig::new(0), &Secret::from_seed(2), bench.now);
    let mut hello = Vec::new();
    client.poll(bench.now, &mut hello);
    let challenge = bench.server.gate().receive(bench.now, address(0), &hello).expect("a challenge");
    client.receive(bench.now, &challenge);
    let mut is_proven = |after: &Duration| {
        let mut bytes = Vec::new();
        client.poll(bench.now + *after, &mut bytes)
            && matches!(decode_client(&bytes), Ok(FromClient::Hello(hello)) if hello.proof != Proof::NONE)
    };
    (0..20_000).map(|ms| ms * MS).filter(|after| is_proven(after)).last().expect("the challenge was answered")
}

/// How long a client at that tick rate bears silence.
pub(crate) fn silence(hz: f64) -> Duration {
    let mut bench = at_rate(hz);
    let mut client = bench.join();
    let is_due = |after: &Duration| client.poll(bench.now + *after, &mut Vec::new());
    (1..).map(|ms| ms * MS).find(is_due).expect("in the end") - MS
}

/// How long a client id that has gone is named.
pub(crate) fn gone_named_for() -> Duration {
    let mut bench = Bench::crowd(2);
    bench.send(1, &FromClient::Leave(Leave { client_id: 1, session: 0 }));
    let ticks = (0..1_000).filter(|_| bench.snapshot().gone == [1]).count();
    bench.server.config().tick_rate.period() * ticks as u32
}

/// Which part of a datagram the ids that have gone take at most: one over this.
pub(crate) fn gone_share() -> usize {
    let mut bench = Bench::crowd(100);
    (1..100)
        .for_each(|client_id| _ = bench.send(client_id, &FromClient::Leave(Leave { client_id, session: 0 })));
    let gone_bytes = size_of::<u64>() + size_of::<u32>() * bench.snapshot().gone.len();
    bench.server.config().datagram_bytes / gone_bytes
}

/// Within how many times `players / told count` ticks, rounded up, everyone is told of everyone.
pub(crate) fn turns_to_tell_everyone() -> usize {
    let mut bench = Bench::crowd(100);
    let (mut told, mut ticks, mut room) = (HashSet::new(), 0, 0);
    while told.len() < 100 {
        let snapshot = bench.snapshot();
        assert_eq!(snapshot.players[0].client_id, 0, "its own player is told first");
        (ticks, room) = (ticks + 1, snapshot.players.len());
        told.extend(snapshot.players.iter().map(|player| player.client_id));
    }
    (1..).find(|turns: &usize| ticks <= (turns * 100).div_ceil(room)).expect("in the end")
}

/// How long a client remembers a player that it is not told of, in a world of so many `players` of which each
/// snapshot tells so many.
pub(crate) fn forgotten_after(players: u32, told: u32) -> Duration {
    let is_remembered = |ticks: &u64| {
        let mut bench = at_rate(HZ);
        let mut client = bench.join();
        let session = client.welcome().expect("it plays").session;
        let mut tell = |tick: u64, ids: std::ops::Range<u32>| {
            let header = SnapshotHeader { session, tick: Tick(tick), players, ..SnapshotHeader::default() };
            let players = ids.map(|client_id| Player { client_id, ..Player::default() }).collect();
            let mut bytes = Vec::new();
            encode_server(&FromServer::Plain(PlainSnapshot { header, gone: vec![], players }), &mut bytes);
            client.receive(bench.now, &bytes);
        };
        tell(1_000, 1..1 + told);
        tell(1_000 + ticks, 1_000..1_000 + told);
        client.world().player(1).is_some()
    };
    let ticks = (100..10_000).take_while(is_remembered).last().expect("for a while");
    TickRate::from_hz(HZ).expect("a tick rate").period() * ticks as u32
}

fn hello_of_another_version() -> Vec<u8> {
    let hello = Hello {
        version: PROTOCOL_VERSION + 1,
        nonce: 9,
        client_id: 7,
        encoding: 0,
        session: 0,
        proof: Proof::NONE,
    };
    let mut bytes = Vec::new();
    encode_client(&FromClient::Hello(hello), &mut bytes);
    bytes
}

/// Behind which byte a hello of another version may hold what it likes.
pub(crate) fn hello_prefix_bytes() -> usize {
    let (bench, hello) = (at_rate(HZ), hello_of_another_version());
    let answer = |bytes: &[u8]| bench.server.gate().receive(bench.now, address(0), bytes).map(|r| r.to_vec());
    let matters = |at: &usize| {
        let mut other = hello.clone();
        other[*at] ^= 0xff;
        answer(&other) != answer(&hello)
    };
    (0..hello.len()).rev().find(matters).expect("the nonce is echoed") + 1
}

/// How long a hello of another version must be to be refused in words.
pub(crate) fn shortest_answered_hello() -> usize {
    let (bench, hello) = (at_rate(HZ), hello_of_another_version());
    let is_answered =
        |bytes: &usize| bench.server.gate().receive(bench.now, address(0), &hello[..*bytes]).is_some();
    (0..=hello.len()).find(is_answered).expect("the whole of it is")
}

/// Where a server listens unless told otherwise, as its help says.
pub(crate) fn default_address() -> String {
    let help = Command::new(env!("CARGO_BIN_EXE_tickcast")).arg("--help").output().expect("the binary runs");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let bind =
        help.split("--bind ").nth(1).and_then(|rest| rest.split_once("[default: ")).expect("a default");
    bind.1.split(']').next().unwrap_or_default().to_owned()
}
