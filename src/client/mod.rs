//! A client without I/O: for bots, simulations, tests, and games in Rust.
//!
//! It takes time and datagrams and gives datagrams, like the server core.

mod clock;
mod frames;
mod incoming;
mod known;
mod mail;
mod roster;
mod sealed;
mod table;
mod trail;

use std::time::{Duration, Instant};

use clock::TickClock;
use frames::Frames;
pub use known::{KnownPlayer, KnownWorld};
use mail::Mail;
use sealed::Sealing;
pub use trail::RenderTime;

use crate::config::PROOF_LIFETIME;
use crate::seal::Pass;
use crate::secret::Secret;
use crate::wire::{
    self, Ack, ClosedReason, Encoding, FromClient, Hello, HelloEncoding, Leave, Move, PROTOCOL_VERSION,
    Position, Proof, Refusal, SnapshotHeader, Welcome,
};

/// How long to wait for an answer to a hello before it is sent again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A proof that has brought no answer for so long may be another server's, which has been restarted; the client
/// asks for a new one. Far shorter than the proof's lifetime, and a few times [`RETRY_AFTER`].
const PROOF_USED_FOR: Duration = Duration::from_secs(1);
const _: () = assert!(PROOF_USED_FOR.as_millis() < PROOF_LIFETIME.as_millis() / 2);

/// So many snapshots must stay away before that counts as silence: at 1 Hz, one comes a second at best.
const SILENCE_PERIODS_MIN: u32 = 4;

/// Nothing that is shown trails farther, whatever is asked for.
const DELAY_MAX: Duration = Duration::from_secs(10);

/// How a [`Client`] plays.
#[derive(Clone, Copy, Debug)]
pub struct ClientConfig {
    /// The number its player is to be known by.
    pub client_id: u32,
    /// How it wants its snapshots.
    pub encoding: Encoding,
    /// If no snapshot arrives for so long, and for four tick periods, it says hello again and takes its
    /// player over.
    pub silence: Duration,
    /// Whether it takes in the whole of a snapshot. Without, it reads the header and acknowledges, and knows
    /// nobody: what a load tool can afford for ten thousand clients.
    pub decode: bool,
    /// How far what is shown trails the newest that could be known, 10 s at most: as long as two or three snapshots
    /// may be late or lost. `None` if nobody asks where players are between ticks, which saves 200 bytes for each.
    pub interpolation: Option<Duration>,
    /// What the game's backend has handed out, for a server that wants tickets: it must be for `client_id`. Then the
    /// client believes nothing that is not sealed for its session, but for answers to its hello.
    pub pass: Option<Pass>,
}

impl ClientConfig {
    /// The defaults for a client id: compact snapshots, hello again after a second of silence, and what is shown trails
    /// by 100 ms.
    pub fn new(client_id: u32) -> Self {
        Self {
            client_id,
            encoding: Encoding::default(),
            silence: Duration::from_secs(1),
            decode: true,
            interpolation: Some(Duration::from_millis(100)),
            pass: None,
        }
    }

    /// The same for the bearer of a pass.
    pub fn with_pass(pass: Pass) -> Self {
        Self { pass: Some(pass), ..Self::new(pass.client_id()) }
    }
}

/// Where a client stands with its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It says hello until it is answered.
    Joining,
    /// It plays.
    Playing,
    /// The server will not have it, and why. [`Client::rejoin`] tries again.
    Refused(Refusal),
    /// The server has ended its session, and why. [`Client::rejoin`] tries again; whom the game has removed should not.
    Closed(ClosedReason),
    /// It has left.
    Left,
}

/// What a datagram brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client plays from now on.
    Welcomed(Welcome),
    /// The known world is as new as this, or a late snapshot came in.
    Snapshot(SnapshotHeader),
    /// The client does not play.
    Refused(Refusal),
    /// The client plays no longer.
    Closed(ClosedReason),
}

