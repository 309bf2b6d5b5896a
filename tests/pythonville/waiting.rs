//! The town on real sockets: a monster comes and two players trade while a third, whose answer they wait for, has fallen
//! silent, and nobody's tick is missing.

use std::path::Path;
use std::sync::Arc;

use tickcast::level::Level;
use tickcast::mail::Delivery;
use tickcast::wire::{Position, kind_of};
use tickcast::{Config, TickServer};

use crate::crowd::{Crowd, Player};
use crate::rules::items::Item;
use crate::rules::trade::End;
use crate::rules::words::{News, Wish};
use crate::rules::{Pythonville, REACH};

/// Ticks that are counted before, during and after.
const TICKS: u64 = 20;

fn town() -> TickServer {
    let level = Level::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/yard.tmx")).expect("a level");
    let tick_rate = "20".parse().expect("a rate");
    let config = Config { enemies: 1, tick_rate, ..Config::default() }.in_level(Arc::new(level));
    let game = Box::new(Pythonville::new(&config));
    TickServer::bind_game("127.0.0.1:0".parse().expect("an address"), config, game)
        .expect("the town is there")
}

fn ask(player: &mut Player, wish: &Wish) {
    player.client.send(Delivery::Reliable, &wish.bytes()).expect("there is room");
}

/// What a player is told; it moves to where it stands, so that what it has to say is said.
fn hear(player: &mut Player) -> Vec<News> {
    let at = player.client.take_correction().or(player.client.welcome().map(|welcome| welcome.at));
    at.into_iter().for_each(|at| player.move_to(at.x, at.y));
    std::iter::from_fn(|| player.client.take_message()).filter_map(|said| News::read(&said)).collect()
}

/// Plays until a player is told something.
fn wait_for<T>(crowd: &mut Crowd, index: usize, is_it: impl Fn(&News) -> Option<T>) -> T {
    loop {
        crowd.pump_ticks(1);
        let told = crowd.0.iter_mut().map(hear).collect::<Vec<_>>().swap_remove(index);
        if let Some(it) = told.iter().find_map(&is_it) {
            return it;
        }
    }
}

fn offer(crowd: &mut Crowd, from: usize, to: usize, things: [Item; 2]) -> u32 {
    let [gives, wants] = things;
    ask(&mut crowd.0[from], &Wish::Offer { to: to as u32, gives, wants });
    wait_for(crowd, to, |news| match news {
        News::Offered { number, .. } => Some(*number),
        _ => None,
    })
}

/// Where the monster is, and whether it is with a player, as the first player knows.
fn monster(crowd: &Crowd) -> (Position, bool) {
    let (players, monsters): (Vec<_>, Vec<_>) = crowd.0[0]
        .client
        .world()
        .players()
        .map(|known| known.player)
        .partition(|player| kind_of(player.client_id) == 0);
    let [monster] = monsters[..] else { panic!("{monsters:?}") };
    let is_with = players.iter().any(|player| player.at.distance_squared(monster.at) <= REACH * REACH);
    (monster.at, is_with)
}

#[test]
fn a_monster_comes_and_two_trade_while_one_who_is_asked_never_answers() {
    let town = town();
    let mut crowd = Crowd::join(3, town.local_addr());
    for player in &mut crowd.0 {
        ask(player, &Wish::News);
    }
    wait_for(&mut crowd, 2, |news| matches!(news, News::Anew { .. }).then_some(()));
    let skipped = || town.status().report.totals.ticks_skipped;
    let before = skipped();
    crowd.pump_ticks(TICKS);
    assert_eq!(skipped(), before, "before");

    let unanswered = offer(&mut crowd, 0, 2, [Item::Apple, Item::Spam]);
    let silent = crowd.0.pop().expect("the third");
    let (began, (stood, _)) = (crowd.0[0].ticks.len(), monster(&crowd));
    let number = offer(&mut crowd, 0, 1, [Item::Egg, Item::Sword]);
    ask(&mut crowd.0[1], &Wish::Accept(number));
    let is_taken = |news: &News| {
        matches!(news, News::Ended { number: it, how: End::Taken, .. } if *it == number).then_some(())
    };
    wait_for(&mut crowd, 0, is_taken);
    while crowd.0[0].ticks.len() < began + TICKS as usize {
        crowd.pump_ticks(1);
    }
    let (stands, is_with) = monster(&crowd);
    assert!(stands != stood || is_with, "it comes: {stands:?}");
    assert_eq!(skipped(), before, "during");

    crowd.0.push(silent);
    ask(&mut crowd.0[2], &Wish::Decline(unanswered));
    wait_for(&mut crowd, 0, |news| matches!(news, News::Ended { how: End::Declined, .. }).then_some(()));
    crowd.pump_ticks(TICKS);
    assert_eq!(skipped(), before, "after");
    crowd.0.pop();
    crowd.assert_no_snapshot_is_missing_or_double();
}
