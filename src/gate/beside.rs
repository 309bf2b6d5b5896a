//! Moves with extras: what a peer says beside where its player is.

use std::time::{Duration, Instant};

use super::table::Entry;
use super::{Command, DropReason, Gate, PeerAddr, PeerKey, SEALED_MOVE_BYTES, Step};
use crate::wire::{self, MOVE_BYTES, MOVE_EXTRAS_BYTES_MIN, Move, MoveExtras, SEALED_EXTRA_BYTES, Sender};

/// What a peer has said beside where its player is: well formed.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    /// See [`MoveExtras::correction`].
    pub(crate) correction: u32,
    /// See [`MoveExtras::received`].
    pub(crate) received: u32,
    /// [`wire::Messages`], if there are any.
    pub(crate) messages: Option<Box<[u8]>>,
}

impl From<MoveExtras<'_>> for Beside {
    fn from(extras: MoveExtras<'_>) -> Self {
        let messages = extras.messages.as_bytes();
        Self {
            correction: extras.correction,
            received: extras.received,
            messages: (!messages.is_empty()).then(|| messages.into()),
        }
    }
}

impl Gate {
    /// Moves with extras have any length from a least on, also those of other messages: their tag tells them apart.
    pub(super) fn is_long_move(&self, bytes: &[u8], length: usize) -> bool {
        (MOVE_BYTES + MOVE_EXTRAS_BYTES_MIN..=self.move_bytes_max).contains(&length)
            && wire::starts_as_move(bytes)
    }

    pub(super) fn is_long_sealed(&self, bytes: &[u8], length: usize) -> bool {
        let most = self.move_bytes_max + SEALED_EXTRA_BYTES;
        (SEALED_MOVE_BYTES + MOVE_EXTRAS_BYTES_MIN..=most).contains(&length)
            && wire::sealed(Sender::Client, bytes).is_some()
    }

    /// A move, perhaps with extras, whose messages are no longer than they may be: a game may count on that.
    pub(super) fn read_move<'a>(
        &self,
        bytes: &'a [u8],
    ) -> Result<(Move, Option<MoveExtras<'a>>), DropReason> {
        let (step, extras) = wire::decode_move(bytes).map_err(|_| DropReason::Malformed)?;
        let messages = extras.iter().flat_map(|extras| extras.messages);
        let longest = messages.map(|message| message.bytes.len()).max().unwrap_or(0);
        (longest <= self.message_bytes_max).then_some((step, extras)).ok_or(DropReason::Malformed)
    }

    /// Whoever has not joined sends none, also where the server is open.
    pub(super) fn on_long_move(&self, now: Instant, from: PeerAddr, bytes: &[u8]) -> Result<(), DropReason> {
        let (step, extras) = self.read_move(bytes)?;
        if self.tickets.is_some() {
            return Err(DropReason::Unsealed);
        }
        let age = self.age(now);
        let passed = self.peers.with(from, |entry| self.check_long_move(age, entry, &step));
        let key = passed.ok_or(DropReason::UnknownPeer)??;
        self.push_move(key, &step, extras)
    }

    pub(super) fn check_long_move(
        &self,
        age: Duration,
        entry: &mut Entry,
        step: &Move,
    ) -> Result<PeerKey, DropReason> {
        if !entry.extras {
            return Err(DropReason::Extras);
        }
        self.check_move(age, entry, step)
    }

    /// Only here, behind all checks, something is taken from the heap.
    pub(super) fn push_move(
        &self,
        key: PeerKey,
        step: &Move,
        extras: Option<MoveExtras>,
    ) -> Result<(), DropReason> {
        let step = Step::from(step);
        self.push(match extras {
            None => Command::Move(key, step),
            Some(extras) => Command::LongMove(key, step, extras.into()),
        })
    }
}
