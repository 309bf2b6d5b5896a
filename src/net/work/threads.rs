//! The threads that compute.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, Thread};

use crossbeam_queue::ArrayQueue;

use super::{Answer, Answers, Errand, IN_FLIGHT_MAX, Panicked, ThreadWork, Waiting, log_panic};
use crate::machine;
use crate::work::discard;

/// So many pieces of work are done at the same time: a few that are slow keep none that is quick from its turn.
const THREADS: usize = 4;

/// A few threads, and what waits for them.
pub(super) struct Threads {
    shared: Arc<Shared>,
    threads: Vec<Thread>,
}

struct Shared {
    waiting: Waiting<ThreadWork>,
    unwanted: ArrayQueue<Answer>,
    answers: Answers,
    has_ended: AtomicBool,
}

impl Threads {
    pub(super) fn start(answers: &Answers) -> io::Result<Self> {
        let has_ended = AtomicBool::new(false);
        let (waiting, unwanted) = (Waiting::new(), ArrayQueue::new(IN_FLIGHT_MAX));
        let shared = Arc::new(Shared { waiting, unwanted, answers: Arc::clone(answers), has_ended });
        // Made first: where one thread cannot be started, dropping it ends the others.
        let mut all = Self { shared: Arc::clone(&shared), threads: Vec::with_capacity(THREADS) };
        for number in 1..=THREADS {
            let shared = Arc::clone(&shared);
            let thread = Builder::new().name(format!("work {number}")).spawn(move || shared.work())?;
            all.threads.push(thread.thread().clone());
        }
        Ok(all)
    }

    /// Puts in work, for whom [`Threads::wake`] wakes.
    pub(super) fn put(&self, errand: Errand<ThreadWork>) {
        self.shared.waiting.put(errand);
    }

    /// Puts in something to be dropped, for which [`Threads::wake`] wakes.
    pub(super) fn throw(&self, unwanted: Answer) {
        if let Err(unwanted) = self.shared.unwanted.push(unwanted) {
            discard(unwanted);
        }
    }

    /// Wakes whoever has nothing to do: who is busy looks anyway before it sleeps.
    pub(super) fn wake(&self) {
        self.threads.iter().for_each(Thread::unpark);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Release);
        self.wake();
    }
}

impl Shared {
    fn work(&self) {
        machine::give_way();
        while !self.has_ended.load(Ordering::Acquire) {
            if let Some(unwanted) = self.unwanted.pop() {
                discard(unwanted);
            } else if let Some(errand) = self.waiting.next() {
                // Also what it leaves behind may panic when it is dropped.
                let _says_so_itself = catch_unwind(AssertUnwindSafe(|| self.run(errand)));
            } else {
                std::thread::park();
            }
        }
    }

    fn run(&self, Errand { id, work, stop }: Errand<ThreadWork>) {
        let result = catch_unwind(AssertUnwindSafe(|| work(&stop)));
        let result = result.map_err(|panic| {
            log_panic(id, &*panic);
            discard(panic);
            Panicked
        });
        if !stop.is_asked() {
            let _its_time_runs_out_otherwise = self.answers.push((id, result));
        }
    }
}
