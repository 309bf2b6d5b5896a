//! What happens in a tick?
//!
//! The core: it joins gate, world and snapshot, takes time and bytes as arguments and gives bytes. It never
//! asks for the time and never does I/O.

mod ack_ages;
mod admission;
mod batch;
mod ended;
mod memory;
mod moves;
mod peers;
mod post;
mod round;
mod rules;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

pub(crate) use ack_ages::{ACK_AGE_BOUNDS, AckAges};
pub use batch::Batch;
pub use memory::Changes;

use crate::config::{Config, ConfigError, REMEMBERED_MAX};
use crate::game::{Departure, Game, Standard};
use crate::gate::{Command, DropReason, Gate, PeerKey};
use crate::mail::Office;
use crate::profiles::Profile;
use crate::secret::Secret;
use crate::snapshot::{CompactSnapshots, PlainSnapshots};
use crate::wire::{self, Closed, ClosedReason, Encoding, FromServer, Player, SnapshotHeader, Tick};
use crate::world::World;
use ended::Ended;
use memory::Memory;
use peers::{Peer, Peers, Snapshots};
use round::Round;
use rules::Rules;

/// How long ids that have gone are named in plain snapshots.
const GONE_TOLD: Duration = Duration::from_secs(1);

/// What has been done since the start. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Ticks done.
    pub ticks: u64,
    /// Tick numbers that went by without a tick, because the one before took too long.
    pub ticks_skipped: u64,
    /// Clients admitted, counting one that comes back again.
    pub joined: u64,
    /// Peers that left.
    pub left: u64,
    /// Peers removed because nothing was heard of them.
    pub timed_out: u64,
    /// Peers removed by the game.
    pub removed: u64,
    /// Moves that changed the world.
    pub moves_applied: u64,
    /// Messages of players that the game was given.
    pub messages: u64,
    /// Snapshots made.
    pub snapshots: u64,
    /// Bytes of UDP payload made, all datagrams of the tick together.
    pub bytes_out: u64,
    /// Hooks of the game that panicked.
    pub hook_panics: u64,
    /// Pieces of work that the game has started beside the tick.
    pub work_started: u64,
    /// Those that have ended with an answer.
    pub work_finished: u64,
    /// Those that panicked.
    pub work_failed: u64,
    /// Those that took too long.
    pub work_timed_out: u64,
    /// Those whose owner has left, or that the game has cancelled.
    pub work_cancelled: u64,
}

/// What a tick found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its number.
    pub tick: Tick,
    /// How many peers get a snapshot of it.
    pub peers: usize,
    /// How many players stand in the world.
    pub players: usize,
    /// How many entities of the game's stand in it.
    pub entities: usize,
    /// Commands since the tick before.
    pub commands: usize,
    /// Pieces of work that the game has not been told the end of.
    pub work_in_flight: usize,
    /// All ticks so far.
    pub totals: Totals,
}

/// A tick server without clock and sockets: moves in, one snapshot datagram a tick out.
///
/// It owns peers, world, game and snapshots; the [`Gate`] it shares with whoever receives.
///
/// - Datagrams in, at any time and from any thread: [`Gate::receive`] of [`Server::gate`].
/// - Once a tick: [`Server::tick`], then [`Server::poll`] until it says that nothing is left, sending each
///   batch. Datagrams that come in meanwhile belong to the next tick. Where a batch could not be sent:
///   [`Server::on_full`].
/// - Where the game starts work: after a tick [`Server::take_work`], and [`Server::finish`] before one.
/// - To tell the game something: [`Server::order`].
/// - To stop: [`Server::close`], then [`Server::poll`] as after a tick, then [`Server::wind_up`].
/// - To look: [`Server::report`], [`Server::players`].
/// - To keep players beyond their leaving, or beyond a crash: [`Server::remember`] at the start, and
///   [`Server::take_changes`] between ticks.
///
/// The same secret and the same calls give the same bytes.
#[derive(Debug)]
pub struct Server {
    config: Config,
    gate: Arc<Gate>,
    peers: Peers,
    world: World,
    rules: Rules,
    /// `None`: whoever goes is forgotten.
    memory: Option<Memory>,
    memories: Secret,
    plain: PlainSnapshots,
    compact: CompactSnapshots,
    sessions: Secret,
    sessions_drawn: u64,
    epoch: u64,
    closing: bool,
    /// Commands since the last tick.
    commands: usize,
    /// Answers of the tick, sent before its snapshots.
    outbox: Batch,
    /// How many of them have been handed out.
    answered: usize,
    /// Sessions that have ended, as long as they could be asked for again.
    ended: Ended,
    /// What players and the game say to one another.
    office: Office,
    /// Those of the snapshot that is being made.
    extras: Vec<u8>,
    /// Whose turn it is to get the snapshot of this tick.
    round: Round,
    silent: Vec<PeerKey>,
    now: Instant,
    report: Report,
    ack_ages: AckAges,
}

