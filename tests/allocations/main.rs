//! What a steady tick takes from the heap: nothing.
//!
//! `allocation_counter` is the allocator of this binary, and counts for each thread alone.

mod room;

use room::{Part, Room};
use tickcast::wire::Encoding;

const PLAYERS: usize = 1_000;
/// Nearly every buffer is as large as it gets by then; one that grows later breaks a record, and has room for more.
const WARMUP_TICKS: usize = 300;
const TICKS: usize = 100;

#[test]
fn a_steady_tick_of_compact_snapshots_allocates_nothing() {
    assert_eq!(allocations(Encoding::Compact, None), []);
}

#[test]
fn a_steady_tick_of_plain_snapshots_allocates_nothing() {
    assert_eq!(allocations(Encoding::Plain, None), []);
}

#[test]
fn a_steady_tick_of_views_allocates_nothing() {
    assert_eq!(allocations(Encoding::Compact, Some(2_000)), []);
}

/// In which calls into the server something was allocated, in which of the measured ticks, and how often.
fn allocations(encoding: Encoding, view: Option<u32>) -> Vec<(Part, usize, u64)> {
    let mut room = Room::new(PLAYERS, encoding, view);
    room.warm_up(WARMUP_TICKS);
    let mut found = Vec::new();
    for tick in 0..TICKS {
        room.step(&mut |part, call| {
            let count = allocation_counter::measure(call).count_total;
            if count > 0 && part != Part::Decode {
                found.push((part, tick, count));
            }
        });
    }
    found
}
