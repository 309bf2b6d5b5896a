//! What may stand behind a move and in a snapshot beside the players: messages, corrections, and what has arrived of
//! them. See PROTOCOL.md.
//!
//! Read once, at the edge: what these types hold is well formed, and borrows the datagram.

use super::codec::{encode_part, prefix, put_snapshot_header};
use super::message::{Move, PlainSnapshot, Position, SnapshotHeader};
use super::{DecodeError, MOVE_BYTES, codec};

/// Length of what stands before each message, in bytes: its sequence and its length.
pub const MESSAGE_HEADER_BYTES: usize = 6;
/// Length of the extras of a move without messages, in bytes.
pub const MOVE_EXTRAS_BYTES_MIN: usize = 8;
/// Length of the extras of a snapshot without messages, in bytes.
pub const SNAPSHOT_EXTRAS_BYTES_MIN: usize = 18;

/// The tag of a move.
const MOVE_TAG: u32 = 1;
/// Extras take at most this part of a datagram.
const EXTRAS_SHARE: usize = 4;
/// Of a larger datagram they take no more than of one of so many bytes, so that eight of the largest messages always find
/// room where messages wait.
const EXTRAS_DATAGRAM_BYTES_MAX: usize = 4_096;
/// A message is shorter than the extras by this.
const EXTRAS_OVERHEAD: usize = 40;
/// No extras are longer, in bytes, however long datagrams are.
pub const EXTRAS_BYTES_MAX: usize = EXTRAS_DATAGRAM_BYTES_MAX / EXTRAS_SHARE;
const _: () = assert!(SNAPSHOT_EXTRAS_BYTES_MIN + MESSAGE_HEADER_BYTES <= EXTRAS_OVERHEAD);

/// How long the extras of a move may be, where the welcome says how long datagrams are.
pub fn extras_bytes_max(datagram_bytes: usize) -> usize {
    datagram_bytes.min(EXTRAS_DATAGRAM_BYTES_MAX) / EXTRAS_SHARE
}

/// How long a message may be, where the welcome says how long datagrams are: 24 bytes at the least. One always fits into
/// the extras of a datagram, sealed or not.
pub fn message_bytes_max(datagram_bytes: usize) -> usize {
    extras_bytes_max(datagram_bytes).saturating_sub(EXTRAS_OVERHEAD)
}

/// A message as it stands in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its place in the stream of reliable messages, which begins with 1; 0 = it is unreliable.
    pub sequence: u32,
    /// What it says: at least one byte.
    pub bytes: &'a [u8],
}

/// The messages of a datagram, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    /// Reads messages to the end of `bytes`. `None` if one of them is empty or cut off.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = split_message(rest)?.1;
        }
        Some(Self(bytes))
    }

    /// As they stand in the datagram.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let (message, rest) = split_message(self.0)?;
        self.0 = rest;
        Some(message)
    }
}

fn split_message(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let (sequence, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let message = Message { sequence: u32::from_le_bytes(*sequence), bytes };
    (!bytes.is_empty()).then_some((message, rest))
}

/// Appends a message: 1 to 65,535 bytes.
pub fn put_message(message: &Message<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&message.sequence.to_le_bytes());
    out.extend_from_slice(&(message.bytes.len() as u16).to_le_bytes());
    out.extend_from_slice(message.bytes);
}

/// What stands behind a move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoveExtras<'a> {
    /// The newest correction that the client has followed; 0 = none.
    pub correction: u32,
    /// The newest reliable message of the server that has arrived in order; 0 = none.
    pub received: u32,
    /// What the client says.
    pub messages: Messages<'a>,
}

/// Whether `bytes` begin with the tag of a move.
pub(crate) fn starts_as_move(bytes: &[u8]) -> bool {
    bytes.first_chunk() == Some(&MOVE_TAG.to_le_bytes())
}

/// Reads a move with or without extras.
///
/// # Errors
/// If the bytes do not begin as a move, or go on as no extras.
pub fn decode_move(bytes: &[u8]) -> Result<(Move, Option<MoveExtras<'_>>), DecodeError> {
    let (head, rest) = bytes.split_at_checked(MOVE_BYTES).ok_or(DecodeError::Malformed)?;
    let codec::FromClient::Move(step) = codec::decode_client(head)? else {
        return Err(DecodeError::Malformed);
    };
    if rest.is_empty() {
        return Ok((step, None));
    }
    let ((correction, received), messages) = split_numbers(rest).ok_or(DecodeError::Malformed)?;
    let messages = Messages::read(messages).ok_or(DecodeError::Malformed)?;
    Ok((step, Some(MoveExtras { correction, received, messages })))
}

