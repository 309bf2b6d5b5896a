//! Where the tick thread writes what others may read at any time: relaxed atomics, which it alone writes, so that no
//! reader makes it wait, whoever it is and whatever holds it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::status::Status;
use crate::profiles::ServiceStatus;
use crate::server::{ACK_AGE_BOUNDS, AckAges};

/// Declares the numbers once: as they are written, and as they are read.
macro_rules! numbers {
    ($($name:ident,)+) => {
        /// One cell for each number.
        #[derive(Debug, Default)]
        struct Cells {
            $($name: AtomicU64,)+
        }

        /// The numbers as a reader finds them: each of the last tick, or of the one that ends just now.
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct Numbers {
            $(pub(super) $name: u64,)+
        }

        impl Cells {
            fn write(&self, numbers: &Numbers) {
                $(self.$name.store(numbers.$name, Ordering::Relaxed);)+
            }

            fn read(&self) -> Numbers {
                Numbers { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

numbers! {
    tick,
    peers,
    players,
    entities,
    commands,
    ticks,
    ticks_skipped,
    joined,
    left,
    timed_out,
    removed,
    moves_applied,
    messages,
    snapshots,
    bytes_out,
    hook_panics,
    work_started,
    work_finished,
    work_failed,
    work_timed_out,
    work_cancelled,
    work_in_flight,
    received,
    received_bytes,
    receive_errors,
    sent,
    send_failed,
    store_commits,
    store_failures,
    store_lag_ms,
    service_attempts,
    service_retries,
    service_failures,
    scores_waiting,
    scores_delivered,
    scores_refused,
    scores_lost,
    players_forgotten,
}

impl From<&Status> for Numbers {
    fn from(status: &Status) -> Self {
        let (report, traffic) = (&status.report, &status.traffic);
        let (totals, store) = (&report.totals, status.store.unwrap_or_default());
        let ServiceStatus { asked, scores } = status.service.unwrap_or_default();
        Self {
            tick: report.tick.0,
            peers: report.peers as u64,
            players: report.players as u64,
            entities: report.entities as u64,
            commands: report.commands as u64,
            ticks: totals.ticks,
            ticks_skipped: totals.ticks_skipped,
            joined: totals.joined,
            left: totals.left,
            timed_out: totals.timed_out,
            removed: totals.removed,
            moves_applied: totals.moves_applied,
            messages: totals.messages,
            snapshots: totals.snapshots,
            bytes_out: totals.bytes_out,
            hook_panics: totals.hook_panics,
            work_started: totals.work_started,
            work_finished: totals.work_finished,
            work_failed: totals.work_failed,
            work_timed_out: totals.work_timed_out,
            work_cancelled: totals.work_cancelled,
            work_in_flight: report.work_in_flight as u64,
            received: traffic.received,
            received_bytes: traffic.received_bytes,
            receive_errors: traffic.receive_errors,
            sent: traffic.sent,
            send_failed: traffic.send_failed,
            store_commits: store.commits,
            store_failures: store.failures,
            store_lag_ms: store.lag_ms,
            service_attempts: asked.attempts,
            service_retries: asked.retries,
            service_failures: asked.failures,
            scores_waiting: scores.waiting,
            scores_delivered: scores.delivered,
            scores_refused: scores.refused,
            scores_lost: scores.lost,
            players_forgotten: scores.forgotten,
        }
    }
}

/// What the tick thread says of itself after every tick.
#[derive(Debug)]
pub(super) struct Board {
    numbers: Cells,
    /// When the last tick was done, in nanoseconds of the server's age.
    ticked_ns: AtomicU64,
    /// Ticks that took longer than their period.
    overruns: AtomicU64,
    has_ended: AtomicBool,
    /// How long after its deadline a tick began, in nanoseconds.
    pub(super) lateness: Histogram,
    /// How long it took, in nanoseconds, without the pauses between sends.
    pub(super) duration: Histogram,
    /// How old the newest snapshot was that a move acknowledged, in ticks.
    pub(super) ack_ages: Histogram,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            numbers: Cells::default(),
            ticked_ns: AtomicU64::new(0),
            overruns: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            lateness: Histogram::new(TIME_BOUNDS_NS),
            duration: Histogram::new(TIME_BOUNDS_NS),
            ack_ages: Histogram::new(ACK_AGE_BOUNDS),
        }
    }

    /// A tick that began so `late` and took so long is done, at this `age` of the server.
    pub(super) fn note_tick(&self, age: Duration, late: Duration, took: Duration, period: Duration) {
        self.lateness.note(nanoseconds(late));
        self.duration.note(nanoseconds(took));
        add(&self.overruns, u64::from(took > period));
        self.ticked_ns.store(nanoseconds(age), Ordering::Relaxed);
    }

    /// Where the server stands.
    pub(super) fn write(&self, status: &Status, ack_ages: &AckAges) {
        self.numbers.write(&Numbers::from(status));
        self.ack_ages.set(&ack_ages.counts, ack_ages.sum);
    }

    pub(super) fn read(&self) -> Numbers {
        self.numbers.read()
    }

    /// When the last tick was done, by the server's age; 0 before the first.
    pub(super) fn ticked(&self) -> Duration {
        Duration::from_nanos(self.ticked_ns.load(Ordering::Relaxed))
    }

    pub(super) fn overruns(&self) -> u64 {
        self.overruns.load(Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

/// Held by the tick thread: says that it has ended, also by a panic.
#[derive(Debug)]
pub(super) struct Ending(pub(super) Arc<Board>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }
}

/// Bounds for times of ticks, in nanoseconds: 10 us to 5 s, for periods of 1 ms to 1 s.
const TIME_BOUNDS_NS: &[u64] = &[
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
];

/// How often a value fell between which bounds. One thread writes.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, of the values up to it and above the one before; the last is of all above.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    fn note(&self, value: u64) {
        add(&self.counts[self.bounds.partition_point(|bound| *bound < value)], 1);
        add(&self.sum, value);
    }

    fn set(&self, counts: &[u64], sum: u64) {
        self.counts.iter().zip(counts).for_each(|(cell, count)| cell.store(*count, Ordering::Relaxed));
        self.sum.store(sum, Ordering::Relaxed);
    }

    /// The upper bounds with their counts, the last without bound; and the sum of all values.
    pub(super) fn read(&self) -> (Vec<(Option<u64>, u64)>, u64) {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        (bounds.zip(counts).collect(), self.sum.load(Ordering::Relaxed))
    }
}

/// Adds in a cell that nobody else writes: a load and a store, without a locked instruction.
fn add(cell: &AtomicU64, value: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_at_the_first_bound_that_is_not_below_it() {
        let histogram = Histogram::new(&[10, 20]);
        [0, 10, 11, 20, 21, 1 << 40].into_iter().for_each(|value| histogram.note(value));
        let (counts, sum) = histogram.read();
        assert_eq!(counts, [(Some(10), 2), (Some(20), 2), (None, 2)]);
        assert_eq!(sum, 62 + (1 << 40));
    }

    #[test]
    fn a_tick_that_takes_longer_than_its_period_is_an_overrun() {
        let (board, ms) = (Board::new(), Duration::from_millis);
        for took in [9, 10, 11] {
            board.note_tick(ms(100 + took), ms(0), ms(took), ms(10));
        }
        assert_eq!((board.overruns(), board.ticked()), (1, ms(111)));
    }

    #[test]
    fn a_thread_that_panics_has_ended() {
        let board = Arc::new(Board::new());
        let ending = Ending(Arc::clone(&board));
        let thread = std::thread::spawn(move || {
            let _held = ending;
            panic!("on purpose");
        });
        assert!(thread.join().is_err() && board.has_ended());
    }
}
