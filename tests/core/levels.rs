//! Levels of the standard game: walls, spawns, exits, and another level while everybody plays.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tickcast::config::Config;
use tickcast::game::{Admission, Departure, Game, Joining, LoadError, Realm, Standard, Step, Verdict};
use tickcast::gate::DropReason;
use tickcast::level::Level;
use tickcast::mail::Delivery;
use tickcast::wire::Position;
use tickcast::work::{Done, Started, TIMEOUT_MAX, Work};

use crate::maps::{TILE, drawn};
use crate::pair::{Net, at, small};

/// Two rooms, a wall between them, and an exit in a corner.
const YARD: [&str; 5] = ["#########", "#s..#...#", "#...#...#", "#s.....x#", "#########"];
const CELLAR: [&str; 4] = ["######", "#.s..#", "#....#", "######"];

/// The middle of a tile.
pub(crate) fn middle(column: i32, row: i32) -> Position {
    at(column * TILE + TILE / 2, row * TILE + TILE / 2)
}

/// A level of a map in memory.
pub(crate) fn level(rows: &[&str], path: &Path, to: &str) -> Arc<Level> {
    let map = drawn(rows, to);
    let mut read = |_: &Path, _: usize| -> io::Result<Vec<u8>> { Ok(map.clone().into_bytes()) };
    Arc::new(Level::read(path, &mut read).expect("a level"))
}

/// A few who play in a level.
pub(crate) fn in_level(level: Arc<Level>) -> Config {
    small().in_level(level)
}

/// Does work here and now, as threads would beside the tick, and hands the answers over.
pub(crate) fn finish(net: &mut Net, works: Vec<Started>) {
    for Started { id, work, stop } in works {
        match work {
            Work::Thread(run) => net.server.finish(id, Ok(run(&stop))),
            Work::Task(_) => panic!("the standard game computes"),
        }
    }
}

pub(crate) fn started(net: &mut Net) -> Vec<Started> {
    net.server.take_work().collect()
}

/// A folder with a cellar and a broken level in it, and a server whose level is a yard there.
fn yard(to: &str) -> (tempfile::TempDir, Net) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cellar.tmx"), drawn(&CELLAR, "yard.tmx")).expect("a file");
    std::fs::write(folder.path().join("broken.tmx"), "<map").expect("a file");
    let net = Net::new(in_level(level(&YARD, &folder.path().join("yard.tmx"), to)));
    (folder, net)
}

fn place(net: &Net, client_id: u32) -> Position {
    net.true_at(client_id).expect("it stands somewhere")
}

fn order_level(net: &mut Net, file: &Path) -> String {
    net.server.order(&format!("level {}", file.display()))
}

#[test]
fn players_appear_at_the_spawns_in_turn() {
    let (_folder, mut net) = yard("cellar.tmx");
    let seats = [7, 8, 9].map(|client_id| net.join(client_id));
    let places = [middle(1, 1), middle(1, 3), middle(1, 1)];
    assert_eq!([7, 8, 9].map(|client_id| place(&net, client_id)), places);
    assert_eq!(net.welcome(seats[1]).at, places[1], "and are told so");
}

#[test]
fn a_wall_ends_a_move_at_the_last_free_place() {
    let (_folder, mut net) = yard("cellar.tmx");
    let seat = net.join(7);
    let (start, wall) = (middle(1, 1), 4 * TILE);
    net.move_to(seat, middle(6, 1).x, start.y);
    net.step();
    assert_eq!(place(&net, 7), at(wall - 1, start.y));
    net.move_to(seat, wall - 1, middle(2, 3).y);
    net.step();
    net.move_to(seat, middle(6, 3).x, middle(2, 3).y);
    net.step();
    assert_eq!(place(&net, 7), middle(6, 3), "the way around is free");
}

/// Everyone steps aside and back, and the tick is the next: nothing waits.
fn play_on(net: &mut Net, seats: &[usize], ticks: u64) {
    let before = net.server.report().totals.ticks;
    for tick in 0..ticks {
        let places = net.truth();
        for seat in seats {
            let here = place(net, net.seats[*seat].client_id);
            net.move_to(*seat, here.x + if tick.is_multiple_of(2) { 1 } else { -1 }, here.y);
        }
        net.step();
        let moved = net.truth().iter().zip(&places).all(|(now, then)| now.at != then.at);
        assert!(moved, "all have moved in tick {tick}");
        assert_eq!(net.server.report().totals.ticks, before + tick + 1);
    }
}

