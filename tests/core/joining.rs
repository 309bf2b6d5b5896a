//! Who plays: the handshake, taking over, leaving, and all that must not work.

use std::time::Duration;

use tickcast::client::{Event, Phase};
use tickcast::config::Config;
use tickcast::gate::DropReason;
use tickcast::wire::{
    Closed, ClosedReason, FromServer, Hello, Leave, PROTOCOL_VERSION, Proof, Refusal, RefusalReason, Welcome,
    encode_server,
};

use crate::pair::{Fate, Net, Way, at, bytes_of, hello, small, step};

#[test]
fn a_hello_is_challenged_and_a_hello_with_the_proof_is_welcomed() {
    let mut net = Net::new(small());
    let seat = net.join(7);
    let welcome = net.welcome(seat);
    assert_eq!((welcome.client_id, welcome.placed, welcome.epoch), (7, 0, net.server.epoch()));
    assert_eq!((welcome.datagram_bytes, welcome.timeout_ms, welcome.moves_per_second), (1_200, 10_000, 250));
    assert_eq!((net.server.gate().peers(), net.totals().joined, net.dropped()), (1, 1, 0));
}

#[test]
fn a_challenge_is_remembered_nowhere() {
    let mut net = Net::new(small());
    let stranger = net.address();
    for nonce in 0..100 {
        net.prove(stranger, hello(7, nonce));
        assert_eq!((net.server.gate().peers(), net.server.gate().queued()), (0, 0));
    }
    net.step();
    let report = net.server.report();
    assert_eq!((report.peers, report.players, report.commands, report.totals.joined), (0, 0, 0, 0));
}

#[test]
fn the_same_hello_again_is_harmless() {
    let mut net = Net::new(small());
    let here = net.address();
    let proven = net.prove(here, hello(7, 1));
    let Some(FromServer::Welcome(first)) = net.ask(here, proven) else { panic!("welcomed") };
    net.say(here, step(7, first.session, 1, 70));
    for _ in 0..3 {
        let Some(FromServer::Welcome(again)) = net.ask(here, proven) else { panic!("welcomed again") };
        assert_eq!((again.session, again.placed, again.at), (first.session, 1, at(70, 0)));
    }
    assert_eq!((net.totals().joined, net.server.gate().peers(), net.true_at(7)), (1, 1, Some(at(70, 0))));
    net.say(here, step(7, first.session, 1, 71));
    assert_eq!(net.drops(DropReason::Sequence), 1, "its sequences go on");
}

#[test]
fn a_new_nonce_is_a_new_session_whose_sequences_start_anew() {
    let mut net = Net::new(small());
    let here = net.address();
    let first = net.welcomed(here, hello(7, 1));
    net.say(here, step(7, first.session, 500, 70));
    let second = net.welcomed(here, hello(7, 2));
    assert_ne!(first.session, second.session);
    assert_eq!((second.placed, second.at), (1, at(70, 0)), "its player stays where it is");
    net.say(here, step(7, first.session, 501, 71));
    net.say(here, step(7, second.session, 1, 72));
    net.step();
    assert_eq!((net.true_at(7), net.drops(DropReason::Session)), (Some(at(72, 0)), 1));
    assert_eq!(net.snapshot(here).header.applied, 1);
}

#[test]
fn a_hello_older_than_the_one_a_peer_plays_by_is_stale() {
    let mut net = Net::new(small());
    let here = net.address();
    let old = net.prove(here, hello(7, 1));
    net.step();
    let welcome = net.welcomed(here, hello(7, 2));
    assert_eq!(net.ask(here, old), None);
    net.say(here, step(7, welcome.session, 1, 70));
    net.step();
    assert_eq!((net.drops(DropReason::StaleHello), net.true_at(7)), (1, Some(at(70, 0))));
}

