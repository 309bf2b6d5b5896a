//! A client without I/O: for bots, simulations, tests, and games in Rust.
//!
//! It takes time and datagrams and gives datagrams, like the server core.

mod clock;
mod frames;
mod known;
mod roster;
mod sealed;
mod table;
mod trail;

use std::time::{Duration, Instant};

use clock::TickClock;
use frames::Frames;
pub use known::{KnownPlayer, KnownWorld};
use sealed::Sealing;
pub use trail::RenderTime;

use crate::config::PROOF_LIFETIME;
use crate::seal::Pass;
use crate::secret::Secret;
use crate::wire::{
    self, Ack, Challenge, Closed, ClosedReason, Encoding, FromClient, FromServer, Hello, Leave, Move,
    PROTOCOL_VERSION, Position, Proof, Refusal, SnapshotHeader, Tick, Welcome,
};

/// A snapshot that was overtaken by so many ticks may lead from a baseline that is no longer kept: those of 64 ticks are,
/// and blocks lead back 56 at the most.
const OVERTAKEN_TICKS_MAX: u64 = 8;
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
    /// The server has ended its session, and why. [`Client::rejoin`] tries again.
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
                encoding: config.encoding.number(),
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
        match self.config.pass {
            None => self.on_message(now, bytes),
            Some(pass) => self.on_datagram(now, &pass, bytes),
        }
    }

    fn on_message(&mut self, now: Instant, bytes: &[u8]) -> Option<Event> {
        let event = match wire::snapshot_header(bytes) {
            Some(header) => self.on_snapshot(now, &header, bytes),
            None => match wire::decode_server(bytes) {
                Ok(FromServer::Challenge(challenge)) if self.on_challenge(now, &challenge) => return None,
                Ok(FromServer::Welcome(welcome)) => self.on_welcome(now, welcome),
                Ok(FromServer::Refusal(refusal)) => self.on_refusal(refusal),
                Ok(FromServer::Closed(closed)) => self.on_closed(closed),
                Ok(FromServer::Challenge(_) | FromServer::Plain(_)) => None,
                Err(_) => self.on_malformed(),
            },
        };
        self.ignored += u64::from(event.is_none());
        event
    }

    /// Appends a hello to `out` if one is due, and says whether it did.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
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

    /// Appends a move to `out` and gives its sequence. `None`, and nothing appended, unless the client plays.
    pub fn move_to(&mut self, at: Position, state: u32, out: &mut Vec<u8>) -> Option<u32> {
        let session = self.session()?;
        let (client_id, sequence, ack) = (self.config.client_id, self.sequence.wrapping_add(1), self.ack);
        let step = Move { client_id, session, sequence, at, state, ack };
        if !self.write(&FromClient::Move(step), out) {
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
        self.write(&FromClient::Leave(leave), out)
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

/// What comes in.
impl Client {
    /// False if it is not the answer that is waited for.
    fn on_challenge(&mut self, now: Instant, challenge: &Challenge) -> bool {
        let expected = self.phase == Phase::Joining
            && challenge.nonce == self.hello.nonce
            && self.hello.proof == Proof::NONE;
        if expected {
            self.hello.proof = challenge.proof;
            self.proof_since = now;
            self.next_hello = now;
        }
        expected
    }

    fn on_welcome(&mut self, now: Instant, welcome: Welcome) -> Option<Event> {
        if self.phase != Phase::Joining || welcome.nonce != self.hello.nonce {
            return None;
        }
        if self.welcome.is_none_or(|before| before.epoch != welcome.epoch) {
            self.world.clear();
            self.clock = None;
            self.frames.clear();
            self.ack = Ack::default();
        }
        self.welcome = Some(welcome);
        self.world.set_period(welcome.period_ns);
        self.sequence = 0;
        self.header = None;
        self.heard = now;
        self.phase = Phase::Playing;
        Some(Event::Welcomed(welcome))
    }

    fn on_refusal(&mut self, refusal: Refusal) -> Option<Event> {
        if self.phase != Phase::Joining || refusal.nonce != self.hello.nonce {
            return None;
        }
        self.phase = Phase::Refused(refusal);
        Some(Event::Refused(refusal))
    }

    fn on_closed(&mut self, closed: Closed) -> Option<Event> {
        if self.session() != Some(closed.session) {
            return None;
        }
        self.phase = Phase::Closed(closed.reason);
        Some(Event::Closed(closed.reason))
    }

    fn on_snapshot(&mut self, now: Instant, header: &SnapshotHeader, bytes: &[u8]) -> Option<Event> {
        if self.session() != Some(header.session) {
            return None;
        }
        if self.config.decode && !self.take_in(bytes) {
            return if self.is_too_late(header.tick) { None } else { self.on_malformed() };
        }
        self.on_header(now, header);
        Some(Event::Snapshot(*header))
    }

    /// Whether so many newer snapshots have overtaken that of `tick` that what it leads from may be forgotten.
    fn is_too_late(&self, tick: Tick) -> bool {
        self.header.is_some_and(|newest| newest.tick.since(tick) >= OVERTAKEN_TICKS_MAX)
    }

    /// Makes the known world as new as the snapshot. False if it cannot be decoded; then nothing has changed.
    fn take_in(&mut self, bytes: &[u8]) -> bool {
        if let Some(compact) = wire::compact_snapshot(bytes) {
            let taken = self.frames.take_in(&compact);
            if taken == Ok(true) {
                if let Some(sum) = compact.checksum {
                    self.blocks.checksums += 1;
                    self.blocks.desyncs += u64::from(self.frames.checksum(compact.header.tick) != sum);
                }
                let telling = self.frames.telling(compact.header.tick);
                self.blocks.bytes += compact.blocks.len() as u64;
                self.blocks.players += telling.members as u64;
                self.world.take_in_members(&compact.header, telling);
                self.frames.missing(compact.header.tick, |missing| self.world.on_missing(missing));
            }
            return taken.is_ok();
        }
        match wire::decode_server(bytes) {
            Ok(FromServer::Plain(snapshot)) => self.world.take_in(&snapshot),
            _ => return false,
        }
        true
    }

    fn on_malformed(&mut self) -> Option<Event> {
        self.malformed += 1;
        None
    }

    fn on_header(&mut self, now: Instant, header: &SnapshotHeader) {
        self.heard = now;
        self.ack = acknowledge(self.ack, header.tick);
        self.set_clock(now, header.tick);
        if self.header.is_none_or(|newest| header.tick > newest.tick) {
            self.header = Some(*header);
        }
    }

    fn set_clock(&mut self, now: Instant, tick: Tick) {
        let period_ns = self.welcome.map_or(1, |welcome| welcome.period_ns);
        match &mut self.clock {
            Some(clock) => clock.on_snapshot(now, tick),
            None if self.config.interpolation.is_some() => {
                self.clock = Some(TickClock::new(now, tick, period_ns));
            }
            None => {}
        }
    }
}

/// How far what is shown trails.
fn delay(config: &ClientConfig) -> Option<Duration> {
    config.interpolation.map(|delay| delay.min(DELAY_MAX))
}

/// `ack`, and the snapshot of `tick` too.
fn acknowledge(ack: Ack, tick: Tick) -> Ack {
    if ack == Ack::default() {
        return Ack { newest: tick, history: 0 };
    }
    let ahead = tick.since(ack.newest);
    let behind = ack.newest.since(tick);
    let bit = |distance: u64| 1_u64.checked_shl(distance.wrapping_sub(1) as u32).unwrap_or(0);
    match (ahead, behind) {
        (0, 0) => ack,
        (0, 1..=64) => Ack { history: ack.history | bit(behind), ..ack },
        (0, _) => ack,
        (1..=64, _) => {
            Ack { newest: tick, history: ack.history.checked_shl(ahead as u32).unwrap_or(0) | bit(ahead) }
        }
        _ => Ack { newest: tick, history: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_remember_64_ticks() {
        let all = [10, 11, 13, 12, 13].into_iter().map(Tick).fold(Ack::default(), acknowledge);
        assert_eq!(all, Ack { newest: Tick(13), history: 0b111 });
        let late = acknowledge(Ack { newest: Tick(100), history: 0 }, Tick(36));
        assert_eq!(late.history, 1 << 63);
        assert_eq!(acknowledge(late, Tick(35)), late);
        assert_eq!(acknowledge(late, Tick(164)), Ack { newest: Tick(164), history: 1 << 63 });
        assert_eq!(acknowledge(late, Tick(u64::MAX)), Ack { newest: Tick(u64::MAX), history: 0 });
    }
}
