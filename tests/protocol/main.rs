//! PROTOCOL.md, held against the code: what the page says in tables, vectors and numbers is read from the page
//! itself, so that neither can change without the other.

mod measured;
mod message;
mod page;
mod sealed;

use std::time::Duration;

use message::Message;
use page::{Row, measures, section, tables, vectors};
use tickcast::config::{Config, ConfigError, PROOF_LIFETIME, TickRate};
use tickcast::mail::{AGAIN_AFTER, AGAIN_AFTER_MAX, AGAIN_AFTER_MIN, WAITING_BYTES_MAX, WAITING_MAX};
use tickcast::wire::{
    Ack, CHALLENGE_BYTES, CLOSED_BYTES, Closed, ClosedReason, EXTRAS_BYTES_MAX, FromServer, HELLO_BYTES,
    LEAVE_BYTES, MESSAGE_HEADER_BYTES, MOVE_BYTES, MOVE_EXTRAS_BYTES_MIN, PLAYER_BYTES, PROTOCOL_VERSION,
    REFUSAL_BYTES, REMOVED_BYTES, Refusal, RefusalReason, SNAPSHOT_EXTRAS_BYTES_MIN, SNAPSHOT_HEADER_BYTES,
    SnapshotHeader, UDP_PAYLOAD_MAX, WELCOME_BYTES, decode_server, extras_bytes_max, message_bytes_max,
};

/// A snapshot with empty lists: its header and two numbers.
const PLAIN_BYTES_MIN: usize = SNAPSHOT_HEADER_BYTES + 2 * size_of::<u64>();

#[test]
fn every_vector_is_what_the_codec_writes_and_reads() {
    for vector in vectors() {
        let message = Message::from_vector(&vector);
        assert_eq!(message.encode(), vector.bytes(), "{}: what the codec writes", vector.name);
        assert_eq!(message.decode(&vector.bytes()), Ok(message), "{}: what the codec reads", vector.name);
    }
}

#[test]
fn every_message_has_a_table_and_a_vector_of_its_length() {
    let client = [("Hello", HELLO_BYTES), ("Move", MOVE_BYTES), ("Leave", LEAVE_BYTES)];
    let server = [
        ("Challenge", CHALLENGE_BYTES),
        ("Welcome", WELCOME_BYTES),
        ("Refusal", REFUSAL_BYTES),
        ("Closed", CLOSED_BYTES),
        ("Plain", PLAIN_BYTES_MIN),
    ];
    for (title, messages) in
        [("Messages from the client", &client[..]), ("Messages from the server", &server[..])]
    {
        let rows = &tables(section(title))[0];
        assert_eq!(rows.len(), messages.len(), "{title}");
        for (tag, (row, (name, bytes))) in rows.iter().zip(messages).enumerate() {
            let link = format!("[{name}](#{})", name.to_lowercase());
            let length = match *name {
                "Plain" => format!("{bytes} or more"),
                "Closed" => format!("{bytes} or {REMOVED_BYTES}"),
                _ => bytes.to_string(),
            };
            assert_eq!(row[..3], [tag.to_string(), link, length], "{title}");
            assert_fields(name, tag, *bytes);
        }
    }
}

/// The table of the message, laid beside each of its vectors, line for line.
fn assert_fields(name: &str, tag: usize, bytes: usize) {
    let fields = fixed_fields(&tables(section(name))[0], name);
    assert_eq!(tables(section(name))[0][0][4], tag.to_string(), "{name}: the tag in its table");
    let kind = format!("{},", name.to_lowercase());
    let own = vectors().into_iter().filter(|vector| format!("{},", vector.name).starts_with(&kind));
    let mut seen = 0;
    for vector in own {
        seen += 1;
        let lines = vector.lines.iter().map(|line| (line.field.as_str(), line.bytes.len()));
        let lines: Vec<_> = lines.take(fields.len()).collect();
        let fields: Vec<_> = fields.iter().map(|(field, size)| (field.as_str(), *size)).collect();
        assert_eq!(lines, fields, "{}: vector beside table", vector.name);
        let length = vector.bytes().len();
        let is_longer = name == "Plain" && length >= bytes || name == "Closed" && length == REMOVED_BYTES;
        assert!(length == bytes || is_longer, "{}: {length} bytes", vector.name);
    }
    assert!(seen > 0, "{name} has a vector");
}

/// Names and sizes of the fields whose place does not depend on a list.
fn fixed_fields(rows: &[Row], name: &str) -> Vec<(String, usize)> {
    fields_from(0, rows, name)
}

fn fields_from(mut offset: usize, rows: &[Row], name: &str) -> Vec<(String, usize)> {
    let mut fields = Vec::new();
    for row in rows {
        let (Ok(at), Ok(size)) = (row[0].parse::<usize>(), row[1].parse::<usize>()) else { break };
        assert_eq!(at, offset, "{name}: the offset of {}", row[3]);
        let width = match row[2].as_str() {
            "u16" => 2,
            "u32" | "i32" => 4,
            "u64" => 8,
            "bytes" => size_of::<tickcast::wire::Proof>(),
            other => panic!("{name}: no such type: {other}"),
        };
        assert_eq!(size, width, "{name}: the size of {}", row[3]);
        fields.push((row[3].clone(), size));
        offset += size;
    }
    fields
}

