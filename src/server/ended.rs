//! Sessions that have ended, as long as the hellos that began them could be said again: by others, where they are with tickets, or
//! because they were on their way when the game removed a player.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::PROOF_LIFETIME;
use crate::gate::Join;
use crate::secret::{HashState, Secret};

/// By client id: the newest of its sessions that has ended.
///
/// A session is remembered only as long as its hellos are good, so there are no more than clients who join, or are removed, within
/// twice that time.
#[derive(Debug)]
pub(super) struct Ended {
    sessions: HashMap<u32, Session, HashState>,
    next_sweep: Duration,
}

/// Times are in milliseconds of the server's age.
#[derive(Clone, Copy, Debug, Default)]
struct Session {
    /// When its address was proven.
    proven_ms: u64,
    /// If the game has removed its player: the nonce that its hellos had, and when that was. Those that were proven before come from a
    /// client that hears of its end, and ignores a welcome.
    removed: Option<(u64, u64)>,
}

impl Session {
    fn is_good(&self, age: Duration) -> bool {
        is_good(age, self.proven_ms.max(self.removed.map_or(0, |(_, at_ms)| at_ms)))
    }
}

impl Ended {
    pub(super) fn new(secret: &Secret) -> Self {
        let sessions = HashMap::with_hasher(secret.derive("ended sessions").hash_state());
        Self { sessions, next_sweep: Duration::ZERO }
    }

    /// A session has ended, in the server's `age`.
    pub(super) fn note(&mut self, age: Duration, client_id: u32, proven_ms: u64) {
        self.keep(age, client_id, Session { proven_ms, removed: None });
    }

    /// A session has ended that began with a hello of that nonce, for the game has removed its player.
    pub(super) fn note_removed(&mut self, age: Duration, client_id: u32, proven_ms: u64, nonce: u64) {
        let removed = Some((nonce, age.as_millis() as u64));
        self.keep(age, client_id, Session { proven_ms, removed });
    }

    fn keep(&mut self, age: Duration, client_id: u32, session: Session) {
        if session.is_good(age) {
            let newest = self.sessions.entry(client_id).or_default();
            newest.proven_ms = session.proven_ms.max(newest.proven_ms);
            newest.removed = session.removed.or(newest.removed);
        }
    }

    /// Whether the hello is no newer than that of a session which has ended.
    pub(super) fn is_stale(&self, join: &Join) -> bool {
        let Some(session) = self.sessions.get(&join.client_id) else { return false };
        let is_of_removed = |(nonce, at_ms)| join.nonce == nonce && join.proven_ms <= at_ms;
        join.proven_ms <= session.proven_ms || session.removed.is_some_and(is_of_removed)
    }

    /// Forgets those whose hellos are too old by now; looks so often that it costs nothing.
    pub(super) fn forget(&mut self, age: Duration) {
        if age >= self.next_sweep {
            self.next_sweep = age + PROOF_LIFETIME;
            self.sessions.retain(|_, session| session.is_good(age));
        }
    }
}

/// Whether a hello that was proven then may still be said.
pub(super) fn is_good(age: Duration, proven_ms: u64) -> bool {
    age <= Duration::from_millis(proven_ms) + PROOF_LIFETIME + Duration::from_millis(1)
}
