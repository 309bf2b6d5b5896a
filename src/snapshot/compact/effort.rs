//! How much of a tick goes into peers who do not know the world yet.

use std::time::Duration;

/// Where a tick takes more than this part of the period, fewer of them get on; below the other, more.
const BUSY_PERCENT: usize = 85;
const FREE_PERCENT: usize = 75;

/// So many get on in every tick, whatever it costs: a wait that has no end is none.
const SLOW_MIN: usize = 64;

/// Peers whose turns are slow cost several times what others do: what stands alone is long, and they share few bytes. Where
/// a crowd of them makes ticks too long, only some get on with their turns, always the first ones, until theirs are quick.
/// The others are told what is near them meanwhile.
///
/// Else a server that just holds its peers once they know one another would never get there: it skips ticks, its baselines
/// get too old, and turns stay slow.
///
/// [`Effort::begin`] once a tick, [`Effort::take`] for each of them, and [`Effort::on_worked`] when all is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    slow_max: usize,
    /// Those of this tick.
    slow: usize,
}

impl Effort {
    /// Everyone gets on.
    pub(super) fn new() -> Self {
        Self { slow_max: usize::MAX, slow: 0 }
    }

    pub(super) fn begin(&mut self) {
        self.slow = 0;
    }

    /// Whether no more peer gets on with a slow turn.
    pub(super) fn is_spent(&self) -> bool {
        self.slow >= self.slow_max
    }

    /// Whether one more peer gets on with a slow turn.
    pub(super) fn take(&mut self) -> bool {
        let is_one_more = self.slow < self.slow_max;
        self.slow += usize::from(is_one_more);
        is_one_more
    }

    /// The tick took so long, sends included, out of a `period`: additive up, and down by what it was too long, at most to
    /// half.
    pub(super) fn on_worked(&mut self, took: Duration, period: Duration) {
        let percent = (took.as_nanos() * 100 / period.as_nanos().max(1)) as usize;
        if percent > BUSY_PERCENT {
            self.slow_max = (self.slow * BUSY_PERCENT / percent.min(2 * BUSY_PERCENT)).max(SLOW_MIN);
        } else if percent < FREE_PERCENT {
            self.slow_max = self.slow_max.saturating_add(SLOW_MIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(30);

    /// How many of so many get on in a tick that takes this part of the period.
    fn get_on(effort: &mut Effort, peers: usize, percent: u32) -> usize {
        effort.begin();
        let slow = (0..peers).filter(|_| effort.take()).count();
        effort.on_worked(PERIOD * percent / 100, PERIOD);
        slow
    }

    #[test]
    fn fewer_get_on_where_ticks_take_too_long_and_more_where_there_is_time() {
        let mut effort = Effort::new();
        let busy = [200, 200, 100, 80, 80, 50].map(|percent| get_on(&mut effort, 10_000, percent));
        assert_eq!(busy, [10_000, 5_000, 2_500, 2_125, 2_125, 2_125]);
        assert_eq!(get_on(&mut effort, 10_000, 0), 2_125 + SLOW_MIN);
    }

    #[test]
    fn some_get_on_however_long_it_takes() {
        let mut effort = Effort::new();
        let slow = (0..100).map(|_| get_on(&mut effort, 10_000, 1_000)).last();
        assert_eq!(slow, Some(SLOW_MIN));
    }
}
