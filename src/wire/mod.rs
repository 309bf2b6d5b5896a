//! What do the bytes say?
//!
//! The messages of the protocol as types, and their encoding: pure functions between the two, checked against
//! PROTOCOL.md by a test. Nothing here knows an address, a clock or a socket. This folder is the only
//! place that names bincode.

pub mod block;
mod codec;
mod entity;
mod extras;
mod message;
mod sealed;

#[cfg(target_os = "linux")]
pub(crate) use codec::stamp_tick;
pub use codec::{
    CompactSnapshot, DecodeError, compact_snapshot, decode_client, decode_server, encode_client,
    encode_server, snapshot_header,
};
pub(crate) use codec::{encode_part, encode_reply, hello_prefix, put_snapshot_header};
pub use entity::{ENTITY_NUMBERS, SERVER_IDS_FROM, entity_id, kind_of};
pub use extras::{
    Correction, EXTRAS_BYTES_MAX, MESSAGE_HEADER_BYTES, MOVE_EXTRAS_BYTES_MIN, Message, Messages, MoveExtras,
    SNAPSHOT_EXTRAS_BYTES_MIN, SnapshotExtras, decode_move, decode_plain, encode_plain, extras_bytes_max,
    message_bytes_max, put_message, put_move_extras, put_snapshot_extras, snapshot_extras,
};
pub(crate) use extras::{put_plain_head, starts_as_move};
pub use message::{
    Ack, Bounds, Challenge, Closed, ClosedReason, Encoding, FromClient, FromServer, Hello, HelloEncoding,
    Leave, Move, PLAYER_BYTES, PlainSnapshot, Player, Position, Proof, Refusal, RefusalReason,
    SnapshotHeader, Tick, TicketFault, Welcome,
};
pub(crate) use message::{
    CHECKSUM_FLAG, COMPACT_TAG, EXTRAS_FLAG, PARTIAL_FLAG, PLAIN_EXTRAS_TAG, PLAIN_TAG,
};
pub(crate) use sealed::{
    Envelope, Sealed, Sender, TICKET_HELLO_TAGGED_BYTES, TicketBody, decode_ticket, decode_ticket_body,
    decode_ticket_hello, encode_ticket, encode_ticket_body, encode_ticket_header, encode_ticket_hello,
    sealed, sealed_header, sealed_welcome_header,
};
pub use sealed::{
    SEAL_TAG_BYTES, SEALED_EXTRA_BYTES, SEALED_HEADER_BYTES, SEALED_WELCOME_HEADER_BYTES, TICKET_BODY_BYTES,
    TICKET_BYTES, TICKET_HELLO_BYTES, TICKET_VERSION, Ticket, TicketHeader, TicketHello,
};

/// The version of the protocol that this crate speaks. A server refuses every other, naming its own.
pub const PROTOCOL_VERSION: u32 = 1;

/// No UDP datagram over IPv4 carries more: 65,535 less the IP and UDP headers.
pub const UDP_PAYLOAD_MAX: usize = 65_507;

/// Length of a [`FromClient::Hello`] on the wire, in bytes.
pub const HELLO_BYTES: usize = 56;
/// Length of a [`FromClient::Move`] on the wire, in bytes.
pub const MOVE_BYTES: usize = 48;
/// Length of a [`FromClient::Leave`] on the wire, in bytes.
pub const LEAVE_BYTES: usize = 16;
/// Length of a [`FromServer::Challenge`] on the wire, in bytes: never more than the hello that asked for it.
pub const CHALLENGE_BYTES: usize = 36;
/// Length of a [`FromServer::Welcome`] on the wire, in bytes.
pub const WELCOME_BYTES: usize = 88;
/// Length of a [`FromServer::Refusal`] on the wire, in bytes.
pub const REFUSAL_BYTES: usize = 20;
/// Length of a [`FromServer::Closed`] on the wire, in bytes, but for [`REMOVED_BYTES`].
pub const CLOSED_BYTES: usize = 16;
/// Length of one that says [`ClosedReason::Removed`], with its number.
pub const REMOVED_BYTES: usize = 20;
/// Length of the part that all snapshots begin with, in bytes: the tag and a [`SnapshotHeader`].
pub const SNAPSHOT_HEADER_BYTES: usize = 32;

// An address that has not proven itself never gets more bytes than it sent.
const _: () = assert!(CHALLENGE_BYTES <= HELLO_BYTES && REFUSAL_BYTES <= HELLO_BYTES);
// One that has, with a ticket, gets no more either until it is welcomed, and then too.
const _: () = assert!(SEALED_WELCOME_HEADER_BYTES + WELCOME_BYTES + SEAL_TAG_BYTES <= TICKET_HELLO_BYTES);
