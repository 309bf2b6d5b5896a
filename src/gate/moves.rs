//! What do peers say? Moves and leaves in clear; those that come sealed pass the same checks.

use std::time::{Duration, Instant};

use super::table::Entry;
use super::{Command, DropReason, Gate, PeerAddr, PeerKey, Step};
use crate::wire::{Leave, Move};

impl Gate {
    pub(super) fn on_move(&self, now: Instant, from: PeerAddr, step: &Move) -> Result<(), DropReason> {
        let age = self.age(now);
        match self.peers.with(from, |entry| self.check_move(age, entry, step)) {
            Some(key) => self.push(Command::Move(key?, Step::from(step))),
            None => self.on_open_move(age, from, step),
        }
    }

    pub(super) fn check_move(
        &self,
        age: Duration,
        entry: &mut Entry,
        step: &Move,
    ) -> Result<PeerKey, DropReason> {
        self.check_identity(entry, step.session, step.client_id)?;
        if !is_newer(step.sequence, entry.newest) {
            return Err(DropReason::Sequence);
        }
        if !self.budget.charge(age, &mut entry.accounts.moves) {
            return Err(DropReason::Rate);
        }
        entry.newest = step.sequence;
        entry.heard = age;
        entry.acknowledged = step.ack.newest;
        Ok(entry.key)
    }

    pub(super) fn on_leave(&self, now: Instant, from: PeerAddr, leave: &Leave) -> Result<(), DropReason> {
        let age = self.age(now);
        let passed = self.peers.with(from, |entry| self.check_leave(age, entry, leave));
        self.push(Command::Leave(passed.ok_or(DropReason::UnknownPeer)??))
    }

    pub(super) fn check_leave(
        &self,
        age: Duration,
        entry: &mut Entry,
        leave: &Leave,
    ) -> Result<PeerKey, DropReason> {
        self.check_identity(entry, leave.session, leave.client_id)?;
        if !self.budget.charge(age, &mut entry.accounts.moves) {
            return Err(DropReason::Rate);
        }
        Ok(entry.key)
    }

    fn check_identity(&self, entry: &Entry, session: u64, client_id: u32) -> Result<(), DropReason> {
        if session != entry.session && !(self.open && session == 0) {
            return Err(DropReason::Session);
        }
        if client_id != entry.client_id {
            return Err(DropReason::ClientId);
        }
        Ok(())
    }
}

/// Whether `sequence` comes after `other` on the circle of 2^32: less than half of it ahead.
pub(crate) fn is_newer(sequence: u32, other: u32) -> bool {
    (sequence.wrapping_sub(other) as i32) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_go_around() {
        assert!(is_newer(1, 0) && is_newer(0, u32::MAX) && is_newer(5, u32::MAX - 5));
        assert!(!is_newer(0, 0) && !is_newer(u32::MAX, 0) && !is_newer(0, 1));
    }
}
