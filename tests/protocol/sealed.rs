//! PROTOCOL-SEALED.md, held against the code: one handshake with a ticket, byte for byte.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig};
use tickcast::config::{Config, TicketConfig};
use tickcast::game::{Game, Realm, Step, Verdict};
use tickcast::gate::PeerAddr;
use tickcast::seal::{Mint, TicketKey, TicketKeys};
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{
    Ack, Encoding, FromClient, FromServer, Leave, Move, Position, SEALED_EXTRA_BYTES, SEALED_HEADER_BYTES,
    SEALED_WELCOME_HEADER_BYTES, TICKET_BYTES, TICKET_HELLO_BYTES, Tick, encode_client, encode_server,
};

const PAGE: &str = include_str!("../../PROTOCOL-SEALED.md");

/// What is given, as the page says it.
const EXPIRES: u64 = 1_800_000_000;
const CLIENT_ID: u32 = 7;

/// Bytes that count up from `first`.
fn counting<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|index| first + index as u8)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The vector as the page must show it: of each field its length, its name, and perhaps its value.
fn vector(name: &str, bytes: &[u8], fields: &[(usize, &str)]) -> String {
    let mut text = format!("`{name}`\n\n```vector\n");
    let mut at = 0;
    for (length, field) in fields {
        let (part, number) = (&bytes[at..at + length], bytes[at..at + length].iter().rev());
        let value = match length {
            4 => number.fold(0_u32, |value, byte| value << 8 | u32::from(*byte)).to_string(),
            8 => format!("{:#x}", number.fold(0_u64, |value, byte| value << 8 | u64::from(*byte))),
            length => format!("{length} bytes"),
        };
        writeln!(text, "{}  {field} = {value}", hex(part)).expect("a string takes it");
        at += length;
    }
    assert_eq!(at, bytes.len(), "{name}: all of it");
    text + "```\n"
}

/// All of them stand on the page, one after the other.
fn assert_on_page(vectors: &[String]) {
    let told = vectors.join("\n");
    assert!(PAGE.ends_with(&told), "PROTOCOL-SEALED.md must end with\n\n{told}");
}

/// A game that says nothing, so that nothing stands beside moves and snapshots.
struct Quiet;

impl Game for Quiet {
    fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        Verdict::Accept
    }
}

/// A server, and a client that joins it, moves once and leaves: what each of them says.
struct Handshake {
    server: Server,
    client: Client,
    now: Instant,
    tick: u64,
}

impl Handshake {
    fn addr() -> PeerAddr {
        PeerAddr::udp(SocketAddr::from(([127, 0, 0, 1], 5_000)), None).expect("somebody's address")
    }

    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "where the time starts makes no difference")]
        let now = Instant::now();
        let key = TicketKey::from_bytes(counting(0));
        let tickets = TicketConfig::new(TicketKeys::one(key));
        let config = Config { tickets: Some(tickets), ..Config::default() };
        let server =
            Server::with_game(config, Box::new(Quiet), &Secret::from_seed(1), now).expect("within bounds");
        server.gate().set_unix_seconds(EXPIRES - 1);
        let mint = Mint { client_id: CLIENT_ID, expires: EXPIRES, server: TicketConfig::SERVER };
        let pass = mint.pass(&key, counting(0x20));
        let config = ClientConfig { encoding: Encoding::Plain, ..ClientConfig::with_pass(pass) };
        Self { server, client: Client::new(config, &Secret::from_seed(2), now), now, tick: 0 }
    }

    /// What the client says next, and what the gate answers, which the client hears.
    fn say(&mut self, bytes: &[u8]) {
        if let Some(reply) = self.server.gate().receive(self.now, Self::addr(), bytes) {
            self.client.receive(self.now, &reply);
        }
    }

    fn hello(&mut self) -> Vec<u8> {
        let mut hello = Vec::new();
        assert!(self.client.poll(self.now, &mut hello), "a hello is due");
        hello
    }

    /// What the server says in the next tick, which the client hears.
    fn tick(&mut self) -> Vec<Vec<u8>> {
        self.now += Duration::from_millis(34);
        self.tick += 1;
        self.server.tick(self.now, Tick(self.tick));
        let (mut batch, mut sent) = (Batch::new(1_200), Vec::new());
        while self.server.poll(&mut batch) {
            sent.extend(batch.iter().map(|(_, bytes)| bytes.to_vec()));
        }
        sent.iter().for_each(|bytes| _ = self.client.receive(self.now, bytes));
        sent
    }
}