impl Server {
    /// A server without peers, with the [`Standard`] game. Everything random in it comes from `secret`.
    ///
    /// # Errors
    /// If a value of `config` is out of bounds.
    pub fn new(config: Config, secret: &Secret, now: Instant) -> Result<Self, ConfigError> {
        let game = Standard::new(&config);
        Self::with_game(config, Box::new(game), secret, now)
    }

    /// The same with a game of yours. It does not see what of `config` is the standard game's.
    ///
    /// # Errors
    /// If a value of `config` is out of bounds.
    pub fn with_game(
        config: Config,
        game: Box<dyn Game>,
        secret: &Secret,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let gone_ticks = config.tick_rate.ticks_in(GONE_TOLD);
        Ok(Self {
            gate: Arc::new(Gate::new(&config, secret, now)),
            peers: Peers::new(secret),
            world: World::new(config.world, secret),
            rules: Rules::new(game, secret),
            memory: None,
            memories: secret.derive("memory"),
            plain: PlainSnapshots::new(config.snapshot_bytes(), gone_ticks, config.view),
            compact: match config.view {
                None => CompactSnapshots::new(config.snapshot_bytes(), config.checksums),
                Some(radius) => {
                    CompactSnapshots::with_view(config.snapshot_bytes(), config.checksums, radius)
                }
            },
            sessions: secret.derive("sessions"),
            sessions_drawn: 0,
            epoch: secret.derive("epoch").number(0),
            closing: false,
            commands: 0,
            outbox: Batch::new(config.datagram_bytes),
            answered: 0,
            ended: Ended::new(secret),
            office: Office::new(config.datagram_bytes),
            extras: Vec::new(),
            round: Round::default(),
            silent: Vec::new(),
            now,
            report: Report::default(),
            ack_ages: AckAges::default(),
            config,
        })
    }

    /// The front door, to be shared with whoever receives.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Does the work of `tick`: applies what has come in, in the order received, and makes ready what
    /// [`Server::poll`] hands out.
    ///
    /// # Panics
    /// If `tick` is 0, or not later than the last: nobody may get two snapshots of one tick.
    pub fn tick(&mut self, now: Instant, tick: Tick) {
        assert!(tick > self.report.tick, "ticks only go forward: {tick:?} after {:?}", self.report.tick);
        self.start_tick(now, tick);
        self.tell_of_work();
        self.drain();
        self.report.commands = std::mem::take(&mut self.commands);
        self.remove_silent();
        self.ask_for_tick();
        if self.peers.has_any(Encoding::Plain) {
            self.plain.begin(tick, &self.world);
        }
        if self.peers.has_any(Encoding::Compact) {
            self.compact.begin(tick, &self.world);
        }
        self.round.begin(self.peers.end());
        self.report.peers = self.peers.len();
        self.count_work();
        self.report.entities = self.world.entity_count();
        self.report.players = self.world.standing_count() - self.report.entities;
    }

    /// Applies what has come in before its tick, where the queue is filling up: at slow tick rates more comes in
    /// than it holds. Call it as often as you like between two ticks.
    pub fn catch_up(&mut self, now: Instant) {
        if self.gate.is_filling_up() {
            self.now = now;
            self.drain();
        }
    }

    /// Fills `batch` with the next datagrams that are due. False if there are none left; then `batch` is
    /// empty.
    pub fn poll(&mut self, batch: &mut Batch) -> bool {
        batch.clear();
        self.hand_out_answers(batch);
        // Asked for once, not for each peer.
        let age = self.gate.age(self.now);
        self.round.begin_batch();
        while !batch.is_full()
            && let Some(place) = self.round.next()
        {
            self.snapshot_for(place, age, batch);
        }
        self.report.totals.bytes_out += batch.bytes() as u64;
        !batch.is_empty()
    }

