//! What those may ask for who do not play: an answer to a first hello, and what a proven one costs.
//!
//! They pay from accounts in tables of fixed size, found by keyed hashes, so that a flood leaves nothing behind. Who
//! plays pays from an account of its own and is never looked up here.

use std::hash::BuildHasher as _;
use std::time::Duration;

use super::budget::{Account, Budget};
use super::places::Asker;
use super::shared::{AtomicU64, Ordering};
use super::{DropReason, PeerAddr};
use crate::secret::{HashState, Secret};

/// How long a table is; the model checker has two.
const fn accounts(count: usize) -> usize {
    if cfg!(tickcast_loom) { 2 } else { count }
}

/// Addresses with a proof pay for so many hellos a second, and at once. There are so many accounts that all hellos that a
/// server takes in, from as many addresses as there are, do not empty them.
const PROVEN_OF_ADDRESS: (u32, u32) = (8, 8);
const ADDRESSES: usize = accounts(1 << 17);

/// The same for all addresses of a prefix: 10,000 players behind one address join within four seconds. There are so many
/// accounts that one of 200 prefixes shares its own if 256 others flood.
const PROVEN_OF_PREFIX: (u32, u32) = (3_500, 1_000);
const PREFIXES: usize = accounts(1 << 16);

/// Up to here a prefix says little, and its hellos have what is kept for such. A home or an office needs no more, and 256 prefixes
/// that flood do not get half of what is kept in a second, nor all of it in a tick for long.
const SELDOM_OF_PREFIX: (u32, u32) = (8, 2);

/// Refusals of proven hellos that the gate itself says, of a prefix and all together: 500 prefixes have their part.
const REFUSED_OF_PREFIX: (u32, u32) = (8, 32);
const REFUSED: (u32, u32) = (4_000, 1_000);

