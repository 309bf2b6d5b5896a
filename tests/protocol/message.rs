//! Vectors made into the crate's messages, by the values that a person reads.

use tickcast::wire::{
    self, Ack, Bounds, Challenge, Closed, ClosedReason, Correction, DecodeError, FromClient, FromServer,
    Hello, Leave, MESSAGE_HEADER_BYTES, Messages, Move, PlainSnapshot, Player, Position, Proof, Refusal,
    RefusalReason, SNAPSHOT_EXTRAS_BYTES_MIN, SnapshotHeader, Tick, Welcome, decode_client, decode_server,
    encode_client, encode_server,
};

use crate::page::{Line, Vector};

/// A message of either side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    Client(FromClient),
    Server(FromServer),
    LongMove(Move, MoveBeside),
    PlainWithExtras(PlainSnapshot, SnapshotBeside),
}

/// The number of a message, and what it says.
type Said = (u32, Vec<u8>);

/// [`wire::MoveExtras`], with messages of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MoveBeside {
    correction: u32,
    received: u32,
    messages: Vec<Said>,
}

/// [`wire::SnapshotExtras`], with messages of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SnapshotBeside {
    correction: Option<Correction>,
    received: u32,
    messages: Vec<Said>,
}

fn put(messages: &[Said], out: &mut Vec<u8>) {
    for (sequence, bytes) in messages {
        wire::put_message(&wire::Message { sequence: *sequence, bytes }, out);
    }
}

fn owned(messages: Messages) -> Vec<Said> {
    messages.map(|message| (message.sequence, message.bytes.to_vec())).collect()
}

impl Message {
    /// The message that the values of the vector make.
    pub(crate) fn from_vector(vector: &Vector) -> Self {
        let mut fields = Fields { vector, next: 0 };
        let kind = vector.name.split(',').next().unwrap_or_default();
        let tag: u32 = fields.number("tag");
        let message = match (kind, tag) {
            ("hello", 0) => Message::Client(FromClient::Hello(hello(&mut fields))),
            ("move", 1) => Message::Client(FromClient::Move(moved(&mut fields))),
            ("long move", 1) => Message::LongMove(moved(&mut fields), move_beside(&mut fields)),
            ("plain with extras", 8) => {
                let (header, beside) = (header(&mut fields), snapshot_beside(&mut fields));
                Message::PlainWithExtras(lists(header, &mut fields), beside)
            }
            ("leave", 2) => Message::Client(FromClient::Leave(leave(&mut fields))),
            ("challenge", 0) => Message::Server(FromServer::Challenge(challenge(&mut fields))),
            ("welcome", 1) => Message::Server(FromServer::Welcome(welcome(&mut fields))),
            ("refusal", 2) => Message::Server(FromServer::Refusal(refusal(&mut fields))),
            ("closed", 3) => Message::Server(FromServer::Closed(closed(&mut fields))),
            ("plain", 4) => Message::Server(FromServer::Plain(plain(&mut fields))),
            (kind, tag) => panic!("no message {kind} has the tag {tag}"),
        };
        assert_eq!(fields.next, vector.lines.len(), "{}: lines left over", vector.name);
        message
    }

    /// Its bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Message::Client(message) => encode_client(message, &mut bytes),
            Message::Server(message) => encode_server(message, &mut bytes),
            Message::LongMove(step, beside) => {
                encode_client(&FromClient::Move(*step), &mut bytes);
                wire::put_move_extras(beside.correction, beside.received, &mut bytes);
                put(&beside.messages, &mut bytes);
            }
            Message::PlainWithExtras(snapshot, beside) => {
                let (mut extras, messages) = (Vec::new(), &beside.messages);
                let said = |out: &mut Vec<u8>| put(messages, out);
                wire::put_snapshot_extras(beside.correction, beside.received, &mut extras, said);
                wire::encode_plain(snapshot, &extras, &mut bytes);
            }
        }
        bytes
    }

    /// What `bytes` say to the side that receives such messages.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Message, DecodeError> {
        match self {
            Message::Client(_) => decode_client(bytes).map(Message::Client),
            Message::Server(_) => decode_server(bytes).map(Message::Server),
            Message::LongMove(..) => {
                let (step, extras) = wire::decode_move(bytes)?;
                let wire::MoveExtras { correction, received, messages } = extras.expect("it has extras");
                Ok(Message::LongMove(step, MoveBeside { correction, received, messages: owned(messages) }))
            }
            Message::PlainWithExtras(..) => {
                let (snapshot, extras) = wire::decode_plain(bytes)?;
                let wire::SnapshotExtras { correction, received, messages } = extras.expect("it has extras");
                let beside = SnapshotBeside { correction, received, messages: owned(messages) };
                Ok(Message::PlainWithExtras(snapshot, beside))
            }
        }
    }
}

/// Hands out the fields of a vector in their order.
struct Fields<'a> {
    vector: &'a Vector,
    next: usize,
}

