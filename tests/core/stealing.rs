//! Those who listen to a sealed session, and have a pass or what was recorded: none of it takes a player from its client.

use std::time::{Duration, Instant};

use tickcast::client::Phase;
use tickcast::gate::DropReason;

use crate::vault::{Vault, config, pass};

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