    /// Not all of the last batch could be sent, for want of room: the next tick begins with its peers, so that it is not always
    /// the same ones who go without.
    pub fn on_full(&mut self) {
        self.round.on_full();
    }

    /// The work of the last tick took so long, with the sends of all that [`Server::poll`] has handed out. Where it takes
    /// most of the period, compact peers who do not know the world yet wait for one another, lest ticks be skipped.
    pub fn on_worked(&mut self, took: Duration) {
        self.compact.on_worked(took, self.config.tick_rate.period());
    }

    /// Ends every session: tells each peer why, and refuses who asks to join, also later. Snapshots that were due
    /// are not.
    pub fn close(&mut self, reason: ClosedReason) {
        self.closing = true;
        self.drain();
        self.round.end();
        for place in 0..self.peers.end() {
            if let Some(peer) = self.peers.at(place) {
                say_closed(&mut self.outbox, peer, reason);
            }
        }
    }

    /// From now on players are remembered who no longer play, up to [`REMEMBERED_MAX`], and placed again where they stood
    /// when they come back; `players` are so from the start, those seen longest ago first.
    pub fn remember(&mut self, players: impl IntoIterator<Item = Player>) {
        let memory = self.memory.get_or_insert_with(|| Memory::new(REMEMBERED_MAX, &self.memories));
        memory.fill(players);
    }

    /// The game knows what is remembered of players, those who left longest ago first; what they do is added up under `run`.
    /// Call it with [`Server::remember`], before anyone plays.
    pub fn remember_profiles(&mut self, profiles: Vec<Profile>, run: u64) {
        self.tell_of_profiles(profiles, run);
    }

    /// What has changed of the players since the last time, or as much of it as is told at once. Nothing unless
    /// [`Server::remember`] was called. Takes nothing from the heap once `changes` has grown.
    pub fn take_changes(&mut self, changes: &mut Changes) {
        changes.clear();
        if let Some(memory) = &mut self.memory {
            memory.take(&self.world, changes);
            self.ask_for_profiles(&mut changes.profiles, &mut changes.forgotten_profiles);
            if !changes.profiles.is_empty() || !changes.forgotten_profiles.is_empty() {
                changes.since.get_or_insert(self.now);
            }
        }
    }

    /// Since when something waits for [`Server::take_changes`].
    pub fn changed_since(&self) -> Option<Instant> {
        self.memory.as_ref()?.changed_since()
    }

    /// What the last tick found and did.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// How old what peers acknowledged was.
    pub(crate) fn ack_ages(&self) -> &AckAges {
        &self.ack_ages
    }

    /// Every player that stands in the world.
    pub fn players(&self) -> impl Iterator<Item = Player> {
        self.world.standing().map(|(_, player)| player).filter(|player| wire::kind_of(player.client_id) == 0)
    }

    /// The configuration that it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The random number that tells this start of the server from all others.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// The steps of a tick.
impl Server {
    fn start_tick(&mut self, now: Instant, tick: Tick) {
        let totals = &mut self.report.totals;
        totals.ticks_skipped += tick.since(self.report.tick) - 1;
        totals.ticks += 1;
        self.gate.begin_tick();
        self.report.tick = tick;
        self.now = now;
        self.ended.forget(self.gate.age(now));
    }

    /// Takes what is in the queue now; what receive threads add meanwhile is the next tick's.
    fn drain(&mut self) {
        let queued = self.gate.queued();
        self.commands += queued;
        for _ in 0..queued {
            match self.gate.next_command() {
                Some(Command::Move(key, step)) => self.on_move(key, &step),
                Some(Command::LongMove(key, step, beside)) => self.on_long_move(key, &step, &beside),
                Some(Command::Join(join)) => self.on_join(&join, None),
                Some(Command::TicketJoin(join, credential)) => self.on_join(&join, Some(&credential)),
                Some(Command::OpenMove(join, step)) => self.on_open_move(&join, &step),
                Some(Command::Leave(key)) => self.on_leave(key),
                None => break,
            }
        }
    }

    fn on_leave(&mut self, key: PeerKey) {
        match self.remove(key, Departure::Left) {
            Some(mut peer) => {
                self.report.totals.left += 1;
                say_closed(&mut self.outbox, &mut peer, ClosedReason::Left);
            }
            None => self.gate.count(DropReason::PeerGone),
        }
    }

