//! What is sealed, as it stands on the wire: tickets, the hello that carries one, and the envelopes of sealed
//! datagrams. What is inside an envelope is a message as everywhere else. See PROTOCOL-SEALED.md.

use bincode::{Decode, Encode};

use super::codec::{decode, encode_array, prefix};
use super::message::Hello;

/// The tag of a [`TicketHello`]; the tags of messages in clear end below.
const TICKET_HELLO_TAG: u32 = 3;
/// The tag of a client's sealed datagram.
const SEALED_BY_CLIENT_TAG: u32 = 4;
/// The tag of a server's sealed datagram.
const SEALED_BY_SERVER_TAG: u32 = 6;
/// The tag of a sealed welcome.
const SEALED_WELCOME_TAG: u32 = 7;

/// Length of what authenticates a sealed datagram, behind all else, in bytes.
pub const SEAL_TAG_BYTES: usize = 16;
/// Length of what stands in clear before what is sealed, in bytes: the tag and the sequence.
pub const SEALED_HEADER_BYTES: usize = 12;
/// By how much a sealed datagram is longer than what is inside, in bytes.
pub const SEALED_EXTRA_BYTES: usize = SEALED_HEADER_BYTES + SEAL_TAG_BYTES;
/// Length of what stands in clear before a sealed welcome, in bytes.
pub const SEALED_WELCOME_HEADER_BYTES: usize = 36;

/// Length of a [`Ticket`], in bytes.
pub const TICKET_BYTES: usize = 104;
/// Length of what a ticket says to the server, in bytes.
pub const TICKET_BODY_BYTES: usize = 52;
/// Length of a [`TicketHello`] on the wire, in bytes.
pub const TICKET_HELLO_BYTES: usize = 192;
/// So many of them, from the first on, are covered by [`TicketHello::tag`].
pub(crate) const TICKET_HELLO_TAGGED_BYTES: usize = TICKET_HELLO_BYTES - 32;

/// The version of tickets that this crate makes and opens.
pub const TICKET_VERSION: u32 = 1;

/// Lets one client play on one server until it expires: made by the game's backend, opened by the server, and no more
/// than bytes to the client.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// [`TICKET_VERSION`], the id of its key, and its salt: authenticated, in clear.
    pub header: TicketHeader,
    /// Until when, for which server and client, and the session key: sealed.
    pub sealed: [u8; TICKET_BODY_BYTES + SEAL_TAG_BYTES],
}

/// What anyone can read of a ticket.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketHeader {
    /// [`TICKET_VERSION`].
    pub version: u32,
    /// Which of the server's keys it is sealed for.
    pub key_id: u64,
    /// Drawn for this ticket: it is sealed with a key of its own.
    pub salt: [u8; 24],
}

/// Length of a [`TicketHeader`], in bytes.
pub(crate) const TICKET_HEADER_BYTES: usize = 36;

/// What a ticket says to the server.
#[derive(Encode, Decode, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TicketBody {
    /// Seconds since 1970.
    pub(crate) expires: u64,
    /// Stands for the server's name.
    pub(crate) server: u64,
    pub(crate) client_id: u32,
    pub(crate) session_key: [u8; 32],
}

/// A hello with proof of address and a ticket.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketHello {
    /// Asks as every hello does.
    pub hello: Hello,
    /// Why the client may play.
    pub ticket: Ticket,
    /// Shows that its sender knows the session key of the ticket; over all bytes before.
    pub tag: [u8; 32],
}

/// Reads a hello with a ticket. `None` if the bytes are something else.
pub(crate) fn decode_ticket_hello(bytes: &[u8]) -> Option<TicketHello> {
    let (tag, hello) = decode::<(u32, TicketHello)>(bytes).ok()?;
    (tag == TICKET_HELLO_TAG).then_some(hello)
}

/// A hello with a ticket, as bytes that still lack their tag.
pub(crate) fn encode_ticket_hello(hello: &Hello, ticket: &Ticket) -> [u8; TICKET_HELLO_TAGGED_BYTES] {
    encode_array(&(TICKET_HELLO_TAG, *hello, *ticket))
}

/// The bytes of a ticket.
pub(crate) fn encode_ticket(ticket: &Ticket) -> [u8; TICKET_BYTES] {
    encode_array(ticket)
}

/// Reads a ticket. `None` if there are too few bytes, or too many.
pub(crate) fn decode_ticket(bytes: &[u8]) -> Option<Ticket> {
    decode(bytes).ok()
}

/// The bytes of a ticket that stand in clear.
pub(crate) fn encode_ticket_header(header: &TicketHeader) -> [u8; TICKET_HEADER_BYTES] {
    encode_array(header)
}

/// The bytes of a ticket that are sealed.
pub(crate) fn encode_ticket_body(body: &TicketBody) -> [u8; TICKET_BODY_BYTES] {
    encode_array(body)
}

/// Reads what was sealed in a ticket.
pub(crate) fn decode_ticket_body(bytes: &[u8]) -> Option<TicketBody> {
    decode(bytes).ok()
}

/// Who sends a sealed datagram; each side has tags of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

/// What stands in clear before what a session has sealed. The bytes are authenticated with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// Of a datagram.
    Datagram,
    /// Of a welcome: what the client needs to make the keys.
    Welcome { nonce: u64, session: u64, epoch: u64 },
}

/// A sealed datagram, not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) envelope: Envelope,
    pub(crate) sequence: u64,
    /// How many of the bytes stand in clear.
    pub(crate) clear: usize,
}

/// Reads the envelope of what `sender` may have sealed. `None` if the bytes do not begin so, or hold nothing behind it.
pub(crate) fn sealed(sender: Sender, bytes: &[u8]) -> Option<Sealed> {
    let tag: u32 = prefix(bytes)?;
    let sealed = match (sender, tag) {
        (Sender::Client, SEALED_BY_CLIENT_TAG) | (Sender::Server, SEALED_BY_SERVER_TAG) => {
            let (_, sequence): (u32, u64) = prefix(bytes)?;
            Sealed { envelope: Envelope::Datagram, sequence, clear: SEALED_HEADER_BYTES }
        }
        (Sender::Server, SEALED_WELCOME_TAG) => {
            let (_, nonce, session, epoch, sequence): (u32, u64, u64, u64, u64) = prefix(bytes)?;
            let envelope = Envelope::Welcome { nonce, session, epoch };
            Sealed { envelope, sequence, clear: SEALED_WELCOME_HEADER_BYTES }
        }
        _ => return None,
    };
    (bytes.len() > sealed.clear + SEAL_TAG_BYTES).then_some(sealed)
}

/// The envelope of a datagram.
pub(crate) fn sealed_header(sender: Sender, sequence: u64) -> [u8; SEALED_HEADER_BYTES] {
    let tag = match sender {
        Sender::Client => SEALED_BY_CLIENT_TAG,
        Sender::Server => SEALED_BY_SERVER_TAG,
    };
    encode_array(&(tag, sequence))
}

/// The envelope of a welcome.
pub(crate) fn sealed_welcome_header(
    nonce: u64,
    session: u64,
    epoch: u64,
    sequence: u64,
) -> [u8; SEALED_WELCOME_HEADER_BYTES] {
    encode_array(&(SEALED_WELCOME_TAG, nonce, session, epoch, sequence))
}
