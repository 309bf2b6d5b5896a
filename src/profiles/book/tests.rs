//! What is counted, kept, reported and forgotten.

use super::*;
use crate::secret::Secret;

const SECOND: Duration = Duration::from_secs(1);

fn book(limit: usize) -> Book {
    Book::new(limit, Secret::from_seed(1).hash_state())
}

/// One who is called something joins.
fn join(book: &mut Book, client_id: u32, now: Duration) {
    book.join(client_id, now);
    book.call(client_id, Name::new("Bo").expect("a name"));
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
    (0..3).for_each(|id| join(&mut book, id, SECOND));
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
    (0..500).for_each(|id| join(&mut book, id, SECOND));
    (400..500).for_each(|id| _ = book.leave(id, 90 * SECOND));
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
    (0..100).for_each(|id| join(&mut book, id, Duration::ZERO));
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
fn who_does_nothing_and_is_called_nothing_leaves_no_trace() {
    let mut book = book(10);
    (0..3).for_each(|id| book.join(id, SECOND));
    book.walk(1, 1, at(0), at(5));
    let far = 100 * SECOND;
    assert_eq!(taken(&mut book, far), [(1, 5)]);
    let mut scores = Vec::new();
    book.scores(far, 10, |score| {
        scores.push(score.client_id);
        true
    });
    book.last_scores(far, |score| scores.push(score.client_id));
    assert_eq!((scores, book.leaderboard(far).entries().len()), (vec![1, 1], 1));
    assert_eq!([0, 1].map(|id| book.leave(id, far).map(|left| left.totals.distance)), [None, Some(5)]);
    assert_eq!((taken(&mut book, far), book.profile(0, far)), (vec![(1, 5)], None));
}

#[test]
fn who_is_forgotten_is_counted_and_told_of() {
    let mut book = book(3);
    (0..3).for_each(|id| join(&mut book, id, SECOND));
    (0..3).for_each(|id| _ = book.leave(id, 90 * SECOND));
    let mut forgotten = Vec::new();
    book.take_forgotten(&mut forgotten);
    assert_eq!((forgotten, book.forgotten(), book.profile(0, SECOND)), (vec![0], 1, None));
    // Whoever looks in has a place of its own.
    (10..20).for_each(|id| join(&mut book, id, SECOND));
    (10..20).for_each(|id| _ = book.leave(id, 2 * SECOND));
    let known = |id| book.profile(id, SECOND).is_some();
    assert_eq!([1, 2, 18, 19].map(known), [true, true, false, true]);
}

#[test]
fn a_score_for_which_there_is_no_room_is_given_again() {
    let mut book = book(10);
    book.join(7, SECOND);
    book.walk(0, 7, at(0), at(5));
    let mut given = 0;
    for has_room in [false, true, true] {
        book.scores(SECOND, 10, |_| {
            given += 1;
            has_room
        });
    }
    assert_eq!(given, 2);
}

#[test]
fn numbers_end_where_they_end() {
    let mut book = book(10);
    let most = Totals { distance: u64::MAX, played_ms: u64::MAX, catches: u64::MAX };
    book.fill([Profile { client_id: 7, totals: most, ..Profile::default() }]);
    book.join(7, SECOND);
    (0..2).for_each(|_| book.walk(0, 7, at(i32::MIN), at(i32::MAX)));
    book.caught(7);
    assert_eq!(book.profile(7, 9 * SECOND).map(|profile| profile.totals), Some(most));
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
    (0..100).for_each(|id| join(&mut book, id, Duration::ZERO));
    book.walk(3, 3, at(0), at(5));
    book.walk(99, 99, at(0), at(6));
    let round = |book: &mut Book, now| {
        let mut scores = Vec::new();
        for looks in 1.. {
            let take = |score: Score| {
                scores.push((score.client_id, score.totals.distance));
                true
            };
            if book.scores(now, 30, take) {
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