#[test]
fn while_a_level_loads_all_play_on_and_then_all_changes_in_one_tick() {
    let (folder, mut net) = yard("cellar.tmx");
    let seats = [7, 8, 9].map(|client_id| net.join(client_id));
    play_on(&mut net, &seats, 10);
    let cellar = folder.path().join("cellar.tmx");
    assert_eq!(order_level(&mut net, &cellar), format!("loading {}", cellar.display()));
    let loading = started(&mut net);
    assert_eq!(loading.len(), 1);
    play_on(&mut net, &seats, 150);
    finish(&mut net, loading);
    assert_eq!(place(&net, 8).y, middle(1, 3).y, "what is loaded is not played before the tick");
    net.step();
    for client_id in [7, 8, 9] {
        assert_eq!(place(&net, client_id), middle(2, 1), "all are there at once");
        assert!(seats.iter().all(|seat| net.known_at(*seat, client_id) == Some(middle(2, 1))));
    }
    assert_eq!(net.server.order("level"), format!("playing {}", cellar.display()));
    play_on(&mut net, &seats, 10);
    net.move_to(seats[0], middle(2, 1).x, -1);
    net.step();
    assert!(place(&net, 7).y >= 0, "the bounds are the new level's");
}

#[test]
fn an_exit_leads_to_its_level_and_asks_for_it_once() {
    let (_folder, mut net) = yard("cellar.tmx");
    let seat = net.join(7);
    let exit = middle(7, 3);
    for to in [at(middle(1, 1).x, exit.y), exit, at(exit.x + 1, exit.y), exit] {
        net.move_to(seat, to.x, to.y);
        net.step();
    }
    let loading = started(&mut net);
    assert_eq!(loading.len(), 1, "while it is loading nothing else is");
    finish(&mut net, loading);
    net.step();
    assert_eq!(place(&net, 7), middle(2, 1));
}

#[test]
fn exits_lead_below_the_folder_of_the_level_that_was_chosen_and_back_up_to_it() {
    let (folder, mut net) = yard("deep/well.tmx");
    std::fs::create_dir(folder.path().join("deep")).expect("a folder");
    let well = drawn(&["#####", "#s.x#", "#####"], "../cellar.tmx");
    std::fs::write(folder.path().join("deep/well.tmx"), well).expect("a file");
    let seat = net.join(7);
    let stay = 5 * Config::default().tick_rate.hz() as u64;
    for (exit, stands, plays) in
        [(middle(7, 3), middle(1, 1), "deep/well.tmx"), (middle(3, 1), middle(2, 1), "cellar.tmx")]
    {
        let aside = at(place(&net, 7).x, exit.y);
        for to in [aside, exit] {
            net.move_to(seat, to.x, to.y);
            net.step();
        }
        let loading = started(&mut net);
        finish(&mut net, loading);
        net.run(stay);
        assert_eq!(place(&net, 7), stands);
        let playing = format!("playing {}", folder.path().join(plays).display());
        assert_eq!(net.server.order("level"), playing);
    }
}

#[test]
fn two_exits_that_lead_to_one_another_keep_nobody_at_the_spawns() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = ["#####", "#s.x#", "#####"];
    let [one, two] = ["one.tmx", "two.tmx"].map(|name| folder.path().join(name));
    std::fs::write(&one, drawn(&rows, "two.tmx")).expect("a file");
    std::fs::write(&two, drawn(&rows, "one.tmx")).expect("a file");
    let mut net = Net::new(in_level(level(&rows, &one, "two.tmx")));
    let [restless, other] = [7, 8].map(|client_id| net.join(client_id));
    let (mut switches, ticks) = (0, 30 * Config::default().tick_rate.hz() as u64);
    for tick in 0..ticks {
        let to = if tick.is_multiple_of(2) { middle(3, 1) } else { middle(2, 1) };
        net.move_to(restless, to.x, to.y);
        let here = place(&net, 8);
        net.move_to(other, here.x + if tick.is_multiple_of(2) { 1 } else { -1 }, here.y);
        net.step();
        let loading = started(&mut net);
        switches += loading.len();
        finish(&mut net, loading);
    }
    assert!((5..=7).contains(&switches), "{switches} in half a minute");
}

