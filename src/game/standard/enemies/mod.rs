//! Enemies: each chases the nearest player, on a way around the walls.
//!
//! Where to go is thought out beside the tick, for all of them at once, and one thought at a time. They walk in every tick,
//! by the last plan that they have, however long the next one takes, and also if it has nothing for them; so a slow thought
//! makes enemies dull, and nothing late. An enemy that comes within [`REACH`] of the player that it chases has caught it: that is counted, and the player
//! starts anew where players appear, and is safe for a while; unless a game on top has another use for enemies.

mod field;
#[cfg(test)]
mod tests;
mod think;
mod way;

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::warn;

use super::levels::Levels;
use crate::game::Realm;
use crate::level::Level;
use crate::wire::{Position, Tick};
use crate::work::{Done, Work, WorkId};
use think::{Chaser, Plan, Question, TILES_PER_THOUGHT_MAX, think};
use way::Walk;

/// The kind that enemies are of, among the entities.
pub const ENEMY: u8 = 1;

/// How fast they walk, in units a second: slower than a player who runs.
const SPEED: u64 = 120;
/// How near, in units, they catch a player.
const REACH: u64 = 12;
/// How long a player who has been caught cannot be caught again.
const SAFE: Duration = Duration::from_secs(3);
/// How long they go by one plan at the least: players do not get far meanwhile.
const PLAN_TIME: Duration = Duration::from_millis(250);
/// How long a thought is waited for. Then the next one begins.
const THOUGHT_TIME_MAX: Duration = Duration::from_secs(10);
/// Plans that are taken over in a tick: for each up to three ways are looked at, some 100 us together.
const TAKEN_OVER_MAX: usize = 256;
/// Places of a new way that an enemy may join it at: the first, or one soon after.
const JOIN_AT_MAX: usize = 3;

/// All enemies, and whom they caught.
///
/// [`Enemies::on_tick`] once a tick, and then [`Enemies::next_caught`] until there are no more; [`Enemies::on_done`] with what came of work; [`Enemies::on_level`] when all is
/// elsewhere; [`Enemies::on_leave`] when a player goes.
#[derive(Debug, Default)]
pub(super) struct Enemies {
    wanted: usize,
    /// They chase, and catch nobody.
    are_harmless: bool,
    all: Vec<Enemy>,
    catches: BTreeMap<u32, Catches>,
    /// Who has just been caught.
    caught: Vec<u32>,
    last_tick: Tick,
    /// The thought that is waited for.
    thinking: Option<WorkId>,
    /// When the next one may begin.
    next_thought: Tick,
    /// What was thought out and is to be taken over, from `taken_over` on.
    plans: Vec<Option<Plan>>,
    taken_over: usize,
}

#[derive(Debug)]
struct Enemy {
    id: u32,
    walk: Walk,
    target: Option<u32>,
}

impl Enemy {
    /// Somewhere, with no plan.
    fn begin_anew(&mut self, realm: &mut Realm<'_>, levels: &Levels) {
        let at = levels.somewhere(realm);
        realm.place(self.id, at, 0);
        (self.walk, self.target) = (Walk::new(at, Vec::new()), None);
    }

