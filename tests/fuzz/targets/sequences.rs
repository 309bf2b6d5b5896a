//! Whatever clients, liars and time do, one after the other, to a whole server.

use tickcast::mail::Delivery;
use tickcast::seal::TicketKeys;
use tickcast::server::Changes;
use tickcast::wire::{
    Ack, ClosedReason, FromClient, Hello, Leave, Message, Move, PROTOCOL_VERSION, Position, Proof, Tick,
    encode_client, put_message, put_move_extras,
};

use super::play::{HONEST, Play, SEATS};
use super::script::Script;
use super::seal;

/// Steps of a script at the most.
const STEPS_MAX: usize = 300;

/// In clear.
pub(crate) fn sequences(bytes: &[u8]) {
    play(bytes, false);
}

/// Behind the seal: those who lie hold tickets, and know their keys.
pub(crate) fn sealed_sequences(bytes: &[u8]) {
    play(bytes, true);
}

fn play(bytes: &[u8], is_sealed: bool) {
    let mut script = Script::new(bytes);
    let mut play = Play::new(&mut script, is_sealed);
    for _ in 0..STEPS_MAX {
        if script.is_over() {
            break;
        }
        step(&mut play, &mut script, is_sealed);
    }
    play.check();
}

fn step(play: &mut Play, script: &mut Script, is_sealed: bool) {
    match script.below(18) {
        0 => play.pass(u64::from(script.byte()) * 8),
        1..=3 => play.tick(0, 0),
        4 => play.tick(script.number() % 200, script.number()),
        5 => (0..SEATS).for_each(|seat| play.poll(seat)),
        6 => move_seat(play, script),
        7 => (0..SEATS).for_each(|_| move_seat(play, script)),
        8 => leave(play, script),
        9 => change_address(play, script),
        10 => raw(play, script),
        11 => again(play, script),
        12 | 13 => by_hand(play, script, is_sealed),
        14 => hello(play, script, is_sealed),
        15 => seal_raw(play, script),
        16 => (0..3).for_each(|_| {
            (0..SEATS).for_each(|seat| play.poll(seat));
            play.tick(0, 0);
        }),
        _ => operate(play, script),
    }
}

fn place(script: &mut Script) -> Position {
    Position { x: script.word() as i32, y: script.word() as i32 }
}

fn move_seat(play: &mut Play, script: &mut Script) {
    let (seat, at, state, mut bytes) = (script.below(SEATS), place(script), script.word(), Vec::new());
    let addr = play.seats[seat].addr;
    if state & 3 == 3 {
        let delivery = if state & 4 == 0 { Delivery::Reliable } else { Delivery::Unreliable };
        let _may_be_full = play.seats[seat].client.send(delivery, &state.to_le_bytes());
    }
    if play.seats[seat].client.move_to(at, state, &mut bytes).is_some() {
        play.say(addr, &bytes);
    }
}

fn leave(play: &mut Play, script: &mut Script) {
    let (seat, now, mut bytes) = (script.below(SEATS), play.now, Vec::new());
    let addr = play.seats[seat].addr;
    if script.is_set() {
        play.seats[seat].client.rejoin(now);
        play.poll(seat);
    } else if play.seats[seat].client.leave(&mut bytes) {
        play.say(addr, &bytes);
    }
}

fn change_address(play: &mut Play, script: &mut Script) {
    let (seat, addr) = (script.below(SEATS), play.address());
    play.seats[seat].addr = addr;
}

/// Some address: that of one who lies, or of nobody.
fn liar(play: &mut Play, script: &mut Script) -> tickcast::gate::PeerAddr {
    match script.below(4) {
        0 => play.address(),
        number => play.seats[HONEST + number % (SEATS - HONEST)].addr,
    }
}

fn raw(play: &mut Play, script: &mut Script) {
    let (from, length) = (liar(play, script), script.below(200));
    play.say(from, script.take(length));
}

/// What was said before: as it was from anywhere, or from a liar with a byte changed.
fn again(play: &mut Play, script: &mut Script) {
    let (at, flip) = (script.below(32), script.byte());
    let Some((from, mut bytes)) = play.said.get(at).cloned() else { return };
    let from = if flip == 0 && script.is_set() { from } else { liar(play, script) };
    if !bytes.is_empty() {
        let at = script.below(bytes.len().min(256));
        bytes[at] ^= flip;
    }
    play.say(from, &bytes);
}

