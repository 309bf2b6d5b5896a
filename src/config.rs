//! Every rate, limit and timeout of the server, with its unit, default, bound and reason.
//!
//! Values are checked once, when they are made; a [`Config`] that exists can be served.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::level::Level;
use crate::profiles::Service;
use crate::seal::TicketKeys;
use crate::wire::{Bounds, EXTRAS_BYTES_MAX, Position, SEALED_EXTRA_BYTES, SERVER_IDS_FROM, UDP_PAYLOAD_MAX};

/// How long a proof of address may be used: long enough for a slow path, too short to be worth stealing.
pub const PROOF_LIFETIME: Duration = Duration::from_secs(10);

/// What is in a snapshot must fit: a header, the peer's own player, and some more.
const DATAGRAM_BYTES_MIN: usize = 256;
/// How many players are remembered who do not play: some 70 MB in memory and in the store, read within a few seconds at
/// the start. Beyond, those seen longest ago are forgotten; a sixteenth of the places is for those who have stayed less
/// than a minute, who push out one another and nobody else.
pub const REMEMBERED_MAX: usize = 1_000_000;
/// How many entities of the server's own stand in the world at the most, so that together with the peers of a view they
/// are fewer than there may be clusters.
pub const ENTITIES_MAX: usize = 16_384;
/// How many enemies the standard game has at the most: each walks in every tick.
const ENEMIES_MAX: u64 = 10_000;

/// So much may be said in a second at the least: the longest message.
const MESSAGE_BYTES_MIN: u64 = EXTRAS_BYTES_MAX as u64;

/// Queue places for each peer: the move of a tick and one more. Where ticks are slow, the queue is emptied between
/// them.
const QUEUE_PLACES_PER_PEER: usize = 2;
/// Queue places at the least, so that a small server still takes a burst of joins.
const QUEUE_PLACES_MIN: usize = 4_096;
/// Queue places at the most: about 7 MB, taken at the start. Messages that wait in them are no longer than the extras of a
/// move, so that with datagrams of 1,200 bytes all together are 20 MB, if every peer says as much as it may.
const QUEUE_PLACES_MAX: usize = 65_536;

/// The most peers where each may need a cluster of its own, of which there are 65,535, some of them at rest.
const VIEW_PEERS_MAX: u64 = 32_768;

/// How many clients may ask to join in a second, all together: 10,000 in four seconds, and the retries of half.
const JOINS_PER_SECOND: u64 = 4_000;
/// How many of them in one tick, at the least and at the most: as many more are kept for some, and the queue has room for all.
const JOINS_PER_TICK: (usize, usize) = (256, QUEUE_PLACES_MIN / 2);

/// What a server core is told at its start.
///
/// Build one with [`Config::default`] and struct update syntax, then hand it to the server, which calls
/// [`Config::check`] first.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Ticks per second.
    pub tick_rate: TickRate,
    /// How many peers may play at once: 1 to 1,000,000. Bounds the memory of the server.
    pub max_peers: usize,
    /// A peer that is silent for so long is removed: 100 ms to 1 h.
    pub timeout: Duration,
    /// The places of the world; a move to anywhere else is refused.
    pub world: Bounds,
    /// The largest UDP payload of a snapshot, in bytes: 256 to 65,507. 1,200 passes every path in use.
    pub datagram_bytes: usize,
    /// How many datagrams a peer may send per second, on average over [`Config::burst`]; above it they are
    /// dropped. 1 to 100,000; [`Config::moves_per_second_at`] gives what suits a tick rate.
    pub moves_per_second: u32,
    /// How many bytes of messages a peer may say to the game per second, on average, and as many at once after a pause;
    /// above it they are not taken. 1,024 to 1,000,000.
    pub message_bytes_per_second: u32,
    /// How far a peer is shown the world around its player, in units: 4 to 2^30. Players within are told, and no one
    /// farther than a quarter more. `None`: everyone is told about everyone. With a view every peer has a snapshot of its
    /// own, at some tens of times the work, and [`Config::max_peers`] is at most 32,768.
    pub view: Option<u32>,
    /// Whether compact snapshots carry checksums of what they tell, for tests: 8 bytes each, and one hash a player.
    pub checksums: bool,
    /// Over how much of the period the snapshots of a tick leave, in percent: 0, as soon as they are made, to 90. A burst
    /// of thousands overflows real queues. A snapshot is on average half of that later. Where more moves come in meanwhile
    /// than wait for a tick, the rest leaves at once.
    pub send_spread: u32,
    /// Whether a thread of its own receives, for machines with a core for it; else the tick thread does. Linux only.
    pub receive_worker: bool,
    /// The real-time priority of the tick thread: 1 to 99, the highest. `None`: an ordinary thread.
    pub priority: Option<u8>,
    /// Whether the first move of an unknown address joins, without handshake or proof. Loopback only.
    pub open: bool,
    /// The directory of the store, made if it is not there: players are remembered, also after a crash. `None`: whoever
    /// goes is forgotten.
    pub data: Option<PathBuf>,
    /// The standard game: how far a player may move in a second, in units: 1 to 2^31. A move farther than its time allows is
    /// corrected. What a player has not walked is its own for a second. `None`: players are believed.
    pub speed_limit: Option<u32>,
    /// The standard game: the service that is asked for profiles and leaderboards, and that scores are reported to. `None`:
    /// the server keeps them itself, with [`Config::data`] beyond its end.
    pub service: Option<Service>,
    /// The standard game: where players stand who are not remembered. `None`: where their first move says, or at the spawns of
    /// the level.
    pub spawn: Option<Position>,
    /// The standard game: the level that is played at first. [`Config::world`] must be its bounds.
    pub level: Option<Arc<Level>>,
    /// The standard game: how many enemies chase players: 0 to 10,000.
    pub enemies: usize,
    /// The client ids that may play, all below [`SERVER_IDS_FROM`].
    pub client_ids: RangeInclusive<u32>,
    /// Whose tickets let one play; then all that a session says is sealed. `None`: everyone may play as any client id, and
    /// whoever is on the way can read and change all of it. Not with [`Config::open`].
    pub tickets: Option<TicketConfig>,
}

