//! Bytes that nobody should send: none stops the server, costs it memory, or touches another's player.

use std::time::Duration;

use tickcast::client::{KnownWorld, Phase};
use tickcast::gate::{DropReason, PeerAddr};
use tickcast::wire::{
    Challenge, Closed, ClosedReason, FromServer, HELLO_BYTES, Hello, LEAVE_BYTES, Leave, MOVE_BYTES,
    PlainSnapshot, Player, Proof, Refusal, RefusalReason, SnapshotHeader, Tick, UDP_PAYLOAD_MAX, Welcome,
    encode_server,
};

use crate::draw::Draw;
use crate::pair::{Net, address, at, bytes_of, hello, small, step};

/// Players who stand by while others misbehave.
const BYSTANDERS: [u32; 2] = [101, 102];
/// The player of one who misbehaves.
const SUSPECT: u32 = 100;

#[test]
fn what_is_no_message_is_dropped_under_one_reason() {
    let mut scene = Scene::new();
    for length in [0, 1, 2, 15, 17, 47, 49, 55, 57, 1_200, 1_500, UDP_PAYLOAD_MAX, 70_000] {
        for fill in [0x00, 0x01, 0x7f, 0xff] {
            scene.expect_dropped(&vec![fill; length]);
        }
    }
    scene.check_bystanders();
}

#[test]
fn every_truncation_and_extension_of_a_message_is_dropped() {
    let mut scene = Scene::new();
    for (_, message) in scene.messages() {
        for length in 0..message.len() {
            scene.expect_dropped(&message[..length]);
        }
        for more in [1, 7, 1_000, 60_000] {
            let mut longer = message.clone();
            longer.resize(message.len() + more, 0);
            scene.expect_dropped(&longer);
        }
    }
    scene.check_bystanders();
}

#[test]
fn every_bit_flip_of_a_message_harms_its_own_peer_at_most() {
    for kind in 0..Scene::new().messages().len() {
        let mut scene = Scene::new();
        for bit in 0..scene.messages()[kind].1.len() * 8 {
            let (name, message) = scene.messages().swap_remove(kind);
            println!("{name}, bit {bit}");
            scene.suspect_says(&flipped(&message, bit));
            scene.check_bystanders();
            scene.renew_suspect();
        }
    }
}

#[test]
fn every_byte_set_to_an_extreme_harms_its_own_peer_at_most() {
    for kind in 0..Scene::new().messages().len() {
        let mut scene = Scene::new();
        for index in 0..scene.messages()[kind].1.len() {
            for value in [0x00, 0x80, 0xff] {
                let mut message = scene.messages().swap_remove(kind).1;
                message[index] = value;
                scene.suspect_says(&message);
                scene.check_bystanders();
                scene.renew_suspect();
            }
        }
    }
}

#[test]
fn random_bytes_of_anyone_change_nothing_for_others() {
    for seed in 0..20 {
        println!("seed {seed}");
        let (mut draw, mut scene) = (Draw::new(seed), Scene::new());
        for _ in 0..2_000 {
            let bytes = noise(&mut draw);
            let from =
                if draw.chance(50) { scene.suspect } else { address(draw.below(1 << 20) as u32 + 1_000) };
            scene.net.say_bytes(from, &bytes);
        }
        scene.net.step();
        scene.check_bystanders();
    }
}

#[test]
fn a_hundred_thousand_spoofed_hellos_leave_nothing_behind() {
    let mut net = Net::new(small());
    let mut challenges = 0;
    for number in 1..=100_000 {
        let victim = address(number);
        net.say(victim, hello(number, u64::from(number)));
        // The ledger weighs them.
        challenges += net.mail(victim).len() as u64;
    }
    assert_eq!(challenges + net.drops(DropReason::Unanswered), 100_000);
    assert!((1_000..10_000).contains(&challenges), "{challenges} in no time");
    assert_eq!((net.server.gate().peers(), net.server.gate().queued()), (0, 0));
    net.step();
    let report = net.server.report();
    assert_eq!((report.commands, report.players, report.totals.bytes_out), (0, 0, 0));
}

#[test]
fn a_hundred_thousand_hellos_with_made_up_proofs_are_dropped_unanswered() {
    let (mut net, mut draw) = (Net::new(small()), Draw::new(1));
    for number in 1..=100_000 {
        let proof = Proof { time_ms: draw.below(1_000), mac: [draw.number(), draw.number()] };
        net.say(address(number), Hello { proof, ..hello(number, 1) });
        assert!(net.mail(address(number)).is_empty());
    }
    net.step();
    assert_eq!((net.drops(DropReason::Proof), net.server.gate().peers()), (100_000, 0));
}

