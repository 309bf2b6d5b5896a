//! Player and enemies move at the same time, and neither waits for the other, over real sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::config::Config;
use tickcast::game::{Admission, ENEMY, Game, Joining, Realm, Standard, Step, Verdict};
use tickcast::level::Level;
use tickcast::secret::Secret;
use tickcast::server::Totals;
use tickcast::wire::{Encoding, Position, kind_of};
use tickcast::work::{Done, Work};
use tickcast::{TickRate, TickServer};

use crate::crowd::{Crowd, Player, alone, now};
use crate::maps::drawn;

const ENEMIES: usize = 20;
/// Far more than there are threads for work: whatever is started after them has to wait.
const HELD: usize = 64;
const STEPS: u64 = 15;

/// One way from the upper left to the lower right, long enough for all that is walked in a test.
fn windings() -> Level {
    let row = |number: usize| match (number, number % 4) {
        (1, _) => format!("#s{}#", ".".repeat(39)),
        (0 | 20, _) => "#".repeat(42),
        (_, 0) => format!("#.{}", "#".repeat(40)),
        (_, 2) => format!("{}.#", "#".repeat(40)),
        _ => format!("#{}#", ".".repeat(40)),
    };
    let rows: Vec<String> = (0..=20).map(row).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let map = drawn(&rows, "").into_bytes();
    Level::read(Path::new("windings.tmx"), &mut |_, _| Ok(map.clone())).expect("a level")
}

/// The standard game, which also starts what work the test gives it.
struct Busy {
    game: Standard,
    given: Receiver<Work>,
}

impl Game for Busy {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.game.on_join(realm, joining)
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.game.on_move(realm, step)
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        for work in self.given.try_iter() {
            realm.start(None, Duration::from_secs(3_000), work).expect("a place");
        }
        self.game.on_tick(realm);
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        self.game.on_done(realm, done);
    }
}

/// A server, somebody who walks, and somebody else who watches.
struct Play {
    server: TickServer,
    give: Sender<Work>,
    walker: Crowd,
    watcher: Crowd,
}

/// One who is told where all are in every tick, although it acknowledges nothing.
fn watcher(server: SocketAddr) -> Player {
    let config = ClientConfig { encoding: Encoding::Plain, ..ClientConfig::new(0) };
    Player { client: Client::new(config, &Secret::from_seed(0), now()), ..Player::new(0, server) }
}

/// What happened in the steps of a phase.
#[derive(Debug)]
struct Counts {
    /// How the totals have grown.
    ticks: u64,
    skipped: u64,
    moves: u64,
    thoughts: u64,
    /// Enemies that moved in a step, in the one with the fewest.
    walked_least: usize,
}

impl Play {
    fn new() -> Self {
        // Slow, so that a machine that has other things to do skips none either.
        let tick_rate = TickRate::from_hz(10.0).expect("a rate");
        let config =
            Config { tick_rate, enemies: ENEMIES, ..Config::default() }.in_level(Arc::new(windings()));
        let (give, given) = channel();
        let game = Box::new(Busy { game: Standard::new(&config).without_catches(), given });
        let server = TickServer::bind_game("127.0.0.1:0".parse().expect("good"), config, game);
        let server = server.expect("it starts");
        let (watcher, walker) = (watcher(server.local_addr()), Player::new(1, server.local_addr()));
        let [watcher, walker] = [watcher, walker].map(|player| {
            let mut crowd = Crowd(vec![player]);
            crowd.pump_until("it plays", |crowd| crowd.all(|p| p.client.phase() == Phase::Playing));
            crowd
        });
        let mut play = Self { server, give, walker, watcher };
        play.watcher.pump_until("the first thought is thought", |_| {
            play.server.status().report.totals.work_finished > 0
        });
        play.watcher.pump_ticks(2);
        play
    }

    /// Keeps a thread for work busy until what is returned is dropped.
    fn hold_a_thread(&self) -> Sender<()> {
        let (release, released) = channel();
        self.give.send(Work::thread(move |_| released.recv().is_ok())).expect("the game is there");
        release
    }

    fn totals(&self) -> Totals {
        self.server.status().report.totals
    }

