//! The messages and their parts. Field order is the order on the wire; see PROTOCOL.md.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A step of game time: how many tick periods have gone by since the server started.
///
/// The number of a skipped tick is never used.
#[derive(
    Encode, Decode, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
pub struct Tick(pub u64);

impl Tick {
    /// How many ticks `self` is later than `earlier`; 0 if it is not.
    pub fn since(self, earlier: Tick) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A place in the world, in units of the game's choosing.
#[derive(Encode, Decode, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// Units along the first axis.
    pub x: i32,
    /// Units along the second axis.
    pub y: i32,
}

impl Position {
    /// The square of the distance to `other`, in units squared; `u64::MAX` where it would be more.
    pub fn distance_squared(self, other: Position) -> u64 {
        let square = |a: i32, b: i32| u64::from(a.abs_diff(b)).pow(2);
        square(self.x, other.x).saturating_add(square(self.y, other.y))
    }
}

/// The part of the plane that is a place; both corners belong to it.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The corner with the smallest coordinates.
    pub min: Position,
    /// The corner with the largest coordinates.
    pub max: Position,
}

impl Bounds {
    /// Every pair of `i32` is a place.
    pub const ALL: Bounds =
        Bounds { min: Position { x: i32::MIN, y: i32::MIN }, max: Position { x: i32::MAX, y: i32::MAX } };

    /// Whether `at` is a place within the bounds.
    pub fn contains(&self, at: Position) -> bool {
        (self.min.x..=self.max.x).contains(&at.x) && (self.min.y..=self.max.y).contains(&at.y)
    }

    /// The place within the bounds, which must not be empty, that is nearest to `at`.
    pub fn nearest(&self, at: Position) -> Position {
        Position { x: at.x.clamp(self.min.x, self.max.x), y: at.y.clamp(self.min.y, self.max.y) }
    }
}

/// One player as everyone is told of it: 16 bytes on the wire.
#[derive(Encode, Decode, Serialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Player {
    /// The number the player is known by; those of the server's entities say what they are: [`crate::wire::kind_of`].
    pub client_id: u32,
    /// Where it stands.
    pub at: Position,
    /// The game's own word about it (facing, animation); the server only passes it on.
    pub state: u32,
}

/// Length of a [`Player`] on the wire, in bytes.
pub const PLAYER_BYTES: usize = 16;

/// What a client sends.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromClient {
    /// Asks to play; twice, first without and then with a proof of its address.
    Hello(Hello),
    /// Says where its player is now, and what it has received.
    Move(Move),
    /// Stops playing.
    Leave(Leave),
}

/// What a server sends.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub enum FromServer {
    /// The answer to a hello without proof.
    Challenge(Challenge),
    /// The client plays.
    Welcome(Welcome),
    /// The client does not play, and why.
    Refusal(Refusal),
    /// The client plays no longer, and why.
    Closed(Closed),
    /// The world at one tick, as a list.
    Plain(PlainSnapshot),
}

/// The tag of [`FromServer::Plain`], for those that put one together from its parts.
pub(crate) const PLAIN_TAG: u32 = 4;
/// The tag of a plain snapshot with extras between its header and its lists.
pub(crate) const PLAIN_EXTRAS_TAG: u32 = 8;
/// The tag of a compact snapshot, which is no message of bincode's behind its header.
pub(crate) const COMPACT_TAG: u32 = 5;
/// Behind the header of a compact snapshot stands one byte: how wide the numbers of clusters are, in bits, and
/// this bit if some cluster is told in part only.
pub(crate) const PARTIAL_FLAG: u8 = 0x80;

/// In the byte of widths: a checksum stands before the blocks.
pub(crate) const CHECKSUM_FLAG: u8 = 0x40;

/// In the byte of widths: extras stand before the blocks, behind the checksum.
pub(crate) const EXTRAS_FLAG: u8 = 0x20;

