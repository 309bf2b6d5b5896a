//! A client whose server says anything: in clear, and sealed with the keys of their session.

use std::time::{Duration, Instant};

use allocation_counter::measure;
use tickcast::client::{Client, ClientConfig, KnownWorld};
use tickcast::mail::{Delivery, WAITING_BYTES_MAX, WAITING_MAX};
use tickcast::secret::Secret;
use tickcast::wire::block::{Encoder, Head, MEMBERS_MAX, Member, Motion};
use tickcast::wire::{
    Bounds, Challenge, Closed, ClosedReason, Correction, Encoding, FromServer, Message, PlainSnapshot,
    Player, Position, Proof, Refusal, RefusalReason, SnapshotHeader, Tick, Welcome, encode_plain,
    encode_server, put_message, put_snapshot_extras,
};

use super::scene::{PLAYER, origin};
use super::script::Script;
use super::seal::{self, Sealer};

/// Most memory that a client takes, whatever it is told: so much for itself, and so much for each byte told.
const CLIENT_BYTES_MAX: u64 = 1 << 20;
const BYTES_FOR_ONE_MAX: u64 = 4_096;
/// The width of cluster ids in snapshots that are made here.
const CLUSTER_BITS: u8 = 2;

/// A server in clear, played by the script.
pub(crate) fn client(bytes: &[u8]) {
    play(bytes, false);
}

/// A server that seals, played by the script.
pub(crate) fn sealed_client(bytes: &[u8]) {
    play(bytes, true);
}

fn play(bytes: &[u8], is_sealed: bool) {
    let cost = measure(|| {
        let mut script = Script::new(bytes);
        let mut hostile = Hostile::new(&mut script, is_sealed);
        while !script.is_over() {
            hostile.step(&mut script);
        }
    });
    let most = CLIENT_BYTES_MAX + BYTES_FOR_ONE_MAX * bytes.len() as u64;
    assert!(cost.bytes_max <= most, "{} bytes for a script of {}", cost.bytes_max, bytes.len());
}

/// A client, and a server that knows what it should say.
struct Hostile {
    client: Client,
    now: Instant,
    /// Of the client's last hello.
    nonce: u64,
    is_sealed: bool,
    /// Once it has been welcomed.
    sealer: Option<Sealer>,
    sequence: u64,
    welcome: Welcome,
    tick: u64,
    /// What clusters were at ticks of which blocks were made.
    told: Vec<(u16, u64, Vec<Member>)>,
    said: Vec<Vec<u8>>,
}

impl Hostile {
    fn new(script: &mut Script, is_sealed: bool) -> Self {
        let flags = script.byte();
        let config = ClientConfig {
            pass: is_sealed.then(|| seal::pass(PLAYER)),
            encoding: if flags & 1 == 0 { Encoding::Compact } else { Encoding::Plain },
            decode: flags & 2 == 0,
            interpolation: (flags & 4 == 0).then(|| Duration::from_millis(100)),
            ..ClientConfig::new(PLAYER)
        };
        let client = Client::new(config, &Secret::from_seed(2), origin());
        let welcome = Welcome {
            nonce: 0,
            session: 5,
            epoch: 9,
            tick: Tick(1),
            period_ns: 33_333_333,
            timeout_ms: 10_000,
            datagram_bytes: 1_200,
            moves_per_second: 250,
            bounds: Bounds::ALL,
            client_id: PLAYER,
            placed: 0,
            at: Position::default(),
        };
        let (told, said) = (Vec::new(), Vec::new());
        let mut hostile = Self {
            client,
            now: origin(),
            nonce: 0,
            is_sealed,
            sealer: None,
            sequence: 0,
            welcome,
            tick: 1,
            told,
            said,
        };
        hostile.poll();
        if flags & 8 == 0 {
            hostile.welcome(0, script);
        }
        hostile
    }

