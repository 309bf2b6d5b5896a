//! Whose profile is asked for next: each in the order in which it came, again after a failure, as long as it plays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::profiles::{ATTEMPTS_MAX, backoff};
use crate::wire::Position;
use crate::work::WorkId;

/// Who has waited for so long is told what is known here; its profile comes when it does.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a player waits for: a player who has left and come back waits for another answer than before.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// To be asked for, by the time from which on it may be, and a number that grows.
    Next(Duration, u64),
    Asked(WorkId),
}

/// A player whose profile has not come yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newcomer {
    /// Where it stands until then.
    pub(super) put: Option<Position>,
    pub(super) is_back: bool,
    turn: Turn,
    failures: u32,
    /// Until when it is told nothing. `None`: it has been told what is known here.
    told_at: Option<Duration>,
}

/// See the module. [`Newcomers::join`], [`Newcomers::next`] and [`Newcomers::on_asked`]; then, if there was no answer,
/// [`Newcomers::on_failed`], else [`Newcomers::leave`], as at any time.
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    all: BTreeMap<u32, Newcomer>,
    queue: BTreeMap<(Duration, u64), u32>,
    numbered: u64,
    patient: BTreeSet<(Duration, u32)>,
}

impl Newcomers {
    pub(super) fn join(&mut self, player: u32, put: Option<Position>, is_back: bool, now: Duration) {
        self.leave(player);
        let turn = self.enqueue(player, now);
        let told_at = now + PATIENCE;
        self.patient.insert((told_at, player));
        let newcomer = Newcomer { put, is_back, turn, failures: 0, told_at: Some(told_at) };
        self.all.insert(player, newcomer);
    }

    /// It waits no longer.
    pub(super) fn leave(&mut self, player: u32) -> Option<Newcomer> {
        let newcomer = self.all.remove(&player)?;
        if let Turn::Next(at, number) = newcomer.turn {
            self.queue.remove(&(at, number));
        }
        if let Some(told_at) = newcomer.told_at {
            self.patient.remove(&(told_at, player));
        }
        Some(newcomer)
    }

    /// Who is to be asked for.
    pub(super) fn next(&self, now: Duration) -> Option<u32> {
        let (&(at, _), &player) = self.queue.first_key_value()?;
        (at <= now).then_some(player)
    }

    pub(super) fn on_asked(&mut self, player: u32, question: WorkId) {
        let Some(newcomer) = self.all.get_mut(&player) else { return };
        if let Turn::Next(at, number) = std::mem::replace(&mut newcomer.turn, Turn::Asked(question)) {
            self.queue.remove(&(at, number));
        }
    }

    /// Whether it is this answer that the player waits for.
    pub(super) fn awaits(&self, player: u32, question: WorkId) -> bool {
        let is_it = |newcomer: &Newcomer| matches!(newcomer.turn, Turn::Asked(asked) if asked == question);
        self.all.get(&player).is_some_and(is_it)
    }

    /// There is no answer, but there may be one later: it waits again, behind the others. True if it is to be told what is
    /// known here.
    pub(super) fn on_failed(&mut self, player: u32, now: Duration, drawn: u64) -> bool {
        let Some(mut newcomer) = self.leave(player) else { return false };
        newcomer.failures = newcomer.failures.saturating_add(1);
        // Its attempts have paused already.
        let pause = backoff((ATTEMPTS_MAX - 1).saturating_add(newcomer.failures), drawn);
        newcomer.turn = self.enqueue(player, now + pause);
        let is_first = newcomer.told_at.take().is_some();
        self.all.insert(player, newcomer);
        is_first
    }

    /// The next one who has waited for too long to be told nothing.
    pub(super) fn next_impatient(&mut self, now: Duration) -> Option<u32> {
        let &(told_at, player) = self.patient.first()?;
        if told_at > now {
            return None;
        }
        self.patient.pop_first();
        if let Some(newcomer) = self.all.get_mut(&player) {
            newcomer.told_at = None;
        }
        Some(player)
    }

    fn enqueue(&mut self, player: u32, at: Duration) -> Turn {
        self.numbered += 1;
        self.queue.insert((at, self.numbered), player);
        Turn::Next(at, self.numbered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_is_asked_for_in_the_order_in_which_it_came() {
        let mut newcomers = Newcomers::default();
        [9, 2, 5].into_iter().for_each(|player| newcomers.join(player, None, false, SECOND));
        newcomers.leave(2);
        newcomers.join(2, None, false, SECOND);
        let mut asked = Vec::new();
        while let Some(player) = newcomers.next(SECOND) {
            newcomers.on_asked(player, WorkId(u64::from(player)));
            asked.push(player);
        }
        assert_eq!(asked, [9, 5, 2]);
        assert!(newcomers.awaits(9, WorkId(9)) && !newcomers.awaits(9, WorkId(5)));
    }

    #[test]
    fn who_failed_waits_behind_those_who_were_not_asked_for_yet() {
        let mut newcomers = Newcomers::default();
        newcomers.join(1, None, false, SECOND);
        newcomers.on_asked(1, WorkId(1));
        assert!(newcomers.on_failed(1, SECOND, 0), "it is told once what is known here");
        newcomers.join(2, None, false, SECOND);
        assert_eq!(newcomers.next(SECOND), Some(2));
        newcomers.on_asked(2, WorkId(2));
        assert_eq!(newcomers.next(SECOND), None, "not at once");
        assert_eq!(newcomers.next(5 * SECOND), Some(1));
        newcomers.on_asked(1, WorkId(3));
        assert!(!newcomers.on_failed(1, 5 * SECOND, 0));
        for failures in 0..100 {
            let now = 60 * SECOND * failures;
            assert_eq!(newcomers.next(now + 60 * SECOND), Some(1), "it is asked for as long as it plays");
            newcomers.on_failed(1, now + 60 * SECOND, u64::MAX);
        }
        newcomers.leave(1);
        assert!(newcomers.queue.is_empty() && newcomers.patient.len() == 1);
    }

    #[test]
    fn who_waits_for_long_is_told_once_what_is_known_here() {
        let mut newcomers = Newcomers::default();
        (0..3).for_each(|player| newcomers.join(player, None, false, SECOND));
        newcomers.leave(1);
        assert_eq!(newcomers.next_impatient(PATIENCE), None);
        let later = SECOND + PATIENCE;
        let told = std::iter::from_fn(|| newcomers.next_impatient(later));
        assert_eq!(told.collect::<Vec<_>>(), [0, 2]);
        assert!(newcomers.next(later) == Some(0) && !newcomers.on_failed(0, later, 0));
    }
}
