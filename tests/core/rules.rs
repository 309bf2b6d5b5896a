//! Games of one's own: what their hooks may do, and what becomes of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Once};

use tickcast::client::{Event, Phase};
use tickcast::config::Config;
use tickcast::game::{Admission, Departure, Game, Joining, Realm, Step, Verdict};
use tickcast::gate::DropReason;
use tickcast::server::Changes;
use tickcast::wire::{Bounds, Player, Position, RefusalReason, kind_of};

use crate::pair::{Fate, Net, at, hello, small};

/// Where a test's game says what it has seen.
type Log = Arc<Mutex<Vec<String>>>;

type OnJoin = Box<dyn FnMut(&mut Realm<'_>, &Joining) -> Admission + Send>;
type OnMove = Box<dyn FnMut(&mut Realm<'_>, &Step) -> Verdict + Send>;
type OnTick = Box<dyn FnMut(&mut Realm<'_>) + Send>;
type OnLeave = Box<dyn FnMut(&mut Realm<'_>, u32, Departure) + Send>;

/// A game whose hooks are closures; a hook without one does what every game does that has none.
#[derive(Default)]
struct Made {
    join: Option<OnJoin>,
    step: Option<OnMove>,
    tick: Option<OnTick>,
    leave: Option<OnLeave>,
}

impl Game for Made {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.join.as_mut().map_or(Admission::Waits, |hook| hook(realm, joining))
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.step.as_mut().map_or(Verdict::Accept, |hook| hook(realm, step))
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        if let Some(hook) = &mut self.tick {
            hook(realm);
        }
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        if let Some(hook) = &mut self.leave {
            hook(realm, player, why);
        }
    }
}

fn playing(game: Made) -> Net {
    Net::with_game(small(), Box::new(game))
}

fn at_tick(hook: impl FnMut(&mut Realm<'_>) + Send + 'static) -> Net {
    playing(Made { tick: Some(Box::new(hook)), ..Made::default() })
}

fn refusing(detail: u32) -> Made {
    let join = move |_: &mut Realm<'_>, joining: &Joining| match joining.player {
        7 => Admission::Refused(detail),
        _ => Admission::Placed(at(5, 6), 9),
    };
    Made { join: Some(Box::new(join)), ..Made::default() }
}

#[test]
fn a_game_refuses_with_a_number_of_its_own_or_says_where_one_stands() {
    let mut net = playing(refusing(42));
    let from = net.address();
    let refusal = net.refused(from, hello(7, 1));
    assert_eq!((refusal.reason, refusal.detail), (RefusalReason::Game, 42));
    assert_eq!(net.drops(DropReason::Game), 1);
    let (one, two) = (net.join(8), net.join(9));
    net.step();
    assert_eq!((net.welcome(one).placed, net.welcome(one).at), (1, at(5, 6)));
    let player = |client_id| Player { client_id, at: at(5, 6), state: 9 };
    assert_eq!(net.truth(), [player(8), player(9)]);
    assert_eq!((net.known(one), net.known(two)), (net.truth(), net.truth()));
}

#[test]
fn whoever_waits_stands_where_it_is_remembered_and_is_remembered_still_if_it_is_refused() {
    for (answer, placed) in [
        (Admission::Waits, Some(at(70, 0))),
        (Admission::Placed(at(5, 5), 1), Some(at(5, 5))),
        (Admission::Placed(at(500, 5), 1), Some(at(70, 0))),
    ] {
        let mut refusals = 1;
        let join = move |_: &mut Realm<'_>, joining: &Joining| {
            assert_eq!(joining.remembered.map(|player| player.at), Some(at(70, 0)));
            refusals -= 1;
            if refusals == 0 { Admission::Refused(1) } else { answer }
        };
        let game = Made { join: Some(Box::new(join)), ..Made::default() };
        let world = Bounds { min: at(-100, -100), max: at(100, 100) };
        let mut net = Net::with_game(Config { world, ..small() }, Box::new(game));
        net.server.remember([Player { client_id: 7, at: at(70, 0), state: 3 }]);
        let from = net.address();
        net.refused(from, hello(7, 1));
        net.join(7);
        assert_eq!(net.true_at(7), placed, "{answer:?}");
        assert_eq!(net.totals().hook_panics, 0);
    }
}

/// Moves beyond 100 are refused, those beyond 10 corrected to 10.
fn fenced() -> Made {
    let judge = |_: &mut Realm<'_>, step: &Step| match step.to.x {
        100.. => Verdict::Refuse,
        10.. => Verdict::Correct(at(10, step.to.y)),
        _ => Verdict::Accept,
    };
    Made { step: Some(Box::new(judge)), ..Made::default() }
}

#[test]
fn moves_are_accepted_corrected_or_refused() {
    let mut net = playing(fenced());
    let (one, two) = (net.join(7), net.join(8));
    for (x, stands) in [(3, 3), (100, 3), (50, 10), (4, 4)] {
        net.move_to(one, x, 1);
        net.step();
        assert_eq!((net.true_at(7), net.known_at(two, 7)), (Some(at(stands, 1)), Some(at(stands, 1))));
    }
    let drops = [DropReason::MoveRefused, DropReason::Corrected].map(|reason| net.drops(reason));
    assert_eq!((drops, net.totals().moves_applied), ([1, 1], 2));
}

#[test]
fn whom_a_hook_relocates_as_it_moves_stands_where_it_was_put() {
    let judge = |realm: &mut Realm<'_>, step: &Step| {
        if step.to.x == 9 {
            assert!(realm.relocate(step.player, at(-40, 2)));
        }
        Verdict::Accept
    };
    let mut net = playing(Made { step: Some(Box::new(judge)), ..Made::default() });
    let one = net.join(7);
    for x in [8, 9] {
        net.move_to(one, x, 2);
        net.step();
    }
    assert_eq!((net.true_at(7), net.drops(DropReason::Corrected)), (Some(at(-40, 2)), 1));
}

