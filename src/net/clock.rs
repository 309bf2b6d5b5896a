//! When is the next tick? Absolute deadlines, so that no error adds up, and precise sleeps up to them.

use std::time::{Duration, Instant};

use crate::wire::Tick;

/// Counts ticks from a start: tick `n` is due `n` periods after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TickClock {
    start: Instant,
    period: Duration,
}

impl TickClock {
    pub(super) fn new(start: Instant, period: Duration) -> Self {
        Self { start, period }
    }

    /// When `tick` is due.
    pub(super) fn deadline(&self, tick: Tick) -> Instant {
        let since_start = u128::from(tick.0) * self.period.as_nanos();
        self.start + Duration::from_nanos(u64::try_from(since_start).unwrap_or(u64::MAX))
    }

    /// The tick to do after `done`: the next, or, where its whole period has gone by already, the one whose
    /// period it is `now`. So a stall skips ticks and is followed by no burst.
    pub(super) fn next(&self, done: Tick, now: Instant) -> Tick {
        let elapsed = now.saturating_duration_since(self.start).as_nanos() / self.period.as_nanos();
        Tick((done.0 + 1).max(u64::try_from(elapsed).unwrap_or(u64::MAX)))
    }
}

/// [`sleep`] ends at its time in this thread, not up to 50 us later, where the system can do that. Waiting for a
/// socket has a slack of its own.
pub(super) fn make_sleeps_precise() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_timerslack(1) {
        tracing::warn!(%error, "the system keeps its timer slack: ticks may be 50 us late");
    }
}

/// Sleeps; of the tick's own waiting only, never to wait for something that could say that it is done.
#[expect(clippy::disallowed_methods, reason = "the tick thread waits for its deadline here")]
pub(super) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// The time, at the edge of the program; from here on it is an argument.
#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> TickClock {
        TickClock::new(now(), Duration::from_nanos(16_683_350))
    }

    #[test]
    fn deadlines_do_not_drift() {
        let clock = clock();
        let year = clock.deadline(Tick(59_94 * 36 * 24 * 365 / 100)) - clock.start;
        assert_eq!(year.as_nanos(), (59_94 * 36 * 24 * 365 / 100) * 16_683_350);
    }

    #[test]
    fn a_stall_skips_ticks_and_is_followed_by_no_burst() {
        let clock = clock();
        let at = |periods: f64| clock.start + clock.period.mul_f64(periods);
        assert_eq!(clock.next(Tick(4), at(4.9)), Tick(5), "in time");
        assert_eq!(clock.next(Tick(4), at(5.9)), Tick(5), "late, but still its period");
        assert_eq!(clock.next(Tick(4), at(9.5)), Tick(9), "5 to 8 are skipped");
        assert_eq!(clock.next(Tick(9), at(9.6)), Tick(10), "and 9 is done once");
    }
}
