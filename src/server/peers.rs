//! The peers of the tick: a table of its own, walked from end to end every tick.

use std::collections::HashMap;
use std::time::Instant;

use crate::gate::{Join, PeerAddr, PeerKey, is_newer};
use crate::mail::Allowance;
use crate::seal::Sealer;
use crate::secret::{HashState, Secret};
use crate::snapshot::{Told, Turn};
use crate::wire::{self, Ack, Encoding, Position};
use crate::world::PlayerSlot;

/// An address that plays as a client id.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) addr: PeerAddr,
    pub(super) client_id: u32,
    pub(super) session: u64,
    /// The session before this one, good for taking over until a move shows that the welcome has arrived.
    pub(super) session_before: Option<u64>,
    /// The hello that it was admitted by.
    pub(super) nonce: u64,
    pub(super) proven_ms: u64,
    pub(super) player: PlayerSlot,
    pub(super) heard: Instant,
    pub(super) applied: Applied,
    pub(super) correction: Correction,
    pub(super) snapshots: Snapshots,
    /// Whether it reads and sends what stands beside the players in snapshots and behind moves.
    pub(super) extras: bool,
    /// How much it has said lately. Joining anew buys nothing here either.
    pub(super) said: Allowance,
    /// Whether messages and corrections go on from the session that its hello named.
    pub(super) is_resumed: bool,
    /// Seals what it is sent, if it has come with a ticket.
    pub(super) sealer: Option<Box<Sealer>>,
    /// The mark of the session key in its ticket, if it has come with one.
    pub(super) ticket: Option<u64>,
    /// Whether something of it has come since its welcome: it needs that no more.
    pub(super) has_spoken: bool,
    /// Whether the game is hearing of its leaving.
    pub(super) is_leaving: bool,
}

/// What must be remembered of a peer to make its snapshots.
#[derive(Debug)]
pub(super) enum Snapshots {
    Plain(Turn),
    Compact(Told),
}

impl Snapshots {
    pub(super) fn new(encoding: Encoding, datagram_bytes: usize) -> Self {
        match encoding {
            Encoding::Plain => Self::Plain(Turn::default()),
            Encoding::Compact => Self::Compact(Told::new(datagram_bytes)),
        }
    }

    fn encoding(&self) -> Encoding {
        match self {
            Self::Plain(_) => Encoding::Plain,
            Self::Compact(_) => Encoding::Compact,
        }
    }

    pub(super) fn on_ack(&mut self, ack: Ack) {
        match self {
            Self::Plain(_) => {}
            Self::Compact(told) => told.on_ack(ack),
        }
    }
}

impl Peer {
    pub(super) fn new(
        join: &Join,
        session: u64,
        player: PlayerSlot,
        snapshots: Snapshots,
        now: Instant,
    ) -> Self {
        Self {
            addr: join.from,
            client_id: join.client_id,
            session,
            session_before: None,
            nonce: join.nonce,
            proven_ms: join.proven_ms,
            player,
            heard: now,
            applied: Applied::default(),
            correction: Correction::default(),
            snapshots,
            extras: false,
            said: Allowance::default(),
            is_resumed: false,
            sealer: None,
            ticket: None,
            has_spoken: false,
            is_leaving: false,
        }
    }

    /// Messages and corrections go on from `before`, whose session its hello named, if both have any.
    pub(super) fn resume(&mut self, before: &Peer) {
        self.is_resumed = self.extras && before.extras;
        if self.is_resumed {
            self.correction = before.correction;
        }
    }

    /// Whether a move that echoes this was made by a client that has followed the newest correction. As long as one is open,
    /// who echoes nothing has not; later it need say nothing.
    pub(super) fn has_followed(&mut self, echo: u32) -> bool {
        let says = self.extras && (echo != 0 || self.correction.is_open);
        self.correction.is_known_by(says.then_some(echo))
    }

    /// Whether `session` shows that its bearer is this peer, perhaps at a new address.
    pub(super) fn is_known_by(&self, session: u64) -> bool {
        session != 0 && (session == self.session || Some(session) == self.session_before)
    }
}

/// Which moves of a peer have been applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// The sequence of the newest; 0 = none.
    pub(super) newest: u32,
    /// Bit `i` stands for the sequence `newest - 1 - i`.
    pub(super) history: u32,
}

impl Applied {
    pub(super) fn is_newer(&self, sequence: u32) -> bool {
        is_newer(sequence, self.newest)
    }

    /// Notes a move newer than all before.
    pub(super) fn note(&mut self, sequence: u32) {
        // 0 is a sequence too, once they have gone around.
        let is_first = *self == Self::default();
        let step = sequence.wrapping_sub(self.newest);
        let shifted = self.history.checked_shl(step).unwrap_or(0);
        let newest_bit = 1_u32.checked_shl(step.wrapping_sub(1)).unwrap_or(0);
        self.history = if is_first { 0 } else { shifted | newest_bit };
        self.newest = sequence;
    }
}

/// Where the server has put a player whose client said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Correction {
    /// How many there were; 0 = none. Goes around, without the 0.
    pub(super) number: u32,
    /// Where the newest put the player.
    pub(super) at: Position,
    /// Whether no move has shown yet that the client knows of it.
    pub(super) is_open: bool,
}

