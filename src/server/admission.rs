//! Who plays: admits, refuses, and hands a player over to the address that its client is at now.

use super::Server;
use super::ended::is_good;
use super::peers::{Peer, Snapshots};
use super::{Batch, say_closed};
use crate::game::Departure;
use crate::gate::{Credential, DropReason, Identity, Join, PeerKey, Step};
use crate::seal::{Opener, keys_of_session};
use crate::wire::{
    self, ClosedReason, Encoding, FromServer, HelloEncoding, Position, Refusal, RefusalReason, Sender,
    TicketFault, Welcome,
};

/// Why a hello is answered with a refusal.
pub(super) struct No {
    pub(super) reason: RefusalReason,
    pub(super) detail: u32,
}

impl From<RefusalReason> for No {
    fn from(reason: RefusalReason) -> Self {
        Self { reason, detail: 0 }
    }
}

impl Server {
    /// A hello from an address that has proven itself; with a ticket, which is good, it is proven who asks too.
    pub(super) fn on_join(&mut self, join: &Join, credential: Option<&Credential>) {
        match self.peer_at(join) {
            Some(peer) if is_repeated(join, peer) => self.welcome_again(join),
            _ if self.is_stale(join) => self.gate.count(DropReason::StaleHello),
            _ if credential.is_some() && self.has_waited_too_long(join) => {
                self.gate.count(DropReason::ProofExpired);
            }
            _ => match self.check(join, credential).and_then(|()| self.may_join(join)) {
                Ok(placed) => _ = self.admit(join, credential, placed),
                Err(no) => self.refuse(join, &no),
            },
        }
    }

    /// The first move of an unknown address joins, where that is allowed.
    pub(super) fn on_open_move(&mut self, join: &Join, step: &Step) {
        let key = match self.gate.key_at(join.from) {
            Some(_) if self.peer_at(join).is_none_or(|peer| peer.client_id != join.client_id) => {
                return self.gate.count(DropReason::ClientId);
            }
            Some(key) => Some(key),
            None => match self.check(join, None).and_then(|()| self.may_join(join)) {
                Ok(placed) => self.admit(join, None, placed),
                Err(no) => return self.refuse(join, &no),
            },
        };
        if let Some(key) = key {
            self.on_move(key, step);
        }
    }

    /// Whether the hello is older than the one that its address, or its player, is played by. Of those with tickets
    /// none is good twice, also when what it asked for has ended: whoever recorded it may say it again.
    fn is_stale(&self, join: &Join) -> bool {
        let holder = self.peers.by_client(join.client_id).and_then(|key| self.peers.get(key));
        let is_before = |peer: &Peer| join.proven_ms < peer.proven_ms + u64::from(peer.sealer.is_some());
        self.peer_at(join).into_iter().chain(holder).any(is_before) || self.ended.is_stale(join)
    }

    /// Whether the proof has grown too old on its way from the gate: sessions that have ended are remembered no longer.
    fn has_waited_too_long(&self, join: &Join) -> bool {
        !is_good(self.gate.age(self.now), join.proven_ms)
    }

    fn peer_at(&self, join: &Join) -> Option<&Peer> {
        self.peers.get(self.gate.key_at(join.from)?)
    }

    /// Whether the client may play, at the address and with the session that it has.
    fn check(&self, join: &Join, credential: Option<&Credential>) -> Result<(), No> {
        if self.closing {
            return Err(RefusalReason::ShuttingDown.into());
        }
        if !self.config.client_ids.contains(&join.client_id) {
            return Err(RefusalReason::ClientIdNotAllowed.into());
        }
        if HelloEncoding::from_number(join.encoding).is_none() {
            return Err(RefusalReason::Encoding.into());
        }
        let holder = self.peers.by_client(join.client_id).and_then(|key| self.peers.get(key));
        let comes_back = holder.is_some_and(|holder| holder.is_known_by(join.session));
        // Whoever listens can name the session, but has not the ticket that it is played by.
        let is_played_by = |credential: &Credential| {
            comes_back && holder.is_some_and(|holder| holder.ticket == Some(credential.session_key.mark()))
        };
        if credential.is_some_and(|credential| credential.is_expired && !is_played_by(credential)) {
            return Err(No { reason: RefusalReason::Ticket, detail: TicketFault::Expired.number() });
        }
        if let Some(holder) = holder
            && holder.addr != join.from
            && !comes_back
            && credential.is_none()
        {
            return Err(No { reason: RefusalReason::ClientIdInUse, detail: self.seconds_left(holder) });
        }
        // With tickets nobody is driven from an address by another client id: whoever is on the way reads its challenges.
        if credential.is_some()
            && let Some(other) = self.peer_at(join).filter(|peer| peer.client_id != join.client_id)
        {
            return Err(No { reason: RefusalReason::ClientIdInUse, detail: self.seconds_left(other) });
        }
        let replaces_one = holder.is_some() || self.peer_at(join).is_some();
        if self.peers.len() >= self.config.max_peers && !replaces_one {
            return Err(RefusalReason::Full.into());
        }
        Ok(())
    }