#[test]
fn a_client_id_in_use_is_refused_with_the_seconds_left() {
    let (mut net, [holder]) = Net::with([7]);
    net.move_to(holder, 70, 0);
    net.step();
    net.pass(Duration::from_millis(3_500));
    let thief = net.address();
    let refusal = net.refused(thief, hello(7, 1));
    assert_eq!((refusal.reason, refusal.detail), (RefusalReason::ClientIdInUse, 7));
    let guess = Hello { session: 12_345, ..hello(7, 2) };
    assert_eq!(net.refused(thief, guess).reason, RefusalReason::ClientIdInUse);
    assert_eq!((net.drops(DropReason::ClientIdInUse), net.server.gate().peers()), (2, 1));
    net.move_to(holder, 71, 0);
    net.step();
    assert_eq!((net.phase(holder), net.true_at(7)), (Phase::Playing, Some(at(71, 0))));
}

#[test]
fn a_session_takes_its_player_over_to_a_new_address() {
    let mut net = Net::new(small());
    let (home, abroad) = (net.address(), net.address());
    let first = net.welcomed(home, hello(7, 1));
    net.say(home, step(7, first.session, 1, 70));
    let second = net.welcomed(abroad, Hello { session: first.session, ..hello(7, 2) });
    assert_eq!((second.placed, second.at), (1, at(70, 0)));
    assert_eq!(net.server.gate().peers(), 1);
    let replaced = Closed { session: first.session, reason: ClosedReason::Replaced };
    assert!(net.mail(home).contains(&FromServer::Closed(replaced)), "its old address is told");
    net.say(home, step(7, first.session, 2, 71));
    net.say(abroad, step(7, second.session, 1, 72));
    net.step();
    assert_eq!((net.true_at(7), net.drops(DropReason::UnknownPeer)), (Some(at(72, 0)), 1));
    let snapshot = net.snapshot(abroad);
    assert_eq!((snapshot.gone, snapshot.players.len()), (vec![], 1), "nobody ever saw it go");
}

#[test]
fn a_session_still_takes_over_when_the_welcome_was_lost_and_no_longer_once_it_arrived() {
    let mut net = Net::new(small());
    let places = [(); 4].map(|()| net.address());
    let first = net.welcomed(places[0], hello(7, 1));
    let by = |session, nonce| Hello { session, ..hello(7, nonce) };
    net.welcomed(places[1], by(first.session, 2));
    let third = net.welcomed(places[2], by(first.session, 3));
    net.say(places[2], step(7, third.session, 1, 70));
    net.step();
    let refusal = net.refused(places[3], by(first.session, 4));
    assert_eq!(refusal.reason, RefusalReason::ClientIdInUse, "a move has shown that the welcome arrived");
    assert_eq!(net.welcomed(places[3], by(third.session, 5)).at, at(70, 0));
}

#[test]
fn an_address_that_joins_as_another_client_gives_its_player_up() {
    let mut net = Net::new(small());
    let (here, there) = (net.address(), net.address());
    let first = net.welcomed(here, hello(7, 1));
    let other = net.welcomed(there, hello(8, 1));
    net.say(here, step(7, first.session, 1, 70));
    net.say(there, step(8, other.session, 1, 80));
    net.step();
    net.welcomed(here, hello(9, 2));
    let snapshot = net.snapshot(there);
    assert_eq!((net.true_at(7), net.true_at(8)), (None, Some(at(80, 0))));
    assert_eq!((snapshot.gone, net.server.gate().peers()), (vec![7], 2));
}

#[test]
fn a_full_server_refuses_strangers_but_not_its_own() {
    let mut net = Net::new(Config { max_peers: 2, ..Config::default() });
    let places = [(); 3].map(|()| net.address());
    let welcome = net.welcomed(places[0], hello(1, 1));
    net.welcomed(places[1], hello(2, 1));
    assert_eq!(net.refused(places[2], hello(3, 1)).reason, RefusalReason::Full);
    assert_eq!((net.drops(DropReason::Full), net.server.gate().peers()), (1, 2));
    net.welcomed(places[0], hello(1, 2));
    net.welcomed(places[1], hello(4, 2));
    let session = net.welcomed(places[0], hello(1, 3)).session;
    assert_ne!(session, welcome.session);
    net.welcomed(places[2], Hello { session, ..hello(1, 4) });
    assert_eq!(net.server.gate().peers(), 2);
}