    fn chaser(&self) -> Chaser {
        Chaser { at: self.walk.at(), is_idle: self.walk.is_over() }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Catches {
    count: u64,
    safe_until: Tick,
}

impl Enemies {
    /// So many enemies, which appear with the first tick.
    pub(super) fn new(count: usize) -> Self {
        Self { wanted: count, ..Self::default() }
    }

    /// From now on they catch nobody.
    pub(super) fn be_harmless(&mut self) {
        self.are_harmless = true;
    }

    /// How often a player was caught since it joined.
    pub(super) fn catches(&self, player: u32) -> u64 {
        self.catches.get(&player).map_or(0, |catches| catches.count)
    }

    /// Somebody who was caught in this tick.
    pub(super) fn next_caught(&mut self) -> Option<u32> {
        self.caught.pop()
    }

    /// Walks, catches, and thinks if it is time to.
    pub(super) fn on_tick(&mut self, realm: &mut Realm<'_>, levels: &Levels) {
        self.appear(realm, levels);
        self.take_over(levels.level().map(AsRef::as_ref));
        let units = self.units_to_go(realm);
        for index in 0..self.all.len() {
            let at = self.walk(realm, levels, index, units);
            let caught = self.caught_at(realm, at, index);
            self.caught.extend(caught);
        }
        self.start_thinking(realm, levels);
    }

    /// What came of work, if it is a thought of theirs; else it is given back.
    pub(super) fn on_done(&mut self, realm: &Realm<'_>, done: Done) -> Option<Done> {
        if self.thinking != Some(done.id) {
            return Some(done);
        }
        self.thinking = None;
        self.next_thought = self.next_thought.max(realm.tick());
        match done.answer::<Vec<Option<Plan>>>() {
            Ok(Ok(plans)) => (self.plans, self.taken_over) = (plans, 0),
            Ok(Err(failure)) => warn!(%failure, "the enemies go by their old plans"),
            Err(done) => return Some(done),
        }
        None
    }

    /// Everything is elsewhere: they too, and what they had planned or are thinking about is nothing.
    pub(super) fn on_level(&mut self, realm: &mut Realm<'_>, levels: &Levels) {
        if let Some(thought) = self.thinking.take() {
            realm.cancel(thought);
        }
        self.next_thought = realm.tick();
        self.plans.clear();
        self.all.iter_mut().for_each(|enemy| enemy.begin_anew(realm, levels));
    }

    /// One is elsewhere, and goes on from there. False if there is none with that id.
    pub(super) fn send_off(&mut self, realm: &mut Realm<'_>, levels: &Levels, id: u32) -> bool {
        let found = self.all.iter_mut().find(|enemy| enemy.id == id);
        found.map(|enemy| enemy.begin_anew(realm, levels)).is_some()
    }

    /// A player has gone, and so has the count of its catches.
    pub(super) fn on_leave(&mut self, player: u32) {
        self.catches.remove(&player);
    }

    fn appear(&mut self, realm: &mut Realm<'_>, levels: &Levels) {
        for _ in self.all.len()..self.wanted {
            let at = levels.somewhere(realm);
            match realm.spawn(ENEMY, at, 0) {
                Some(id) => self.all.push(Enemy { id, walk: Walk::new(at, Vec::new()), target: None }),
                None => {
                    warn!(enemies = self.all.len(), "there is no place for more enemies");
                    self.wanted = self.all.len();
                    break;
                }
            }
        }
    }

    /// How far they walk in this tick: what time has gone by in the game since the last, up to a second.
    fn units_to_go(&mut self, realm: &Realm<'_>) -> u64 {
        let period_ns = realm.tick_rate().period().as_nanos();
        let walked = |tick: Tick| u128::from(tick.0) * period_ns * u128::from(SPEED) / 1_000_000_000;
        let units = walked(realm.tick()).saturating_sub(walked(self.last_tick));
        self.last_tick = realm.tick();
        units.min(SPEED.into()) as u64
    }

    /// Walks on, and says where the enemy is. Where a way leads exactly through the corner of a wall, it waits for the
    /// next tick, lest it is seen in the wall.
    fn walk(&mut self, realm: &mut Realm<'_>, levels: &Levels, index: usize, units: u64) -> Position {
        let enemy = &mut self.all[index];
        let before = enemy.walk.at();
        let at = enemy.walk.go(units);
        if at != before && !levels.level().is_some_and(|level| level.is_wall(at)) {
            realm.place(enemy.id, at, 0);
        }
        at
    }

    /// The player that the enemy has caught.
    fn caught_at(&mut self, realm: &Realm<'_>, at: Position, index: usize) -> Option<u32> {
        let enemy = &mut self.all[index];
        let target = enemy.target?;
        let Some(player) = realm.player(target) else {
            enemy.target = None;
            return None;
        };
        if self.are_harmless || player.at.distance_squared(at) > REACH * REACH {
            return None;
        }
        let catches = self.catches.entry(target).or_default();
        if realm.tick() < catches.safe_until {
            return None;
        }
        enemy.target = None;
        enemy.walk = Walk::new(at, Vec::new());
        catches.count += 1;
        catches.safe_until = after(realm, SAFE);
        Some(target)
    }

    fn start_thinking(&mut self, realm: &mut Realm<'_>, levels: &Levels) {
        let is_time = realm.tick() >= self.next_thought && self.taken_over >= self.plans.len();
        if self.thinking.is_some() || !is_time || self.all.is_empty() {
            return;
        }
        self.next_thought = after(realm, PLAN_TIME);
        let players: Vec<_> = realm.players().collect();
        if players.is_empty() {
            return;
        }
        let question = Question {
            level: levels.level().cloned(),
            enemies: self.all.iter().map(Enemy::chaser).collect(),
            players,
            tiles: TILES_PER_THOUGHT_MAX,
            seed: realm.random(),
        };
        // Where so much is in flight that there is no place for a thought, there is one more question later.
        self.thinking =
            realm.start(None, THOUGHT_TIME_MAX, Work::thread(move |stop| think(&question, stop))).ok();
    }

    /// Takes over the next plans, each where the enemy can join it in a straight line; else it goes on by its old one.
    fn take_over(&mut self, level: Option<&Level>) {
        let end = self.plans.len().min(self.taken_over + TAKEN_OVER_MAX).min(self.all.len());
        for index in self.taken_over..end {
            let Some(plan) = self.plans[index].take() else { continue };
            let enemy = &mut self.all[index];
            let at = enemy.walk.at();
            if let Some(ahead) = joined(level, at, plan.ahead) {
                (enemy.walk, enemy.target) = (Walk::new(at, ahead), Some(plan.target));
            }
        }
        self.taken_over = end;
        if end >= self.all.len() {
            self.plans.clear();
            self.taken_over = 0;
        }
    }
}

/// The rest of a way from the farthest of its first places that can be gone to straight away.
fn joined(level: Option<&Level>, at: Position, mut ahead: Vec<Position>) -> Option<Vec<Position>> {
    let is_free = |to: Position| level.is_none_or(|level| level.first_wall_on(at, to).is_none());
    let nearest = ahead.len().saturating_sub(JOIN_AT_MAX);
    let join_at = (nearest..ahead.len()).find(|index| is_free(ahead[*index]))?;
    ahead.truncate(join_at + 1);
    Some(ahead)
}

/// The first tick after so long.
fn after(realm: &Realm<'_>, time: Duration) -> Tick {
    Tick(realm.tick().0 + realm.tick_rate().ticks_in(time).max(1))
}
