//! What is done beside the tick?
//!
//! A game starts work that takes long: a file to read, a path to find, a service to ask. The tick goes on meanwhile, and
//! the game is told when it is done. Here is what work is, and the ledger of what is in flight; it runs nothing and asks
//! for no time. Who runs it: threads in `net/`, and the simulation, which finishes it when a seed says so.

mod ledger;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use ledger::Ledger;

/// Most work in flight: what has been started, and the game has not been told yet that it has ended.
pub const IN_FLIGHT_MAX: usize = 1_024;

/// The longest time for which an answer is waited for.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3_600);

/// What came of work: whatever its starter wants to know. See [`Done::answer`].
pub type Answer = Box<dyn Any + Send>;

/// Work that runs on a thread until it returns.
pub type ThreadWork = Box<dyn FnOnce(&Stop) -> Answer + Send>;

/// Work that waits most of the time.
pub type TaskWork = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Something that takes long.
pub enum Work {
    /// It computes or reads files. It should look at its [`Stop`] now and then: nobody can end it from outside.
    Thread(ThreadWork),
    /// It waits, for the network say: a future on a runtime of tokio. It must not compute for long, nor block, because all
    /// futures share one thread. It is dropped when nobody wants its answer any more.
    Task(TaskWork),
}

impl Work {
    /// Work that runs on a thread.
    pub fn thread<A: Send + 'static>(run: impl FnOnce(&Stop) -> A + Send + 'static) -> Self {
        Self::Thread(Box::new(|stop| Box::new(run(stop))))
    }

    /// Work that waits.
    pub fn task<A: Send + 'static>(run: impl Future<Output = A> + Send + 'static) -> Self {
        Self::Task(Box::pin(async { Box::new(run.await) as Answer }))
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread(_) => "Thread",
            Self::Task(_) => "Task",
        })
    }
}

/// The number of a piece of work: the first that a server starts has 1, and each the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkId(pub u64);

/// Says when nobody wants the answer any more: the time is up, the owner has left, the game has cancelled it, or the server is gone.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether to stop: whatever comes of the work is thrown away.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Work that waits for somebody to run it.
#[derive(Debug)]
pub struct Started {
    /// What it is finished by.
    pub id: WorkId,
    /// What to do.
    pub work: Work,
    /// When not to.
    pub stop: Stop,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It took longer than it was given.
    #[error("it took too long")]
    TimedOut,
    /// It panicked; the log has the message.
    #[error("it panicked")]
    Panicked,
    /// Its owner has left, or the game has cancelled it.
    #[error("it was cancelled")]
    Cancelled,
}

/// The work has panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Work that has ended, one way or another.
#[derive(Debug)]
pub struct Done {
    /// Which.
    pub id: WorkId,
    /// The player that it was started for.
    pub owner: Option<u32>,
    /// What came of it.
    pub result: Result<Answer, Failure>,
}

impl Done {
    /// The answer, or why there is none; itself, if the answer is something else than an `A`.
    ///
    /// # Errors
    /// What is no answer of this type: somebody else's.
    pub fn answer<A: 'static>(self) -> Result<Result<A, Failure>, Self> {
        match self.result {
            Err(failure) => Ok(Err(failure)),
            Ok(answer) => match answer.downcast() {
                Ok(answer) => Ok(Ok(*answer)),
                Err(answer) => Err(Self { result: Ok(answer), ..self }),
            },
        }
    }
}

/// Drops something of a game's, in which a panic is nobody else's.
pub(crate) fn discard<T>(unwanted: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(unwanted))) {
        // What it has said, it has said; dropped, that could panic once more.
        std::mem::forget(panic);
    }
}

/// As much work as may be is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{IN_FLIGHT_MAX} works are in flight")]
pub struct Busy;

/// What became of work since the start. What was started is what is counted otherwise, and what is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) started: u64,
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) cancelled: u64,
}

impl Counts {
    fn note(&mut self, failure: Option<Failure>) {
        *match failure {
            None => &mut self.finished,
            Some(Failure::Panicked) => &mut self.failed,
            Some(Failure::TimedOut) => &mut self.timed_out,
            Some(Failure::Cancelled) => &mut self.cancelled,
        } += 1;
    }
}
