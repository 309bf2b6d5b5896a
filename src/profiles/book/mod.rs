//! What everyone has done here: those who play, and those who have, up to a limit.
//!
//! A step costs two additions and no memory. What has changed since it was last asked is marks on rows, so that a player who
//! takes a thousand steps meanwhile is told once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Entry, Leaderboard, Name, Profile, Score, Totals};
use crate::away::{Away, Known, RESIDENT_AFTER};
use crate::secret::HashState;
use crate::wire::Position;

/// Parts of a unit in which steps are added up, so that small ones in odd directions count as what they are.
const PARTS: f64 = 256.0;
/// How often the leaderboard is made anew, if somebody wants it.
const BOARD_EVERY: Duration = Duration::from_secs(1);
/// How often who does nothing is told of, for the time that it plays.
const RESTING_TOLD_EVERY: Duration = Duration::from_secs(30);
/// How many forgotten ids wait to be told. Beyond, they are not: whoever keeps profiles forgets them at its next start.
const FORGOTTEN_MAX: usize = 65_536;
/// A word of marks.
const WORD_ROWS: usize = u64::BITS as usize;
/// No row.
const NONE: u32 = u32::MAX;

/// Who plays.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// Before it joined.
    before: Profile,
    joined: Duration,
    /// Since then, in [`PARTS`] of a unit.
    walked: u64,
    catches: u64,
    is_playing: bool,
    /// What was last handed out as a score.
    scored: Totals,
}

impl Row {
    fn totals(&self, now: Duration) -> Totals {
        let before = self.before.totals;
        let played = now.saturating_sub(self.joined).as_millis() as u64;
        Totals {
            distance: before.distance.saturating_add(self.walked / PARTS as u64),
            played_ms: before.played_ms.saturating_add(played),
            catches: before.catches.saturating_add(self.catches),
        }
    }

    fn profile(&self, now: Duration) -> Profile {
        Profile { totals: self.totals(now), ..self.before }
    }

    /// Whether something has happened since its last score that is worth another one.
    fn is_worth_a_score(&self, totals: &Totals) -> bool {
        let (before, resting_ms) = (&self.scored, RESTING_TOLD_EVERY.as_millis() as u64);
        totals.distance != before.distance
            || totals.catches != before.catches
            || totals.played_ms - before.played_ms >= resting_ms
    }
}

impl Known for Profile {
    fn client_id(&self) -> u32 {
        self.client_id
    }
}

/// See the module. Times are those of the game, since any beginning.
///
/// - [`Book::fill`] at the start, with what is remembered.
/// - [`Book::join`], then [`Book::walk`], [`Book::caught`] and [`Book::call`], then [`Book::leave`].
/// - To ask: [`Book::profile`], [`Book::leaderboard`].
/// - To keep: [`Book::take`] from time to time gives each who has changed, and [`Book::take_forgotten`] who is known no
///   longer; [`Book::scores`] gives, a few rows at a time, what is worth to be reported, and [`Book::last_scores`] all of it.
///
/// Who has done nothing and is not called anything leaves no trace.
#[derive(Debug)]
pub struct Book {
    /// By client id, the row of who plays.
    playing: BTreeMap<u32, u32>,
    rows: Vec<Row>,
    vacant: Vec<u32>,
    /// By place in the world, the row of who stands there; a place gets another player when the one before has gone.
    places: Vec<u32>,
    /// A bit for each row that has changed.
    marks: Vec<u64>,
    /// The word with which the next taking begins.
    next_word: usize,
    away: Away<Profile>,
    /// Known no longer, and not yet told of.
    forgotten: Vec<u32>,
    forgotten_count: u64,
    board: Leaderboard,
    board_made: Option<Duration>,
    /// The row with which the next look for scores begins.
    next_scored: usize,
    /// The row with which the next look for those who rest begins.
    next_rested: usize,
    rested_until: Duration,
}

impl Book {
    /// An empty one, which knows up to `limit` players who do not play, a sixteenth of them such as have played less than a
    /// minute in all; beyond, those who left longest ago are forgotten, of those and of the others.
    pub fn new(limit: usize, hash: HashState) -> Self {
        Self {
            playing: BTreeMap::new(),
            rows: Vec::new(),
            vacant: Vec::new(),
            places: Vec::new(),
            marks: Vec::new(),
            next_word: 0,
            away: Away::new(limit, hash),
            forgotten: Vec::new(),
            forgotten_count: 0,
            board: Leaderboard::with_room(),
            board_made: None,
            next_scored: 0,
            next_rested: 0,
            rested_until: Duration::ZERO,
        }
    }

