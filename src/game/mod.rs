//! What are the rules?
//!
//! A [`Game`] is a type of yours with hooks that the server calls while it makes a tick: who may join and where, which
//! moves count, what happens besides. It sees and changes the world through a [`Realm`]. Hooks run on the tick's own
//! thread: what takes long belongs elsewhere. No clock, no I/O, no thread, no randomness but the realm's.

mod realm;
mod standard;

pub(crate) use realm::{Effects, Random, Scene};
pub use realm::{Entity, Realm};
pub use standard::{ENEMY, LoadError, Standard, words};

use crate::profiles::Profile;
use crate::wire::{Player, Position};
use crate::work::Done;
use crate::world::PlayerSlot;

/// What the answer to an order begins with that is not carried out.
pub const REFUSED: &str = "refused: ";

/// The rules of a world, as hooks.
///
/// The server calls them one at a time, in this order:
///
/// - [`Game::on_join`] for a client that does not play yet. A client that comes back from another address while its player
///   is there plays on: nobody joins, and nobody leaves.
/// - [`Game::on_move`] and [`Game::on_message`] in the order in which they were received, between the joining and the
///   leaving of their player.
/// - [`Game::on_leave`], once for each that was let in, unless the server stops before. Whom a hook removes leaves when that hook
///   has ended, before any other hook but those of leaving.
/// - [`Game::on_done`] at the start of a tick, for all work that has ended since the last, in the order in which it did.
/// - [`Game::on_order`] between two ticks.
/// - [`Game::on_tick`] once a tick, when all that has come in is applied, before anyone is told.
///
/// The same secret and the same calls give the same world, as long as a game asks nobody but its [`Realm`].
///
/// A hook that panics harms nobody: what it had done until then stays, the panic is counted and, at most once a second,
/// logged with the player whom the hook was about, and the server goes on as if the hook had refused the join, with the
/// refusal's detail 0, or the move, or had done nothing else. The game keeps the state in which the panic left it. (Rust's
/// own panic hook still prints each panic, unless the program sets another.)
#[expect(unused_variables, reason = "the names say what a hook is given")]
pub trait Game: Send {
    /// A client asks to play, and nothing else is against it. Its player is not in the realm yet.
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        Admission::Waits
    }

    /// A client says where its player is now: a place within the bounds, for others are refused before.
    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict;

    /// A client says something else.
    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {}

    /// A tick.
    fn on_tick(&mut self, realm: &mut Realm<'_>) {}

    /// A player is about to go. It still stands where it stood. Work that is its own is cancelled right after, also what is
    /// started here: what is to outlive it is started for nobody.
    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {}

    /// Work that a hook has started by [`Realm::start`] has ended, or is waited for no longer.
    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {}

    /// An operator tells the game something; gives what it answers, in one line. An answer that begins with [`REFUSED`] says
    /// why nothing has come of it.
    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        format!("{REFUSED}unknown order")
    }

    /// What a store remembers of players, those who left longest ago first; once, before anyone joins. What players do is
    /// added up under the number `run` as long as there is this store.
    fn on_recall(&mut self, realm: &mut Realm<'_>, profiles: Vec<Profile>, run: u64) {}

    /// A store asks, between ticks and some times a second, what is to be remembered: add to `profiles`, which is empty and
    /// has room after the first times, what has changed since, and to `forgotten` who is to be remembered no longer, before
    /// what has changed. When `is_last`, the server is about to stop, and asks until nothing is left.
    fn keep(
        &mut self,
        realm: &mut Realm<'_>,
        is_last: bool,
        profiles: &mut Vec<Profile>,
        forgotten: &mut Vec<u32>,
    ) {
    }

    /// The server is about to stop, everyone has been told, and what is to be kept is kept: the last time to start work. As
    /// long as it says that it waits for some it is asked again, for some seconds at the most; [`Game::on_done`] is told
    /// meanwhile.
    fn on_stop(&mut self, realm: &mut Realm<'_>) -> bool {
        false
    }
}

/// Who asks to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The client id.
    pub player: u32,
    /// Where it stood when it last played, if the server remembers. That may be outside the bounds of today.
    pub remembered: Option<Player>,
}

/// Whether a client plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It does, and its player stands here, with this state. Where that is no place, as [`Admission::Waits`].
    Placed(Position, u32),
    /// It does. If it is remembered at a place within the bounds, its player stands there again; else nobody sees it before
    /// its first move.
    Waits,
    /// It does not: it is refused with this number, whose meaning is the game's. 0 is what a panic is refused with.
    Refused(u32),
}

/// A move to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whose.
    pub player: u32,
    /// The row of the player in the world, its own while it plays: for tables of the game's with a row for each.
    pub slot: PlayerSlot,
    /// Where the player stands. `None` before it is seen for the first time.
    pub from: Option<Position>,
    /// Where it says to be.
    pub to: Position,
    /// The game's own word about it, as the client says it.
    pub state: u32,
}

/// What becomes of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The player stands where the move says, with its state; if the hook has relocated it, where that put it.
    Accept,
    /// The player stands here instead, and its client is told: moves that it made before it knew do not undo that. The state
    /// stays as it was. Where that is no place, as [`Verdict::Refuse`].
    Correct(Position),
    /// Nothing changes, and nobody is told.
    Refuse,
}

/// Why a player goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Its client said so.
    Left,
    /// Nothing was heard of its client for the timeout.
    TimedOut,
    /// Its address plays as another client id now.
    Replaced,
    /// A hook has removed it, by [`Realm::remove`] with this number.
    Removed(u32),
}
