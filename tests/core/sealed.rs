//! Tickets and sealed sessions: who holds a pass plays, and nothing that others say or say again counts.

use std::time::Duration;

use tickcast::client::{Event, Phase};
use tickcast::config::Config;
use tickcast::gate::DropReason;
use tickcast::seal::{Mint, Pass, TicketKeys};
use tickcast::wire::{
    Ack, Closed, ClosedReason, FromClient, FromServer, Leave, Move, Position, RefusalReason, TicketFault,
    encode_client, encode_server,
};

use crate::vault::{ARENA, TODAY, Vault, config, key, pass};

fn in_clear(message: FromClient) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_client(&message, &mut bytes);
    bytes
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn who_holds_a_pass_plays_and_nothing_of_it_can_be_read() {
    let mut vault = Vault::new(config());
    let (one, two) = (vault.join(7, 1), vault.join(8, 2));
    let place = 0x0123_4567_i32.to_le_bytes();
    for _ in 0..100 {
        let step = vault.step_of(one, i32::from_le_bytes(place));
        assert!(!holds(&step, &place), "a move is sealed");
        let addr = vault.seats[one].addr;
        assert_eq!(vault.say(addr, &step), None);
        vault.move_to(two, 5);
        vault.step();
        for (_, bytes) in &vault.sent {
            assert!(!holds(bytes, &place) && bytes.len() <= 1_200, "a snapshot is sealed");
        }
    }
    assert_eq!(vault.standing(), [(7, i32::from_le_bytes(place)), (8, 5)]);
    for seat in [one, two] {
        let client = &vault.seats[seat].client;
        assert_eq!((client.world().len(), client.ignored(), client.blocks().desyncs), (2, 0, 0));
    }
    assert_eq!(vault.server.gate().drops().total(), 0);
}

#[test]
fn many_players_fill_a_sealed_datagram_and_no_more() {
    let mut vault = Vault::new(Config { datagram_bytes: 284, ..config() });
    let seats: Vec<usize> = (0..40).map(|id| vault.join(id, id as u8)).collect();
    for round in 0..60 {
        seats.iter().for_each(|&seat| vault.move_to(seat, 1_000 * seat as i32 + round));
        vault.step();
        assert!(vault.sent.iter().all(|(_, bytes)| bytes.len() <= 284));
    }
    assert!(vault.sent.iter().any(|(_, bytes)| bytes.len() > 270), "it is full");
    assert!(seats.iter().all(|&seat| vault.seats[seat].client.world().len() == 40));
}

#[test]
fn no_bit_of_a_hello_with_a_ticket_may_change() {
    let mut vault = Vault::new(config());
    let mut met = Vec::new();
    for bit in 0..8 * 192 {
        if bit % 32 == 0 {
            vault.seats.clear();
            vault.seat(Some(pass(7, 1)), 7);
        }
        vault.now += Duration::from_millis(200);
        vault.seats[0].client.rejoin(vault.now);
        let mut hello = vault.ticket_hello(0);
        assert_eq!(hello.len(), 192);
        hello[bit / 8] ^= 1 << (bit % 8);
        let reason = vault.refused(vault.seats[0].addr, &hello);
        if met.last() != Some(&reason) {
            met.push(reason);
        }
    }
    use DropReason::{Malformed, Proof, TicketBearer, TicketClient, TicketUnreadable, Version};
    let in_order =
        [Malformed, Version, Proof, TicketClient, TicketBearer, Proof, TicketUnreadable, TicketBearer];
    assert_eq!(met, in_order, "by the fields of the message");
    vault.wait(Duration::from_millis(500));
    assert_eq!(vault.phase(0), Phase::Playing, "and unchanged it joins");
}

