//! Two levels whose exits lead to one another, on the networks of the simulation: everyone goes along, and is told.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rand::{Rng, RngExt as _};
use tickcast::client::{Client, Event, Phase};
use tickcast::config::Config;
use tickcast::game::words::{KINDS_FROM, Said, Told};
use tickcast::game::{Admission, Departure, Game, Joining, Realm, Standard, Step, Verdict};
use tickcast::level::Level;
use tickcast::mail::Delivery;
use tickcast::profiles::Name;
use tickcast::server::Server;
use tickcast::sim::{self, Actor, Broken, Scenario, ServerStart, SimConfig, SimReport};
use tickcast::wire::{ClosedReason, Position, message_bytes_max};
use tickcast::work::Done;

use crate::maps::drawn;

const ONE: [&str; 5] = ["##########", "#s..#...x#", "#...#....#", "#x.....s.#", "##########"];
const TWO: [&str; 4] = ["#######", "#.s.#x#", "#x....#", "#######"];

/// Who says this is removed, by that number.
const REMOVE_ME: u8 = KINDS_FROM;
const REMOVED: u32 = 3;
/// From a refusal, or the end of a session, to the next try: whoever plays here wants to.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(700);

/// What has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Played {
    changes: u64,
    /// How often clients were told of a level.
    told: u64,
    removed: u64,
    corrected: u64,
    caught: u64,
}

/// The standard game, looked at.
struct Watched {
    game: Standard,
    /// The file of the level that is played.
    level: PathBuf,
    played: Played,
    /// The first thing that should have been true and was not.
    broken: Option<String>,
}

/// A game that can be looked at while a server has it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Watched>>);

impl Shared {
    fn look(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Watched {
    fn level(&self) -> &Level {
        self.game.level().expect("there is one from the start")
    }
}

impl Game for Shared {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.look().game.on_join(realm, joining)
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        let mut watched = self.look();
        let verdict = watched.game.on_move(realm, step);
        let wall = step.from.and_then(|from| watched.level().first_wall_on(from, step.to));
        if verdict == Verdict::Accept && wall.is_some() {
            watched.broken.get_or_insert(format!("{step:?} leads through {wall:?}"));
        }
        verdict
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        match message {
            [REMOVE_ME] => assert!(realm.remove(player, REMOVED)),
            _ => self.look().game.on_message(realm, player, message),
        }
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        self.look().game.on_tick(realm);
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        let mut watched = self.look();
        watched.played.removed += u64::from(why == Departure::Removed(REMOVED));
        watched.played.caught += watched.game.catches(player);
        watched.game.on_leave(realm, player, why);
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        let mut watched = self.look();
        watched.game.on_done(realm, done);
        let level = watched.level().source().to_owned();
        watched.played.changes += u64::from(level != watched.level);
        watched.level = level;
    }
}

/// Someone who walks about in whatever level it is told of.
#[derive(Default)]
struct Walker {
    at: Position,
    /// What it was told last.
    told: Option<Told>,
    owes_question: bool,
    tries_again_at: Option<Instant>,
}

impl Walker {
    /// Asks where a stream of messages has begun, and tries again where that is due.
    fn hold(&mut self, now: Instant, client: &mut Client) {
        if self.tries_again_at.is_some_and(|at| at <= now) {
            self.tries_again_at = None;
            client.rejoin(now);
        }
        if self.owes_question && client.phase() == Phase::Playing {
            let mut question = Vec::new();
            Said::Level.write(&mut question);
            self.owes_question = client.send(Delivery::Reliable, &question).is_err();
        }
    }

    /// A step to anywhere near, into walls and out of the map too.
    fn step(&mut self, draw: &mut dyn Rng) {
        let mut step = || draw.random_range(-12..=12);
        self.at = Position { x: self.at.x + step(), y: self.at.y + step() };
    }
}

struct Journey {
    config: Config,
    folder: PathBuf,
    game: Option<Shared>,
    walkers: Vec<Walker>,
    played: Played,
}

impl Journey {
    fn new(seed: u64, folder: &Path, clients: usize) -> Self {
        let level = Level::load(&folder.join("one.tmx")).expect("a level");
        // In every third play enemies chase everyone, also when it is calm: then nobody stands still for long.
        let enemies = if seed.is_multiple_of(3) { 2 } else { 0 };
        let config = Config { enemies, ..Config::default() }.in_level(Arc::new(level));
        let walkers = (0..clients).map(|_| Walker::default()).collect();
        Self { config, folder: folder.to_owned(), game: None, walkers, played: Played::default() }
    }

    /// What the game has seen, before it goes.
    fn collect(&mut self) {
        if let Some(game) = self.game.take() {
            let Played { changes, removed, caught, .. } = game.look().played;
            self.played.changes += changes;
            self.played.removed += removed;
            self.played.caught += caught;
        }
    }
}

impl Scenario for Journey {
    type Played = Played;

    fn config(&self) -> Config {
        self.config.clone()
    }

    fn on_server_start(&mut self, start: &ServerStart<'_>) -> Result<Box<dyn Game>, String> {
        self.collect();
        let (game, level) = (Standard::new(start.config), self.folder.join("one.tmx"));
        let watched = Watched { game, level, played: Played::default(), broken: None };
        let game = self.game.insert(Shared(Arc::new(Mutex::new(watched))));
        Ok(Box::new(game.clone()))
    }

