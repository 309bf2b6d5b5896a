//! What survives a crash?
//!
//! Where every player stood last, and what it has done, in a file that is written while the server plays. The only room that names the
//! database. The tick hands over what has changed and never waits: a thread of its own writes, and what it has no time
//! for stays marked in the core and is told once, however often it changes meanwhile.

mod file;
#[cfg(test)]
mod tests;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing::{error, info, warn};

use crate::config::REMEMBERED_MAX;
use crate::machine;
use crate::profiles::Profile;
use crate::server::{Changes, Server};
use crate::wire::Player;
use file::File;
use writer::Counters;

/// The store's file in its directory.
const FILE: &str = "players.redb";

/// How often changes are handed over: four times a second, so that with a commit that takes half a second still none is
/// older than a second on disk.
const HAND_OVER_EVERY: Duration = Duration::from_millis(250);

/// A change should be on disk by then.
const LAG_MAX: Duration = Duration::from_secs(1);
/// How long the same is not said again.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// How long a server that stops waits for the disk.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// Why there is no store to begin with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be made or written to.
    #[error("cannot use the directory {}: {error}; it must be there, or be possible to make, and writable", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process has it.
    #[error("{} is in use by another server; give each a directory of its own", file.display())]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// It has been written by another version.
    #[error("{} is of format {found}, and this version reads 1 to {known} only: {}", file.display(),
            if found > known { "a newer version has written it, start that one" } else { "no version that was released has written it" })]
    Format {
        /// The file.
        file: PathBuf,
        /// What it is.
        found: u64,
        /// The newest that is read.
        known: u64,
    },
    /// It is something else.
    #[error("{} is no store of tickcast; move it away, or give another directory", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// What was written is no longer what is there.
    #[error("{} is damaged ({told}); put a copy in its place, or move it away to begin without players", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        told: String,
    },
    /// The system does not read or write it.
    #[error("cannot read and write {}: {told}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        told: String,
    },
    /// The thread that is to write cannot be started.
    #[error("cannot start the thread that writes the store: {0}")]
    Thread(#[source] io::Error),
}

/// What is in a store when it is opened.
#[derive(Debug, Default)]
pub struct Remembered {
    /// Where players stood, those seen longest ago first.
    pub players: Vec<Player>,
    /// Who they are and what they have done, in the same order.
    pub profiles: Vec<Profile>,
    /// What the store is known by, drawn when it was made.
    pub id: u64,
}

/// How the store keeps up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoreStatus {
    /// Commits since the start, each of many changes.
    pub commits: u64,
    /// Commits that failed, and were tried again.
    pub failures: u64,
    /// Players written, counting one that has changed again.
    pub written: u64,
    /// How old the oldest change is that is not on disk, in milliseconds; 0 if all is.
    pub lag_ms: u64,
}

/// Keeps the players of a server in a directory.
///
/// - [`Store::open`], and [`Server::remember`] with the players and the profiles that it gives.
/// - [`Store::after_tick`] with every tick: it takes microseconds, whatever the disk does.
/// - [`Store::finish`] to stop. A store that is dropped without writes what it was handed, no more.
#[derive(Debug)]
pub struct Store {
    to_writer: SyncSender<Changes>,
    from_writer: Receiver<Changes>,
    /// The one buffer that goes back and forth, while it is here.
    buffer: Option<Changes>,
    /// The oldest change that the writer has.
    writing_since: Option<Instant>,
    counters: Arc<Counters>,
    next: Option<Instant>,
    next_warning: Option<Instant>,
    has_died: bool,
    lag: Duration,
}

impl Store {
    /// Opens the store of a directory, or makes both; a new one, or one of before stores had an id, is known by `id` from
    /// then on. Gives what is in it. That takes as long as reading all of it.
    ///
    /// # Errors
    /// If the directory or the file cannot be used, is another server's or of another version, or is damaged. The file is
    /// then left as it is.
    pub fn open(dir: &Path, id: u64) -> Result<(Self, Remembered), StoreError> {
        let path = dir.join(FILE);
        let directory = |error| StoreError::Directory { dir: dir.into(), error };
        fs::create_dir_all(dir).map_err(directory)?;
        file::make(&path, id)?;
        // So that the file is still there after the power has gone.
        #[cfg(unix)]
        fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(directory)?;
        let began = machine::now();
        let mut file = File::open(&path, file::on_disk(&path), id)?;
        let (players, profiles) = (file.read(REMEMBERED_MAX)?, file.read_profiles(REMEMBERED_MAX)?);
        let remembered = Remembered { players, profiles, id: file.id()? };
        let took_ms = machine::now().duration_since(began).as_millis() as u64;
        info!(file = %path.display(), players = remembered.players.len(), took_ms, "players remembered");
        Ok((Self::start(file)?, remembered))
    }

