//! What is in flight, for whom, and until when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::{
    Answer, Busy, Counts, Done, Failure, IN_FLIGHT_MAX, Panicked, Started, Stop, TIMEOUT_MAX, Work, WorkId,
    discard,
};

/// The work of one server.
///
/// - [`Ledger::start`] at any time; who runs it gets it from [`Ledger::take_started`], and says [`Ledger::finish`].
/// - [`Ledger::cancel_all_of`] when an owner leaves, [`Ledger::cancel`] when the game wants it; [`Ledger::expire`] once a tick.
/// - [`Ledger::next_done`], as often as [`Ledger::waiting`] says, gives what has ended, in the order in which it did: each piece of
///   work once, whatever became of it. What has been cancelled says so, also if it was finished before and nobody had been told yet.
/// - [`Ledger::take_unwanted`] gives work and answers that are nobody's any more, for whoever has time to drop them.
///
/// Where nothing is in flight nothing of this touches the heap. When it is dropped, all is told to stop.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    newest: WorkId,
    flights: BTreeMap<WorkId, Flight>,
    owned: BTreeSet<(u32, WorkId)>,
    /// Of the flights that are not finished.
    deadlines: BTreeSet<(Instant, WorkId)>,
    started: Vec<Started>,
    done: VecDeque<Done>,
    /// No more than may be in flight: what is too much is dropped at once.
    unwanted: Vec<Answer>,
    /// How many of `done` are no longer in flight: they keep their places until somebody knows.
    given_up: usize,
    has_stopped: bool,
    counts: Counts,
}

/// A piece of work until its end is known.
#[derive(Debug)]
struct Flight {
    owner: Option<u32>,
    /// `None`: it is finished.
    deadline: Option<Instant>,
    stop: Stop,
}

impl Ledger {
    /// Notes work that is to end by `now` and `timeout`, at most [`TIMEOUT_MAX`].
    pub(crate) fn start(
        &mut self,
        now: Instant,
        owner: Option<u32>,
        timeout: Duration,
        work: Work,
    ) -> Result<WorkId, Busy> {
        if self.flights.len() + self.given_up >= IN_FLIGHT_MAX {
            return Err(Busy);
        }
        self.newest.0 += 1;
        let (id, stop, deadline) = (self.newest, Stop::default(), now + timeout.min(TIMEOUT_MAX));
        self.flights.insert(id, Flight { owner, deadline: Some(deadline), stop: stop.clone() });
        self.owned.extend(owner.map(|owner| (owner, id)));
        self.deadlines.insert((deadline, id));
        self.started.push(Started { id, work, stop });
        self.counts.started += 1;
        Ok(id)
    }

    /// What was started since the last time and is wanted still, in the order of the numbers.
    pub(crate) fn take_started(&mut self) -> impl Iterator<Item = Started> {
        let Self { started, unwanted, .. } = self;
        started.drain(..).filter_map(|started| {
            if started.stop.is_asked() {
                put_away(unwanted, Box::new(started.work));
                return None;
            }
            Some(started)
        })
    }

    /// What is nobody's any more. To drop it may take long, and may panic.
    pub(crate) fn take_unwanted(&mut self) -> impl Iterator<Item = Answer> {
        self.unwanted.drain(..)
    }

    /// Whether some work was told to stop since the last time.
    pub(crate) fn take_stopped(&mut self) -> bool {
        std::mem::take(&mut self.has_stopped)
    }

    /// Work has ended by itself. What is not in flight is nobody's any more.
    pub(crate) fn finish(&mut self, id: WorkId, result: Result<Answer, Panicked>) {
        let unfinished =
            self.flights.get_mut(&id).and_then(|flight| Some((flight.owner, flight.deadline.take()?)));
        let Some((owner, deadline)) = unfinished else {
            return put_away(&mut self.unwanted, Box::new(result));
        };
        self.deadlines.remove(&(deadline, id));
        let result = result.map_err(|Panicked| Failure::Panicked);
        self.done.push_back(Done { id, owner, result });
    }

    /// Nobody wants to know any more what comes of this work. False if its end was told, or it was cancelled or its time
    /// was up before.
    pub(crate) fn cancel(&mut self, id: WorkId) -> bool {
        let is_in_flight = self.flights.contains_key(&id);
        self.give_up(id, Failure::Cancelled);
        is_in_flight
    }

