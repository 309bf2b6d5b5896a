//! What is still to be reported: of each player the newest score, until the service has taken it.
//!
//! Scores are of all that a player has done, so that one for each player is enough however long the service is down, and
//! one that arrives twice does no harm. One batch is on its way at a time.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use serde::Serialize;

use super::{Score, Totals, backoff};

/// The most players that wait: 4 MB. Beyond, scores of others are lost, and counted.
pub const OUTBOX_MAX: usize = 65_536;
/// The most scores reported at once: 50 KB of text.
pub const BATCH_MAX: usize = 500;

/// What is reported at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Under which number players' deeds are added up: another one, and they are added to what was reported before.
    pub run: u64,
    /// The scores, by client id, each once.
    pub scores: Vec<Score>,
}

/// What became of scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scores {
    /// Players whose scores are still to be reported, with those on their way.
    pub waiting: u64,
    /// Scores that the service has taken.
    pub delivered: u64,
    /// Scores that it does not take, each reported alone.
    pub refused: u64,
    /// Scores of players who have left for which there was no room.
    pub lost: u64,
    /// Players who have left and are known here no longer: if they come back, they begin anew.
    pub forgotten: u64,
}

/// What waits, and what is on its way.
///
/// [`Outbox::put`] whenever there is a score, and [`Outbox::put_last`] when its player goes; [`Outbox::next`] from time to
/// time; what it gives is reported, and then comes [`Outbox::on_delivered`], [`Outbox::on_failed`] or [`Outbox::on_refused`].
/// Times are since any beginning.
#[derive(Debug)]
pub struct Outbox {
    run: u64,
    waiting: BTreeMap<u32, Totals>,
    on_its_way: Vec<Score>,
    /// The last of the batch before: those behind it come next, so that nobody waits for ever.
    last: u32,
    /// How many are reported at once: fewer while the service takes something in them for wrong.
    batch: usize,
    failures: u32,
    not_before: Duration,
    delivered: u64,
    refused: u64,
    lost: u64,
}

impl Outbox {
    /// An empty one, for deeds that are added up under `run`.
    pub fn new(run: u64) -> Self {
        Self {
            run,
            waiting: BTreeMap::new(),
            on_its_way: Vec::new(),
            last: u32::MAX,
            batch: BATCH_MAX,
            failures: 0,
            not_before: Duration::ZERO,
            delivered: 0,
            refused: 0,
            lost: 0,
        }
    }

    /// Takes a score in the place of the one before of the same player; of each number the greater counts. False if there is
    /// no room: then it is to be put again.
    pub fn put(&mut self, score: Score) -> bool {
        if let Some(totals) = self.waiting.get_mut(&score.client_id) {
            *totals = totals.most(score.totals);
            return true;
        }
        let has_room = self.waiting.len() < OUTBOX_MAX;
        if has_room {
            self.waiting.insert(score.client_id, score.totals);
        }
        has_room
    }

    /// The same of a player who goes: where there is no room, nobody puts it again, and it is lost.
    pub fn put_last(&mut self, score: Score) {
        let is_lost = !self.put(score);
        self.lost += u64::from(is_lost);
    }

    /// What to report now, if anything waits, nothing is on its way, and the pause after a failure is over.
    pub fn next(&mut self, now: Duration) -> Option<Batch> {
        if !self.on_its_way.is_empty() || self.waiting.is_empty() || now < self.not_before {
            return None;
        }
        let behind = self.waiting.range((Bound::Excluded(self.last), Bound::Unbounded));
        let before = self.waiting.range(..=self.last);
        let scores = behind.chain(before).take(self.batch);
        let mut scores: Vec<Score> =
            scores.map(|(&client_id, &totals)| Score { client_id, totals }).collect();
        self.last = scores.last().map_or(self.last, |score| score.client_id);
        scores.sort_unstable_by_key(|score| score.client_id);
        self.on_its_way.clone_from(&scores);
        Some(Batch { run: self.run, scores })
    }

