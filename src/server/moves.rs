//! What becomes of a move: what it says of its peer is taken in, and then the game judges where its player stands.

use super::Server;
use super::rules::About;
use crate::game::{Step as Judged, Verdict};
use crate::gate::{DropReason, PeerKey, Step};
use crate::wire::Position;
use crate::world::{OutsideWorld, PlayerSlot};

impl Server {
    pub(super) fn on_move(&mut self, key: PeerKey, step: &Step) {
        if let Err(reason) = self.apply(key, step, 0) {
            self.gate.count(reason);
        }
    }

    /// `echo` is the newest correction that the client has followed, as it says; 0 = none.
    pub(super) fn apply(&mut self, key: PeerKey, step: &Step, echo: u32) -> Result<(), DropReason> {
        let (judged, correction) = self.take_in(key, step, echo)?;
        let about = About { hook: "on_move", player: Some(judged.player) };
        let verdict = self.ask(about, |game, realm| game.on_move(realm, &judged)).unwrap_or(Verdict::Refuse);
        let peer = self.peers.get_mut(key).ok_or(DropReason::PeerGone)?;
        if peer.correction.number != correction {
            // The hook has put the player elsewhere, which its verdict does not undo.
            return Err(DropReason::Corrected);
        }
        match verdict {
            Verdict::Accept => {
                let placed = self.world.place(judged.slot, judged.to, judged.state);
                let is_news = placed.map_err(|_| DropReason::OutsideWorld)?;
                peer.applied.note(step.sequence);
                self.report.totals.moves_applied += 1;
                self.mark_if(is_news, judged.slot);
                Ok(())
            }
            Verdict::Correct(at) => Err(self.correct(key, &judged, at)),
            Verdict::Refuse => Err(DropReason::MoveRefused),
        }
    }

    /// What the move says of its peer is taken in; gives what the game is to judge, and the number of the newest correction.
    fn take_in(&mut self, key: PeerKey, step: &Step, echo: u32) -> Result<(Judged, u32), DropReason> {
        let peer = self.peers.get_mut(key).ok_or(DropReason::PeerGone)?;
        if !peer.applied.is_newer(step.sequence) {
            return Err(DropReason::Sequence);
        }
        peer.heard = self.now;
        peer.session_before = None;
        peer.has_spoken = true;
        peer.snapshots.on_ack(step.ack);
        self.ack_ages.note(self.report.tick, step.ack);
        if !peer.has_followed(echo) {
            return Err(DropReason::Superseded);
        }
        let (slot, player) = (peer.player, peer.client_id);
        let from = self.world.player(slot).map(|player| player.at);
        if !self.world.bounds().contains(step.at) {
            // It may know other bounds than those of today. Once, until it has followed.
            if let Some(stands) = from.filter(|_| !peer.correction.is_open) {
                peer.correction.put(stands);
            }
            return Err(DropReason::OutsideWorld);
        }
        Ok((Judged { player, slot, from, to: step.at, state: step.state }, peer.correction.number))
    }

    fn correct(&mut self, key: PeerKey, step: &Judged, at: Position) -> DropReason {
        let state = self.world.player(step.slot).map_or(step.state, |player| player.state);
        if self.put(step.slot, at, state).is_err() {
            return DropReason::MoveRefused;
        }
        if let Some(peer) = self.peers.get_mut(key) {
            peer.correction.put(at);
        }
        DropReason::Corrected
    }

    /// Puts a player somewhere.
    pub(super) fn put(&mut self, slot: PlayerSlot, at: Position, state: u32) -> Result<(), OutsideWorld> {
        let is_news = self.world.place(slot, at, state)?;
        self.mark_if(is_news, slot);
        Ok(())
    }

    /// In place, for there is one for every move.
    #[inline(always)]
    fn mark_if(&mut self, is_news: bool, slot: PlayerSlot) {
        if is_news && let Some(memory) = &mut self.memory {
            memory.mark(self.now, slot);
        }
    }
}
