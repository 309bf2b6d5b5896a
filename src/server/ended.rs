//! Sessions with tickets that have ended, as long as the hellos that began them could be said again by others.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::PROOF_LIFETIME;
use crate::gate::Join;
use crate::secret::{HashState, Secret};

/// By client id: when the address of its newest session that has ended was proven, in milliseconds of the server's age.
///
/// A session is remembered only as long as its proof is good, so there are no more than clients who join within twice
/// that time.
#[derive(Debug)]
pub(super) struct Ended {
    proven_ms: HashMap<u32, u64, HashState>,
    next_sweep: Duration,
}

impl Ended {
    pub(super) fn new(secret: &Secret) -> Self {
        let proven_ms = HashMap::with_hasher(secret.derive("ended sessions").hash_state());
        Self { proven_ms, next_sweep: Duration::ZERO }
    }

    /// A session has ended, in the server's `age`.
    pub(super) fn note(&mut self, age: Duration, client_id: u32, proven_ms: u64) {
        if is_good(age, proven_ms) {
            let newest = self.proven_ms.entry(client_id).or_default();
            *newest = proven_ms.max(*newest);
        }
    }

    /// Whether the hello is no newer than that of a session which has ended.
    pub(super) fn is_stale(&self, join: &Join) -> bool {
        self.proven_ms.get(&join.client_id).is_some_and(|&proven_ms| join.proven_ms <= proven_ms)
    }

    /// Forgets those whose hellos are too old by now; looks so often that it costs nothing.
    pub(super) fn forget(&mut self, age: Duration) {
        if age >= self.next_sweep {
            self.next_sweep = age + PROOF_LIFETIME;
            self.proven_ms.retain(|_, proven_ms| is_good(age, *proven_ms));
        }
    }
}

/// Whether a hello that was proven then may still be said.
pub(super) fn is_good(age: Duration, proven_ms: u64) -> bool {
    age <= Duration::from_millis(proven_ms) + PROOF_LIFETIME + Duration::from_millis(1)
}
