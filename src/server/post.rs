//! What a player says besides, and what its next snapshot carries besides.

use super::Server;
use super::rules::About;
use crate::gate::{Beside, DropReason, PeerKey, Step};
use crate::mail::Taken;
use crate::wire::{Message, Messages};

impl Server {
    /// A move that says more than where the player is. The rest of it counts unless the move is an old one, also where the
    /// player cannot go.
    pub(super) fn on_long_move(&mut self, key: PeerKey, step: &Step, beside: &Beside) {
        let applied = self.apply(key, step, beside.correction);
        if let Err(reason) = applied {
            self.gate.count(reason);
        }
        if let Err(DropReason::PeerGone | DropReason::Sequence) = applied {
            return;
        }
        let Some(peer) = self.peers.get(key) else { return };
        let (row, now) = (peer.player.index(), self.gate.age(self.now));
        self.office.on_received(row, now, beside.received, step.ack.newest);
        let messages = beside.messages.as_deref().and_then(Messages::read);
        messages.into_iter().flatten().for_each(|message| self.on_message(key, &message));
    }

    fn on_message(&mut self, key: PeerKey, message: &Message<'_>) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let (row, client_id, said) = (peer.player.index(), peer.client_id, &mut peer.said);
        let (now, per_second) = (self.gate.age(self.now), self.config.message_bytes_per_second);
        let taken = self.office.of_sender(row).map(|mailbox| mailbox.take(now, message, said, per_second));
        match taken {
            Some(Taken::Now) => self.hand_over(client_id, message.bytes),
            Some(Taken::TooMuch) => self.gate.count(DropReason::MessageRate),
            Some(Taken::Later | Taken::OutOfTurn) | None => {}
        }
        while let Some(kept) = self.take_kept(key) {
            self.hand_over(client_id, &kept);
        }
    }

    /// A message whose turn has come. None, where a hook has removed the player.
    fn take_kept(&mut self, key: PeerKey) -> Option<Box<[u8]>> {
        let row = self.peers.get(key)?.player.index();
        self.office.of_sender(row)?.take_kept()
    }

    fn hand_over(&mut self, client_id: u32, message: &[u8]) {
        self.report.totals.messages += 1;
        let about = About { hook: "on_message", player: Some(client_id) };
        self.ask(about, |game, realm| game.on_message(realm, client_id, message));
    }
}