#[test]
fn no_bit_of_a_sealed_move_may_change() {
    let (mut vault, seat) = Vault::with(7);
    let (step, addr) = (vault.step_of(seat, 9), vault.seats[seat].addr);
    assert_eq!(step.len(), 76);
    for bit in 0..8 * step.len() {
        let mut changed = step.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit {
            0..32 => DropReason::Malformed,
            // Sequence 1 becomes 0, which nobody uses.
            32 => DropReason::Replayed,
            _ => DropReason::Forged,
        };
        assert_eq!(vault.refused(addr, &changed), expected, "bit {bit}");
        // Whoever plays is not silent for so long.
        if bit % 20 == 0 {
            vault = Vault::with(7).0;
            assert_eq!(vault.step_of(seat, 9), step, "the same calls, the same bytes");
        }
    }
    assert_eq!(vault.say(addr, &step), None);
    vault.step();
    assert_eq!(vault.standing(), [(7, 9)], "and unchanged it counts");
}

#[test]
fn what_is_cut_off_is_refused_at_every_length() {
    let mut vault = Vault::new(config());
    let seat = vault.seat(Some(pass(7, 1)), 7);
    let (hello, addr) = (vault.ticket_hello(seat), vault.seats[seat].addr);
    for length in 0..hello.len() {
        let reason = vault.refused(addr, &hello[..length]);
        assert!(matches!(reason, DropReason::Length | DropReason::Malformed), "{length}: {reason:?}");
    }
    for length in 0..76 {
        let (mut vault, seat) = Vault::with(7);
        let step = vault.step_of(seat, 9);
        let reason = vault.refused(vault.seats[seat].addr, &step[..length]);
        let expected = if length == 44 {
            DropReason::Forged
        } else if matches!(length, 16 | 48 | 56) {
            DropReason::Malformed
        } else {
            DropReason::Length
        };
        assert_eq!(reason, expected, "{length}");
    }
}

#[test]
fn a_sealed_datagram_counts_once_and_from_its_peer_alone() {
    let mut vault = Vault::new(config());
    let (one, two) = (vault.join(7, 1), vault.join(8, 2));
    let [addr, other] = [one, two].map(|seat| vault.seats[seat].addr);
    let (first, second) = (vault.step_of(one, 1), vault.step_of(one, 2));
    let nobody = vault.address();
    assert_eq!(vault.refused(nobody, &first), DropReason::UnknownPeer);
    assert_eq!(vault.refused(other, &first), DropReason::Forged);
    assert_eq!(vault.say(addr, &second), None);
    vault.step();
    assert_eq!(vault.refused(addr, &second), DropReason::Replayed);
    // Late and authentic, but older than what was applied.
    assert_eq!(vault.refused(addr, &first), DropReason::Sequence);
    assert_eq!(vault.refused(addr, &first), DropReason::Replayed);
    assert_eq!(vault.standing(), [(7, 2)]);
}

#[test]
fn a_recorded_hello_opens_nothing_while_its_client_plays() {
    let mut vault = Vault::new(config());
    let seat = vault.seat(Some(pass(7, 1)), 7);
    let (hello, addr) = (vault.ticket_hello(seat), vault.seats[seat].addr);
    assert_eq!(vault.say(addr, &hello), None);
    vault.step();
    vault.move_to(seat, 3);
    vault.step();
    let session = vault.seats[seat].client.welcome().expect("it plays").session;
    assert_eq!(vault.refused(addr, &hello), DropReason::StaleHello);
    assert_eq!(vault.sent.len(), 1, "no welcome");
    let elsewhere = vault.address();
    assert_eq!(vault.refused(elsewhere, &hello), DropReason::Proof);
    vault.move_to(seat, 4);
    vault.step();
    assert_eq!(vault.standing(), [(7, 4)]);
    assert_eq!(vault.seats[seat].client.welcome().expect("it plays").session, session);
}

#[test]
fn a_recorded_hello_opens_nothing_when_its_session_has_ended() {
    for leaves in [true, false] {
        let mut vault = Vault::new(config());
        let seat = vault.seat(Some(pass(7, 1)), 7);
        let (hello, addr) = (vault.ticket_hello(seat), vault.seats[seat].addr);
        assert_eq!(vault.say(addr, &hello), None);
        vault.step();
        if leaves {
            let mut leave = Vec::new();
            assert!(vault.seats[seat].client.leave(&mut leave));
            assert_eq!(vault.say(addr, &leave), None);
            vault.tick();
        } else {
            vault.seats.clear();
            vault.wait(Duration::from_secs(3));
        }
        assert_eq!(vault.server.gate().peers(), 0, "it has gone");
        while vault.drops(DropReason::ProofExpired) == 0 {
            let reason = vault.refused(addr, &hello);
            assert!(matches!(reason, DropReason::StaleHello | DropReason::ProofExpired), "{reason:?}");
            vault.wait(Duration::from_millis(500));
        }
        assert!(vault.drops(DropReason::StaleHello) > 10);
        let again = vault.join(7, 1);
        assert_eq!(vault.phase(again), Phase::Playing, "who proves it anew comes in");
    }
}