    /// Whole seconds until a silent peer has timed out, at least 1.
    fn seconds_left(&self, peer: &Peer) -> u32 {
        let left = self.config.timeout.saturating_sub(self.now.saturating_duration_since(peer.heard));
        (left.as_millis().div_ceil(1000) as u32).max(1)
    }

    /// Whether the game lets the client play, and where its player stands then. Who plays already plays on.
    fn may_join(&mut self, join: &Join) -> Result<Option<(Position, u32)>, No> {
        match self.peers.by_client(join.client_id) {
            Some(_) => Ok(None),
            None => self.ask_to_join(join.client_id),
        }
    }

    /// Makes a peer of the client, with a session of its own, and welcomes it. A player that it had goes with it; else it is
    /// `placed`, or where it is remembered, if those are places. `None` if the game has removed that player meanwhile: it hears of
    /// the client when that says hello again.
    fn admit(
        &mut self,
        join: &Join,
        credential: Option<&Credential>,
        placed: Option<(Position, u32)>,
    ) -> Option<PeerKey> {
        let held = self.peers.by_client(join.client_id);
        let addr_before = held.and_then(|key| self.peers.get(key)).map(|before| before.addr);
        let accounts_before = addr_before.and_then(|addr| self.gate.accounts_at(addr));
        let accounts = self.gate.accounts_at(join.from).or(accounts_before);
        // While the peer that it had is still there: the game may put its player elsewhere, of which its client is to hear.
        if let Some(other) = self.gate.key_at(join.from).filter(|other| Some(*other) != held) {
            self.remove(other, Departure::Replaced);
        }
        if held.is_some_and(|held| self.peers.get(held).is_none()) {
            self.gate.count(DropReason::Game);
            return None;
        }
        let mut before = held.and_then(|key| self.peers.remove(key));
        if let Some(before) = before.as_mut().filter(|before| before.addr != join.from) {
            self.gate.remove(before.addr);
            say_closed(&mut self.outbox, before, ClosedReason::Replaced);
        }
        let player = self.world.admit(join.client_id);
        let memory = self.memory.as_mut().filter(|_| before.is_none());
        let remembered = memory.and_then(|memory| memory.on_come(self.now, player, join.client_id));
        let is_place = |(at, _): &(Position, u32)| self.world.bounds().contains(*at);
        let placed = placed.filter(is_place).or(remembered.map(|before| (before.at, before.state)));
        if let Some((at, state)) = placed {
            let _is_a_place = self.put(player, at, state);
        }
        let plain = HelloEncoding { encoding: Encoding::Plain, extras: false };
        let HelloEncoding { encoding, extras } = HelloEncoding::from_number(join.encoding).unwrap_or(plain);
        let snapshots = Snapshots::new(encoding, self.config.snapshot_bytes());
        let mut peer = Peer::new(join, self.draw_session(), player, snapshots, self.now);
        peer.extras = extras;
        peer.said = before.as_ref().map(|before| before.said).unwrap_or_default();
        if let Some(before) = before.as_ref().filter(|before| before.is_known_by(join.session)) {
            peer.session_before = Some(join.session);
            peer.resume(before);
        }
        match (extras, peer.is_resumed) {
            (true, true) => {}
            (true, false) => self.office.admit(player.index()),
            (false, _) => self.office.dismiss(player.index()),
        }
        let (session, session_before, nonce) = (peer.session, peer.session_before, peer.nonce);
        let opener = credential.map(|credential| self.seal(&mut peer, credential));
        let key = self.peers.insert(peer);
        let identity =
            Identity { key, session, session_before, nonce, client_id: join.client_id, encoding, extras };
        self.gate.admit(self.now, join.from, identity, accounts, opener);
        self.report.totals.joined += 1;
        self.welcome(key);
        Some(key)
    }

