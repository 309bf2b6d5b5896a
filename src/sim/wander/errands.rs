//! A game of the simulation that starts work for players who come and go, and knows what it must be told of it. What is
//! wrong is a panic, which the play finds counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::game::{Admission, Departure, Game, Joining, Realm, Step, Verdict};
use crate::wire::Tick;
use crate::work::{Done, Failure, Work, WorkId};

/// Short enough that time runs out for some.
const TIMEOUT: Duration = Duration::from_millis(1_500);
/// One move in so many starts something.
const MOVES: u64 = 8;
/// In so many ticks everything has ended: its time has run out, if nothing else, also where the clock stood still, or the
/// server, for seconds.
const TICKS_MAX: u64 = 600;

/// The game.
#[derive(Debug, Default)]
pub(super) struct Errands {
    playing: BTreeSet<u32>,
    under_way: BTreeMap<WorkId, Errand>,
}

#[derive(Debug)]
struct Errand {
    owner: Option<u32>,
    began: Tick,
    answer: u64,
    panics: bool,
}

impl Errands {
    fn start(&mut self, realm: &mut Realm<'_>, owner: Option<u32>) {
        let answer = realm.random();
        let (is_thread, panics) = (answer.is_multiple_of(2), answer % 64 == 1);
        let run = move || if panics { std::panic::resume_unwind(Box::new("drawn")) } else { answer };
        let work = if is_thread { Work::thread(move |_| run()) } else { Work::task(async move { run() }) };
        let errand = Errand { owner, began: realm.tick(), answer, panics };
        // Where there is no place, there is nothing to wait for.
        self.under_way.extend(realm.start(owner, TIMEOUT, work).map(|id| (id, errand)).ok());
    }
}

impl Game for Errands {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        assert!(self.playing.insert(joining.player), "{} plays already", joining.player);
        self.start(realm, Some(joining.player));
        Admission::Waits
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        match realm.random() % MOVES {
            0 => self.start(realm, Some(step.player)),
            1 => self.start(realm, None),
            _ => {}
        }
        Verdict::Accept
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        let eldest = self.under_way.values().next();
        assert!(
            eldest.is_none_or(|errand| realm.tick().since(errand.began) < TICKS_MAX),
            "{eldest:?} has never ended"
        );
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, _why: Departure) {
        assert!(self.playing.remove(&player), "{player} did not play");
        // Goes with its owner, as all that it has.
        self.start(realm, Some(player));
    }

    fn on_done(&mut self, _realm: &mut Realm<'_>, done: Done) {
        let errand = self.under_way.remove(&done.id).expect("each is told once");
        assert_eq!(done.owner, errand.owner);
        let left = errand.owner.is_some_and(|owner| !self.playing.contains(&owner));
        match done.answer::<u64>().expect("all answers are numbers") {
            Ok(answer) => assert!(!left && answer == errand.answer && !errand.panics),
            Err(Failure::Panicked) => assert!(!left && errand.panics),
            Err(Failure::TimedOut) => assert!(!left),
            Err(Failure::Cancelled) => assert!(errand.owner.is_some()),
        }
    }
}