/// Which tickets let one play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketConfig {
    /// The keys that they may be sealed with; [`crate::gate::Gate::set_ticket_keys`] replaces them while the server runs.
    pub keys: TicketKeys,
    /// The name that they must be for.
    pub server: String,
}

impl TicketConfig {
    /// The name of a server that was given none.
    pub const SERVER: &str = "tickcast";

    /// Tickets sealed with `keys`, for a server without a name of its own.
    pub fn new(keys: TicketKeys) -> Self {
        Self { keys, server: Self::SERVER.to_owned() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tick_rate: TickRate::DEFAULT,
            max_peers: 16_384,
            timeout: Duration::from_secs(10),
            world: Bounds::ALL,
            datagram_bytes: 1_200,
            moves_per_second: Self::moves_per_second_at(TickRate::DEFAULT),
            message_bytes_per_second: 4_096,
            view: None,
            checksums: false,
            send_spread: 0,
            receive_worker: false,
            priority: None,
            open: false,
            data: None,
            speed_limit: None,
            service: None,
            spawn: None,
            level: None,
            enemies: 0,
            client_ids: 0..=SERVER_IDS_FROM - 1,
            tickets: None,
        }
    }
}

impl Config {
    /// The same in a level: it is played at first, and brings the bounds of the world unless they are given.
    pub fn in_level(self, level: Arc<Level>) -> Self {
        let world = if self.world == Bounds::ALL { level.bounds() } else { self.world };
        Self { world, level: Some(level), ..self }
    }

