//! How far a player may move: no farther than its time allows, counted in ticks, so that a replay judges alike.

use std::collections::{BTreeMap, VecDeque};

use crate::config::TickRate;
use crate::game::Step;
use crate::wire::{Position, Tick};
use crate::world::PlayerSlot;

/// What a player has not walked is its own for a second: a network brings moves late and together, and loses some. At slow
/// tick rates for so many ticks: two moves may arrive in one.
const SAVED_TICKS_MIN: f64 = 2.0;
/// More than is lost where a period is a whole number of nanoseconds, and sums are rounded.
const ROUNDING: f64 = 1.0 + 1e-6;

/// A token bucket for each player, in units of the world.
///
/// Distances are of `f64`, whose sums and roots are the same on every machine.
#[derive(Debug)]
pub(super) struct SpeedLimit {
    units_per_tick: f64,
    saved_max: f64,
    /// By the player's row in the world.
    purses: Vec<Purse>,
    /// Those of players who have gone, until they are full: whoever comes back has saved nothing by that.
    left: BTreeMap<u32, Purse>,
    /// Who left when, oldest first.
    leaving: VecDeque<(Tick, u32)>,
}

/// How far one player may move at once.
#[derive(Clone, Copy, Debug)]
struct Purse {
    /// Whose it is. A row of the world gets another player when the one before has gone.
    player: u32,
    units: f64,
    counted: Tick,
}

impl Purse {
    /// No client has this id: it is one of the server's own.
    const NOBODYS: Purse = Purse { player: u32::MAX, units: 0.0, counted: Tick(0) };
}

impl SpeedLimit {
    pub(super) fn new(units_per_second: u32, tick_rate: TickRate) -> Self {
        let units_per_second = f64::from(units_per_second);
        let units_per_tick = units_per_second * tick_rate.period().as_secs_f64() * ROUNDING;
        let saved_max = units_per_second.max(units_per_tick * SAVED_TICKS_MIN);
        Self {
            units_per_tick,
            saved_max,
            purses: Vec::new(),
            left: BTreeMap::new(),
            leaving: VecDeque::new(),
        }
    }

    /// A player goes who had this row.
    pub(super) fn on_leave(&mut self, now: Tick, slot: PlayerSlot, player: u32) {
        self.forget_full(now);
        let purse = self.purses.get(slot.index()).filter(|purse| purse.player == player);
        if let Some(purse) = purse {
            self.left.insert(player, *purse);
            self.leaving.push_back((now, player));
        }
    }

    fn forget_full(&mut self, now: Tick) {
        let is_full = |since: Tick| now.since(since) as f64 * self.units_per_tick >= self.saved_max;
        while let Some((_, player)) = self.leaving.pop_front_if(|(since, _)| is_full(*since)) {
            // It may have come back and left again since.
            if self.left.get(&player).is_some_and(|purse| is_full(purse.counted)) {
                self.left.remove(&player);
            }
        }
    }

    /// Whether a player who stands at `from` may take the step now; it has paid for it then.
    pub(super) fn allows(&mut self, now: Tick, step: &Step, from: Position) -> bool {
        let index = step.slot.index();
        if self.purses.get(index).is_none_or(|purse| purse.player != step.player) {
            self.hand_purse(now, index, step.player);
        }
        let purse = &mut self.purses[index];
        // In 32 bits, which are made a float by one instruction.
        let ticks = now.since(purse.counted).min(u32::MAX.into()) as u32;
        let units = (purse.units + f64::from(ticks) * self.units_per_tick).min(self.saved_max);
        let left = units - distance(from, step.to);
        let is_allowed = left >= 0.0;
        (purse.units, purse.counted) = (if is_allowed { left } else { units }, now);
        is_allowed
    }

    /// The row is another player's now: with the purse that it left with, or a full one.
    #[cold]
    fn hand_purse(&mut self, now: Tick, index: usize, player: u32) {
        if index >= self.purses.len() {
            self.purses.resize(index + 1, Purse::NOBODYS);
        }
        let full = Purse { player, units: self.saved_max, counted: now };
        self.purses[index] = self.left.remove(&player).unwrap_or(full);
    }
}

fn distance(from: Position, to: Position) -> f64 {
    let along = |from: i32, to: i32| f64::from(to) - f64::from(from);
    let (x, y) = (along(from.x, to.x), along(from.y, to.y));
    (x * x + y * y).sqrt()
}