    /// Knows these from now on, those who left longest ago first, without telling of them.
    pub fn fill(&mut self, profiles: impl IntoIterator<Item = Profile>) {
        for profile in profiles {
            self.board.note(entry(&profile));
            self.away.keep(profile, is_resident(&profile));
        }
        while self.away.next_changed().is_some() {}
    }

    /// A player begins to play, as who it was when it left.
    pub fn join(&mut self, client_id: u32, now: Duration) {
        if self.playing.contains_key(&client_id) {
            return;
        }
        let remembered = self.away.recall(client_id).map(|(profile, _)| profile);
        let before = remembered.unwrap_or(Profile { client_id, ..Profile::default() });
        let scored = before.totals;
        let row = Row { before, joined: now, is_playing: true, scored, ..Row::default() };
        let place = match self.vacant.pop() {
            Some(place) => place,
            None => {
                self.rows.push(Row::default());
                self.marks.resize(self.rows.len().div_ceil(WORD_ROWS), 0);
                self.rows.len() as u32 - 1
            }
        };
        self.rows[place as usize] = row;
        self.playing.insert(client_id, place);
        // What was not told when it left is told as of one who plays.
        self.mark(place);
    }

    /// A player who stands at `place` in the world's table takes a step.
    pub fn walk(&mut self, place: usize, client_id: u32, from: Position, to: Position) {
        if from == to {
            return;
        }
        let Some(row) = self.row_at(place, client_id) else { return };
        let walked = &mut self.rows[row as usize].walked;
        *walked = walked.saturating_add(parts(from, to));
        self.mark(row);
    }

    /// An enemy has caught a player.
    pub fn caught(&mut self, client_id: u32) {
        if let Some(&row) = self.playing.get(&client_id) {
            self.rows[row as usize].catches += 1;
            self.mark(row);
        }
    }

    /// A player is called so from now on. False if it does not play, or was called so before.
    pub fn call(&mut self, client_id: u32, name: Name) -> bool {
        let Some(&row) = self.playing.get(&client_id) else { return false };
        let is_new = std::mem::replace(&mut self.rows[row as usize].before.name, name) != name;
        if is_new {
            self.mark(row);
        }
        is_new
    }

    /// What a player has done, and is called, whether or not it plays.
    pub fn profile(&self, client_id: u32, now: Duration) -> Option<Profile> {
        match self.playing.get(&client_id) {
            Some(&row) => Some(self.rows[row as usize].profile(now)),
            None => self.away.find(client_id),
        }
    }

    /// A player has gone. Gives what it has done, if it played and that is worth keeping: of the others nothing is kept.
    pub fn leave(&mut self, client_id: u32, now: Duration) -> Option<Profile> {
        let place = self.playing.remove(&client_id)?;
        let row = std::mem::take(&mut self.rows[place as usize]);
        self.marks[place as usize / WORD_ROWS] &= !(1 << (place as usize % WORD_ROWS));
        self.vacant.push(place);
        let profile = row.profile(now);
        if profile.is_blank() {
            return None;
        }
        self.board.note(entry(&profile));
        if let Some(forgotten) = self.away.keep(profile, is_resident(&profile)) {
            self.forgotten_count += 1;
            if self.forgotten.len() < FORGOTTEN_MAX {
                self.forgotten.push(forgotten);
            }
        }
        Some(profile)
    }

