//! Messages to bytes and back, with bincode: little endian, integers of fixed width, enum tags as `u32`,
//! lengths as `u64`; a limit on what a length may claim, and no byte left over.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};

use super::extras::{SnapshotExtras, split_extras};
use super::message::{
    CHECKSUM_FLAG, COMPACT_TAG, EXTRAS_FLAG, PARTIAL_FLAG, PLAIN_EXTRAS_TAG, PLAIN_TAG, PLAYER_BYTES, Player,
    SnapshotHeader,
};
pub(super) use super::message::{FromClient, FromServer};
use super::{SNAPSHOT_HEADER_BYTES, UDP_PAYLOAD_MAX};

/// Without the limit a hostile length makes bincode reserve memory for it before it reads on.
type Format = Configuration<LittleEndian, Fixint, Limit<UDP_PAYLOAD_MAX>>;

const FORMAT: Format = bincode::config::standard()
    .with_little_endian()
    .with_fixed_int_encoding()
    .with_limit::<UDP_PAYLOAD_MAX>();

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end too early, or hold a tag or length that cannot be.
    #[error("the bytes are no message of the protocol")]
    Malformed,
    /// A message, and then more.
    #[error("bytes are left over behind the message")]
    Trailing,
}

/// Reads what a client sent.
pub fn decode_client(bytes: &[u8]) -> Result<FromClient, DecodeError> {
    decode(bytes)
}

/// Reads what a server sent. Allocates at most what `bytes` can hold.
pub fn decode_server(bytes: &[u8]) -> Result<FromServer, DecodeError> {
    if prefix(bytes) == Some(PLAIN_TAG) && !bytes.get(SNAPSHOT_HEADER_BYTES..).is_some_and(holds_lists) {
        return Err(DecodeError::Malformed);
    }
    decode(bytes)
}

/// Reads the two lists of a plain snapshot.
pub(super) fn decode_lists(bytes: &[u8]) -> Result<(Vec<u32>, Vec<Player>), DecodeError> {
    if !holds_lists(bytes) {
        return Err(DecodeError::Malformed);
    }
    decode(bytes)
}

/// Whether there is enough for the two lists of a plain snapshot. Bincode takes memory for what a length claims, up to the
/// limit, before it reads on.
fn holds_lists(bytes: &[u8]) -> bool {
    let list = |at: usize, element_bytes: u64| {
        let count: u64 = prefix(bytes.get(at..)?)?;
        let end = count.checked_mul(element_bytes)?.checked_add(at as u64 + 8)?;
        usize::try_from(end).ok().filter(|end| *end <= bytes.len())
    };
    let gone = list(0, 4);
    gone.and_then(|told| list(told, PLAYER_BYTES as u64)).is_some()
}

/// Reads the header of a snapshot and nothing behind it. `None` if the bytes do not begin as a snapshot.
pub fn snapshot_header(bytes: &[u8]) -> Option<SnapshotHeader> {
    let (tag, header): (u32, SnapshotHeader) = prefix(bytes)?;
    [PLAIN_TAG, PLAIN_EXTRAS_TAG, COMPACT_TAG].contains(&tag).then_some(header)
}

/// The header of a snapshot, and what follows it.
pub(super) fn split_header(bytes: &[u8]) -> Option<(SnapshotHeader, &[u8])> {
    Some((snapshot_header(bytes)?, bytes.get(SNAPSHOT_HEADER_BYTES..)?))
}

/// A compact snapshot, its blocks not yet read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactSnapshot<'a> {
    /// For whom and when.
    pub header: SnapshotHeader,
    /// How wide the numbers of clusters are, in bits.
    pub cluster_bits: u32,
    /// Whether some cluster is told in part only.
    pub is_partial: bool,
    /// The sum of the [`crate::wire::block::checksum`]s of all blocks, if the server adds it.
    pub checksum: Option<u64>,
    /// What is said beside the players.
    pub extras: Option<SnapshotExtras<'a>>,
    /// The blocks, one behind the other; see [`crate::wire::block`].
    pub blocks: &'a [u8],
}

/// Reads a compact snapshot up to its blocks. `None` if the bytes do not begin as one.
pub fn compact_snapshot(bytes: &[u8]) -> Option<CompactSnapshot<'_>> {
    let head: Result<((u32, SnapshotHeader, u8), usize), _> = bincode::decode_from_slice(bytes, FORMAT);
    let ((tag, header, widths), read) = head.ok()?;
    if tag != COMPACT_TAG {
        return None;
    }
    let (checksum, rest) = match &bytes[read..] {
        rest if widths & CHECKSUM_FLAG == 0 => (None, rest),
        rest => rest.split_first_chunk().map(|(sum, rest)| (Some(u64::from_le_bytes(*sum)), rest))?,
    };
    let (extras, blocks) = match rest {
        blocks if widths & EXTRAS_FLAG == 0 => (None, blocks),
        rest => split_extras(rest).map(|(extras, blocks)| (Some(extras), blocks))?,
    };
    Some(CompactSnapshot {
        header,
        cluster_bits: u32::from(widths & !(PARTIAL_FLAG | CHECKSUM_FLAG | EXTRAS_FLAG)),
        is_partial: widths & PARTIAL_FLAG != 0,
        checksum,
        extras,
        blocks,
    })
}

