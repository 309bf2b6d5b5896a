//! Which level is played, as clients of the standard game are told.

use std::path::Path;
use std::sync::Arc;

use tickcast::config::Config;
use tickcast::game::words::{Said, Told};
use tickcast::game::{Admission, Departure, Game, Joining, Realm, Standard, Step, Verdict};
use tickcast::level::Level;
use tickcast::mail::{Delivery, WAITING_MAX};
use tickcast::profiles::Name;
use tickcast::wire::Bounds;
use tickcast::work::Done;

use crate::levels::{finish, level, middle, started};
use crate::maps::{TILE, drawn};
use crate::pair::{Fate, Net, Way, at, small};

/// The standard game; who moves to x 1 is said so much that no more finds room.
struct Loud(Standard);

impl Game for Loud {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.0.on_join(realm, joining)
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        while step.to.x == 1 && realm.send(step.player, Delivery::Reliable, b"!").is_ok() {}
        self.0.on_move(realm, step)
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        self.0.on_message(realm, player, message);
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        self.0.on_tick(realm);
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        self.0.on_leave(realm, player, why);
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        self.0.on_done(realm, done);
    }

    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        self.0.on_order(realm, order)
    }
}

const LARGE: [&str; 3] = ["......", "..s...", "......"];
const SMALL: [&str; 2] = [".s", ".."];

fn large() -> Arc<Level> {
    level(&LARGE, Path::new("large.tmx"), "")
}

fn served(config: Config) -> Net {
    let game = Loud(Standard::new(&config));
    Net::with_game(config, Box::new(game))
}

/// Orders another level, a small one of that name, and plays on until it is there.
fn switch(net: &mut Net, name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    std::fs::write(&file, drawn(&SMALL, "")).expect("a file");
    net.server.order(&format!("level {}", file.display()));
    let loading = started(net);
    finish(net, loading);
    net.step();
}

fn told(name: &str, columns: i32, rows: i32) -> Told {
    let bounds = Bounds { min: at(0, 0), max: at(columns * TILE - 1, rows * TILE - 1) };
    Told::Level { name: Name::new(name).expect("a name"), bounds }
}

/// What a client has heard of levels since the last time.
fn heard(net: &mut Net, seat: usize) -> Vec<Told> {
    let client = &mut net.seats[seat].client;
    let messages = std::iter::from_fn(|| client.take_message());
    messages.filter_map(|message| Told::read(&message)).collect()
}

fn ask(net: &mut Net, seat: usize) {
    let mut question = Vec::new();
    Said::Level.write(&mut question);
    net.seats[seat].client.send(Delivery::Reliable, &question).expect("there is room");
    net.move_to(seat, 0, 0);
}

#[test]
fn who_joins_and_who_plays_at_a_change_is_told_once_in_the_tick_of_it() {
    let mut net = served(small().in_level(large()));
    let seats = [7, 8].map(|client_id| net.join(client_id));
    net.step();
    for seat in seats {
        assert_eq!(heard(&mut net, seat), [told("large.tmx", 6, 3)]);
    }
    net.run(50);
    switch(&mut net, "small.tmx");
    for seat in seats {
        assert_eq!(heard(&mut net, seat), [told("small.tmx", 2, 2)]);
    }
    let late = net.join(9);
    net.run(50);
    assert_eq!(heard(&mut net, late), [told("small.tmx", 2, 2)]);
    assert_eq!((heard(&mut net, seats[0]), heard(&mut net, seats[1])), (vec![], vec![]), "and no more");
}

#[test]
fn where_no_level_is_played_nobody_is_told_but_who_asks() {
    let mut net = served(small());
    let seat = net.join(7);
    net.run(20);
    assert_eq!(heard(&mut net, seat), []);
    ask(&mut net, seat);
    net.run(2);
    let bounds = net.server.config().world;
    assert_eq!(heard(&mut net, seat), [Told::Level { name: Name::default(), bounds }]);
}

#[test]
fn who_has_not_been_seen_yet_is_told_and_stands_in_the_first_level_too() {
    let mut net = served(small());
    let seat = net.join(7);
    assert_eq!(net.true_at(7), None);
    switch(&mut net, "small.tmx");
    assert_eq!(net.true_at(7), Some(middle(1, 0)));
    assert_eq!(heard(&mut net, seat), [told("small.tmx", 2, 2)]);
}

#[test]
fn for_whom_too_much_waits_is_told_as_soon_as_there_is_room_and_only_what_is_played_then() {
    let mut net = served(small().in_level(large()));
    let seats = [7, 8].map(|client_id| net.join(client_id));
    net.run(10);
    seats.iter().for_each(|&seat| _ = heard(&mut net, seat));
    // What has arrived waits no longer as soon as the client has moved.
    let here = net.true_at(7).expect("it stands somewhere");
    net.move_to(seats[0], here.x, here.y);
    net.step();
    // Nothing reaches the clients, and the first is said all that may wait.
    net.weather(|way, _| if way == Way::ToClient { Fate::Lost } else { Fate::Arrives });
    net.move_to(seats[0], 1, middle(2, 1).y);
    net.step();
    for name in ["one.tmx", "two.tmx", "three.tmx"] {
        switch(&mut net, name);
    }
    net.weather(|_, _| Fate::Arrives);
    let (mut first, mut lines) = (Vec::new(), 0);
    for _ in 0..200 {
        let here = net.true_at(7).expect("it stands somewhere");
        net.move_to(seats[0], here.x, here.y);
        net.step();
        while let Some(message) = net.seats[seats[0]].client.take_message() {
            lines += usize::from(*message == *b"!");
            first.extend(Told::read(&message));
        }
    }
    assert_eq!((lines, first), (WAITING_MAX, vec![told("three.tmx", 2, 2)]));
    let second = heard(&mut net, seats[1]);
    assert_eq!(second, ["one.tmx", "two.tmx", "three.tmx"].map(|name| told(name, 2, 2)), "each in order");
}

#[test]
fn a_name_that_is_too_long_or_finds_no_room_is_left_out() {
    let long = "a".repeat(40) + ".tmx";
    let mut net = served(small().in_level(level(&SMALL, Path::new(&long), "")));
    let seat = net.join(7);
    net.step();
    assert_eq!(heard(&mut net, seat), [told("", 2, 2)]);
    let mut net = served(Config { datagram_bytes: 256, ..small() }.in_level(large()));
    let seat = net.join(7);
    net.step();
    assert_eq!(heard(&mut net, seat), [told("", 6, 3)]);
}
