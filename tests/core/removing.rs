//! Players whom the game removes, from any of its hooks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tickcast::client::Phase;
use tickcast::game::{Admission, Departure, Game, Joining, Realm, Step, Verdict};
use tickcast::gate::DropReason;
use tickcast::mail::Delivery;
use tickcast::wire::{Ack, Closed, ClosedReason, FromClient, FromServer, Move, RefusalReason, decode_server};
use tickcast::work::{Done, Work};

use crate::pair::{Fate, Net, Way, at, hello, small};

/// What a hook is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hook {
    Join(u32),
    Move(u32),
    Message(u32),
    Tick,
    Leave(u32),
    Done,
    Order,
}

/// Removes those from each hook whom the test has said, and notes who left, and why.
#[derive(Clone, Default)]
struct Bouncer(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    removes: BTreeMap<Hook, Vec<u32>>,
    refuses: Vec<u32>,
    /// Goes in the tick of its joining, the first time.
    passes_by: Option<u32>,
    joined: Vec<u32>,
    left: Vec<(u32, Departure)>,
    answers: Vec<bool>,
    /// How many had gone altogether when each was told of its leaving.
    gone_at_leaving: Vec<usize>,
    standing: usize,
}

impl Bouncer {
    fn on(&self, hook: Hook, realm: &mut Realm<'_>) {
        let mut book = self.0.lock().expect("nobody panics with it");
        for player in book.removes.remove(&hook).unwrap_or_default() {
            book.answers.push(realm.remove(player, player * 10));
        }
    }

    fn plan(&self, hook: Hook, players: &[u32]) {
        self.0.lock().expect("nobody panics with it").removes.insert(hook, players.to_vec());
    }

    fn left(&self) -> Vec<(u32, Departure)> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it").left)
    }

    fn answers(&self) -> Vec<bool> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it").answers)
    }
}

impl Game for Bouncer {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.on(Hook::Join(joining.player), realm);
        let mut book = self.0.lock().expect("nobody panics with it");
        if book.refuses.contains(&joining.player) {
            return Admission::Refused(5);
        }
        book.joined.push(joining.player);
        if book.passes_by.take_if(|player| *player == joining.player).is_some() {
            book.removes.insert(Hook::Tick, vec![joining.player]);
        }
        Admission::Placed(at(joining.player as i32, 0), 0)
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.on(Hook::Move(step.player), realm);
        Verdict::Accept
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, _message: &[u8]) {
        self.on(Hook::Message(player), realm);
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        self.on(Hook::Tick, realm);
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        assert!(realm.player(player).is_some(), "it still stands there");
        {
            let mut book = self.0.lock().expect("nobody panics with it");
            book.left.push((player, why));
            let standing = realm.players().count();
            book.standing = book.standing.max(standing);
            let gone = book.standing - standing;
            book.gone_at_leaving.push(gone);
        }
        self.on(Hook::Leave(player), realm);
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, _done: Done) {
        self.on(Hook::Done, realm);
    }

    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        self.on(Hook::Order, realm);
        if order == "work" {
            let work = Work::thread(|_| ());
            realm.start(None, Duration::from_secs(5), work).expect("a place");
        }
        String::new()
    }
}

/// Three who play.
fn playing() -> (Net, Bouncer, [usize; 3]) {
    let game = Bouncer::default();
    let mut net = Net::with_game(small(), Box::new(game.clone()));
    let seats = [7, 8, 9].map(|client_id| net.join(client_id));
    net.run(3);
    (net, game, seats)
}

fn removed(player: u32) -> (u32, Departure) {
    (player, Departure::Removed(player * 10))
}

/// Of those who played, these have gone, and know why; the others play on, and a second later nobody sees the gone any more.
fn assert_gone(net: &mut Net, seats: [usize; 3], gone: &[u32], why: &str) {
    net.run(70);
    for (seat, client_id) in seats.into_iter().zip([7, 8, 9]) {
        let expected = match gone.contains(&client_id) {
            true => Phase::Closed(ClosedReason::Removed(client_id * 10)),
            false => Phase::Playing,
        };
        assert_eq!(net.phase(seat), expected, "{why}: {client_id}");
        assert_eq!(net.true_at(client_id).is_none(), gone.contains(&client_id), "{why}: {client_id}");
        let witness = seats.into_iter().zip([7, 8, 9]).find(|(_, other)| !gone.contains(other));
        if let Some((witness, _)) = witness {
            assert_eq!(net.known_at(witness, client_id), net.true_at(client_id), "{why}: {client_id}");
        }
    }
    assert_eq!(net.server.gate().peers(), 3 - gone.len(), "{why}");
    assert_eq!(net.totals().removed, gone.len() as u64, "{why}");
    assert_eq!(net.totals().hook_panics, 0, "{why}");
}

