//! Who is this player beyond the world?
//!
//! Names and what players have done, leaderboards of them, and the HTTP service that may keep both. The only room that
//! names the HTTP client. Nothing here runs by itself: [`Service`] gives futures for whoever works beside the tick, and
//! [`Outbox`] says what is to be reported next, with the time as an argument.

mod answers;
mod book;
mod fault;
mod name;
mod outbox;
mod service;
mod url;

pub use answers::AnswerError;
pub use book::Book;
pub use fault::Fault;
pub use name::{NAME_BYTES_MAX, Name, NameError};
pub use outbox::{BATCH_MAX, Batch, OUTBOX_MAX, Outbox, Scores};
pub use service::{
    ANSWER_BYTES_MAX, ATTEMPTS_MAX, Asked, IN_FLIGHT_MAX, Service, ServiceConfig, ServiceError, ServiceStatus,
};
pub use url::{ServiceUrl, UrlError};

use std::time::Duration;

use crate::wire::Position;

/// The most entries of a leaderboard: more than anybody reads.
pub const LEADERBOARD_MAX: usize = 100;

/// The pause after the first failure; each is twice as long as the one before.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest pause: a service that is back is noticed within half a minute.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// What a player has done, all together. Every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How far it has walked, in units of the world, by straight lines from move to move.
    pub distance: u64,
    /// How long it has played, in milliseconds.
    pub played_ms: u64,
    /// How often an enemy has caught it.
    pub catches: u64,
}

impl Totals {
    /// Of each number the greater one: whatever order scores of the same deeds come in.
    pub fn most(self, other: Self) -> Self {
        Self {
            distance: self.distance.max(other.distance),
            played_ms: self.played_ms.max(other.played_ms),
            catches: self.catches.max(other.catches),
        }
    }
}

/// Who a player is, and what it has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The id that it plays as.
    pub client_id: u32,
    /// What it is called; empty if nobody has said.
    pub name: Name,
    /// Where it is to begin, if that has been said.
    pub start: Option<Position>,
    /// What it has done, as far as whoever keeps the profile knows.
    pub totals: Totals,
}

impl Profile {
    /// Whether there is nothing in it worth keeping: nobody has said what it is called, and it has done no more than be there.
    pub fn is_blank(&self) -> bool {
        self.name.is_empty() && self.totals.distance == 0 && self.totals.catches == 0
    }
}

/// What is reported of a player: all that it has done under one run number, so that a later score stands for all before
/// it, and the same one twice for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// The player.
    pub client_id: u32,
    /// What it has done.
    pub totals: Totals,
}

/// One line of a leaderboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The player.
    pub client_id: u32,
    /// What it is called; empty if nobody has said.
    pub name: Name,
    /// What it stands here for: the distance that it has walked, where the server itself keeps the leaderboard.
    pub score: u64,
}

/// The best, those with the highest scores first, and of equals the lowest id: [`LEADERBOARD_MAX`] at the most, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaderboard {
    entries: Vec<Entry>,
}

impl Leaderboard {
    /// Of any entries the best; of those with the same id the better one.
    pub fn of(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by_key(|entry| (entry.client_id, std::cmp::Reverse(entry.score)));
        entries.dedup_by_key(|entry| entry.client_id);
        entries.sort_unstable_by_key(rank);
        entries.truncate(LEADERBOARD_MAX);
        Self { entries }
    }

    /// An empty one with room for all that it will ever hold.
    pub fn with_room() -> Self {
        Self { entries: Vec::with_capacity(LEADERBOARD_MAX + 1) }
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Notes what a player's entry is now, whose score has not fallen. True if the board is another one then. Takes nothing
    /// from the heap if it was made with room.
    pub fn note(&mut self, entry: Entry) -> bool {
        let is_too_low = self.entries.len() == LEADERBOARD_MAX
            && self.entries.last().is_some_and(|last| rank(&entry) >= rank(last))
            // The last itself may have got another name.
            && self.entries.last().is_some_and(|last| last.client_id != entry.client_id);
        if is_too_low || self.entries.contains(&entry) {
            return false;
        }
        self.entries.retain(|known| known.client_id != entry.client_id);
        let place = self.entries.partition_point(|known| rank(known) < rank(&entry));
        self.entries.insert(place, entry);
        self.entries.truncate(LEADERBOARD_MAX);
        true
    }
}

fn rank(entry: &Entry) -> (std::cmp::Reverse<u64>, u32) {
    (std::cmp::Reverse(entry.score), entry.client_id)
}

/// How long to pause after so many failures in a row: twice as long each time, up to a limit, and of that between half
/// and all, by `drawn`, lest all who failed together come back together.
pub(crate) fn backoff(failures: u32, drawn: u64) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let most = BACKOFF_FIRST.saturating_mul(doubled).min(BACKOFF_MAX);
    let half_ms = most.as_millis() as u64 / 2;
    Duration::from_millis(half_ms + drawn % (half_ms + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn entry(client_id: u32, score: u64) -> Entry {
        Entry { client_id, score, ..Entry::default() }
    }

    #[test]
    fn a_leaderboard_that_grows_is_the_one_made_of_all() {
        for seed in 0..20 {
            let (draw, mut board) = (Secret::from_seed(seed), Leaderboard::with_room());
            let mut scores = [0; 300];
            for step in 0..3_000 {
                let drawn = draw.number(step);
                let id = drawn as usize % scores.len();
                scores[id] += drawn >> 32 & 0x1FF;
                board.note(entry(id as u32, scores[id]));
            }
            let noted = (0..).zip(scores).map(|(id, score)| entry(id, score)).filter(|entry| entry.score > 0);
            assert_eq!(board, Leaderboard::of(noted.collect()), "seed {seed}");
            assert_eq!(board.entries().len(), LEADERBOARD_MAX);
        }
    }

    #[test]
    fn of_one_who_stands_there_twice_the_better_counts() {
        let board = Leaderboard::of(vec![entry(7, 1), entry(8, 5), entry(7, 9), entry(6, 5)]);
        assert_eq!(board.entries(), [entry(7, 9), entry(6, 5), entry(8, 5)]);
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_are_never_all_the_same() {
        let longest = |failures| backoff(failures, backoff(failures, u64::MAX).as_millis() as u64);
        for (failures, most) in [(1, 200), (2, 400), (5, 3_200), (9, 30_000), (1_000, 30_000)] {
            let pauses: Vec<u64> =
                (0..1_000).map(|drawn| backoff(failures, drawn * 97).as_millis() as u64).collect();
            assert!(pauses.iter().all(|pause| (most / 2..=most).contains(pause)), "{failures}: {pauses:?}");
            assert!(pauses.iter().max() > pauses.iter().min());
        }
        assert!(longest(40) <= BACKOFF_MAX);
    }
}