#[test]
fn another_version_of_any_length_is_refused_with_ours() {
    let mut net = Net::new(small());
    let here = net.address();
    for (version, length) in [(0, 56), (2, 56), (2, 20), (3, 1_400), (u32::MAX, 57)] {
        let other = Hello { version, ..hello(7, 99) };
        let mut bytes = bytes_of(other);
        bytes.resize(length, 0xaa);
        net.say_bytes(here, &bytes);
        let expected = Refusal { nonce: 99, reason: RefusalReason::Version, detail: PROTOCOL_VERSION };
        assert_eq!(net.mail(here), [FromServer::Refusal(expected)], "version {version}, {length} bytes");
    }
    net.say_bytes(here, &bytes_of(Hello { version: 2, ..hello(7, 99) })[..19]);
    assert!(net.mail(here).is_empty(), "the refusal would be longer");
    assert_eq!((net.drops(DropReason::Version), net.drops(DropReason::Length)), (5, 1));
}

#[test]
fn a_client_id_that_may_not_play_is_refused() {
    let mut net = Net::new(Config { client_ids: 10..=20, ..small() });
    let here = net.address();
    for (nonce, wrong) in [0, 9, 21, u32::MAX].into_iter().enumerate() {
        let refusal = net.refused(here, hello(wrong, nonce as u64));
        assert_eq!(refusal.reason, RefusalReason::ClientIdNotAllowed, "client id {wrong}");
    }
    assert_eq!((net.drops(DropReason::ClientIdNotAllowed), net.server.gate().peers()), (4, 0));
    net.welcomed(here, hello(10, 10));
    net.welcomed(here, hello(20, 20));
}

#[test]
fn an_unknown_encoding_is_refused() {
    let mut net = Net::new(small());
    let here = net.address();
    let refusal = net.refused(here, Hello { encoding: 77, ..hello(7, 1) });
    assert_eq!((refusal.reason, refusal.nonce), (RefusalReason::Encoding, 1));
    assert_eq!((net.drops(DropReason::Encoding), net.server.gate().peers()), (1, 0));
}

#[test]
fn a_proof_is_worth_nothing_at_another_address_for_another_nonce_or_altered() {
    let mut net = Net::new(small());
    let (here, there) = (net.address(), net.address());
    let proven = net.prove(here, hello(7, 1));
    let later = Proof { time_ms: proven.proof.time_ms + 1, ..proven.proof };
    assert_eq!(net.ask(there, proven), None);
    assert_eq!(net.ask(here, Hello { nonce: 2, ..proven }), None);
    assert_eq!(net.ask(here, Hello { proof: later, ..proven }), None);
    assert_eq!((net.drops(DropReason::Proof), net.server.gate().peers()), (3, 0));
    assert!(net.ask(here, proven).is_some(), "where it belongs it is good");
}

#[test]
fn a_proof_is_good_for_ten_seconds() {
    let mut net = Net::new(small());
    let here = net.address();
    let (early, late) = (net.prove(here, hello(7, 1)), net.prove(here, hello(7, 2)));
    net.pass(Duration::from_secs(10));
    net.say(here, early);
    net.pass(Duration::from_millis(1));
    net.say(here, late);
    net.step();
    assert_eq!((net.drops(DropReason::ProofExpired), net.totals().joined), (1, 1));
}