#[test]
fn a_hello_that_comes_twice_is_welcomed_twice_under_sequences_of_their_own() {
    let mut vault = Vault::new(config());
    let seat = vault.seat(Some(pass(7, 1)), 7);
    let (hello, addr) = (vault.ticket_hello(seat), vault.seats[seat].addr);
    assert!(vault.say(addr, &hello).is_none() && vault.say(addr, &hello).is_none());
    vault.tick();
    let welcomes: Vec<Vec<u8>> = vault.sent.iter().map(|(_, bytes)| bytes.clone()).take(2).collect();
    assert!(welcomes.iter().all(|welcome| welcome.len() == 140 && welcome[0] == 7));
    assert_eq!(welcomes[0][4..28], welcomes[1][4..28], "one session");
    assert_eq!([welcomes[0][28], welcomes[1][28]], [1, 2], "two sequences");
    assert_eq!(vault.phase(seat), Phase::Playing);
    // A client that has lost the first of them joins by the second.
    let mut vault = Vault::new(config());
    let seat = vault.seat(Some(pass(7, 1)), 7);
    assert_eq!(vault.ticket_hello(seat), hello, "the same calls, the same bytes");
    vault.tell(seat, &welcomes[1]);
    assert_eq!(vault.phase(seat), Phase::Playing);
}

#[test]
fn each_thing_that_is_wrong_with_a_ticket_is_named_and_counted() {
    let mint = |client_id, expires, server| Mint { client_id, expires, server };
    let good = mint(7, TODAY + 60, ARENA);
    let wrong_key = {
        let (ticket, stranger) =
            (good.pass(&key(1), [5; 56]).to_text(), good.pass(&key(1), [6; 56]).to_text());
        let (ticket, other_key) = (ticket.rsplit_once(':').unwrap().0, stranger.rsplit_once(':').unwrap().1);
        format!("{ticket}:{other_key}").parse::<Pass>().expect("a pass")
    };
    for (pass, fault, reason) in [
        (good.pass(&key(2), [1; 56]), TicketFault::Unreadable, DropReason::TicketUnreadable),
        (mint(7, TODAY, ARENA).pass(&key(1), [2; 56]), TicketFault::Expired, DropReason::TicketExpired),
        (
            mint(7, u64::MAX, "lobby").pass(&key(1), [3; 56]),
            TicketFault::OtherServer,
            DropReason::TicketServer,
        ),
        (mint(8, u64::MAX, ARENA).pass(&key(1), [4; 56]), TicketFault::OtherClient, DropReason::TicketClient),
        (wrong_key, TicketFault::NotItsBearer, DropReason::TicketBearer),
    ] {
        let mut vault = Vault::new(config());
        let seat = vault.seat(Some(pass), 7);
        vault.step();
        let Phase::Refused(refusal) = vault.phase(seat) else { panic!("refused: {reason:?}") };
        assert_eq!((refusal.reason, refusal.detail), (RefusalReason::Ticket, fault.number()));
        assert_eq!((vault.drops(reason), vault.server.gate().drops().total()), (1, 1), "{reason:?}");
        assert_eq!(vault.server.gate().peers(), 0);
    }
}

#[test]
fn before_the_server_knows_the_time_every_ticket_has_expired() {
    let mut vault = Vault::without_time(config());
    let seat = vault.seat(Some(pass(7, 1)), 7);
    vault.step();
    assert!(matches!(vault.phase(seat), Phase::Refused(_)));
    assert_eq!(vault.drops(DropReason::TicketExpired), 1);
}

