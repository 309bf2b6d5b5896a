//! What those may ask for who do not play: an answer to a first hello, and a place in the tick for a proven one.
//!
//! They pay from accounts in tables of fixed size, found by keyed hashes, so that a flood leaves nothing behind. Who
//! plays pays from an account of its own and is never looked up here.

use std::hash::BuildHasher as _;
use std::time::Duration;

use super::PeerAddr;
use super::budget::{Account, Budget};
use super::shared::{AtomicU64, Ordering};
use crate::secret::{HashState, Secret};

/// How long a table is; the model checker has two.
const fn accounts(count: usize) -> usize {
    if cfg!(tickcast_loom) { 2 } else { count }
}

/// Addresses with a proof pay for so many hellos a second, and at once. There are more accounts than clients that join at
/// once.
const PROVEN_OF_ADDRESS: (u32, u32) = (8, 8);
const ADDRESSES: usize = accounts(1 << 14);

/// The same for all addresses of a prefix: 10,000 players behind one address join within four seconds, and no prefix takes
/// all the places that a tick has for strangers.
const PROVEN_OF_PREFIX: (u32, u32) = (3_500, 1_000);
const PREFIXES: usize = accounts(1 << 12);

/// First hellos of a prefix that are answered. They may come from anywhere, so they pay apart from proven ones.
const FIRST_OF_PREFIX: (u32, u32) = (7_000, 7_000);

/// First hellos that are answered, all together: an answer costs more than all else that a stranger can ask for.
const FIRST: (u32, u32) = (20_000, 8_000);

/// Hellos that are said again, after there was no answer: answered on top of the others, so that who is there and waits gets
/// through a flood of addresses that somebody has made up.
const AGAIN: (u32, u32) = (20_000, 8_000);

/// How many hellos are remembered that got no answer. At 300,000 of them a second three of four are still there when they
/// are said again, 250 ms later.
const UNANSWERED: usize = accounts(1 << 18);

/// Said again after so long, and not much later. A client waits 250 ms.
const AGAIN_AFTER_MS: u32 = 150;
const AGAIN_WITHIN_MS: u32 = 5_000;

/// The accounts of strangers. Shared by whoever receives.
#[derive(Debug)]
pub(super) struct Strangers {
    hash_state: HashState,
    proven_of_address: Accounts,
    proven_of_prefix: Accounts,
    first_of_prefix: Accounts,
    first: Accounts,
    again: Accounts,
    unanswered: Unanswered,
}

impl Strangers {
    pub(super) fn new(secret: &Secret) -> Self {
        Self {
            hash_state: secret.derive("strangers").hash_state(),
            proven_of_address: Accounts::new(ADDRESSES, PROVEN_OF_ADDRESS),
            proven_of_prefix: Accounts::new(PREFIXES, PROVEN_OF_PREFIX),
            first_of_prefix: Accounts::new(PREFIXES, FIRST_OF_PREFIX),
            first: Accounts::new(1, FIRST),
            again: Accounts::new(1, AGAIN),
            unanswered: Unanswered::new(),
        }
    }

    /// Charges the stranger at `from`, who has proven that it is there, for a hello. False if there were too many, of it or
    /// of its neighbours. Hellos that are too many for the prefix charge no address: addresses share their accounts with
    /// others, from anywhere.
    pub(super) fn may_ask(&self, age: Duration, from: PeerAddr) -> bool {
        let address = self.hash_state.hash_one(from);
        self.proven_of_address.has_left(age, address)
            && self.proven_of_prefix.charge(age, self.hash_state.hash_one(from.prefix()))
            && self.proven_of_address.charge(age, address)
    }

    /// Whether a hello that proves nothing is answered.
    pub(super) fn may_be_answered(&self, age: Duration, from: PeerAddr, nonce: u64) -> bool {
        let prefix = self.hash_state.hash_one(from.prefix());
        if self.first_of_prefix.charge(age, prefix) && self.first.charge(age, 0) {
            return true;
        }
        self.unanswered.is_again(age, self.hash_state.hash_one((from, nonce))) && self.again.charge(age, 0)
    }
}

/// Accounts that all have the same budget. Whose hashes meet in one share it.
#[derive(Debug)]
struct Accounts {
    budget: Budget,
    /// In nanoseconds.
    accounts: Box<[AtomicU64]>,
}

impl Accounts {
    fn new(count: usize, (per_second, burst): (u32, u32)) -> Self {
        let accounts = (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { budget: Budget::new(per_second, burst), accounts }
    }

    /// Charges the account that has this keyed hash. False if it has nothing left.
    fn charge(&self, age: Duration, hash: u64) -> bool {
        let charged = |due| self.charged(age, due);
        self.account(hash).fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged).is_ok()
    }

    /// Whether the account has something left; charges nothing.
    fn has_left(&self, age: Duration, hash: u64) -> bool {
        self.charged(age, self.account(hash).load(Ordering::Relaxed)).is_some()
    }

