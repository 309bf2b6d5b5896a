//! When are the datagrams of a tick due? All at once, or spread over a part of the period: a burst of thousands
//! overflows the queues of real networks.

use std::time::{Duration, Instant};

/// Sends are put off by no less than this: a sleep costs as much as some sends.
const PAUSE_MIN: Duration = Duration::from_micros(500);

/// The times at which the datagrams of one tick leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    began: Instant,
    /// From the first datagram to the last.
    over: Duration,
    datagrams: usize,
}

impl Pace {
    /// For a tick that `began`, whose `datagrams` leave one after the other within `percent` of a `period`.
    pub(super) fn new(began: Instant, period: Duration, percent: u32, datagrams: usize) -> Self {
        Self { began, over: period * percent / 100, datagrams }
    }

    /// How long to wait before the next datagram, when so many have been sent. `None`: it may go.
    pub(super) fn pause(&self, sent: usize, now: Instant) -> Option<Duration> {
        if sent >= self.datagrams {
            return None;
        }
        let due = self.began + self.over.mul_f64(sent as f64 / self.datagrams as f64);
        Some(due.saturating_duration_since(now)).filter(|pause| *pause >= PAUSE_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_spread_evenly_and_who_is_late_catches_up() {
        let (began, ms) = (crate::machine::now(), Duration::from_millis);
        let pace = Pace::new(began, ms(100), 50, 1_000);
        assert_eq!(pace.pause(0, began), None);
        assert_eq!(pace.pause(64, began + ms(1)), Some(Duration::from_micros(2_200)));
        assert_eq!(pace.pause(500, began + ms(20)), Some(ms(5)));
        assert_eq!(pace.pause(500, began + Duration::from_micros(24_600)), None, "no sleep as short as that");
        assert_eq!(pace.pause(500, began + ms(60)), None);
        assert_eq!(pace.pause(1_000, began), None, "nothing is left that could wait");
    }

    #[test]
    fn without_a_spread_nothing_waits() {
        let began = crate::machine::now();
        assert_eq!(Pace::new(began, Duration::from_secs(1), 0, 9).pause(8, began), None);
        assert_eq!(Pace::new(began, Duration::from_secs(1), 90, 0).pause(0, began), None);
    }
}
