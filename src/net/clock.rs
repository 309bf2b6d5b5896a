//! When is the next tick? Absolute deadlines, so that no error adds up, and sleeps that end at them.

use std::time::{Duration, Instant};

use crate::machine::{now, sleep};
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

    /// How long it has been since the start.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// The tick to do after `done`: the next, or, where its whole period has gone by already, the one whose
    /// period it is `now`. So a stall skips ticks and is followed by no burst.
    pub(super) fn next(&self, done: Tick, now: Instant) -> Tick {
        let elapsed = now.saturating_duration_since(self.start).as_nanos() / self.period.as_nanos();
        Tick((done.0 + 1).max(u64::try_from(elapsed).unwrap_or(u64::MAX)))
    }
}

/// Slower ticks than this are not waited for by spinning: 50 us more or less are nothing to them.
const SPIN_FROM_PERIOD: Duration = Duration::from_millis(17);
/// The longest spin, as a part of the period: what it may cost of a core.
const SPIN_PERIODS: u32 = 32;
/// The longest spin.
const SPIN_MAX: Duration = Duration::from_micros(150);
/// By how much a sleep is cut after one that ended too late, and stretched after one that did not: of 20 sleeps one
/// ends late, and 19 of these steps are one of the others.
const CUT: Duration = Duration::from_nanos(3_800);
const STRETCH: Duration = Duration::from_nanos(200);

/// Wakes at a point in time. The system ends every sleep a little late, so this one ends early, and the rest is spun away:
/// as early as 19 of 20 sleeps are late, which is learnt, and no earlier than [`SPIN_MAX`].
#[derive(Debug)]
pub(super) struct Alarm {
    early: Duration,
    early_max: Duration,
}

impl Alarm {
    /// For deadlines that are a `period` apart. At slow rates it does not spin at all.
    pub(super) fn new(period: Duration) -> Self {
        let early_max =
            if period < SPIN_FROM_PERIOD { SPIN_MAX.min(period / SPIN_PERIODS) } else { Duration::ZERO };
        Self { early: Duration::ZERO, early_max }
    }

    /// Waits until `deadline`, and does not spin unless the wait is worth it.
    pub(super) fn wait_until(&mut self, deadline: Instant, may_spin: bool) {
        let early = if may_spin { self.early } else { Duration::ZERO };
        let left = deadline.saturating_duration_since(now());
        if left > early {
            let wanted = deadline - early;
            sleep(left - early);
            self.learn(now().saturating_duration_since(wanted));
        }
        while may_spin && now() < deadline {
            std::hint::spin_loop();
        }
    }

    /// A sleep ended so late.
    fn learn(&mut self, late: Duration) {
        self.early = if late > self.early { self.early + CUT } else { self.early.saturating_sub(STRETCH) };
        self.early = self.early.min(self.early_max);
    }
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

    #[test]
    fn an_alarm_learns_how_late_sleeps_end_and_forgets_it() {
        let mut alarm = Alarm::new(Duration::from_millis(8));
        let learn = |alarm: &mut Alarm, late_us: &[u64], times: usize| {
            (0..times).for_each(|time| alarm.learn(Duration::from_micros(late_us[time % late_us.len()])));
            alarm.early.as_micros()
        };
        assert!((55..70).contains(&learn(&mut alarm, &[60], 2_000)));
        let mostly = [&[20; 29][..], &[90]].concat();
        assert!((18..40).contains(&learn(&mut alarm, &mostly, 4_000)), "{alarm:?}");
        assert_eq!(learn(&mut alarm, &[5_000], 2_000), 150, "it is bounded");
    }

    #[test]
    fn slow_ticks_are_not_spun_for_and_fast_ones_for_a_part_of_their_period() {
        let early_max = |period_us| Alarm::new(Duration::from_micros(period_us)).early_max.as_micros();
        assert_eq!([33_333, 17_000, 16_666, 7_812, 1_000].map(early_max), [0, 0, 150, 150, 31]);
    }

    #[test]
    fn an_alarm_never_rings_too_early() {
        let mut alarm = Alarm::new(Duration::from_millis(8));
        alarm.early = SPIN_MAX;
        for (left_us, may_spin) in [(0, true), (40, true), (300, true), (300, false)] {
            let deadline = now() + Duration::from_micros(left_us);
            alarm.wait_until(deadline, may_spin);
            assert!(now() >= deadline, "{left_us} us, {may_spin}");
        }
    }
}
