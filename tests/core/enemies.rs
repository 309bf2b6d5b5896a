//! Enemies of the standard game: they chase, around walls, and walk on however long they think.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tickcast::config::Config;
use tickcast::game::{Admission, Departure, ENEMY, Game, Joining, Realm, Standard, Step, Verdict};
use tickcast::level::Level;
use tickcast::mail::Delivery;
use tickcast::wire::{Player, kind_of};
use tickcast::work::Done;

use crate::draw::Draw;
use crate::levels::{finish, in_level, level, middle, started};
use crate::maps::TILE;
use crate::pair::{Fate, Net, at, small};

/// A wall between the spawn and most of the ground, with a gap at its end.
const MAZE: [&str; 9] = [
    "################",
    "#s.....#.......#",
    "#......#.......#",
    "#......#.......#",
    "#......#...##..#",
    "#......#...##..#",
    "#..............#",
    "#......#.......#",
    "################",
];

fn maze() -> Arc<Level> {
    level(&MAZE, Path::new("maze.tmx"), "")
}

fn with_enemies(enemies: usize) -> Config {
    Config { enemies, ..in_level(maze()) }
}

/// The enemies as a client knows them.
fn enemies(net: &Net, seat: usize) -> Vec<Player> {
    let mut known = net.known(seat);
    known.retain(|player| kind_of(player.client_id) == ENEMY);
    known
}

/// A tick, and all thoughts are thought at once.
fn step(net: &mut Net) {
    net.step();
    let thoughts = started(net);
    finish(net, thoughts);
}

#[test]
fn enemies_are_in_the_world_with_their_kind_and_never_in_a_wall() {
    let (level, mut net) = (maze(), Net::new(with_enemies(40)));
    let seat = net.join(7);
    (0..10).for_each(|_| step(&mut net));
    for _ in 0..200 {
        step(&mut net);
        let all = enemies(&net, seat);
        assert_eq!(all.len(), 40);
        assert!(all.iter().all(|enemy| !level.is_wall(enemy.at)), "{all:?}");
    }
    assert_eq!(net.server.report().entities, 40);
    assert_eq!(net.truth().len(), 1, "they are no players");
}

#[test]
fn enemies_walk_on_by_their_last_plan_while_a_thought_takes_its_time() {
    let mut net = Net::new(with_enemies(30));
    let seat = net.join(7);
    step(&mut net);
    step(&mut net);
    let thought = loop {
        net.step();
        let thought = started(&mut net);
        if !thought.is_empty() {
            break thought;
        }
    };
    let (totals, mut walked) = (net.totals(), 0);
    for tick in 0..150_u64 {
        let (before, here) = (enemies(&net, seat), net.true_at(7).expect("it plays"));
        net.move_to(seat, here.x + if tick.is_multiple_of(2) { 1 } else { -1 }, here.y);
        net.step();
        assert_eq!(net.totals().moves_applied, totals.moves_applied + tick + 1, "the player moves");
        assert_eq!(net.totals().ticks, totals.ticks + tick + 1, "and no tick is left out");
        assert!(started(&mut net).is_empty(), "one thought at a time");
        let moved = enemies(&net, seat).iter().zip(&before).filter(|(now, then)| now.at != then.at).count();
        assert!(tick > 10 || moved > 15, "{moved} of 30 move in tick {tick}");
        walked += moved;
    }
    assert!(walked > 30 * 20, "they have walked {walked} times");
    finish(&mut net, thought);
    net.run(20);
    assert_eq!(started(&mut net).len(), 1, "then they think of what is now");
}

/// The standard game, which the test can look at.
struct Shared(Arc<Mutex<Standard>>);

impl Shared {
    fn game(&self) -> std::sync::MutexGuard<'_, Standard> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Game for Shared {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.game().on_join(realm, joining)
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.game().on_move(realm, step)
    }

    /// The number of an enemy, which is sent off.
    fn on_message(&mut self, realm: &mut Realm<'_>, _player: u32, message: &[u8]) {
        let enemy = u32::from_le_bytes(message.try_into().expect("a number"));
        assert!(self.game().send_off(realm, enemy) == realm.entity(enemy).is_some());
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        self.game().on_tick(realm);
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        self.game().on_leave(realm, player, why);
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        self.game().on_done(realm, done);
    }

    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        self.game().on_order(realm, order)
    }
}

#[test]
fn who_stands_still_is_caught_counted_and_starts_anew() {
    let config = with_enemies(5);
    let game = Arc::new(Mutex::new(Standard::new(&config)));
    let mut net = Net::with_game(config, Box::new(Shared(game.clone())));
    let seat = net.join(7);
    let far = middle(13, 7);
    for to in [middle(1, 6), middle(13, 6), far] {
        net.move_to(seat, to.x, to.y);
        net.step();
    }
    assert_eq!(net.true_at(7), Some(far));
    let catches = || game.lock().expect("nobody panics with it").catches(7);
    let caught_after = (0..3_000).find(|_| {
        step(&mut net);
        catches() > 0
    });
    assert!(caught_after.is_some_and(|ticks| ticks < 300), "within ten seconds: {caught_after:?}");
    assert_eq!((catches(), net.true_at(7)), (1, Some(middle(1, 1))), "it is at the spawn again");
    (0..80).for_each(|_| step(&mut net));
    assert_eq!(catches(), 1, "and is safe there for three seconds");
    net.leave(seat);
    net.step();
    assert_eq!(catches(), 0, "whoever has gone is not counted");
}