#[test]
fn a_player_is_removed_from_any_hook_be_it_its_own_or_anothers() {
    for (hook, goes) in [
        (Hook::Move(7), 7),
        (Hook::Move(7), 9),
        (Hook::Message(7), 7),
        (Hook::Message(7), 8),
        (Hook::Tick, 8),
        (Hook::Order, 9),
        (Hook::Done, 7),
        (Hook::Join(1), 8),
    ] {
        let (mut net, game, seats) = playing();
        game.plan(hook, &[goes]);
        match hook {
            Hook::Move(_) => net.move_to(seats[0], 70, 0),
            Hook::Message(_) => {
                let client = &mut net.seats[seats[0]].client;
                for text in [b"one", b"two"] {
                    client.send(Delivery::Reliable, text).expect("there is room");
                }
                net.move_to(seats[0], 70, 0);
            }
            Hook::Order => _ = net.server.order(""),
            Hook::Done => {
                net.server.order("work");
                let works: Vec<_> = net.server.take_work().map(|started| started.id).collect();
                net.server.finish(works[0], Ok(Box::new(())));
            }
            Hook::Join(_) => {
                let from = net.address();
                game.0.lock().expect("nobody panics with it").refuses.push(1);
                net.refused(from, hello(1, 1));
            }
            Hook::Tick | Hook::Leave(_) => {}
        }
        let why = format!("{goes} from {hook:?}");
        assert_gone(&mut net, seats, &[goes], &why);
        assert_eq!((game.answers(), game.left()), (vec![true], vec![removed(goes)]), "{why}");
    }
}

#[test]
fn whom_a_hook_removes_twice_leaves_once_and_nobody_is_there_afterwards() {
    let (mut net, game, seats) = playing();
    game.plan(Hook::Tick, &[8, 8, 1]);
    game.plan(Hook::Leave(8), &[8, 7]);
    game.plan(Hook::Leave(7), &[8, 7]);
    net.step();
    assert_gone(&mut net, seats, &[7, 8], "twice");
    assert_eq!(game.left(), [removed(8), removed(7)]);
    assert_eq!(game.answers(), [true, true, false, true, true, false, true]);
    game.plan(Hook::Tick, &[8]);
    net.step();
    assert_eq!((game.answers(), game.left()), (vec![false], vec![]));
}

#[test]
fn who_leaves_by_itself_is_not_removed_besides() {
    let (mut net, game, seats) = playing();
    game.plan(Hook::Leave(7), &[7, 9]);
    net.leave(seats[0]);
    net.run(3);
    assert_eq!(game.left(), [(7, Departure::Left), removed(9)]);
    assert_eq!((net.totals().left, net.totals().removed), (1, 1));
    assert_eq!(net.phase(seats[0]), Phase::Left);
}

#[test]
fn hundreds_who_remove_one_another_do_not_go_within_one_another() {
    const MANY: u32 = 300;
    let game = Bouncer::default();
    let config = tickcast::Config { max_peers: MANY as usize, ..small() };
    let mut net = Net::with_game(config, Box::new(game.clone()));
    for client_id in 0..MANY {
        let from = net.address();
        net.welcomed(from, hello(client_id, 1));
        // Each removes two: were they to go at once, the first would take all of its own along before the second goes.
        game.plan(Hook::Leave(client_id), &[2 * client_id + 1, 2 * client_id + 2]);
    }
    game.plan(Hook::Tick, &[0]);
    net.step();
    assert_eq!(game.left(), (0..MANY).map(removed).collect::<Vec<_>>());
    assert_eq!(net.server.gate().peers(), 0);
    let book = game.0.lock().expect("nobody panics with it");
    assert!(
        book.gone_at_leaving.iter().copied().eq(0..MANY as usize),
        "each is gone when the next hears: {:?}",
        book.gone_at_leaving
    );
}

#[test]
fn who_missed_why_asks_again_and_is_refused_if_the_game_wants_it() {
    let (mut net, game, seats) = playing();
    net.weather(|way, _| if way == Way::ToClient { Fate::Lost } else { Fate::Arrives });
    game.plan(Hook::Tick, &[7]);
    net.step();
    game.0.lock().expect("nobody panics with it").refuses.push(7);
    net.weather(|_, _| Fate::Arrives);
    net.run(120);
    let Phase::Refused(refusal) = net.phase(seats[0]) else { panic!("{:?}", net.phase(seats[0])) };
    assert_eq!((refusal.reason, refusal.detail), (RefusalReason::Game, 5));
}