/// How many joins a ticket is good for in a second, from wherever: its bearer says hello every 250 ms.
const JOINS_OF_TICKET: (u32, u32) = (4, 8);
const TICKETS: usize = accounts(1 << 14);

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
    seldom_of_prefix: Accounts,
    refused_of_prefix: Accounts,
    refused: Accounts,
    joins_of_ticket: Accounts,
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
            seldom_of_prefix: Accounts::new(PREFIXES, SELDOM_OF_PREFIX),
            refused_of_prefix: Accounts::new(PREFIXES, REFUSED_OF_PREFIX),
            refused: Accounts::new(1, REFUSED),
            joins_of_ticket: Accounts::new(TICKETS, JOINS_OF_TICKET),
            first_of_prefix: Accounts::new(PREFIXES, FIRST_OF_PREFIX),
            first: Accounts::new(1, FIRST),
            again: Accounts::new(1, AGAIN),
            unanswered: Unanswered::new(),
        }
    }

    /// Charges the stranger at `from`, who has proven that it is there, for a hello, and gives what it may ask for. An error
    /// if there were too many, of it or of its neighbours. Hellos that are too many for the prefix charge no address:
    /// addresses share their accounts with others, from anywhere.
    pub(super) fn ask(&self, age: Duration, from: PeerAddr) -> Result<Asker, DropReason> {
        let prefix = self.hash_state.hash_one(from.prefix());
        if self.seldom_of_prefix.charge(age, prefix) {
            return Ok(Asker::Seldom);
        }
        let address = self.hash_state.hash_one(from);
        let has_paid = self.proven_of_address.has_left(age, address)
            && self.proven_of_prefix.charge(age, prefix)
            && self.proven_of_address.charge(age, address);
        has_paid.then_some(Asker::Often).ok_or(DropReason::Rate)
    }

    /// Whether the gate refuses a hello of `from`, which has proven that it is there, in so many words.
    pub(super) fn may_be_refused(&self, age: Duration, from: PeerAddr) -> bool {
        self.refused_of_prefix.charge(age, self.hash_state.hash_one(from.prefix()))
            && self.refused.charge(age, 0)
    }

    /// Whether the ticket of this mark is good for another join yet.
    pub(super) fn may_join_by(&self, age: Duration, mark: u64) -> bool {
        self.joins_of_ticket.charge(age, self.hash_state.hash_one(mark))
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
pub(super) struct Accounts {
    budget: Budget,
    /// In nanoseconds.
    accounts: Box<[AtomicU64]>,
}

impl Accounts {
    pub(super) fn new(count: usize, (per_second, burst): (u32, u32)) -> Self {
        let accounts = (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { budget: Budget::new(per_second, burst), accounts }
    }

    /// Charges the account that has this keyed hash. False if it has nothing left.
    pub(super) fn charge(&self, age: Duration, hash: u64) -> bool {
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
        let asked: Vec<_> = (0..50).filter_map(|_| strangers.ask(9 * SECOND, here).ok()).collect();
        assert_eq!(
            asked,
            [vec![Asker::Seldom; 2], vec![Asker::Often; 8]].concat(),
            "for its prefix, and for itself"
        );
        assert_eq!(strangers.ask(9 * SECOND, there), Ok(Asker::Often), "its neighbour does not");
        let elsewhere = addr(0x0a00_0101);
        assert_eq!(
            strangers.ask(9 * SECOND, elsewhere),
            Ok(Asker::Seldom),
            "and who is elsewhere comes first"
        );
        assert_eq!(strangers.ask(9 * SECOND + SECOND / 8, here), Ok(Asker::Seldom));
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
                    strangers.ask(age, from).is_ok()
                })
                .count();
        }
        assert!((10_000..=16_000).contains(&asked), "{asked} of a prefix in four seconds");
        assert_eq!(strangers.ask(5 * SECOND, addr(0x0a00_0101)), Ok(Asker::Seldom), "another prefix");
    }

    #[test]
    fn one_address_with_all_its_ports_leaves_the_accounts_of_others_alone() {
        let strangers = strangers();
        for asked in 0..400_000_u64 {
            let age = SECOND + Duration::from_micros(5 * asked);
            let from = PeerAddr::udp(([10, 0, 0, 1], asked as u16 | 1).into(), None).expect("an address");
            _ = strangers.ask(age, from);
        }
        let others =
            (0..1_000).filter(|k| strangers.ask(3 * SECOND, addr(0x2000_0000 | k << 8 | 9)).is_ok()).count();
        assert!(others >= 995, "{others} of 1,000: a few prefixes share an account with that one");
    }

    /// Floods for two seconds from so many prefixes with as many addresses as the system has ports; gives how many of 1,000 others
    /// who ask once are counted as those who do so seldom, and how many may ask at all.
    fn others_in_a_flood(prefixes: u32, per_second: u64) -> (usize, usize) {
        let strangers = strangers();
        for asked in 0..2 * per_second {
            let age = SECOND + Duration::from_nanos(1_000_000_000 / per_second * asked);
            let ip = (0x3000_0000 | (asked as u32 % prefixes) << 8 | 1).to_be_bytes();
            let from = PeerAddr::udp((ip, asked as u16 | 1).into(), None).expect("an address");
            _ = strangers.ask(age, from);
        }
        let asked = (0..1_000).map(|k| strangers.ask(3 * SECOND, addr(0x2000_0000 | k << 8 | 9)));
        let asked: Vec<Asker> = asked.filter_map(Result::ok).collect();
        (asked.iter().filter(|asker| **asker == Asker::Seldom).count(), asked.len())
    }

    #[test]
    fn floods_from_256_prefixes_leave_others_what_is_kept_for_them() {
        for (prefixes, per_second) in [(20, 60_000), (40, 130_000), (256, 300_000)] {
            let (seldom, all) = others_in_a_flood(prefixes, per_second);
            assert!(seldom >= 990 && all >= 999, "{prefixes} prefixes: {seldom} seldom, {all} of 1,000");
        }
    }

    #[test]
    fn a_prefix_and_all_together_are_refused_a_bounded_number_of_times() {
        let strangers = strangers();
        let refused = |count: u32, of: &dyn Fn(u32) -> PeerAddr| {
            (0..count).filter(|number| strangers.may_be_refused(9 * SECOND, of(*number))).count()
        };
        assert_eq!(refused(1_000, &|number| addr(0x0a00_0000 | number & 0xff)), 32);
        assert_eq!(refused(10_000, &|number| addr(0x2000_0000 | number << 8)), 1_000 - 32);
    }

    #[test]
    fn a_ticket_is_good_for_some_joins_a_second_from_wherever() {
        let strangers = strangers();
        let joins = |age, mark| (0..100).filter(|_| strangers.may_join_by(age, mark)).count();
        assert_eq!((joins(9 * SECOND, 1), joins(9 * SECOND, 2), joins(10 * SECOND, 1)), (8, 8, 4));
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