/// What the blocks of a client's compact snapshots told, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockTotals {
    /// The bytes of all blocks.
    pub bytes: u64,
    /// The players that they told of.
    pub players: u64,
    /// The snapshots that carried a checksum, and were decoded.
    pub checksums: u64,
    /// Those among them that told something else than the server meant.
    pub desyncs: u64,
}

/// Plays one client id on one server.
///
/// - Datagrams in: [`Client::receive`], with every one that arrives.
/// - Datagrams out: [`Client::poll`] whenever something has come in, and at least every 100 ms: it writes a
///   hello when one is due. [`Client::move_to`] and [`Client::leave`] write theirs at once.
/// - To say and hear more than places: [`Client::send`], [`Client::take_message`], [`Client::take_lost`]. What is said goes
///   out with the moves.
/// - Where the server puts the player elsewhere: [`Client::take_correction`]. Until it is taken, moves count for nothing.
/// - To look: [`Client::phase`], [`Client::world`], [`Client::welcome`], [`Client::applied`].
/// - To show: [`Client::render_time`] once a picture, and [`KnownWorld::position_at`] with it.
///
/// Whatever the datagrams say, it does not panic, and its memory stays within [`KnownWorld::PLAYERS_MAX`].
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    nonces: Secret,
    nonces_drawn: u64,
    phase: Phase,
    hello: Hello,
    /// Since when the hello's proof is known.
    proof_since: Instant,
    next_hello: Instant,
    /// When the last datagram of the session came in.
    heard: Instant,
    welcome: Option<Welcome>,
    sequence: u32,
    header: Option<SnapshotHeader>,
    ack: Ack,
    world: KnownWorld,
    clock: Option<TickClock>,
    frames: Frames,
    blocks: BlockTotals,
    mail: Mail,
    /// The newest time that it was told.
    now: Instant,
    sealing: Option<Box<Sealing>>,
    /// The last sealed datagram, in the clear.
    opened: Vec<u8>,
    ignored: u64,
    malformed: u64,
}

impl Client {
    /// A client that is about to say hello. Everything random in it comes from `secret`.
    pub fn new(config: ClientConfig, secret: &Secret, now: Instant) -> Self {
        let mut client = Self {
            config,
            nonces: secret.derive("nonces"),
            nonces_drawn: 0,
            phase: Phase::Joining,
            hello: Hello {
                version: PROTOCOL_VERSION,
                nonce: 0,
                client_id: config.client_id,
                encoding: HelloEncoding { encoding: config.encoding, extras: true }.number(),
                session: 0,
                proof: Proof::NONE,
            },
            proof_since: now,
            next_hello: now,
            heard: now,
            welcome: None,
            sequence: 0,
            header: None,
            ack: Ack::default(),
            world: KnownWorld::new(secret, delay(&config)),
            clock: None,
            frames: Frames::new(),
            blocks: BlockTotals::default(),
            mail: Mail::new(now),
            now,
            sealing: None,
            opened: Vec::new(),
            ignored: 0,
            malformed: 0,
        };
        client.rejoin(now);
        client
    }

    /// Says hello anew, with the session that it has, if any: after a refusal, a close, or a change of address.
    pub fn rejoin(&mut self, now: Instant) {
        self.begin_hello();
        self.hello.session = self.welcome.map_or(0, |welcome| welcome.session);
        self.next_hello = now;
        self.phase = Phase::Joining;
    }

    fn begin_hello(&mut self) {
        self.nonces_drawn += 1;
        self.hello.nonce = self.nonces.number(self.nonces_drawn);
        self.hello.proof = Proof::NONE;
    }

    /// From the next hello on it shows this pass: the one before may expire, or its key be taken away.
    pub fn set_pass(&mut self, pass: Pass) {
        self.config.pass = Some(pass);
        // The server may have answered the hello by the pass before, and answers it so again.
        self.begin_hello();
    }

