use std::future::pending;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::*;
use crate::machine::now;
use crate::work::{Failure, Ledger, Stop};

const LONG: Duration = Duration::from_secs(3_000);
/// Only so that a failure ends.
const DEADLINE: Duration = Duration::from_secs(60);

/// A ledger with those who do its work, and a time that stands still.
struct Desk {
    ledger: Ledger,
    executor: Executor,
    now: Instant,
}

impl Desk {
    fn new() -> Self {
        Self { ledger: Ledger::default(), executor: Executor::start().expect("threads"), now: now() }
    }

    fn start(&mut self, owner: Option<u32>, work: Work) -> u64 {
        let id = self.ledger.start(self.now, owner, LONG, work).expect("a place");
        self.hand_over();
        id.0
    }

    fn hand_over(&mut self) {
        let has_stopped = self.ledger.take_stopped();
        self.executor.take_on(self.ledger.take_started(), has_stopped);
        self.executor.drop_all(self.ledger.take_unwanted());
    }

    /// The next so many that have ended; all answers are `&str`.
    fn told(&mut self, count: usize) -> Vec<(u64, Result<&'static str, Failure>)> {
        let (mut told, until) = (Vec::new(), now() + DEADLINE);
        while told.len() < count {
            while let Some((id, result)) = self.executor.next_finished() {
                self.ledger.finish(id, result);
            }
            let done = std::iter::from_fn(|| self.ledger.next_done());
            told.extend(done.map(|done| (done.id.0, done.answer().expect("a word"))));
            assert!(now() < until, "{count} should have ended, and only {told:?} have");
            std::thread::yield_now();
        }
        told
    }
}

/// Work that ends when it is let, and what lets it.
fn held(answer: &'static str) -> (Work, Sender<()>) {
    let (release, released) = channel::<()>();
    (Work::thread(move |_| released.recv().map_or("dropped", |()| answer)), release)
}

fn arrives<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(DEADLINE).expect("it arrives")
}

#[test]
fn answers_come_in_the_order_in_which_they_were_found() {
    let mut desk = Desk::new();
    let (first, second, third) = (held("first"), held("second"), Work::task(async { "third" }));
    let ids = [first.0, second.0, third].map(|work| desk.start(None, work));
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(desk.told(1), [(3, Ok("third"))]);
    second.1.send(()).expect("it waits");
    assert_eq!(desk.told(1), [(2, Ok("second"))]);
    first.1.send(()).expect("it waits");
    assert_eq!(desk.told(1), [(1, Ok("first"))]);
}

#[test]
fn a_panic_costs_no_more_than_its_own_work() {
    let mut desk = Desk::new();
    for _ in 0..2 * 4 {
        desk.start(None, Work::thread(|_| -> &str { panic!("on purpose") }));
        desk.start(None, Work::task(async { if true { panic!("on purpose") } else { "" } }));
    }
    let told = desk.told(16);
    assert!(told.iter().all(|(_, result)| *result == Err(Failure::Panicked)), "{told:?}");
    desk.start(None, Work::thread(|_| "thread"));
    assert_eq!(desk.told(1), [(17, Ok("thread"))]);
    desk.start(None, Work::task(async { "task" }));
    assert_eq!(desk.told(1), [(18, Ok("task"))]);
}

/// Says that it was dropped.
struct Dropped(Sender<&'static str>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _nobody_listens = self.0.send("dropped");
    }
}

#[test]
fn who_is_not_wanted_any_more_ends() {
    let mut desk = Desk::new();
    let (begun, begins) = channel();
    let (ended, ends) = channel();
    let (thread_begun, thread_ended) = (begun.clone(), ended.clone());
    let until_stopped = move |stop: &Stop| {
        thread_begun.send(()).expect("the test listens");
        while !stop.is_asked() {
            std::thread::yield_now();
        }
        thread_ended.send("stopped").expect("the test listens");
        "too late"
    };
    desk.start(Some(7), Work::thread(until_stopped));
    let dropped = Dropped(ended);
    let for_ever = async move {
        let _held = dropped;
        begun.send(()).expect("the test listens");
        pending::<&str>().await
    };
    desk.start(Some(7), Work::task(for_ever));
    arrives(&begins);
    arrives(&begins);
    desk.ledger.cancel_all_of(7);
    desk.hand_over();
    let mut both = [arrives(&ends), arrives(&ends)];
    both.sort_unstable();
    assert_eq!(both, ["dropped", "stopped"]);
    assert_eq!(desk.told(2), [(1, Err(Failure::Cancelled)), (2, Err(Failure::Cancelled))]);
    desk.start(Some(7), Work::thread(|_| "next"));
    assert_eq!(desk.told(1), [(3, Ok("next"))], "what came too late is nobody's");
}