impl Correction {
    /// The player has been put to `at`.
    pub(super) fn put(&mut self, at: Position) {
        let number = self.number.wrapping_add(1).max(1);
        *self = Self { number, at, is_open: true };
    }

    /// What snapshots are to name.
    pub(super) fn told(&self) -> Option<wire::Correction> {
        self.is_open.then_some(wire::Correction { number: self.number, at: self.at })
    }

    /// Whether a move that echoes this number was made by a client that knew of the newest. One that echoes nothing never
    /// says so, and is taken at its word.
    pub(super) fn is_known_by(&mut self, echo: Option<u32>) -> bool {
        let is_known = echo.is_none_or(|echo| echo == self.number);
        if is_known && echo.is_some() {
            self.is_open = false;
        }
        is_known
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    peer: Option<Peer>,
}

/// All peers, by place, by client id.
#[derive(Debug)]
pub(super) struct Peers {
    slots: Vec<Slot>,
    vacant: Vec<u32>,
    by_client: HashMap<u32, PeerKey, HashState>,
    /// How many want each encoding.
    plain: usize,
    compact: usize,
}

impl Peers {
    pub(super) fn new(secret: &Secret) -> Self {
        let by_client = HashMap::with_hasher(secret.derive("peers by client").hash_state());
        Self { slots: Vec::new(), vacant: Vec::new(), by_client, plain: 0, compact: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_client.len()
    }

    /// One more than the last place: the end of a walk over [`Peers::at`].
    pub(super) fn end(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn at(&mut self, place: usize) -> Option<&mut Peer> {
        self.slots[place].peer.as_mut()
    }

    pub(super) fn get(&self, key: PeerKey) -> Option<&Peer> {
        let slot = self.slots.get(key.slot as usize).filter(|slot| slot.generation == key.generation)?;
        slot.peer.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: PeerKey) -> Option<&mut Peer> {
        let slot = self.slots.get_mut(key.slot as usize).filter(|slot| slot.generation == key.generation)?;
        slot.peer.as_mut()
    }

    /// The peer that plays as `client_id`.
    pub(super) fn by_client(&self, client_id: u32) -> Option<PeerKey> {
        self.by_client.get(&client_id).copied()
    }

    /// Takes in a peer whose client id nobody has.
    pub(super) fn insert(&mut self, peer: Peer) -> PeerKey {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let place = &mut self.slots[slot as usize];
        let key = PeerKey { slot, generation: place.generation };
        let before = self.by_client.insert(peer.client_id, key);
        debug_assert!(before.is_none(), "one peer for each client id");
        let encoding = peer.snapshots.encoding();
        place.peer = Some(peer);
        *self.count_mut(encoding) += 1;
        key
    }

    pub(super) fn remove(&mut self, key: PeerKey) -> Option<Peer> {
        let slot = self.slots.get_mut(key.slot as usize).filter(|slot| slot.generation == key.generation)?;
        let peer = slot.peer.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.vacant.push(key.slot);
        self.by_client.remove(&peer.client_id);
        *self.count_mut(peer.snapshots.encoding()) -= 1;
        Some(peer)
    }

    /// Whether someone wants its snapshots so.
    pub(super) fn has_any(&self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Plain => self.plain > 0,
            Encoding::Compact => self.compact > 0,
        }
    }

    fn count_mut(&mut self, encoding: Encoding) -> &mut usize {
        match encoding {
            Encoding::Plain => &mut self.plain,
            Encoding::Compact => &mut self.compact,
        }
    }

    /// The keys of those who were last heard before `since`.
    pub(super) fn silent(&self, since: Instant, keys: &mut Vec<PeerKey>) {
        keys.clear();
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.peer.as_ref().is_some_and(|peer| peer.heard < since) {
                keys.push(PeerKey { slot: index as u32, generation: slot.generation });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applied_moves_are_remembered_as_bits() {
        let mut applied = Applied::default();
        applied.note(1);
        assert_eq!(applied, Applied { newest: 1, history: 0 });
        applied.note(2);
        applied.note(4);
        assert_eq!(applied, Applied { newest: 4, history: 0b110 });
        applied.note(36);
        assert_eq!(applied, Applied { newest: 36, history: 1 << 31 });
        applied.note(u32::MAX / 2);
        assert_eq!(applied.history, 0);
    }

    #[test]
    fn a_correction_is_open_until_it_is_echoed() {
        let (mut correction, here) = (Correction::default(), Position { x: 1, y: 2 });
        assert!(correction.is_known_by(Some(0)) && correction.is_known_by(None));
        correction.put(Position::default());
        correction.put(here);
        assert!(!correction.is_known_by(Some(0)) && !correction.is_known_by(Some(1)) && correction.is_open);
        assert!(correction.is_known_by(None) && correction.is_open, "who echoes nothing says nothing");
        assert!(correction.is_known_by(Some(2)));
        assert_eq!(correction, Correction { number: 2, at: here, is_open: false });
        correction.number = u32::MAX;
        correction.put(here);
        assert_eq!(correction.number, 1);
    }

    #[test]
    fn the_first_move_may_have_any_sequence() {
        let mut applied = Applied::default();
        applied.note(1_000);
        assert_eq!(applied, Applied { newest: 1_000, history: 0 });
    }
}