#[test]
fn who_goes_by_the_bounds_of_another_level_is_told_where_it_stands() {
    let (folder, mut net) = yard("cellar.tmx");
    let seat = net.join(7);
    order_level(&mut net, &folder.path().join("cellar.tmx"));
    let loading = started(&mut net);
    finish(&mut net, loading);
    net.run(2);
    let stands = place(&net, 7);
    while net.seats[seat].client.take_correction().is_some() {}
    for _ in 0..3 {
        net.move_to(seat, middle(7, 1).x, stands.y);
        net.step();
    }
    net.run(1);
    assert_eq!(net.seats[seat].client.take_correction(), Some(stands), "it is told");
    assert_eq!(place(&net, 7), stands);
    assert!(net.drops(DropReason::OutsideWorld) >= 1 && net.drops(DropReason::Superseded) <= 2);
}

#[test]
fn a_level_that_is_none_leaves_the_old_one_and_says_why() {
    let (folder, mut net) = yard("broken.tmx");
    let seat = net.join(7);
    let before = place(&net, 7);
    for (file, why) in [("broken.tmx", "broken.tmx: "), ("missing.tmx", "cannot read ")] {
        order_level(&mut net, &folder.path().join(file));
        let loading = started(&mut net);
        finish(&mut net, loading);
        net.step();
        let answer = net.server.order("level");
        assert!(answer.starts_with("refused: ") && answer.contains(why) && answer.contains(file), "{answer}");
        assert_eq!(place(&net, 7), before);
    }
    let exit = middle(7, 3);
    let go = |net: &mut Net, to: Position, count: usize, why: &str| {
        net.move_to(seat, to.x, to.y);
        net.step();
        let loading = started(net);
        assert_eq!(loading.len(), count, "{why}");
        finish(net, loading);
    };
    let beside = at(exit.x - 1, exit.y);
    let ways = [
        (at(before.x, exit.y), 0, "that is no exit"),
        (exit, 1, "it leads there"),
        (beside, 0, "one that stands in an exit asks no more"),
        (at(before.x, exit.y), 0, "that is no exit"),
        (exit, 0, "nor is it asked again at once for a level that is none"),
        (at(before.x, exit.y), 0, "that is no exit"),
    ];
    ways.into_iter().for_each(|(to, count, why)| go(&mut net, to, count, why));
    let ten_seconds = 10 * tickcast::Config::default().tick_rate.hz() as u64;
    (0..ten_seconds).for_each(|_| net.step());
    go(&mut net, exit, 1, "after a while it may be one");
    net.step();
    assert_eq!(place(&net, 7), exit);
}

/// A game on top, which takes everybody to the level that a message names.
struct Guide(Standard);

impl Game for Guide {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.0.on_join(realm, joining)
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.0.on_move(realm, step)
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, _player: u32, message: &[u8]) {
        let file = Path::new(std::str::from_utf8(message).expect("a name"));
        self.0.load_level(realm, file).expect("one at a time");
        let again = self.0.load_level(realm, file).expect_err("one at a time");
        assert_eq!(again, LoadError::Loading(file.to_owned()));
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        self.0.on_tick(realm);
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        self.0.on_leave(realm, player, why);
    }

    /// Has so much going on that nothing else has a place, or says why a level is not played.
    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        if order == "busy" {
            while realm.start(None, TIMEOUT_MAX, Work::thread(|_| ())).is_ok() {}
        }
        self.0.level_failed().unwrap_or_default().to_owned()
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        self.0.on_done(realm, done);
    }
}

