//! The runtime of what waits, on a thread of its own.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::{Answer, Answers, Errand, Panicked, TaskWork, Waiting, log_panic};
use crate::machine;
use crate::work::{Stop, WorkId, discard};

/// Threads for what a task cannot do without blocking, such as to look up the name of a host.
const BLOCKING_THREADS_MAX: usize = 4;

/// A thread with a runtime, and what waits for it.
pub(super) struct Tasks {
    waiting: Arc<Waiting<TaskWork>>,
    /// One place: who has been called looks at everything.
    bell: mpsc::Sender<()>,
}

impl Tasks {
    pub(super) fn start(answers: &Answers) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("work blocking")
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .build()?;
        let (waiting, (bell, rung)) = (Arc::new(Waiting::new()), mpsc::channel(1));
        let attendant = Attendant {
            waiting: Arc::clone(&waiting),
            answers: Arc::clone(answers),
            tasks: JoinSet::new(),
            running: HashMap::new(),
        };
        std::thread::Builder::new().name("work tasks".into()).spawn(move || {
            machine::give_way();
            runtime.block_on(attendant.attend(rung));
            // What blocks is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { waiting, bell })
    }

    /// Puts in work, for which [`Tasks::wake`] wakes.
    pub(super) fn put(&self, errand: Errand<TaskWork>) {
        self.waiting.put(errand);
    }

    /// There is something to begin with, or to end.
    pub(super) fn wake(&self) {
        let _it_rings_already = self.bell.try_send(());
    }
}

/// Begins tasks, ends them, and hands on what came of them.
struct Attendant {
    waiting: Arc<Waiting<TaskWork>>,
    answers: Answers,
    tasks: JoinSet<Answer>,
    running: HashMap<Id, Running>,
}

struct Running {
    work: WorkId,
    stop: Stop,
    task: AbortHandle,
}

impl Attendant {
    /// Until nobody can ring any more.
    async fn attend(mut self, mut rung: mpsc::Receiver<()>) {
        loop {
            tokio::select! {
                bell = rung.recv() => match bell {
                    Some(()) => self.look_around(),
                    None => return,
                },
                Some(joined) = self.tasks.join_next_with_id() => self.on_joined(joined),
            }
        }
    }

    fn look_around(&mut self) {
        self.running.values().filter(|running| running.stop.is_asked()).for_each(|gone| gone.task.abort());
        while let Some(Errand { id: work, work: future, stop }) = self.waiting.next() {
            let task = self.tasks.spawn(future);
            self.running.insert(task.id(), Running { work, stop, task });
        }
    }

    fn on_joined(&mut self, joined: Result<(Id, Answer), JoinError>) {
        let id = joined.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(running) = self.running.remove(&id) else { return };
        let result = match joined {
            Ok((_, answer)) => Ok(answer),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => {
                    log_panic(running.work, &*panic);
                    discard(panic);
                    Err(Panicked)
                }
                Err(_aborted) => return,
            },
        };
        if running.stop.is_asked() {
            discard(result);
        } else if let Err(refused) = self.answers.push((running.work, result)) {
            // Its time runs out.
            discard(refused);
        }
    }
}
