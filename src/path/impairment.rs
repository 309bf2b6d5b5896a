//! How bad a path is, in the words of whoever asks for it.

use std::time::Duration;

use serde::Serialize;

/// What a path does to datagrams. The default does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Impairment {
    /// The share that is lost: 0 to 1.
    pub loss: f64,
    /// How many are lost in a row, on average: 1 to 1,000, and at least loss / (1 - loss), which is as many as there are
    /// between two that arrive. `None`: each by itself.
    pub burst: Option<f64>,
    /// How long each is on its way, at the least; up to a minute.
    pub delay: Duration,
    /// How much longer, at the most: evenly drawn for each, up to a minute. None overtakes another by that.
    pub jitter: Duration,
    /// The share that is held back by once to twice the delay, at least 10 to 20 ms, so that later ones overtake it: 0 to 1.
    pub reorder: f64,
    /// The share that arrives twice: 0 to 1.
    pub duplicate: f64,
    /// The share that arrives with one wrong bit: 0 to 1.
    pub corrupt: f64,
    /// What the slowest link carries, in bits of UDP payload a second: 1,000 to 10^11. `None`: no limit.
    pub bits_per_second: Option<u64>,
    /// How long a datagram may wait for that link; what would wait longer is thrown away. Up to a minute.
    pub queue: Duration,
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            loss: 0.0,
            burst: None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: 0.0,
            duplicate: 0.0,
            corrupt: 0.0,
            bits_per_second: None,
            queue: Duration::from_millis(100),
        }
    }
}

/// A value that no path can have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ImpairmentError {
    /// A share of the datagrams.
    #[error("--{flag} is a share from 0 to 1, not {value}")]
    Share {
        /// The flag that sets it.
        flag: &'static str,
        /// What it was set to.
        value: f64,
    },
    /// A length of bursts.
    #[error("--burst is a mean number of datagrams from 1 to 1000, and at least loss / (1 - loss); not {0}")]
    Burst(f64),
    /// A time.
    #[error("--{flag} is a minute at the most")]
    Time {
        /// The flag that sets it.
        flag: &'static str,
    },
    /// A rate.
    #[error("--rate is 1000 to 100000000000 bits a second, not {0}")]
    Rate(u64),
}

impl Impairment {
    /// Says which value no path can have, by the name of its flag.
    ///
    /// # Errors
    /// The first such value.
    pub fn check(&self) -> Result<(), ImpairmentError> {
        let shares = [
            ("loss", self.loss),
            ("reorder", self.reorder),
            ("duplicate", self.duplicate),
            ("corrupt", self.corrupt),
        ];
        for (flag, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(ImpairmentError::Share { flag, value });
            }
        }
        if let Some(burst) = self.burst
            && (!(1.0..=1_000.0).contains(&burst)
                || self.loss >= 1.0
                || burst * (1.0 - self.loss) < self.loss - 1e-9)
        {
            return Err(ImpairmentError::Burst(burst));
        }
        for (flag, time) in [("delay", self.delay), ("jitter", self.jitter), ("queue", self.queue)] {
            if time > Duration::from_secs(60) {
                return Err(ImpairmentError::Time { flag });
            }
        }
        match self.bits_per_second {
            Some(rate) if !(1_000..=100_000_000_000).contains(&rate) => Err(ImpairmentError::Rate(rate)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_path_can_have_is_refused_by_name() {
        let told = |impairment: Impairment| impairment.check().expect_err("refused").to_string();
        let good = Impairment::default();
        assert_eq!(good.check(), Ok(()));
        assert_eq!(told(Impairment { loss: 1.5, ..good }), "--loss is a share from 0 to 1, not 1.5");
        assert_eq!(
            told(Impairment { corrupt: f64::NAN, ..good }),
            "--corrupt is a share from 0 to 1, not NaN"
        );
        assert!(told(Impairment { burst: Some(0.5), ..good }).starts_with("--burst"));
        assert!(told(Impairment { burst: Some(2.0), loss: 1.0, ..good }).starts_with("--burst"));
        assert!(told(Impairment { burst: Some(8.9), loss: 0.9, ..good }).starts_with("--burst"));
        assert_eq!(Impairment { burst: Some(9.0), loss: 0.9, ..good }.check(), Ok(()));
        assert!(told(Impairment { jitter: Duration::from_secs(61), ..good }).starts_with("--jitter"));
        assert!(told(Impairment { bits_per_second: Some(0), ..good }).starts_with("--rate"));
    }
}
