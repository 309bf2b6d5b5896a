//! Whom to chase, and on which way: thought out beside the tick, for all enemies at once, and pure.

use std::sync::Arc;

use super::field::Field;
use crate::level::{Level, Obstacle};
use crate::wire::{Player, Position};
use crate::work::Stop;

/// How many tiles are looked at in one thought: where somebody cannot be reached at all, a quarter of a second beside other
/// work, on a thread that gives way to everything.
pub(super) const TILES_PER_THOUGHT_MAX: usize = 131_072;
/// How many players are looked at on either side of an enemy for the nearest one: 10,000 enemies look at 10 million, in
/// 50 ms.
pub(super) const PLAYERS_BESIDE_MAX: usize = 512;

/// What is to be thought about.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Where walls are; without a level there are none.
    pub(super) level: Option<Arc<Level>>,
    /// Who asks.
    pub(super) enemies: Vec<Chaser>,
    /// Whom they chase.
    pub(super) players: Vec<Player>,
    /// How many tiles may be looked at, for all together.
    pub(super) tiles: usize,
    /// Draws where those go who know nothing better.
    pub(super) seed: u64,
}

/// An enemy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chaser {
    /// Where it is.
    pub(super) at: Position,
    /// It has come to the end of its plan.
    pub(super) is_idle: bool,
}

/// What an enemy does from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The client id of the player whom it chases.
    pub(super) target: u32,
    /// Where to go, the next place last.
    pub(super) ahead: Vec<Position>,
}

/// A plan for each enemy, in their order; none if there is nobody to chase, and none for anybody once all is to stop.
/// The same question has the same answer.
///
/// Straight on to the nearest player, if no wall is in the way; else around the walls to the one who is nearest on foot, if
/// there is one among so many tiles; else none: the enemy goes on by the plan that it has. Only who has none left goes
/// somewhere, from where more may be found.
pub(super) fn think(question: &Question, stop: &Stop) -> Vec<Option<Plan>> {
    let Question { level, enemies, tiles, seed, .. } = question;
    let players = in_order(&question.players);
    let mut plans = vec![None; enemies.len()];
    let mut hidden = Vec::new();
    for (index, enemy) in enemies.iter().enumerate().take_while(|_| !stop.is_asked()) {
        let Some(Player { client_id: target, at, .. }) = nearest(&players, enemy.at).copied() else { break };
        match level.as_ref().and_then(|level| level.first_wall_on(enemy.at, at)) {
            None => plans[index] = Some(Plan { target, ahead: vec![at] }),
            Some(wall) => hidden.push((index, target, wall)),
        }
    }
    let Some(level) = level else { return plans };
    let wanted = hidden.iter().filter_map(|(index, ..)| level.grid().tile_at(enemies[*index].at));
    let field = Field::new(level, &players, wanted.collect(), *tiles, stop);
    for (index, target, wall) in hidden.into_iter().take_while(|_| !stop.is_asked()) {
        let enemy = enemies[index];
        let drawn = seed.rotate_left(index as u32);
        let anywhere = || Plan { target, ahead: vec![anywhere(level, enemy.at, wall, drawn)] };
        plans[index] = field.plan(enemy.at).or_else(|| enemy.is_idle.then(anywhere));
    }
    plans
}

/// Up to the wall; from there, towards a place that was drawn.
fn anywhere(level: &Level, at: Position, wall: Obstacle, drawn: u64) -> Position {
    let tile = |at| level.grid().tile_at(at);
    if tile(at) != tile(wall.last_free) {
        return wall.last_free;
    }
    let to = level.somewhere(drawn);
    level.first_wall_on(at, to).map_or(to, |wall| wall.last_free)
}

/// As [`nearest`] needs them.
fn in_order(players: &[Player]) -> Vec<Player> {
    let mut players = players.to_vec();
    players.sort_unstable_by_key(|player| (player.at.x, player.at.y, player.client_id));
    players
}

/// The nearest of players in the order of the first axis: on either side those are looked at who, along that axis alone,
/// are nearer than the nearest so far, and no more than [`PLAYERS_BESIDE_MAX`].
pub(super) fn nearest(players: &[Player], at: Position) -> Option<&Player> {
    let middle = players.partition_point(|player| (player.at.x, player.at.y) < (at.x, at.y));
    let (before, behind) = players.split_at(middle);
    let sides: [&mut dyn Iterator<Item = &Player>; 2] = [&mut behind.iter(), &mut before.iter().rev()];
    let mut nearest = None;
    let mut least = u64::MAX;
    for side in sides {
        for player in side.take(PLAYERS_BESIDE_MAX) {
            if nearest.is_some() && u64::from(player.at.x.abs_diff(at.x)).pow(2) >= least {
                break;
            }
            let distance = player.at.distance_squared(at);
            if nearest.is_none() || distance < least {
                (nearest, least) = (Some(player), distance);
            }
        }
    }
    nearest
}