#[test]
fn a_correction_to_nowhere_refuses() {
    let judge = |_: &mut Realm<'_>, _: &Step| Verdict::Correct(at(11, 0));
    let game = Made { step: Some(Box::new(judge)), ..Made::default() };
    let world = Bounds { min: at(-10, -10), max: at(10, 10) };
    let mut net = Net::with_game(Config { world, ..small() }, Box::new(game));
    let one = net.join(7);
    net.move_to(one, 3, 3);
    net.move_to(one, 11, 3);
    net.step();
    assert_eq!((net.drops(DropReason::MoveRefused), net.drops(DropReason::OutsideWorld)), (1, 1));
    assert!(net.truth().is_empty());
}

#[test]
fn a_hook_sees_where_a_player_comes_from_and_goes_to() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let judge = move |realm: &mut Realm<'_>, step: &Step| {
        let now = realm.player(step.player).map(|player| player.at);
        assert_eq!(now, step.from);
        seen.lock().expect("a log").push(format!("{:?} {:?}", step.from.map(|at| at.x), step.to.x));
        Verdict::Accept
    };
    let mut net = playing(Made { step: Some(Box::new(judge)), ..Made::default() });
    let one = net.join(7);
    (1..=3).for_each(|x| net.move_to(one, x, 0));
    net.step();
    assert_eq!(*log.lock().expect("a log"), ["None 1", "Some(1) 2", "Some(2) 3"]);
}

#[test]
fn everyone_who_joined_leaves_once_and_a_change_of_address_is_neither() {
    let log = Log::default();
    let (joined, left) = (Arc::clone(&log), Arc::clone(&log));
    let join = move |_: &mut Realm<'_>, joining: &Joining| {
        joined.lock().expect("a log").push(format!("{} joins", joining.player));
        Admission::Waits
    };
    let leave = move |realm: &mut Realm<'_>, player: u32, why: Departure| {
        let stands = realm.player(player).map(|player| player.at.x);
        left.lock().expect("a log").push(format!("{player} at {stands:?}: {why:?}"));
    };
    let game = Made { join: Some(Box::new(join)), leave: Some(Box::new(leave)), ..Made::default() };
    let mut net = playing(game);
    let (one, _silent) = (net.join(7), net.join(8));
    net.move_to(one, 70, 0);
    net.step();
    net.change_address(one);
    net.rejoin(one);
    net.run(2);
    assert_eq!(net.phase(one), Phase::Playing);
    net.leave(one);
    net.step();
    let from = net.address();
    net.welcomed(from, hello(9, 1));
    net.welcomed(from, hello(10, 2));
    net.weather(|_, _| Fate::Lost);
    net.pass(net.server.config().timeout * 2);
    net.step();
    let log = log.lock().expect("a log");
    let mut gone_silent = log[6..].to_vec();
    gone_silent.sort();
    assert_eq!(
        log[..6],
        ["7 joins", "8 joins", "7 at Some(70): Left", "9 joins", "10 joins", "9 at None: Replaced"]
    );
    assert_eq!(gone_silent, ["10 at None: TimedOut", "8 at None: TimedOut"]);
}

