//! What may happen when several threads call the gate at once: every order of their steps, tried by the model checker.
//!
//! `RUSTFLAGS="--cfg tickcast_loom" cargo test --release --lib gate::races`

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::thread;

use super::places::Asker;
use super::strangers::Strangers;
use super::*;
use crate::wire::encode_client;

#[expect(clippy::disallowed_methods, reason = "the tests stand at the edge, where time comes in")]
fn start() -> Instant {
    Instant::now()
}

fn gate(started: Instant) -> Arc<Gate> {
    let config = Config { max_peers: 1, ..Config::default() };
    Arc::new(Gate::new(&config, &Secret::from_seed(1), started))
}

fn addr(port: u16) -> PeerAddr {
    PeerAddr::udp(SocketAddr::from(([127, 0, 0, 1], port)), None).expect("somebody's address")
}

fn identity(generation: u32) -> Identity {
    let key = PeerKey { slot: 0, generation };
    let (session, encoding) = (generation.into(), Encoding::Plain);
    Identity { key, session, session_before: None, nonce: session, client_id: 7, encoding, extras: false }
}

fn move_of(generation: u32, sequence: u32) -> Vec<u8> {
    let (at, ack) = (Position { x: 0, y: 0 }, Ack::default());
    let step = Move { client_id: 7, session: generation.into(), sequence, at, state: 0, ack };
    let mut bytes = Vec::new();
    encode_client(&FromClient::Move(step), &mut bytes);
    bytes
}

fn commands(gate: &Gate) -> Vec<(u32, u32)> {
    std::iter::from_fn(|| gate.next_command())
        .map(|command| match command {
            Command::Move(key, step) => (key.generation, step.sequence),
            other => panic!("nobody sent {other:?}"),
        })
        .collect()
}

#[test]
fn two_workers_pass_each_move_once_or_count_it() {
    let started = start();
    loom::model(move || {
        let gate = gate(started);
        gate.admit(started, addr(9), identity(1), None, None);
        let workers = [1, 2].map(|sequence| {
            let (gate, bytes) = (Arc::clone(&gate), move_of(1, sequence));
            thread::spawn(move || gate.receive(started, addr(9), &bytes).is_none())
        });
        assert!(
            workers.into_iter().all(|worker| worker.join().expect("it ends well")),
            "moves are not answered"
        );
        let (passed, dropped) = (commands(&gate), gate.drops().of(DropReason::Sequence));
        assert_eq!(passed.len() as u64 + dropped, 2, "{passed:?}");
        assert!(passed.contains(&(1, 2)), "the newest is never refused: {passed:?}");
        assert!(gate.receive(started, addr(9), &move_of(1, 2)).is_none());
        assert_eq!(commands(&gate), [], "not again");
    });
}

#[test]
fn the_same_datagram_at_two_workers_is_one_move() {
    let started = start();
    loom::model(move || {
        let gate = gate(started);
        gate.admit(started, addr(9), identity(1), None, None);
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.receive(started, addr(9), &move_of(1, 5)).is_none())
        };
        assert!(gate.receive(started, addr(9), &move_of(1, 5)).is_none());
        other.join().expect("it ends well");
        assert_eq!((commands(&gate), gate.drops().of(DropReason::Sequence)), (vec![(1, 5)], 1));
    });
}

#[test]
fn a_move_under_an_old_session_is_never_the_new_peers() {
    let started = start();
    loom::model(move || {
        let gate = gate(started);
        gate.admit(started, addr(9), identity(1), None, None);
        let worker = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.receive(started, addr(9), &move_of(1, 1)).is_none())
        };
        // The tick: the one leaves, another comes, and says its first move.
        gate.remove(addr(9));
        gate.admit(started, addr(9), identity(2), None, None);
        assert!(gate.receive(started, addr(9), &move_of(2, 1)).is_none());
        worker.join().expect("it ends well");
        let passed = commands(&gate);
        let dropped = [DropReason::Session, DropReason::UnknownPeer].map(|reason| gate.drops().of(reason));
        assert!(passed.contains(&(2, 1)), "its own move passes: {passed:?}");
        assert_eq!(passed.len() as u64 + dropped.iter().sum::<u64>(), 2, "{passed:?} {dropped:?}");
        assert_eq!(gate.peers(), 1);
    });
}

#[test]
fn strangers_never_take_more_places_than_there_are() {
    loom::model(|| {
        let places = Arc::new(Places::new(1));
        let other = {
            let places = Arc::clone(&places);
            thread::spawn(move || places.take(Asker::Seldom))
        };
        let (this, other) = (places.take(Asker::Often), other.join().expect("it ends well"));
        assert!(this != other, "one place, one stranger: {this} {other}");
        assert!(!places.take(Asker::Back), "and none is left");
    });
}

#[test]
fn a_stranger_pays_at_two_workers_as_at_one() {
    loom::model(|| {
        let strangers = Arc::new(Strangers::new(&Secret::from_seed(1)));
        // Nine of ten are spent, for the prefix and for the address, so that two more are one too many.
        (0..9).for_each(|_| assert!(strangers.ask(Duration::from_secs(9), addr(1)).is_ok()));
        let other = {
            let strangers = Arc::clone(&strangers);
            thread::spawn(move || strangers.ask(Duration::from_secs(9), addr(1)).is_ok())
        };
        let this = strangers.ask(Duration::from_secs(9), addr(1)).is_ok();
        assert!(this != other.join().expect("it ends well"));
    });
}

#[test]
fn one_line_a_second_and_no_count_is_lost() {
    let started = start();
    loom::model(move || {
        let gate = gate(started);
        let refuse = |gate: &Gate| {
            gate.drops.count(DropReason::Length);
            gate.sampler.is_due(Duration::ZERO, DropReason::Length)
        };
        let other = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || refuse(&gate))
        };
        let this = refuse(&gate);
        assert!(this != other.join().expect("it ends well"), "one of them logs");
        assert_eq!(gate.drops().of(DropReason::Length), 2);
    });
}