#[test]
fn nothing_that_a_stranger_says_is_answered_with_more_bytes() {
    let (mut net, mut draw) = (Net::new(small()), Draw::new(2));
    for number in 0..50_000 {
        net.say_bytes(address(1 + number % 500), &noise(&mut draw));
    }
    net.step();
    assert_eq!((net.server.gate().peers(), net.server.gate().queued()), (0, 0));
}

#[test]
fn a_client_survives_every_truncation_and_bit_flip_of_what_a_server_sends() {
    for (name, phase, message) in server_messages() {
        let flips = (0..message.len() * 8).map(|bit| flipped(&message, bit));
        let cuts = (0..message.len()).map(|length| message[..length].to_vec());
        for (index, bytes) in flips.chain(cuts).enumerate() {
            let mut net = sitting(phase);
            net.give_to_client(0, &bytes);
            assert!(net.seats[0].client.world().len() <= 2);
            net.rejoin(0);
            net.step();
            assert_eq!(net.phase(0), Phase::Playing, "{name}, variation {index}: it can still join");
        }
    }
}

#[test]
fn a_client_ignores_what_is_for_another_nonce_or_session() {
    for (name, phase, message) in server_messages() {
        for bit in 32..96 {
            let mut net = sitting(phase);
            net.give_to_client(0, &flipped(&message, bit));
            assert_eq!(net.phase(0), phase, "{name}, bit {bit} of its nonce or session");
            assert!(net.known(0).is_empty(), "{name}, bit {bit} of its nonce or session");
        }
    }
}

#[test]
fn lengths_that_lie_are_no_message_to_a_client() {
    let mut net = sitting(Phase::Playing);
    let (_, _, snapshot) = server_messages().pop().expect("the last is a snapshot");
    for (lie, index) in [(2, 32), (u64::MAX, 32), (1 << 40, 32), (3, 44), (u64::MAX / 16, 44), (1 << 61, 44)]
    {
        let mut bytes = snapshot.clone();
        bytes[index..index + 8].copy_from_slice(&u64::to_le_bytes(lie));
        net.give_to_client(0, &bytes);
    }
    assert_eq!((net.seats[0].client.ignored(), net.known(0)), (6, vec![]));
    net.give_to_client(0, &snapshot);
    assert_eq!(net.known(0).len(), 2, "without the lies it is one");
}

#[test]
fn a_client_survives_random_bytes_and_stays_small() {
    for seed in 0..20 {
        let (mut draw, mut net) = (Draw::new(seed), sitting(Phase::Playing));
        (0..2_000).for_each(|_| net.give_to_client(0, &noise(&mut draw)));
        assert_eq!(net.phase(0), Phase::Playing, "seed {seed}");
        assert_eq!(net.seats[0].client.ignored(), 2_000, "seed {seed}");
    }
}

#[test]
fn a_server_gone_mad_cannot_fill_a_clients_memory() {
    let mut net = sitting(Phase::Playing);
    let session = net.welcome(0).session;
    for tick in 0..300_u32 {
        let from = tick * 4_000;
        let player = |client_id| Player { client_id, at: at(0, 0), state: 0 };
        let snapshot = PlainSnapshot {
            header: SnapshotHeader {
                session,
                tick: Tick(100),
                players: u32::MAX,
                ..SnapshotHeader::default()
            },
            gone: (from..from + 300).map(|id| u32::MAX - id).collect(),
            players: (from..from + 4_000).map(player).collect(),
        };
        net.give_to_client(0, &on_wire(&FromServer::Plain(snapshot)));
    }
    assert_eq!(net.seats[0].client.world().len(), KnownWorld::PLAYERS_MAX);
}

/// Two who stand by and one who misbehaves, all peers of one server.
struct Scene {
    net: Net,
    bystanders: [usize; 2],
    suspect: PeerAddr,
    session: u64,
    /// Another hello of the suspect, not yet said.
    proven: Hello,
    round: i32,
}

impl Scene {
    fn new() -> Self {
        let mut net = Net::new(small());
        let bystanders = BYSTANDERS.map(|client_id| net.join(client_id));
        let suspect = net.address();
        let mut scene = Self { net, bystanders, suspect, session: 0, proven: hello(SUSPECT, 0), round: 0 };
        scene.renew_suspect();
        scene
    }

