//! What may happen to a datagram on its way?
//!
//! One direction of a bad network, without clock and sockets: whoever sends a datagram is told when which copies of it
//! arrive, and hands them over then. The same seed and the same calls give the same fates.

mod impairment;

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

pub use impairment::{Impairment, ImpairmentError};

/// A datagram that overtakes nobody is held back by so much at the least, that later ones pass it.
const HELD_BACK: Duration = Duration::from_millis(10);

/// What has become of the datagrams so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// Datagrams sent into the path.
    pub sent: u64,
    /// Lost on the way.
    pub lost: u64,
    /// Thrown away because too much waited for the limit of the rate.
    pub overflowed: u64,
    /// Arrived, or will, a second time.
    pub duplicated: u64,
    /// Held back, so that later ones may overtake them.
    pub reordered: u64,
    /// With one wrong bit.
    pub corrupted: u64,
}

impl Passed {
    /// Adds what has become of others.
    pub fn add(&mut self, other: &Passed) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.overflowed += other.overflowed;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
    }
}

/// A copy of a datagram that will arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, as the time since an origin of the caller's.
    pub at: Duration,
    /// The bit of it that will be wrong, counted from the lowest of the first byte.
    pub wrong_bit: Option<usize>,
}

impl Arrival {
    /// Makes the bit wrong that is to be.
    pub fn corrupt(&self, bytes: &mut [u8]) {
        if let Some(bit) = self.wrong_bit
            && let Some(byte) = bytes.get_mut(bit / 8)
        {
            *byte ^= 1 << (bit % 8);
        }
    }
}

/// One direction between two hosts: call [`Path::send`] with every datagram, in the order of time.
#[derive(Clone, Debug)]
pub struct Path {
    impairment: Impairment,
    draw: Xoshiro256PlusPlus,
    /// Whether a burst of losses is on.
    is_bad: bool,
    /// When the last datagram has left the link whose rate is limited.
    free_at: Duration,
    /// The latest arrival of those that keep their order.
    newest: Duration,
    passed: Passed,
}

