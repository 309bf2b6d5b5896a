//! Real messages to begin with: what a fuzzer could hardly guess, such as the session of the one who plays.

use tickcast::wire::block::{Encoder, Head, Member};
use tickcast::wire::{
    Ack, Challenge, Closed, ClosedReason, Correction, FromClient, FromServer, Hello, Leave, Message, Move,
    PROTOCOL_VERSION, PlainSnapshot, Player, Position, Proof, Refusal, RefusalReason, SNAPSHOT_HEADER_BYTES,
    SnapshotHeader, Tick, encode_client, encode_plain, encode_server, put_message, put_move_extras,
    put_snapshot_extras,
};

use crate::targets::scene::{Kind, PLAYER, Scene};
use crate::targets::seal;

#[path = "../maps/mod.rs"]
mod maps;

/// The target, the name of the file, and what is in it.
type Seed = (&'static str, String, Vec<u8>);

pub(crate) fn seeds() -> Vec<Seed> {
    let mut seeds = from_server();
    for (number, kind) in [(0, Kind::Clear), (1, Kind::Open), (2, Kind::Sealed)] {
        seeds.extend(to_gate(number, kind));
    }
    seeds.extend(sealed());
    seeds.extend(texts());
    seeds.extend(answers());
    seeds.extend(maps());
    seeds.push(("blocks", "seed-alone".into(), block()));
    seeds
}

fn hello() -> Hello {
    let (version, client_id) = (PROTOCOL_VERSION, PLAYER);
    Hello { version, nonce: 5, client_id, encoding: 1, session: 0, proof: Proof::NONE }
}

fn messages(scene: &Scene) -> Vec<(&'static str, FromClient)> {
    let (session, client_id, at) = (scene.welcome.session, PLAYER, Position { x: 5, y: -5 });
    let ack = Ack { newest: Tick(1), history: 0 };
    let step = Move { client_id, session, sequence: 1, at, state: 0, ack };
    vec![
        ("hello", FromClient::Hello(hello())),
        ("proven", FromClient::Hello(scene.prove(Scene::elsewhere(), hello()))),
        ("again", FromClient::Hello(scene.prove(Scene::home(), Hello { session, ..hello() }))),
        ("version", FromClient::Hello(Hello { version: 2, ..hello() })),
        ("move", FromClient::Move(step)),
        ("open", FromClient::Move(Move { session: 0, ..step })),
        ("leave", FromClient::Leave(Leave { client_id, session })),
    ]
}

fn written(message: &FromClient) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_client(message, &mut bytes);
    bytes
}

/// The move, and what its client says besides.
fn long_move(scene: &Scene) -> Vec<u8> {
    let mut bytes = written(&messages(scene)[4].1);
    put_move_extras(0, 0, &mut bytes);
    put_message(&Message { sequence: 1, bytes: b"one" }, &mut bytes);
    put_message(&Message { sequence: 0, bytes: b"and another" }, &mut bytes);
    bytes
}

/// To the server of that number, from the one who plays and from elsewhere; and without those bytes.
fn to_gate(number: u8, kind: Kind) -> Vec<Seed> {
    let scene = Scene::new(kind);
    let mut seeds = Vec::new();
    for (name, message) in messages(&scene) {
        let bytes = written(&message);
        // 129 is a multiple of 3, and its upper bit is the address.
        for (from, first) in [("home", number), ("elsewhere", 129 + number)] {
            seeds.push(("gate", format!("seed-{number}-{name}-{from}"), [&[first], &bytes[..]].concat()));
        }
        if kind == Kind::Clear {
            seeds.push(("client_messages", format!("seed-{name}"), bytes));
        }
    }
    let long = long_move(&scene);
    seeds.push(("gate", format!("seed-{number}-long-move-home"), [&[number], &long[..]].concat()));
    if kind == Kind::Clear {
        seeds.push(("client_messages", "seed-long-move".into(), long.clone()));
    }
    if kind == Kind::Sealed {
        let (pass, proven) = (seal::pass(PLAYER), scene.prove(Scene::elsewhere(), hello()));
        let bytes = seal::ticket_hello(&proven, pass.ticket(), &seal::session_key(PLAYER));
        seeds.push(("gate", "seed-2-ticket-elsewhere".into(), [&[131], &bytes[..]].concat()));
        let step = scene.sealer.datagram(4, 1, &written(&messages(&scene)[4].1));
        seeds.push(("gate", "seed-2-sealed-home".into(), [&[2], &step[..]].concat()));
        let long = scene.sealer.datagram(4, 1, &long);
        seeds.push(("gate", "seed-2-sealed-long-home".into(), [&[2], &long[..]].concat()));
    }
    seeds
}

/// What is inside of envelopes, and a hello with a ticket that is as it should be.
fn sealed() -> Vec<Seed> {
    let scene = Scene::new(Kind::Sealed);
    let seed = |(name, message): &(&str, FromClient)| {
        ("sealed_gate", format!("seed-{name}"), [&[0], &written(message)[..]].concat())
    };
    let mut seeds: Vec<Seed> = messages(&scene)[4..].iter().map(seed).collect();
    seeds.push(("sealed_gate", "seed-long-move".into(), [&[0], &long_move(&scene)[..]].concat()));
    seeds.push(("sealed_gate", "seed-ticket".into(), vec![0x83, 0, 5, 1, 0, 0, 0]));
    seeds.push(("sealed_gate", "seed-ticket-again".into(), vec![3, 0, 5, 1, 0, 0, 0]));
    seeds
}