    /// Says which value is out of bounds, by the name of its flag.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("max-peers", "", self.max_peers as u64, 1..=1_000_000)?;
        within("timeout", " ms", self.timeout.as_millis() as u64, 100..=3_600_000)?;
        self.check_datagrams()?;
        within("moves-per-second", "", u64::from(self.moves_per_second), 1..=100_000)?;
        let per_second = u64::from(self.message_bytes_per_second);
        within("message-bytes-per-second", "", per_second, MESSAGE_BYTES_MIN..=1_000_000)?;
        if let Some(view) = self.view {
            within("view", "", view.into(), 4..=1 << 30)?;
            within("max-peers", " with --view", self.max_peers as u64, 1..=VIEW_PEERS_MAX)?;
        }
        within("send-spread", " %", self.send_spread.into(), 0..=90)?;
        if self.receive_worker && !cfg!(target_os = "linux") {
            return Err(ConfigError::OnlyOnLinux { flag: "receive-worker" });
        }
        within("priority", "", self.priority.unwrap_or(1).into(), 1..=99)?;
        within("client-ids", "", u64::from(*self.client_ids.end()), 0..=u64::from(SERVER_IDS_FROM) - 1)?;
        if self.client_ids.is_empty() {
            return Err(ConfigError::EmptyRange { flag: "client-ids" });
        }
        if !self.world.contains(self.world.min) || !self.world.contains(self.world.max) {
            return Err(ConfigError::EmptyRange { flag: "world" });
        }
        within("enemies", "", self.enemies as u64, 0..=ENEMIES_MAX)?;
        if self.level.as_ref().is_some_and(|level| level.bounds() != self.world) {
            return Err(ConfigError::WorldBesideLevel);
        }
        if self.level.is_some() && self.spawn.is_some() {
            return Err(ConfigError::SpawnAndLevel);
        }
        within("speed-limit", "", self.speed_limit.unwrap_or(1).into(), 1..=1 << 31)?;
        match self.spawn {
            Some(at) if !self.world.contains(at) => Err(ConfigError::SpawnOutsideWorld { at }),
            _ => Ok(()),
        }
    }

    fn check_datagrams(&self) -> Result<(), ConfigError> {
        let (unit, least) = match self.tickets {
            None => ("", DATAGRAM_BYTES_MIN),
            Some(_) => (" with --ticket-key", DATAGRAM_BYTES_MIN + SEALED_EXTRA_BYTES),
        };
        let bound = least as u64..=UDP_PAYLOAD_MAX as u64;
        within("datagram-bytes", unit, self.datagram_bytes as u64, bound)?;
        if self.open && self.tickets.is_some() {
            return Err(ConfigError::OpenWithTickets);
        }
        Ok(())
    }

    /// How long a snapshot may be inside of its datagram, in bytes: less than that if it is sealed.
    pub(crate) fn snapshot_bytes(&self) -> usize {
        self.datagram_bytes - self.tickets.as_ref().map_or(0, |_| SEALED_EXTRA_BYTES)
    }

    /// Two moves a tick, and at least 250 a second: more than any game needs.
    pub fn moves_per_second_at(tick_rate: TickRate) -> u32 {
        (2.0 * tick_rate.hz()).ceil().max(250.0) as u32
    }

    /// How many datagrams a peer may send at once after a pause: half a second's worth, at least 16.
    pub fn burst(&self) -> u32 {
        (self.moves_per_second / 2).max(16)
    }

    /// How many commands may wait for the next tick: always more than one peer may send at once.
    pub fn queue_places(&self) -> usize {
        let places = (self.max_peers * QUEUE_PLACES_PER_PEER).clamp(QUEUE_PLACES_MIN, QUEUE_PLACES_MAX);
        places.max(2 * self.burst() as usize)
    }

    /// How many hellos of clients that do not play yet may reach one tick: each costs an answer. As many more are kept, one half
    /// for those who name a session that plays, the other for prefixes of addresses that say little.
    pub fn joins_per_tick(&self) -> usize {
        let in_a_period = JOINS_PER_SECOND * self.tick_rate.period().as_nanos() as u64 / 1_000_000_000;
        (in_a_period as usize).clamp(JOINS_PER_TICK.0, JOINS_PER_TICK.1)
    }
}

fn within(
    flag: &'static str,
    unit: &'static str,
    value: u64,
    bound: RangeInclusive<u64>,
) -> Result<(), ConfigError> {
    if bound.contains(&value) { Ok(()) } else { Err(ConfigError::OutOfBounds { flag, unit, value, bound }) }
}

/// Which value of a [`Config`] cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number beyond its bound.
    #[error("--{flag} must be {} to {}{unit}, not {value}{unit}", bound.start(), bound.end())]
    OutOfBounds {
        /// The flag that sets it.
        flag: &'static str,
        /// What it is counted in, with a space before it; empty for plain numbers.
        unit: &'static str,
        /// What it was set to.
        value: u64,
        /// What it may be.
        bound: RangeInclusive<u64>,
    },
    /// A range with its end before its start.
    #[error("--{flag} holds nothing: its end lies before its start")]
    EmptyRange {
        /// The flag that sets it.
        flag: &'static str,
    },
    /// A spawn that is no place.
    #[error("--spawn {},{} lies outside of the --world", at.x, at.y)]
    SpawnOutsideWorld {
        /// Where it is.
        at: Position,
    },
    /// A spawn besides those of the level.
    #[error("--spawn is not for --level, which has spawns of its own: leave it out")]
    SpawnAndLevel,
    /// A world of other bounds than those of its level.
    #[error("--world is not what --level brings: leave it out")]
    WorldBesideLevel,
    /// What this system does not have.
    #[error("--{flag} needs Linux")]
    OnlyOnLinux {
        /// The flag that asks for it.
        flag: &'static str,
    },
    /// Open to everyone, and to those with tickets only.
    #[error("--open lets anyone in, and --ticket-key only those with a ticket: take one of them")]
    OpenWithTickets,
    /// Open to whoever sends the first move, on an address that others reach.
    #[error("--open lets anyone in without proof of address: it needs a loopback --bind, not {bind}")]
    OpenOffLoopback {
        /// Where the server was to listen.
        bind: std::net::IpAddr,
    },
}

/// Ticks per second: 1 to 1000 Hz, fractions included. Kept as the period, in whole nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub struct TickRate {
    period_ns: u64,
}