#[test]
fn a_guessed_session_moves_nobody_and_ends_nobody() {
    let (mut net, [seat]) = Net::with([7]);
    net.move_to(seat, 70, 0);
    let (spoofed, session) = (net.seats[seat].addr, net.welcome(seat).session);
    for guess in [0, 1, session ^ 1, session.wrapping_add(1), !session, u64::MAX] {
        net.say(spoofed, step(7, guess, 1_000, -1));
        net.say(spoofed, Leave { client_id: 7, session: guess });
    }
    net.say(spoofed, step(8, session, 1_000, -1));
    net.say(spoofed, Leave { client_id: 8, session });
    net.move_to(seat, 71, 0);
    net.step();
    assert_eq!((net.drops(DropReason::Session), net.drops(DropReason::ClientId)), (12, 2));
    assert_eq!((net.true_at(7), net.totals().left), (Some(at(71, 0)), 0));
}

#[test]
fn a_session_is_worth_nothing_at_an_address_that_does_not_play() {
    let (mut net, [seat, other]) = Net::with([7, 8]);
    net.move_to(seat, 70, 0);
    let session = net.welcome(seat).session;
    let (stranger, neighbour) = (net.address(), net.seats[other].addr);
    for from in [stranger, neighbour] {
        net.say(from, step(7, session, 1_000, -1));
        net.say(from, Leave { client_id: 7, session });
    }
    net.step();
    assert_eq!((net.drops(DropReason::UnknownPeer), net.drops(DropReason::Session)), (2, 2));
    assert_eq!((net.true_at(7), net.server.gate().peers()), (Some(at(70, 0)), 2));
}

#[test]
fn spoofed_answers_throw_no_client_out() {
    let (mut net, [playing]) = Net::with([7]);
    let joining = net.seat(8);
    let refusal = |nonce| FromServer::Refusal(Refusal { nonce, reason: RefusalReason::Full, detail: 0 });
    let closed = |session| FromServer::Closed(Closed { session, reason: ClosedReason::ShuttingDown });
    let welcome = net.welcome(playing);
    let spoofed = [refusal(1), refusal(welcome.nonce), closed(0), closed(welcome.session ^ 1)];
    for seat in [playing, joining] {
        let before = net.phase(seat);
        for message in &spoofed {
            let mut bytes = Vec::new();
            encode_server(message, &mut bytes);
            net.give_to_client(seat, &bytes);
        }
        assert_eq!((net.phase(seat), net.seats[seat].client.ignored()), (before, 4));
    }
}

#[test]
fn one_who_leaves_is_gone_from_the_next_snapshot_and_named_for_a_second() {
    let (mut net, [leaver, witness]) = Net::with([7, 8]);
    net.move_to(leaver, 70, 0);
    net.step();
    net.leave(leaver);
    net.step();
    assert_eq!((net.known_at(witness, 7), net.true_at(7)), (None, None));
    let late = net.address();
    net.welcomed(late, hello(9, 1));
    net.run(28);
    assert_eq!(net.snapshot(late).gone, [7]);
    net.step();
    assert!(net.snapshot(late).gone.is_empty());
    assert_eq!((net.totals().left, net.phase(leaver), net.phase(witness)), (1, Phase::Left, Phase::Playing));
}

#[test]
fn a_leave_is_answered_until_nobody_is_left_to_answer() {
    let mut net = Net::new(small());
    let here = net.address();
    let session = net.welcomed(here, hello(7, 1)).session;
    net.mail(here);
    net.say(here, Leave { client_id: 7, session });
    net.step();
    assert_eq!(net.mail(here), [FromServer::Closed(Closed { session, reason: ClosedReason::Left })]);
    net.say(here, Leave { client_id: 7, session });
    net.step();
    assert_eq!((net.mail(here), net.drops(DropReason::UnknownPeer)), (vec![], 1));
}

#[test]
fn one_who_left_comes_back_with_the_same_id() {
    let (mut net, [leaver, witness]) = Net::with([7, 8]);
    net.move_to(leaver, 70, 0);
    net.step();
    net.leave(leaver);
    net.rejoin(leaver);
    net.step();
    assert_eq!((net.welcome(leaver).placed, net.known_at(witness, 7)), (0, None), "its place is forgotten");
    net.move_to(leaver, 71, 0);
    net.step();
    assert_eq!(net.known_at(witness, 7), Some(at(71, 0)), "although 7 was named as gone just now");
}