/// A move or a leave with any fields, of a session that a liar has; sealed with its keys, if it has any.
fn by_hand(play: &mut Play, script: &mut Script, is_sealed: bool) {
    let seat = HONEST + script.below(SEATS - HONEST);
    let session = play.seats[seat].client.welcome().map_or(0, |welcome| welcome.session);
    let flags = script.byte();
    let client_id = if flags & 1 == 0 { seat as u32 } else { script.word() };
    let session = if flags & 2 == 0 { session } else { script.number() };
    let message = if flags & 4 == 0 {
        let ack = Ack { newest: Tick(script.number()), history: script.number() };
        let (sequence, at, state) = (script.word(), place(script), script.word());
        FromClient::Move(Move { client_id, session, sequence, at, state, ack })
    } else {
        FromClient::Leave(Leave { client_id, session })
    };
    let mut bytes = Vec::new();
    encode_client(&message, &mut bytes);
    if flags & 64 == 64 {
        put_move_extras(script.byte().into(), script.byte().into(), &mut bytes);
        let (sequence, length) = (script.byte().into(), usize::from(script.byte()));
        put_message(&Message { sequence, bytes: script.take(length) }, &mut bytes);
    }
    if is_sealed && flags & 8 == 0 {
        bytes = sealed(play, seat, flags, &bytes, script);
    }
    let from = if flags & 16 == 0 { play.seats[seat].addr } else { liar(play, script) };
    play.say(from, &bytes);
}

fn sealed(play: &mut Play, seat: usize, flags: u8, inside: &[u8], script: &mut Script) -> Vec<u8> {
    let Some(sealer) = play.sealer(seat) else { return inside.to_vec() };
    let sequence = if flags & 32 == 0 {
        play.seats[seat].sequence += 1;
        play.seats[seat].sequence + 1_000
    } else {
        script.number()
    };
    sealer.datagram(4, sequence, inside)
}

/// Any bytes in an envelope that is good.
fn seal_raw(play: &mut Play, script: &mut Script) {
    let (seat, length) = (HONEST + script.below(SEATS - HONEST), script.below(64));
    let (inside, addr) = (script.take(length), play.seats[seat].addr);
    let bytes = sealed(play, seat, 0, inside, script);
    play.say(addr, &bytes);
}

/// A hello with any fields, with the proof that its address was given last.
fn hello(play: &mut Play, script: &mut Script, is_sealed: bool) {
    let (from, flags) = (liar(play, script), script.byte());
    let known = play.proofs.get(&from).copied().filter(|_| flags & 1 == 0);
    let (nonce, proof) = known.unwrap_or_else(|| (script.number(), Proof::NONE));
    let seat = HONEST + usize::from(flags >> 1 & 1);
    let session = play.seats[seat].client.welcome().map_or(0, |welcome| welcome.session);
    let client_id = if flags & 4 == 0 { seat as u32 } else { script.word() };
    let session = if flags & 8 == 0 { session } else { script.number() };
    let version = if flags & 16 == 0 { PROTOCOL_VERSION } else { script.word() };
    let hello = Hello { version, nonce, client_id, encoding: script.word(), session, proof };
    let mut bytes = Vec::new();
    encode_client(&FromClient::Hello(hello), &mut bytes);
    // Liars have no pass of an honest player.
    if is_sealed && flags & 32 == 0 && client_id as usize >= HONEST {
        let ticket = *seal::pass(client_id).ticket();
        bytes = seal::ticket_hello(&hello, &ticket, &seal::session_key(client_id));
    }
    play.say(from, &bytes);
}

/// What whoever runs the server does.
fn operate(play: &mut Play, script: &mut Script) {
    match script.below(8) {
        0 => play.server.close(ClosedReason::ShuttingDown),
        1 => play.server.catch_up(play.now),
        2 => play.server.on_worked(std::time::Duration::from_micros(script.word().into())),
        3 => play.server.gate().set_unix_seconds(script.number()),
        4 => _ = play.server.gate().set_ticket_keys(TicketKeys::one(seal::ticket_key())),
        _ => {
            let mut changes = Changes::default();
            play.server.take_changes(&mut changes);
            assert!(changes.players.len() <= 1_000_000);
        }
    }
}