    /// The service has taken what was on its way. What has changed meanwhile still waits.
    pub fn on_delivered(&mut self) {
        self.delivered += self.on_its_way.len() as u64;
        while let Some(score) = self.on_its_way.pop() {
            self.remove(score);
        }
        self.batch = (2 * self.batch).min(BATCH_MAX);
        self.failures = 0;
        self.not_before = Duration::ZERO;
    }

    /// Nobody knows whether the service has taken it: it is reported again, after a pause.
    pub fn on_failed(&mut self, now: Duration, drawn: u64) {
        self.on_its_way.clear();
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + backoff(self.failures, drawn);
    }

    /// The service says that something in it is wrong, and will say so again: half of it comes next, or, if it was a single
    /// score, others; that one is given up.
    pub fn on_refused(&mut self, now: Duration, drawn: u64) {
        if let [single] = self.on_its_way[..] {
            self.refused += 1;
            self.remove(single);
        }
        self.batch = (self.on_its_way.len() / 2).max(1);
        self.on_failed(now, drawn);
    }

    /// How many players wait, with those on their way.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether everything has been reported.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a batch is on its way.
    pub fn is_on_its_way(&self) -> bool {
        !self.on_its_way.is_empty()
    }

    /// What became of all so far; of forgotten players it knows nothing.
    pub fn counts(&self) -> Scores {
        let Self { delivered, refused, lost, .. } = *self;
        Scores { waiting: self.waiting.len() as u64, delivered, refused, lost, forgotten: 0 }
    }