#[test]
fn where_all_threads_hang_the_time_of_others_runs_out_and_nobody_waits() {
    let mut desk = Desk::new();
    let (begun, begins) = channel();
    let releases: Vec<Sender<()>> = (0..4)
        .map(|_| {
            let (release, released) = channel::<()>();
            let begun = begun.clone();
            let hanging = move |_: &Stop| {
                begun.send(()).expect("the test listens");
                released.recv().map_or("dropped", |()| "released")
            };
            desk.start(None, Work::thread(hanging));
            release
        })
        .collect();
    (0..4).for_each(|_| arrives(&begins));
    let (ran, runs) = channel();
    let waits = move |_: &Stop| ran.send("it ran").map_or("", |()| "");
    desk.start(None, Work::thread(waits));
    desk.start(None, Work::task(async { "task" }));
    assert_eq!(desk.told(1), [(6, Ok("task"))]);
    desk.ledger.expire(desk.now + LONG);
    desk.hand_over();
    assert_eq!(desk.told(5), [1, 2, 3, 4, 5].map(|id| (id, Err(Failure::TimedOut))));
    releases.iter().for_each(|release| release.send(()).expect("it waits"));
    desk.start(None, Work::thread(|_| "next"));
    assert_eq!(desk.told(1), [(7, Ok("next"))]);
    assert!(runs.try_recv().is_err(), "nobody wants it any more");
}

#[test]
fn what_waits_in_vain_goes_when_its_place_is_needed() {
    let mut desk = Desk::new();
    let held = [(); 4].map(|()| held("held"));
    let releases = held.map(|(work, release)| {
        desk.start(None, work);
        release
    });
    for _ in 0..4 {
        let numbers = [(); IN_FLIGHT_MAX - 4].map(|()| desk.start(Some(7), Work::thread(|_| "unwanted")));
        desk.ledger.cancel_all_of(7);
        let told = desk.told(numbers.len());
        assert!(told.iter().all(|(_, result)| *result == Err(Failure::Cancelled)));
    }
    for _ in 4..IN_FLIGHT_MAX {
        desk.start(None, Work::thread(|_| "wanted"));
    }
    assert!(desk.ledger.start(desk.now, None, LONG, Work::thread(|_| "")).is_err(), "as many as may be");
    releases.iter().for_each(|release| release.send(()).expect("it waits"));
    let told = desk.told(IN_FLIGHT_MAX);
    assert_eq!(told.iter().filter(|(_, result)| *result == Ok("wanted")).count(), IN_FLIGHT_MAX - 4);
}

#[test]
fn who_hangs_keeps_nobody_from_the_end() {
    let mut desk = Desk::new();
    let (began, begins) = channel();
    let (release, released) = channel::<()>();
    let hanging = move |_: &Stop| {
        began.send(()).expect("the test listens");
        released.recv().map_or("", |()| "")
    };
    desk.start(None, Work::thread(hanging));
    desk.start(None, Work::task(pending::<&str>()));
    arrives(&begins);
    drop(desk);
    drop(release);
}

/// Panics when it is dropped, which is what a test is about.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose");
    }
}

#[test]
fn what_panics_when_it_is_dropped_harms_nobody() {
    let mut desk = Desk::new();
    let held = [(); 4].map(|()| held("held"));
    let releases = held.map(|(work, release)| {
        desk.start(None, work);
        release
    });
    let (gone, goes) = channel();
    for _ in 0..5 {
        let (bomb, gone) = (Bomb, Dropped(gone.clone()));
        desk.start(Some(7), Work::thread(move |_| drop((bomb, gone))));
    }
    for _ in 0..2 {
        let (bomb, gone) = (Bomb, Dropped(gone.clone()));
        let for_ever = async move {
            let _held = (bomb, gone);
            pending::<()>().await
        };
        desk.start(Some(7), Work::task(for_ever));
    }
    desk.ledger.cancel_all_of(7);
    desk.hand_over();
    releases.iter().for_each(|release| release.send(()).expect("it waits"));
    (0..7).for_each(|_| assert_eq!(arrives(&goes), "dropped"));
    let told = desk.told(11);
    assert_eq!(told.iter().filter(|(_, result)| *result == Ok("held")).count(), 4);
    for _ in 0..4 {
        desk.start(None, Work::thread(|_| "thread"));
        desk.start(None, Work::task(async { "task" }));
    }
    assert_eq!(desk.told(8).len(), 8);
}

#[test]
fn what_nobody_wants_is_dropped_by_others_than_the_tick() {
    /// Tells by whom it is dropped, and panics then.
    struct Tells(Sender<std::thread::ThreadId>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _nobody_listens = self.0.send(std::thread::current().id());
            panic!("on purpose");
        }
    }
    let (by, whom) = channel();
    let tells = || Tells(by.clone());
    let mut desk = Desk::new();
    let start = |desk: &mut Desk, work| desk.ledger.start(desk.now, Some(7), LONG, work).expect("a place");
    // Cancelled before anybody has it, after it is finished, and finished once more.
    let unbegun = tells();
    start(&mut desk, Work::thread(move |_| drop(unbegun)));
    let finished = start(&mut desk, Work::thread(|_| ()));
    desk.ledger.finish(finished, Ok(Box::new(tells())));
    desk.ledger.cancel_all_of(7);
    desk.ledger.finish(finished, Ok(Box::new(tells())));
    assert_eq!(desk.told(2).len(), 2);
    desk.hand_over();
    for _ in 0..3 {
        assert_ne!(arrives(&whom), std::thread::current().id());
    }
    desk.start(None, Work::thread(|_| "next"));
    assert_eq!(desk.told(1), [(3, Ok("next"))]);
}
