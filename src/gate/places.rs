//! Who may still get something that there is only so much of: places in a tick, tickets looked at in a second.
//!
//! Whoever floods takes what is there for anyone. So a part is kept for those who come back, and one for strangers from
//! where little is said.

use std::time::Duration;

use super::shared::{AtomicUsize, Ordering};
use super::strangers::Accounts;

/// Who says a hello that proves its address, by what it has paid from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A peer that says again what it was admitted by: its welcome may have been lost.
    Again,
    /// One that names a session that plays: it goes on from another address, or anew.
    Back,
    /// A stranger from a prefix that says little.
    Seldom,
    /// A stranger from a prefix that says much.
    Often,
}

/// How many commands of those who do not play, or not by this session, the next tick may still get: each costs an answer,
/// and the tick shall not be theirs. Shared by whoever receives.
#[derive(Debug)]
pub(super) struct Places {
    anyone: AtomicUsize,
    back: AtomicUsize,
    seldom: AtomicUsize,
    anyone_max: usize,
}

impl Places {
    /// So many for anyone, and half as many more for those who come back, and for those who ask seldom.
    pub(super) fn new(anyone_max: usize) -> Self {
        let [anyone, back, seldom] = [(); 3].map(|()| AtomicUsize::new(0));
        let places = Self { anyone, back, seldom, anyone_max };
        places.free();
        places
    }

    /// All are free again.
    pub(super) fn free(&self) {
        self.anyone.store(self.anyone_max, Ordering::Relaxed);
        self.back.store(self.anyone_max / 2, Ordering::Relaxed);
        self.seldom.store(self.anyone_max / 2, Ordering::Relaxed);
    }

    /// Whether there was one.
    pub(super) fn take(&self, asker: Asker) -> bool {
        match asker {
            Asker::Again => true,
            Asker::Back => take_one(&self.back) || take_one(&self.anyone),
            Asker::Seldom => take_one(&self.seldom) || take_one(&self.anyone),
            Asker::Often => take_one(&self.anyone),
        }
    }
}

fn take_one(places: &AtomicUsize) -> bool {
    places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |places| places.checked_sub(1)).is_ok()
}

/// Tickets that are looked at in a second, and at once: together some 6 % of a core. What a peer says again it pays for itself.
const LOOKS: (u32, u32) = (8_000, 2_000);
/// For each of those who come back, and those who ask seldom.
const LOOKS_KEPT: (u32, u32) = (4_000, 1_000);

/// How many tickets may be looked at.
#[derive(Debug)]
pub(super) struct Looks {
    anyone: Accounts,
    back: Accounts,
    seldom: Accounts,
}

impl Looks {
    pub(super) fn new() -> Self {
        let [back, seldom] = [(); 2].map(|()| Accounts::new(1, LOOKS_KEPT));
        Self { anyone: Accounts::new(1, LOOKS), back, seldom }
    }

    /// Whether there was one.
    pub(super) fn take(&self, age: Duration, asker: Asker) -> bool {
        let take_one = |looks: &Accounts| looks.charge(age, 0);
        match asker {
            Asker::Again => true,
            Asker::Back => take_one(&self.back) || take_one(&self.anyone),
            Asker::Seldom => take_one(&self.seldom) || take_one(&self.anyone),
            Asker::Often => take_one(&self.anyone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(count: usize, mut take: impl FnMut() -> bool) -> usize {
        (0..count).filter(|_| take()).count()
    }

    #[test]
    fn who_asks_often_leaves_places_for_the_others_until_the_next_tick() {
        let places = Places::new(8);
        for _tick in 0..2 {
            assert_eq!(taken(100, || places.take(Asker::Often)), 8);
            assert_eq!(taken(100, || places.take(Asker::Seldom)), 4);
            assert_eq!(taken(100, || places.take(Asker::Back)), 4);
            assert_eq!(taken(100, || places.take(Asker::Again)), 100);
            places.free();
        }
        assert_eq!(
            taken(100, || places.take(Asker::Back)),
            12,
            "what nobody else takes is there for them too"
        );
    }

    #[test]
    fn who_asks_often_leaves_looks_at_tickets_for_the_others() {
        let looks = Looks::new();
        let second = Duration::from_secs(9);
        assert_eq!(taken(10_000, || looks.take(second, Asker::Often)), 2_000);
        assert_eq!(taken(10_000, || looks.take(second, Asker::Seldom)), 1_000);
        assert_eq!(taken(10_000, || looks.take(second, Asker::Back)), 1_000);
    }
}