    fn step(&mut self, script: &mut Script) {
        match script.below(13) {
            0 => {
                let length = usize::from(script.byte());
                self.hear(script.take(length));
            }
            1 => {
                let length = usize::from(script.byte());
                self.say(script.take(length).to_vec());
            }
            2 => self.challenge(script),
            3 => {
                let flags = script.byte();
                self.welcome(flags, script);
            }
            4 => self.refuse(script),
            5 => self.close(script),
            6 => self.plain(script),
            7 => self.compact(script),
            8 | 9 => self.blocks(script),
            10 => self.again(script),
            11 => self.pass(script),
            _ => self.act(script),
        }
        let world = self.client.world();
        assert!(world.len() <= KnownWorld::PLAYERS_MAX && self.client.malformed() <= self.client.ignored());
    }

    /// A datagram as it is.
    fn hear(&mut self, bytes: &[u8]) {
        self.client.receive(self.now, bytes);
        if self.said.len() < 16 {
            self.said.push(bytes.to_vec());
        }
    }

    /// A message of the session.
    fn say(&mut self, inside: Vec<u8>) {
        let datagram = match &self.sealer {
            Some(sealer) if self.is_sealed => {
                self.sequence += 1;
                sealer.datagram(6, self.sequence, &inside)
            }
            _ => inside,
        };
        self.hear(&datagram);
    }

    fn say_message(&mut self, message: &FromServer) {
        let mut bytes = Vec::new();
        encode_server(message, &mut bytes);
        self.say(bytes);
    }

    fn challenge(&mut self, script: &mut Script) {
        let nonce = if script.is_set() { script.number() } else { self.nonce };
        let proof = Proof { time_ms: script.number(), mac: [script.number(), 1] };
        let mut bytes = Vec::new();
        encode_server(&FromServer::Challenge(Challenge { nonce, proof }), &mut bytes);
        self.hear(&bytes);
        self.poll();
    }

    /// Flags say which fields are the script's.
    fn welcome(&mut self, flags: u8, script: &mut Script) {
        let mut field = |bit: u8, good: u64| if flags & bit == 0 { good } else { script.number() };
        let welcome = Welcome {
            nonce: field(1, self.nonce),
            session: field(2, self.welcome.session.wrapping_add(1)),
            epoch: field(4, self.welcome.epoch),
            tick: Tick(field(8, self.tick)),
            period_ns: field(16, 33_333_333),
            timeout_ms: field(32, 10_000) as u32,
            datagram_bytes: field(64, 1_200) as u32,
            client_id: field(128, PLAYER.into()) as u32,
            placed: u32::from(flags),
            ..self.welcome
        };
        (self.welcome, self.tick) = (welcome, welcome.tick.0);
        let mut inside = Vec::new();
        encode_server(&FromServer::Welcome(welcome), &mut inside);
        if !self.is_sealed {
            return self.hear(&inside);
        }
        let drawn = [welcome.nonce, welcome.session, welcome.epoch];
        let sealer = Sealer::new(&seal::session_key(PLAYER), drawn, "client");
        let clear =
            [&7_u32.to_le_bytes()[..], &[drawn[0], drawn[1], drawn[2], 1].map(u64::to_le_bytes).concat()];
        let datagram = sealer.seal(1, &clear.concat(), &inside);
        (self.sealer, self.sequence) = (Some(sealer), 1);
        self.hear(&datagram);
    }

    fn refuse(&mut self, script: &mut Script) {
        let nonce = if script.is_set() { script.number() } else { self.nonce };
        let reasons = [
            RefusalReason::Version,
            RefusalReason::Full,
            RefusalReason::ClientIdInUse,
            RefusalReason::Ticket,
        ];
        let refusal = Refusal { nonce, reason: reasons[script.below(4)], detail: script.word() };
        let mut bytes = Vec::new();
        encode_server(&FromServer::Refusal(refusal), &mut bytes);
        self.hear(&bytes);
    }

    fn close(&mut self, script: &mut Script) {
        let session = if script.is_set() { script.number() } else { self.welcome.session };
        let reason = match script.below(5) {
            0 => ClosedReason::ShuttingDown,
            1 => ClosedReason::TimedOut,
            2 => ClosedReason::Replaced,
            3 => ClosedReason::Left,
            _ => ClosedReason::Removed(script.word()),
        };
        self.say_message(&FromServer::Closed(Closed { session, reason }));
    }

