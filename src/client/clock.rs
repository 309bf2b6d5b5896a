//! The server's tick clock, as a client can tell it from when snapshots arrive.

use std::time::{Duration, Instant};

use super::trail::RenderTime;
use crate::wire::Tick;

/// What was the quickest way once counts for less as time goes by, this part of it: 4 ms in a second. Far more than
/// two clocks drift apart, and far too little to be seen.
const FORGET: i128 = 256;

/// No tick is longer, whatever a welcome says: so nothing below overflows.
const PERIOD_MAX_NS: u64 = 60_000_000_000;

/// When ticks happen, plus the time of the quickest way that a snapshot had lately.
///
/// The snapshot that was quickest sets the clock; all others were held up on their way. Never goes backwards,
/// as long as `now` does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct TickClock {
    period_ns: u64,
    began: Instant,
    /// When the tick 0 would have come in by the quickest way, less `began`, in nanoseconds; as of `set`.
    zero_ns: i128,
    set: Instant,
}

impl TickClock {
    /// A clock that the first snapshot sets.
    pub(super) fn new(now: Instant, tick: Tick, period_ns: u64) -> Self {
        let period_ns = period_ns.clamp(1, PERIOD_MAX_NS);
        Self { period_ns, began: now, zero_ns: -ticks_ns(tick, period_ns), set: now }
    }

    pub(super) fn on_snapshot(&mut self, now: Instant, tick: Tick) {
        let zero_ns = nanos_between(self.began, now) - ticks_ns(tick, self.period_ns);
        self.zero_ns = zero_ns.min(self.zero_at(now));
        self.set = self.set.max(now);
    }

    /// What it shows, less `delay`. Not before tick 0.
    pub(super) fn render_time(&self, now: Instant, delay: Duration) -> RenderTime {
        let since_zero = nanos_between(self.began, now) - self.zero_at(now) - delay.as_nanos() as i128;
        let (since_zero, period) = (since_zero.max(0), i128::from(self.period_ns));
        let tick = Tick(u64::try_from(since_zero / period).unwrap_or(u64::MAX));
        RenderTime { tick, fraction: (since_zero % period) as f64 / self.period_ns as f64 }
    }

    fn zero_at(&self, now: Instant) -> i128 {
        self.zero_ns + nanos_between(self.set, now) / FORGET
    }
}

fn ticks_ns(tick: Tick, period_ns: u64) -> i128 {
    i128::from(tick.0) * i128::from(period_ns)
}

fn nanos_between(from: Instant, to: Instant) -> i128 {
    to.saturating_duration_since(from).as_nanos() as i128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const PERIOD: Duration = Duration::from_millis(40);
    const DELAY: Duration = Duration::from_millis(100);

    #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; only differences count")]
    fn begin() -> Instant {
        Instant::now()
    }

    fn in_ticks(time: RenderTime) -> f64 {
        time.tick.0 as f64 + time.fraction
    }

    #[test]
    fn the_quickest_snapshot_sets_the_clock() {
        let began = begin();
        let after = |ticks: u32, late_ms: u64| began + PERIOD * ticks + Duration::from_millis(late_ms);
        let mut clock = TickClock::new(after(100, 30), Tick(100), PERIOD.as_nanos() as u64);
        clock.on_snapshot(after(101, 10), Tick(101));
        clock.on_snapshot(after(102, 35), Tick(102));
        let shown = clock.render_time(after(103, 10), DELAY);
        let forgotten = 2.0 / FORGET as f64;
        assert!((in_ticks(shown) - (103.0 - 2.5) + forgotten).abs() < 1e-6, "{shown:?}");
    }

    #[test]
    fn a_slower_way_is_followed_in_time() {
        let (began, late) = (begin(), Duration::from_millis(50));
        let mut clock = TickClock::new(began, Tick(0), PERIOD.as_nanos() as u64);
        let seconds = |clock: &mut TickClock, ticks: std::ops::Range<u32>| {
            ticks.for_each(|tick| clock.on_snapshot(began + PERIOD * tick + late, Tick(tick.into())));
        };
        seconds(&mut clock, 1..25 * 5);
        let shown = in_ticks(clock.render_time(began + PERIOD * 125 + late, DELAY));
        assert!(shown > 125.0 - 2.5 + 0.5, "{shown}: not forgotten yet");
        seconds(&mut clock, 125..25 * 20);
        let shown = in_ticks(clock.render_time(began + PERIOD * 500 + late, DELAY));
        assert!((shown - (500.0 - 2.5)).abs() < 0.01, "{shown}");
    }

    #[test]
    fn it_never_goes_backwards_whenever_snapshots_come() {
        let (began, draw) = (begin(), Secret::from_seed(3));
        let mut clock = TickClock::new(began, Tick(0), PERIOD.as_nanos() as u64);
        let mut last = clock.render_time(began, DELAY);
        for step in 1..20_000_u64 {
            let now = began + Duration::from_millis(step);
            let number = draw.number(step);
            if number.is_multiple_of(11) {
                clock.on_snapshot(now, Tick((step / 40).saturating_sub(number >> 8 & 7)));
            }
            let shown = clock.render_time(now, DELAY);
            assert!(shown >= last && shown.fraction < 1.0, "{shown:?} after {last:?}");
            last = shown;
        }
        assert!(in_ticks(last) > 490.0, "{last:?}");
    }

    #[test]
    fn no_tick_and_no_period_is_too_much() {
        let began = begin();
        let ends = [0, 1, u64::MAX - 1, u64::MAX];
        for (period, from, to) in
            ends.iter().flat_map(|p| ends.map(|from| ends.map(|to| (*p, from, to)))).flatten()
        {
            let mut clock = TickClock::new(began, Tick(from), period);
            clock.on_snapshot(began + DELAY, Tick(to));
            let shown = clock.render_time(began + DELAY, DELAY);
            assert!((0.0..1.0).contains(&shown.fraction), "{shown:?}");
        }
    }
}
