//! What is counted. Everything is drawn from fixed seeds, so that the same code takes the same instructions.

use tickcast::Config;
use tickcast::game::{Game, Realm, Standard, Step, Verdict};
use tickcast::wire::Encoding;
use tickcast::wire::block::{BLOCK_BYTES_MAX, Encoder, Head, Member};

use crate::callgrind::counted;
use crate::field::Field;
use crate::room::{Part, Room, unwatched};
use crate::walk::Movement;

/// One row of the page.
pub(crate) struct Case {
    /// As the program is told which to run.
    pub(crate) name: &'static str,
    /// As it stands in the page.
    pub(crate) title: &'static str,
    /// Runs it; gives how many units were counted.
    pub(crate) run: fn() -> u64,
}

pub(crate) const CASES: &[Case] = &[
    Case { name: "receive", title: "gate: receive a move", run: receive },
    Case { name: "tick-1000", title: STANDARD, run: || tick(1_000, 100) },
    Case { name: "tick-1000-idle", title: IDLE, run: || tick_with(Config::default(), Box::new(Idle)) },
    Case { name: "tick-1000-limit", title: LIMITED, run: limited },
    Case {
        name: "tick-10000",
        title: "server: tick and poll, for each of 10,000 peers",
        run: || tick(10_000, 20),
    },
    Case {
        name: "joined-10000",
        title: "server: the same while they get to know one another",
        run: || get_acquainted(10_000, 20),
    },
    Case { name: "encode", title: "block: encode 56 members, age 2", run: encode },
    Case { name: "decode", title: "client: decode a snapshot, for each of 1,000 players", run: decode },
];

pub(crate) const STANDARD: &str = "server: tick and poll, for each of 1,000 peers";
/// A game whose hooks do nothing; what those of the standard game may take beside it, in percent.
pub(crate) const IDLE: &str = "server: the same with a game that has no rules";
pub(crate) const LIMITED: &str = "server: the same with a speed limit";
pub(crate) const HOOKS_PERCENT_MAX: f64 = 3.0;

#[derive(Debug)]
struct Idle;

impl Game for Idle {
    fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        Verdict::Accept
    }
}

/// Twice as fast as the players walk.
fn limited() -> u64 {
    let config = Config { speed_limit: Some(300), ..Config::default() };
    let game = Standard::new(&config);
    tick_with(config, Box::new(game))
}

/// Everyone has been told of everyone by then, and the ticks are like one another.
const WARMUP_TICKS: usize = 100;
/// The same of 10,000, who need longer to get to know one another.
const WARMUP_TICKS_OF_MANY: usize = 220;
/// A second: of 10,000, the far are told in turn.
const TOLD_WITHIN_TICKS: u64 = 30;
const PLAYERS: usize = 1_000;

fn receive() -> u64 {
    let ticks = 20;
    count_in_room(PLAYERS, ticks, &[Part::Receive]);
    (PLAYERS * ticks) as u64
}

/// A number of ticks that is a multiple of four: far clusters are told in every fourth.
fn tick(players: usize, ticks: usize) -> u64 {
    count_in_room(players, ticks, &[Part::Tick, Part::Poll]);
    (players * ticks) as u64
}

/// The ticks in which everyone gets to know everyone: the first after all have joined.
fn get_acquainted(players: usize, ticks: usize) -> u64 {
    let mut room = Room::new(players, Encoding::Compact, Config::default());
    count_ticks(&mut room, ticks, &[Part::Tick, Part::Poll]);
    (players * ticks) as u64
}

/// The same with a game, of 1,000 players.
fn tick_with(config: Config, game: Box<dyn Game>) -> u64 {
    let ticks = 100;
    let room = Room::with_game(PLAYERS, Encoding::Compact, config, game, &mut unwatched);
    count_in(room, ticks, &[Part::Tick, Part::Poll]);
    (PLAYERS * ticks) as u64
}

fn decode() -> u64 {
    let ticks = 64;
    count_in_room(PLAYERS, ticks, &[Part::Decode]);
    (PLAYERS * ticks) as u64
}

fn count_in_room(players: usize, ticks: usize, counted_parts: &[Part]) {
    count_in(Room::new(players, Encoding::Compact, Config::default()), ticks, counted_parts);
}

fn count_in(mut room: Room, ticks: usize, counted_parts: &[Part]) {
    let is_crowd = room.server.gate().peers() > PLAYERS;
    room.warm_up(if is_crowd { WARMUP_TICKS_OF_MANY } else { WARMUP_TICKS });
    let oldest = room.oldest_told();
    assert!(
        oldest.is_some_and(|oldest| oldest <= TOLD_WITHIN_TICKS),
        "what is counted is steady: {oldest:?}"
    );
    count_ticks(&mut room, ticks, counted_parts);
}

fn count_ticks(room: &mut Room, ticks: usize, counted_parts: &[Part]) {
    for _ in 0..ticks {
        room.step(&mut |part, call| if counted_parts.contains(&part) { counted(call) } else { call() });
    }
}

const MEMBERS: usize = 56;
const CLUSTER_BITS: u32 = 8;
const AGE: u8 = 2;

/// Clusters of so many players who walk, from what they were two ticks ago.
fn encode() -> u64 {
    let mut field = Field::new(Movement::Waypoints(5.0), 4_000, WARMUP_TICKS as u64);
    let before = field.members();
    (0..AGE).for_each(|_| field.step());
    let (mut encoder, mut out) = (Encoder::new(), Vec::with_capacity(BLOCK_BYTES_MAX));
    let mut blocks = 0;
    for (cluster, (was, is)) in before.iter().zip(&field.members()).enumerate() {
        let Some((was, is)) = first_members(was).zip(first_members(is)) else { continue };
        let head = Head { cluster: cluster as u16, age: AGE };
        out.clear();
        counted(&mut || encoder.encode(head, CLUSTER_BITS, was, is, |_| Some(3), &mut out));
        blocks += 1;
    }
    blocks
}

/// As many as are told of in each block, if the cluster has so many.
fn first_members(members: &[Member]) -> Option<&[Member]> {
    members.get(..MEMBERS)
}
