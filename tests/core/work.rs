//! Work that a game starts: when it is told of its end, and when nobody wants it any more.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tickcast::client::Phase;
use tickcast::game::{Admission, Departure, Game, Joining, Realm, Step, Verdict};
use tickcast::work::{Done, Failure, IN_FLIGHT_MAX, Panicked, Stop, Work, WorkId};

use crate::pair::{Net, hello, small};

const TIMEOUT: Duration = Duration::from_secs(5);

/// What a game's hooks were called for, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Moved(u64),
    Left,
    Done(u64, WorkId, Option<u32>, Result<i32, Failure>),
}

/// Starts as many works as a move's x says, for its player, or if it is below 0 for nobody; those that it could not start,
/// and all it hears of, it notes. Its client 13 may not play, and 99 is an answer that makes it panic.
#[derive(Clone, Default)]
struct Starter(Arc<Mutex<(usize, Vec<Heard>)>>);

impl Starter {
    fn hear(&self, heard: Heard) {
        self.0.lock().expect("nobody panics with it").1.push(heard);
    }

    fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it").1)
    }
}

fn work() -> Work {
    Work::thread(|_| 0)
}

impl Game for Starter {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        if joining.player != 13 {
            return Admission::Waits;
        }
        realm.start(Some(13), TIMEOUT, work()).expect("a place");
        Admission::Refused(1)
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.hear(Heard::Moved(realm.tick().0));
        let owner = (step.to.x > 0).then_some(step.player);
        let started = (0..step.to.x.unsigned_abs()).map(|_| realm.start(owner, TIMEOUT, work()));
        self.0.lock().expect("nobody panics with it").0 += started.filter(Result::is_err).count();
        Verdict::Accept
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, _why: Departure) {
        self.hear(Heard::Left);
        realm.start(Some(player), TIMEOUT, work()).expect("a place");
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        let (tick, id, owner) = (realm.tick().0, done.id, done.owner);
        let answer = done.answer().expect("all answers are numbers");
        self.hear(Heard::Done(tick, id, owner, answer));
        assert_ne!(answer, Ok(99), "on purpose");
    }
}

/// A server with that game, a client that has just started so much work, and what the server hands out of it.
fn started(count: i32) -> (Net, Starter, usize, Vec<(WorkId, Stop)>) {
    let game = Starter::default();
    let mut net = Net::with_game(small(), Box::new(game.clone()));
    let seat = net.join(7);
    net.move_to(seat, count, 0);
    net.step();
    game.take();
    let works = net.server.take_work().map(|started| (started.id, started.stop)).collect();
    (net, game, seat, works)
}

fn tick(net: &Net) -> u64 {
    net.server.report().tick.0
}

#[test]
fn a_game_is_told_at_the_start_of_the_next_tick_in_the_order_in_which_work_was_finished() {
    let (mut net, game, seat, works) = started(3);
    assert_eq!(works.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [1, 2, 3]);
    net.step();
    assert_eq!(game.take(), [], "nothing is finished");
    for (number, answer) in [(2, 30), (0, 10), (1, 20)] {
        net.server.finish(works[number].0, Ok(Box::new(answer)));
    }
    assert_eq!((game.take(), net.server.report().work_in_flight), (vec![], 3), "it is told in a tick");
    net.move_to(seat, 0, 1);
    net.step();
    let now = tick(&net);
    let done = |id, answer| Heard::Done(now, WorkId(id), Some(7), Ok(answer));
    assert_eq!(game.take(), [done(3, 30), done(1, 10), done(2, 20), Heard::Moved(now)]);
    let totals = net.totals();
    assert_eq!((totals.work_started, totals.work_finished, net.server.report().work_in_flight), (3, 3, 0));
}

#[test]
fn work_goes_with_its_player_whatever_has_become_of_it() {
    let (mut net, game, seat, works) = started(2);
    let nobodys = net.join(8);
    net.move_to(nobodys, -1, 0);
    net.step();
    assert_eq!(net.server.take_work().map(|started| started.id.0).collect::<Vec<_>>(), [3]);
    net.leave(seat);
    net.step();
    assert!(works.iter().all(|(_, stop)| stop.is_asked()) && net.server.take_stopped());
    assert_eq!(net.server.take_work().count(), 0, "what it started as it left goes with it too");
    net.server.finish(works[0].0, Ok(Box::new(1)));
    net.server.finish(WorkId(3), Ok(Box::new(3)));
    game.take();
    net.step();
    let now = tick(&net);
    let gone = |id| Heard::Done(now, WorkId(id), Some(7), Err(Failure::Cancelled));
    assert_eq!(game.take(), [gone(1), gone(2), gone(4), Heard::Done(now, WorkId(3), None, Ok(3))]);
    assert_eq!((net.totals().work_cancelled, net.totals().work_finished), (3, 1));
}

#[test]
fn work_of_a_player_stays_when_its_client_comes_from_another_address() {
    let (mut net, _game, seat, works) = started(1);
    net.change_address(seat);
    net.rejoin(seat);
    net.run(3);
    assert_eq!(net.phase(seat), Phase::Playing);
    assert!(!works[0].1.is_asked());
}

/// Starts one piece of work as a player moves, gives it up at the next move, and notes how it ended.
#[derive(Clone, Default)]
struct Fickle {
    started: Option<WorkId>,
    ends: Arc<Mutex<Vec<Result<(), Failure>>>>,
}

impl Game for Fickle {
    fn on_move(&mut self, realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        match self.started.take() {
            None => self.started = realm.start(None, TIMEOUT, work()).ok(),
            Some(id) => assert!(realm.cancel(id) && !realm.cancel(id)),
        }
        Verdict::Accept
    }