#[test]
fn one_who_is_silent_for_the_timeout_is_removed_and_told() {
    let (mut net, [_, witness]) = Net::with([9, 8]);
    let silent = net.address();
    let session = net.welcomed(silent, hello(7, 1)).session;
    net.say(silent, step(7, session, 1, 70));
    net.step();
    net.pass(Duration::from_secs(10) - net.period());
    net.step();
    assert_eq!((net.server.gate().peers(), net.known_at(witness, 7)), (3, Some(at(70, 0))), "just in time");
    net.mail(silent);
    net.step();
    assert_eq!(net.mail(silent), [FromServer::Closed(Closed { session, reason: ClosedReason::TimedOut })]);
    assert_eq!((net.totals().timed_out, net.known_at(witness, 7)), (1, None));
    assert_eq!((net.server.gate().peers(), net.phase(witness)), (2, Phase::Playing));
}

#[test]
fn a_client_that_timed_out_is_told_and_may_come_back() {
    let (mut net, [seat]) = Net::with([7]);
    net.weather(|way, _| if way == Way::ToServer { Fate::Lost } else { Fate::Arrives });
    net.run(302);
    assert_eq!(net.phase(seat), Phase::Closed(ClosedReason::TimedOut));
    net.weather(|_, _| Fate::Arrives);
    net.rejoin(seat);
    net.step();
    assert_eq!((net.phase(seat), net.totals().joined), (Phase::Playing, 2));
}

#[test]
fn a_shutdown_tells_every_peer_and_refuses_who_comes_later() {
    let mut net = Net::new(Config { max_peers: 200, ..Config::default() });
    let seats: Vec<usize> = (0..150).map(|client_id| net.join(client_id)).collect();
    let late = net.address();
    let proven = net.prove(late, hello(999, 1));
    net.close(ClosedReason::ShuttingDown);
    for seat in seats {
        assert_eq!(net.phase(seat), Phase::Closed(ClosedReason::ShuttingDown));
    }
    let answer = net.ask(late, proven);
    assert!(matches!(answer, Some(FromServer::Refusal(r)) if r.reason == RefusalReason::ShuttingDown));
    assert_eq!(net.drops(DropReason::ShuttingDown), 1);
}

#[test]
fn clients_resume_with_a_restarted_server_after_a_silence() {
    let (mut net, seats) = Net::with([7, 8]);
    seats.iter().for_each(|&seat| net.move_to(seat, 5, 5));
    net.step();
    let epoch = net.server.epoch();
    net.restart();
    let mut ticks = 0;
    while net.server.gate().peers() < 2 {
        seats.iter().for_each(|&seat| net.move_to(seat, 6, 6));
        net.step();
        ticks += 1;
        assert!(ticks <= 60, "two seconds are enough");
    }
    seats.iter().for_each(|&seat| assert_ne!(net.welcome(seat).epoch, epoch));
    assert!(seats.iter().all(|&seat| net.known(seat).is_empty()), "the old world is forgotten");
    seats.iter().for_each(|&seat| net.move_to(seat, 7, 7));
    net.step();
    assert_eq!((net.known(seats[0]), net.truth().len()), (net.truth(), 2));
}

#[test]
fn a_client_whose_address_changed_resumes_with_its_player() {
    let (mut net, [seat, witness]) = Net::with([7, 8]);
    net.move_to(seat, 70, 0);
    net.step();
    let before = net.welcome(seat);
    net.change_address(seat);
    for _ in 0..30 {
        net.move_to(seat, 71, 0);
        net.step();
        assert_eq!(net.known_at(witness, 7), Some(at(70, 0)), "its player waits for it");
    }
    net.run(3);
    let after = net.welcome(seat);
    assert_ne!(before.session, after.session);
    assert_eq!(
        (after.placed, after.at, net.server.gate().peers()),
        (Welcome::PLACED | Welcome::RESUMED, at(70, 0), 2)
    );
    net.move_to(seat, 72, 0);
    net.step();
    assert_eq!(net.known_at(witness, 7), Some(at(72, 0)));
}

