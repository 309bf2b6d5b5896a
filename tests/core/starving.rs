//! Floods of hellos whose proofs are good: they take from those who play, come back and come newly no more than their part.

use std::time::Duration;

use tickcast::client::Phase;
use tickcast::config::Config;
use tickcast::gate::{DropReason, PeerAddr};
use tickcast::wire::{FromServer, Hello, Proof};

use crate::pair::{Net, bytes_of, hello, small};
use crate::vault::{Vault, config, pass};

/// Who floods: so many prefixes, with so many addresses each.
const PREFIXES: u32 = 16;
const OF_EACH: u32 = 128;
/// A prefix that floods, and one where nobody else is.
const LOUD: u32 = 0x3000_0000;
const QUIET: u32 = 0x2000_0000;

fn addr(ip: u32, port: u16) -> PeerAddr {
    PeerAddr::udp((ip.to_be_bytes(), port).into(), None).expect("an address that can be somebody's")
}

fn loud() -> impl Iterator<Item = PeerAddr> {
    (0..PREFIXES).flat_map(|prefix| (1..=OF_EACH).map(move |number| addr(LOUD | prefix << 8 | number, 4_000)))
}

#[test]
fn an_address_that_changes_its_client_id_pays_as_strangers_do() {
    let mut net = Net::new(Config { max_peers: 2_000, ..small() });
    let ports = 1..=1_000_u16;
    let proven: Vec<(PeerAddr, Hello)> = ports
        .map(|port| (addr(LOUD, port), u32::from(port)))
        .map(|(from, client_id)| (from, net.prove(from, hello(client_id, client_id.into()))))
        .collect();
    for some in proven.chunks(200) {
        some.iter().for_each(|(from, hello)| net.say(*from, *hello));
        net.step();
    }
    assert_eq!(net.server.gate().peers(), 1_000);
    net.pass(Duration::from_secs(1));
    let (before, places) = (net.totals().joined, net.server.config().joins_per_tick() as u64);
    for tick in 1..=15 {
        for (from, hello) in &proven {
            net.say(*from, Hello { client_id: hello.client_id + tick * 10_000, ..*hello });
        }
        let joined = net.totals().joined;
        net.step();
        assert!(net.totals().joined - joined <= places + 2, "{} in a tick", net.totals().joined - joined);
    }
    let joined = net.totals().joined - before;
    assert!((1_000..=1_000 + 3_500 / 2 + 16).contains(&joined), "{joined} of 15,000 in half a second");
}

#[test]
fn strangers_with_good_proofs_leave_places_for_who_comes_back_and_for_who_is_alone() {
    let mut net = Net::new(small());
    let home = addr(LOUD + 200, 4_000);
    let mut session = net.welcomed(home, hello(7, 1)).session;
    let proven: Vec<_> = loud().map(|from| (from, net.prove(from, hello(7, 1)))).collect();
    for round in 1..=10_u32 {
        proven.iter().for_each(|(from, hello)| net.say(*from, *hello));
        // It has gone to another address, in a prefix that floods too.
        let (abroad, alone) = (addr(LOUD + 200 + round, 4_000), addr(QUIET + (round << 8), 4_000));
        let newcomer = net.prove(alone, hello(100 + round, 1));
        net.say(alone, newcomer);
        session = net.welcomed(abroad, Hello { session, ..hello(7, 1) }).session;
        assert!(matches!(net.mail(alone)[0], FromServer::Welcome(_)), "round {round}");
        net.pass(Duration::from_secs(1));
    }
    assert!(net.drops(DropReason::QueueFull) > 5_000, "the tick's places were all taken");
}