    fn start(file: File) -> Result<Self, StoreError> {
        // One buffer for both: neither side ever waits for room.
        let (to_writer, inbox) = sync_channel(1);
        let (outbox, from_writer) = sync_channel(1);
        let counters = Arc::<Counters>::default();
        let counted = Arc::clone(&counters);
        let work = move || writer::work(file, &inbox, &outbox, &counted);
        std::thread::Builder::new().name("store".into()).spawn(work).map_err(StoreError::Thread)?;
        Ok(Self {
            to_writer,
            from_writer,
            buffer: Some(Changes::default()),
            writing_since: None,
            counters,
            next: None,
            next_warning: None,
            has_died: false,
            lag: Duration::ZERO,
        })
    }

    /// Hands over what has changed, four times a second, if the writer is done with what it had.
    pub fn after_tick(&mut self, now: Instant, server: &mut Server) {
        self.take_back();
        if self.next.is_none_or(|next| now >= next) && self.hand_over(server) {
            self.next = Some(now + HAND_OVER_EVERY);
        }
        self.lag = self.oldest(server).map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if self.lag > LAG_MAX {
            self.warn_of_lag(now);
        }
    }

    /// Unless the writer has said why of late, or has died.
    fn warn_of_lag(&mut self, now: Instant) {
        let is_due = self.next_warning.is_none_or(|at| now >= at);
        let is_said = self.counters.is_failing() || self.has_died;
        if is_due || is_said {
            self.next_warning = Some(now + WARN_EVERY);
        }
        if is_due && !is_said {
            let lag_ms = self.lag.as_millis() as u64;
            warn!(
                lag_ms,
                "the disk is slow: after a crash now, players would stand where they stood so long ago"
            );
        }
    }

    /// How it keeps up, as of the last tick.
    pub fn status(&self) -> StoreStatus {
        StoreStatus { lag_ms: self.lag.as_millis() as u64, ..self.counters.read() }
    }

    /// Writes everything, for five seconds at the most, and closes the file. What is not on disk then is told as lag, and
    /// to the log.
    pub fn finish(mut self, server: &mut Server) -> StoreStatus {
        let deadline = machine::now() + FINISH_MAX;
        while self.wait_for_buffer(deadline) && self.hand_over(server) {}
        let now = machine::now();
        let oldest = self.oldest(server);
        self.lag = oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let status = self.status();
        if oldest.is_some() {
            self.counters.give_up();
            error!(status.lag_ms, "stopped, and what has changed for so long is not in the store");
            return status;
        }
        drop(self.to_writer);
        // Nothing comes any more: this waits until the writer has closed the file.
        let _closed = self.from_writer.recv_timeout(deadline.saturating_duration_since(now));
        status
    }

    /// False if the writer had no time for more, or if there is nothing.
    fn hand_over(&mut self, server: &mut Server) -> bool {
        let Some(mut changes) = self.buffer.take() else { return false };
        server.take_changes(&mut changes);
        if changes.is_empty() {
            self.buffer = Some(changes);
            return false;
        }
        self.writing_since = changes.since;
        // It can only fail where the writer has died; then nothing comes back.
        let _noticed_then = self.to_writer.try_send(changes);
        true
    }

    fn take_back(&mut self) {
        match self.from_writer.try_recv() {
            Ok(changes) => self.on_written(changes),
            Err(TryRecvError::Disconnected) if !self.has_died => {
                self.has_died = true;
                error!("the thread that writes the store has died: nothing is kept any more");
            }
            Err(_) => {}
        }
    }

    /// False if the writer takes longer.
    fn wait_for_buffer(&mut self, deadline: Instant) -> bool {
        if self.buffer.is_none() {
            let left = deadline.saturating_duration_since(machine::now());
            match self.from_writer.recv_timeout(left) {
                Ok(changes) => self.on_written(changes),
                Err(_) => return false,
            }
        }
        true
    }

    fn on_written(&mut self, changes: Changes) {
        self.buffer = Some(changes);
        self.writing_since = None;
    }

    /// The oldest change that is not on disk.
    fn oldest(&self, server: &Server) -> Option<Instant> {
        [self.writing_since, server.changed_since()].into_iter().flatten().min()
    }
}