#[test]
fn whom_the_game_puts_elsewhere_as_its_client_takes_an_address_over_is_told() {
    let leave = |realm: &mut Realm<'_>, player: u32, _: Departure| {
        assert!(player != 7 || realm.relocate(8, at(-40, 0)));
    };
    let mut net = playing(Made { leave: Some(Box::new(leave)), ..Made::default() });
    let seat = net.join(8);
    net.move_to(seat, 5, 0);
    net.step();
    // Another plays at the address that the client is about to have.
    net.change_address(seat);
    let addr = net.seats[seat].addr;
    let other = net.prove(addr, hello(7, 1));
    net.say(addr, other);
    net.step();
    net.rejoin(seat);
    net.run(2);
    assert_eq!((net.true_at(8), net.server.gate().peers()), (Some(at(-40, 0)), 1));
    assert_eq!(net.seats[seat].client.take_correction(), Some(at(-40, 0)));
}

/// Everyone known to a client, by id: the kind and where.
fn known(net: &Net, seat: usize) -> BTreeMap<u32, (u8, Position)> {
    let world = net.seats[seat].client.world();
    world.players().map(|known| (known.player.client_id, (known.kind, known.player.at))).collect()
}

#[test]
fn entities_are_told_with_their_kinds_plain_and_compact() {
    let mut ids = Vec::new();
    let hook = move |realm: &mut Realm<'_>| match realm.tick().0 {
        3 => ids.extend((1..=3).filter_map(|kind| realm.spawn(kind, at(kind.into(), 0), 5))),
        20 => assert!(realm.despawn(ids[1])),
        tick => ids.iter().for_each(|&id| _ = realm.place(id, at(kind_of(id).into(), tick as i32), 6)),
    };
    let mut net = at_tick(hook);
    let seats = [net.join(7), net.join(8)];
    net.move_to(seats[0], -1, -1);
    net.run(13);
    let expected = |kinds: &[u8], y: i32| {
        let entity = |&kind: &u8| (0xF000_0000 | u32::from(kind) << 20, (kind, at(kind.into(), y)));
        kinds.iter().map(entity).chain([(7, (0, at(-1, -1)))]).collect::<BTreeMap<_, _>>()
    };
    let y = net.server.report().tick.0 as i32;
    seats.iter().for_each(|&seat| assert_eq!(known(&net, seat), expected(&[1, 2, 3], y), "seat {seat}"));
    // One whose snapshots are not acknowledged waits a second for who is left out.
    net.run(60);
    let y = net.server.report().tick.0 as i32;
    seats.iter().for_each(|&seat| assert_eq!(known(&net, seat), expected(&[1, 3], y), "seat {seat}"));
    let report = net.server.report();
    assert_eq!((report.players, report.entities, net.server.players().count()), (1, 2, 1));
    let players = |event: &Event| match event {
        Event::Snapshot(header) => Some(header.players),
        _ => None,
    };
    assert_eq!(net.seats[seats[0]].events.iter().rev().find_map(players), Some(3), "all who are told of");
}

#[test]
fn where_peers_see_only_so_far_they_see_entities_no_farther() {
    let hook = |realm: &mut Realm<'_>| {
        if realm.tick().0 == 2 {
            assert!(realm.spawn(1, at(90, 0), 0).is_some() && realm.spawn(2, at(0, 130), 0).is_some());
        }
    };
    let game = Made { tick: Some(Box::new(hook)), ..Made::default() };
    let mut net = Net::with_game(Config { view: Some(100), ..small() }, Box::new(game));
    let seats = [net.join(7), net.join(8)];
    seats.iter().for_each(|&seat| net.move_to(seat, 0, 0));
    net.run(20);
    for seat in seats {
        let kinds: Vec<u8> = known(&net, seat).values().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [0, 0, 1], "seat {seat}");
    }
}

#[test]
fn an_entity_that_takes_the_place_of_another_is_told_as_another() {
    let mut last = None;
    let hook = move |realm: &mut Realm<'_>| {
        if let Some(id) = last {
            assert!(realm.despawn(id) && realm.entity(id).is_none());
        }
        last = realm.spawn(1, at(realm.tick().0 as i32, 0), 0);
    };
    let mut net = at_tick(hook);
    let seats = [net.join(7), net.join(8)];
    for turn in 0..200 {
        // Whom a client was told of before it acknowledged anything, it waits for.
        let is_settled = turn > 60;
        seats.iter().for_each(|&seat| net.move_to(seat, 500, turn));
        net.step();
        let number = net.server.report().tick.0 as u32 - 1;
        for seat in seats {
            let mut known = known(&net, seat);
            known.retain(|_, (kind, _)| *kind != 0);
            let x = net.server.report().tick.0 as i32;
            known.retain(|_, (_, at)| is_settled || at.x == x);
            assert_eq!(known, BTreeMap::from([(0xF010_0000 | number, (1, at(x, 0)))]), "seat {seat}");
        }
    }
}