    /// The header of the next snapshot, a late one, or one of any tick.
    fn header(&mut self, script: &mut Script) -> SnapshotHeader {
        let tick = match script.byte() {
            ahead @ 0..0xc0 => {
                self.tick = self.tick.wrapping_add(u64::from(ahead / 16) + 1);
                self.tick
            }
            behind @ 0xc0..0xf0 => self.tick.wrapping_sub(u64::from(behind - 0xc0)),
            _ => script.number(),
        };
        let session = self.welcome.session;
        SnapshotHeader {
            session,
            tick: Tick(tick),
            applied: script.word(),
            applied_history: 1,
            players: script.word(),
        }
    }

    fn plain(&mut self, script: &mut Script) {
        let header = self.header(script);
        let gone = (0..script.below(8)).map(|_| script.word()).collect();
        let count = script.below(20);
        let mut player = || Player { client_id: script.word(), at: place(script), state: script.word() };
        let players = (0..count).map(|_| player()).collect();
        let snapshot = PlainSnapshot { header, gone, players };
        let (mut bytes, extras) = (Vec::new(), extras(header.applied, script));
        encode_plain(&snapshot, &extras, &mut bytes);
        self.say(bytes);
    }

    /// A compact snapshot whose blocks are any bytes.
    fn compact(&mut self, script: &mut Script) {
        let header = self.header(script);
        let (widths, length) = (script.byte(), usize::from(script.byte()));
        self.say_compact(&header, widths, script.take(length));
    }

    fn say_compact(&mut self, header: &SnapshotHeader, widths: u8, behind: &[u8]) {
        let mut bytes = 5_u32.to_le_bytes().to_vec();
        bytes.extend_from_slice(&header.session.to_le_bytes());
        bytes.extend_from_slice(&header.tick.0.to_le_bytes());
        [header.applied, header.applied_history, header.players]
            .iter()
            .for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes.push(widths);
        bytes.extend_from_slice(behind);
        self.say(bytes);
    }

    /// A compact snapshot with blocks as a server makes them, of clusters that the script changes.
    fn blocks(&mut self, script: &mut Script) {
        let header = self.header(script);
        let (mut blocks, flags) = (Vec::new(), script.byte());
        for _ in 0..1 + (flags & 3) {
            let block = self.block(header.tick.0, script);
            blocks.extend_from_slice(&block);
        }
        // A checksum would be these 8 bytes; another width reads the same bits otherwise.
        let widths = if flags & 4 == 0 { CLUSTER_BITS } else { script.byte() };
        let extras = extras(header.applied, script);
        let widths = if extras.is_empty() { widths } else { widths | 0x20 };
        self.say_compact(&header, widths, &[extras, blocks].concat());
    }

    fn block(&mut self, tick: u64, script: &mut Script) -> Vec<u8> {
        let cluster = script.below(1 << CLUSTER_BITS) as u16;
        let is_base =
            |told: &&(u16, u64, Vec<Member>)| told.0 == cluster && told.1 < tick && tick - told.1 < 64;
        let nth = script.below(4);
        let base = self.told.iter().rev().filter(is_base).nth(nth).cloned();
        let (age, was) = base.map_or((0, Vec::new()), |(_, at, was)| ((tick - at) as u8, was));
        let is = changed(&was, script);
        let mut block = Vec::new();
        let moved_to = (script.below(5) as u16).checked_sub(1);
        let head = Head { cluster, age };
        Encoder::new().encode(head, CLUSTER_BITS.into(), &was, &is, |_| moved_to, &mut block);
        self.told.push((cluster, tick, is));
        if self.told.len() > 32 {
            self.told.remove(0);
        }
        block
    }

    /// Something that was said before.
    fn again(&mut self, script: &mut Script) {
        let at = script.below(16);
        if let Some(bytes) = self.said.get(at).cloned() {
            self.hear(&bytes);
        }
    }

