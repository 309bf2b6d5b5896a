//! What one end hears: each reliable message once and in order.

use super::next;

/// Which reliable messages of the other end have arrived.
///
/// For every message of a datagram that is to be believed, in order: [`Incoming::expects`], and [`Incoming::take`] if there
/// is room for it. What is refused for want of room comes again. For every datagram that goes out:
/// [`Incoming::owed`], and [`Incoming::on_said`] if it has been put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    received: u32,
    owes: bool,
}

impl Incoming {
    /// Whether the reliable message of this sequence is the next one. Whichever it is, the other end is to be told what has
    /// arrived: it may have missed that.
    pub fn expects(&mut self, sequence: u32) -> bool {
        self.owes = true;
        sequence == next(self.received)
    }

    /// The message that was expected has been taken.
    pub fn take(&mut self) {
        self.received = next(self.received);
    }

    /// The newest message that has arrived in order, if the other end is to be told.
    pub fn owed(&self) -> Option<u32> {
        self.owes.then_some(self.received)
    }

    /// The other end is being told. Should that be lost, it sends again what it has not heard of.
    pub fn on_said(&mut self) {
        self.owes = false;
    }
}