#[test]
fn who_is_removed_stays_out_by_itself_and_may_come_again_if_it_wants_to() {
    let (mut net, game, seats) = playing();
    game.plan(Hook::Tick, &[7]);
    net.run(200);
    assert_eq!(net.phase(seats[0]), Phase::Closed(ClosedReason::Removed(70)));
    net.rejoin(seats[0]);
    net.run(5);
    assert_eq!(net.phase(seats[0]), Phase::Playing);
    let joined = game.0.lock().expect("nobody panics with it").joined.clone();
    assert_eq!(joined, [7, 8, 9, 7]);
}

#[test]
fn a_hello_that_is_on_its_way_when_its_player_is_removed_does_not_bring_it_back() {
    // So long do datagrams take that a client says its hello several times before it hears anything.
    for late in [16, 40] {
        let game = Bouncer::default();
        let mut net = Net::with_game(small(), Box::new(game.clone()));
        game.0.lock().expect("nobody panics with it").passes_by = Some(7);
        let seat = net.seat(7);
        net.weather(move |_, _| Fate::Late(late));
        net.run(8 * late);
        assert_eq!(net.phase(seat), Phase::Closed(ClosedReason::Removed(70)), "after {late} ticks");
        assert_eq!(game.0.lock().expect("nobody panics with it").joined, [7], "after {late} ticks");
        assert_eq!((net.server.gate().peers(), net.true_at(7)), (0, None), "after {late} ticks");
        assert_ne!(net.drops(DropReason::StaleHello), 0, "after {late} ticks");
        net.rejoin(seat);
        net.run(8 * late);
        assert_eq!(net.phase(seat), Phase::Playing, "it may come again after {late} ticks");
    }
}

#[test]
fn on_an_open_server_whoever_moves_on_is_asked_for_again() {
    let game = Bouncer::default();
    let mut net = Net::with_game(tickcast::Config { open: true, ..small() }, Box::new(game.clone()));
    let from = net.address();
    let step = |sequence, x| Move {
        client_id: 7,
        session: 0,
        sequence,
        at: at(x, 0),
        state: 0,
        ack: Ack::default(),
    };
    net.say(from, FromClient::Move(step(1, 1)));
    game.plan(Hook::Tick, &[7]);
    net.step();
    assert_eq!((game.left(), net.true_at(7)), (vec![removed(7)], None));
    let closed = |message: &FromServer| {
        matches!(message, FromServer::Closed(Closed { reason: ClosedReason::Removed(70), .. }))
    };
    assert_eq!(net.mail(from).iter().filter(|message| closed(message)).count(), 1, "it is told");
    net.say(from, FromClient::Move(step(2, 2)));
    net.step();
    assert_eq!((net.true_at(7), net.server.gate().peers()), (Some(at(2, 0)), 1), "it is back");
    game.0.lock().expect("nobody panics with it").refuses.push(7);
    game.plan(Hook::Tick, &[7]);
    net.step();
    net.say(from, FromClient::Move(step(3, 3)));
    net.step();
    assert_eq!((net.true_at(7), net.server.gate().peers()), (None, 0), "unless the game refuses it");
}

#[test]
fn one_that_is_removed_as_it_takes_an_address_over_has_left_and_joins_anew() {
    let (mut net, game, seats) = playing();
    // Another plays at the address that the client is about to have; as that one goes, the game removes the client too.
    net.change_address(seats[0]);
    let addr = net.seats[seats[0]].addr;
    let other = net.prove(addr, hello(5, 1));
    net.say(addr, other);
    net.step();
    game.plan(Hook::Leave(5), &[7]);
    net.rejoin(seats[0]);
    net.run(30);
    assert_eq!(game.left(), [(5, Departure::Replaced), removed(7)]);
    assert_eq!((net.phase(seats[0]), net.drops(DropReason::Game)), (Phase::Playing, 1));
    let joined = game.0.lock().expect("nobody panics with it").joined.clone();
    assert_eq!(joined, [7, 8, 9, 5, 7], "the game hears of it as of anyone");
}

#[test]
fn a_closed_has_a_detail_if_it_is_the_games_and_only_then() {
    let closed = |reason: u8, bytes: usize| {
        let mut closed = [0; 24];
        (closed[0], closed[4], closed[12], closed[16]) = (3, 1, reason, 9);
        decode_server(&closed[..bytes])
    };
    let removed = FromServer::Closed(Closed { session: 1, reason: ClosedReason::Removed(9) });
    assert_eq!(closed(4, 20), Ok(removed));
    for (reason, bytes) in [(4, 16), (4, 24), (3, 20), (5, 20), (5, 16)] {
        assert!(closed(reason, bytes).is_err(), "reason {reason} in {bytes} bytes");
    }
}