    /// From its address the suspect plays its own client id again, in a new session.
    fn renew_suspect(&mut self) {
        // Peers may say hello eight times a second.
        self.net.pass(Duration::from_millis(125));
        self.net.step();
        self.round += 1;
        let nonce = self.round as u64;
        self.session = self.net.welcomed(self.suspect, hello(SUSPECT, nonce)).session;
        self.proven = self.net.prove(self.suspect, hello(SUSPECT, nonce | 1 << 32));
    }

    /// Every message that the suspect might send now.
    fn messages(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("hello", bytes_of(hello(SUSPECT, 7))),
            ("hello with proof", bytes_of(self.proven)),
            ("move", bytes_of(step(SUSPECT, self.session, 1, 100))),
            ("leave", bytes_of(Leave { client_id: SUSPECT, session: self.session })),
        ]
    }

    /// The suspect says something, and a tick goes by, after which the books must balance.
    fn suspect_says(&mut self, bytes: &[u8]) {
        self.net.say_bytes(self.suspect, bytes);
        self.net.step();
        self.net.mail(self.suspect);
    }

    fn expect_dropped(&mut self, bytes: &[u8]) {
        let before = self.net.dropped();
        self.net.say_bytes(self.suspect, bytes);
        assert_eq!(self.net.dropped(), before + 1, "{} bytes beginning {:?}", bytes.len(), bytes.first());
        assert_eq!(self.net.server.gate().queued(), 0);
    }

    /// Those who stand by play on as if nothing were.
    fn check_bystanders(&mut self) {
        self.round += 1;
        for seat in self.bystanders {
            self.net.move_to(seat, self.round, 0);
        }
        self.net.step();
        for client_id in BYSTANDERS {
            assert_eq!(self.net.true_at(client_id), Some(at(self.round, 0)), "player {client_id}");
        }
        assert!(self.bystanders.iter().all(|&seat| self.net.known(seat) == self.net.truth()));
        assert!(self.net.server.gate().peers() <= 3, "an address is one peer at most");
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// Random bytes, often of a length and with a beginning that get them past the first checks.
fn noise(draw: &mut Draw) -> Vec<u8> {
    let lengths = [HELLO_BYTES, MOVE_BYTES, LEAVE_BYTES, draw.below(200) as usize];
    let length = lengths[draw.below(4) as usize];
    let mut bytes = draw.bytes(length);
    let beginning = [draw.below(6) as u8, 0, 0, 0, draw.below(3) as u8, 0, 0, 0];
    if draw.chance(80) && bytes.len() >= beginning.len() {
        bytes[..beginning.len()].copy_from_slice(&beginning);
    }
    bytes
}

/// A client that is joining or playing; every time the same, so that nonces and sessions are too.
fn sitting(phase: Phase) -> Net {
    let mut net = Net::new(small());
    match phase {
        Phase::Joining => net.seat(7),
        _ => net.join(7),
    };
    net
}

/// Every message that a server might send to the client of [`sitting`], and the phase that it is for.
fn server_messages() -> Vec<(&'static str, Phase, Vec<u8>)> {
    let welcome = sitting(Phase::Playing).welcome(0);
    let Welcome { nonce, session, .. } = welcome;
    let header = SnapshotHeader { session, tick: Tick(2), players: 2, ..SnapshotHeader::default() };
    let players = [1, 2].map(|client_id| Player { client_id, at: at(3, 4), state: 0 }).to_vec();
    let proof = Proof { time_ms: 5, mac: [6, 7] };
    let refusal = Refusal { nonce, reason: RefusalReason::Full, detail: 0 };
    let closed = Closed { session, reason: ClosedReason::ShuttingDown };
    let snapshot = PlainSnapshot { header, gone: vec![9], players };
    vec![
        ("challenge", Phase::Joining, on_wire(&FromServer::Challenge(Challenge { nonce, proof }))),
        ("welcome", Phase::Joining, on_wire(&FromServer::Welcome(welcome))),
        ("refusal", Phase::Joining, on_wire(&FromServer::Refusal(refusal))),
        ("closed", Phase::Playing, on_wire(&FromServer::Closed(closed))),
        ("snapshot", Phase::Playing, on_wire(&FromServer::Plain(snapshot))),
    ]
}

fn on_wire(message: &FromServer) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_server(message, &mut bytes);
    bytes
}
