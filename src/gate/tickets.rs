//! Hellos with tickets, and what comes sealed: opened here, and then checked as everything else.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::places::{Asker, Looks};
use super::shared::{AtomicU64, Ordering};
use super::table::Entry;
use super::{Command, DropReason, Gate, Join, PeerAddr, PeerKey, Reply, SEALED_MOVE_BYTES};
use crate::config::TicketConfig;
use crate::seal::{self, SessionKey, TicketKeys, Unopened};
use crate::wire::{
    self, EXTRAS_BYTES_MAX, FromClient, Hello, Move, MoveExtras, PROTOCOL_VERSION, Refusal, RefusalReason,
    Sender, TICKET_HELLO_TAGGED_BYTES, Ticket, TicketFault, TicketHello,
};

/// Length of the longest sealed move, the longest of what a client seals.
const SEALED_MAX: usize = SEALED_MOVE_BYTES + EXTRAS_BYTES_MAX;

/// What a good ticket has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credential {
    pub(crate) session_key: SessionKey,
    /// Then it is good for one who still plays, and goes on from another address.
    pub(crate) is_expired: bool,
}

/// Looks into tickets.
#[derive(Debug)]
pub(super) struct Tickets {
    /// Written when keys are rotated, and read at a hello with a ticket only.
    keys: RwLock<TicketKeys>,
    server: u64,
    /// The time of day: what the outside told last.
    unix_seconds: AtomicU64,
    /// To open a ticket takes some microseconds.
    looks: Looks,
}

impl Tickets {
    /// Until somebody tells the time, every ticket has expired.
    pub(super) fn new(config: &TicketConfig) -> Self {
        Self {
            keys: RwLock::new(config.keys.clone()),
            server: seal::server_number(&config.server),
            unix_seconds: AtomicU64::new(u64::MAX),
            looks: Looks::new(),
        }
    }

    /// Whether the ticket names a key of this server: without, there is nothing to be opened.
    fn names_a_key(&self, ticket: &Ticket) -> bool {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).has_key_of(ticket)
    }

    fn check(&self, bytes: &[u8], said: &TicketHello) -> Result<Credential, TicketFault> {
        let opened = self.keys.read().unwrap_or_else(PoisonError::into_inner).open(&said.ticket)?;
        let is_expired = opened.expires <= self.unix_seconds.load(Ordering::Relaxed);
        if is_expired && said.hello.session == 0 {
            return Err(TicketFault::Expired);
        }
        if opened.server != self.server {
            return Err(TicketFault::OtherServer);
        }
        if opened.client_id != said.hello.client_id {
            return Err(TicketFault::OtherClient);
        }
        let tagged = &bytes[..TICKET_HELLO_TAGGED_BYTES];
        if !seal::is_from_bearer(&opened.session_key, tagged, &said.tag) {
            return Err(TicketFault::NotItsBearer);
        }
        Ok(Credential { session_key: opened.session_key, is_expired })
    }
}

/// Tickets, from the outside.
impl Gate {
    /// Says what time it is, in seconds since 1970: by that tickets expire. Call it at the start, and about once a
    /// second; before the first call every ticket has expired.
    pub fn set_unix_seconds(&self, seconds: u64) {
        if let Some(tickets) = &self.tickets {
            tickets.unix_seconds.store(seconds, Ordering::Relaxed);
        }
    }

    /// From now on these keys open tickets, and no others. Who plays already plays on. False, and nothing has
    /// changed, where the server was started without tickets.
    pub fn set_ticket_keys(&self, keys: TicketKeys) -> bool {
        let Some(tickets) = &self.tickets else { return false };
        *tickets.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        true
    }
}

impl Gate {
    /// Checked in the order of what it costs: the ticket is opened last, and paid for before.
    pub(super) fn on_ticket_hello(
        &self,
        now: Instant,
        from: PeerAddr,
        bytes: &[u8],
    ) -> Result<Option<Reply>, DropReason> {
        let said = wire::decode_ticket_hello(bytes).ok_or(DropReason::Malformed)?;
        let hello = said.hello;
        if hello.version != PROTOCOL_VERSION {
            return self.on_other_version(now, from, hello.nonce, bytes.len());
        }
        let age = self.age(now);
        self.prover.check(age, from, hello.nonce, &hello.proof)?;
        let tickets = self.tickets.as_ref().filter(|tickets| tickets.names_a_key(&said.ticket));
        let Some(tickets) = tickets else {
            return self.refuse_ticket(now, from, &hello, TicketFault::Unreadable);
        };
        let asker = self.charge(age, from, &hello)?;
        if !tickets.looks.take(age, asker) {
            return Err(DropReason::NotLookedAt);
        }
        match tickets.check(bytes, &said) {
            Ok(credential) => {
                self.on_good_ticket(age, asker, Join::new(from, &hello), credential).map(|()| None)
            }
            Err(fault) => self.refuse_ticket(now, from, &hello, fault),
        }
    }