#[test]
fn entities_are_never_remembered_nor_kept() {
    let mut ids = Vec::new();
    let hook = move |realm: &mut Realm<'_>| {
        match realm.tick().0 % 4 {
            0 => ids.push(realm.spawn(1, at(1, 1), 0).expect("a place")),
            2 => ids.drain(..).for_each(|id| assert!(realm.despawn(id))),
            _ => ids.iter().for_each(|&id| assert!(realm.place(id, at(2, 2), 0))),
        }
        realm.relocate(7, at(realm.tick().0 as i32, 0));
    };
    let mut net = at_tick(hook);
    net.server.remember([]);
    net.join(7);
    let mut changes = Changes::default();
    for _ in 0..20 {
        net.step();
        net.server.take_changes(&mut changes);
        let changed: Vec<u32> = changes.players.iter().map(|player| player.client_id).collect();
        assert_eq!((changed, changes.forgotten.len()), (vec![7], 0), "whom the game moves is kept");
    }
}

#[test]
fn whom_the_game_puts_elsewhere_stands_there_and_entities_and_strangers_are_nobody() {
    let hook = |realm: &mut Realm<'_>| {
        if realm.tick().0 == 10 {
            let id = realm.spawn(1, at(0, 0), 0).expect("a place");
            assert!(
                !realm.relocate(id, at(1, 1))
                    && !realm.relocate(99, at(1, 1))
                    && !realm.place(7, at(1, 1), 0)
            );
            assert!(realm.relocate(7, at(-50, 3)) && realm.relocate(8, at(-51, 3)));
            assert_eq!((realm.players().count(), realm.entities().count()), (2, 1));
            assert!(realm.player(id).is_none() && realm.entity(7).is_none());
        }
    };
    let mut net = at_tick(hook);
    let (one, two) = (net.join(7), net.join(8));
    net.move_to(one, 3, 3);
    net.run(12);
    assert_eq!((net.true_at(7), net.true_at(8)), (Some(at(-50, 3)), Some(at(-51, 3))), "8 has never moved");
    assert_eq!(net.known_at(two, 7), Some(at(-50, 3)));
    assert_eq!(net.totals().hook_panics, 0);
}

#[test]
fn whoever_stands_outside_of_new_bounds_is_put_inside() {
    let hook = |realm: &mut Realm<'_>| match realm.tick().0 {
        5 => _ = realm.spawn(1, at(90, 90), 0).expect("a place"),
        10 => {
            assert!(!realm.set_bounds(Bounds { min: at(1, 0), max: at(0, 1) }));
            assert!(realm.set_bounds(Bounds { min: at(-10, -10), max: at(10, 10) }));
            assert_eq!(realm.entities().next().map(|entity| entity.at), Some(at(10, 10)));
        }
        _ => {}
    };
    let mut net = at_tick(hook);
    let one = net.join(7);
    net.move_to(one, -70, 3);
    net.run(12);
    assert_eq!((net.true_at(7), net.totals().hook_panics), (Some(at(-10, 3)), 0));
    net.move_to(one, -11, 3);
    net.step();
    assert_eq!(net.drops(DropReason::OutsideWorld), 1);
    let late = net.join(8);
    assert_eq!(net.welcome(late).bounds.max, at(10, 10));
}

/// A game that panics in every hook for player 7 and at every third tick, and otherwise plays on.
fn trapped() -> Made {
    let join = |_: &mut Realm<'_>, joining: &Joining| {
        assert_ne!(joining.player, 6, "on purpose");
        Admission::Waits
    };
    let judge = |_: &mut Realm<'_>, step: &Step| {
        assert!(step.player != 7 || step.to.x < 10, "on purpose");
        Verdict::Accept
    };
    let tick = |realm: &mut Realm<'_>| {
        realm.spawn(1, at(0, 0), 0);
        assert!(!realm.tick().0.is_multiple_of(3), "on purpose");
    };
    let leave = |_: &mut Realm<'_>, player: u32, _: Departure| assert_ne!(player, 7, "on purpose");
    Made {
        join: Some(Box::new(join)),
        step: Some(Box::new(judge)),
        tick: Some(Box::new(tick)),
        leave: Some(Box::new(leave)),
    }
}