fn from_server() -> Vec<Seed> {
    let (session, proof) = (5, Proof { time_ms: 1, mac: [2, 3] });
    let header = SnapshotHeader { session, tick: Tick(9), applied: 1, applied_history: 0, players: 2 };
    let plain = PlainSnapshot { header, gone: vec![4], players: vec![Player::default(); 2] };
    let messages = [
        ("challenge", FromServer::Challenge(Challenge { nonce: 5, proof })),
        ("welcome", FromServer::Welcome(Scene::new(Kind::Clear).welcome)),
        ("refusal", FromServer::Refusal(Refusal { nonce: 5, reason: RefusalReason::Full, detail: 0 })),
        ("closed", FromServer::Closed(Closed { session, reason: ClosedReason::Left })),
        ("removed", FromServer::Closed(Closed { session, reason: ClosedReason::Removed(7) })),
        ("plain", FromServer::Plain(plain.clone())),
    ];
    let mut seeds: Vec<Seed> = Vec::new();
    for (name, message) in messages {
        let mut bytes = Vec::new();
        encode_server(&message, &mut bytes);
        if name == "plain" {
            // Says of its second list that it has a thousand players.
            let mut greedy = bytes.clone();
            greedy[44..46].copy_from_slice(&1_000_u16.to_le_bytes());
            seeds.push(("server_messages", "a-list-that-claims-more-than-there-is".into(), greedy));
        }
        seeds.push(("server_messages", format!("seed-{name}"), bytes));
    }
    let (mut extras, correction) = (Vec::new(), Correction { number: 2, at: Position { x: 4, y: -4 } });
    put_snapshot_extras(Some(correction), 3, &mut extras, |out| {
        put_message(&Message { sequence: 6, bytes: b"six" }, out);
    });
    let mut bytes = Vec::new();
    encode_plain(&plain, &extras, &mut bytes);
    seeds.push(("server_messages", "seed-plain-with-extras".into(), bytes.clone()));
    let compact = [&5_u32.to_le_bytes()[..], &bytes[4..SNAPSHOT_HEADER_BYTES], &[0x20 | 8], &extras];
    seeds.push(("server_messages", "seed-compact-with-extras".into(), compact.concat()));
    seeds
}

/// Two who stand alone; the widths of [`crate::targets`]' first bytes before it.
fn block() -> Vec<u8> {
    let member = |id: u32| Member { id, at: Position { x: id as i32, y: 9 }, ..Member::default() };
    let (mut bytes, head) = (vec![8, 0], Head { cluster: 3, age: 0 });
    Encoder::new().encode(head, 8, &[], &[member(7), member(9)], |_| None, &mut bytes);
    bytes
}

fn texts() -> Vec<Seed> {
    let keys = format!("# new\n{0}\n\n{0}\n", seal::ticket_key().to_text());
    let settings = "tick-rate = 60\ntimeout = \"5s\"\nworld = \"-9,-9,9,9\"\nopen = true\nclient-ids = \"1-9\"\nview = 64\n\
                    bind = \"[::1]:9\"\nlog-format = \"json\"\nmax-peers = 9\ndatagram-bytes = 300\n";
    let texts = [
        ("settings", 0, settings.to_owned()),
        ("world", 1, "-10, -20, 30, 40".into()),
        ("rate", 2, "59.94".into()),
        ("key", 3, seal::ticket_key().to_text()),
        ("pass", 4, seal::pass(PLAYER).to_text()),
        ("keys", 5, keys),
    ];
    texts
        .map(|(name, kind, text)| ("texts", format!("seed-{name}"), [&[kind], text.as_bytes()].concat()))
        .into()
}

fn answers() -> Vec<Seed> {
    let profile = r#"{"name": "Anna", "start": {"x": -5, "y": 7}, "distance": 9, "played_ms": 8, "catches": 2, "guild": [1]}"#;
    let board =
        r#"{"entries": [{"client_id": 3, "name": "\u005aö", "score": 9}, {"client_id": 4, "score": 1}]}"#;
    [("profile", profile), ("leaderboard", board)]
        .map(|(name, text)| ("answers", format!("seed-{name}"), text.as_bytes().to_vec()))
        .into()
}

/// One file, and two of which the first names the second.
fn maps() -> Vec<Seed> {
    let drawn = maps::drawn(&["####", "#sx#", "####"], "two.tmx");
    let tileset = r#"<tileset name="t" tilewidth="9" tileheight="9" tilecount="2" columns="1"><tile id="1"><properties><property name="wall" type="bool" value="true"/></properties></tile></tileset>"#;
    let naming = r#"<map version="1.10" orientation="orthogonal" width="2" height="1" tilewidth="9" tileheight="9" infinite="0"><tileset firstgid="1" source="t.tsx"/><layer id="1" name="l" width="2" height="1"><data encoding="base64" compression="zlib">eJxjZGBgYAJiAAAUAAQ=</data></layer></map>"#;
    [("one-file", drawn), ("two-files", format!("{naming}\0{tileset}"))]
        .map(|(name, text)| ("maps", format!("seed-{name}"), text.into_bytes()))
        .into()
}