    /// How many who left have been forgotten since the start, for want of room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten_count
    }

    /// Moves those who have been forgotten since the last time to `forgotten`.
    pub fn take_forgotten(&mut self, forgotten: &mut Vec<u32>) {
        forgotten.append(&mut self.forgotten);
    }

    /// Those who have walked farthest, at most a second ago.
    pub fn leaderboard(&mut self, now: Duration) -> &Leaderboard {
        if self.board_made.is_none_or(|made| now >= made + BOARD_EVERY) {
            self.board_made = Some(now);
            let playing = self.rows.iter().filter(|row| row.is_playing).map(|row| row.profile(now));
            for profile in playing.filter(|profile| !profile.is_blank()) {
                self.board.note(entry(&profile));
            }
        }
        &self.board
    }

    /// Adds each who has changed since the last time to `profiles`, up to `most` in all, and from time to time those who
    /// only rest. Takes nothing from the heap if there is room in `profiles`.
    pub fn take(&mut self, now: Duration, most: usize, profiles: &mut Vec<Profile>) {
        self.mark_resting(now);
        while profiles.len() < most
            && let Some(profile) = self.away.next_changed()
        {
            profiles.push(profile);
        }
        // Each word once, from where the last taking ended.
        for _ in 0..self.marks.len() {
            if profiles.len() + WORD_ROWS > most {
                return;
            }
            let word = self.next_word % self.marks.len();
            self.next_word = word + 1;
            let mut marked = std::mem::take(&mut self.marks[word]);
            while marked != 0 {
                let row = &self.rows[word * WORD_ROWS + marked.trailing_zeros() as usize];
                profiles.extend(Some(row.profile(now)).filter(|profile| !profile.is_blank()));
                marked &= marked - 1;
            }
        }
    }

    /// Looks at the next `rows` of those who play, and gives the scores that are worth to be reported; one for which there is
    /// no room is given again the next time. True if the last of them was among those looked at: the next look begins anew.
    pub fn scores(&mut self, now: Duration, rows: usize, mut report: impl FnMut(Score) -> bool) -> bool {
        let end = (self.next_scored + rows).min(self.rows.len());
        for row in self.rows[self.next_scored.min(end)..end].iter_mut().filter(|row| row.is_playing) {
            let profile = row.profile(now);
            let Profile { client_id, totals, .. } = profile;
            if !profile.is_blank() && row.is_worth_a_score(&totals) && report(Score { client_id, totals }) {
                row.scored = totals;
            }
        }
        let is_last = end == self.rows.len();
        self.next_scored = if is_last { 0 } else { end };
        is_last
    }

    /// The scores of all who play, as if they left now.
    pub fn last_scores(&self, now: Duration, report: impl FnMut(Score)) {
        let playing = self.rows.iter().filter(|row| row.is_playing).map(|row| row.profile(now));
        let worth = playing.filter(|profile| !profile.is_blank());
        worth.map(|Profile { client_id, totals, .. }| Score { client_id, totals }).for_each(report);
    }

    /// Marks who plays once in a while, though it does nothing: all of them within [`RESTING_TOLD_EVERY`].
    fn mark_resting(&mut self, now: Duration) {
        let since = now.saturating_sub(self.rested_until).min(RESTING_TOLD_EVERY);
        let share = since.as_secs_f64() / RESTING_TOLD_EVERY.as_secs_f64();
        let count = (share * self.rows.len() as f64).ceil() as usize;
        self.rested_until = now;
        for _ in 0..count {
            let row = self.next_rested % self.rows.len();
            self.next_rested = row + 1;
            if self.rows[row].is_playing {
                self.mark(row as u32);
            }
        }
    }

    fn mark(&mut self, row: u32) {
        self.marks[row as usize / WORD_ROWS] |= 1 << (row as usize % WORD_ROWS);
    }

    /// The row of who stands at a place.
    fn row_at(&mut self, place: usize, client_id: u32) -> Option<u32> {
        if place >= self.places.len() {
            self.places.resize(place + 1, NONE);
        }
        let row = self.places[place];
        let is_its = |row: &Row| row.is_playing && row.before.client_id == client_id;
        if self.rows.get(row as usize).is_some_and(is_its) {
            return Some(row);
        }
        let row = *self.playing.get(&client_id)?;
        self.places[place] = row;
        Some(row)
    }
}

fn is_resident(profile: &Profile) -> bool {
    u128::from(profile.totals.played_ms) >= RESIDENT_AFTER.as_millis()
}

fn entry(profile: &Profile) -> Entry {
    Entry { client_id: profile.client_id, name: profile.name, score: profile.totals.distance }
}

/// The length of a step. Sums and roots of `f64` are the same on every machine.
fn parts(from: Position, to: Position) -> u64 {
    let along = |from: i32, to: i32| f64::from(to) - f64::from(from);
    let (x, y) = (along(from.x, to.x), along(from.y, to.y));
    ((x * x + y * y).sqrt() * PARTS) as u64
}

#[cfg(test)]
mod tests;
