//! Many clients in one process and one thread, each on its own socket, and what they saw.
//!
//! One loop visits each bot at its own phase of the move period: it takes in what is pending and makes the
//! bot's move. No wake-up per socket: those are work for the kernel at the time of the server's send, and
//! would be charged to the server.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::age::{Ages, Standing};
use super::bot::{self, Bot, Shared};
use super::refusal_in_words;
use super::report::{BotsReport, Findings, histogram};
use super::schedule::{Schedule, Turn};
use super::tally::Counts;
use super::walk::{Area, Walk, Walks};
use crate::client::{BlockTotals, ClientConfig};
use crate::machine;
use crate::seal::Pass;
use crate::secret::Secret;
use crate::wire::Encoding;

/// Most clients of a run: Linux hands out 28,232 local ports unless told otherwise.
pub const CLIENTS_MAX: usize = 28_000;
/// The slowest rate of moves, in Hz; the server hears something within any timeout that it may have.
pub const RATE_MIN_HZ: f64 = 0.1;
/// The fastest rate of moves, in Hz: that of the fastest server's ticks.
pub const RATE_MAX_HZ: f64 = 1_000.0;

/// Up to so many clients all decode in full; of more, a sample.
const ALL_DECODE: usize = 1_000;
/// Of more, one in so many that at least this many decode.
const SAMPLE: usize = 100;
/// Hellos at most in a second, so that joining floods nobody: 10,000 clients in two and a half seconds.
const HELLOS_PER_SECOND: u32 = 4_000;
/// Ages taken per second: a small part of a core.
const AGES_PER_SECOND: u32 = 250_000;
/// How often the caller hears of the progress.
const PROGRESS_AFTER: Duration = Duration::from_millis(100);
/// Files that the process has open besides the sockets of the bots, generously.
const OTHER_FILES: u64 = 64;

/// What the bots are to do.
#[derive(Clone, Debug)]
pub struct BotsConfig {
    /// The server that they play on.
    pub server: SocketAddr,
    /// How many: 1 to [`CLIENTS_MAX`].
    pub clients: usize,
    /// The client id of the first; the others have the following ones.
    pub first_id: u32,
    /// Moves of each per second: [`RATE_MIN_HZ`] to [`RATE_MAX_HZ`].
    pub rate_hz: f64,
    /// The time over which everything is counted.
    pub duration: Duration,
    /// The time between the last join and the duration.
    pub warmup: Duration,
    /// How they walk.
    pub walk: Walk,
    /// Where they walk.
    pub area: Area,
    /// How they want their snapshots.
    pub encoding: Encoding,
    /// An even sample of at least so many decode their snapshots in full, or all; the others read the headers.
    /// Without: all up to 1,000 clients, of more at least 100.
    pub decoders: Option<usize>,
    /// The same seed, the same ways.
    pub seed: u64,
    /// By place, for a server that wants tickets; else none.
    pub passes: Vec<Pass>,
}

/// How far a run has got.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What it does.
    pub stage: Stage,
    /// How many clients have joined.
    pub joined: usize,
    /// How long this stage has taken.
    pub elapsed: Duration,
    /// How long it takes at most.
    pub total: Duration,
}

/// What a run does, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The clients join.
    Joining,
    /// They play, and nothing counts.
    WarmingUp,
    /// They play, and everything counts.
    Counting,
    /// What was counted is about to be said.
    Counted,
}

impl Stage {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Joining => "joining",
            Stage::WarmingUp => "warming_up",
            Stage::Counting => "counting",
            Stage::Counted => "counted",
        }
    }
}

/// Runs the bots from hello to leave. Everything random in their datagrams comes from `secret`; in their ways,
/// from the seed.
///
/// # Errors
/// If sockets cannot be opened, a value of `config` is out of bounds, or nobody could join.
pub fn run(
    config: &BotsConfig,
    secret: &Secret,
    progress: &mut dyn FnMut(Progress),
) -> io::Result<BotsReport> {
    check(config)?;
    let mut fleet = Fleet::open(config, secret)?;
    fleet.join(progress)?;
    fleet.play(Stage::WarmingUp, config.warmup, progress);
    let report = fleet.count(progress);
    fleet.leave();
    Ok(report)
}