#[test]
fn who_has_no_ticket_is_told_so_and_what_comes_in_clear_is_refused() {
    let (mut vault, seat) = Vault::with(7);
    let without = vault.seat(None, 8);
    vault.step();
    let Phase::Refused(refusal) = vault.phase(without) else { panic!("no ticket") };
    assert_eq!((refusal.reason, vault.drops(DropReason::TicketNeeded)), (RefusalReason::TicketNeeded, 1));
    let (session, addr) =
        (vault.seats[seat].client.welcome().expect("it plays").session, vault.seats[seat].addr);
    let at = Position { x: 1, y: 1 };
    let step = Move { client_id: 7, session, sequence: 1, at, state: 0, ack: Ack::default() };
    for bytes in
        [in_clear(FromClient::Move(step)), in_clear(FromClient::Leave(Leave { client_id: 7, session }))]
    {
        assert_eq!(vault.refused(addr, &bytes), DropReason::Unsealed);
    }
}

#[test]
fn a_server_without_keys_takes_nothing_sealed() {
    let mut vault = Vault::new(Config { tickets: None, ..config() });
    let (plain, with) = (vault.seat(None, 7), vault.seat(Some(pass(8, 1)), 8));
    vault.step();
    let Phase::Refused(refusal) = vault.phase(with) else { panic!("it has no keys") };
    assert_eq!((refusal.detail, vault.phase(plain)), (TicketFault::Unreadable.number(), Phase::Playing));
    let (mut other, seat) = Vault::with(7);
    let (step, addr) = (other.step_of(seat, 1), vault.seats[plain].addr);
    assert_eq!(vault.refused(addr, &step), DropReason::Forged);
    assert!(!vault.server.gate().set_ticket_keys(TicketKeys::one(key(1))));
}

#[test]
fn keys_are_rotated_and_nobody_falls_out() {
    let (mut vault, old) = Vault::with(7);
    let both: TicketKeys = format!("{}\n{}", key(2).to_text(), key(1).to_text()).parse().expect("two keys");
    assert!(vault.server.gate().set_ticket_keys(both));
    vault.join(8, 2);
    let new = Mint { client_id: 9, expires: TODAY + 60, server: ARENA }.pass(&key(2), [9; 56]);
    let newest = vault.seat(Some(new), 9);
    vault.step();
    assert_eq!(vault.phase(newest), Phase::Playing);
    assert!(vault.server.gate().set_ticket_keys(TicketKeys::one(key(2))));
    let late = vault.seat(Some(pass(10, 3)), 10);
    for _ in 0..100 {
        (0..3).for_each(|seat| vault.move_to(seat, 5));
        vault.step();
    }
    assert_eq!((vault.phase(old), vault.server.gate().peers()), (Phase::Playing, 3));
    assert!(matches!(vault.phase(late), Phase::Refused(_)), "its key is gone");
}

#[test]
fn what_is_thrown_back_is_refused() {
    let (mut vault, seat) = Vault::with(7);
    let (step, addr) = (vault.step_of(seat, 1), vault.seats[seat].addr);
    vault.tick();
    let snapshot = vault.sent[0].1.clone();
    let ignored = vault.seats[seat].client.ignored();
    let events = vault.seats[seat].events.len();
    // As it is, and with the tag that the other side's datagrams have.
    vault.tell(seat, &step);
    vault.tell(seat, &[&6_u32.to_le_bytes(), &step[4..]].concat());
    vault.tell(seat, &snapshot);
    assert_eq!((vault.seats[seat].client.ignored(), vault.seats[seat].events.len()), (ignored + 3, events));
    let short = &snapshot[..76.min(snapshot.len())];
    let reason = vault.refused(addr, &[&4_u32.to_le_bytes(), &short[4..], &[0; 76][short.len()..]].concat());
    assert!(matches!(reason, DropReason::Forged), "{reason:?}");
    assert_eq!(vault.refused(addr, &snapshot), DropReason::Length);
}

#[test]
fn a_client_believes_nothing_in_clear_while_it_plays() {
    let (mut vault, seat) = Vault::with(7);
    let session = vault.seats[seat].client.welcome().expect("it plays").session;
    let mut closed = Vec::new();
    encode_server(&FromServer::Closed(Closed { session, reason: ClosedReason::Replaced }), &mut closed);
    vault.tell(seat, &closed);
    assert_eq!(vault.phase(seat), Phase::Playing);
}

