//! What hooks see and change.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::TickRate;
use crate::mail::{Delivery, Office, SendError};
use crate::secret::Secret;
use crate::wire::{Bounds, Player, Position, Tick, kind_of};
use crate::work::{Busy, Ledger, Work, WorkId};
use crate::world::{PlayerSlot, World};

/// Something of the server's own in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entity {
    /// What it is known by.
    pub id: u32,
    /// What it is: 1 to 255, by the game's choosing.
    pub kind: u8,
    /// Where it stands.
    pub at: Position,
    /// The game's own word about it, which clients are told.
    pub state: u32,
}

/// The world as a hook sees and changes it.
///
/// - When it is: [`Realm::tick`], [`Realm::tick_rate`].
/// - Where one may stand: [`Realm::bounds`], [`Realm::set_bounds`].
/// - Players: [`Realm::players`], [`Realm::player`], [`Realm::slot_of`], [`Realm::relocate`], [`Realm::remove`].
/// - Messages: [`Realm::send`].
/// - Entities: [`Realm::entities`], [`Realm::entity`], [`Realm::spawn`], [`Realm::place`], [`Realm::despawn`].
/// - Work beside the tick: [`Realm::start`], [`Realm::cancel`].
/// - Chance: [`Realm::random`].
///
/// What changes does so at once, but for players who are removed; clients are told with the next snapshot.
#[derive(Debug)]
pub struct Realm<'a> {
    scene: Scene,
    world: &'a mut World,
    office: &'a mut Office,
    effects: &'a mut Effects,
    random: &'a mut Random,
    work: &'a mut Ledger,
}

/// When a hook is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    /// For timeouts alone: a game asks for ticks.
    pub(crate) now: Instant,
    pub(crate) tick: Tick,
    pub(crate) tick_rate: TickRate,
}

/// What a hook has done that others than the world must hear of. Empty between hooks.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Players who stand elsewhere than their clients say.
    pub(crate) relocated: Vec<u32>,
    /// Players who are to go, each with the game's reason.
    pub(crate) removed: VecDeque<(u32, u32)>,
}

impl Effects {
    pub(crate) fn is_empty(&self) -> bool {
        self.relocated.is_empty() && self.removed.is_empty()
    }
}

/// Numbers drawn from a secret, one after the other.
#[derive(Debug)]
pub(crate) struct Random {
    secret: Secret,
    drawn: u64,
}

impl Random {
    pub(crate) fn new(secret: Secret) -> Self {
        Self { secret, drawn: 0 }
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.secret.number(self.drawn)
    }
}

impl<'a> Realm<'a> {
    pub(crate) fn new(
        scene: Scene,
        world: &'a mut World,
        office: &'a mut Office,
        effects: &'a mut Effects,
        random: &'a mut Random,
        work: &'a mut Ledger,
    ) -> Self {
        Self { scene, world, office, effects, random, work }
    }

    /// The tick that is being made; between ticks, where much comes in, the last.
    pub fn tick(&self) -> Tick {
        self.scene.tick
    }

    /// How many of them there are in a second.
    pub fn tick_rate(&self) -> TickRate {
        self.scene.tick_rate
    }

    /// Where one may stand.
    pub fn bounds(&self) -> Bounds {
        self.world.bounds()
    }

    /// From now on one may stand within `bounds` only. Whoever stands outside is put to the nearest place within: players
    /// as by [`Realm::relocate`], so that a game may put them elsewhere right after. False, and nothing has changed, if
    /// there is no place in them. Clients are told the bounds when they join, and not again: a game tells them by
    /// [`Realm::send`], as the standard game does.
    pub fn set_bounds(&mut self, bounds: Bounds) -> bool {
        let relocated = &mut self.effects.relocated;
        let moved = |moved: Player| {
            if kind_of(moved.client_id) == 0 {
                relocated.push(moved.client_id);
            }
        };
        self.world.set_bounds(bounds, moved).is_ok()
    }

    /// Every player that stands somewhere.
    pub fn players(&self) -> impl Iterator<Item = Player> {
        self.world.standing().map(|(_, player)| player).filter(|player| kind_of(player.client_id) == 0)
    }

    /// The player known by `client_id`, if it stands somewhere.
    pub fn player(&self, client_id: u32) -> Option<Player> {
        self.world.find(client_id).filter(|_| kind_of(client_id) == 0)
    }

    /// The row of a player in the world, also of one whom nobody has seen yet: see [`crate::game::Step::slot`].
    pub fn slot_of(&self, client_id: u32) -> Option<PlayerSlot> {
        self.world.slot_of(client_id).filter(|_| kind_of(client_id) == 0)
    }

    /// Puts a player somewhere, also one whom nobody has seen yet, and tells its client: moves that it made before it knew
    /// do not undo that. False, and nothing has changed, if nobody plays as `client_id` or that is no place.
    pub fn relocate(&mut self, client_id: u32, at: Position) -> bool {
        let is_put = kind_of(client_id) == 0 && self.put(client_id, at, None);
        if is_put {
            self.effects.relocated.push(client_id);
        }
        is_put
    }