    fn on_done(&mut self, _realm: &mut Realm<'_>, done: Done) {
        let end = done.answer().expect("all answers are alike");
        self.ends.lock().expect("nobody panics with it").push(end);
    }
}

#[test]
fn work_that_a_game_gives_up_is_told_to_stop_and_ends_once() {
    let game = Fickle::default();
    let mut net = Net::with_game(small(), Box::new(game.clone()));
    let seat = net.join(7);
    net.move_to(seat, 1, 0);
    net.step();
    let works: Vec<_> = net.server.take_work().map(|started| (started.id, started.stop)).collect();
    net.move_to(seat, 2, 0);
    net.step();
    assert!(works[0].1.is_asked() && net.server.take_stopped());
    net.server.finish(works[0].0, Ok(Box::new(())));
    net.run(2);
    assert_eq!(*game.ends.lock().expect("nobody panics with it"), [Err(Failure::Cancelled)]);
    assert_eq!((net.totals().work_cancelled, net.totals().hook_panics), (1, 0));
}

#[test]
fn time_runs_out_and_what_comes_later_is_nobodys() {
    let (mut net, game, seat, works) = started(2);
    net.server.finish(works[1].0, Err(Panicked));
    net.pass(TIMEOUT - net.period() * 2);
    net.move_to(seat, 0, 1);
    net.step();
    let panicked = Heard::Done(tick(&net), WorkId(2), Some(7), Err(Failure::Panicked));
    assert_eq!(game.take()[0], panicked);
    assert!(!works[0].1.is_asked() && !net.server.take_stopped());
    net.run(2);
    assert!(works[0].1.is_asked() && net.server.take_stopped());
    net.server.finish(works[0].0, Ok(Box::new(1)));
    net.run(2);
    let heard = game.take();
    assert!(
        matches!(heard[..], [Heard::Done(_, WorkId(1), Some(7), Err(Failure::TimedOut))]),
        "once: {heard:?}"
    );
    assert_eq!((net.totals().work_timed_out, net.totals().work_failed), (1, 1));
}

#[test]
fn beyond_so_many_in_flight_a_game_is_told_that_all_are_busy() {
    let (mut net, game, seat, works) = started(IN_FLIGHT_MAX as i32 + 5);
    assert_eq!((works.len(), game.0.lock().expect("nobody panics with it").0), (IN_FLIGHT_MAX, 5));
    net.server.finish(works[3].0, Ok(Box::new(1)));
    net.step();
    net.move_to(seat, 2, 0);
    net.step();
    assert_eq!(net.server.take_work().count(), 1, "one place was free");
    assert_eq!(net.server.report().work_in_flight, IN_FLIGHT_MAX);
}

#[test]
fn a_game_that_panics_as_it_is_told_is_told_the_rest() {
    let (mut net, game, seat, works) = started(2);
    net.server.finish(works[0].0, Ok(Box::new(99)));
    net.server.finish(works[1].0, Ok(Box::new(2)));
    net.run(2);
    assert_eq!((game.take().len(), net.totals().hook_panics, net.phase(seat)), (2, 1, Phase::Playing));
}

#[test]
fn what_was_started_for_one_who_may_not_play_ends() {
    let game = Starter::default();
    let mut net = Net::with_game(small(), Box::new(game.clone()));
    let from = net.address();
    net.refused(from, hello(13, 1));
    assert_eq!((net.server.take_work().count(), net.totals().work_cancelled), (0, 1));
}

#[test]
fn an_order_is_the_games_and_the_standard_game_knows_none() {
    let mut net = Net::new(small());
    assert_eq!(net.server.order("fly away"), "refused: unknown order");
}

/// Starts two pieces of work when it is told to, and where it hears that the first has ended cancels the second. Notes in which tick it hears what.
#[derive(Clone, Default)]
struct Canceller(Arc<Mutex<Notes>>);

/// What it has started, and of each end the tick, the work, and whether that was cancelled.
type Notes = (Vec<WorkId>, Vec<(u64, WorkId, bool)>);

impl Game for Canceller {
    fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        Verdict::Accept
    }

    fn on_order(&mut self, realm: &mut Realm<'_>, _order: &str) -> String {
        let started = [(); 2].map(|()| realm.start(None, TIMEOUT, work()).expect("a place"));
        self.0.lock().expect("nobody panics with it").0.extend(started);
        String::new()
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        let (tick, id) = (realm.tick().0, done.id);
        let mut book = self.0.lock().expect("nobody panics with it");
        let is_cancelled = done.answer::<i32>().expect("all answers are numbers") == Err(Failure::Cancelled);
        book.1.push((tick, id, is_cancelled));
        if id == book.0[0] {
            assert!(realm.cancel(book.0[1]), "nobody has been told of its end");
            assert!(!realm.cancel(id) && !realm.cancel(book.0[1]), "once");
        }
    }
}

#[test]
fn what_is_cancelled_when_other_work_has_ended_is_told_with_the_work_of_the_next_tick() {
    let game = Canceller::default();
    let mut net = Net::with_game(small(), Box::new(game.clone()));
    net.server.order("");
    let works: Vec<WorkId> = net.server.take_work().map(|started| started.id).collect();
    // Both have ended when the game is told of the first.
    works.iter().for_each(|id| net.server.finish(*id, Ok(Box::new(0))));
    net.run(3);
    let told = game.0.lock().expect("nobody panics with it").1.clone();
    let tick = told[0].0;
    assert_eq!(told, [(tick, works[0], false), (tick + 1, works[1], true)]);
    assert_eq!((net.totals().hook_panics, net.totals().work_cancelled), (0, 1));
}