    /// Nobody wants to know any more what was started for this owner.
    pub(crate) fn cancel_all_of(&mut self, owner: u32) {
        let all = (owner, WorkId(0))..=(owner, WorkId(u64::MAX));
        while let Some(&(_, id)) = self.owned.range(all.clone()).next() {
            self.give_up(id, Failure::Cancelled);
        }
    }

    /// The time of some work is up.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(&(deadline, id)) = self.deadlines.first()
            && deadline <= now
        {
            self.give_up(id, Failure::TimedOut);
        }
    }

    /// How many times [`Ledger::next_done`] has something to look at.
    pub(crate) fn waiting(&self) -> usize {
        self.done.len()
    }

    /// The next work that has ended; `None` also where that has been cancelled since, which is told in its own turn.
    pub(crate) fn next_done(&mut self) -> Option<Done> {
        let done = self.done.pop_front()?;
        let failure = done.result.as_ref().err().copied();
        if let Some(Failure::TimedOut | Failure::Cancelled) = failure {
            self.given_up -= 1;
        } else if self.remove(done.id).is_some() {
            self.counts.note(failure);
        } else {
            put_away(&mut self.unwanted, Box::new(done));
            return None;
        }
        Some(done)
    }

    /// What became of all work.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// How many pieces of work have not ended, or nobody knows of yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    fn give_up(&mut self, id: WorkId, failure: Failure) {
        let Some(flight) = self.remove(id) else { return };
        flight.stop.ask();
        self.has_stopped = true;
        self.given_up += 1;
        self.counts.note(Some(failure));
        self.done.push_back(Done { id, owner: flight.owner, result: Err(failure) });
    }

    fn remove(&mut self, id: WorkId) -> Option<Flight> {
        let flight = self.flights.remove(&id)?;
        if let Some(owner) = flight.owner {
            self.owned.remove(&(owner, id));
        }
        if let Some(deadline) = flight.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        Some(flight)
    }
}

