//! A sample of hostile datagrams on a real socket; `tests/core/` has all of them.

use std::net::UdpSocket;

use tickcast::Config;
use tickcast::wire::{Ack, FromClient, Hello, Leave, Move, PROTOCOL_VERSION, Position, Proof, encode_client};

use crate::crowd::{Crowd, alone, server};

#[test]
fn hostile_datagrams_are_counted_and_touch_nobody() {
    let _alone = alone();
    let server = server(Config::default());
    let mut crowd = Crowd::join(2, server.local_addr());
    crowd.0[0].move_to(5, 6);
    crowd.pump_until("it stands there", |crowd| crowd.0[1].sees(0) == Some((5, 6)));

    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let hostile = hostile_datagrams();
    for bytes in &hostile {
        stranger.send_to(bytes, server.local_addr()).expect("sent");
    }
    crowd.pump_until("all of them are refused", |_| server.drops().total() >= hostile.len() as u64);
    crowd.pump_ticks(3);
    assert_eq!(server.drops().total(), hostile.len() as u64, "{:?}", server.drops());
    assert_eq!((server.status().report.peers, server.status().report.players), (2, 1));
    assert_eq!(crowd.0[1].sees(0), Some((5, 6)));
    crowd.assert_no_snapshot_is_missing_or_double();
}

/// None of them is a hello without proof, which would be answered.
fn hostile_datagrams() -> Vec<Vec<u8>> {
    let mut all = vec![vec![], vec![0], vec![0xff; 65_507], vec![0; 48]];
    for message in messages() {
        let mut bytes = Vec::new();
        encode_client(&message, &mut bytes);
        all.extend((0..bytes.len()).step_by(7).map(|length| bytes[..length].to_vec()));
        all.extend((0..bytes.len() * 8).step_by(13).map(|bit| flipped(&bytes, bit)));
    }
    all
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn messages() -> [FromClient; 3] {
    let proof = Proof { time_ms: 1, mac: [2, 3] };
    let (client_id, session, nonce) = (0, 4, 5);
    [
        FromClient::Hello(Hello { version: PROTOCOL_VERSION, nonce, client_id, encoding: 0, session, proof }),
        FromClient::Move(Move {
            client_id,
            session,
            sequence: 9,
            at: Position { x: i32::MIN, y: i32::MAX },
            state: 0,
            ack: Ack::default(),
        }),
        FromClient::Leave(Leave { client_id, session }),
    ]
}
