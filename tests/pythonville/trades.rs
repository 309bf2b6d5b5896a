//! Trades and what is said of them, on bad networks, with crashes and takeovers.

use std::time::Instant;

use crate::play::{Played, play};

#[test]
fn no_trade_is_half_and_all_believe_what_is_true_whatever_the_network_does() {
    #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; only differences count")]
    let origin = Instant::now();
    // A seed alone is played again by its number.
    let alone = std::env::var("TICKCAST_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let (first, last) = alone.map_or((0, 59), |seed| (seed, seed));
    let mut all = Played::default();
    for seed in first..=last {
        let played = play(seed, origin).unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(
            played,
            play(seed, origin).expect("as before"),
            "seed {seed}: the same seed plays the same"
        );
        all.trades += played.trades;
        all.checked += played.checked;
        all.lines_heard += played.lines_heard;
        all.missed += played.missed;
        all.lost += played.lost;
        all.datagrams_lost += played.datagrams_lost;
        all.troubles += played.troubles;
        all.calm_ticks = all.calm_ticks.max(played.calm_ticks);
    }
    println!("seeds {first} to {last}: {all:?}");
    if alone.is_some() {
        return;
    }
    assert!(all.trades > 500 && all.lines_heard > 5_000, "too little to say anything: {all:?}");
    assert!(all.troubles > 100 && all.datagrams_lost > 1_000, "too little goes wrong: {all:?}");
    assert!(all.lost > 0 && all.missed > 0, "nobody is told that something is lost: {all:?}");
}