#[test]
fn a_player_in_a_snapshot_is_laid_out_as_its_table_says() {
    let fields = fixed_fields(&tables(section("Plain"))[1], "a player");
    let names: Vec<_> = fields.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(names, ["client id", "x", "y", "state"]);
    assert_eq!(fields.iter().map(|(_, size)| size).sum::<usize>(), PLAYER_BYTES);
    let told = &tables(section("Plain"))[0][9];
    assert_eq!(told[1], format!("{PLAYER_BYTES} each"));
}

/// Tables of the extras, laid beside their vectors.
#[test]
fn extras_are_laid_out_as_their_tables_say() {
    let cases = [
        ("Extras of a move", "long move", MOVE_BYTES, MOVE_EXTRAS_BYTES_MIN),
        ("Extras of a snapshot", "plain with extras", SNAPSHOT_HEADER_BYTES, SNAPSHOT_EXTRAS_BYTES_MIN),
    ];
    for (title, name, behind, length) in cases {
        let start = if title == "Extras of a move" { behind } else { 0 };
        let fields = fields_from(start, &tables(section(title))[0], title);
        assert_eq!(fields.iter().map(|(_, size)| size).sum::<usize>(), length, "{title}");
        let own: Vec<_> = vectors().into_iter().filter(|vector| vector.name.starts_with(name)).collect();
        assert!(!own.is_empty(), "{name} has a vector");
        for vector in own {
            let mut at = 0;
            let is_before = |line: &&page::Line| {
                at += line.bytes.len();
                at <= behind
            };
            let skipped = vector.lines.iter().take_while(is_before).count();
            let lines = vector.lines[skipped..].iter().map(|line| (line.field.clone(), line.bytes.len()));
            assert_eq!(lines.take(fields.len()).collect::<Vec<_>>(), fields, "{}", vector.name);
        }
    }
    let message = fields_from(0, &tables(section("Extras of a move"))[1], "a message");
    assert_eq!(message, [("message".to_owned(), 4), ("length".to_owned(), 2)]);
}

#[test]
fn every_reason_is_listed_under_its_number() {
    let refusal = |reason| FromServer::Refusal(Refusal { nonce: 1, reason, detail: 0 });
    assert_reasons("Refusal", &refusal(RefusalReason::Version), |message| match message {
        FromServer::Refusal(refusal) => serde_json::to_value(refusal.reason).ok(),
        _ => None,
    });
    let closed = FromServer::Closed(Closed { session: 1, reason: ClosedReason::ShuttingDown });
    assert_reasons("Closed", &closed, |message| match message {
        FromServer::Closed(Closed { reason: ClosedReason::Removed(_), .. }) => Some("removed".into()),
        FromServer::Closed(closed) => serde_json::to_value(closed.reason).ok(),
        _ => None,
    });
}

/// Puts one number after the other in the place of the reason, which is at 12 in both messages.
fn assert_reasons(name: &str, sample: &FromServer, reason: fn(FromServer) -> Option<serde_json::Value>) {
    let mut bytes = Message::Server(sample.clone()).encode();
    let rows = &tables(section(name))[1];
    for (number, row) in rows.iter().enumerate() {
        bytes[12..16].copy_from_slice(&(number as u32).to_le_bytes());
        // With a detail, where it takes one.
        let with_detail = [&bytes[..], &[0; 4]].concat();
        let read = decode_server(&bytes).or_else(|_| decode_server(&with_detail)).ok().and_then(reason);
        assert_eq!(row[..2], [number.to_string(), row[1].clone()], "{name}: in order");
        assert_eq!(read, Some(row[1].as_str().into()), "{name}: reason {number}");
    }
    bytes[12..16].copy_from_slice(&(rows.len() as u32).to_le_bytes());
    let with_detail = [&bytes[..], &[0; 4]].concat();
    let is_read = [&bytes, &with_detail].into_iter().any(|bytes| decode_server(bytes).is_ok());
    assert!(!is_read, "{name}: a reason is not on the page");
}

#[test]
fn every_number_is_the_codes_own() {
    let rows: Vec<(String, String)> =
        tables(section("Numbers"))[0].iter().map(|row| (row[0].clone(), row[1].replace(',', ""))).collect();
    let expected: Vec<(String, String)> =
        numbers().into_iter().map(|(name, value)| (name.to_owned(), value.replace(',', ""))).collect();
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected, "PROTOCOL.md, left, beside the code, right");
    }
    assert_eq!(rows.len(), expected.len());
}

