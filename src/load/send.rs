//! The quickest look at a server: join, make one move, see some snapshots, leave.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{bot, closed_in_words, refusal_in_words};
use crate::client::{Client, ClientConfig, Event, KnownPlayer};
use crate::machine;
use crate::seal::Pass;
use crate::secret::Secret;
use crate::wire::{Bounds, ClosedReason, Position, Refusal, Tick, UDP_PAYLOAD_MAX};

/// How long the server may take to answer, to apply the move, and from one snapshot to the next.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long until a move is sent again while no snapshot shows that it was applied, and the shortest time
/// between moves that only keep the client alive.
const MOVE_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// How long to wait for a datagram before the client is asked whether it has something to send.
const WAIT: Duration = Duration::from_millis(20);

/// What to send, and how much to see.
#[derive(Clone, Copy, Debug)]
pub struct SendConfig {
    /// The server.
    pub server: SocketAddr,
    /// The client id to play as.
    pub client_id: u32,
    /// For a server that wants tickets.
    pub pass: Option<Pass>,
    /// Where to move.
    pub at: Position,
    /// The game's own word about the player.
    pub state: u32,
    /// How many snapshots to see after the move was applied.
    pub snapshots: u32,
}

/// One snapshot, and what the client knows with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Its tick.
    pub tick: Tick,
    /// The sequence of the newest own move that it shows.
    pub applied: u32,
    /// UDP payload in bytes.
    pub bytes: usize,
    /// How many players are visible, told of or not.
    pub players_visible: u32,
    /// Everyone the client has been told of, in the order of their client ids.
    pub players: Vec<SeenPlayer>,
}

/// One player that the client has been told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SeenPlayer {
    /// The number it is known by.
    pub client_id: u32,
    /// Units along the first axis.
    pub x: i32,
    /// Units along the second axis.
    pub y: i32,
    /// The game's own word about it.
    pub state: u32,
    /// The tick that this was told for.
    pub told: Tick,
}

impl From<KnownPlayer> for SeenPlayer {
    fn from(known: KnownPlayer) -> Self {
        let player = known.player;
        let Position { x, y } = player.at;
        Self { client_id: player.client_id, x, y, state: player.state, told: known.told }
    }
}

/// Why it came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The socket cannot be used.
    #[error("no socket to {0}: {1}")]
    Socket(SocketAddr, io::Error),
    /// No welcome and no refusal.
    #[error("nobody answers at {0}")]
    NoAnswer(SocketAddr),
    /// The server does not let the client play.
    #[error("refused: {}", refusal_in_words(.0))]
    Refused(Refusal),
    /// The move would change nothing.
    #[error(
        "{},{} is outside the world, which is {},{} to {},{}",
        at.x, at.y, world.min.x, world.min.y, world.max.x, world.max.y
    )]
    OutsideWorld {
        /// Where to.
        at: Position,
        /// Where one may stand.
        world: Bounds,
    },
    /// The game has put the player elsewhere.
    #[error("the game does not let the player stand at {},{}, but at {},{}", at.x, at.y, put.x, put.y)]
    Corrected {
        /// Where to.
        at: Position,
        /// Where it stands.
        put: Position,
    },
    /// The server ended the session.
    #[error("the session has ended: {}", closed_in_words(*.0))]
    Closed(ClosedReason),
    /// What was seen could not be shown.
    #[error("cannot print: {0}")]
    Print(#[source] io::Error),
    /// The session began, and then nothing came, or nothing that showed the move.
    #[error("the server let the client in and then fell silent")]
    Silent,
}

/// Joins, makes the move, hands `on_snapshot` as many snapshots as were asked for from the one on that shows
/// the move, and leaves. Everything random comes from `secret`.
pub fn run(
    config: &SendConfig,
    secret: &Secret,
    on_snapshot: &mut dyn FnMut(&Seen) -> io::Result<()>,
) -> Result<(), SendError> {
    let socket = open(config.server).map_err(|error| SendError::Socket(config.server, error))?;
    let now = machine::now();
    let client = ClientConfig { pass: config.pass, ..ClientConfig::new(config.client_id) };
    let client = Client::new(client, secret, now);
    let mut look = Look { config, client, socket, patient_until: now + PATIENCE, next_move: now, shown: 0 };
    let result = look.run(on_snapshot);
    look.leave();
    result
}