    /// Takes in one datagram. What is not for this client changes nothing and is counted.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) -> Option<Event> {
        self.now = self.now.max(now);
        match self.config.pass {
            None => self.on_message(now, bytes),
            Some(pass) => self.on_datagram(now, &pass, bytes),
        }
    }

    /// Appends a hello to `out` if one is due, and says whether it did.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        self.now = self.now.max(now);
        let is_silent = now.saturating_duration_since(self.heard) > self.silence_max();
        let is_spent = self.sealing.as_ref().is_some_and(|sealing| sealing.sealer.is_spent());
        if self.phase == Phase::Playing && (is_silent || is_spent) {
            self.rejoin(now);
        }
        if self.phase != Phase::Joining || now < self.next_hello {
            return false;
        }
        if now.saturating_duration_since(self.proof_since) > PROOF_USED_FOR {
            self.hello.proof = Proof::NONE;
        }
        self.next_hello = now + RETRY_AFTER;
        sealed::write_hello(&self.hello, self.config.pass.as_ref(), out);
        true
    }

    /// Appends a move to `out` and gives its sequence; what is due of messages goes with it. `None`, and nothing appended,
    /// unless the client plays.
    pub fn move_to(&mut self, at: Position, state: u32, out: &mut Vec<u8>) -> Option<u32> {
        let session = self.session()?;
        let (client_id, sequence, ack) = (self.config.client_id, self.sequence.wrapping_add(1), self.ack);
        let step = Move { client_id, session, sequence, at, state, ack };
        let (mail, now) = (&mut self.mail, self.now);
        let write = |out: &mut Vec<u8>| {
            wire::encode_client(&FromClient::Move(step), out);
            mail.write(now, sequence, out);
        };
        if !sealed::write(self.sealing.as_deref_mut(), out, write) {
            return None;
        }
        self.sequence = sequence;
        Some(sequence)
    }

    /// Appends a leave to `out` and stops. False, and nothing appended, unless the client plays.
    pub fn leave(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(session) = self.session() else { return false };
        let leave = Leave { client_id: self.config.client_id, session };
        self.phase = Phase::Left;
        let write = |out: &mut Vec<u8>| wire::encode_client(&FromClient::Leave(leave), out);
        sealed::write(self.sealing.as_deref_mut(), out, write)
    }

    /// Where it stands with its server.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The last welcome, with the session, the tick period and the limits.
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// The header of the newest snapshot of this session.
    pub fn header(&self) -> Option<&SnapshotHeader> {
        self.header.as_ref()
    }

    /// The sequence of the newest own move that the newest snapshot shows: what came later is to be predicted.
    pub fn applied(&self) -> u32 {
        self.header.map_or(0, |header| header.applied)
    }

    /// What it has been told of the players.
    pub fn world(&self) -> &KnownWorld {
        &self.world
    }

    /// The time to show now: the server's tick clock, as the quickest snapshots lately tell it, less what
    /// [`ClientConfig::interpolation`] says. It never goes backwards in an epoch of the server, as long as `now` does
    /// not. `None` without interpolation, and before the first snapshot.
    pub fn render_time(&self, now: Instant) -> Option<RenderTime> {
        Some(self.clock?.render_time(now, delay(&self.config)?))
    }

    /// What its compact snapshots have told so far.
    pub fn blocks(&self) -> BlockTotals {
        self.blocks
    }

    /// Datagrams that were no message, or not for this client.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Datagrams among them that were no message at all.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    fn silence_max(&self) -> Duration {
        let period = self.welcome.map_or(Duration::ZERO, |welcome| Duration::from_nanos(welcome.period_ns));
        self.config.silence.max(period.saturating_mul(SILENCE_PERIODS_MIN))
    }

    fn session(&self) -> Option<u64> {
        self.welcome.filter(|_| self.phase == Phase::Playing).map(|welcome| welcome.session)
    }
}

/// How far what is shown trails.
fn delay(config: &ClientConfig) -> Option<Duration> {
    config.interpolation.map(|delay| delay.min(DELAY_MAX))
}