fn numbers() -> Vec<(&'static str, String)> {
    let config = Config::default();
    let s = |duration: Duration| format!("{} s", duration.as_secs_f64());
    let default = |value: u64| move |bound: String| format!("{bound}, default {value}");
    let header = SnapshotHeader::default();
    vec![
        ("version of the protocol", PROTOCOL_VERSION.to_string()),
        ("default address", measured::default_address()),
        ("Hello is sent again every", format!("{} ms", measured::hello_interval().as_millis())),
        ("proof is good for", s(PROOF_LIFETIME)),
        ("proof is used by a client for", s(measured::proof_used_for())),
        ("silence after which a client joins again", s(measured::silence(1000.0))),
        ("the same, at least", format!("{} periods", measured::silence(1.0).as_secs())),
        ("ids that have gone are named for", s(measured::gone_named_for())),
        ("a player is forgotten after at least", s(measured::forgotten_after(1, 1))),
        ("the same, and after at least", {
            let periods = measured::forgotten_after(500, 5).as_secs_f64() * measured::HZ / 100.0;
            format!("{} × players / told count ticks", periods.round())
        }),
        ("largest part of a datagram that gone takes", format!("1/{}", measured::gone_share())),
        ("everyone is told of everyone within", {
            format!("{} × players / told count ticks", measured::turns_to_tell_everyone())
        }),
        ("an acknowledgement's history", format!("{} ticks", Ack::default().history.count_zeros())),
        ("the applied history", format!("{} moves", header.applied_history.count_zeros())),
        ("every version shares of a Hello", format!("{} bytes", measured::hello_prefix_bytes())),
        ("shortest Hello of another version that is answered", {
            format!("{} bytes", measured::shortest_answered_hello())
        }),
        ("client ids", format!("{} to {}", config.client_ids.start(), config.client_ids.end())),
        ("tick rate", {
            let (min, max, default) = (TickRate::MIN_HZ, TickRate::MAX_HZ, config.tick_rate.hz().round());
            format!("{min} to {max} Hz, default {default} Hz")
        }),
        ("peers", {
            let bound = bound(Config { max_peers: 0, ..Config::default() });
            default(config.max_peers as u64)(format!("{} to {}", bound.0, bound.1))
        }),
        ("timeout", {
            let bound = bound(Config { timeout: Duration::ZERO, ..Config::default() });
            format!("{} ms to {} s, default {}", bound.0, bound.1 / 1000, s(config.timeout))
        }),
        ("datagram bytes", {
            let bound = bound(Config { datagram_bytes: 0, ..Config::default() });
            format!("{} to {} bytes, default {} bytes", bound.0, bound.1, config.datagram_bytes)
        }),
        ("moves per second", {
            let bound = bound(Config { moves_per_second: 0, ..Config::default() });
            default(u64::from(config.moves_per_second))(format!("{} to {}", bound.0, bound.1))
        }),
        ("burst after a pause", {
            let part = config.moves_per_second / config.burst();
            let least = Config { moves_per_second: 1, ..Config::default() }.burst();
            format!("1/{part} of moves per second, at least {least} datagrams")
        }),
        (
            "a reliable message is sent again after, while nothing is known",
            format!("{} ms", AGAIN_AFTER.as_millis()),
        ),
        ("the same message, after at least", format!("{} ms", AGAIN_AFTER_MIN.as_millis())),
        ("and after at most", format!("{} s", AGAIN_AFTER_MAX.as_secs())),
        ("messages that wait at one end", format!("{WAITING_MAX}, with {WAITING_BYTES_MAX} bytes")),
        ("extras", {
            let share = 1_200 / extras_bytes_max(1_200);
            format!("1/{share} of datagram bytes, at most {EXTRAS_BYTES_MAX} bytes")
        }),
        ("a message", format!("{} bytes less", EXTRAS_BYTES_MAX - message_bytes_max(UDP_PAYLOAD_MAX))),
        ("before each message stand", format!("{MESSAGE_HEADER_BYTES} bytes")),
        ("message bytes per second", {
            let bound = bound(Config { message_bytes_per_second: 0, ..Config::default() });
            default(u64::from(config.message_bytes_per_second))(format!("{} to {}", bound.0, bound.1))
        }),
    ]
}

/// The bound that `config` is refused for.
fn bound(config: Config) -> (u64, u64) {
    match config.check() {
        Err(ConfigError::OutOfBounds { bound, .. }) => (*bound.start(), *bound.end()),
        other => panic!("within bounds: {other:?}"),
    }
}

/// "every 250 ms" somewhere on the page must be the 250 ms of its last table, or a length of a message.
#[test]
fn every_measure_in_the_text_is_one_of_the_numbers() {
    let mut known = measures(section("Numbers"));
    known.extend(
        [HELLO_BYTES, MOVE_BYTES, CHALLENGE_BYTES, REFUSAL_BYTES]
            .map(|bytes| (bytes as u64, "bytes".to_owned())),
    );
    known.extend([4, 8].map(|width| (width, "bytes".to_owned())));
    let stated = measures(page::text());
    assert!(stated.len() > known.len(), "the page states measures");
    for measure in stated {
        assert!(
            known.contains(&measure),
            "PROTOCOL.md states {measure:?}, which its table of numbers does not"
        );
    }
}