    /// Unless there is a newer one.
    fn remove(&mut self, score: Score) {
        if self.waiting.get(&score.client_id) == Some(&score.totals) {
            self.waiting.remove(&score.client_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::profiles::BACKOFF_MAX;
    use crate::secret::Secret;

    fn score(client_id: u32, distance: u64) -> Score {
        Score { client_id, totals: Totals { distance, ..Totals::default() } }
    }

    fn ids(batch: &Batch) -> Vec<u32> {
        batch.scores.iter().map(|score| score.client_id).collect()
    }

    #[test]
    fn of_each_player_the_newest_score_is_reported_once() {
        let mut outbox = Outbox::new(7);
        assert_eq!(outbox.next(Duration::ZERO), None);
        assert!([score(2, 1), score(1, 5), score(2, 9)].into_iter().all(|score| outbox.put(score)));
        let scores = vec![score(1, 5), score(2, 9)];
        assert_eq!(outbox.next(Duration::ZERO), Some(Batch { run: 7, scores }));
        assert_eq!(outbox.next(Duration::ZERO), None, "one at a time");
        outbox.put(score(1, 6));
        outbox.on_delivered();
        assert_eq!(outbox.next(Duration::ZERO).map(|batch| batch.scores), Some(vec![score(1, 6)]));
        outbox.on_delivered();
        assert!(outbox.is_empty() && outbox.counts().delivered == 3);
    }

    #[test]
    fn what_failed_is_reported_again_after_a_pause_that_grows() {
        let (mut outbox, mut now) = (Outbox::new(1), Duration::ZERO);
        outbox.put(score(1, 1));
        let mut pauses = Vec::new();
        for _ in 0..4 {
            assert!(outbox.next(now).is_some());
            outbox.on_failed(now, u64::MAX);
            let began = now;
            while outbox.not_before > now {
                assert_eq!(outbox.next(now), None);
                now += Duration::from_millis(10);
            }
            pauses.push((now - began).as_millis());
        }
        assert!(pauses.is_sorted_by(|a, b| a < b), "{pauses:?}");
        assert_eq!((outbox.len(), outbox.failures), (1, 4));
    }

    #[test]
    fn a_batch_is_bounded_and_everyone_gets_a_turn() {
        let mut outbox = Outbox::new(1);
        (0..1_200).for_each(|id| _ = outbox.put(score(id, 1)));
        let first = outbox.next(Duration::ZERO).expect("some wait");
        assert!(ids(&first).into_iter().eq(0..500));
        outbox.on_failed(Duration::ZERO, 0);
        // Those before go on changing: the others come all the same.
        (0..500).for_each(|id| _ = outbox.put(score(id, 2)));
        let later = Duration::from_secs(60);
        let second = outbox.next(later).expect("some wait");
        assert!(ids(&second).into_iter().eq(500..1_000));
        outbox.on_delivered();
        let third = outbox.next(later).expect("some wait");
        assert!(ids(&third).into_iter().eq((0..300).chain(1_000..1_200)));
    }

    #[test]
    fn beyond_its_bound_only_newcomers_who_leave_are_lost_and_counted() {
        let mut outbox = Outbox::new(1);
        assert!((0..OUTBOX_MAX as u32).all(|id| outbox.put(score(id, 1))));
        for _ in 0..3 {
            assert!(!outbox.put(score(1 << 30, 1)) && outbox.put(score(0, 2)));
        }
        assert_eq!(outbox.counts().lost, 0, "it plays on, and is put again");
        outbox.put_last(score(1 << 30, 1));
        outbox.put_last(score(1, 3));
        assert_eq!((outbox.counts().lost, outbox.len()), (1, OUTBOX_MAX));
    }

    #[test]
    fn whoever_begins_anew_takes_nothing_from_what_it_had_done() {
        let mut outbox = Outbox::new(1);
        let totals = Totals { distance: 50, played_ms: 9_000, catches: 0 };
        outbox.put(score(7, 1_000));
        outbox.put(Score { client_id: 7, totals });
        let batch = outbox.next(Duration::ZERO).expect("one waits");
        assert_eq!(batch.scores[0].totals, Totals { distance: 1_000, ..totals });
    }

    #[test]
    fn one_score_that_the_service_does_not_take_holds_up_nobody_else() {
        for poison in [0, 1, 333, 498, 499, 1_199] {
            let (mut outbox, mut now) = (Outbox::new(1), Duration::ZERO);
            (0..1_200).for_each(|id| _ = outbox.put(score(id, 1)));
            let (mut taken, mut reports) = (BTreeSet::new(), 0);
            while !outbox.is_empty() {
                now += BACKOFF_MAX;
                reports += 1;
                let batch = outbox.next(now).expect("some wait");
                if ids(&batch).contains(&poison) {
                    outbox.on_refused(now, reports);
                } else {
                    taken.extend(ids(&batch));
                    outbox.on_delivered();
                }
            }
            assert!(taken.into_iter().eq((0..1_200).filter(|id| *id != poison)) && reports < 60, "{reports}");
            let counts = outbox.counts();
            assert_eq!((counts.delivered, counts.refused, counts.lost), (1_199, 1, 0));
            (0..1_200).for_each(|id| _ = outbox.put(score(id, 2)));
            let rounds = std::iter::from_fn(|| {
                outbox.next(now + BACKOFF_MAX)?;
                outbox.on_delivered();
                Some(())
            });
            assert!(rounds.count() < 15 && outbox.batch == BATCH_MAX);
        }
    }

    /// A service that takes the greater, whatever is lost on the way to it and back.
    #[test]
    fn whatever_fails_the_service_has_everything_in_the_end() {
        for seed in 0..50 {
            let (draw, mut outbox) = (Secret::from_seed(seed), Outbox::new(1));
            let (mut truth, mut service) = (BTreeMap::new(), BTreeMap::new());
            for step in 0..400 {
                let (now, drawn) = (Duration::from_secs(step), draw.number(step));
                let (id, distance) = ((drawn >> 8) as u32 % 20, step + 1);
                truth.insert(id, distance);
                outbox.put(score(id, distance));
                let is_down = step < 350 && drawn % 3 > 0;
                let Some(batch) = outbox.next(now) else { continue };
                // It may have arrived although no answer came.
                if !is_down || drawn.is_multiple_of(2) {
                    for score in &batch.scores {
                        let known = service.entry(score.client_id).or_insert(0);
                        *known = score.totals.distance.max(*known);
                    }
                }
                if is_down { outbox.on_failed(now, drawn) } else { outbox.on_delivered() }
            }
            while let Some(batch) = outbox.next(Duration::from_secs(1_000)) {
                batch
                    .scores
                    .iter()
                    .for_each(|score| _ = service.insert(score.client_id, score.totals.distance));
                outbox.on_delivered();
            }
            assert_eq!(service, truth, "seed {seed}");
        }
    }
}