#[test]
fn one_that_is_sent_off_goes_on_from_somewhere_else() {
    let config = with_enemies(1);
    let game = Arc::new(Mutex::new(Standard::new(&config)));
    assert!(game.lock().expect("nobody panics with it").level().is_some());
    let mut net = Net::with_game(config, Box::new(Shared(game)));
    let seat = net.join(7);
    let to = middle(1, 1);
    let mut farthest = 0;
    for round in 0..20 {
        net.move_to(seat, to.x, to.y);
        step(&mut net);
        let before = enemies(&net, seat)[0];
        let enemy = before.client_id + round % 2;
        let said = net.seats[seat].client.send(Delivery::Reliable, &enemy.to_le_bytes());
        said.expect("there is room");
        net.move_to(seat, to.x, to.y);
        step(&mut net);
        let jumped = enemies(&net, seat)[0].at.distance_squared(before.at).isqrt();
        assert!(round % 2 == 0 || jumped < 10, "there is no such enemy, and it walks on");
        farthest = farthest.max(jumped);
    }
    assert!(farthest > 64, "four tiles are farther than it walks in a tick: {farthest}");
}

#[test]
fn without_a_level_they_go_straight() {
    let mut net = Net::new(Config { enemies: 10, spawn: Some(at(500, -500)), ..small() });
    let seat = net.join(7);
    step(&mut net);
    let distance = |net: &Net| {
        let all = enemies(net, seat);
        all.iter().map(|enemy| enemy.at.distance_squared(at(500, -500)).isqrt()).sum::<u64>()
    };
    let before = distance(&net);
    (0..90).for_each(|_| step(&mut net));
    assert!(distance(&net) < before, "{before} units from the player at first, then {}", distance(&net));
}

/// Every datagram, either way, of a play in which three walk, one says which enemy is to go, a tenth is lost, and another
/// level comes.
fn transcript(seed: u64) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.tmx");
    std::fs::write(&other, crate::maps::drawn(&[MAZE[1], MAZE[6]], "")).expect("a file");
    let config = with_enemies(20);
    let game = Arc::new(Mutex::new(Standard::new(&config)));
    let mut net = Net::with_game(config, Box::new(Shared(game)));
    let seats = [7, 8, 9].map(|client_id| net.join(client_id));
    let (said, mut luck) = (Arc::new(Mutex::new(Vec::new())), Draw::new(seed));
    let log = Arc::clone(&said);
    net.weather(move |_, bytes| {
        log.lock().expect("a log").push(bytes.to_vec());
        if luck.chance(10) { Fate::Lost } else { Fate::Arrives }
    });
    let mut draw = Draw::new(seed + 1_000);
    for tick in 0..150 {
        for seat in seats {
            let here = net.true_at(net.seats[seat].client_id).expect("it plays");
            net.move_to(seat, here.x + draw.below(5) as i32 - 2, here.y + draw.below(5) as i32 - 2);
        }
        if tick % 5 == 0 {
            let enemies = enemies(&net, seats[0]);
            let enemy = enemies[draw.below(enemies.len() as u64) as usize].client_id;
            let _full = net.seats[seats[0]].client.send(Delivery::Reliable, &enemy.to_le_bytes());
        }
        if tick == 60 {
            let _loading = net.server.order(&format!("level {}", other.display()));
        }
        step(&mut net);
    }
    assert!(net.totals().messages > 20, "{:?}", net.totals());
    let played = net.server.order("level");
    assert!(played.ends_with("other.tmx"), "{played}");
    let said = said.lock().expect("a log");
    said.clone()
}

#[test]
fn the_same_seed_and_inputs_give_the_same_bytes_with_enemies_levels_and_messages() {
    for seed in 1..4 {
        assert!(transcript(seed) == transcript(seed), "seed {seed}");
    }
    assert!(transcript(1) != transcript(2));
}

#[test]
fn in_a_large_open_level_all_set_out_for_a_player_however_far_it_is() {
    let side = 150;
    let mut rows = vec![".".repeat(side); side];
    rows[0] = format!("s{}", ".".repeat(side - 1));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let config = Config { enemies: 20, ..in_level(level(&rows, Path::new("open.tmx"), "")) };
    let mut net = Net::with_game(config.clone(), Box::new(Standard::new(&config).without_catches()));
    let seat = net.join(7);
    let mut play = |ticks: i32, x: i32, y: i32| {
        for tick in 0..ticks {
            net.move_to(seat, x + (tick & 1), y);
            step(&mut net);
        }
        let at = |enemy: &Player| (enemy.client_id, enemy.at);
        enemies(&net, seat).iter().map(at).collect::<BTreeMap<_, _>>()
    };
    // All gather off the middle of a tile, and then, between two thoughts, the player is in the corner far across.
    play(1_004, 13, 9);
    let end = side as i32 * TILE - TILE / 2;
    play(1, end / 2, end / 2);
    let before = play(60, end, end);
    let after = play(60, end, end);
    let stand = before.iter().filter(|(id, at)| after.get(id) == Some(at)).count();
    assert_eq!((before.len(), stand), (20, 0), "enemies, and those that do not move");
}
