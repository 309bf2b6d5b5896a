//! Plays in which everything is sealed: who has a pass, and what can still be told of a datagram from outside.

use super::FIRST_ID;
use crate::config::TicketConfig;
use crate::seal::{Mint, Pass, TicketKey, TicketKeys};
use crate::secret::Secret;
use crate::wire::{self, Envelope, FromServer, REMOVED_BYTES, SEALED_EXTRA_BYTES, Sender};

/// One play in so many is sealed.
const ONE_IN: u64 = 3;
/// The time of day in a play, in which no pass expires.
pub(super) const UNIX_SECONDS: u64 = 1;

/// What tickets the server of a play wants. Drawn apart from all else, so that plays without are what they were.
pub(super) fn tickets(seed: u64) -> Option<TicketConfig> {
    let is_sealed = Secret::from_seed(seed).derive("sealed").number(0).is_multiple_of(ONE_IN);
    is_sealed.then(|| TicketConfig::new(TicketKeys::one(key(seed))))
}

/// The pass that a client has, also after it has forgotten everything else.
pub(super) fn pass(seed: u64, index: usize) -> Pass {
    let mint = Mint { client_id: FIRST_ID + index as u32, expires: u64::MAX, server: TicketConfig::SERVER };
    mint.pass(&key(seed), bytes(seed, &format!("pass {index}")))
}

fn key(seed: u64) -> TicketKey {
    TicketKey::from_bytes(bytes(seed, "ticket key"))
}

fn bytes<const N: usize>(seed: u64, label: &str) -> [u8; N] {
    let secret = Secret::from_seed(seed).derive(label);
    std::array::from_fn(|at| secret.number(at as u64) as u8)
}

/// Whether a datagram of the server is a snapshot; sealed, it is known by its length.
pub(super) fn is_snapshot(bytes: &[u8]) -> bool {
    match wire::sealed(Sender::Server, bytes).map(|sealed| sealed.envelope) {
        Some(Envelope::Datagram) => bytes.len() > REMOVED_BYTES + SEALED_EXTRA_BYTES,
        Some(Envelope::Welcome { .. }) => false,
        None => wire::snapshot_header(bytes).is_some(),
    }
}

/// Whether a datagram of the server is a welcome.
pub(super) fn is_welcome(bytes: &[u8]) -> bool {
    match wire::sealed(Sender::Server, bytes).map(|sealed| sealed.envelope) {
        Some(envelope) => envelope != Envelope::Datagram,
        None => matches!(wire::decode_server(bytes), Ok(FromServer::Welcome(_))),
    }
}
