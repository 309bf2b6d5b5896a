//! The game of the binary: whoever joins stands where it is remembered, or at a spawn if there is one, and moves within
//! the bounds and the walls of the level, if there is one, no faster than the speed limit, if there is one, and chased by
//! enemies, if there are any. What players do is counted, and told to them; see docs/PROFILES.md. They are told which level
//! is played, too: see docs/MESSAGES.md.
//!
//! An operator orders `level FILE`, which loads another level, and `level`, which says what is played and what came of the
//! last order, and `leaderboard`, which says who leads.

mod enemies;
mod fame;
mod levels;
mod news;
mod speed;
pub mod words;

pub use enemies::ENEMY;
pub use levels::LoadError;

use std::path::Path;
use std::sync::Arc;

use super::{Admission, Departure, Game, Joining, REFUSED, Realm, Step, Verdict};
use crate::config::Config;
use crate::level::Level;
use crate::profiles::Profile;
use crate::work::Done;
use enemies::Enemies;
use fame::Fame;
use levels::Levels;
use news::News;
use speed::SpeedLimit;
use words::Said;

/// See the module.
///
/// A game on top has one of these, and hands on to it every hook that it does not answer itself. Whom it does not let in it
/// refuses before it asks [`Game::on_join`] of this one. If that has let somebody in whom the game on top refuses after all, it calls
/// [`Game::on_leave`] of this one itself: nobody else does for one that never played, and the id would stay in the tables here.
#[derive(Debug)]
pub struct Standard {
    speed_limit: Option<SpeedLimit>,
    levels: Levels,
    news: News,
    enemies: Enemies,
    fame: Fame,
}

impl Standard {
    /// The game that `config` describes, which must have been checked.
    pub fn new(config: &Config) -> Self {
        Self {
            speed_limit: config.speed_limit.map(|speed| SpeedLimit::new(speed, config.tick_rate)),
            levels: Levels::new(config.level.clone(), config.spawn),
            news: News::new(config),
            enemies: Enemies::new(config.enemies),
            fame: Fame::new(config),
        }
    }

    /// The same with enemies that chase and catch nobody: what happens where they meet players, a game on top says.
    #[must_use]
    pub fn without_catches(mut self) -> Self {
        self.enemies.be_harmless();
        self
    }

    /// The same with exits that lead nowhere: which level is played, a game on top says.
    #[must_use]
    pub fn without_exits(mut self) -> Self {
        self.levels.close_exits();
        self
    }

    /// Starts to load another level, beside the tick, and plays it as soon as it is there: [`Standard::level`] is another then,
    /// and everyone is told. One that is broken, or missing, changes nothing; [`Standard::level_failed`] and the log say why.
    ///
    /// # Errors
    /// If another is being loaded, or too much work is in flight.
    pub fn load_level(&mut self, realm: &mut Realm<'_>, file: &Path) -> Result<(), LoadError> {
        self.levels.go_to(realm, file.to_owned())
    }

    /// How often enemies have caught a player since it joined.
    pub fn catches(&self, player: u32) -> u64 {
        self.enemies.catches(player)
    }

    /// The level that is played, if there is one.
    pub fn level(&self) -> Option<&Arc<Level>> {
        self.levels.level()
    }

    /// Why the last level that was asked for is not played. `None` if it is, or is being loaded.
    pub fn level_failed(&self) -> Option<&str> {
        self.levels.failed()
    }

    /// Sends an enemy off: it goes on from somewhere else. False if it is none of these.
    pub fn send_off(&mut self, realm: &mut Realm<'_>, enemy: u32) -> bool {
        self.enemies.send_off(realm, &self.levels, enemy)
    }

    /// On its own: where there is no level, a move pays for no more than the question.
    #[inline(never)]
    fn judge_in_level(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        let verdict = self.levels.judge(step);
        if verdict == Verdict::Accept {
            self.levels.on_step(realm, step);
        }
        verdict
    }

    /// Another level is played: its bounds, and everyone stands somewhere in it.
    fn switch(&mut self, realm: &mut Realm<'_>) {
        let Some(level) = self.levels.level() else { return };
        realm.set_bounds(level.bounds());
        for player in self.news.players() {
            if let Some(at) = self.levels.appear() {
                realm.relocate(player, at);
            }
        }
        self.news.on_level();
        self.enemies.on_level(realm, &self.levels);
    }
}

impl Game for Standard {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        let is_place = |at| realm.bounds().contains(at) && self.levels.is_free(at);
        let back = joining.remembered.map(|player| player.at).filter(|at| is_place(*at));
        let spawn = if back.is_none() { self.levels.appear() } else { None };
        self.fame.on_join(realm, joining.player, back.or(spawn), back.is_some());
        self.news.on_join(joining.player, self.levels.level().map(Arc::as_ref));
        spawn.map_or(Admission::Waits, |spawn| Admission::Placed(spawn, 0))
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        if let Some(limit) = &mut self.speed_limit
            && let Some(from) = step.from
            && !limit.allows(realm.tick(), step, from)
        {
            return Verdict::Correct(from);
        }
        let verdict = match self.levels.level() {
            None => Verdict::Accept,
            Some(_) => self.judge_in_level(realm, step),
        };
        if verdict == Verdict::Accept {
            self.fame.on_step(step);
        }
        verdict
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        match Said::read(message) {
            Some(Said::Level) => self.news.on_asked(player),
            Some(said) => self.fame.on_said(realm, player, said),
            // Not of this page.
            None => {}
        }
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        let Self { levels, news, enemies, fame, .. } = self;
        enemies.on_tick(realm, levels);
        while let Some(player) = enemies.next_caught() {
            fame.on_caught(player);
            if let Some(at) = levels.appear() {
                realm.relocate(player, at);
            }
        }
        news.on_tick(realm, levels.level().map(Arc::as_ref));
        fame.on_tick(realm);
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, _why: Departure) {
        if let Some(limit) = &mut self.speed_limit
            && let Some(slot) = realm.slot_of(player)
        {
            limit.on_leave(realm.tick(), slot, player);
        }
        self.news.on_leave(player);
        self.enemies.on_leave(player);
        self.fame.on_leave(realm, player);
    }

    fn on_recall(&mut self, realm: &mut Realm<'_>, profiles: Vec<Profile>, run: u64) {
        self.fame.recall(realm, profiles, run);
    }

    fn keep(
        &mut self,
        realm: &mut Realm<'_>,
        is_last: bool,
        profiles: &mut Vec<Profile>,
        forgotten: &mut Vec<u32>,
    ) {
        self.fame.keep(realm, is_last, profiles, forgotten);
    }

    fn on_stop(&mut self, realm: &mut Realm<'_>) -> bool {
        self.fame.on_stop(realm)
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        let is_free = |at| self.levels.is_free(at);
        let Err(done) = self.fame.on_done(realm, done, is_free) else { return };
        let Some(done) = self.enemies.on_done(realm, done) else { return };
        if let Ok(true) = self.levels.on_done(realm.tick(), done) {
            self.switch(realm);
        }
    }

    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        match order.trim().split_once(' ') {
            Some(("level", file)) => self.levels.on_order(realm, file.trim().into()),
            None if order.trim() == "level" => self.levels.state(),
            None if order.trim() == "leaderboard" => self.fame.board_in_words(realm),
            _ => format!("{REFUSED}unknown order"),
        }
    }
}
