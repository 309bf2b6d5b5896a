//! Scores on their way to the service: looked for a few players at a time, and reported until they are taken.

use std::time::Duration;

use crate::game::Realm;
use crate::profiles::{Batch, Book, Outbox, Score, Scores};

/// How often all players are looked at for scores.
const SCORES_EVERY: Duration = Duration::from_secs(10);
/// At how many of them in a tick: some microseconds.
const SCORES_PER_TICK: usize = 64;

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reported {
    Taken,
    /// It will be no better the next time.
    Refused,
    Failed,
}

/// See the module. [`Reporting::look`] and [`Reporting::next`] once a tick, [`Reporting::on_done`] for what that gave;
/// [`Reporting::look_at_all`] before the server stops, and then only what is left.
#[derive(Debug)]
pub(super) struct Reporting {
    outbox: Outbox,
    next_round: Duration,
    is_in_round: bool,
    is_stopping: bool,
}

impl Reporting {
    /// Deeds are added up under `run`.
    pub(super) fn new(run: u64) -> Self {
        Self { outbox: Outbox::new(run), next_round: Duration::ZERO, is_in_round: false, is_stopping: false }
    }

    /// Looks at some players for scores.
    pub(super) fn look(&mut self, now: Duration, book: &mut Book) {
        if !self.is_in_round && now >= self.next_round {
            (self.is_in_round, self.next_round) = (true, now + SCORES_EVERY);
        }
        if self.is_in_round {
            self.is_in_round = !book.scores(now, SCORES_PER_TICK, |score| self.outbox.put(score));
        }
    }

    /// Looks at all players, as if they left now. True the first time; later nothing is done.
    pub(super) fn look_at_all(&mut self, now: Duration, book: &Book) -> bool {
        let is_first = !std::mem::replace(&mut self.is_stopping, true);
        if is_first {
            book.last_scores(now, |score| self.outbox.put_last(score));
        }
        is_first
    }

    /// A player leaves.
    pub(super) fn put_last(&mut self, score: Score) {
        self.outbox.put_last(score);
    }

    /// What to report now. Whoever stops does not wait for a pause to be over.
    pub(super) fn next(&mut self, now: Duration) -> Option<Batch> {
        self.outbox.next(if self.is_stopping { Duration::MAX } else { now })
    }

    pub(super) fn is_on_its_way(&self) -> bool {
        self.outbox.is_on_its_way()
    }

    pub(super) fn on_done(&mut self, realm: &mut Realm<'_>, now: Duration, reported: Reported) {
        match reported {
            Reported::Taken => self.outbox.on_delivered(),
            Reported::Refused => self.outbox.on_refused(now, realm.random()),
            Reported::Failed => self.outbox.on_failed(now, realm.random()),
        }
    }

    pub(super) fn counts(&self) -> Scores {
        self.outbox.counts()
    }
}
