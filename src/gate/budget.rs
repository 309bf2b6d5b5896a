//! How much a peer may send: a rate per second, with a burst.

use std::time::Duration;

/// How many datagrams a peer may send at once when it has just joined.
const OPENING: u32 = 16;

/// A rate limit, the same for all peers.
///
/// The Generic Cell Rate Algorithm (ITU-T I.371): a peer's whole account is one time, so that it fits in its
/// entry at the gate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// The time that one datagram pays for.
    interval: Duration,
    /// How far a peer may be ahead of its rate.
    tolerance: Duration,
}

/// When a peer's next datagram is due at its rate, as the age of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account(pub(super) Duration);

/// What a peer has left to spend: on moves and leaves, on hellos, and on hellos that make another session of its own. Apart,
/// because whoever reads its challenges can say hello in its name, and shall not cost it a move by that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAccounts {
    pub(super) moves: Account,
    pub(super) hellos: Account,
    pub(super) returns: Account,
}

/// How many hellos with a proof a peer may send in a second, and at once.
const HELLOS: (u32, u32) = (8, 8);

/// How many of them may make another session, wherever they come from: a client says hello after a second of silence.
const RETURNS: (u32, u32) = (1, 4);

impl Budget {
    /// That of hellos.
    pub(super) fn of_hellos() -> Self {
        Self::new(HELLOS.0, HELLOS.1)
    }

    /// That of hellos which make another session.
    pub(super) fn of_returns() -> Self {
        Self::new(RETURNS.0, RETURNS.1)
    }

    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second;
        Self { interval, tolerance: interval * burst.saturating_sub(1) }
    }

    /// The accounts of a peer that joins at `age`: good for [`OPENING`] datagrams at once.
    pub(super) fn open(&self, age: Duration) -> PeerAccounts {
        let moves = Account(age + self.tolerance.saturating_sub(self.interval * (OPENING - 1)));
        PeerAccounts { moves, hellos: Account(age), returns: Account(age) }
    }

    /// Charges one datagram at `age`. False if the peer has sent too much; then nothing is charged.
    pub(super) fn charge(&self, age: Duration, account: &mut Account) -> bool {
        let due = account.0.max(age);
        let ahead = due - age;
        if ahead > self.tolerance {
            return false;
        }
        account.0 = due + self.interval;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_has_a_small_burst() {
        let budget = Budget::new(100, 50);
        let mut account = budget.open(Duration::from_secs(9)).moves;
        let burst = (0..50).filter(|_| budget.charge(Duration::from_secs(9), &mut account)).count();
        assert_eq!(burst, 16);
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let budget = Budget::new(100, 10);
        let mut account = Account(Duration::ZERO);
        let at = |ms| Duration::from_millis(ms);
        let burst = (0..50).filter(|_| budget.charge(at(1000), &mut account)).count();
        assert_eq!(burst, 10);
        let rate = (0..1000).filter(|ms| budget.charge(at(1001 + ms), &mut account)).count();
        assert_eq!(rate, 100);
    }
}