#[test]
fn a_new_address_takes_over_with_the_ticket_alone_in_one_round_trip() {
    let (mut vault, old) = Vault::with(7);
    vault.move_to(old, 5);
    vault.step();
    let late_step = vault.step_of(old, 6);
    let (new, old_addr) = (vault.seat(Some(pass(7, 1)), 7), vault.seats[old].addr);
    vault.step();
    assert_eq!((vault.phase(new), vault.phase(old)), (Phase::Playing, Phase::Closed(ClosedReason::Replaced)));
    assert_eq!(vault.standing(), [(7, 5)], "it stands where it stood");
    assert_eq!(vault.refused(old_addr, &late_step), DropReason::UnknownPeer);
    let new_addr = vault.seats[new].addr;
    assert_eq!(vault.refused(new_addr, &late_step), DropReason::Forged);
    vault.move_to(new, 7);
    vault.step();
    assert_eq!(vault.standing(), [(7, 7)]);
}

#[test]
fn a_session_goes_on_from_a_new_port_also_when_its_ticket_has_expired() {
    let (mut vault, seat) = Vault::with(7);
    vault.move_to(seat, 5);
    vault.step();
    vault.server.gate().set_unix_seconds(TODAY + 3_600);
    vault.seats[seat].addr = vault.address();
    vault.seats[seat].client.rejoin(vault.now);
    vault.step();
    assert_eq!((vault.phase(seat), vault.standing()), (Phase::Playing, vec![(7, 5)]));
    // Anew it does not come in, whatever session it names.
    let late = vault.seat(Some(pass(7, 1)), 7);
    vault.step();
    assert!(matches!(vault.seats[late].events[..], [Event::Refused(_)]));
    assert_eq!(vault.drops(DropReason::TicketExpired), 1);
    vault.seats[seat].client.set_pass(pass(7, 9));
    vault.restart();
    vault.server.gate().set_unix_seconds(TODAY + 3_600);
    vault.wait(Duration::from_secs(2));
    let Phase::Refused(refusal) = vault.phase(seat) else { panic!("the server knows no session") };
    assert_eq!(refusal.detail, TicketFault::Expired.number());
}

#[test]
fn after_a_restart_of_the_server_nothing_from_before_counts() {
    let (mut vault, seat) = Vault::with(7);
    let (step, addr) = (vault.step_of(seat, 5), vault.seats[seat].addr);
    let mut before = Vault::new(config());
    let recorded = before.seat(Some(pass(7, 1)), 7);
    let hello = before.ticket_hello(recorded);
    vault.restart();
    assert_eq!(vault.refused(addr, &step), DropReason::UnknownPeer);
    assert_eq!(vault.refused(addr, &hello), DropReason::Proof);
    vault.wait(Duration::from_secs(2));
    assert_eq!(vault.phase(seat), Phase::Playing, "it has joined anew");
    assert_eq!(vault.refused(addr, &step), DropReason::Forged);
    vault.move_to(seat, 6);
    vault.step();
    assert_eq!(vault.standing(), [(7, 6)]);
}

#[test]
fn a_client_that_forgot_everything_shares_no_key_with_the_one_before() {
    let (mut vault, first) = Vault::with(7);
    let (step, addr) = (vault.step_of(first, 5), vault.seats[first].addr);
    // The same secret draws the same nonces; the server draws another session.
    vault.seats.clear();
    let again = vault.join(7, 1);
    vault.seats[again].addr = addr;
    let second = vault.step_of(again, 5);
    assert_eq!(step[..12], second[..12], "the same sequence");
    assert_ne!(step[12..], second[12..], "another key");
}

#[test]
fn an_open_server_has_no_tickets_and_a_small_datagram_no_room() {
    let error = Config { open: true, ..config() }.check().unwrap_err().to_string();
    assert!(error.contains("--open") && error.contains("--ticket-key"), "{error}");
    let error = Config { datagram_bytes: 283, ..config() }.check().unwrap_err().to_string();
    assert_eq!(error, "--datagram-bytes must be 284 to 65507 with --ticket-key, not 283 with --ticket-key");
}
