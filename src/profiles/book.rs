//! What everyone has done here: those who play, and those who have, up to a limit.
//!
//! A step costs two additions and no memory. What has changed since it was last asked is marks on rows, so that a player who
//! takes a thousand steps meanwhile is told once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Entry, Leaderboard, Name, Profile, Score, Totals};
use crate::away::{Away, Known};
use crate::secret::HashState;
use crate::wire::Position;

/// Parts of a unit in which steps are added up, so that small ones in odd directions count as what they are.
const PARTS: f64 = 256.0;
/// How often the leaderboard is made anew, if somebody wants it.
const BOARD_EVERY: Duration = Duration::from_secs(1);
/// How often who does nothing is told of, for the time that it plays.
const RESTING_TOLD_EVERY: Duration = Duration::from_secs(30);
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
            distance: before.distance + self.walked / PARTS as u64,
            played_ms: before.played_ms + played,
            catches: before.catches + self.catches,
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
            || totals.played_ms >= before.played_ms + resting_ms
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
/// - To keep: [`Book::take`] from time to time gives each who has changed; [`Book::scores`] gives, a few rows at a time,
///   what is worth to be reported.
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
    board: Leaderboard,
    board_made: Option<Duration>,
    /// The row with which the next look for scores begins.
    next_scored: usize,
    /// The row with which the next look for those who rest begins.
    next_rested: usize,
    rested_until: Duration,
}

impl Book {
    /// An empty one, which knows up to `limit` players who do not play; beyond, those who left longest ago are forgotten.
    pub fn new(limit: usize, hash: HashState) -> Self {
        Self {
            playing: BTreeMap::new(),
            rows: Vec::new(),
            vacant: Vec::new(),
            places: Vec::new(),
            marks: Vec::new(),
            next_word: 0,
            away: Away::new(limit, hash),
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
            self.away.keep(profile);
        }
        while self.away.next_changed().is_some() {}
    }