    /// Removes a player. It leaves as soon as the hook has ended, whichever that is: [`crate::game::Game::on_leave`] is told, its
    /// session ends, what waits to be said to it is lost, and its client is told why by `reason`, whose meaning is the game's. An
    /// honest client does not join again by itself then, and of its hellos that are on their way already none counts. Against
    /// others, and because what is said once may be lost, [`crate::game::Game::on_join`] refuses; on an open server, too, where whoever
    /// does not read why asks to join with its next move. True also for one that is going already; the first reason counts. False if
    /// nobody plays as `client_id`: who asks to join does not yet.
    pub fn remove(&mut self, client_id: u32, reason: u32) -> bool {
        let is_there = self.slot_of(client_id).is_some();
        if is_there {
            self.effects.removed.push_back((client_id, reason));
        }
        is_there
    }

    /// Says something to a player, with its next snapshots: at most a quarter of one, see
    /// [`crate::wire::message_bytes_max`]. What waits for a player who goes is lost with it; where a client comes back that
    /// has forgotten its session, too.
    ///
    /// # Errors
    /// If the message is empty or too long, if [`crate::mail::WAITING_MAX`] wait for that player already, or if nobody plays
    /// as `client_id` who reads messages; then nothing has changed.
    pub fn send(&mut self, client_id: u32, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        let slot = self.world.slot_of(client_id).ok_or(SendError::NobodyThere)?;
        self.office.send(slot.index(), delivery, message)
    }

    /// How many messages wait for a player, to be sent or to be acknowledged: where none does, there is room for
    /// [`crate::mail::WAITING_MAX`].
    pub fn waiting_messages(&self, client_id: u32) -> usize {
        self.world.slot_of(client_id).map_or(0, |slot| self.office.waiting(slot.index()))
    }

    /// Every entity.
    pub fn entities(&self) -> impl Iterator<Item = Entity> {
        self.world.standing().filter_map(|(_, player)| entity(player))
    }

    /// The entity known by `id`.
    pub fn entity(&self, id: u32) -> Option<Entity> {
        entity(self.world.find(id)?)
    }

    /// Puts something of that kind, 1 to 255, into the world, and gives the id that it is known by from then on. `None`
    /// where that is no place or no kind, or where [`crate::config::ENTITIES_MAX`] are there already.
    pub fn spawn(&mut self, kind: u8, at: Position, state: u32) -> Option<u32> {
        self.world.spawn(kind, at, state)
    }

    /// Puts an entity somewhere else. False, and nothing has changed, if there is none with that id or that is no place.
    pub fn place(&mut self, id: u32, at: Position, state: u32) -> bool {
        kind_of(id) != 0 && self.put(id, at, Some(state))
    }

    /// Takes an entity out of the world. False if there is none with that id.
    pub fn despawn(&mut self, id: u32) -> bool {
        self.world.despawn(id)
    }

    /// Starts something that takes long, beside the tick: [`crate::game::Game::on_done`] is told of its end, once, in a tick
    /// of its own, whatever becomes of it. After `timeout`, at most [`crate::work::TIMEOUT_MAX`], nobody waits for it any more,
    /// nor when its owner leaves, if it has one: a player that plays, or is about to.
    ///
    /// # Errors
    /// If [`crate::work::IN_FLIGHT_MAX`] pieces of work are in flight: nothing is started, and nobody will be told of it.
    pub fn start(&mut self, owner: Option<u32>, timeout: Duration, work: Work) -> Result<WorkId, Busy> {
        self.work.start(self.scene.now, owner, timeout, work)
    }

    /// Nobody wants to know any more what comes of this work: it is told to stop, and [`crate::game::Game::on_done`] is told that it
    /// was cancelled, with the work of the next tick. False if its end was told, or it was cancelled or its time was up before;
    /// then nothing has changed. Work that has finished but was not told of yet can be cancelled.
    pub fn cancel(&mut self, work: WorkId) -> bool {
        self.work.cancel(work)
    }

    /// A number that nobody can predict, drawn from the server's secret: the same one in a replay.
    pub fn random(&mut self) -> u64 {
        self.random.draw()
    }

    /// With the state that it has, or 0, if none is given.
    fn put(&mut self, id: u32, at: Position, state: Option<u32>) -> bool {
        let Some(slot) = self.world.slot_of(id) else { return false };
        let state = state.or(self.world.player(slot).map(|player| player.state)).unwrap_or_default();
        self.world.place(slot, at, state).is_ok()
    }
}

fn entity(player: Player) -> Option<Entity> {
    let Player { client_id: id, at, state } = player;
    match kind_of(id) {
        0 => None,
        kind => Some(Entity { id, kind, at, state }),
    }
}