/// Appends a client's message to `out`.
pub fn encode_client(message: &FromClient, out: &mut Vec<u8>) {
    encode_part(message, out);
}

/// Appends a server's message to `out`.
pub fn encode_server(message: &FromServer, out: &mut Vec<u8>) {
    encode_part(message, out);
}

/// Appends a part of a message to `out`, for snapshots, whose parts are encoded once and copied to many.
pub(crate) fn encode_part<M: bincode::Encode>(part: &M, out: &mut Vec<u8>) {
    bincode::encode_into_std_write(part, out, FORMAT)
        .expect("writing to a Vec cannot fail, and no message is larger than the limit");
}

/// Appends the header of a snapshot, behind its tag: what [`encode_part`] makes of the two, in one piece, for every peer
/// gets one in every tick.
pub(crate) fn put_snapshot_header(tag: u32, header: &SnapshotHeader, out: &mut Vec<u8>) {
    let SnapshotHeader { session, tick, applied, applied_history, players } = *header;
    let mut bytes = [0; SNAPSHOT_HEADER_BYTES];
    bytes[..4].copy_from_slice(&tag.to_le_bytes());
    bytes[4..12].copy_from_slice(&session.to_le_bytes());
    bytes[12..20].copy_from_slice(&tick.0.to_le_bytes());
    bytes[20..24].copy_from_slice(&applied.to_le_bytes());
    bytes[24..28].copy_from_slice(&applied_history.to_le_bytes());
    bytes[28..].copy_from_slice(&players.to_le_bytes());
    out.extend_from_slice(&bytes);
}

/// Puts another tick into an encoded header of a snapshot: behind the tag and the session.
#[cfg(any(target_os = "linux", test))]
pub(crate) fn stamp_tick(header: &mut [u8; SNAPSHOT_HEADER_BYTES], tick: super::Tick) {
    header[12..20].copy_from_slice(&tick.0.to_le_bytes());
}

/// The version and the nonce of a hello, which stand in the same place in every version of the protocol.
/// `None` if the bytes do not begin as a hello.
pub(crate) fn hello_prefix(bytes: &[u8]) -> Option<(u32, u64)> {
    let (prefix, _): ((u32, u32, u64), _) = bincode::decode_from_slice(bytes, FORMAT).ok()?;
    let (tag, version, nonce) = prefix;
    (tag == 0).then_some((version, nonce))
}

/// Writes a short message into `out` and says how long it is.
pub(crate) fn encode_reply(message: &FromServer, out: &mut [u8]) -> usize {
    bincode::encode_into_slice(message, out, FORMAT)
        .expect("the buffer holds every message that answers a hello")
}

/// What `bytes` begin with, whatever follows. `None` if they end before.
pub(super) fn prefix<M: bincode::Decode<()>>(bytes: &[u8]) -> Option<M> {
    bincode::decode_from_slice(bytes, FORMAT).ok().map(|(message, _)| message)
}

/// The bytes of what always takes `N`.
pub(super) fn encode_array<M: bincode::Encode, const N: usize>(part: &M) -> [u8; N] {
    let mut bytes = [0; N];
    let written = bincode::encode_into_slice(part, &mut bytes, FORMAT);
    assert!(written.is_ok_and(|written| written == N), "its length is a constant of the protocol");
    bytes
}

/// Reads what takes all of `bytes`.
pub(super) fn decode<M: bincode::Decode<()>>(bytes: &[u8]) -> Result<M, DecodeError> {
    match bincode::decode_from_slice(bytes, FORMAT) {
        Ok((message, read)) if read == bytes.len() => Ok(message),
        Ok(_) => Err(DecodeError::Trailing),
        Err(_) => Err(DecodeError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tick;
    use super::*;

    #[test]
    fn a_header_in_one_piece_is_that_of_its_parts() {
        let header = SnapshotHeader {
            session: 0x0102_0304_0506_0708,
            tick: Tick(0x1112_1314_1516_1718),
            applied: 0x2122_2324,
            applied_history: 0x3132_3334,
            players: 0x4142_4344,
        };
        let (mut piece, mut parts) = (vec![9], vec![9]);
        put_snapshot_header(COMPACT_TAG, &header, &mut piece);
        encode_part(&(COMPACT_TAG, header), &mut parts);
        assert_eq!(piece, parts);
    }

    #[test]
    fn a_stamped_header_differs_in_its_tick_alone() {
        let header = |tick| SnapshotHeader { session: 7, tick, applied: 3, applied_history: 5, players: 9 };
        let mut bytes = Vec::new();
        encode_part(&(PLAIN_TAG, header(Tick(1))), &mut bytes);
        let mut head: [u8; SNAPSHOT_HEADER_BYTES] = bytes[..].try_into().expect("tag and header");
        stamp_tick(&mut head, Tick(u64::MAX - 2));
        assert_eq!(snapshot_header(&head), Some(header(Tick(u64::MAX - 2))));
    }
}