fn split_numbers(bytes: &[u8]) -> Option<((u32, u32), &[u8])> {
    let (head, rest) = bytes.split_at_checked(MOVE_EXTRAS_BYTES_MIN)?;
    Some((prefix(head)?, rest))
}

/// Appends what stands between a move and its messages.
pub fn put_move_extras(correction: u32, received: u32, out: &mut Vec<u8>) {
    encode_part(&(correction, received), out);
}

/// The server has put a player elsewhere than its client said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Its number, from 1 on, which moves are to echo.
    pub number: u32,
    /// Where the player stands.
    pub at: Position,
}

/// What stands in a snapshot beside the players.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotExtras<'a> {
    /// The correction that no move has echoed yet.
    pub correction: Option<Correction>,
    /// The newest reliable message of the client that has arrived in order; 0 = none.
    pub received: u32,
    /// What the server says.
    pub messages: Messages<'a>,
}

/// Reads the extras that `bytes` begin with; gives what follows them. `None` if they are not whole.
pub(super) fn split_extras(bytes: &[u8]) -> Option<(SnapshotExtras<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (extras, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let (head, messages) = extras.split_at_checked(SNAPSHOT_EXTRAS_BYTES_MIN - size_of::<u16>())?;
    let (number, at, received): (u32, Position, u32) = prefix(head)?;
    let correction = (number != 0).then_some(Correction { number, at });
    Some((SnapshotExtras { correction, received, messages: Messages::read(messages)? }, rest))
}

/// Appends the extras of a snapshot; its messages are what `put_messages` appends, up to 65,000 bytes.
pub fn put_snapshot_extras(
    correction: Option<Correction>,
    received: u32,
    out: &mut Vec<u8>,
    put_messages: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    let (number, at) =
        correction.map_or_else(Default::default, |correction| (correction.number, correction.at));
    encode_part(&(0_u16, number, at, received), out);
    put_messages(out);
    let length = (out.len() - start - size_of::<u16>()) as u16;
    out[start..start + size_of::<u16>()].copy_from_slice(&length.to_le_bytes());
}

/// Reads a plain snapshot, with or without extras. Allocates at most what `bytes` can hold.
///
/// # Errors
/// If the bytes are none.
pub fn decode_plain(bytes: &[u8]) -> Result<(PlainSnapshot, Option<SnapshotExtras<'_>>), DecodeError> {
    if prefix(bytes) != Some(super::PLAIN_EXTRAS_TAG) {
        return match codec::decode_server(bytes)? {
            codec::FromServer::Plain(snapshot) => Ok((snapshot, None)),
            _ => Err(DecodeError::Malformed),
        };
    }
    let (header, rest) = codec::split_header(bytes).ok_or(DecodeError::Malformed)?;
    let (extras, lists) = split_extras(rest).ok_or(DecodeError::Malformed)?;
    let (gone, players) = codec::decode_lists(lists)?;
    Ok((PlainSnapshot { header, gone, players }, Some(extras)))
}

/// Reads what stands beside the players in a snapshot, and nothing of them.
///
/// # Errors
/// If the bytes do not begin as a snapshot.
pub fn snapshot_extras(bytes: &[u8]) -> Result<Option<SnapshotExtras<'_>>, DecodeError> {
    let extras = match prefix(bytes) {
        Some(super::PLAIN_TAG) => codec::snapshot_header(bytes).map(|_| None),
        Some(super::PLAIN_EXTRAS_TAG) => {
            codec::split_header(bytes).and_then(|(_, rest)| Some(Some(split_extras(rest)?.0)))
        }
        _ => codec::compact_snapshot(bytes).map(|compact| compact.extras),
    };
    extras.ok_or(DecodeError::Malformed)
}

/// Appends a plain snapshot with the extras that [`put_snapshot_extras`] has written: none if there are no bytes of them.
pub fn encode_plain(snapshot: &PlainSnapshot, extras: &[u8], out: &mut Vec<u8>) {
    put_plain_head(&snapshot.header, extras, out);
    encode_part(&(&snapshot.gone, &snapshot.players), out);
}