/// It panics once more when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_that_panics_itself_harms_nobody_either() {
    let judge = |_: &mut Realm<'_>, _: &Step| -> Verdict { std::panic::panic_any(Bomb) };
    let mut net = playing(Made { step: Some(Box::new(judge)), ..Made::default() });
    let seat = net.join(7);
    net.move_to(seat, 3, 0);
    net.run(2);
    assert_eq!((net.totals().hook_panics, net.phase(seat)), (1, Phase::Playing));
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    let mut net = playing(trapped());
    let from = net.address();
    let refusal = net.refused(from, hello(6, 1));
    assert_eq!((refusal.reason, refusal.detail), (RefusalReason::Game, 0));
    let (one, two) = (net.join(7), net.join(8));
    net.move_to(one, 3, 0);
    net.step();
    let ticks = net.server.report().tick.0;
    assert_eq!(net.totals().hook_panics, 1 + ticks / 3);
    net.move_to(one, 10, 0);
    net.move_to(two, 10, 0);
    net.run(2);
    assert_eq!((net.true_at(7), net.true_at(8)), (Some(at(3, 0)), Some(at(10, 0))));
    assert_eq!(net.drops(DropReason::MoveRefused), 1);
    assert_eq!(net.known_at(two, 7), Some(at(3, 0)), "both play on");
    net.leave(one);
    net.run(2);
    assert_eq!((net.true_at(7), net.phase(two)), (None, Phase::Playing));
    let ticks = net.server.report().tick.0;
    assert_eq!(net.totals().hook_panics, 3 + ticks / 3);
    assert_eq!(net.server.report().entities as u64, ticks, "what a hook had done until then stays");
}

thread_local! {
    /// What this thread has logged, while somebody wants to know.
    static LOGGED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// What is logged meanwhile, as lines of text. One subscriber serves all tests: with one for each, those that run beside
/// it decide whether it is asked at all.
fn logged(doing: impl FnOnce()) -> Vec<String> {
    static SUBSCRIBED: Once = Once::new();
    SUBSCRIBED.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::ERROR)
            .with_writer(|| Written)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("the only one of these tests");
    });
    LOGGED.set(Some(Vec::new()));
    doing();
    let written = LOGGED.take().unwrap_or_default();
    String::from_utf8_lossy(&written).lines().map(str::to_owned).collect()
}

struct Written;

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.iter_mut().for_each(|logged| logged.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn panics_are_logged_with_their_player_once_a_second() {
    let mut net = playing(trapped());
    let one = net.join(7);
    net.pass(std::time::Duration::from_secs(1));
    let lines = logged(|| {
        for _ in 0..75 {
            net.move_to(one, 10, 0);
            net.step();
        }
    });
    assert_eq!(lines.len(), 3, "in 2.5 seconds: {lines:#?}");
    let words = ["ERROR", "a hook of the game has panicked", "on_move", "player=7", "on purpose"];
    words.iter().for_each(|word| assert!(lines[0].contains(word), "{word}: {}", lines[0]));
    assert!(net.totals().hook_panics >= 75);
}

/// What a server and three clients say to one another in some seconds of a game that draws lots.
fn transcript(seed: u64) -> Vec<Vec<u8>> {
    let hook = |realm: &mut Realm<'_>| {
        let drawn = realm.random();
        let place = at((drawn & 0x3ff) as i32, (drawn >> 10 & 0x3ff) as i32);
        let entities: Vec<u32> = realm.entities().map(|entity| entity.id).collect();
        match drawn >> 60 {
            0..4 => _ = realm.spawn((drawn >> 20) as u8, place, 1),
            4..7 => entities.first().into_iter().for_each(|&id| _ = realm.despawn(id)),
            7 => _ = realm.relocate(7, place),
            _ => entities.iter().for_each(|&id| _ = realm.place(id, place, 2)),
        }
    };
    let game = Made { tick: Some(Box::new(hook)), ..fenced() };
    let mut net = Net::with_game(Config { speed_limit: Some(50), ..small() }, Box::new(game));
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    net.weather(move |_, bytes| {
        heard.lock().expect("a log").push(bytes.to_vec());
        Fate::Arrives
    });
    let seats = [7, 8, 9].map(|client_id| net.join(client_id));
    for turn in 0..150 {
        for (nth, &seat) in seats.iter().enumerate() {
            net.move_to(seat, (turn * seed as i32 * (nth as i32 + 1)) % 120, nth as i32);
        }
        net.step();
    }
    let said = said.lock().expect("a log");
    said.clone()
}

#[test]
fn the_same_seed_and_inputs_give_the_same_bytes() {
    let (once, again, other) = (transcript(3), transcript(3), transcript(5));
    assert!(once.len() > 900);
    assert!(once == again, "two runs of seed 3 differ");
    assert!(once != other);
}
