//! Where the server asks the game: each hook with a realm of its own, and what a hook does put into effect.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tracing::error;

use super::admission::No;
use super::{Server, say_closed};
use crate::game::{Admission, Departure, Effects, Game, Joining, Random, Realm, Scene};
use crate::profiles::Profile;
use crate::secret::Secret;
use crate::wire::{ClosedReason, Encoding, Position, RefusalReason};
use crate::work::{Ledger, discard};

/// Panics of hooks are logged no more often than that.
const PANIC_LOG_PERIOD: Duration = Duration::from_secs(1);

/// The game, and what it needs between its hooks.
pub(super) struct Rules {
    game: Box<dyn Game>,
    effects: Effects,
    random: Random,
    pub(super) work: Ledger,
    /// Whether those are going whom hooks have removed.
    is_removing: bool,
    /// When a panic was logged.
    logged: Option<Instant>,
}

impl Rules {
    pub(super) fn new(game: Box<dyn Game>, secret: &Secret) -> Self {
        let random = Random::new(secret.derive("game"));
        Self {
            game,
            effects: Effects::default(),
            random,
            work: Ledger::default(),
            is_removing: false,
            logged: None,
        }
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("effects", &self.effects).finish_non_exhaustive()
    }
}

/// What a hook is about, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) hook: &'static str,
    pub(super) player: Option<u32>,
}

impl Server {
    /// Whether the game lets a client play that does not yet, and where its player then stands.
    pub(super) fn ask_to_join(&mut self, client_id: u32) -> Result<Option<(Position, u32)>, No> {
        let remembered = self.memory.as_ref().and_then(|memory| memory.find(client_id));
        let joining = Joining { player: client_id, remembered };
        let about = About { hook: "on_join", player: Some(client_id) };
        let admission = self.ask(about, |game, realm| game.on_join(realm, &joining));
        if let None | Some(Admission::Refused(_)) = admission {
            self.rules.work.cancel_all_of(client_id);
        }
        match admission {
            Some(Admission::Placed(at, state)) => Ok(Some((at, state))),
            Some(Admission::Waits) => Ok(None),
            Some(Admission::Refused(detail)) => Err(No { reason: RefusalReason::Game, detail }),
            None => Err(RefusalReason::Game.into()),
        }
    }

    /// A tick, as the game has it.
    pub(super) fn ask_for_tick(&mut self) {
        self.ask(About { hook: "on_tick", player: None }, |game, realm| game.on_tick(realm));
    }

    /// The game hears that a player is about to go.
    pub(super) fn tell_of_leaving(&mut self, client_id: u32, why: Departure) {
        let about = About { hook: "on_leave", player: Some(client_id) };
        self.ask(about, |game, realm| game.on_leave(realm, client_id, why));
    }

    /// The game hears what is remembered of players.
    pub(super) fn tell_of_profiles(&mut self, profiles: Vec<Profile>, run: u64) {
        let about = About { hook: "on_recall", player: None };
        self.ask(about, |game, realm| game.on_recall(realm, profiles, run));
    }

    /// What the game wants to be remembered of players, and of whom nothing any more.
    pub(super) fn ask_for_profiles(&mut self, profiles: &mut Vec<Profile>, forgotten: &mut Vec<u32>) {
        let (is_last, about) = (self.closing, About { hook: "keep", player: None });
        self.ask(about, |game, realm| game.keep(realm, is_last, profiles, forgotten));
    }

    /// Calls a hook, and puts into effect what it has done, also if it panics; then `None`.
    pub(super) fn ask<T>(
        &mut self,
        about: About,
        hook: impl FnOnce(&mut dyn Game, &mut Realm<'_>) -> T,
    ) -> Option<T> {
        let scene = Scene { now: self.now, tick: self.report.tick, tick_rate: self.config.tick_rate };
        let Rules { game, effects, random, work, .. } = &mut self.rules;
        let mut realm = Realm::new(scene, &mut self.world, &mut self.office, effects, random, work);
        // Nothing of the server's is left half done: what a realm does is done when it returns.
        let answer = catch_unwind(AssertUnwindSafe(|| hook(game.as_mut(), &mut realm)));
        // Asked here, for most hooks do nothing of the kind, and there is one for every move.
        if !self.rules.effects.is_empty() || self.world.has_despawned() {
            self.put_into_effect();
        }
        let logged = |panic: Box<dyn Any + Send>| {
            self.on_panic(about, panic.as_ref());
            discard(panic);
        };
        answer.map_err(logged).ok()
    }

    fn put_into_effect(&mut self) {
        while let Some(client_id) = self.rules.effects.relocated.pop() {
            self.on_relocated(client_id);
        }
        while let Some((slot, id)) = self.world.take_despawned() {
            if self.peers.has_any(Encoding::Plain) {
                self.plain.on_gone(self.report.tick, id);
            }
            self.compact.on_gone(self.report.tick, slot);
        }
        self.remove_as_told();
    }

    /// Those go whom hooks have removed, one after the other: whoever hears of the leaving of one may remove the next, and
    /// however many that are, they do not go within one another.
    fn remove_as_told(&mut self) {
        if std::mem::replace(&mut self.rules.is_removing, true) {
            return;
        }
        while let Some((client_id, reason)) = self.rules.effects.removed.pop_front() {
            let key = self.peers.by_client(client_id);
            if let Some(mut peer) = key.and_then(|key| self.remove(key, Departure::Removed(reason))) {
                self.report.totals.removed += 1;
                say_closed(&mut self.outbox, &mut peer, ClosedReason::Removed(reason));
            }
        }
        self.rules.is_removing = false;
    }

    fn on_relocated(&mut self, client_id: u32) {
        let Some(player) = self.world.find(client_id) else { return };
        if let Some(slot) = self.world.slot_of(client_id)
            && let Some(memory) = &mut self.memory
        {
            memory.mark(self.now, slot);
        }
        let key = self.peers.by_client(client_id);
        if let Some(peer) = key.and_then(|key| self.peers.get_mut(key)) {
            peer.correction.put(player.at);
        }
    }

    fn on_panic(&mut self, about: About, panic: &(dyn Any + Send)) {
        self.report.totals.hook_panics += 1;
        let is_due = |logged: Instant| self.now.saturating_duration_since(logged) >= PANIC_LOG_PERIOD;
        if self.rules.logged.is_none_or(is_due) {
            self.rules.logged = Some(self.now);
            let (About { hook, player }, total) = (about, self.report.totals.hook_panics);
            error!(hook, player, total, panic = in_words(panic), "a hook of the game has panicked");
        }
    }
}

fn in_words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}
