//! How much a peer may send: a rate per second, with a burst.

use std::time::Duration;

use super::shared::{AtomicU64, Ordering};

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
pub(crate) struct Account(Duration);

impl Budget {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second;
        Self { interval, tolerance: interval * burst.saturating_sub(1) }
    }

    /// The account of a peer that joins at `age`: good for [`OPENING`] datagrams at once.
    pub(super) fn open(&self, age: Duration) -> Account {
        Account(age + self.tolerance.saturating_sub(self.interval * (OPENING - 1)))
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

/// How many accounts strangers share. A power of two, and more than clients that join at once; the model checker has
/// two.
const STRANGER_ACCOUNTS: usize = if cfg!(tickcast_loom) { 2 } else { 1 << 14 };
/// How many proven hellos a second, and at once, an account of strangers pays for.
const STRANGER_RATE: (u32, u32) = (8, 8);

/// What strangers who have proven their address may ask for: accounts by the hash of the address, in a table of
/// fixed size, so that one stranger's flood costs that stranger and leaves nothing behind.
#[derive(Debug)]
pub(super) struct Strangers {
    budget: Budget,
    /// The accounts, in nanoseconds.
    accounts: Box<[AtomicU64]>,
}

impl Strangers {
    pub(super) fn new() -> Self {
        let accounts = (0..STRANGER_ACCOUNTS).map(|_| AtomicU64::new(0)).collect();
        Self { budget: Budget::new(STRANGER_RATE.0, STRANGER_RATE.1), accounts }
    }

    /// Charges the stranger whose address has this keyed hash. False if it has asked too much.
    pub(super) fn charge(&self, age: Duration, hash: u64) -> bool {
        let account = &self.accounts[hash as usize % STRANGER_ACCOUNTS];
        let charged = |due| {
            let mut account = Account(Duration::from_nanos(due));
            self.budget.charge(age, &mut account).then_some(account.0.as_nanos() as u64)
        };
        account.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_pays_for_itself() {
        let strangers = Strangers::new();
        let age = Duration::from_secs(9);
        assert_eq!((0..50).filter(|_| strangers.charge(age, 7)).count(), 8);
        assert!(strangers.charge(age, 8) && strangers.charge(age + Duration::from_millis(125), 7));
    }

    #[test]
    fn a_newcomer_has_a_small_burst() {
        let budget = Budget::new(100, 50);
        let mut account = budget.open(Duration::from_secs(9));
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