fn open(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = bot::open(server)?;
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(WAIT))?;
    Ok(socket)
}

struct Look<'a> {
    config: &'a SendConfig,
    client: Client,
    socket: UdpSocket,
    patient_until: Instant,
    next_move: Instant,
    shown: u32,
}

impl Look<'_> {
    fn run(&mut self, on_snapshot: &mut dyn FnMut(&Seen) -> io::Result<()>) -> Result<(), SendError> {
        let mut buffer = vec![0; UDP_PAYLOAD_MAX + 1];
        while self.shown < self.config.snapshots {
            self.send_what_is_due(machine::now());
            let received = self.socket.recv(&mut buffer);
            let now = machine::now();
            if let Ok(length) = received {
                let event = self.client.receive(now, &buffer[..length]);
                self.on_event(now, event, length, on_snapshot)?;
            }
            if now >= self.patient_until {
                return Err(match self.client.welcome() {
                    Some(_) => SendError::Silent,
                    None => SendError::NoAnswer(self.config.server),
                });
            }
        }
        Ok(())
    }

    /// A hello, or the move. Once applied it is sent on, so that the server does not think the client gone.
    fn send_what_is_due(&mut self, now: Instant) {
        let mut out = Vec::new();
        self.client.poll(now, &mut out);
        if out.is_empty() && now >= self.next_move {
            self.client.move_to(self.config.at, self.config.state, &mut out);
            self.next_move = now + MOVE_AGAIN_AFTER;
        }
        self.send(&out);
    }

    /// A datagram that does not go out is like one that is lost on its way.
    fn send(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let _ = self.socket.send(bytes);
        }
    }

    fn on_event(
        &mut self,
        now: Instant,
        event: Option<Event>,
        bytes: usize,
        on_snapshot: &mut dyn FnMut(&Seen) -> io::Result<()>,
    ) -> Result<(), SendError> {
        match event {
            Some(Event::Welcomed(welcome)) => {
                let at = self.config.at;
                if !welcome.bounds.contains(at) {
                    return Err(SendError::OutsideWorld { at, world: welcome.bounds });
                }
                self.patient_until = now + PATIENCE;
                self.next_move = now;
            }
            Some(Event::Refused(refusal)) => return Err(SendError::Refused(refusal)),
            Some(Event::Closed(closed)) => return Err(SendError::Closed(closed)),
            Some(Event::Snapshot(header)) => {
                if let Some(put) = self.client.take_correction() {
                    return Err(SendError::Corrected { at: self.config.at, put });
                }
                if header.applied == 0 {
                    return Ok(());
                }
                self.patient_until = now + PATIENCE;
                self.shown += 1;
                on_snapshot(&self.seen(bytes)).map_err(SendError::Print)?;
            }
            None => {}
        }
        Ok(())
    }

    fn seen(&self, bytes: usize) -> Seen {
        let header = self.client.header().copied().unwrap_or_default();
        let mut players: Vec<SeenPlayer> = self.client.world().players().map(SeenPlayer::from).collect();
        players.sort_by_key(|player| player.client_id);
        Seen { tick: header.tick, applied: header.applied, bytes, players_visible: header.players, players }
    }

    fn leave(&mut self) {
        let mut out = Vec::new();
        self.client.leave(&mut out);
        self.send(&out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::RefusalReason;

    #[test]
    fn reasons_are_told_in_words() {
        let refusal = Refusal { nonce: 1, reason: RefusalReason::ClientIdInUse, detail: 7 };
        let told = SendError::Refused(refusal).to_string();
        assert_eq!(
            told,
            "refused: another client plays as this client id; if it stays silent, it is gone in 7 s"
        );
        let world = Bounds { min: Position { x: 0, y: 0 }, max: Position { x: 9, y: 9 } };
        let told = SendError::OutsideWorld { at: Position { x: -1, y: 5 }, world }.to_string();
        assert_eq!(told, "-1,5 is outside the world, which is 0,0 to 9,9");
    }
}
