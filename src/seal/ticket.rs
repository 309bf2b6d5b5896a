//! Tickets: minted by a backend, carried by a client, opened by a server.

use std::str::FromStr;

use super::aead::{Cipher, authenticate, derive, is_authentic, number_of};
use super::hex;
use super::session::SessionKey;
use super::{TicketKey, TicketKeys};
use crate::wire::{
    SEAL_TAG_BYTES, TICKET_BODY_BYTES, TICKET_BYTES, TICKET_HELLO_TAGGED_BYTES, TICKET_VERSION, Ticket,
    TicketBody, TicketFault, TicketHeader, decode_ticket, decode_ticket_body, encode_ticket,
    encode_ticket_body, encode_ticket_header,
};

/// What a pass begins with as text.
const PREFIX: &str = "tickcast-pass-1:";
/// Each ticket has a cipher of its own, which seals once.
const ONLY_SEQUENCE: u64 = 0;

/// What a ticket stands for a server's name by.
pub fn server_number(name: &str) -> u64 {
    number_of(name.as_bytes())
}

/// What a new ticket is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mint<'a> {
    /// Who may play.
    pub client_id: u32,
    /// Until when one may join with it, in seconds since 1970. Who plays by then plays on.
    pub expires: u64,
    /// On which server: the name that it was started with.
    pub server: &'a str,
}

impl Mint<'_> {
    /// A pass, made with `key`. `random` must be drawn for it from the operating system, and never be used again.
    pub fn pass(&self, key: &TicketKey, random: [u8; 56]) -> Pass {
        let (mut salt, mut session_key) = ([0; 24], [0; 32]);
        salt.copy_from_slice(&random[..24]);
        session_key.copy_from_slice(&random[24..]);
        let header = TicketHeader { version: TICKET_VERSION, key_id: key.id(), salt };
        let (client_id, expires) = (self.client_id, self.expires);
        let body = TicketBody { expires, server: server_number(self.server), client_id, session_key };
        let mut sealed = [0; TICKET_BODY_BYTES + SEAL_TAG_BYTES];
        let (inside, tag) = sealed.split_at_mut(TICKET_BODY_BYTES);
        inside.copy_from_slice(&encode_ticket_body(&body));
        let cipher = Cipher::new(&key.of_ticket(&salt));
        tag.copy_from_slice(&cipher.seal(ONLY_SEQUENCE, &encode_ticket_header(&header), inside));
        Pass { client_id, ticket: Ticket { header, sealed }, session_key: SessionKey::new(session_key) }
    }
}

/// What a backend hands to a client, on a way that nobody else reads: a ticket and the session key that is in it.
///
/// As text, on one line: `tickcast-pass-1:`, the client id, the ticket, and the session key, in hexadecimal digits and
/// with a colon between. `Debug` does not show the session key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    client_id: u32,
    ticket: Ticket,
    session_key: SessionKey,
}

impl Pass {
    /// Who may play with it.
    pub fn client_id(&self) -> u32 {
        self.client_id
    }

    /// What is for the server; the client cannot read it.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// The pass as text, to be handed to the client alone.
    pub fn to_text(&self) -> String {
        let ticket = hex::write(&encode_ticket(&self.ticket));
        format!("{PREFIX}{}:{ticket}:{}", self.client_id, hex::write(self.session_key.bytes()))
    }

    pub(crate) fn session_key(&self) -> &SessionKey {
        &self.session_key
    }
}

impl FromStr for Pass {
    type Err = PassError;

    fn from_str(text: &str) -> Result<Self, PassError> {
        let parts: Vec<&str> = text.trim().strip_prefix(PREFIX).ok_or(PassError)?.split(':').collect();
        let [client_id, ticket, session_key] = parts[..] else { return Err(PassError) };
        let ticket = hex::read::<TICKET_BYTES>(ticket).and_then(|bytes| decode_ticket(&bytes));
        Ok(Self {
            client_id: client_id.parse().map_err(|_| PassError)?,
            ticket: ticket.ok_or(PassError)?,
            session_key: hex::read(session_key).map(SessionKey::new).ok_or(PassError)?,
        })
    }
}