#[test]
fn a_handshake_with_a_ticket_is_what_the_page_says_byte_for_byte() {
    let (mut play, mut told) = (Handshake::new(), Vec::new());
    let first = play.hello();
    play.say(&first);
    let hello = play.hello();
    let ticket = [(4, "version"), (8, "key id"), (24, "salt"), (68, "sealed")];
    told.push(vector("ticket", &hello[56..56 + TICKET_BYTES], &ticket));
    let fields =
        [(4, "tag"), (4, "version"), (8, "nonce"), (4, "client id"), (4, "encoding"), (8, "session")];
    let fields = [&fields[..], &[(24, "proof"), (104, "ticket"), (32, "bearer tag")]].concat();
    told.push(vector("ticket hello", &hello, &fields));
    play.say(&hello);

    let welcome = &play.tick()[0];
    let fields = [(4, "tag"), (8, "nonce"), (8, "session"), (8, "epoch"), (8, "sequence")];
    let fields = [&fields[..], &[(88, "sealed"), (16, "seal tag")]].concat();
    told.push(vector("sealed welcome", welcome, &fields));
    let inside = *play.client.welcome().expect("it plays");
    let mut bytes = Vec::new();
    encode_server(&FromServer::Welcome(inside), &mut bytes);
    told.push(vector("inside of the sealed welcome", &bytes, &[(bytes.len(), "a Welcome")]));

    let mut step = Vec::new();
    let at = Position { x: -100, y: 2_500 };
    play.client.move_to(at, 9, &mut step).expect("it plays");
    let sealed = [(4, "tag"), (8, "sequence"), (48, "sealed"), (16, "seal tag")];
    told.push(vector("sealed move", &step, &sealed));
    let (session, ack) = (inside.session, Ack { newest: Tick(1), history: 0 });
    let inside = Move { client_id: CLIENT_ID, session, sequence: 1, at, state: 9, ack };
    let mut bytes = Vec::new();
    encode_client(&FromClient::Move(inside), &mut bytes);
    told.push(vector("inside of the sealed move", &bytes, &[(48, "a Move")]));
    play.say(&step);

    let mut leave = Vec::new();
    assert!(play.client.leave(&mut leave));
    let fields = [(4, "tag"), (8, "sequence"), (16, "sealed"), (16, "seal tag")];
    told.push(vector("sealed leave", &leave, &fields));
    let mut bytes = Vec::new();
    encode_client(&FromClient::Leave(Leave { client_id: CLIENT_ID, session }), &mut bytes);
    told.push(vector("inside of the sealed leave", &bytes, &[(16, "a Leave")]));
    play.say(&leave);
    told.push(vector("sealed closed", &play.tick()[0], &fields));
    assert_on_page(&told);
    assert_eq!(play.server.gate().drops().total(), 0, "all of it was accepted");
}

#[test]
fn the_page_has_the_lengths_of_the_code() {
    for told in [
        format!("A ticket is {TICKET_BYTES} bytes"),
        format!("A hello with a ticket is {TICKET_HELLO_BYTES} bytes"),
        format!("the first {SEALED_HEADER_BYTES} bytes"),
        format!("the first {SEALED_WELCOME_HEADER_BYTES} bytes"),
        format!("{SEALED_EXTRA_BYTES} bytes longer"),
        format!("within {} s", tickcast::config::PROOF_LIFETIME.as_secs()),
    ] {
        assert!(PAGE.contains(&told), "PROTOCOL-SEALED.md says: {told}");
    }
}