impl Path {
    /// A path that does this to datagrams; everything random in it follows from `seed`.
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        Self {
            impairment,
            draw: Xoshiro256PlusPlus::seed_from_u64(seed),
            is_bad: false,
            free_at: Duration::ZERO,
            newest: Duration::ZERO,
            passed: Passed::default(),
        }
    }

    /// What has become of the datagrams so far.
    pub fn passed(&self) -> &Passed {
        &self.passed
    }

    /// A datagram of `length` bytes is sent at `now`: none, one or two copies of it will arrive.
    pub fn send(&mut self, now: Duration, length: usize) -> impl Iterator<Item = Arrival> + use<> {
        self.passed.sent += 1;
        let copies = match self.through_the_link(now, length) {
            None => [None, None],
            Some(_) if self.loses() => {
                self.passed.lost += 1;
                [None, None]
            }
            Some(left) => {
                let first = self.arrival(left, length);
                let again = self.chance(self.impairment.duplicate).then(|| self.arrival(left, length));
                self.passed.duplicated += u64::from(again.is_some());
                [Some(first), again]
            }
        };
        copies.into_iter().flatten()
    }

    /// When it has left the link whose rate is limited; `None` if too much waits there.
    fn through_the_link(&mut self, now: Duration, length: usize) -> Option<Duration> {
        let Some(rate) = self.impairment.bits_per_second else { return Some(now) };
        let begins = self.free_at.max(now);
        if begins - now > self.impairment.queue {
            self.passed.overflowed += 1;
            return None;
        }
        self.free_at = begins + Duration::from_secs_f64(length as f64 * 8.0 / rate as f64);
        Some(self.free_at)
    }

    /// Without bursts each is lost by itself. With them, by the model of Gilbert (1960): in a good state nothing is lost,
    /// in a bad one everything, and the state changes from one datagram to the next with the two probabilities that make
    /// for the wanted loss and length of bursts.
    fn loses(&mut self) -> bool {
        let Impairment { loss, burst, .. } = self.impairment;
        let Some(burst) = burst else { return self.chance(loss) };
        let changes = if self.is_bad { 1.0 / burst } else { loss / (burst * (1.0 - loss)) };
        self.is_bad ^= self.chance(changes);
        self.is_bad
    }

    fn arrival(&mut self, left: Duration, length: usize) -> Arrival {
        let Impairment { delay, jitter, reorder, corrupt, .. } = self.impairment;
        let jitter = jitter.mul_f64(self.draw.random());
        let at = left + delay + jitter;
        let at = if self.chance(reorder) {
            self.passed.reordered += 1;
            at + HELD_BACK.max(delay).mul_f64(1.0 + self.draw.random::<f64>())
        } else {
            self.newest = self.newest.max(at);
            self.newest
        };
        let wrong_bit = self.chance(corrupt).then(|| self.draw.random_range(0..(length * 8).max(1)));
        self.passed.corrupted += u64::from(wrong_bit.is_some());
        Arrival { at, wrong_bit }
    }

    fn chance(&mut self, of: f64) -> bool {
        of > 0.0 && self.draw.random::<f64>() < of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The fates of so many datagrams of 100 bytes, one each millisecond.
    fn fates(impairment: Impairment, seed: u64, datagrams: u32) -> (Vec<Vec<Arrival>>, Passed) {
        let mut path = Path::new(impairment, seed);
        let fates = (0..datagrams).map(|n| path.send(MS * n, 100).collect()).collect();
        (fates, path.passed)
    }

    #[test]
    fn a_good_path_delivers_at_once() {
        let (fates, passed) = fates(Impairment::default(), 1, 9);
        assert!((0..9).all(|n| fates[n as usize] == [Arrival { at: MS * n, wrong_bit: None }]));
        assert_eq!(passed, Passed { sent: 9, ..Passed::default() });
    }

    #[test]
    fn the_same_seed_is_the_same_path_and_another_is_not() {
        let impairment = Impairment { loss: 0.3, jitter: 9 * MS, duplicate: 0.1, ..Impairment::default() };
        let of = |seed| fates(impairment, seed, 500).0;
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    /// The share of datagrams that are lost, and how many are lost in a row.
    fn losses(loss: f64, burst: Option<f64>) -> (f64, f64) {
        let (fates, passed) = fates(Impairment { loss, burst, ..Impairment::default() }, 3, 200_000);
        let bursts = fates.windows(2).filter(|pair| !pair[0].is_empty() && pair[1].is_empty()).count();
        (passed.lost as f64 / 200_000.0, passed.lost as f64 / bursts as f64)
    }

    #[test]
    fn as_many_are_lost_as_said_and_in_bursts_as_long_as_said() {
        for (loss, burst, in_a_row) in
            [(0.05, None, 1.05), (0.4, None, 1.67), (0.05, Some(4.0), 4.0), (0.4, Some(10.0), 10.0)]
        {
            let (lost, length) = losses(loss, burst);
            assert!((lost / loss - 1.0).abs() < 0.06, "{lost} of {loss}");
            assert!((length / in_a_row - 1.0).abs() < 0.06, "{length} of {in_a_row}");
        }
        let (fates, _) = fates(Impairment { loss: 1.0, ..Impairment::default() }, 1, 100);
        assert!(fates.iter().all(Vec::is_empty));
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let impairment = Impairment { delay: 50 * MS, jitter: 20 * MS, ..Impairment::default() };
        let (fates_in_order, _) = fates(impairment, 5, 1_000);
        let times: Vec<Duration> = fates_in_order.iter().map(|copies| copies[0].at).collect();
        assert!(times.is_sorted());
        let delays: Vec<Duration> = (0..).zip(&times).map(|(n, at)| *at - MS * n).collect();
        assert!(delays.iter().all(|delay| (50 * MS..71 * MS).contains(delay)), "{delays:?}");
        let (fates, passed) = fates(Impairment { reorder: 0.1, ..impairment }, 5, 1_000);
        let overtaken = fates.windows(2).filter(|pair| pair[0][0].at > pair[1][0].at).count() as u64;
        assert!((70..130).contains(&passed.reordered), "{passed:?}");
        assert!(overtaken * 10 >= passed.reordered * 8, "{overtaken} of {}", passed.reordered);
    }

    #[test]
    fn some_arrive_twice_and_some_with_one_wrong_bit() {
        let impairment = Impairment { duplicate: 0.2, corrupt: 0.5, ..Impairment::default() };
        let (fates, passed) = fates(impairment, 6, 1_000);
        assert_eq!(fates.iter().filter(|copies| copies.len() == 2).count() as u64, passed.duplicated);
        assert!(
            (150..250).contains(&passed.duplicated) && (500..700).contains(&passed.corrupted),
            "{passed:?}"
        );
        for arrival in fates.iter().flatten() {
            let mut bytes = [0; 100];
            arrival.corrupt(&mut bytes);
            let wrong: u32 = bytes.iter().map(|byte: &u8| byte.count_ones()).sum();
            assert_eq!(wrong, u32::from(arrival.wrong_bit.is_some()));
        }
    }

    #[test]
    fn a_limited_rate_delays_and_then_drops() {
        // 100 bytes take 8 ms: one in eight passes, when what may wait has been filled.
        let impairment =
            Impairment { bits_per_second: Some(100_000), queue: 80 * MS, ..Impairment::default() };
        let (fates, passed) = fates(impairment, 1, 1_000);
        assert_eq!(fates[1], [Arrival { at: 16 * MS, wrong_bit: None }]);
        let arrived = 1_000 - passed.overflowed;
        assert!((130..=140).contains(&arrived), "{passed:?}");
        let longest = (0..).zip(&fates).filter_map(|(n, copies)| Some(copies.first()?.at - MS * n)).max();
        assert!(longest.is_some_and(|delay| delay <= 89 * MS), "{longest:?}");
    }

    #[test]
    fn a_datagram_without_bytes_passes() {
        let impairment = Impairment { corrupt: 1.0, ..Impairment::default() };
        let mut path = Path::new(impairment, 1);
        path.send(MS, 0).for_each(|arrival| arrival.corrupt(&mut []));
    }
}