    /// Whoever has one ticket may be at many addresses, so the ticket pays too.
    fn on_good_ticket(
        &self,
        age: Duration,
        asker: Asker,
        join: Join,
        credential: Credential,
    ) -> Result<(), DropReason> {
        if asker != Asker::Again && !self.strangers.may_join_by(age, credential.session_key.mark()) {
            return Err(DropReason::Rate);
        }
        self.push_asked(asker, Command::TicketJoin(join, credential))
    }

    fn refuse_ticket(
        &self,
        now: Instant,
        from: PeerAddr,
        hello: &Hello,
        fault: TicketFault,
    ) -> Result<Option<Reply>, DropReason> {
        let refusal = Refusal { nonce: hello.nonce, reason: RefusalReason::Ticket, detail: fault.number() };
        self.refuse_proven(now, from, refusal, counted_as(fault)).map(Some)
    }

    pub(super) fn on_sealed(&self, now: Instant, from: PeerAddr, bytes: &[u8]) -> Result<(), DropReason> {
        // Most have no extras, and a longer buffer takes longer to make.
        match bytes.len() {
            0..=SEALED_MOVE_BYTES => self.open_sealed(now, from, bytes, &mut [0; SEALED_MOVE_BYTES]),
            _ => self.open_sealed(now, from, bytes, &mut [0; SEALED_MAX]),
        }
    }

    fn open_sealed(
        &self,
        now: Instant,
        from: PeerAddr,
        bytes: &[u8],
        buffer: &mut [u8],
    ) -> Result<(), DropReason> {
        let sealed = wire::sealed(Sender::Client, bytes).ok_or(DropReason::Malformed)?;
        let age = self.age(now);
        let datagram = buffer.get_mut(..bytes.len()).ok_or(DropReason::Length)?;
        datagram.copy_from_slice(bytes);
        let passed = self.peers.with(from, |entry| {
            let opener = entry.opener.as_mut().ok_or(DropReason::Forged)?;
            let inside = opener.open(sealed.sequence, sealed.clear, datagram).map_err(unopened)?;
            self.check_inside(age, entry, inside)
        });
        match passed.ok_or(DropReason::UnknownPeer)?? {
            Inside::Move(key, step, extras) => self.push_move(key, &step, extras),
            Inside::Leave(key) => self.push(Command::Leave(key)),
        }
    }

    fn check_inside<'a>(
        &self,
        age: Duration,
        entry: &mut Entry,
        inside: &'a [u8],
    ) -> Result<Inside<'a>, DropReason> {
        if wire::starts_as_move(inside) {
            let (step, extras) = self.read_move(inside)?;
            let key = match extras {
                None => self.check_move(age, entry, &step)?,
                Some(_) => self.check_long_move(age, entry, &step)?,
            };
            return Ok(Inside::Move(key, step, extras));
        }
        match wire::decode_client(inside) {
            Ok(FromClient::Leave(leave)) => Ok(Inside::Leave(self.check_leave(age, entry, &leave)?)),
            Ok(FromClient::Hello(_) | FromClient::Move(_)) | Err(_) => Err(DropReason::Malformed),
        }
    }
}

/// What was sealed, and is good.
enum Inside<'a> {
    Move(PeerKey, Move, Option<MoveExtras<'a>>),
    Leave(PeerKey),
}

fn unopened(why: Unopened) -> DropReason {
    match why {
        Unopened::Replayed => DropReason::Replayed,
        Unopened::Forged => DropReason::Forged,
    }
}

fn counted_as(fault: TicketFault) -> DropReason {
    match fault {
        TicketFault::Unreadable => DropReason::TicketUnreadable,
        TicketFault::Expired => DropReason::TicketExpired,
        TicketFault::OtherServer => DropReason::TicketServer,
        TicketFault::OtherClient => DropReason::TicketClient,
        TicketFault::NotItsBearer => DropReason::TicketBearer,
    }
}
