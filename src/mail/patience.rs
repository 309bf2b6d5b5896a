//! How long an acknowledgement is waited for before a reliable message is sent again.

use std::time::Duration;

/// So long, as long as nobody knows how long the way there and back is.
pub const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// At least so long: an acknowledgement may wait for the next tick or move.
pub const AGAIN_AFTER_MIN: Duration = Duration::from_millis(100);
/// At most so long, however often a message was sent.
pub const AGAIN_AFTER_MAX: Duration = Duration::from_secs(1);
/// So many times a message is sent before each wait is twice the one before: a network that loses some is not gone.
const TIMES_SOON: u32 = 4;

/// The time of the way there and back, smoothed, and how much it varies, as TCP has it (RFC 6298): a message is sent again
/// after the one and four times the other, or half of the one if that is more, because both ends speak at times of their
/// own.
///
/// What it is told is of datagrams that are acknowledged for themselves, and not of messages, of which nobody knows which
/// sending was the one, and which wait for others before them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// `None` before the first.
    known: Option<(Duration, Duration)>,
}

impl Patience {
    /// How long the acknowledgement of a message is waited for that has been sent so many times, one at least.
    pub(super) fn after(&self, times: u32) -> Duration {
        let first =
            self.known.map_or(AGAIN_AFTER, |(smoothed, varies)| smoothed + (varies * 4).max(smoothed / 2));
        let doubled = first.max(AGAIN_AFTER_MIN) * (1 << times.saturating_sub(TIMES_SOON).min(8));
        doubled.min(AGAIN_AFTER_MAX)
    }

    /// A datagram has been answered so long after it was sent.
    pub(super) fn on_answer(&mut self, took: Duration) {
        let took = took.min(AGAIN_AFTER_MAX);
        self.known = Some(match self.known {
            None => (took, took / 2),
            Some((smoothed, varies)) => {
                ((smoothed * 7 + took) / 8, (varies * 3 + smoothed.abs_diff(took)) / 4)
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_waits_as_long_as_answers_take_and_some_more() {
        let mut patience = Patience::default();
        assert_eq!(patience.after(1), AGAIN_AFTER);
        (0..100).for_each(|_| patience.on_answer(ms(200)));
        assert!((ms(300)..ms(310)).contains(&patience.after(1)), "{:?}", patience.after(1));
        (0..100).for_each(|n| patience.on_answer(ms(if n % 2 == 0 { 150 } else { 250 })));
        assert!((ms(350)..ms(450)).contains(&patience.after(1)), "{:?}", patience.after(1));
        (0..100).for_each(|_| patience.on_answer(ms(1)));
        assert_eq!(patience.after(1), AGAIN_AFTER_MIN);
    }

    #[test]
    fn it_waits_longer_where_many_times_were_in_vain() {
        let times = [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|times| Patience::default().after(times));
        assert_eq!(times, [250, 250, 250, 250, 500, 1_000, 1_000, 1_000].map(ms));
    }

    #[test]
    fn whoever_answers_after_an_age_is_not_waited_for_that_long() {
        let mut patience = Patience::default();
        (0..3).for_each(|_| patience.on_answer(Duration::MAX));
        assert_eq!(patience.after(1), AGAIN_AFTER_MAX);
    }
}
