//! Any datagram to a server on which somebody plays, and any that a ticket holder can make.

use std::cell::RefCell;

use tickcast::gate::DropReason;
use tickcast::seal::Mint;
use tickcast::wire::{Hello, PROTOCOL_VERSION, Proof};

use super::scene::{Kind, Outcome, PLAYER, Scene};
use super::script::Script;
use super::seal::{self, TODAY};

/// What these are counted for has changed nothing: the scene is good for other bytes.
const HARMLESS: [DropReason; 8] = [
    DropReason::Length,
    DropReason::Malformed,
    DropReason::UnknownPeer,
    DropReason::Session,
    DropReason::ClientId,
    DropReason::Proof,
    DropReason::Unsealed,
    DropReason::Forged,
];

thread_local! {
    /// Scenes in which nothing has happened, one of each kind: to make one takes longer than all else.
    static SCENES: RefCell<[Option<Scene>; 3]> = const { RefCell::new([None, None, None]) };
}

/// Does `play` in a scene of this kind, which is kept unless something has come of it.
fn with_scene(kind: Kind, play: impl FnOnce(&mut Scene) -> Outcome) {
    let kept = SCENES.with_borrow_mut(|scenes| scenes[kind as usize].take());
    let mut scene = kept.unwrap_or_else(|| Scene::new(kind));
    match play(&mut scene) {
        Outcome::Dropped(reason) if HARMLESS.contains(&reason) => {
            SCENES.with_borrow_mut(|scenes| scenes[kind as usize] = Some(scene));
        }
        Outcome::Command => scene.tick(),
        Outcome::Dropped(_) | Outcome::Reply(_) => {}
    }
}

/// The first byte says to which server, and whether from the one who plays there; the rest is the datagram.
pub(crate) fn gate(bytes: &[u8]) {
    let Some((&first, datagram)) = bytes.split_first() else { return };
    let kind = [Kind::Clear, Kind::Open, Kind::Sealed][usize::from(first) % 3];
    let from = if first & 0x80 == 0 { Scene::home() } else { Scene::elsewhere() };
    with_scene(kind, |scene| scene.receive(from, datagram));
}

/// What one who plays with a ticket can seal, and hellos with tickets that are made as they should be, but for what
/// the bytes change.
pub(crate) fn sealed_gate(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let first = script.byte();
    let from = if first & 0x80 == 0 { Scene::home() } else { Scene::elsewhere() };
    with_scene(Kind::Sealed, |scene| {
        let datagram = match first & 3 {
            0 | 1 => {
                scene.sequence += 1;
                scene.sealer.datagram(4, scene.sequence, script.rest())
            }
            2 => {
                let sequence = script.number();
                let datagram = scene.sealer.datagram(4, sequence, script.rest());
                // Twice: the second is an old one, whatever the first was.
                let outcome = scene.receive(from, &datagram);
                if matches!(outcome, Outcome::Dropped(DropReason::Forged | DropReason::UnknownPeer)) {
                    return outcome;
                }
                datagram
            }
            _ => ticket_hello(scene, from == Scene::home(), &mut script),
        };
        let outcome = scene.receive(from, &datagram);
        let is_old = first & 3 == 2;
        if is_old && datagram.len() != 28 {
            let is_refused = matches!(
                outcome,
                Outcome::Dropped(DropReason::Replayed | DropReason::Length | DropReason::Malformed)
            );
            assert!(is_refused, "said twice: {outcome:?}");
            return Outcome::Reply(Vec::new());
        }
        outcome
    });
}

/// A hello with a ticket, its fields from the script, with a good proof and a good tag unless that says otherwise.
fn ticket_hello(scene: &Scene, is_home: bool, script: &mut Script) -> Vec<u8> {
    let flags = script.byte();
    let client_id = if flags & 1 == 0 { PLAYER } else { script.word() };
    let mut hello = Hello {
        version: if flags & 2 == 0 { PROTOCOL_VERSION } else { script.word() },
        nonce: script.number(),
        client_id,
        encoding: script.word(),
        session: if flags & 4 == 0 { scene.welcome.session } else { script.number() },
        proof: Proof::NONE,
    };
    if flags & 8 == 0 {
        hello = scene.prove(if is_home { Scene::home() } else { Scene::elsewhere() }, hello);
    }
    let expires = if flags & 16 == 0 { TODAY + 60 } else { script.number() };
    let server = if flags & 32 == 0 { seal::SERVER } else { "lobby" };
    let mint = Mint { client_id: script.word(), expires, server };
    let mut ticket = match flags & 64 {
        0 => *seal::pass(client_id).ticket(),
        _ => *mint.pass(&seal::ticket_key(), [client_id as u8; 56]).ticket(),
    };
    if flags & 128 != 0 {
        ticket.header.version = script.word();
        ticket.sealed[script.below(68)] ^= script.byte();
    }
    let mut bytes = seal::ticket_hello(&hello, &ticket, &seal::session_key(client_id));
    let (at, flip) = (script.below(bytes.len()), script.byte());
    bytes[at] ^= flip;
    bytes
}
