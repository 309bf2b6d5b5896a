//! Those who listen to a sealed session, and have a pass or what was recorded: none of it takes a player from its client.

use std::time::{Duration, Instant};

use tickcast::client::Phase;
use tickcast::gate::DropReason;
use tickcast::seal::Mint;

use crate::vault::{ARENA, TODAY, Vault, config, key, pass};

/// One tick, of which nothing reaches the client.
fn tick_in_vain(vault: &mut Vault, seat: usize) {
    let elsewhere = vault.address();
    let addr = std::mem::replace(&mut vault.seats[seat].addr, elsewhere);
    vault.tick();
    vault.seats[seat].addr = addr;
}

fn wait_in_vain(vault: &mut Vault, seat: usize, until: Instant) {
    while vault.now + vault.server.config().tick_rate.period() <= until {
        tick_in_vain(vault, seat);
    }
}

#[test]
fn a_hello_that_brought_the_welcome_again_is_good_no_more() {
    let mut vault = Vault::new(config());
    let seat = vault.seat(Some(pass(7, 1)), 7);
    let addr = vault.seats[seat].addr;
    let first = vault.ticket_hello(seat);
    assert_eq!(vault.say(addr, &first), None);
    // The welcome is lost, for so long that the client proves its address anew.
    let later = vault.now + Duration::from_millis(1_100);
    wait_in_vain(&mut vault, seat, later);
    let second = vault.ticket_hello(seat);
    assert!(first != second && first[8..16] == second[8..16], "another proof, the same nonce");
    assert_eq!(vault.say(addr, &second), None);
    vault.tick();
    assert_eq!(vault.phase(seat), Phase::Playing);
    vault.move_to(seat, 3);
    vault.tick();
    for recorded in [&second, &first] {
        assert_eq!(vault.refused(addr, recorded), DropReason::StaleHello);
    }
    vault.move_to(seat, 4);
    vault.tick();
    assert_eq!(vault.standing(), [(7, 4)]);
}

#[test]
fn a_recorded_hello_opens_nothing_when_it_grows_too_old_before_its_tick() {
    let mut vault = Vault::new(config());
    let (began, seat) = (vault.now, vault.seat(Some(pass(7, 1)), 7));
    let (hello, addr) = (vault.ticket_hello(seat), vault.seats[seat].addr);
    assert_eq!(vault.say(addr, &hello), None);
    vault.tick();
    let mut leave = Vec::new();
    assert!(vault.seats[seat].client.leave(&mut leave));
    assert_eq!(vault.say(addr, &leave), None);
    wait_in_vain(&mut vault, seat, began + Duration::from_secs(10));
    vault.now = began + Duration::from_secs(10);
    assert_eq!(vault.refused(addr, &hello), DropReason::ProofExpired);
    assert_eq!(vault.server.gate().peers(), 0);
}

#[test]
fn a_client_with_another_pass_joins_though_it_has_missed_a_welcome() {
    let mut vault = Vault::new(config());
    let seat = vault.seat(Some(pass(7, 1)), 7);
    let (hello, addr) = (vault.ticket_hello(seat), vault.seats[seat].addr);
    assert_eq!(vault.say(addr, &hello), None);
    tick_in_vain(&mut vault, seat);
    vault.seats[seat].client.set_pass(pass(7, 2));
    vault.wait(Duration::from_secs(1));
    assert_eq!(vault.phase(seat), Phase::Playing);
    vault.move_to(seat, 5);
    vault.tick();
    assert_eq!(vault.standing(), [(7, 5)]);
}

#[test]
fn an_expired_pass_takes_nobody_over_though_it_names_the_session() {
    let (mut vault, seat) = Vault::with(7);
    let addr = vault.seats[seat].addr;
    let step = vault.step_of(seat, 5);
    // Somebody once had a pass for the same client id. The session stands in clear in the welcome: whoever listens knows it.
    let before = Mint { client_id: 7, expires: TODAY - 1, server: ARENA }.pass(&key(1), [9; 56]);
    vault.seats[seat].client.set_pass(before);
    vault.seats[seat].addr = vault.address();
    vault.now += Duration::from_millis(100);
    vault.seats[seat].client.rejoin(vault.now);
    let hello = vault.ticket_hello(seat);
    assert_ne!(hello[24..32], [0; 8], "it names the session");
    assert_eq!(vault.refused(vault.seats[seat].addr, &hello), DropReason::TicketExpired);
    assert_eq!(vault.say(addr, &step), None);
    vault.tick();
    assert_eq!(vault.standing(), [(7, 5)], "and the player is played as before");
}

#[test]
fn whoever_has_a_ticket_too_drives_nobody_from_the_address_that_it_forges() {
    let (mut vault, seat) = Vault::with(7);
    vault.move_to(seat, 5);
    vault.step();
    // On the way, it reads the challenge that goes to the player's address.
    let other = vault.seat(Some(pass(8, 2)), 8);
    vault.seats[other].addr = vault.seats[seat].addr;
    let (hello, addr) = (vault.ticket_hello(other), vault.seats[other].addr);
    assert_eq!(vault.refused(addr, &hello), DropReason::ClientIdInUse);
    vault.move_to(seat, 6);
    vault.step();
    assert_eq!((vault.phase(seat), vault.standing()), (Phase::Playing, vec![(7, 6)]));
}

#[test]
fn hellos_in_a_players_name_cost_it_no_move() {
    let (mut vault, seat) = Vault::with(7);
    let addr = vault.seats[seat].addr;
    // Who listens reads the challenges that it has asked for from the player's address.
    let listener = vault.seat(Some(pass(8, 2)), 8);
    vault.seats[listener].addr = addr;
    let mut junk = vault.ticket_hello(listener);
    junk[100] ^= 1;
    for _ in 0..1_000 {
        vault.say(addr, &junk);
    }
    assert!(vault.drops(DropReason::TicketUnreadable) <= 8 && vault.drops(DropReason::Rate) >= 992);
    let refused = vault.drops(DropReason::Rate);
    for x in 1..10 {
        vault.move_to(seat, x);
        vault.tick();
        assert_eq!(vault.standing(), [(7, x)]);
    }
    assert_eq!(vault.drops(DropReason::Rate), refused);
}