impl TickRate {
    /// 30 Hz.
    pub const DEFAULT: TickRate = TickRate { period_ns: 33_333_333 };
    /// The slowest rate, in Hz.
    pub const MIN_HZ: f64 = 1.0;
    /// The fastest rate, in Hz.
    pub const MAX_HZ: f64 = 1000.0;

    /// The rate of `hz` ticks per second.
    pub fn from_hz(hz: f64) -> Result<Self, TickRateError> {
        if !(Self::MIN_HZ..=Self::MAX_HZ).contains(&hz) {
            return Err(TickRateError::OutOfBounds(hz));
        }
        Ok(Self { period_ns: (1e9 / hz).round() as u64 })
    }

    /// Ticks per second.
    pub fn hz(self) -> f64 {
        1e9 / self.period_ns as f64
    }

    /// The time from one tick to the next.
    pub fn period(self) -> Duration {
        Duration::from_nanos(self.period_ns)
    }

    /// How many whole ticks `duration` has, at least 1.
    pub fn ticks_in(self, duration: Duration) -> u64 {
        (duration.as_nanos() as u64 / self.period_ns).max(1)
    }
}

impl TryFrom<f64> for TickRate {
    type Error = TickRateError;

    fn try_from(hz: f64) -> Result<Self, TickRateError> {
        Self::from_hz(hz)
    }
}

impl FromStr for TickRate {
    type Err = TickRateError;

    fn from_str(text: &str) -> Result<Self, TickRateError> {
        let hz = text.parse().map_err(|_| TickRateError::NotANumber)?;
        Self::from_hz(hz)
    }
}

/// Why something is not a tick rate.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum TickRateError {
    /// Below 1 Hz, above 1000 Hz, or not a finite number.
    #[error("a tick rate is {min} to {max} Hz, not {0}", min = TickRate::MIN_HZ, max = TickRate::MAX_HZ)]
    OutOfBounds(f64),
    /// No number at all.
    #[error("a tick rate is a number of ticks per second, such as 30 or 59.94")]
    NotANumber,
}

/// Reads world bounds written as `X0,Y0,X1,Y1`.
pub fn parse_world(text: &str) -> Result<Bounds, WorldError> {
    let numbers: Vec<i32> =
        text.split(',').map(|n| n.trim().parse()).collect::<Result<_, _>>().map_err(|_| WorldError::Form)?;
    let [x0, y0, x1, y1] = numbers[..] else { return Err(WorldError::Form) };
    if x0 > x1 || y0 > y1 {
        return Err(WorldError::Empty);
    }
    Ok(Bounds { min: Position { x: x0, y: y0 }, max: Position { x: x1, y: y1 } })
}

/// Why something is not the bounds of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// Not four numbers.
    #[error("a world is X0,Y0,X1,Y1: four whole numbers from -2147483648 to 2147483647")]
    Form,
    /// The far corner lies before the near one.
    #[error("a world needs X0 <= X1 and Y0 <= Y1")]
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_can_be_served() {
        assert_eq!(Config::default().check(), Ok(()));
        assert_eq!(TickRate::from_hz(30.0), Ok(TickRate::DEFAULT));
    }

    #[test]
    fn a_value_out_of_bounds_names_its_flag_and_bound() {
        let error = Config { datagram_bytes: 255, ..Config::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "--datagram-bytes must be 256 to 65507, not 255");
        let error = Config { timeout: Duration::from_millis(99), ..Config::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "--timeout must be 100 to 3600000 ms, not 99 ms");
    }

    #[test]
    fn a_view_has_bounds_and_bounds_the_peers() {
        let error = Config { view: Some(3), ..Config::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "--view must be 4 to 1073741824, not 3");
        let config = Config { view: Some(1_000), max_peers: 40_000, ..Config::default() };
        let error = config.check().unwrap_err();
        assert_eq!(error.to_string(), "--max-peers must be 1 to 32768 with --view, not 40000 with --view");
    }

    #[test]
    fn tick_rates_have_fractions_and_bounds() {
        assert_eq!("59.94".parse::<TickRate>().map(|r| r.period().as_nanos()), Ok(16_683_350));
        for wrong in ["0", "0.99", "1000.1", "-30", "nan", "inf"] {
            assert!(matches!(wrong.parse::<TickRate>(), Err(TickRateError::OutOfBounds(_))), "{wrong}");
        }
        assert_eq!("fast".parse::<TickRate>(), Err(TickRateError::NotANumber));
    }

    #[test]
    fn a_world_is_four_numbers_in_order() {
        let world = parse_world("-10, -20, 30, 40").expect("a world");
        assert!(world.contains(Position { x: 30, y: -20 }) && !world.contains(Position { x: 31, y: 0 }));
        assert_eq!(parse_world("1,2,3"), Err(WorldError::Form));
        assert_eq!(parse_world("1,2,0,9"), Err(WorldError::Empty));
    }
}