    fn on_client_start(&mut self, actor: &mut Actor<'_>) {
        self.walkers[actor.index] = Walker::default();
    }

    fn on_turn(&mut self, actor: &mut Actor<'_>) -> Option<(Position, u32)> {
        let walker = &mut self.walkers[actor.index];
        walker.hold(actor.now, actor.client);
        if let Some(at) = actor.client.take_correction() {
            self.played.corrected += 1;
            walker.at = at;
        }
        if !actor.is_calm {
            walker.step(actor.draw);
            if actor.draw.random_range(0..500) == 0 {
                _ = actor.client.send(Delivery::Reliable, &[REMOVE_ME]);
            }
        }
        Some((walker.at, 0))
    }

    fn on_datagram(&mut self, actor: &mut Actor<'_>, event: Option<Event>) -> Result<(), String> {
        let walker = &mut self.walkers[actor.index];
        match event {
            Some(Event::Welcomed(welcome)) => {
                walker.owes_question |= !welcome.is_resumed();
                walker.at = if welcome.is_placed() { welcome.at } else { walker.at };
            }
            Some(Event::Closed(ClosedReason::Removed(why))) if why != REMOVED => {
                return Err(format!("removed for {why}"));
            }
            Some(Event::Refused(_) | Event::Closed(_)) => {
                walker.tries_again_at = Some(actor.now + TRY_AGAIN_AFTER);
            }
            _ => {}
        }
        while let Some(message) = actor.client.take_message() {
            walker.told = Some(Told::read(&message).ok_or_else(|| format!("not of the page: {message:?}"))?);
            self.played.told += 1;
        }
        Ok(())
    }

    /// Nobody stands in a wall, nor outside of the level that is played.
    fn after_tick(&mut self, server: &Server) -> Result<(), String> {
        let Some(game) = &self.game else { return Ok(()) };
        let game = game.look();
        if let Some(broken) = &game.broken {
            return Err(broken.clone());
        }
        match server.players().find(|player| game.level().is_wall(player.at)) {
            Some(player) => Err(format!("{player:?} stands in a wall of {}", game.level.display())),
            None => Ok(()),
        }
    }

    /// It was told of the level that is played, and stands where it thinks.
    fn settled(&self, index: usize, _client: &Client, server: &Server) -> Result<(), String> {
        let Some(game) = &self.game else { return Err("there is no game".into()) };
        let (game, walker) = (game.look(), &self.walkers[index]);
        let (file, played) = (game.level.file_name(), game.level().bounds());
        // The smallest datagrams have no room for a name, which is 7 bytes long here: see docs/MESSAGES.md.
        let has_room = message_bytes_max(server.config().datagram_bytes) >= 1 + 1 + 7 + 16;
        let is_its = |name: &Name| match has_room {
            true => file.is_some_and(|file| file == name.as_str()),
            false => name.is_empty(),
        };
        let knows =
            matches!(&walker.told, Some(Told::Level { name, bounds }) if is_its(name) && *bounds == played);
        let stands = server.players().find(|player| player.client_id == sim::FIRST_ID + index as u32);
        match knows && stands.is_some_and(|player| player.at == walker.at) {
            true => Ok(()),
            false => Err(format!("it was told {:?}, and {file:?} is played", walker.told)),
        }
    }

    fn end(mut self) -> Played {
        self.collect();
        self.played
    }
}

fn play(seed: u64, folder: &Path, origin: Instant) -> Result<(SimReport, Played), Broken> {
    let config = SimConfig { clients: 8, ticks: 450, ..SimConfig::default() };
    sim::check_scenario(&config, seed, origin, || Journey::new(seed, folder, config.clients))
}

#[test]
fn all_are_in_one_level_and_know_it_whatever_the_network_does() {
    #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; only differences count")]
    let origin = Instant::now();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("deep")).expect("a folder");
    std::fs::write(folder.path().join("one.tmx"), drawn(&ONE, "deep/two.tmx")).expect("a file");
    std::fs::write(folder.path().join("deep/two.tmx"), drawn(&TWO, "../one.tmx")).expect("a file");
    // A seed alone is played again by its number.
    let alone = std::env::var("TICKCAST_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seeds: Vec<u64> = alone.map_or_else(|| (0..24).collect(), |seed| vec![seed]);
    let (mut report, mut all) = (SimReport::default(), Played::default());
    for &seed in &seeds {
        let (reported, played) =
            play(seed, folder.path(), origin).unwrap_or_else(|broken| panic!("{broken}"));
        report.add(&reported);
        all.changes += played.changes;
        all.told += played.told;
        all.removed += played.removed;
        all.corrected += played.corrected;
        all.caught += played.caught;
    }
    println!("{} seeds: {all:?}, {report:?}", seeds.len());
    if alone.is_some() {
        return;
    }
    assert!(all.changes > 20 && all.told > 200 && all.corrected > 2_000, "too little happens: {all:?}");
    assert!(all.removed > 20 && all.caught > 0, "too few go, or are caught: {all:?}");
    assert!(report.troubles > 40 && report.passed.lost > 1_000, "too little goes wrong: {report:?}");
    assert!(report.sealed > 3, "a kind of networks is missing: {report:?}");
}