#[test]
fn a_game_on_top_may_say_alone_which_level_is_played() {
    let folder = tempfile::tempdir().expect("a folder");
    let cellar = folder.path().join("cellar.tmx");
    std::fs::write(&cellar, drawn(&CELLAR, "yard.tmx")).expect("a file");
    let config = in_level(level(&YARD, &folder.path().join("yard.tmx"), "cellar.tmx"));
    let game = Guide(Standard::new(&config).without_exits());
    let mut net = Net::with_game(config, Box::new(game));
    let seat = net.join(7);
    for to in [at(middle(1, 1).x, middle(7, 3).y), middle(7, 3)] {
        net.move_to(seat, to.x, to.y);
        net.step();
    }
    assert_eq!((place(&net, 7), started(&mut net).len()), (middle(7, 3), 0), "the exit leads nowhere");
    let name = cellar.to_str().expect("text").as_bytes();
    net.seats[seat].client.send(Delivery::Reliable, name).expect("there is room");
    net.move_to(seat, middle(7, 3).x, middle(7, 3).y);
    net.step();
    let loading = started(&mut net);
    finish(&mut net, loading);
    net.step();
    assert_eq!((place(&net, 7), net.totals().hook_panics), (middle(2, 1), 0));
}

#[test]
fn a_game_on_top_hears_why_a_level_is_not_played() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cellar.tmx"), drawn(&CELLAR, "yard.tmx")).expect("a file");
    let config = in_level(level(&YARD, &folder.path().join("yard.tmx"), "cellar.tmx"));
    let mut net = Net::with_game(config.clone(), Box::new(Guide(Standard::new(&config))));
    let seat = net.join(7);
    for (file, expected) in [("missing.tmx", "missing.tmx"), ("cellar.tmx", "")] {
        let path = folder.path().join(file);
        let name = path.to_str().expect("text").as_bytes();
        net.seats[seat].client.send(Delivery::Reliable, name).expect("there is room");
        let here = place(&net, 7);
        net.move_to(seat, here.x, here.y);
        net.step();
        assert_eq!(net.server.order(""), "", "it is being loaded");
        let loading = started(&mut net);
        finish(&mut net, loading);
        net.step();
        let why = net.server.order("");
        assert!(why.contains(expected) && why.is_empty() == expected.is_empty(), "{file}: {why:?}");
    }
    assert_eq!(net.totals().hook_panics, 0);
}

#[test]
fn where_too_much_goes_on_an_exit_leads_nowhere_and_it_is_said_why() {
    let config = in_level(level(&YARD, Path::new("yard.tmx"), "cellar.tmx"));
    let mut net = Net::with_game(config.clone(), Box::new(Guide(Standard::new(&config))));
    let seat = net.join(7);
    net.server.order("busy");
    for to in [at(middle(1, 1).x, middle(7, 3).y), middle(7, 3)] {
        net.move_to(seat, to.x, to.y);
        net.step();
    }
    let why = net.server.order("");
    assert!(why.contains("cellar.tmx") && why.contains("works are in flight"), "{why:?}");
    assert_eq!(place(&net, 7), middle(7, 3));
}

#[test]
fn orders_that_cannot_be_carried_out_are_refused() {
    let (folder, mut net) = yard("cellar.tmx");
    order_level(&mut net, &folder.path().join("cellar.tmx"));
    let second = order_level(&mut net, &folder.path().join("broken.tmx"));
    assert!(second.starts_with("refused: ") && second.contains("cellar.tmx is being loaded"), "{second}");
    for order in ["", "levels", "enemies 7"] {
        assert!(net.server.order(order).starts_with("refused: "), "{order:?}");
    }
}

#[test]
fn a_level_that_takes_a_minute_is_given_up() {
    let (folder, mut net) = yard("cellar.tmx");
    net.join(7);
    order_level(&mut net, &folder.path().join("cellar.tmx"));
    let loading = started(&mut net);
    let before = place(&net, 7);
    net.pass(std::time::Duration::from_secs(60));
    net.server.tick(net.now, tickcast::wire::Tick(net.tick_now()));
    finish(&mut net, loading);
    let answer = net.server.order("level");
    assert!(answer.contains("it took too long"), "{answer}");
    assert_eq!(before, middle(1, 1));
}

#[test]
fn a_world_of_other_bounds_and_a_spawn_besides_the_levels_are_refused() {
    let level = level(&YARD, &PathBuf::from("yard.tmx"), "cellar.tmx");
    let mut config = in_level(level);
    config.check().expect("the level brings its bounds");
    config.spawn = Some(middle(1, 1));
    assert!(config.check().expect_err("it has spawns").to_string().contains("--spawn"));
    config.spawn = None;
    config.world.max.x += 1;
    assert!(config.check().expect_err("others").to_string().contains("--world"));
}