/// Asks to play. The first 16 bytes (tag, version, nonce) are the same in every version of the protocol.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// [`crate::wire::PROTOCOL_VERSION`] of the sender.
    pub version: u32,
    /// Drawn by the client for this attempt to join, and echoed in every answer to it.
    pub nonce: u64,
    /// The number the player wants to be known by.
    pub client_id: u32,
    /// How the client wants its snapshots: an [`Encoding`], and whether it reads and sends extras: [`HelloEncoding`].
    pub encoding: u32,
    /// The session that the client had, to take its player over to this address; 0 = none.
    pub session: u64,
    /// What the challenge handed out; all zero in the first hello.
    pub proof: Proof,
}

/// Shows that its bearer receives at the address that it was handed out to.
#[derive(Encode, Decode, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// When it was handed out, by the server's clock: milliseconds since it started.
    pub time_ms: u64,
    /// Authenticates time, nonce and address.
    pub mac: [u64; 2],
}

impl Proof {
    /// Stands in the first hello of a client.
    pub const NONE: Proof = Proof { time_ms: 0, mac: [0, 0] };
}

/// How a client wants its snapshots.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// A list of players: what a script reads.
    Plain,
    /// Clusters of players in blocks: what carries thousands.
    #[default]
    Compact,
}

/// What a hello says of how the client wants its snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloEncoding {
    /// How it wants to be told of the players.
    pub encoding: Encoding,
    /// Whether it reads and sends extras.
    pub extras: bool,
}

impl HelloEncoding {
    /// Beside the number of the encoding: the client reads and sends extras.
    const EXTRAS_BIT: u32 = 0x100;

    /// What a hello means by its number. `None` if it asks for something that does not exist.
    pub fn from_number(number: u32) -> Option<Self> {
        let encoding = Encoding::from_number(number & !Self::EXTRAS_BIT)?;
        Some(Self { encoding, extras: number & Self::EXTRAS_BIT != 0 })
    }

    /// The number that a hello says it by.
    pub fn number(self) -> u32 {
        self.encoding.number() | if self.extras { Self::EXTRAS_BIT } else { 0 }
    }
}

impl Encoding {
    /// The encoding of that number.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Encoding::Plain),
            1 => Some(Encoding::Compact),
            _ => None,
        }
    }

    /// Its number.
    pub fn number(self) -> u32 {
        match self {
            Encoding::Plain => 0,
            Encoding::Compact => 1,
        }
    }
}

/// Says where a player is now.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The client that plays.
    pub client_id: u32,
    /// The session of its welcome; 0 only where the server is open.
    pub session: u64,
    /// One more than that of the move before, starting with 1 in every session; goes around at 2^32.
    pub sequence: u32,
    /// The new position.
    pub at: Position,
    /// The game's own word; see [`Player::state`].
    pub state: u32,
    /// Which snapshots have arrived.
    pub ack: Ack,
}

/// Which snapshots have arrived at a client.
#[derive(Encode, Decode, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// The tick of the newest snapshot; 0 with an empty history if there is none.
    pub newest: Tick,
    /// Bit `i` is set if the snapshot of tick `newest - 1 - i` has arrived too.
    pub history: u64,
}

/// Stops playing.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The client that plays.
    pub client_id: u32,
    /// The session of its welcome.
    pub session: u64,
}

/// The answer to a hello without proof. The server remembers nothing of it.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The hello's.
    pub nonce: u64,
    /// To be sent back in the next hello, within 10 s and from the same address.
    pub proof: Proof,
}

/// The client plays.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The hello's.
    pub nonce: u64,
    /// Stands in every later datagram, both ways.
    pub session: u64,
    /// Drawn anew at every start of the server: tick numbers of different epochs do not compare.
    pub epoch: u64,
    /// The tick in which this is sent.
    pub tick: Tick,
    /// The time from one tick to the next, in nanoseconds.
    pub period_ns: u64,
    /// A client that is silent for so many milliseconds is removed.
    pub timeout_ms: u32,
    /// No snapshot is larger than this, in bytes of UDP payload.
    pub datagram_bytes: u32,
    /// Moves above this rate are dropped.
    pub moves_per_second: u32,
    /// The places of the world.
    pub bounds: Bounds,
    /// The client that was admitted.
    pub client_id: u32,
    /// Two flags: see [`Welcome::is_placed`] and [`Welcome::is_resumed`].
    pub placed: u32,
    /// Where the player stands.
    pub at: Position,
}

