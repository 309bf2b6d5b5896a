//! Who may talk?
//!
//! The gate turns a datagram into a command in the bounded queue, a small reply, or a counted drop. It verifies
//! only: size, form, proof of address, session, rate, sequence. It admits nobody; the tick does.

mod address;
mod beside;
mod budget;
mod drops;
mod hellos;
#[cfg(tickcast_loom)]
mod model;
mod moves;
mod peer;
mod places;
mod proof;
#[cfg(all(test, tickcast_loom))]
mod races;
mod shared;
mod strangers;
mod table;
mod tickets;

use std::time::{Duration, Instant};

use tracing::debug;

pub use address::PeerAddr;
pub(crate) use beside::Beside;
pub use drops::{DropReason, Drops};
pub use peer::{PeerView, PeersPage};

use crate::config::Config;
use crate::seal::Opener;
use crate::secret::Secret;
use crate::wire::{
    self, Ack, Encoding, FromClient, FromServer, HELLO_BYTES, Hello, LEAVE_BYTES, MOVE_BYTES, Move,
    PROTOCOL_VERSION, Position, SEALED_EXTRA_BYTES, TICKET_HELLO_BYTES, Tick,
};
use budget::Budget;
pub(crate) use budget::PeerAccounts;
use drops::Sampler;
pub(crate) use moves::is_newer;
use places::Places;
use proof::Prover;
use shared::ArrayQueue;
use strangers::Strangers;
use table::{Entry, PeerTable};
pub(crate) use tickets::Credential;
use tickets::Tickets;

const SEALED_MOVE_BYTES: usize = MOVE_BYTES + SEALED_EXTRA_BYTES;
const SEALED_LEAVE_BYTES: usize = LEAVE_BYTES + SEALED_EXTRA_BYTES;

/// Names a peer of the tick: a place, and how often that place has been given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerKey {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// What the tick is asked to do: a datagram that passed the gate. The queue has room for thousands, so it is small.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// An address that has proven itself asks to play.
    Join(Join),
    /// The same with a ticket, which is good.
    TicketJoin(Join, Credential),
    /// A peer says where its player is.
    Move(PeerKey, Step),
    /// The same, with what it says beside.
    LongMove(PeerKey, Step, Beside),
    /// Where the server is open: an unknown address says where a player is.
    OpenMove(Join, Step),
    /// A peer stops playing.
    Leave(PeerKey),
}

/// Who asks to play, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join {
    pub(crate) from: PeerAddr,
    pub(crate) nonce: u64,
    pub(crate) client_id: u32,
    pub(crate) encoding: u32,
    /// The session that it had; 0 = none.
    pub(crate) session: u64,
    /// When its address was proven, in milliseconds of the server's age.
    pub(crate) proven_ms: u64,
}

impl Join {
    fn new(from: PeerAddr, hello: &Hello) -> Self {
        let Hello { nonce, client_id, encoding, session, proof, .. } = *hello;
        Self { from, nonce, client_id, encoding, session, proven_ms: proof.time_ms }
    }
}

/// A move, without what the gate has checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) sequence: u32,
    pub(crate) at: Position,
    pub(crate) state: u32,
    pub(crate) ack: Ack,
}

impl From<&Move> for Step {
    fn from(step: &Move) -> Self {
        Self { sequence: step.sequence, at: step.at, state: step.state, ack: step.ack }
    }
}

/// By what the gate knows a peer's datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) key: PeerKey,
    pub(crate) session: u64,
    /// The one that it had before, by which it may come back too.
    pub(crate) session_before: Option<u64>,
    /// Of the hello that it was admitted by.
    pub(crate) nonce: u64,
    pub(crate) client_id: u32,
    pub(crate) encoding: Encoding,
    /// Whether it may send moves with extras.
    pub(crate) extras: bool,
}

/// Shared by whoever receives datagrams, the tick, and whoever reports; every method takes `&self`.
///
/// - For receivers: [`Gate::receive`] with every datagram; send the [`Reply`] if there is one.
/// - For reports: [`Gate::drops`], [`Gate::peers`], [`Gate::peers_page`], [`Gate::queued`].
/// - For tickets: [`Gate::set_unix_seconds`], about once a second, and [`Gate::set_ticket_keys`].
/// - The tick takes the commands out, and says who plays at which address.
#[derive(Debug)]
pub struct Gate {
    started: Instant,
    open: bool,
    /// How long a move may be.
    move_bytes_max: usize,
    /// And a message in it.
    message_bytes_max: usize,
    /// Without, everyone may play, and says so in clear.
    tickets: Option<Tickets>,
    /// What peers pay from: for moves and leaves, for hellos, and for those that make another session.
    budget: Budget,
    hello_budget: Budget,
    return_budget: Budget,
    strangers: Strangers,
    /// Who may still get something from the tick.
    places: Places,
    prover: Prover,
    peers: PeerTable,
    queue: ArrayQueue<Command>,
    drops: Drops,
    sampler: Sampler,
}

impl Gate {
    pub(crate) fn new(config: &Config, secret: &Secret, started: Instant) -> Self {
        Self {
            started,
            open: config.open,
            move_bytes_max: MOVE_BYTES + wire::extras_bytes_max(config.datagram_bytes),
            message_bytes_max: wire::message_bytes_max(config.datagram_bytes),
            tickets: config.tickets.as_ref().map(Tickets::new),
            budget: Budget::new(config.moves_per_second, config.burst()),
            hello_budget: Budget::of_hellos(),
            return_budget: Budget::of_returns(),
            strangers: Strangers::new(secret),
            places: Places::new(config.joins_per_tick()),
            prover: Prover::new(secret.derive("proof of address")),
            peers: PeerTable::new(secret.derive("peer table").hash_state(), config.max_peers),
            queue: ArrayQueue::new(config.queue_places()),
            drops: Drops::default(),
            sampler: Sampler::default(),
        }
    }

