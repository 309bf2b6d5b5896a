//! What the service over HTTP answers.

use allocation_counter::measure;
use tickcast::profiles::{ANSWER_BYTES_MAX, LEADERBOARD_MAX, Leaderboard, Name, Profile};

/// The most that is taken from the heap for each byte of an answer: an entry of a leaderboard stands in twelve bytes at
/// the least, and takes forty, in a list that grows by doubling and is copied as it grows.
const HEAP_PER_BYTE: u64 = 16;

/// Reads the bytes as a profile, a leaderboard and a name. What is wrong is told in short, without what a terminal obeys.
pub(crate) fn answers(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(ANSWER_BYTES_MAX)];
    let (mut profile, mut board) = (None, None);
    let cost = measure(|| profile = Some(Profile::from_answer(7, bytes)));
    let board_cost = measure(|| board = Some(Leaderboard::from_answer(bytes)));
    let most = cost.bytes_max.max(board_cost.bytes_max);
    assert!(most <= 4_096 + HEAP_PER_BYTE * bytes.len() as u64, "{most} bytes for {}", bytes.len());
    match profile.expect("it was read") {
        Ok(profile) => assert!(profile.client_id == 7 && is_seen(profile.name.as_str())),
        Err(told) => assert!(is_seen(&told.to_string())),
    }
    match board.expect("it was read") {
        Ok(board) => {
            assert!(board.entries().len() <= LEADERBOARD_MAX);
            assert!(board.entries().is_sorted_by(|better, worse| better.score >= worse.score));
            assert!(board.entries().iter().all(|entry| is_seen(entry.name.as_str())));
        }
        Err(told) => assert!(is_seen(&told.to_string())),
    }
    if let Ok(name) = Name::from_bytes(bytes) {
        assert!(name.as_str().as_bytes() == bytes && is_seen(name.as_str()));
    }
}

fn is_seen(text: &str) -> bool {
    text.len() < 1_024 && !text.contains(char::is_control)
}
