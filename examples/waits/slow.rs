//! A game that always has so much slow work in flight.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tickcast::game::{Game, Realm, Step, Verdict};
use tickcast::work::{Done, Work, WorkId};

/// How long each piece of work computes, or sleeps.
const TAKES: Duration = Duration::from_millis(250);
/// Time for those that wait for a thread.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The game.
pub(crate) struct Slow {
    threads: usize,
    tasks: usize,
    computing: usize,
    sleeping: usize,
    /// Whether it computes, else it sleeps.
    in_flight: HashMap<WorkId, bool>,
}

impl Slow {
    /// So much that computes, and so much that sleeps, is in flight at every moment.
    pub(crate) fn new(threads: usize, tasks: usize) -> Self {
        Self { threads, tasks, computing: 0, sleeping: 0, in_flight: HashMap::new() }
    }

    /// False where there is no place for it.
    fn start(&mut self, realm: &mut Realm<'_>, computes: bool) -> bool {
        let work = if computes { Work::thread(|_| compute()) } else { Work::task(sleep()) };
        let Ok(id) = realm.start(None, TIMEOUT, work) else { return false };
        self.in_flight.insert(id, computes);
        *self.count(computes) += 1;
        true
    }

    fn count(&mut self, computes: bool) -> &mut usize {
        if computes { &mut self.computing } else { &mut self.sleeping }
    }
}

impl Game for Slow {
    fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        Verdict::Accept
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        while self.computing < self.threads && self.start(realm, true) {}
        while self.sleeping < self.tasks && self.start(realm, false) {}
    }

    fn on_done(&mut self, _realm: &mut Realm<'_>, done: Done) {
        if let Some(computes) = self.in_flight.remove(&done.id) {
            *self.count(computes) -= 1;
        }
    }
}

/// Keeps a core busy.
fn compute() -> u64 {
    let until = now() + TAKES;
    let mut number = 1_u64;
    while now() < until {
        number = (0..10_000).fold(number, |number, _| number.wrapping_mul(6_364_136_223_846_793_005) + 1);
    }
    number
}

#[expect(clippy::disallowed_methods, reason = "that is the work: to wait")]
async fn sleep() {
    tokio::time::sleep(TAKES).await;
}

#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
fn now() -> Instant {
    Instant::now()
}