fn check(config: &BotsConfig) -> io::Result<()> {
    let wrong = |told: String| Err(io::Error::new(io::ErrorKind::InvalidInput, told));
    if !(1..=CLIENTS_MAX).contains(&config.clients) {
        return wrong(format!("a run has 1 to {CLIENTS_MAX} clients, not {}", config.clients));
    }
    if !(RATE_MIN_HZ..=RATE_MAX_HZ).contains(&config.rate_hz) {
        return wrong(format!("bots move at {RATE_MIN_HZ} to {RATE_MAX_HZ} Hz, not {}", config.rate_hz));
    }
    if u32::try_from(config.clients).ok().and_then(|n| config.first_id.checked_add(n)).is_none() {
        return wrong(format!("there are no {} client ids from {} on", config.clients, config.first_id));
    }
    Ok(())
}

/// Of so many clients, every which one decodes.
fn sample_stride(clients: usize, decoders: Option<usize>) -> usize {
    match decoders {
        Some(decoders) => (clients / decoders.max(1)).max(1),
        None if clients <= ALL_DECODE => 1,
        None => clients / SAMPLE,
    }
}

/// All bots, and the loop over them.
struct Fleet<'a> {
    config: &'a BotsConfig,
    bots: Vec<Bot>,
    /// The numbers of their sockets, where the system has some.
    sockets: HashSet<u64>,
    shared: Shared,
    walks: Walks,
    standing: Vec<Standing>,
    schedule: Schedule,
    ages: Ages,
    /// What had been told when counting began.
    blocks_before: BlockTotals,
    /// When the next sample of ages is due; `None` while nothing counts.
    next_sample: Option<Instant>,
    /// The bot that the next sample is of.
    sampled: usize,
    next_progress: Instant,
}

impl<'a> Fleet<'a> {
    fn open(config: &'a BotsConfig, secret: &Secret) -> io::Result<Self> {
        machine::allow_files(config.clients as u64 + OTHER_FILES)?;
        let sockets: Vec<_> =
            (0..config.clients).map(|_| bot::open(config.server)).collect::<io::Result<_>>()?;
        let (now, stride) = (machine::now(), sample_stride(config.clients, config.decoders));
        let bots = sockets.into_iter().enumerate().map(|(index, socket)| {
            let client_id = config.first_id + index as u32;
            let (encoding, decode) = (config.encoding, index % stride == 0);
            let (pass, own) = (config.passes.get(index).copied(), ClientConfig::new(client_id));
            let client = ClientConfig { encoding, decode, interpolation: None, pass, ..own };
            let joins_at = now + Duration::from_secs(1) / HELLOS_PER_SECOND * index as u32;
            Bot::new(client, &secret.derive(&format!("bot {client_id}")), socket, joins_at)
        });
        let bots: Vec<Bot> = bots.collect();
        Ok(Self {
            sockets: bots.iter().filter_map(|bot| machine::socket_number(bot.socket())).collect(),
            bots,
            shared: Shared::new(now),
            walks: Walks::new(config.walk, config.area, config.clients, config.seed),
            standing: vec![Standing::default(); config.clients],
            schedule: Schedule::new(now, config.clients, config.rate_hz),
            ages: Ages::new(),
            blocks_before: BlockTotals::default(),
            next_sample: None,
            sampled: 0,
            next_progress: now,
            config,
        })
    }

    /// Until all have joined or been refused for good, or the time for it has passed.
    fn join(&mut self, progress: &mut dyn FnMut(Progress)) -> io::Result<()> {
        let limit = Duration::from_secs(10) + Duration::from_micros(500) * self.config.clients as u32;
        self.play(Stage::Joining, limit, progress);
        if self.shared.joined > 0 {
            return Ok(());
        }
        let why = match &self.shared.refusal {
            Some(refusal) => refusal_in_words(refusal),
            None => format!("nobody answers at {}", self.config.server),
        };
        Err(io::Error::other(format!("no client could join: {why}")))
    }