    fn enemies(&self) -> BTreeMap<u32, Position> {
        let known = self.watcher.0[0].client.world().players().map(|known| known.player);
        let enemies = known.filter(|player| kind_of(player.client_id) == ENEMY);
        enemies.map(|enemy| (enemy.client_id, enemy.at)).collect()
    }

    /// Steps of a tick at least, in each of which the walker moves once; or it does nothing at all, not even look at what
    /// it is sent.
    fn steps(&mut self, is_walking: bool) -> Counts {
        let (before, mut walked_least) = (self.totals(), ENEMIES);
        for step in 0..STEPS {
            let places = self.enemies();
            self.step(is_walking.then_some(step));
            let now = self.enemies();
            let walked = now.iter().filter(|(id, at)| places.get(id).is_some_and(|before| before != *at));
            walked_least = walked_least.min(walked.count());
        }
        let after = self.totals();
        Counts {
            ticks: after.ticks - before.ticks,
            skipped: after.ticks_skipped - before.ticks_skipped,
            moves: after.moves_applied - before.moves_applied,
            thoughts: after.work_finished - before.work_finished,
            walked_least,
        }
    }

    fn step(&mut self, walked: Option<u64>) {
        let moves = self.totals().moves_applied;
        if let Some(step) = walked {
            let walker = &mut self.walker.0[0];
            walker.pump();
            walker.move_to(24 + (step % 2) as i32, 24);
        }
        self.watcher.pump_ticks(1);
        let Self { server, watcher, .. } = self;
        let is_applied = || walked.is_none() || server.status().report.totals.moves_applied > moves;
        watcher.pump_until("the move is applied", |_| is_applied());
    }

    /// Nobody has missed a snapshot, nor had one twice; the walker has looked at last.
    fn assert_nothing_is_missing(&mut self) {
        let newest = self.watcher.0[0].ticks.last().copied();
        self.walker
            .pump_until("it has caught up", |walker| walker.all(|p| p.ticks.last().copied() >= newest));
        let Self { walker, watcher, .. } = self;
        watcher.0.append(&mut walker.0);
        watcher.assert_no_snapshot_is_missing_or_double();
        let ticks = &watcher.0[0].ticks;
        assert!(ticks.windows(2).all(|pair| pair[1] == pair[0] + 1), "none is left out: {ticks:?}");
    }
}

/// No tick is left out, and most enemies walk in every step: who has come to the walker stands there.
fn assert_all_goes_on(counts: &Counts) {
    assert!(counts.ticks >= STEPS && counts.skipped == 0, "{counts:?}");
    assert!(counts.walked_least >= ENEMIES / 2, "{counts:?}");
}

#[test]
fn no_tick_is_skipped_and_enemies_walk_by_their_last_plan_while_a_thought_is_held() {
    let _alone = alone();
    let mut play = Play::new();
    let before = play.steps(true);
    let releases: Vec<Sender<()>> = (0..HELD).map(|_| play.hold_a_thread()).collect();
    play.watcher.pump_until("a thought waits", |_| play.server.status().report.work_in_flight == HELD + 1);
    // One that was thought already may have been counted.
    play.watcher.pump_ticks(5);
    let during = play.steps(true);
    assert_eq!(play.server.status().report.work_in_flight, HELD + 1, "it still waits");
    drop(releases);
    play.watcher.pump_until("it is thought", |_| play.server.status().report.work_in_flight <= 1);
    let after = play.steps(true);
    for counts in [&before, &during, &after] {
        assert_all_goes_on(counts);
        assert_eq!(counts.moves, STEPS, "{counts:?}");
    }
    assert!(
        before.thoughts > 0 && during.thoughts == 0 && after.thoughts > 0,
        "{before:?} {during:?} {after:?}"
    );
    play.assert_nothing_is_missing();
}

#[test]
fn player_and_enemies_move_at_the_same_time_and_enemies_also_while_the_player_waits() {
    let _alone = alone();
    let mut play = Play::new();
    let phases = [true, false, true].map(|is_walking| play.steps(is_walking));
    phases.iter().for_each(assert_all_goes_on);
    assert_eq!(phases.each_ref().map(|counts| counts.moves), [STEPS, 0, STEPS], "{phases:?}");
    play.assert_nothing_is_missing();
}
