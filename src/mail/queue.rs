//! Messages that wait, no more than a few.

use std::collections::VecDeque;

use super::{WAITING_BYTES_MAX, WAITING_MAX};

/// Messages in the order in which they came. Bounded: [`Queue::has_room`] is to be asked before [`Queue::push`].
#[derive(Debug, Default)]
pub struct Queue {
    messages: VecDeque<Box<[u8]>>,
    bytes: usize,
}

impl Queue {
    /// Whether one more of so many bytes may wait.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.messages.len() < WAITING_MAX && self.bytes + bytes <= WAITING_BYTES_MAX
    }

    /// Takes in a message behind all others.
    pub fn push(&mut self, message: Box<[u8]>) {
        self.bytes += message.len();
        self.messages.push_back(message);
    }

    /// The oldest, which waits no longer.
    pub fn pop(&mut self) -> Option<Box<[u8]>> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    /// The oldest, which goes on waiting.
    pub fn first(&self) -> Option<&[u8]> {
        self.messages.front().map(|message| &**message)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many bytes those that wait have together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