    /// Visits bots until the stage has taken its time.
    fn play(&mut self, stage: Stage, total: Duration, progress: &mut dyn FnMut(Progress)) -> Instant {
        let begun = machine::now();
        loop {
            let now = machine::now();
            let elapsed = now.saturating_duration_since(begun);
            if now >= self.next_progress {
                self.next_progress = now + PROGRESS_AFTER;
                progress(Progress { stage, joined: self.shared.joined, elapsed, total });
            }
            let settled = self.shared.joined + self.shared.given_up;
            if elapsed >= total || (stage == Stage::Joining && settled == self.bots.len()) {
                return now;
            }
            match self.schedule.next(now) {
                Turn::Visit { bot, moves } => self.visit(now, bot, moves),
                Turn::Sleep(time) => machine::sleep(time.min(total - elapsed)),
            }
        }
    }

    fn visit(&mut self, now: Instant, index: usize, moves: Option<u64>) {
        let bot = &mut self.bots[index];
        bot.visit(now, &mut self.shared);
        if let Some(round) = moves {
            bot.tally.on_move_due(round, bot.is_playing());
            if bot.is_playing() {
                bot.make_move(self.walks.step(index, round), &mut self.shared);
            }
        }
        self.standing[index] = Standing::from((&*bot, self.walks.at(index)));
        if self.next_sample.is_some_and(|due| due <= now) {
            self.sample_next(now);
        }
    }
}