/// Appends what a plain snapshot has before its lists.
pub(crate) fn put_plain_head(header: &SnapshotHeader, extras: &[u8], out: &mut Vec<u8>) {
    let tag = if extras.is_empty() { super::PLAIN_TAG } else { super::PLAIN_EXTRAS_TAG };
    put_snapshot_header(tag, header, out);
    out.extend_from_slice(extras);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FromClient, Tick, encode_client, snapshot_header};

    fn step() -> Vec<u8> {
        let (at, ack) = (Position { x: 1, y: 2 }, crate::wire::Ack { newest: Tick(7), history: 1 });
        let step = Move { client_id: 7, session: 9, sequence: 3, at, state: 0, ack };
        let mut bytes = Vec::new();
        encode_client(&FromClient::Move(step), &mut bytes);
        bytes
    }

    fn messages() -> Vec<u8> {
        let mut bytes = Vec::new();
        put_message(&Message { sequence: 5, bytes: b"five" }, &mut bytes);
        put_message(&Message { sequence: 0, bytes: b"none" }, &mut bytes);
        bytes
    }

    #[test]
    fn a_move_is_read_with_its_extras_and_without() {
        let mut bytes = step();
        let (plain, none) = decode_move(&bytes).expect("a move");
        assert_eq!(none, None);
        put_move_extras(2, 4, &mut bytes);
        let extras = decode_move(&bytes).expect("a move").1;
        assert_eq!(extras, Some(MoveExtras { correction: 2, received: 4, messages: Messages::default() }));
        bytes.extend(messages());
        let (same, extras) = decode_move(&bytes).expect("a move");
        assert_eq!(same, plain);
        let said: Vec<_> = extras.expect("extras").messages.map(|said| (said.sequence, said.bytes)).collect();
        assert_eq!(said, [(5, &b"five"[..]), (0, b"none")]);
    }

    #[test]
    fn extras_of_a_move_that_are_cut_off_or_say_nothing_are_none() {
        let whole = { [step(), vec![0; 8], messages()].concat() };
        let good = [MOVE_BYTES, 56, 66, 76];
        for length in 0..whole.len() {
            assert_eq!(decode_move(&whole[..length]).is_ok(), good.contains(&length), "{length} bytes");
        }
        let empty = [step(), vec![0; 8 + MESSAGE_HEADER_BYTES]].concat();
        assert_eq!(decode_move(&empty), Err(DecodeError::Malformed), "a message of no bytes");
    }

    #[test]
    fn a_plain_snapshot_is_read_with_its_extras_and_without() {
        let header = SnapshotHeader { session: 4, tick: Tick(9), ..SnapshotHeader::default() };
        let snapshot = PlainSnapshot { header, gone: vec![3], players: vec![Default::default(); 2] };
        let (mut bytes, mut extras) = (Vec::new(), Vec::new());
        encode_plain(&snapshot, &[], &mut bytes);
        assert_eq!(decode_plain(&bytes), Ok((snapshot.clone(), None)));
        let correction = Correction { number: 1, at: Position { x: -1, y: i32::MIN } };
        put_snapshot_extras(Some(correction), 8, &mut extras, |out| out.extend(messages()));
        bytes.clear();
        encode_plain(&snapshot, &extras, &mut bytes);
        let (read, said) = decode_plain(&bytes).expect("a snapshot");
        let said = said.expect("extras");
        assert_eq!((read, snapshot_header(&bytes)), (snapshot, Some(header)));
        assert_eq!((said.correction, said.received, said.messages.count()), (Some(correction), 8, 2));
        for length in 0..bytes.len() {
            assert!(decode_plain(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_largest_message_fits_into_the_extras_of_any_datagram_also_if_it_is_sealed() {
        for datagram_bytes in [256, 284, 500, 1_200, 1_228, 4_095, 9_000, crate::wire::UDP_PAYLOAD_MAX] {
            let least = SNAPSHOT_EXTRAS_BYTES_MIN + MESSAGE_HEADER_BYTES + message_bytes_max(datagram_bytes);
            let inside = datagram_bytes - crate::wire::SEALED_EXTRA_BYTES;
            assert!(least <= extras_bytes_max(inside), "{datagram_bytes}");
            assert!(message_bytes_max(datagram_bytes) >= 24);
        }
        assert_eq!((message_bytes_max(1_200), message_bytes_max(65_507)), (260, 984));
    }
}