    /// Takes in one datagram. Bounded work, no error, no allocation but for the messages of a peer: what is refused is
    /// counted in [`Gate::drops`]. A reply is never longer than the datagram that it answers.
    pub fn receive(&self, now: Instant, from: PeerAddr, bytes: &[u8]) -> Option<Reply> {
        match self.pass(now, from, bytes) {
            Ok(reply) => reply,
            Err(reason) => {
                self.refuse(now, &from, reason);
                None
            }
        }
    }

    /// Counts a refusal, and logs one in a second for each reason.
    pub fn refuse(&self, now: Instant, from: &dyn std::fmt::Display, reason: DropReason) {
        self.drops.count(reason);
        if self.sampler.is_due(self.age(now), reason) {
            debug!(%from, reason = reason.name(), total = self.drops.of(reason), "refused");
        }
    }

    /// What was refused so far, here and in the tick.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// How many peers play.
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// How many commands wait for the tick.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many commands may wait for the tick.
    pub fn queue_places(&self) -> usize {
        self.queue.capacity()
    }

    /// At most `limit` peers with client ids above `after`, or from the lowest on, in the order of their client ids. Time
    /// goes by while it looks: who comes or goes meanwhile may be in it or not.
    pub fn peers_page(&self, now: Instant, after: Option<u32>, limit: usize) -> PeersPage {
        peer::page(&self.peers, self.age(now), after, limit)
    }

    /// How long the server has been there: what proofs of address count by.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    fn pass(&self, now: Instant, from: PeerAddr, bytes: &[u8]) -> Result<Option<Reply>, DropReason> {
        if let Some((version, nonce)) = wire::hello_prefix(bytes)
            && version != PROTOCOL_VERSION
        {
            return self.on_other_version(now, from, nonce, bytes.len());
        }
        match bytes.len() {
            MOVE_BYTES | LEAVE_BYTES => self.on_clear(now, from, bytes),
            length if self.is_long_move(bytes, length) => self.on_long_move(now, from, bytes).map(|()| None),
            length if self.is_long_sealed(bytes, length) => self.on_sealed(now, from, bytes).map(|()| None),
            SEALED_MOVE_BYTES | SEALED_LEAVE_BYTES => self.on_sealed(now, from, bytes).map(|()| None),
            TICKET_HELLO_BYTES => self.on_ticket_hello(now, from, bytes),
            HELLO_BYTES => self.on_clear(now, from, bytes),
            _ => Err(DropReason::Length),
        }
    }

    fn on_clear(&self, now: Instant, from: PeerAddr, bytes: &[u8]) -> Result<Option<Reply>, DropReason> {
        match wire::decode_client(bytes).map_err(|_| DropReason::Malformed)? {
            FromClient::Hello(hello) => self.on_hello(now, from, &hello),
            _ if self.tickets.is_some() => Err(DropReason::Unsealed),
            FromClient::Move(step) => self.on_move(now, from, &step).map(|()| None),
            FromClient::Leave(leave) => self.on_leave(now, from, &leave).map(|()| None),
        }
    }

    fn push(&self, command: Command) -> Result<(), DropReason> {
        self.queue.push(command).map_err(|_| DropReason::QueueFull)
    }
}

/// The tick's side.
impl Gate {
    /// A tick begins: its places are free again.
    pub(crate) fn begin_tick(&self) {
        self.places.free();
    }

    /// Whether the queue should be emptied before the tick.
    pub(crate) fn is_filling_up(&self) -> bool {
        self.queue.len() > self.queue.capacity() / 2
    }

    pub(crate) fn next_command(&self) -> Option<Command> {
        self.queue.pop()
    }

    /// From now on datagrams from `addr` that carry `session` and `client_id` are this peer's, in the place of
    /// whoever was there. It pays from `accounts`, if it had some: joining anew buys nothing. What it says is sealed
    /// if there is an `opener` for it.
    pub(crate) fn admit(
        &self,
        now: Instant,
        addr: PeerAddr,
        identity: Identity,
        accounts: Option<PeerAccounts>,
        opener: Option<Box<Opener>>,
    ) {
        let accounts = accounts.unwrap_or_else(|| self.budget.open(self.age(now)));
        let Identity { key, session, session_before, nonce, client_id, encoding, extras } = identity;
        let (heard, acknowledged) = (self.age(now), Tick(0));
        let entry = Entry {
            key,
            session,
            session_before,
            nonce,
            client_id,
            encoding,
            extras,
            newest: 0,
            heard,
            acknowledged,
            accounts,
            opener,
        };
        self.peers.insert(addr, entry);
    }

    pub(crate) fn remove(&self, addr: PeerAddr) {
        self.peers.remove(addr);
    }

    /// What the peer at `addr` has left to spend.
    pub(crate) fn accounts_at(&self, addr: PeerAddr) -> Option<PeerAccounts> {
        self.peers.with(addr, |entry| entry.accounts)
    }

    pub(crate) fn key_at(&self, addr: PeerAddr) -> Option<PeerKey> {
        self.peers.with(addr, |entry| entry.key)
    }

    pub(crate) fn count(&self, reason: DropReason) {
        self.drops.count(reason);
    }
}

/// A short answer to one datagram, to be sent to where that came from.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    bytes: [u8; HELLO_BYTES],
    length: usize,
}

impl Reply {
    fn new(message: &FromServer) -> Self {
        let mut reply = Self { bytes: [0; HELLO_BYTES], length: 0 };
        reply.length = wire::encode_reply(message, &mut reply.bytes);
        reply
    }
}

impl std::ops::Deref for Reply {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