    fn remove_silent(&mut self) {
        let Some(since) = self.now.checked_sub(self.config.timeout) else { return };
        let mut silent = std::mem::take(&mut self.silent);
        self.peers.silent(since, &mut silent);
        for key in silent.drain(..) {
            if let Some(mut peer) = self.remove(key, Departure::TimedOut) {
                self.report.totals.timed_out += 1;
                say_closed(&mut self.outbox, &mut peer, ClosedReason::TimedOut);
            }
        }
        self.silent = silent;
    }

    /// Forgets a peer and its player, but for where it stood, if players are remembered. `None` for one that is about to go
    /// already: the game, which hears of it, may want others to go, and that one too.
    fn remove(&mut self, key: PeerKey, why: Departure) -> Option<Peer> {
        let peer = self.peers.get_mut(key).filter(|peer| !peer.is_leaving)?;
        peer.is_leaving = true;
        let client_id = peer.client_id;
        self.tell_of_leaving(client_id, why);
        self.rules.work.cancel_all_of(client_id);
        let peer = self.peers.remove(key)?;
        self.office.dismiss(peer.player.index());
        self.gate.remove(peer.addr);
        match (why, &peer.sealer) {
            (Departure::Removed(_), _) => {
                self.ended.note_removed(self.gate.age(self.now), client_id, peer.proven_ms, peer.nonce);
            }
            (_, Some(_)) => self.ended.note(self.gate.age(self.now), client_id, peer.proven_ms),
            (_, None) => {}
        }
        if let Some(memory) = &mut self.memory {
            memory.on_gone(self.now, peer.player, self.world.player(peer.player));
        }
        if self.world.remove(peer.player) {
            if self.peers.has_any(Encoding::Plain) {
                self.plain.on_gone(self.report.tick, peer.client_id);
            }
            self.compact.on_gone(self.report.tick, peer.player);
        }
        Some(peer)
    }

    fn hand_out_answers(&mut self, batch: &mut Batch) {
        let end = self.outbox.len().min(self.answered + batch.room());
        for index in self.answered..end {
            let (to, answer) = self.outbox.at(index);
            batch.push(to, |bytes| bytes.extend_from_slice(answer));
        }
        self.answered = end;
        if end == self.outbox.len() {
            self.outbox.clear();
            self.answered = 0;
        }
    }

    fn snapshot_for(&mut self, place: usize, age: Duration, batch: &mut Batch) {
        let Some(peer) = self.peers.at(place) else { return };
        let header = SnapshotHeader {
            session: peer.session,
            tick: self.report.tick,
            applied: peer.applied.newest,
            applied_history: peer.applied.history,
            players: self.world.standing_count() as u32,
        };
        self.extras.clear();
        let row = peer.player.index();
        // Most have nothing to be told, and pay for no more than this question.
        if peer.extras && (peer.correction.is_open || self.office.has_mailbox(row)) {
            let (correction, bytes_max) =
                (peer.correction.told(), wire::extras_bytes_max(self.config.snapshot_bytes()));
            self.office.write_extras(row, (header.tick, age), correction, bytes_max, &mut self.extras);
        }
        let (extras, snapshots) = (&self.extras[..], &mut peer.snapshots);
        let (plain, compact, world, own) = (&mut self.plain, &mut self.compact, &self.world, peer.player);
        let write = |bytes: &mut Vec<u8>| match snapshots {
            Snapshots::Plain(turn) => plain.write(&header, world, own, turn, extras, bytes),
            Snapshots::Compact(told) => compact.write(&header, world, own, told, extras, bytes),
        };
        match &mut peer.sealer {
            None => batch.push(peer.addr, write),
            Some(sealer) => batch.push(peer.addr, |bytes| _ = sealer.seal(bytes, write)),
        }
        self.report.totals.snapshots += 1;
    }
}

/// Puts the end of the session among the answers.
fn say_closed(outbox: &mut Batch, peer: &mut Peer, reason: ClosedReason) {
    let closed = FromServer::Closed(Closed { session: peer.session, reason });
    let write = |bytes: &mut Vec<u8>| wire::encode_server(&closed, bytes);
    match &mut peer.sealer {
        None => outbox.push(peer.addr, write),
        Some(sealer) => outbox.push(peer.addr, |bytes| _ = sealer.seal(bytes, write)),
    }
}
