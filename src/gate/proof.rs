//! Proof of address without memory: an authentication code over the address, the client's nonce and the time.

use std::time::Duration;

use super::{DropReason, PeerAddr};
use crate::config::PROOF_LIFETIME;
use crate::secret::Secret;
use crate::wire::Proof;

/// Hands out proofs and checks them; remembers nothing but its key.
#[derive(Debug)]
pub(super) struct Prover {
    key: Secret,
}

impl Prover {
    pub(super) fn new(key: Secret) -> Self {
        Self { key }
    }

    /// A proof for whoever receives at `addr`; `age` is the age of the server.
    pub(super) fn prove(&self, age: Duration, addr: PeerAddr, nonce: u64) -> Proof {
        let time_ms = age.as_millis() as u64;
        Proof { time_ms, mac: self.mac(time_ms, addr, nonce) }
    }

    /// Whether this server handed `proof` out to `addr` for `nonce`, not longer ago than [`PROOF_LIFETIME`].
    pub(super) fn check(
        &self,
        age: Duration,
        addr: PeerAddr,
        nonce: u64,
        proof: &Proof,
    ) -> Result<(), DropReason> {
        if !same(self.mac(proof.time_ms, addr, nonce), proof.mac) {
            return Err(DropReason::Proof);
        }
        let proof_age_ms = (age.as_millis() as u64).saturating_sub(proof.time_ms);
        if proof_age_ms > PROOF_LIFETIME.as_millis() as u64 {
            return Err(DropReason::ProofExpired);
        }
        Ok(())
    }

    fn mac(&self, time_ms: u64, addr: PeerAddr, nonce: u64) -> [u64; 2] {
        let mut bytes = [0; 54];
        bytes[..38].copy_from_slice(&addr.bytes());
        bytes[38..46].copy_from_slice(&nonce.to_le_bytes());
        bytes[46..].copy_from_slice(&time_ms.to_le_bytes());
        self.key.mac(&bytes)
    }
}

/// Compares in constant time: how long it takes must not tell how much of a guess was right.
fn same(a: [u64; 2], b: [u64; 2]) -> bool {
    (a[0] ^ b[0]) | (a[1] ^ b[1]) == 0
}
