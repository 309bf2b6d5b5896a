//! Who does the work that a game starts: threads for what computes, and one runtime for what waits.
//!
//! They give way to the tick thread where they share a core. The tick thread never waits for them: it hands over and takes
//! answers through queues without locks, and what nobody wants any more is dropped by them. Nobody ends a thread from
//! outside: work that does not look at its [`Stop`] keeps its thread although its time is up. If all of them hang, later
//! work waits, and its time runs out in the ledger; neither the tick nor the end of the server waits for any of it.
//!
//! [`Stop`]: crate::work::Stop

mod tasks;
mod threads;
mod waiting;

use std::any::Any;
use std::io;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use tracing::error;

use crate::work::{Answer, IN_FLIGHT_MAX, Panicked, Started, TaskWork, ThreadWork, Work, WorkId};
use tasks::Tasks;
use threads::Threads;
use waiting::{Errand, Waiting};

/// Answers that wait for the next tick: of all that was in flight after the last, and of the few who were told to stop when
/// they had just looked. Of one that finds no place the time runs out.
const ANSWERS_MAX: usize = 2 * IN_FLIGHT_MAX;

/// What came of a piece of work.
pub(super) type Finished = (WorkId, Result<Answer, Panicked>);

/// On their way to the tick thread, in the order in which they were finished.
type Answers = Arc<ArrayQueue<Finished>>;

/// The threads, and what is between them and the tick thread. They end when this is dropped, each after what it does.
pub(super) struct Executor {
    threads: Threads,
    tasks: Tasks,
    answers: Answers,
}

impl Executor {
    /// Starts the threads.
    pub(super) fn start() -> io::Result<Self> {
        let answers = Arc::new(ArrayQueue::new(ANSWERS_MAX));
        let threads = Threads::start(&answers)?;
        Ok(Self { threads, tasks: Tasks::start(&answers)?, answers })
    }

    /// Takes on what a tick has started. `has_stopped`: some work was told to stop meanwhile.
    pub(super) fn take_on(&mut self, started: impl Iterator<Item = Started>, has_stopped: bool) {
        let (mut threads_needed, mut tasks_changed) = (false, has_stopped);
        for Started { id, work, stop } in started {
            match work {
                Work::Thread(work) => {
                    self.threads.put(Errand { id, work, stop });
                    threads_needed = true;
                }
                Work::Task(work) => {
                    self.tasks.put(Errand { id, work, stop });
                    tasks_changed = true;
                }
            }
        }
        if threads_needed {
            self.threads.wake();
        }
        if tasks_changed {
            self.tasks.wake();
        }
    }

    /// Takes what nobody wants any more.
    pub(super) fn drop_all(&mut self, unwanted: impl Iterator<Item = Answer>) {
        let mut any = false;
        for unwanted in unwanted {
            self.threads.throw(unwanted);
            any = true;
        }
        if any {
            self.threads.wake();
        }
    }

    /// The next answer.
    pub(super) fn next_finished(&self) -> Option<Finished> {
        self.answers.pop()
    }
}

/// Says what a panic said.
fn log_panic(id: WorkId, panic: &(dyn Any + Send)) {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    error!(work = id.0, panic = message.unwrap_or("something that is no text"), "work has panicked");
}

#[cfg(test)]
mod tests;
