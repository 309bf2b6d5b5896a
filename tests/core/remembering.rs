//! Players who come back: placed where they stood, where the server remembers.

use std::time::Duration;

use tickcast::client::Phase;
use tickcast::config::Config;
use tickcast::server::Changes;
use tickcast::wire::{Bounds, Player, Position};

use crate::pair::{Net, at, hello, small, step};

fn player(client_id: u32, x: i32) -> Player {
    Player { client_id, at: at(x, -x), state: 9 }
}

/// What has changed since the last time: the forgotten, and who stands where, by client id.
fn changed(net: &mut Net) -> (Vec<u32>, Vec<(u32, Position)>) {
    let mut changes = Changes::default();
    net.server.take_changes(&mut changes);
    let mut players: Vec<_> = changes.players.iter().map(|player| (player.client_id, player.at)).collect();
    players.sort_by_key(|(client_id, _)| *client_id);
    (changes.forgotten, players)
}

#[test]
fn a_player_of_a_crashed_server_stands_where_it_stood_and_all_are_told() {
    let (mut net, [one, two]) = Net::with([7, 8]);
    net.move_to(one, 70, 1);
    net.run(2);
    net.restart();
    net.server.remember([player(7, 70), player(9, 90)]);
    net.run(100);
    assert_eq!((net.phase(one), net.phase(two)), (Phase::Playing, Phase::Playing));
    assert_eq!((net.welcome(one).placed, net.welcome(one).at), (1, at(70, -70)));
    assert_eq!(net.welcome(two).placed, 0, "who was not remembered");
    assert_eq!(net.truth(), [player(7, 70)], "and nobody who has not come back");
    assert_eq!((net.known(one), net.known(two)), (net.truth(), net.truth()));
    net.move_to(one, 71, 1);
    net.step();
    assert_eq!(net.known_at(two, 7), Some(at(71, 1)));
}

#[test]
fn whoever_leaves_or_falls_silent_is_remembered_if_anyone_is() {
    for (remembers, placed) in [(true, 1), (false, 0)] {
        let (mut net, [one]) = Net::with([7]);
        if remembers {
            net.server.remember([]);
        }
        net.move_to(one, 70, 1);
        let silent = net.address();
        let welcome = net.welcomed(silent, hello(8, 1));
        net.say(silent, step(8, welcome.session, 1, 80));
        net.step();
        net.leave(one);
        net.step();
        net.pass(Duration::from_secs(11));
        net.step();
        assert_eq!((net.totals().left, net.totals().timed_out, net.truth().len()), (1, 1, 0));
        for (client_id, stood) in [(7, at(70, 1)), (8, at(80, 0))] {
            let again = net.join(client_id);
            let welcome = net.welcome(again);
            assert_eq!((welcome.placed, welcome.at), (placed, if remembers { stood } else { at(0, 0) }));
        }
        assert_eq!(net.truth().len(), 2 * placed as usize);
    }
}

#[test]
fn who_stood_outside_the_world_of_today_is_placed_nowhere() {
    let world = Bounds { min: at(-10, -10), max: at(10, 10) };
    let mut net = Net::new(Config { world, ..small() });
    net.server.remember([player(7, 10), player(8, 11)]);
    let (inside, outside) = (net.join(7), net.join(8));
    assert_eq!((net.welcome(inside).placed, net.welcome(outside).placed), (1, 0));
    net.move_to(outside, 3, 3);
    net.step();
    assert_eq!(net.truth().len(), 2);
}

#[test]
fn what_has_changed_is_told_once_however_often_it_did() {
    let (mut net, [one, two]) = Net::with([7, 8]);
    net.move_to(one, 1, 1);
    net.step();
    assert_eq!(changed(&mut net), (vec![], vec![]), "nobody is remembered yet");
    net.server.remember([player(9, 90)]);
    assert_eq!((net.server.changed_since(), changed(&mut net)), (None, (vec![], vec![])));
    let began = net.now;
    for x in 2..=10 {
        net.move_to(one, x, 0);
        net.step();
    }
    assert_eq!(net.server.changed_since(), Some(began + net.period()));
    assert_eq!(changed(&mut net), (vec![], vec![(7, at(10, 0))]));
    net.move_to(one, 10, 0);
    net.step();
    assert_eq!(changed(&mut net), (vec![], vec![]), "it says again where it stands");
    net.move_to(one, 11, 0);
    net.move_to(two, 80, 0);
    net.step();
    net.leave(one);
    net.step();
    assert_eq!(changed(&mut net), (vec![], vec![(7, at(11, 0)), (8, at(80, 0))]), "where it stood last");
    net.join(7);
    assert_eq!(changed(&mut net), (vec![], vec![(7, at(11, 0))]), "it was seen again");
    assert_eq!((net.server.changed_since(), changed(&mut net)), (None, (vec![], vec![])));
}