#[test]
fn strangers_without_tickets_take_no_place_and_are_answered_so_often() {
    let mut vault = Vault::new(config());
    let mover = vault.join(7, 1);
    let hellos: Vec<_> = loud().map(|from| (from, bytes_of(proven(&mut vault, from)))).collect();
    let mut answers = 0;
    for round in 0..10_u8 {
        for _ in 0..5 {
            answers += hellos.iter().filter(|(from, hello)| vault.say(*from, hello).is_some()).count();
        }
        vault.seats[mover].addr = addr(LOUD + 200 + u32::from(round), 4_000);
        vault.seats[mover].client.rejoin(vault.now);
        let newcomer = vault.seat(Some(pass(100 + u32::from(round), 2)), 100 + u32::from(round));
        vault.seats[newcomer].addr = addr(LOUD + 230 + u32::from(round), 4_000);
        vault.step();
        assert_eq!(vault.phase(newcomer), Phase::Playing, "round {round}");
        assert_eq!(vault.phase(mover), Phase::Playing, "round {round}");
        vault.now += Duration::from_secs(1);
    }
    let refused = (vault.drops(DropReason::TicketNeeded), vault.drops(DropReason::Unanswered));
    assert_eq!(refused, (answers as u64, 5 * 10 * u64::from(PREFIXES * OF_EACH) - answers as u64));
    assert!((512..=16 * (32 + 9 * 9)).contains(&answers), "{answers} of 102,400");
    assert_eq!(vault.drops(DropReason::QueueFull), 0);
}

/// A hello without a ticket, from an address that has proven itself.
fn proven(vault: &mut Vault, from: PeerAddr) -> Hello {
    let challenge = vault.say(from, &bytes_of(hello(9, 1))).expect("a challenge");
    let mac = [0, 8].map(|at| u64::from_le_bytes(challenge[20 + at..28 + at].try_into().expect("8 bytes")));
    let time_ms = u64::from_le_bytes(challenge[12..20].try_into().expect("8 bytes"));
    Hello { proof: Proof { time_ms, mac }, ..hello(9, 1) }
}

#[test]
fn tickets_that_nobody_made_are_looked_at_so_often_and_in_vain() {
    let mut vault = Vault::new(config());
    let mover = vault.join(7, 1);
    let junk: Vec<_> = loud().map(|from| (from, with_ticket(&mut vault, from, 9, 100))).collect();
    for _ in 0..3 {
        junk.iter().for_each(|(from, hello)| _ = vault.say(*from, hello));
    }
    assert!(vault.drops(DropReason::NotLookedAt) > 0 && vault.drops(DropReason::Rate) == 0);
    vault.seats[mover].addr = addr(LOUD + 200, 4_000);
    vault.seats[mover].client.rejoin(vault.now);
    let newcomer = vault.seat(Some(pass(8, 2)), 8);
    vault.seats[newcomer].addr = addr(QUIET, 4_000);
    vault.step();
    assert_eq!((vault.phase(mover), vault.phase(newcomer)), (Phase::Playing, Phase::Playing));
}

#[test]
fn tickets_of_keys_that_the_server_has_not_are_not_looked_at() {
    let mut vault = Vault::new(config());
    // In the id of the key.
    let junk: Vec<_> = loud().map(|from| (from, with_ticket(&mut vault, from, 9, 62))).collect();
    for _ in 0..5 {
        junk.iter().for_each(|(from, hello)| _ = vault.say(*from, hello));
    }
    let refused = vault.drops(DropReason::TicketUnreadable) + vault.drops(DropReason::Unanswered);
    assert_eq!((refused, vault.drops(DropReason::NotLookedAt)), (5 * junk.len() as u64, 0));
}

#[test]
fn one_ticket_at_many_addresses_is_good_for_some_joins_a_second() {
    let mut vault = Vault::new(config());
    let hellos: Vec<_> = loud().map(|from| (from, good_ticket(&mut vault, from, 9))).collect();
    for second in 1..=3 {
        hellos[500 * second..][..100].iter().for_each(|(from, hello)| _ = vault.say(*from, hello));
        vault.tick();
        let joined = vault.server.report().totals.joined;
        assert!(joined <= 4 + 4 * second as u64, "{joined} after {second} s");
        vault.now += Duration::from_secs(1);
    }
    assert!(vault.drops(DropReason::Rate) >= 280);
}

/// A hello with a ticket for this client, from an address that has proven itself.
fn good_ticket(vault: &mut Vault, from: PeerAddr, client_id: u32) -> Vec<u8> {
    let seat = vault.seat(Some(pass(client_id, 1)), client_id);
    vault.seats[seat].addr = from;
    let hello = vault.ticket_hello(seat);
    vault.seats.pop();
    hello
}

/// The same with a wrong bit in this byte.
fn with_ticket(vault: &mut Vault, from: PeerAddr, client_id: u32, byte: usize) -> Vec<u8> {
    let mut hello = good_ticket(vault, from, client_id);
    hello[byte] ^= 1;
    hello
}
