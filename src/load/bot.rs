//! One bot: a client on a socket of its own, and what is counted of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::age::{Standing, Viewer};
use super::epoch::Epochs;
use super::tally::Tally;
use crate::client::{Client, ClientConfig, Event, Phase};
use crate::secret::Secret;
use crate::wire::{
    ClosedReason, Position, Refusal, RefusalReason, SnapshotHeader, Tick, UDP_PAYLOAD_MAX, Welcome,
};

/// How many datagrams a visit takes from the socket: more than its queue holds of small ones.
const DATAGRAMS_PER_VISIT: usize = 256;

/// How long a bot that was refused or closed waits before it tries again.
const PAUSE: Duration = Duration::from_millis(500);

/// A socket that talks to `server` alone and never waits.
pub(super) fn open(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// What all bots of a run share.
#[derive(Debug)]
pub(super) struct Shared {
    /// When the run began.
    began: Instant,
    pub(super) epochs: Epochs,
    pub(super) snapshot_bytes: Histogram<u64>,
    pub(super) joined: usize,
    /// Bots that were refused for good before they had joined.
    pub(super) given_up: usize,
    /// The last refusal, for when nobody can join.
    pub(super) refusal: Option<Refusal>,
    received: Vec<u8>,
    sending: Vec<u8>,
}

impl Shared {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            epochs: Epochs::default(),
            snapshot_bytes: super::report::histogram(),
            joined: 0,
            given_up: 0,
            refusal: None,
            received: vec![0; UDP_PAYLOAD_MAX + 1],
            sending: Vec::new(),
        }
    }

    /// The time since the run began.
    pub(super) fn since_began(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}

/// A client, its socket, and its counts.
///
/// [`Bot::visit`] at its turn, over and over, and [`Bot::make_move`] where one is due; [`Bot::leave`] at the end.
#[derive(Debug)]
pub(super) struct Bot {
    client: Client,
    socket: UdpSocket,
    /// When it tries again, after it was refused or closed.
    rejoins_at: Option<Instant>,
    has_joined: bool,
    decodes: bool,
    pub(super) tally: Tally,
}

impl Bot {
    /// A bot that says hello from `joins_at` on.
    pub(super) fn new(config: ClientConfig, secret: &Secret, socket: UdpSocket, joins_at: Instant) -> Self {
        Self {
            client: Client::new(config, secret, joins_at),
            socket,
            rejoins_at: None,
            has_joined: false,
            decodes: config.decode,
            tally: Tally::default(),
        }
    }

    /// Takes in what is pending, and says hello if that is due.
    pub(super) fn visit(&mut self, now: Instant, shared: &mut Shared) {
        self.receive(now, shared);
        if self.rejoins_at.is_some_and(|at| at <= now) {
            self.rejoins_at = None;
            self.client.rejoin(now);
        }
        shared.sending.clear();
        if self.client.poll(now, &mut shared.sending) {
            self.send(&shared.sending);
        }
    }

    /// Tells the server that its player is `at`. Nothing happens unless it plays.
    pub(super) fn make_move(&mut self, at: Position, shared: &mut Shared) {
        shared.sending.clear();
        // It goes its own way all the same: moves that do not follow would count for nothing.
        self.client.take_correction();
        if let Some(sequence) = self.client.move_to(at, 0, &mut shared.sending)
            && self.send(&shared.sending)
        {
            self.tally.on_sent(sequence);
        }
    }