impl Welcome {
    /// In `placed`: the player stands in the world.
    pub const PLACED: u32 = 1;
    /// In `placed`: what was said in the session that the hello named goes on.
    pub const RESUMED: u32 = 2;

    /// Whether the player already stands in the world, at `at`; else it appears with its first move.
    pub fn is_placed(&self) -> bool {
        self.placed & Self::PLACED != 0
    }

    /// Whether messages and corrections go on from the session that the hello named; else both ends begin anew. Said to
    /// those only who send extras.
    pub fn is_resumed(&self) -> bool {
        self.placed & Self::RESUMED != 0
    }
}

/// The client does not play.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The hello's: who cannot see it cannot forge a refusal.
    pub nonce: u64,
    /// Why.
    pub reason: RefusalReason,
    /// A number that belongs to the reason; 0 where it says none.
    pub detail: u32,
}

/// Why a client does not play.
#[derive(Encode, Decode, Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The server speaks another version of the protocol: the one in the detail.
    Version,
    /// The server holds as many peers as it may.
    Full,
    /// Another peer plays as this client id. If it stays silent it is gone after the seconds in the detail.
    ClientIdInUse,
    /// The server does not let this client id play.
    ClientIdNotAllowed,
    /// The server does not know the encoding asked for.
    Encoding,
    /// The server is about to stop.
    ShuttingDown,
    /// Who plays here has a ticket: the hello carried none.
    TicketNeeded,
    /// The ticket is not good here: the detail is a [`TicketFault`].
    Ticket,
    /// The game does not let this client play: the detail is a number of the game's own.
    Game,
}

/// What is wrong with a ticket.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum TicketFault {
    /// None of the server's keys opens it.
    Unreadable,
    /// Its time is over.
    Expired,
    /// It is for another server.
    OtherServer,
    /// It is for another client id than the hello asks for.
    OtherClient,
    /// The hello was not made with the session key that belongs to it.
    NotItsBearer,
}

impl TicketFault {
    /// Every fault, in the order of their numbers.
    pub const ALL: [TicketFault; 5] =
        [Self::Unreadable, Self::Expired, Self::OtherServer, Self::OtherClient, Self::NotItsBearer];

    /// The fault that a refusal names by number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// The number that a refusal names it by.
    pub fn number(self) -> u32 {
        self as u32
    }
}

/// The client plays no longer.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The session that has ended: who cannot see it cannot forge this.
    pub session: u64,
    /// Why.
    pub reason: ClosedReason,
}

/// Why a client plays no longer.
#[derive(Encode, Decode, Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClosedReason {
    /// The server stops.
    ShuttingDown,
    /// Nothing came from the client for the timeout of the welcome.
    TimedOut,
    /// Its player is played from another address now.
    Replaced,
    /// It has left: the answer to a leave.
    Left,
    /// The game has removed it, for a reason of its own that this number stands for. It is not to join again by itself.
    Removed(u32),
}

/// What every snapshot begins with.
#[derive(Encode, Decode, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The session of the peer that it is for.
    pub session: u64,
    /// The tick whose world it shows.
    pub tick: Tick,
    /// The sequence of the peer's newest move that has been applied; 0 if there is none.
    pub applied: u32,
    /// Bit `i` is set if the move with sequence `applied - 1 - i` has been applied too.
    pub applied_history: u32,
    /// How many players are visible to the peer, its own included.
    pub players: u32,
}

/// The world at one tick, as a list.
#[derive(Encode, Decode, Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainSnapshot {
    /// For whom and when.
    pub header: SnapshotHeader,
    /// Client ids that have gone within the last second.
    pub gone: Vec<u32>,
    /// As many players as fit: the peer's own first, then near ones, then the next in turn.
    pub players: Vec<Player>,
}
