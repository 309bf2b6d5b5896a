//! Work in the simulation: done as soon as it is started, and finished at a tick, and in an order, that the seed says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use crate::secret::Secret;
use crate::server::Server;
use crate::work::{Answer, Panicked, Started, Stop, TaskWork, Work, WorkId, discard};

/// Most ticks from the start of a work to its end.
const TICKS_MAX: u64 = 60;
/// One in so many never ends, and its time runs out.
const LOST_IN: u64 = 16;
/// How often a future is asked; one that waits for something outside waits for ever.
const POLLS_MAX: usize = 1_000;

/// What is under way.
#[derive(Debug)]
pub(super) struct Works {
    draw: Secret,
    under_way: Vec<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    tick: u64,
    /// Drawn: of two that end in the same tick either may be first.
    turn: u64,
    id: WorkId,
    result: Result<Answer, Panicked>,
}

impl Works {
    /// All that is drawn comes from the seed, and from which start of the server it is.
    pub(super) fn new(draw: Secret) -> Self {
        Self { draw, under_way: Vec::new() }
    }

    /// Does what was started in this tick.
    pub(super) fn after_tick(&mut self, tick: u64, server: &mut Server) {
        for Started { id, work, stop } in server.take_work() {
            let drawn = self.draw.number(id.0);
            let (takes, turn) = (1 + drawn % TICKS_MAX, drawn >> 16);
            if let Some(result) = done(work, &stop)
                && !(drawn >> 8).is_multiple_of(LOST_IN)
            {
                self.under_way.push(UnderWay { tick: tick + takes, turn, id, result });
            }
        }
        server.take_unwanted().for_each(discard);
    }

    /// Finishes what ends before this tick.
    pub(super) fn before_tick(&mut self, tick: u64, server: &mut Server) {
        let mut ends: Vec<UnderWay> = self.under_way.extract_if(.., |work| work.tick <= tick).collect();
        ends.sort_by_key(|work| (work.turn, work.id));
        ends.into_iter().for_each(|work| server.finish(work.id, work.result));
    }
}

/// What comes of the work. `None` if it never ends.
fn done(work: Work, stop: &Stop) -> Option<Result<Answer, Panicked>> {
    match work {
        Work::Thread(run) => Some(catch_unwind(AssertUnwindSafe(|| run(stop))).map_err(|_| Panicked)),
        Work::Task(mut future) => catch_unwind(AssertUnwindSafe(|| polled(&mut future)))
            .map_or(Some(Err(Panicked)), |answer| answer.map(Ok)),
    }
}

fn polled(future: &mut TaskWork) -> Option<Answer> {
    let mut context = Context::from_waker(Waker::noop());
    (0..POLLS_MAX).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    })
}