    /// From now on what the peer is sent is sealed; gives what opens what it says.
    fn seal(&self, peer: &mut Peer, credential: &Credential) -> Box<Opener> {
        let keys = keys_of_session(&credential.session_key, peer.nonce, peer.session, self.epoch);
        let (sealer, opener) = keys.of(Sender::Server);
        peer.sealer = Some(Box::new(sealer));
        peer.ticket = Some(credential.session_key.mark());
        Box::new(opener)
    }

    fn draw_session(&mut self) -> u64 {
        loop {
            self.sessions_drawn += 1;
            let session = self.sessions.number(self.sessions_drawn);
            if session != 0 {
                return session;
            }
        }
    }

    /// The welcome was lost, or the hello came twice.
    fn welcome_again(&mut self, join: &Join) {
        if let Some(key) = self.gate.key_at(join.from) {
            if let Some(peer) = self.peers.get_mut(key) {
                peer.heard = self.now;
                // This hello is used up too, if it is another than the first.
                peer.proven_ms = peer.proven_ms.max(join.proven_ms);
            }
            self.welcome(key);
        }
    }

    fn welcome(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let standing = self.world.player(peer.player);
        let flags = [(standing.is_some(), Welcome::PLACED), (peer.is_resumed, Welcome::RESUMED)];
        let welcome = Welcome {
            nonce: peer.nonce,
            session: peer.session,
            epoch: self.epoch,
            tick: self.report.tick,
            period_ns: self.config.tick_rate.period().as_nanos() as u64,
            timeout_ms: self.config.timeout.as_millis() as u32,
            datagram_bytes: self.config.datagram_bytes as u32,
            moves_per_second: self.config.moves_per_second,
            bounds: self.world.bounds(),
            client_id: peer.client_id,
            placed: flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum(),
            at: standing.map(|player| player.at).unwrap_or_default(),
        };
        say_welcome(&mut self.outbox, peer, welcome);
    }

    fn refuse(&mut self, join: &Join, no: &No) {
        self.gate.refuse(self.now, &join.from, counted_as(no.reason));
        let refusal = Refusal { nonce: join.nonce, reason: no.reason, detail: no.detail };
        self.outbox.push(join.from, |bytes| wire::encode_server(&FromServer::Refusal(refusal), bytes));
    }
}

/// Whether the hello is the one that the peer was admitted by, and it has not shown yet that the welcome has arrived.
/// Where nothing is sealed, who knows the nonce may ask for the welcome at any time.
fn is_repeated(join: &Join, peer: &Peer) -> bool {
    let is_same = peer.nonce == join.nonce && peer.client_id == join.client_id;
    is_same && !(peer.sealer.is_some() && peer.has_spoken)
}

/// Puts a welcome among the answers.
fn say_welcome(outbox: &mut Batch, peer: &mut Peer, welcome: Welcome) {
    let drawn = [welcome.nonce, welcome.session, welcome.epoch];
    let write = |bytes: &mut Vec<u8>| wire::encode_server(&FromServer::Welcome(welcome), bytes);
    match &mut peer.sealer {
        None => outbox.push(peer.addr, write),
        Some(sealer) => outbox.push(peer.addr, |bytes| _ = sealer.seal_welcome(bytes, drawn, write)),
    }
}

fn counted_as(reason: RefusalReason) -> DropReason {
    match reason {
        RefusalReason::Version => DropReason::Version,
        RefusalReason::Full => DropReason::Full,
        RefusalReason::ClientIdInUse => DropReason::ClientIdInUse,
        RefusalReason::ClientIdNotAllowed => DropReason::ClientIdNotAllowed,
        RefusalReason::Encoding => DropReason::Encoding,
        RefusalReason::ShuttingDown => DropReason::ShuttingDown,
        RefusalReason::TicketNeeded => DropReason::TicketNeeded,
        RefusalReason::Ticket => DropReason::TicketExpired,
        RefusalReason::Game => DropReason::Game,
    }
}