#[test]
fn a_client_joins_through_loss_of_every_first_attempt() {
    let mut net = Net::new(small());
    let (mut hellos, mut answers) = (0, 0);
    net.weather(move |way, bytes| {
        let count = if way == Way::ToServer { &mut hellos } else { &mut answers };
        *count += 1;
        if *count <= 2 || bytes[0] == 1 && *count <= 4 { Fate::Lost } else { Fate::Arrives }
    });
    let seat = net.seat(7);
    net.run(60);
    assert_eq!((net.phase(seat), net.totals().joined), (Phase::Playing, 1));
    let welcomed = |event: &&Event| matches!(event, Event::Welcomed(_));
    assert_eq!(net.seats[seat].events.iter().filter(welcomed).count(), 1);
}

#[test]
fn where_the_server_is_open_the_first_move_joins() {
    let mut net = Net::new(Config { open: true, ..small() });
    let (here, there) = (net.address(), net.address());
    net.say(here, step(7, 0, 1, 70));
    net.step();
    assert_eq!(net.snapshot(here).players, net.truth());
    net.say(here, step(7, 0, 2, 71));
    net.say(here, step(7, 0, 2, 72));
    net.say(there, step(7, 0, 1, -1));
    net.step();
    assert_eq!((net.true_at(7), net.drops(DropReason::Sequence)), (Some(at(71, 0)), 1));
    assert_eq!((net.drops(DropReason::ClientIdInUse), net.server.gate().peers()), (1, 1));
    net.say(here, Leave { client_id: 7, session: 0 });
    net.step();
    assert_eq!((net.true_at(7), net.server.gate().peers()), (None, 0));
}

#[test]
fn where_the_server_is_open_an_address_moves_only_the_client_it_joined_as() {
    let mut net = Net::new(Config { open: true, ..small() });
    let here = net.address();
    net.say(here, step(7, 0, 1, 70));
    net.say(here, step(8, 0, 2, 80));
    net.step();
    net.say(here, step(8, 0, 3, 80));
    net.step();
    assert_eq!((net.true_at(7), net.true_at(8)), (Some(at(70, 0)), None));
    assert_eq!(net.drops(DropReason::ClientId), 2);
}

#[test]
fn where_the_server_is_open_a_session_is_still_not_to_be_guessed() {
    let mut net = Net::new(Config { open: true, ..small() });
    let here = net.address();
    net.say(here, step(7, 5, 1, 70));
    assert_eq!(net.drops(DropReason::UnknownPeer), 1);
    net.say(here, step(7, 0, 1, 70));
    net.step();
    net.say(here, step(7, 5, 2, 71));
    net.step();
    assert_eq!((net.true_at(7), net.drops(DropReason::Session)), (Some(at(70, 0)), 1));
}

#[test]
fn where_the_server_is_not_open_a_move_without_session_does_nothing() {
    let mut net = Net::new(small());
    let here = net.address();
    net.say(here, step(7, 0, 1, 70));
    net.step();
    assert_eq!((net.drops(DropReason::UnknownPeer), net.server.gate().peers()), (1, 0));
    assert!(net.mail(here).is_empty());
}

#[test]
fn a_client_challenged_by_a_server_that_restarts_joins_within_two_seconds() {
    let mut net = Net::new(small());
    let seat = net.seat(7);
    net.weather(|way, bytes| if way == Way::ToServer && bytes[32] != 0 { Fate::Lost } else { Fate::Arrives });
    net.run(2);
    net.restart();
    net.weather(|_, _| Fate::Arrives);
    net.run(60);
    assert_eq!(net.phase(seat), Phase::Playing);
}
