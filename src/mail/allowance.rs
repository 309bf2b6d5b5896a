//! How much the other end may say.

use std::time::Duration;

/// Bytes per second, with a burst of one second.
///
/// The Generic Cell Rate Algorithm (ITU-T I.371), as for datagrams at the gate: all that it keeps is one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// When the next byte is due at the rate.
    due: Duration,
}

/// How far one may be ahead of the rate.
const BURST: Duration = Duration::from_secs(1);

impl Allowance {
    /// Charges so many bytes, 1 to `per_second`. False if that is too much now; then nothing is charged.
    pub fn charge(&mut self, now: Duration, bytes: usize, per_second: u32) -> bool {
        let due = self.due.max(now) + Duration::from_secs(bytes as u64) / per_second;
        let is_granted = due <= now + BURST;
        if is_granted {
            self.due = due;
        }
        is_granted
    }
}