    /// A player begins to play, as who it was when it left.
    pub fn join(&mut self, client_id: u32, now: Duration) {
        if self.playing.contains_key(&client_id) {
            return;
        }
        let before = self.away.recall(client_id).unwrap_or(Profile { client_id, ..Profile::default() });
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
        self.rows[row as usize].walked += parts(from, to);
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

    /// A player has gone. Gives what it has done, if it played.
    pub fn leave(&mut self, client_id: u32, now: Duration) -> Option<Profile> {
        let place = self.playing.remove(&client_id)?;
        let row = std::mem::take(&mut self.rows[place as usize]);
        self.marks[place as usize / WORD_ROWS] &= !(1 << (place as usize % WORD_ROWS));
        self.vacant.push(place);
        let profile = row.profile(now);
        self.board.note(entry(&profile));
        // Whoever it makes room for is forgotten by whoever keeps profiles at its next start.
        let _forgotten = self.away.keep(profile);
        Some(profile)
    }

    /// Those who have walked farthest, at most a second ago.
    pub fn leaderboard(&mut self, now: Duration) -> &Leaderboard {
        if self.board_made.is_none_or(|made| now >= made + BOARD_EVERY) {
            self.board_made = Some(now);
            for row in self.rows.iter().filter(|row| row.is_playing) {
                self.board.note(entry(&row.profile(now)));
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
                profiles.push(row.profile(now));
                marked &= marked - 1;
            }
        }
    }

    /// Looks at the next `rows` of those who play, and gives the scores that are worth to be reported. True if the last of
    /// them was among those looked at: the next look begins anew.
    pub fn scores(&mut self, now: Duration, rows: usize, mut report: impl FnMut(Score)) -> bool {
        let end = (self.next_scored + rows).min(self.rows.len());
        for row in self.rows[self.next_scored.min(end)..end].iter_mut().filter(|row| row.is_playing) {
            let totals = row.totals(now);
            if row.is_worth_a_score(&totals) {
                row.scored = totals;
                report(Score { client_id: row.before.client_id, totals });
            }
        }
        let is_last = end == self.rows.len();
        self.next_scored = if is_last { 0 } else { end };
        is_last
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
mod tests {
    use super::*;
    use crate::secret::Secret;

    const SECOND: Duration = Duration::from_secs(1);

    fn book(limit: usize) -> Book {
        Book::new(limit, Secret::from_seed(1).hash_state())
    }

    fn at(x: i32) -> Position {
        Position { x, y: 0 }
    }

    fn taken(book: &mut Book, now: Duration) -> Vec<(u32, u64)> {
        let mut profiles = Vec::new();
        book.take(now, 10_000, &mut profiles);
        profiles.iter().map(|profile| (profile.client_id, profile.totals.distance)).collect()
    }

    #[test]
    fn deeds_add_up_from_one_visit_to_the_next() {
        let mut book = book(10);
        book.join(7, SECOND);
        book.walk(0, 7, at(0), Position { x: 3, y: 4 });
        book.caught(7);
        assert!(book.call(7, Name::new("Anna").expect("a name")) && !book.call(8, Name::default()));
        book.leave(7, 3 * SECOND).expect("it played");
        book.caught(7);
        book.join(7, 10 * SECOND);
        (0..256).for_each(|x| book.walk(5, 7, at(x), Position { x: x + 1, y: 1 }));
        let anna = book.profile(7, 11 * SECOND).expect("it plays");
        let totals = Totals { distance: 5 + 362, played_ms: 3_000, catches: 1 };
        assert_eq!((anna.name.as_str(), anna.totals), ("Anna", totals));
    }

    #[test]
    fn each_who_has_changed_is_taken_once() {
        let mut book = book(10);
        (0..3).for_each(|id| book.join(id, SECOND));
        assert_eq!(taken(&mut book, SECOND), [(0, 0), (1, 0), (2, 0)]);
        (0..50).for_each(|x| book.walk(1, 1, at(x), at(x + 1)));
        book.walk(2, 2, at(0), at(9));
        book.leave(2, SECOND);
        assert_eq!(taken(&mut book, SECOND), [(2, 9), (1, 50)]);
        assert_eq!(taken(&mut book, SECOND), []);
        book.walk(0, 0, at(5), at(5));
        assert_eq!(taken(&mut book, SECOND), [], "who stands has not changed");
    }

    #[test]
    fn more_than_there_is_room_for_is_taken_the_next_time() {
        let mut book = book(1_000);
        (0..500).for_each(|id| book.join(id, SECOND));
        (400..500).for_each(|id| _ = book.leave(id, SECOND));
        let (mut all, mut times) = (Vec::new(), 0);
        loop {
            let mut some = Vec::new();
            book.take(SECOND, 128, &mut some);
            assert!(some.len() <= 128);
            if some.is_empty() {
                break;
            }
            times += 1;
            all.extend(some.iter().map(|profile| profile.client_id));
        }
        all.sort_unstable();
        assert!(all.into_iter().eq(0..500) && times >= 4);
    }

    #[test]
    fn who_rests_is_told_of_within_half_a_minute() {
        let mut book = book(10);
        (0..100).for_each(|id| book.join(id, Duration::ZERO));
        taken(&mut book, Duration::ZERO);
        let mut told: Vec<u32> = Vec::new();
        for second in 1..=30 {
            let some = taken(&mut book, second * SECOND);
            assert!(some.len() <= 5, "a few at a time");
            told.extend(some.iter().map(|(id, _)| id));
        }
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), 100);
    }

    #[test]
    fn the_leaderboard_is_of_those_who_play_and_of_those_who_have() {
        let mut book = book(1);
        let totals = Totals { distance: 20, ..Totals::default() };
        book.fill([Profile { client_id: 9, totals, ..Profile::default() }]);
        assert_eq!(taken(&mut book, SECOND), [], "whoever fills it knows them");
        (0..3).for_each(|id| book.join(id, SECOND));
        (0..3).for_each(|id| book.walk(id as usize, id, at(0), at(10 * id as i32 + 5)));
        book.leave(1, SECOND);
        let scores = |board: &Leaderboard| -> Vec<(u32, u64)> {
            board.entries().iter().map(|entry| (entry.client_id, entry.score)).collect()
        };
        assert_eq!(scores(book.leaderboard(SECOND)), [(2, 25), (9, 20), (1, 15), (0, 5)]);
        book.walk(0, 0, at(0), at(100));
        assert_eq!(scores(book.leaderboard(SECOND))[0], (2, 25), "not at every step");
        assert_eq!(scores(book.leaderboard(2 * SECOND))[0], (0, 105));
    }

    #[test]
    fn a_place_in_the_world_is_never_taken_for_another_player() {
        let mut book = book(10);
        book.join(1, SECOND);
        book.walk(0, 1, at(0), at(5));
        book.leave(1, SECOND);
        book.join(2, SECOND);
        book.walk(0, 2, at(0), at(7));
        book.walk(0, 3, at(0), at(100));
        let distance = |book: &Book, id| book.profile(id, SECOND).map(|profile| profile.totals.distance);
        assert_eq!([1, 2, 3].map(|id| distance(&book, id)), [Some(5), Some(7), None]);
    }

    #[test]
    fn scores_are_looked_for_a_few_rows_at_a_time_and_told_when_they_change() {
        let mut book = book(10);
        (0..100).for_each(|id| book.join(id, Duration::ZERO));
        book.walk(3, 3, at(0), at(5));
        book.walk(99, 99, at(0), at(6));
        let round = |book: &mut Book, now| {
            let mut scores = Vec::new();
            for looks in 1.. {
                if book.scores(now, 30, |score| scores.push((score.client_id, score.totals.distance))) {
                    assert_eq!(looks, 4);
                    break;
                }
            }
            scores
        };
        assert_eq!(round(&mut book, SECOND), [(3, 5), (99, 6)]);
        assert_eq!(round(&mut book, 2 * SECOND), []);
        assert_eq!(round(&mut book, 31 * SECOND).len(), 100, "for the time that they play");
    }
}