fn put_away(all: &mut Vec<Answer>, unwanted: Answer) {
    if all.len() < IN_FLIGHT_MAX { all.push(unwanted) } else { discard(unwanted) }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.flights.values().for_each(|flight| flight.stop.ask());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[expect(clippy::disallowed_methods, reason = "the tests stand at the edge, where time comes in")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn work() -> Work {
        Work::thread(|_| ())
    }

    fn told(ledger: &mut Ledger) -> Vec<(u64, Option<u32>, Result<u64, Failure>)> {
        let mut told = Vec::new();
        while ledger.waiting() > 0 {
            let Some(done) = ledger.next_done() else { continue };
            let (id, owner) = (done.id.0, done.owner);
            told.push((id, owner, done.answer().expect("all answers are numbers")));
        }
        told
    }

    fn answer(number: u64) -> Result<Answer, Panicked> {
        Ok(Box::new(number))
    }

    #[test]
    fn what_has_ended_is_told_once_in_the_order_in_which_it_did() {
        let (mut ledger, now) = (Ledger::default(), origin());
        let ids = [(); 4].map(|()| ledger.start(now, None, LONG, work()).expect("a place"));
        assert_eq!(ids, [1, 2, 3, 4].map(WorkId));
        assert_eq!(ledger.take_started().map(|started| started.id).collect::<Vec<_>>(), ids);
        ledger.finish(ids[2], answer(30));
        ledger.finish(ids[0], Err(Panicked));
        ledger.finish(ids[2], answer(31));
        ledger.finish(WorkId(99), answer(99));
        assert_eq!(ledger.waiting(), 2);
        assert_eq!(told(&mut ledger), [(3, None, Ok(30)), (1, None, Err(Failure::Panicked))]);
        ledger.finish(ids[0], answer(10));
        assert_eq!((told(&mut ledger), ledger.in_flight(), ledger.take_stopped()), (vec![], 2, false));
    }

    #[test]
    fn who_takes_too_long_is_told_to_stop_and_its_answer_is_nobodys() {
        let (mut ledger, now) = (Ledger::default(), origin());
        let times = [2, 1, 3].map(Duration::from_secs);
        let ids = times.map(|time| ledger.start(now, Some(7), time, work()).expect("a place"));
        let stops: Vec<Stop> = ledger.take_started().map(|started| started.stop).collect();
        let asked = || stops.iter().map(Stop::is_asked).collect::<Vec<_>>();
        ledger.expire(now + times[1] - Duration::from_nanos(1));
        assert_eq!((asked(), ledger.take_stopped()), (vec![false, false, false], false));
        ledger.finish(ids[2], answer(30));
        ledger.expire(now + times[2]);
        assert_eq!((asked(), ledger.take_stopped()), (vec![true, true, false], true));
        ledger.finish(ids[0], answer(10));
        let late = Err(Failure::TimedOut);
        assert_eq!(told(&mut ledger), [(3, Some(7), Ok(30)), (2, Some(7), late), (1, Some(7), late)]);
        let counts = Counts { started: 3, finished: 1, timed_out: 2, ..Counts::default() };
        assert_eq!((ledger.counts(), ledger.in_flight()), (counts, 0));
    }

    #[test]
    fn work_goes_with_its_owner_also_when_it_is_finished_and_nobody_knows() {
        let (mut ledger, now) = (Ledger::default(), origin());
        let ids = [Some(7), Some(8), Some(7), None]
            .map(|owner| ledger.start(now, owner, LONG, work()).expect("a place"));
        ids.into_iter().for_each(|id| ledger.finish(id, answer(id.0)));
        let unfinished = ledger.start(now, Some(7), LONG, work()).expect("a place");
        ledger.cancel_all_of(7);
        ledger.finish(unfinished, answer(50));
        assert_eq!(ledger.take_started().map(|started| started.id.0).collect::<Vec<_>>(), [2, 4]);
        let gone = Err(Failure::Cancelled);
        let others = [(2, Some(8), Ok(2)), (4, None, Ok(4))];
        let own = [1, 3, 5].map(|id| (id, Some(7), gone));
        assert_eq!(told(&mut ledger), [&others[..], &own].concat());
        ledger.cancel_all_of(7);
        assert_eq!((told(&mut ledger), ledger.counts().cancelled), (vec![], 3));
    }

    #[test]
    fn one_piece_of_work_is_cancelled_once_and_its_end_is_told() {
        let (mut ledger, now) = (Ledger::default(), origin());
        let ids = [None, Some(7), None].map(|owner| ledger.start(now, owner, LONG, work()).expect("a place"));
        assert!(ledger.cancel(ids[1]) && !ledger.cancel(ids[1]) && !ledger.cancel(WorkId(99)));
        let taken: Vec<Started> = ledger.take_started().collect();
        assert_eq!(taken.iter().map(|started| started.id).collect::<Vec<_>>(), [ids[0], ids[2]]);
        ledger.finish(ids[2], answer(30));
        assert!(ledger.cancel(ids[2]), "it is finished, but nobody knows");
        assert!(taken[1].stop.is_asked() && !taken[0].stop.is_asked() && ledger.take_stopped());
        let gone = Err(Failure::Cancelled);
        assert_eq!(told(&mut ledger), [(2, Some(7), gone), (3, None, gone)]);
        ledger.cancel_all_of(7);
        assert_eq!((told(&mut ledger), ledger.counts().cancelled, ledger.in_flight()), (vec![], 2, 1));
    }

    #[test]
    fn places_are_bounded_and_free_when_the_end_is_known() {
        let (mut ledger, now) = (Ledger::default(), origin());
        for number in 0..IN_FLIGHT_MAX as u32 {
            ledger.start(now, Some(number % 2), LONG, work()).expect("a place");
        }
        let busy = |ledger: &mut Ledger| ledger.start(now, Some(1), LONG, work()) == Err(Busy);
        assert!(busy(&mut ledger));
        ledger.finish(WorkId(1), answer(1));
        ledger.cancel_all_of(1);
        assert!(busy(&mut ledger), "nobody knows yet that half of them have ended");
        assert_eq!(ledger.next_done().map(|done| done.id), Some(WorkId(1)));
        assert!(!busy(&mut ledger) && busy(&mut ledger), "one place is free");
        assert_eq!(told(&mut ledger).len(), IN_FLIGHT_MAX / 2);
        assert_eq!(ledger.in_flight(), IN_FLIGHT_MAX / 2);
    }

    #[test]
    fn who_works_for_a_ledger_that_is_gone_is_told_to_stop() {
        let mut ledger = Ledger::default();
        ledger.start(origin(), None, LONG, work()).expect("a place");
        let stop = ledger.take_started().next().expect("one").stop;
        drop(ledger);
        assert!(stop.is_asked());
    }
}
