//! What one end says: kept until it has been sent, or, if it is reliable, until it has arrived.

use std::collections::VecDeque;
use std::time::Duration;

use super::patience::Patience;
use super::{Delivery, Queue, SendError, WAITING_BYTES_MAX, WAITING_MAX, next};
use crate::wire::{MESSAGE_HEADER_BYTES, Message, put_message};

/// The messages of one end to the other.
///
/// - To say something: [`Outgoing::send`].
/// - For every datagram that goes out: [`Outgoing::write`], which does nothing where [`Outgoing::has_due`] says no.
/// - When the other end says what has arrived: [`Outgoing::on_received`]; [`Outgoing::on_answer`] says how long that takes.
/// - When the other end has forgotten everything: [`Outgoing::begin_anew`], and then [`Outgoing::take_lost`].
///
/// Time is the age of whatever the caller counts from. It holds [`WAITING_MAX`] messages with [`WAITING_BYTES_MAX`] bytes at
/// the most, and takes nothing from the heap before the first.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Oldest first; all that have been sent stand before all that have not.
    reliable: VecDeque<Letter>,
    reliable_bytes: usize,
    unreliable: Queue,
    /// Reliable ones of which nobody knows whether they have arrived.
    lost: Queue,
    /// The sequence of the newest reliable message.
    last: u32,
    /// Whether an unreliable one goes first into the next datagram: in turn, lest the ones wait for ever for the others.
    unreliable_first: bool,
    patience: Patience,
}

#[derive(Debug)]
struct Letter {
    sequence: u32,
    /// `None` if it was never sent.
    sent: Option<Sent>,
    bytes: Box<[u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    times: u32,
    last_at: Duration,
    again_at: Duration,
}

impl Letter {
    fn is_due(&self, now: Duration) -> bool {
        self.sent.is_none_or(|sent| sent.again_at <= now)
    }

    fn on_sent(&mut self, now: Duration, patience: &Patience) {
        let times = self.sent.map_or(1, |sent| sent.times.saturating_add(1));
        self.sent = Some(Sent { times, last_at: now, again_at: now + patience.after(times) });
    }
}

impl Outgoing {
    /// Takes in a message of up to `bytes_max`, to be written when there is room.
    ///
    /// # Errors
    /// If it is empty or too long, or if too many wait; then nothing has changed.
    pub fn send(&mut self, delivery: Delivery, message: &[u8], bytes_max: usize) -> Result<(), SendError> {
        if message.is_empty() {
            return Err(SendError::Empty);
        }
        if message.len() > bytes_max {
            return Err(SendError::TooLong { bytes_max });
        }
        let is_full = self.waiting() >= WAITING_MAX || self.bytes() + message.len() > WAITING_BYTES_MAX;
        if is_full {
            return Err(SendError::Full);
        }
        match delivery {
            Delivery::Reliable => self.push_reliable(message.into()),
            Delivery::Unreliable => self.unreliable.push(message.into()),
        }
        Ok(())
    }

    fn push_reliable(&mut self, bytes: Box<[u8]>) {
        self.last = next(self.last);
        self.reliable_bytes += bytes.len();
        self.reliable.push_back(Letter { sequence: self.last, sent: None, bytes });
    }

    /// How many messages wait, those included whose loss has not been taken notice of.
    pub fn waiting(&self) -> usize {
        self.reliable.len() + self.unreliable.len() + self.lost.len()
    }

    /// How many bytes they have.
    pub fn bytes(&self) -> usize {
        self.reliable_bytes + self.unreliable.bytes() + self.lost.bytes()
    }

    /// Whether something is to be written now.
    pub fn has_due(&self, now: Duration) -> bool {
        !self.unreliable.is_empty() || self.reliable.iter().any(|letter| letter.is_due(now))
    }

    /// Appends what is due, oldest first, as far as it fits into `room` bytes.
    pub fn write(&mut self, now: Duration, room: usize, out: &mut Vec<u8>) {
        let end = out.len() + room;
        if self.unreliable_first {
            self.write_unreliable(1, end, out);
        }
        self.write_reliable(now, end, out);
        self.write_unreliable(usize::MAX, end, out);
        self.unreliable_first = !self.unreliable_first;
    }

    fn write_reliable(&mut self, now: Duration, end: usize, out: &mut Vec<u8>) {
        for letter in self.reliable.iter_mut().filter(|letter| letter.is_due(now)) {
            if out.len() + MESSAGE_HEADER_BYTES + letter.bytes.len() > end {
                break;
            }
            put_message(&Message { sequence: letter.sequence, bytes: &letter.bytes }, out);
            letter.on_sent(now, &self.patience);
        }
    }

    fn write_unreliable(&mut self, most: usize, end: usize, out: &mut Vec<u8>) {
        for _ in 0..most {
            let fits = |bytes: &&[u8]| out.len() + MESSAGE_HEADER_BYTES + bytes.len() <= end;
            let Some(bytes) = self.unreliable.first().filter(fits) else { break };
            put_message(&Message { sequence: 0, bytes }, out);
            self.unreliable.pop();
        }
    }

    /// The other end has all reliable messages up to this one. It may say anything: of what was never sent nothing is
    /// believed.
    pub fn on_received(&mut self, now: Duration, received: u32) {
        let index = self.reliable.iter().position(|letter| letter.sequence == received);
        let Some((index, newest)) = index.and_then(|index| Some((index, self.reliable[index].sent?))) else {
            return;
        };
        self.reliable_bytes -= self.reliable.drain(..=index).map(|letter| letter.bytes.len()).sum::<usize>();
        // What was last sent before it, and is the next all the same, was lost.
        let sent = self.reliable.front_mut().and_then(|letter| letter.sent.as_mut());
        sent.into_iter().filter(|sent| sent.last_at < newest.last_at).for_each(|sent| sent.again_at = now);
    }

    /// The other end has answered a datagram so long after it was sent, be there messages in it or not.
    pub fn on_answer(&mut self, took: Duration) {
        self.patience.on_answer(took);
    }

    /// The other end has forgotten everything: sequences begin with 1. Of what was sent and not acknowledged nobody knows
    /// whether it has arrived; it is lost, as is what has more than `bytes_max`. What was never sent goes on waiting.
    pub fn begin_anew(&mut self, bytes_max: usize) {
        self.last = 0;
        self.reliable_bytes = 0;
        for letter in std::mem::take(&mut self.reliable) {
            match letter.sent {
                None if letter.bytes.len() <= bytes_max => self.push_reliable(letter.bytes),
                _ => self.lost.push(letter.bytes),
            }
        }
        for _ in 0..self.unreliable.len() {
            let message = self.unreliable.pop().filter(|message| message.len() <= bytes_max);
            message.into_iter().for_each(|message| self.unreliable.push(message));
        }
    }

    /// The oldest reliable message that may or may not have arrived. Until it is taken it has its place among those that
    /// wait.
    pub fn take_lost(&mut self) -> Option<Box<[u8]>> {
        self.lost.pop()
    }
}
