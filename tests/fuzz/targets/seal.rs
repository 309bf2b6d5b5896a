//! The ends of a sealed session, made anew from PROTOCOL-SEALED.md: whoever knows its keys can say anything with them.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use tickcast::seal::{Mint, Pass, TicketKey};
use tickcast::wire::{Hello, Ticket};

/// The name of every server here.
pub(crate) const SERVER: &str = "arena";
/// The time of day, in seconds since 1970.
pub(crate) const TODAY: u64 = 1_800_000_000;

/// The key that opens tickets here.
pub(crate) fn ticket_key() -> TicketKey {
    TicketKey::from_bytes([1; 32])
}

/// What a pass is made of; the last 32 bytes are its session key.
fn random(client_id: u32) -> [u8; 56] {
    [client_id as u8; 56]
}

/// A pass for `client_id`.
pub(crate) fn pass(client_id: u32) -> Pass {
    let mint = Mint { client_id, expires: TODAY + 3_600, server: SERVER };
    mint.pass(&ticket_key(), random(client_id))
}

/// The session key of [`pass`].
pub(crate) fn session_key(client_id: u32) -> [u8; 32] {
    *random(client_id).last_chunk().expect("it is longer")
}

struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        32
    }
}

fn derive(key: &[u8; 32], salt: &[u8], info: &str) -> [u8; 32] {
    let (info, mut derived) = ([info.as_bytes()], [0; 32]);
    let drawn_out = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
    drawn_out.expand(&info, KeyLength).expect("32 bytes").fill(&mut derived).expect("32 bytes");
    derived
}

/// Seals for one direction, with any sequence.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    /// For what goes `to`, "server" or "client", in the session that these numbers name.
    pub(crate) fn new(session_key: &[u8; 32], [nonce, session, epoch]: [u64; 3], to: &str) -> Self {
        let salt = [nonce, session, epoch].map(u64::to_le_bytes).concat();
        let key = derive(session_key, &salt, &format!("tickcast to {to}"));
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes")))
    }

    /// What stands in clear, and the rest sealed with `sequence`.
    pub(crate) fn seal(&self, sequence: u64, clear: &[u8], inside: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&sequence.to_le_bytes());
        let (nonce, mut datagram) = (Nonce::assume_unique_for_key(nonce), [clear, inside].concat());
        let body = &mut datagram[clear.len()..];
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(clear), body).expect("it is short");
        datagram.extend_from_slice(tag.as_ref());
        datagram
    }

    /// A datagram with the tag that its sender has.
    pub(crate) fn datagram(&self, tag: u32, sequence: u64, inside: &[u8]) -> Vec<u8> {
        let clear = [&tag.to_le_bytes()[..], &sequence.to_le_bytes()].concat();
        self.seal(sequence, &clear, inside)
    }
}

/// A hello with a ticket, made by one who knows `session_key`.
pub(crate) fn ticket_hello(hello: &Hello, ticket: &Ticket, session_key: &[u8; 32]) -> Vec<u8> {
    let mut bytes = 3_u32.to_le_bytes().to_vec();
    bytes.extend_from_slice(&hello_fields(hello));
    bytes.extend_from_slice(&ticket.header.version.to_le_bytes());
    bytes.extend_from_slice(&ticket.header.key_id.to_le_bytes());
    bytes.extend_from_slice(&ticket.header.salt);
    bytes.extend_from_slice(&ticket.sealed);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(session_key, &[], "tickcast hello"));
    let tag = hmac::sign(&key, &bytes);
    bytes.extend_from_slice(tag.as_ref());
    bytes
}

/// A hello behind its tag.
fn hello_fields(hello: &Hello) -> Vec<u8> {
    let mut bytes = Vec::new();
    tickcast::wire::encode_client(&tickcast::wire::FromClient::Hello(*hello), &mut bytes);
    bytes.split_off(4)
}
