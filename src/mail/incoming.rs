//! What one end hears: each reliable message once and in order.

use std::collections::VecDeque;

use super::{WAITING_BYTES_MAX, WAITING_MAX, next};

/// Which reliable messages of the other end have arrived, and those that came before their turn.
///
/// For every message of a datagram that is to be believed: [`Incoming::turn`], and then, if there is room for it,
/// [`Incoming::take`] or [`Incoming::keep`]. What is refused for want of room comes again. Behind each that has been taken
/// [`Incoming::first_kept`] may be the next. For every datagram that goes out: [`Incoming::owed`], and [`Incoming::on_said`]
/// if it has been put in.
///
/// It keeps no more than the other end may have waiting, and takes nothing from the heap as long as all come in order.
#[derive(Debug, Default)]
pub struct Incoming {
    received: u32,
    owes: bool,
    /// The first place is of the next message.
    kept: VecDeque<Option<Box<[u8]>>>,
    kept_bytes: usize,
}

/// When a message is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the next.
    Now,
    /// Some before it are missing, and it may be kept until then.
    Later,
    /// It has come before, or too far ahead.
    Never,
}

impl Incoming {
    /// When the message of this sequence is heard. Whichever it is, the other end is to be told what has arrived: it may have
    /// missed that.
    pub fn turn(&mut self, sequence: u32) -> Turn {
        self.owes = true;
        match self.places_ahead(sequence) {
            0 => Turn::Now,
            ahead @ 1..WAITING_MAX if !matches!(self.kept.get(ahead), Some(Some(_))) => Turn::Later,
            _ => Turn::Never,
        }
    }

    /// Keeps a message whose turn comes later, or for which there is no room now; not, if too much is kept already: it
    /// comes again.
    pub fn keep(&mut self, sequence: u32, message: &[u8]) {
        let ahead = self.places_ahead(sequence);
        if ahead >= WAITING_MAX || self.kept_bytes + message.len() > WAITING_BYTES_MAX {
            return;
        }
        if ahead >= self.kept.len() {
            self.kept.resize(ahead + 1, None);
        }
        if self.kept[ahead].is_none() {
            self.kept_bytes += message.len();
            self.kept[ahead] = Some(message.into());
        }
    }

    /// The next message, if it has been kept.
    pub fn first_kept(&self) -> Option<&[u8]> {
        self.kept.front()?.as_deref()
    }

    /// The next message has been heard. Gives it, if it had been kept.
    pub fn take(&mut self) -> Option<Box<[u8]>> {
        self.owes = true;
        self.received = next(self.received);
        let kept = self.kept.pop_front().flatten();
        self.kept_bytes -= kept.as_ref().map_or(0, |message| message.len());
        kept
    }

    /// The newest message that has arrived in order, if the other end is to be told.
    pub fn owed(&self) -> Option<u32> {
        self.owes.then_some(self.received)
    }

    /// The other end is being told. Should that be lost, it sends again what it has not heard of.
    pub fn on_said(&mut self) {
        self.owes = false;
    }

    /// How many are to come before it; very many, if it has been heard, or is none.
    fn places_ahead(&self, sequence: u32) -> usize {
        if sequence == 0 {
            return usize::MAX;
        }
        let behind = sequence.wrapping_sub(self.received);
        // The way around leaves out 0.
        let around = u32::from(sequence < self.received);
        behind.wrapping_sub(1).wrapping_sub(around) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_kept_around_without_0() {
        let mut incoming = Incoming { received: u32::MAX - 2, ..Incoming::default() };
        let turns =
            [u32::MAX - 2, u32::MAX - 1, u32::MAX, 0, 1, 62, 63].map(|sequence| incoming.turn(sequence));
        let far = [Turn::Never, Turn::Now, Turn::Later, Turn::Never, Turn::Later, Turn::Later, Turn::Never];
        assert_eq!(turns, far);
        [1, 2, u32::MAX].into_iter().for_each(|sequence| incoming.keep(sequence, &[sequence as u8]));
        incoming.take();
        let taken =
            std::iter::from_fn(|| incoming.first_kept()?.first().copied().inspect(|_| _ = incoming.take()));
        assert_eq!(taken.collect::<Vec<_>>(), [255, 1, 2]);
    }
}