    /// Time goes by.
    fn pass(&mut self, script: &mut Script) {
        let ms = match script.byte() {
            few @ 0..0xf0 => u64::from(few) * 4,
            _ => u64::from(script.word()),
        };
        self.now += Duration::from_millis(ms);
        self.poll();
    }

    fn poll(&mut self) {
        let mut hello = Vec::new();
        if self.client.poll(self.now, &mut hello) {
            let nonce = hello[8..16].try_into().expect("a hello has its nonce there");
            self.nonce = u64::from_le_bytes(nonce);
        }
    }

    /// What the game does with its client.
    fn act(&mut self, script: &mut Script) {
        let mut out = Vec::new();
        let drawn = script.word();
        if drawn & 1 == 1 {
            let delivery = if drawn & 2 == 0 { Delivery::Reliable } else { Delivery::Unreliable };
            let _may_be_full = self.client.send(delivery, &vec![7; drawn as usize >> 2 & 0x1ff]);
            assert!(self.client.waiting_messages() <= WAITING_MAX);
        }
        if drawn & 4 == 4 {
            self.read();
        }
        match script.below(8) {
            0 => _ = self.client.move_to(place(script), script.word(), &mut out),
            1 => _ = self.client.leave(&mut out),
            2 => {
                self.client.rejoin(self.now);
                self.poll();
            }
            _ => {
                let world = self.client.world();
                assert_eq!(world.players().count(), world.len());
                if let Some(time) = self.client.render_time(self.now) {
                    let shown = world.positions_at(time).inspect(|(_, at)| {
                        assert!(at.iter().all(|axis| axis.is_finite()), "{at:?}");
                    });
                    assert!(shown.count() <= world.len());
                }
            }
        }
    }
}

impl Hostile {
    /// No more than what may wait comes of it.
    fn read(&mut self) {
        let (client, mut bytes) = (&mut self.client, 0);
        client.take_correction();
        let count =
            std::iter::from_fn(|| client.take_message()).inspect(|message| bytes += message.len()).count();
        assert!(count <= WAITING_MAX && bytes <= WAITING_BYTES_MAX);
        let lost = std::iter::from_fn(|| client.take_lost()).count();
        assert!(lost <= WAITING_MAX);
    }
}

/// Extras of a snapshot, in one of four.
fn extras(drawn: u32, script: &mut Script) -> Vec<u8> {
    let mut bytes = Vec::new();
    if drawn & 3 != 3 {
        return bytes;
    }
    let correction = Correction { number: drawn >> 2 & 3, at: place(script) };
    let (first, length) = (u32::from(script.byte() & 7), usize::from(script.byte()));
    let text = script.take(length).to_vec();
    put_snapshot_extras(Some(correction), drawn >> 4 & 7, &mut bytes, |out| {
        for sequence in first..first + 3 {
            let sequence = if drawn & 128 == 0 { sequence } else { 0 };
            put_message(&Message { sequence, bytes: if text.is_empty() { b"-" } else { &text } }, out);
        }
    });
    bytes
}

fn place(script: &mut Script) -> Position {
    Position { x: script.word() as i32, y: script.word() as i32 }
}

/// The members of a cluster some ticks later: one leaves, some come, one jumps.
fn changed(was: &[Member], script: &mut Script) -> Vec<Member> {
    let (mut is, flags) = (was.to_vec(), script.byte());
    if flags & 1 == 1 && !is.is_empty() {
        is.remove(script.below(is.len()));
    }
    if flags & 2 == 2 && !is.is_empty() {
        let at = script.below(is.len());
        is[at].at = place(script);
        is[at].state = script.word();
        is[at].motion = Motion { x: script.word() as i16, y: script.word() as i16 };
    }
    for _ in 0..flags >> 5 {
        let id = script.word();
        if is.len() < MEMBERS_MAX && was.iter().chain(&is).all(|member| member.id != id) {
            is.push(Member { id, at: place(script), kind: flags >> 2 & 1, ..Member::default() });
        }
    }
    is
}
