//! The server's clock, and its starts, as the bots see them.
//!
//! Time is the time since the run began.

use std::time::Duration;

use crate::wire::{Tick, Welcome};

/// A tick set remembers no more ticks than this behind its first: a day at 1000 Hz.
const TICKS_MAX: u64 = 86_400_000;

/// The server's clock as the bots see it: tick `n` fell due `n` periods after its start.
///
/// Nothing arrives before it was sent, so the start is where the earliest arrival of all puts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerClock {
    period_ns: i64,
    start_ns: i64,
}

impl ServerClock {
    fn new(period_ns: u64) -> Self {
        Self { period_ns: i64::try_from(period_ns).unwrap_or(i64::MAX).max(1), start_ns: i64::MAX }
    }

    fn on_heard(&mut self, now: Duration, tick: Tick) {
        let since_start = i64::try_from(tick.0).unwrap_or(i64::MAX).saturating_mul(self.period_ns);
        self.start_ns = self.start_ns.min(nanos(now).saturating_sub(since_start));
    }

    /// The last tick that has fallen due.
    pub(super) fn tick_at(&self, now: Duration) -> Tick {
        let since_start = nanos(now).saturating_sub(self.start_ns).max(0);
        Tick((since_start / self.period_ns).unsigned_abs())
    }

    /// The time from one tick to the next.
    pub(super) fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns.unsigned_abs())
    }
}

/// A run of 292 years is the longest.
fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// One start of the server: tick numbers of different epochs do not compare.
#[derive(Debug)]
pub(super) struct Epoch {
    id: u64,
    clock: ServerClock,
    /// The ticks of the duration, both inclusive; none before it has begun.
    pub(super) from: Tick,
    pub(super) until: Tick,
    newest: Tick,
    seen: TickSet,
}

impl Epoch {
    fn new(welcome: &Welcome, from: Tick) -> Self {
        let clock = ServerClock::new(welcome.period_ns);
        let seen = TickSet::default();
        Self { id: welcome.epoch, clock, from, until: Tick(u64::MAX), newest: welcome.tick, seen }
    }

    /// Whether the tick belongs to the duration.
    pub(super) fn holds(&self, tick: Tick) -> bool {
        (self.from..=self.until).contains(&tick)
    }

    /// The server's clock.
    pub(super) fn clock(&self) -> &ServerClock {
        &self.clock
    }
}

/// All starts of the server during a run, the current one last.
///
/// [`Epochs::on_welcome`] and [`Epochs::on_snapshot`] with everything heard; [`Epochs::start`] and
/// [`Epochs::stop`] at both ends of the duration.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    list: Vec<Epoch>,
    has_started: bool,
}

impl Epochs {
    /// The place of the welcome's epoch.
    pub(super) fn on_welcome(&mut self, now: Duration, welcome: &Welcome) -> usize {
        let known = self.list.iter().rposition(|epoch| epoch.id == welcome.epoch);
        let index = known.unwrap_or_else(|| {
            let from = if self.has_started { welcome.tick } else { Tick(u64::MAX) };
            self.list.push(Epoch::new(welcome, from));
            self.list.len() - 1
        });
        self.list[index].clock.on_heard(now, welcome.tick);
        index
    }

    pub(super) fn on_snapshot(&mut self, now: Duration, index: usize, tick: Tick) {
        let epoch = &mut self.list[index];
        epoch.newest = epoch.newest.max(tick);
        epoch.clock.on_heard(now, tick);
        if epoch.holds(tick) {
            epoch.seen.insert(tick);
        }
    }

    /// The duration begins: the ticks that fall due from now on count.
    pub(super) fn start(&mut self, now: Duration) {
        self.has_started = true;
        if let Some(epoch) = self.list.last_mut() {
            epoch.from = Tick(epoch.clock.tick_at(now).0.saturating_add(1));
        }
    }

    /// The duration ends: the ticks that fall due from now on do not count.
    pub(super) fn stop(&mut self, now: Duration) {
        if let Some(epoch) = self.list.last_mut() {
            epoch.until = epoch.clock.tick_at(now);
        }
    }

    pub(super) fn current(&self) -> Option<&Epoch> {
        self.list.last()
    }

    pub(super) fn at(&self, index: usize) -> &Epoch {
        &self.list[index]
    }

    /// How many different ticks of the duration some bot has heard of.
    pub(super) fn ticks_seen(&self) -> u64 {
        self.list.iter().map(|epoch| epoch.seen.count).sum()
    }

    /// The last tick of the duration in the epoch. Where a newer one came, this one ended with the last tick
    /// heard of it, and the time until the server was back is an outage, not a loss.
    pub(super) fn last(&self, index: usize) -> Tick {
        let epoch = &self.list[index];
        if index + 1 < self.list.len() { epoch.newest } else { epoch.until }
    }
}

#[derive(Debug, Default)]
struct TickSet {
    first: Option<Tick>,
    bits: Vec<u64>,
    count: u64,
}

impl TickSet {
    fn insert(&mut self, tick: Tick) {
        // One word of room for ticks that arrive before an earlier one.
        let first = *self.first.get_or_insert(Tick(tick.0.saturating_sub(64)));
        let place = tick.since(first);
        if tick < first || place > TICKS_MAX {
            return;
        }
        let (word, bit) = ((place / 64) as usize, 1 << (place % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.count += u64::from(self.bits[word] & bit == 0);
        self.bits[word] |= bit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(100);

    #[test]
    fn the_clock_is_set_by_the_earliest_arrival() {
        let mut clock = ServerClock::new(PERIOD.as_nanos() as u64);
        clock.on_heard(Duration::from_millis(1_080), Tick(10));
        clock.on_heard(Duration::from_millis(1_105), Tick(11));
        assert_eq!(clock.tick_at(Duration::from_millis(1_204)), Tick(11));
        assert_eq!(clock.tick_at(Duration::from_millis(1_205)), Tick(12));
        clock.on_heard(Duration::from_millis(0), Tick(u64::MAX));
        assert!(clock.tick_at(Duration::MAX) > Tick(1 << 30), "and nothing overflows");
    }

    #[test]
    fn a_tick_is_seen_once_in_whatever_order_ticks_arrive() {
        let mut seen = TickSet::default();
        [100, 102, 101, 99, 102, 100].into_iter().for_each(|tick| seen.insert(Tick(tick)));
        assert_eq!(seen.count, 4);
        seen.insert(Tick(u64::MAX));
        assert_eq!(seen.count, 4, "a tick beyond all reason costs no memory");
    }
}
