//! What is said to the service and what it answers, as JSON. docs/PROFILES.md describes it.
//!
//! Nothing that a service says is trusted: an answer is of the right form within all bounds, or refused as a whole.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Batch, Entry, Leaderboard, Name, Profile, Totals};
use crate::wire::Position;

/// How much of what is wrong with an answer is told: the parser repeats what it has read.
const TOLD_CHARS_MAX: usize = 120;

/// An object: what is derived takes a list of the same values for one.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Map<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        from.deserialize_map(Map(PhantomData))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProfileAnswer {
    #[serde(deserialize_with = "name")]
    name: Name,
    start: Option<Object<PositionAnswer>>,
    distance: u64,
    played_ms: u64,
    catches: u64,
}

#[derive(Deserialize)]
struct PositionAnswer {
    x: i32,
    y: i32,
}

#[derive(Deserialize)]
struct LeaderboardAnswer {
    entries: Vec<Object<EntryAnswer>>,
}

#[derive(Deserialize)]
struct EntryAnswer {
    client_id: u32,
    #[serde(default, deserialize_with = "name")]
    name: Name,
    score: u64,
}

#[derive(Serialize)]
struct Report<'a> {
    /// In hexadecimal: readers of JSON take large numbers for inexact ones.
    run: String,
    scores: &'a [ScoreReport],
}

#[derive(Serialize)]
struct ScoreReport {
    client_id: u32,
    distance: u64,
    played_ms: u64,
    catches: u64,
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
    let text: std::borrow::Cow<'de, str> = Deserialize::deserialize(from)?;
    Name::new(&text).map_err(serde::de::Error::custom)
}

/// What is wrong with an answer: short, on one line, and with nothing in it that a terminal would obey.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AnswerError(String);

impl Profile {
    /// Reads what a service answers to the question who a player is, in JSON.
    pub fn from_answer(client_id: u32, bytes: &[u8]) -> Result<Self, AnswerError> {
        let Object(answer): Object<ProfileAnswer> = serde_json::from_slice(bytes)?;
        let ProfileAnswer { name, start, distance, played_ms, catches } = answer;
        let start = start.map(|Object(PositionAnswer { x, y })| Position { x, y });
        Ok(Self { client_id, name, start, totals: Totals { distance, played_ms, catches } })
    }
}

impl Leaderboard {
    /// Reads what a service answers to the question who is the best, in JSON and in any order; of too many entries the best
    /// are kept.
    pub fn from_answer(bytes: &[u8]) -> Result<Self, AnswerError> {
        let Object(answer): Object<LeaderboardAnswer> = serde_json::from_slice(bytes)?;
        let entry = |Object(EntryAnswer { client_id, name, score })| Entry { client_id, name, score };
        Ok(Self::of(answer.entries.into_iter().map(entry).collect()))
    }
}

/// What is sent of a batch.
pub(super) fn report(batch: &Batch) -> Vec<u8> {
    let score = |score: &super::Score| {
        let Totals { distance, played_ms, catches } = score.totals;
        ScoreReport { client_id: score.client_id, distance, played_ms, catches }
    };
    let scores: Vec<ScoreReport> = batch.scores.iter().map(score).collect();
    let report = Report { run: format!("{:016x}", batch.run), scores: &scores };
    serde_json::to_vec(&report).expect("numbers and a text can be written as JSON")
}

impl From<serde_json::Error> for AnswerError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string().chars().take(TOLD_CHARS_MAX).flat_map(char::escape_debug).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::{LEADERBOARD_MAX, Score};

    #[test]
    fn a_profile_says_what_it_knows() {
        let text =
            br#"{"name": "Anna", "start": {"x": -5, "y": 7}, "distance": 9, "catches": 2, "guild": [1]}"#;
        let anna = Profile::from_answer(3, text).expect("a profile");
        assert_eq!(
            (anna.client_id, anna.name.as_str(), anna.start),
            (3, "Anna", Some(Position { x: -5, y: 7 }))
        );
        assert_eq!(anna.totals, Totals { distance: 9, played_ms: 0, catches: 2 });
        assert_eq!(Profile::from_answer(3, b"{}").map(|profile| profile.name.is_empty()), Ok(true));
        assert_eq!(
            Profile::from_answer(3, br#"{"name": "\u005a\u00f6"}"#).map(|who| who.name.to_string()),
            Ok("Zö".into())
        );
    }

    #[test]
    fn what_is_wrong_is_refused_and_told_in_short() {
        let deep = "[".repeat(60_000);
        let long = format!(r#"{{"start": "{}"}}"#, "a\u{1b}[2J".repeat(5_000));
        let wrong = [
            "",
            "null",
            "[]",
            r#"["Anna", null, 1, 2, 3]"#,
            r#"{"start": [1, 2]}"#,
            "[",
            "{",
            &deep,
            &long,
            r#"{"name": 5}"#,
            r#"{"name": "a\nb"}"#,
            r#"{"distance": -1}"#,
            r#"{"distance": 1.5}"#,
            r#"{"distance": 18446744073709551616}"#,
            r#"{"start": {"x": 2147483648, "y": 0}}"#,
            r#"{"start": {"x": 1}}"#,
            r#"{"name": "a"} x"#,
            r#"{"name": "a", "name": "b"}"#,
            r#"{"name": "012345678901234567890123456789012"}"#,
            r#"{"guild": "#,
            "{\"name\": \"\u{0}\"}",
        ];
        for text in wrong {
            let told = Profile::from_answer(1, text.as_bytes()).expect_err(text).to_string();
            assert!(told.len() < 6 * TOLD_CHARS_MAX && !told.contains(char::is_control), "{told:?}");
        }
        let wrong = [
            "[]",
            "[[]]",
            r#"{"entries": {}}"#,
            r#"{"entries": [{"score": 1}]}"#,
            r#"{"entries": [[1, "a", 5]]}"#,
        ];
        for text in wrong {
            assert!(Leaderboard::from_answer(text.as_bytes()).is_err(), "{text}");
        }
        // What nobody reads may be as deep as it likes: it takes no stack.
        let deep = format!(r#"{{"guild": {}"#, "[".repeat(60_000));
        assert!(Profile::from_answer(1, deep.as_bytes()).is_err());
    }

    #[test]
    fn a_leaderboard_is_put_in_order_and_bounded() {
        let lines = (0..300).map(|id| format!(r#"{{"client_id": {id}, "score": {}}}"#, id * 7 % 300));
        let text = format!(r#"{{"entries": [{}]}}"#, lines.collect::<Vec<_>>().join(","));
        let board = Leaderboard::from_answer(text.as_bytes()).expect("a leaderboard");
        assert_eq!((board.entries().len(), board.entries()[0].score), (LEADERBOARD_MAX, 299));
        assert!(board.entries().is_sorted_by(|better, worse| better.score > worse.score));
    }

    #[test]
    fn a_report_reads_as_the_page_says() {
        let totals = Totals { distance: 1, played_ms: 2, catches: 3 };
        let batch = Batch { run: 0xAB, scores: vec![Score { client_id: 7, totals }] };
        let text = String::from_utf8(report(&batch)).expect("text");
        let page =
            r#"{"run":"00000000000000ab","scores":[{"client_id":7,"distance":1,"played_ms":2,"catches":3}]}"#;
        assert_eq!(text, page);
    }
}
