//! The thread that writes: one commit for each hand-over, again and again until it is on disk.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::file::File;
use super::{StoreStatus, WARN_EVERY};
use crate::machine;
use crate::server::Changes;

/// The first pause after a commit that failed; each is twice as long as the one before.
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// The longest pause: a disk that has room again is noticed within a second.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// What the writer has done, for the tick to read.
#[derive(Debug, Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    failures: AtomicU64,
    written: AtomicU64,
    is_failing: AtomicBool,
    should_give_up: AtomicBool,
}

impl Counters {
    /// All but the lag, which the tick knows.
    pub(super) fn read(&self) -> StoreStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreStatus {
            commits: count(&self.commits),
            failures: count(&self.failures),
            written: count(&self.written),
            lag_ms: 0,
        }
    }

    /// Whether the last commit failed: then the writer says so itself.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Nobody waits for what cannot be written.
    pub(super) fn give_up(&self) {
        self.should_give_up.store(true, Ordering::Relaxed);
    }
}

/// Writes what comes in, gives each buffer back when it is on disk, and ends when nobody hands over any more.
pub(super) fn work(
    mut file: File,
    inbox: &Receiver<Changes>,
    outbox: &SyncSender<Changes>,
    counters: &Counters,
) {
    let mut next_warning = None;
    while let Ok(mut changes) = inbox.recv() {
        if !write(&mut file, &mut changes, counters, &mut next_warning) {
            return;
        }
        counters.commits.fetch_add(1, Ordering::Relaxed);
        counters.written.fetch_add(changes.players.len() as u64, Ordering::Relaxed);
        let _nobody_plays_any_more = outbox.send(changes);
    }
}

/// Tries until it is done. False if nobody waits for it any more.
fn write(
    file: &mut File,
    changes: &mut Changes,
    counters: &Counters,
    next_warning: &mut Option<Instant>,
) -> bool {
    let mut pause = RETRY_FIRST;
    while let Err(error) = file.write(machine::unix_ms(), changes) {
        counters.failures.fetch_add(1, Ordering::Relaxed);
        counters.is_failing.store(true, Ordering::Relaxed);
        let now = machine::now();
        if next_warning.is_none_or(|at| now >= at) {
            *next_warning = Some(now + WARN_EVERY);
            warn!(%error, "cannot write the store: nothing is lost while the server runs, and it tries again");
        }
        if counters.should_give_up.load(Ordering::Relaxed) {
            return false;
        }
        machine::sleep(pause);
        pause = (2 * pause).min(RETRY_MAX);
    }
    if counters.is_failing.swap(false, Ordering::Relaxed) {
        *next_warning = None;
        info!("the store is written again: nothing was lost");
    }
    true
}