impl<'a> Fields<'a> {
    fn line(&mut self, field: &str) -> &'a Line {
        let line = &self.vector.lines[self.next];
        assert_eq!(line.field, field, "{}: line {}", self.vector.name, self.next + 1);
        self.next += 1;
        line
    }

    fn number<N: TryFrom<i128>>(&mut self, field: &str) -> N {
        let value = &self.line(field).value;
        let number = match value.strip_prefix("0x") {
            Some(digits) => i128::from_str_radix(digits, 16).ok(),
            None => value.parse().ok(),
        };
        let number = number.and_then(|number| N::try_from(number).ok());
        number.unwrap_or_else(|| panic!("{}: {field} = {value}", self.vector.name))
    }

    fn proof(&mut self) -> Proof {
        let line = self.line("proof");
        let is_zero = line.bytes.iter().all(|byte| *byte == 0);
        assert_eq!(line.value, if is_zero { "zeros" } else { "as received" }, "{}", self.vector.name);
        let (words, _) = line.bytes.as_chunks();
        let [time_ms, low, high] = [0, 1, 2].map(|i| u64::from_le_bytes(words[i]));
        Proof { time_ms, mac: [low, high] }
    }

    fn position(&mut self, x: &str, y: &str) -> Position {
        Position { x: self.number(x), y: self.number(y) }
    }
}

// Struct expressions take their fields in the order in which they are written: that of the wire.

fn hello(fields: &mut Fields) -> Hello {
    Hello {
        version: fields.number("version"),
        nonce: fields.number("nonce"),
        client_id: fields.number("client id"),
        encoding: fields.number("encoding"),
        session: fields.number("session"),
        proof: fields.proof(),
    }
}

fn moved(fields: &mut Fields) -> Move {
    Move {
        client_id: fields.number("client id"),
        session: fields.number("session"),
        sequence: fields.number("sequence"),
        at: fields.position("x", "y"),
        state: fields.number("state"),
        ack: Ack { newest: Tick(fields.number("ack newest")), history: fields.number("ack history") },
    }
}

fn leave(fields: &mut Fields) -> Leave {
    Leave { client_id: fields.number("client id"), session: fields.number("session") }
}

fn challenge(fields: &mut Fields) -> Challenge {
    Challenge { nonce: fields.number("nonce"), proof: fields.proof() }
}

fn welcome(fields: &mut Fields) -> Welcome {
    Welcome {
        nonce: fields.number("nonce"),
        session: fields.number("session"),
        epoch: fields.number("epoch"),
        tick: Tick(fields.number("tick")),
        period_ns: fields.number("period ns"),
        timeout_ms: fields.number("timeout ms"),
        datagram_bytes: fields.number("datagram bytes"),
        moves_per_second: fields.number("moves per second"),
        bounds: Bounds { min: fields.position("min x", "min y"), max: fields.position("max x", "max y") },
        client_id: fields.number("client id"),
        placed: fields.number("placed"),
        at: fields.position("x", "y"),
    }
}

fn refusal(fields: &mut Fields) -> Refusal {
    let nonce = fields.number("nonce");
    let reason = match fields.number("reason") {
        0 => RefusalReason::Version,
        2 => RefusalReason::ClientIdInUse,
        other => panic!("no vector shows reason {other}: {}", fields.vector.name),
    };
    Refusal { nonce, reason, detail: fields.number("detail") }
}

fn closed(fields: &mut Fields) -> Closed {
    let session = fields.number("session");
    let reason = match fields.number("reason") {
        1 => ClosedReason::TimedOut,
        4 => ClosedReason::Removed(fields.number("detail")),
        other => panic!("no vector shows reason {other}: {}", fields.vector.name),
    };
    Closed { session, reason }
}

fn plain(fields: &mut Fields) -> PlainSnapshot {
    lists(header(fields), fields)
}

fn header(fields: &mut Fields) -> SnapshotHeader {
    SnapshotHeader {
        session: fields.number("session"),
        tick: Tick(fields.number("tick")),
        applied: fields.number("applied"),
        applied_history: fields.number("applied history"),
        players: fields.number("players"),
    }
}

fn lists(header: SnapshotHeader, fields: &mut Fields) -> PlainSnapshot {
    let gone_count: u64 = fields.number("gone count");
    let gone = (0..gone_count).map(|_| fields.number("gone")).collect();
    let told_count: u64 = fields.number("told count");
    let players = (0..told_count).map(|_| Player {
        client_id: fields.number("client id"),
        at: fields.position("x", "y"),
        state: fields.number("state"),
    });
    PlainSnapshot { header, gone, players: players.collect() }
}

fn move_beside(fields: &mut Fields) -> MoveBeside {
    MoveBeside {
        correction: fields.number("correction"),
        received: fields.number("received"),
        messages: messages(fields),
    }
}

fn snapshot_beside(fields: &mut Fields) -> SnapshotBeside {
    let length: u16 = fields.number("extras length");
    let correction = Correction {
        number: fields.number("correction"),
        at: fields.position("correction x", "correction y"),
    };
    let beside = SnapshotBeside {
        correction: (correction.number != 0).then_some(correction),
        received: fields.number("received"),
        messages: messages(fields),
    };
    let said: usize = beside.messages.iter().map(|(_, bytes)| MESSAGE_HEADER_BYTES + bytes.len()).sum();
    assert_eq!(usize::from(length), SNAPSHOT_EXTRAS_BYTES_MIN - 2 + said, "{}", fields.vector.name);
    beside
}

/// As many as there are.
fn messages(fields: &mut Fields) -> Vec<Said> {
    let mut messages = Vec::new();
    while fields.vector.lines.get(fields.next).is_some_and(|line| line.field == "message") {
        let (number, length) = (fields.number("message"), fields.number("length"));
        let text = fields.line("text");
        assert_eq!(
            (text.bytes.len(), text.value.as_bytes()),
            (length, &*text.bytes),
            "{}",
            fields.vector.name
        );
        messages.push((number, text.bytes.clone()));
    }
    messages
}