/// What is counted.
impl Fleet<'_> {
    /// What the sockets lose is looked up right before the duration and right after it, so that it is of the snapshots
    /// that are expected and of hardly any others.
    fn count(&mut self, progress: &mut dyn FnMut(Progress)) -> BotsReport {
        let losses_before = self.queue_losses();
        let cpu_before = machine::cpu_time();
        let begun = machine::now();
        self.start(begun);
        self.next_progress = begun;
        let ended = self.play(Stage::Counting, self.config.duration, progress);
        let cpu_time = machine::cpu_time().zip(cpu_before).map(|(after, before)| after - before);
        self.stop(ended);
        let losses = self.queue_losses().zip(losses_before).map(|(after, before)| after - before);
        let (joined, total) = (self.shared.joined, self.config.duration);
        progress(Progress { stage: Stage::Counted, joined, elapsed: ended - begun, total });
        self.play(Stage::Counting, self.on_its_way(), &mut |_| {});
        (0..self.bots.len()).for_each(|index| self.sample(index));
        self.report(ended - begun, cpu_time, losses)
    }

    fn start(&mut self, now: Instant) {
        let time = self.shared.since_began(now);
        self.shared.epochs.start(time);
        self.bots.iter_mut().for_each(|bot| bot.tally.start(time));
        self.blocks_before = self.blocks();
        self.next_sample = Some(now);
    }

    fn stop(&mut self, now: Instant) {
        let time = self.shared.since_began(now);
        self.shared.epochs.stop(time);
        self.bots.iter_mut().for_each(|bot| bot.tally.stop(time));
        self.next_sample = None;
    }

    /// How long what was sent in the duration may still be on its way: a move waits for a tick, its
    /// acknowledgement for a visit.
    fn on_its_way(&self) -> Duration {
        let period = self.shared.epochs.current().map_or(Duration::ZERO, |epoch| epoch.clock().period());
        Duration::from_millis(100) + (period + self.schedule.visit_after()) * 2
    }

    /// Takes the ages of the next bot that decodes.
    fn sample_next(&mut self, now: Instant) {
        let stride = sample_stride(self.bots.len(), self.config.decoders);
        self.sampled = (self.sampled + stride) % self.bots.len().next_multiple_of(stride);
        self.sample(self.sampled);
        self.next_sample = Some(now + Duration::from_secs(1) / AGES_PER_SECOND * self.bots.len() as u32);
    }

    fn sample(&mut self, index: usize) {
        let bot = &self.bots[index];
        if let (Some(viewer), true) = (bot.viewer(index), bot.decodes()) {
            let first = self.config.first_id;
            let known = bot.client().world().players();
            let told = known.map(|known| (known.player.client_id.wrapping_sub(first) as usize, known.told));
            self.ages.sample(viewer, told, &self.standing);
        }
    }

    /// What the blocks of all bots have told so far.
    fn blocks(&self) -> BlockTotals {
        let all = self.bots.iter().map(|bot| bot.client().blocks());
        all.fold(BlockTotals::default(), |sum, blocks| BlockTotals {
            bytes: sum.bytes + blocks.bytes,
            players: sum.players + blocks.players,
            checksums: sum.checksums + blocks.checksums,
            desyncs: sum.desyncs + blocks.desyncs,
        })
    }

    fn queue_losses(&self) -> Option<u64> {
        machine::socket_drops(&self.sockets)
    }

    fn report(&mut self, measured: Duration, cpu_time: Option<Duration>, losses: Option<u64>) -> BotsReport {
        let mut counts = Counts::default();
        let mut players_seen = histogram();
        for bot in &mut self.bots {
            counts.add(&bot.tally.finish(&self.shared.epochs));
            if bot.decodes() && bot.has_joined() {
                players_seen.saturating_record(bot.players_seen());
            }
        }
        let bots = self.bots.iter();
        let decoded = bots.clone().filter(|bot| bot.decodes() && bot.has_joined());
        let current = self.shared.epochs.current();
        let findings = Findings {
            clients: self.bots.len() as u64,
            joined: self.shared.joined as u64,
            clients_decoded: decoded.count() as u64,
            counts,
            socket_queue_losses: losses,
            ticks_seen: self.shared.epochs.ticks_seen(),
            measured,
            snapshot_bytes: &self.shared.snapshot_bytes,
            players_seen: &players_seen,
            ages: &self.ages,
            tick_period: current.map_or(Duration::ZERO, |epoch| epoch.clock().period()),
            blocks_before: self.blocks_before,
            blocks: self.blocks(),
            decode_errors: bots.clone().map(|bot| bot.client().malformed()).sum(),
            resumes: bots.clone().filter(|bot| bot.tally.has_come_back()).count() as u64,
            outage: bots.filter_map(|bot| bot.tally.outage()).max(),
            cpu_time,
        };
        findings.report()
    }

    /// All leave, spread over a period like moves.
    fn leave(&mut self) {
        let mut left = 0;
        while left < self.bots.len() {
            match self.schedule.next(machine::now()) {
                Turn::Visit { bot, .. } => {
                    self.bots[bot].leave(&mut self.shared);
                    left += 1;
                }
                Turn::Sleep(time) => machine::sleep(time),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn config(server: &UdpSocket) -> BotsConfig {
        BotsConfig {
            server: server.local_addr().expect("bound"),
            clients: 1,
            first_id: 1,
            rate_hz: 100.0,
            duration: Duration::from_millis(1),
            warmup: Duration::ZERO,
            walk: Walk::Rest,
            area: Area::default(),
            encoding: Encoding::Compact,
            decoders: None,
            seed: 1,
            passes: Vec::new(),
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_sockets_lose_counts_within_the_duration_alone() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let config = config(&server);
        let mut fleet = Fleet::open(&config, &Secret::from_seed(1)).expect("sockets");
        let bot = fleet.bots[0].socket().local_addr().expect("bound").port();
        let bot = SocketAddr::new(config.server.ip(), bot);
        let flood = || (0..5_000).for_each(|_| _ = server.send_to(&[0; 1_000], bot));
        let mut losses = |at: Stage| {
            let report = fleet.count(&mut |progress| {
                if progress.stage == at {
                    flood()
                }
            });
            report.socket_queue_losses.expect("the system counts them")
        };
        assert!(losses(Stage::Counting) > 1_000);
        assert_eq!(losses(Stage::Counted), 0, "what comes later is no snapshot of the duration");
    }

    #[test]
    fn all_decode_up_to_a_thousand_and_of_more_an_even_sample_of_a_hundred() {
        for clients in [1, 999, 1_000, 1_001, 1_999, 2_000, 10_000, 12_345] {
            let decoding = (0..clients).step_by(sample_stride(clients, None)).count();
            assert!(decoding == clients || (clients > 1_000 && decoding >= 100), "{clients}");
        }
        assert_eq!((0..10_000).step_by(sample_stride(10_000, None)).count(), 100);
        for (clients, decoders) in [(1_000, 100), (1_999, 100), (10, 100), (10, 0)] {
            let decoding = (0..clients).step_by(sample_stride(clients, Some(decoders))).count();
            assert!(decoding >= decoders.clamp(1, clients), "{clients} {decoders}");
        }
    }
}