    /// Tells the server that it plays no longer, so that its client id is free again.
    pub(super) fn leave(&mut self, shared: &mut Shared) {
        shared.sending.clear();
        if self.client.leave(&mut shared.sending) {
            self.send(&shared.sending);
        }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn is_playing(&self) -> bool {
        self.client.phase() == Phase::Playing
    }

    pub(super) fn has_joined(&self) -> bool {
        self.has_joined
    }

    /// How many players it knows of, its own included, and without the entities of a game.
    pub(super) fn players_seen(&self) -> u64 {
        self.client.world().players().filter(|known| known.kind == 0).count() as u64
    }

    pub(super) fn decodes(&self) -> bool {
        self.decodes
    }

    /// While it plays: the place of its epoch, and the tick in which it joined.
    pub(super) fn since(&self) -> Option<(usize, Tick)> {
        let session = self.tally.session().filter(|_| self.is_playing())?;
        Some((session.epoch, session.joined))
    }

    /// As one who looks at the others; `None` while it has no snapshot.
    pub(super) fn viewer(&self, index: usize) -> Option<Viewer> {
        let (epoch, joined) = self.since()?;
        let now = self.client.header()?.tick;
        Some(Viewer { index, epoch, joined, now })
    }

    /// Whether it was handed to the network. What is not counts as not sent, and is not tried again: the next
    /// move is newer.
    fn send(&self, bytes: &[u8]) -> bool {
        match self.socket.send(bytes) {
            Ok(_) => true,
            // The answer of a host without a server to what was sent before; this datagram did not go out.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => self.socket.send(bytes).is_ok(),
            Err(_) => false,
        }
    }
}

/// What comes in.
impl Bot {
    fn receive(&mut self, now: Instant, shared: &mut Shared) {
        for _ in 0..DATAGRAMS_PER_VISIT {
            let length = match self.socket.recv(&mut shared.received) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => continue,
            };
            let event = self.client.receive(now, &shared.received[..length]);
            if event.is_some_and(|event| self.on_event(now, &event, length, shared)) {
                break;
            }
        }
    }

    /// Whether nothing newer has fallen due: a call of the system is saved wherever a bot is up to date.
    fn on_event(&mut self, now: Instant, event: &Event, length: usize, shared: &mut Shared) -> bool {
        match event {
            Event::Snapshot(header) => return self.on_snapshot(now, header, length, shared),
            Event::Welcomed(welcome) => self.on_welcome(now, welcome, shared),
            Event::Refused(refusal) => {
                shared.refusal = Some(*refusal);
                self.rejoins_at = may_change(refusal.reason).then_some(now + PAUSE);
                shared.given_up += usize::from(self.rejoins_at.is_none() && !self.has_joined);
            }
            Event::Closed(ClosedReason::Removed(_)) => self.rejoins_at = None,
            Event::Closed(_) => self.rejoins_at = Some(now + PAUSE),
        }
        false
    }

    fn on_welcome(&mut self, now: Instant, welcome: &Welcome, shared: &mut Shared) {
        let time = shared.since_began(now);
        let epoch = shared.epochs.on_welcome(time, welcome);
        self.tally.on_welcome(time, &shared.epochs, epoch, welcome.tick);
        shared.joined += usize::from(!self.has_joined);
        self.has_joined = true;
    }

    fn on_snapshot(
        &mut self,
        now: Instant,
        header: &SnapshotHeader,
        length: usize,
        shared: &mut Shared,
    ) -> bool {
        let Some(epoch) = self.tally.session().map(|session| session.epoch) else { return false };
        let time = shared.since_began(now);
        shared.epochs.on_snapshot(time, epoch, header.tick);
        if self.tally.on_snapshot(time, &shared.epochs, header.tick) {
            shared.snapshot_bytes.saturating_record(length as u64);
        }
        self.tally.on_applied(header.applied, header.applied_history);
        header.tick >= shared.epochs.at(epoch).clock().tick_at(time)
    }
}

/// Whether a client that was refused for this may be let in later.
fn may_change(reason: RefusalReason) -> bool {
    use RefusalReason::{ClientIdInUse, ClientIdNotAllowed, Encoding, Full, ShuttingDown, Version};
    use RefusalReason::{Game, Ticket, TicketNeeded};
    match reason {
        Full | ClientIdInUse | ShuttingDown | Game => true,
        Version | ClientIdNotAllowed | Encoding | TicketNeeded | Ticket => false,
    }
}

/// Everyone's place and state, for the ages.
impl From<(&Bot, Position)> for Standing {
    fn from((bot, at): (&Bot, Position)) -> Self {
        Self { at, since: bot.since() }
    }
}