    fn account(&self, hash: u64) -> &AtomicU64 {
        &self.accounts[hash as usize % self.accounts.len()]
    }

    /// What an account is once it is charged.
    fn charged(&self, age: Duration, due: u64) -> Option<u64> {
        let mut account = Account(Duration::from_nanos(due));
        self.budget.charge(age, &mut account).then_some(account.0.as_nanos() as u64)
    }
}

/// The hellos that got no answer lately: of each a part of its keyed hash, and when it came. A newer one takes the place of
/// an older.
#[derive(Debug)]
struct Unanswered(Box<[AtomicU64]>);

impl Unanswered {
    fn new() -> Self {
        Self((0..UNANSWERED).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether the hello of this hash came some time ago, and is now said again. Notes that it came.
    fn is_again(&self, age: Duration, hash: u64) -> bool {
        let place = &self.0[hash as usize % self.0.len()];
        let (mark, now_ms) = (hash & !u64::from(u32::MAX), age.as_millis() as u32);
        let before = place.load(Ordering::Relaxed);
        let ms = now_ms.wrapping_sub(before as u32);
        let is_known = before & !u64::from(u32::MAX) == mark && ms < AGAIN_WITHIN_MS;
        if is_known && ms < AGAIN_AFTER_MS {
            return false;
        }
        place.store(mark | u64::from(now_ms), Ordering::Relaxed);
        is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn addr(number: u32) -> PeerAddr {
        let [a, b, c, d] = number.to_be_bytes();
        PeerAddr::udp(([a, b, c, d], 5_000).into(), None).expect("an address")
    }

    fn strangers() -> Strangers {
        Strangers::new(&Secret::from_seed(3))
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_stranger_pays_for_itself() {
        let strangers = strangers();
        let (here, there) = (addr(0x0a00_0001), addr(0x0a00_0002));
        assert_eq!((0..50).filter(|_| strangers.may_ask(9 * SECOND, here)).count(), 8);
        assert!(strangers.may_ask(9 * SECOND, there), "its neighbour does not");
        assert!(strangers.may_ask(9 * SECOND + SECOND / 8, here));
    }

    #[test]
    fn a_prefix_leaves_places_for_others_and_has_enough_for_ten_thousand_players() {
        let strangers = strangers();
        let mut asked = 0;
        for ms in 0..4_000 {
            let age = SECOND + Duration::from_millis(ms);
            // Ten from one prefix in every millisecond: of as many ports as there are.
            asked += (0..10_u64)
                .filter(|k| {
                    let port = (ms * 10 + k) as u16 | 1;
                    let from = PeerAddr::udp(([10, 0, 0, 1], port).into(), None).expect("an address");
                    strangers.may_ask(age, from)
                })
                .count();
        }
        assert!((10_000..=16_000).contains(&asked), "{asked} of a prefix in four seconds");
        assert!(strangers.may_ask(5 * SECOND, addr(0x0a00_0101)), "another prefix");
    }

    #[test]
    fn one_address_with_all_its_ports_leaves_the_accounts_of_others_alone() {
        let strangers = strangers();
        for asked in 0..400_000_u64 {
            let age = SECOND + Duration::from_micros(5 * asked);
            let from = PeerAddr::udp(([10, 0, 0, 1], asked as u16 | 1).into(), None).expect("an address");
            strangers.may_ask(age, from);
        }
        let others =
            (0..1_000).filter(|k| strangers.may_ask(3 * SECOND, addr(0x2000_0000 | k << 8 | 9))).count();
        assert!(others >= 995, "{others} of 1,000: a few prefixes share an account with that one");
    }

    #[test]
    fn answers_are_limited_and_who_asks_again_gets_one_through_a_flood() {
        let strangers = strangers();
        let (mut made_up, mut answered, mut waits) = (0x3000_0000_u32, 0, None);
        for ms in 0..3_000_u64 {
            let age = SECOND + Duration::from_millis(ms);
            for _ in 0..300 {
                made_up = made_up.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
                answered += usize::from(strangers.may_be_answered(age, addr(made_up >> 3 | 0x1000_0000), 1));
            }
            let asks = ms >= 1_000 && ms % 250 == 0 && waits.is_none();
            if asks && strangers.may_be_answered(age, addr(0x0a00_0001), 7) {
                waits = Some(ms - 1_000);
            }
        }
        assert!(answered <= 3 * 20_000 + 8_000 + 1_000, "{answered} of 900,000 answered");
        assert!(waits.is_some_and(|ms| ms <= 1_000), "it waited {waits:?} ms");
    }

    #[test]
    fn to_say_hello_faster_is_not_to_say_it_again() {
        let unanswered = Unanswered::new();
        let at = |ms: u64| Duration::from_millis(10_000 + ms);
        let said = [0, 1, 100, 149, 150, 151, 299, 300, 9_000].map(|ms| unanswered.is_again(at(ms), 7 << 32));
        assert_eq!(said, [false, false, false, false, true, false, false, true, false]);
    }
}
