//! Work off the tick, with real threads beside real sockets.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tickcast::config::Config;
use tickcast::game::{Game, Realm, Step, Verdict};
use tickcast::work::{Done, Failure, Work};
use tickcast::{TickRate, TickServer};

use crate::crowd::{Crowd, alone, now};

const LONG: Duration = Duration::from_secs(3_000);

/// Starts, at its first tick, what the test has made, for nobody or for a player; and says what it is told of it.
struct Held {
    works: Vec<Given>,
    told: Sender<(u64, u64, Result<&'static str, Failure>)>,
}

impl Game for Held {
    fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        Verdict::Accept
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        if realm.players().next().is_some() {
            for (owner, timeout, work) in self.works.drain(..) {
                realm.start(owner, timeout, work).expect("a place");
            }
        }
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        let (tick, id) = (realm.tick().0, done.id.0);
        let _the_test_has_ended = self.told.send((tick, id, done.answer().expect("a word")));
    }
}

type Told = Receiver<(u64, u64, Result<&'static str, Failure>)>;

fn server(works: Vec<Given>) -> (TickServer, Told) {
    let (told, tells) = channel();
    let game = Box::new(Held { works, told });
    // Slow, so that a machine that has other things to do skips none either.
    let config = Config { tick_rate: TickRate::from_hz(10.0).expect("a rate"), ..Config::default() };
    let server = TickServer::bind_game("127.0.0.1:0".parse().expect("good"), config, game);
    (server.expect("it starts"), tells)
}

/// For whom, for how long, and what.
type Given = (Option<u32>, Duration, Work);

type Release = Box<dyn FnOnce()>;

/// Works that end when they are let, in turn on a thread and waiting, and what lets each.
fn held(count: usize) -> (Vec<Given>, Vec<Release>) {
    let made = (0..count).map(|number| {
        let (work, release): (Work, Release) = if number.is_multiple_of(2) {
            let (release, released) = channel::<()>();
            let work = Work::thread(move |_| released.recv().map_or("dropped", |()| "thread"));
            (work, Box::new(move || release.send(()).expect("it waits")))
        } else {
            let (release, released) = tokio::sync::oneshot::channel::<()>();
            let work = Work::task(async move { released.await.map_or("dropped", |()| "task") });
            (work, Box::new(move || release.send(()).expect("it waits")))
        };
        ((None, LONG, work), release)
    });
    made.unzip()
}

#[test]
fn no_tick_is_skipped_while_work_waits_until_it_is_let() {
    let _alone = alone();
    let (works, releases) = held(8);
    let (server, told) = server(works);
    let mut crowd = Crowd::join(3, server.local_addr());
    crowd.0[0].move_to(1, 1);
    crowd.pump_until("all works are in flight", |_| server.status().report.work_in_flight == 8);
    let before = server.status().report.totals;
    crowd.pump_ticks(20);
    assert!(told.try_recv().is_err(), "nothing was let");
    for (number, release) in releases.into_iter().enumerate() {
        release();
        let expected = if number.is_multiple_of(2) { "thread" } else { "task" };
        let mut heard = None;
        let cell = std::cell::RefCell::new(&mut heard);
        crowd.pump_until("it is told", |_| {
            let told = told.try_recv().ok();
            let is_told = told.is_some();
            **cell.borrow_mut() = told;
            is_told
        });
        let (_, id, result) = heard.expect("it was told");
        assert_eq!((id, result), (number as u64 + 1, Ok(expected)));
    }
    crowd.pump_ticks(10);
    crowd.assert_no_snapshot_is_missing_or_double();
    let after = server.status().report;
    assert_eq!(after.totals.ticks_skipped, before.ticks_skipped, "{after:?}");
    assert_eq!((after.totals.work_started, after.totals.work_finished, after.work_in_flight), (8, 8, 0));
}

#[test]
fn a_server_stops_although_all_its_work_hangs() {
    let _alone = alone();
    let (works, releases) = held(12);
    let (server, told) = server(works);
    let mut crowd = Crowd::join(1, server.local_addr());
    crowd.0[0].move_to(1, 1);
    crowd.pump_until("all works are in flight", |_| server.status().report.work_in_flight == 12);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let began = now();
    let status = runtime.block_on(server.run_until(async {})).expect("it stops in order");
    assert!(began.elapsed() < Duration::from_secs(5), "it waits for nothing: {:?}", began.elapsed());
    assert_eq!((status.report.totals.work_finished, status.report.work_in_flight), (0, 12));
    assert!(told.recv().is_err(), "the game is gone, and was told nothing");
    drop(releases);
}

#[test]
fn a_panic_and_a_time_that_runs_out_are_told_and_counted() {
    let _alone = alone();
    let until_stopped = Work::thread(|stop| {
        while !stop.is_asked() {
            std::thread::yield_now();
        }
        "too late"
    });
    let works = vec![
        (None, Duration::from_millis(50), until_stopped),
        (None, Duration::from_millis(50), Work::task(std::future::pending::<&str>())),
        (None, LONG, Work::thread(|_| -> &str { panic!("on purpose") })),
        (Some(0), LONG, Work::task(std::future::pending::<&str>())),
    ];
    let (server, told) = server(works);
    let mut crowd = Crowd::join(1, server.local_addr());
    crowd.0[0].move_to(1, 1);
    crowd.pump_until("three have ended", |_| server.status().report.work_in_flight == 1);
    let mut bytes = Vec::new();
    assert!(crowd.0[0].client.leave(&mut bytes));
    crowd.0[0].socket.send(&bytes).expect("sent");
    crowd.pump_until("the last has", |_| server.status().report.totals.work_cancelled == 1);
    let totals = server.status().report.totals;
    assert_eq!((totals.work_started, totals.work_finished, totals.work_failed), (4, 0, 1));
    assert_eq!((totals.work_timed_out, totals.work_cancelled), (2, 1));
    let mut heard: Vec<(u64, Result<&str, Failure>)> = (0..4)
        .map(|_| told.recv_timeout(Duration::from_secs(30)).map(|(_, id, r)| (id, r)).expect("it is told"))
        .collect();
    heard.sort_by_key(|(id, _)| *id);
    let failures = [Failure::TimedOut, Failure::TimedOut, Failure::Panicked, Failure::Cancelled];
    let expected: Vec<_> = (1..).zip(failures).map(|(id, failure)| (id, Err(failure))).collect();
    assert_eq!(heard, expected);
}