/// The text is no pass. It is not shown: there may be a session key in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pass is one line that begins with {PREFIX}, as `tickcast ticket` makes it")]
pub struct PassError;

/// What a server finds in a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) expires: u64,
    pub(crate) server: u64,
    pub(crate) client_id: u32,
    pub(crate) session_key: SessionKey,
}

impl TicketKeys {
    /// Whether `ticket` names one of these keys, which anyone may do.
    pub(crate) fn has_key_of(&self, ticket: &Ticket) -> bool {
        self.by_id(ticket.header.key_id).is_some()
    }

    /// What `ticket` says, if one of these keys has sealed it.
    pub(crate) fn open(&self, ticket: &Ticket) -> Result<Opened, TicketFault> {
        let Ticket { header, mut sealed } = *ticket;
        let key = self.by_id(header.key_id).filter(|_| header.version == TICKET_VERSION);
        let cipher = Cipher::new(&key.ok_or(TicketFault::Unreadable)?.of_ticket(&header.salt));
        let (inside, tag) = sealed.split_at_mut(TICKET_BODY_BYTES);
        let tag = (&*tag).try_into().expect("what is left is the tag");
        if !cipher.open(ONLY_SEQUENCE, &encode_ticket_header(&header), inside, tag) {
            return Err(TicketFault::Unreadable);
        }
        let body = decode_ticket_body(inside).ok_or(TicketFault::Unreadable)?;
        let TicketBody { expires, server, client_id, session_key } = body;
        Ok(Opened { expires, server, client_id, session_key: SessionKey::new(session_key) })
    }
}

/// Shows that whoever says `hello` knows the session key.
pub(crate) fn bearer_tag(key: &SessionKey, hello: &[u8; TICKET_HELLO_TAGGED_BYTES]) -> [u8; 32] {
    authenticate(&derive(key.bytes(), &[], "tickcast hello"), hello)
}

/// Whether `hello` was made by one who knows the session key.
pub(crate) fn is_from_bearer(key: &SessionKey, hello: &[u8], tag: &[u8; 32]) -> bool {
    is_authentic(&derive(key.bytes(), &[], "tickcast hello"), hello, tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINT: Mint = Mint { client_id: 7, expires: 1_000, server: "arena" };

    fn keys(byte: u8) -> TicketKeys {
        TicketKeys::one(TicketKey::from_bytes([byte; 32]))
    }

    #[test]
    fn a_ticket_says_to_its_server_what_it_was_minted_for() {
        let pass = MINT.pass(keys(1).newest(), [3; 56]);
        let opened = keys(1).open(pass.ticket()).expect("sealed with the same key");
        assert_eq!((opened.client_id, opened.expires), (7, 1_000));
        assert_eq!(opened.server, server_number("arena"));
        assert_eq!(&opened.session_key, pass.session_key());
        assert_eq!(keys(2).open(pass.ticket()), Err(TicketFault::Unreadable));
    }

    #[test]
    fn no_bit_of_a_ticket_may_change() {
        let ticket = encode_ticket(MINT.pass(keys(1).newest(), [3; 56]).ticket());
        for bit in 0..8 * ticket.len() {
            let mut changed = ticket;
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = decode_ticket(&changed).expect("still as long");
            assert_eq!(keys(1).open(&changed), Err(TicketFault::Unreadable), "bit {bit}");
        }
    }

    #[test]
    fn a_pass_is_read_as_it_is_written_and_never_shown() {
        let pass = MINT.pass(keys(1).newest(), [0xcd; 56]);
        assert_eq!(pass.to_text().parse(), Ok(pass));
        assert!(format!("{pass:?}").contains("SessionKey(..)"), "{pass:?}");
        for length in 0..pass.to_text().len() {
            assert_eq!(pass.to_text()[..length].parse::<Pass>(), Err(PassError));
        }
    }
}
