//! What is said beside the snapshots?
//!
//! Streams of small messages between a client and its server, the same at both ends: reliable ones arrive once and in
//! order, others at most once. Nothing here sends, and nothing asks for the time: what is due is written into datagrams
//! that go out anyway.

mod allowance;
mod incoming;
mod office;
mod outgoing;
mod patience;
mod queue;

pub use allowance::Allowance;
pub use incoming::{Incoming, Turn};
pub use office::{Mailbox, Office, Taken};
pub use outgoing::Outgoing;
pub use patience::{AGAIN_AFTER, AGAIN_AFTER_MAX, AGAIN_AFTER_MIN};
pub use queue::Queue;

/// So many messages wait at one end, for the other or for whoever reads them, at the most.
pub const WAITING_MAX: usize = 64;
/// And so many bytes of them.
pub const WAITING_BYTES_MAX: usize = 8 * 1_024;

/// How a message is to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Once, behind all reliable ones before it; it is sent until it is acknowledged.
    Reliable,
    /// At most once, or never; it is sent once.
    Unreliable,
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It says nothing.
    #[error("a message has at least one byte")]
    Empty,
    /// It would not fit.
    #[error("a message has at most {bytes_max} bytes here")]
    TooLong {
        /// How long it may be, in bytes.
        bytes_max: usize,
    },
    /// Too many wait already: the other end does not keep up.
    #[error("{WAITING_MAX} messages, or {WAITING_BYTES_MAX} bytes of them, wait already")]
    Full,
    /// There is nobody to say it to, or nobody who reads messages.
    #[error("nobody is there who takes messages")]
    NobodyThere,
}

/// The sequence behind `sequence`: 0 is no place in a stream.
fn next(sequence: u32) -> u32 {
    sequence.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
mod tests;
