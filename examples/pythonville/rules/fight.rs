//! Monsters attack: who is hit, who hits back, who dies, who heals.
//!
//! Lesson, the first example and the picture: players and monsters act in the same ticks, and none waits for the other's
//! turn. No clock and no I/O; ticks are arguments.

use std::collections::BTreeMap;

use tickcast::wire::Tick;

/// The health of who is well.
pub(crate) const HEALTH: u8 = 10;
/// The health of a monster.
const MONSTER_HEALTH: u8 = 3;
/// What a bite costs.
const BITE: u8 = 1;
/// A monster's blow is followed by a rest of so many milliseconds, so that there is time to run; so is a player's.
const BLOW_MS: u64 = 800;
const STRIKE_MS: u64 = 250;
/// Who is not hit for so long heals by one, and again.
const HEAL_MS: u64 = 4_000;

/// What a blow has done to a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    Hurt(u8),
    Died,
}

#[derive(Clone, Copy, Debug)]
struct Fighter {
    health: u8,
    /// When it may be hit again.
    safe_until: Tick,
    heals_at: Tick,
    /// When it may strike again.
    ready_at: Tick,
}

/// The health of everyone who is here.
#[derive(Debug)]
pub(crate) struct Fights {
    ticks_per_second: f64,
    players: BTreeMap<u32, Fighter>,
    /// Monsters that have been hit.
    wounded: BTreeMap<u32, u8>,
}

impl Fights {
    pub(crate) fn new(ticks_per_second: f64) -> Self {
        Self { ticks_per_second, players: BTreeMap::new(), wounded: BTreeMap::new() }
    }

    pub(crate) fn arrive(&mut self, player: u32, now: Tick) {
        let fighter =
            Fighter { health: HEALTH, safe_until: now, heals_at: self.after(now, HEAL_MS), ready_at: now };
        self.players.insert(player, fighter);
    }

    pub(crate) fn leave(&mut self, player: u32) {
        self.players.remove(&player);
    }

    /// 0 for who is not here.
    pub(crate) fn health(&self, player: u32) -> u8 {
        self.players.get(&player).map_or(0, |fighter| fighter.health)
    }

    /// A monster has a player within its reach. `None` where the player has just been hit.
    pub(crate) fn bite(&mut self, player: u32, now: Tick) -> Option<Blow> {
        let (safe_until, heals_at) = (self.after(now, BLOW_MS), self.after(now, HEAL_MS));
        let fighter = self.players.get_mut(&player).filter(|fighter| fighter.safe_until <= now)?;
        (fighter.safe_until, fighter.heals_at) = (safe_until, heals_at);
        fighter.health = fighter.health.saturating_sub(BITE);
        if fighter.health == 0 {
            fighter.health = HEALTH;
            return Some(Blow::Died);
        }
        Some(Blow::Hurt(fighter.health))
    }

    /// Whether a player may strike now; then not again for a while.
    pub(crate) fn strikes(&mut self, player: u32, now: Tick) -> bool {
        let ready_at = self.after(now, STRIKE_MS);
        let Some(fighter) = self.players.get_mut(&player).filter(|fighter| fighter.ready_at <= now) else {
            return false;
        };
        fighter.ready_at = ready_at;
        true
    }

    /// A monster is hit. True if that was its end.
    pub(crate) fn hit(&mut self, monster: u32) -> bool {
        let health = self.wounded.entry(monster).or_insert(MONSTER_HEALTH);
        *health -= 1;
        let ended = *health == 0;
        if ended {
            self.wounded.remove(&monster);
        }
        ended
    }

    /// Who is better now than a tick ago, and how well.
    pub(crate) fn heal(&mut self, now: Tick) -> Vec<(u32, u8)> {
        let again_at = self.after(now, HEAL_MS);
        let due = self.players.iter_mut().filter(|(_, fighter)| fighter.heals_at <= now);
        let due = due.filter(|(_, fighter)| fighter.health < HEALTH);
        due.map(|(player, fighter)| {
            fighter.health += 1;
            fighter.heals_at = again_at;
            (*player, fighter.health)
        })
        .collect()
    }

    /// At least a tick later.
    fn after(&self, now: Tick, ms: u64) -> Tick {
        Tick(now.0 + ((ms as f64 * self.ticks_per_second / 1_000.0) as u64).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monster_bites_and_rests_until_the_player_dies_and_is_well_again() {
        let mut fights = Fights::new(10.0);
        fights.arrive(7, Tick(1));
        assert_eq!(fights.bite(7, Tick(1)), Some(Blow::Hurt(9)));
        assert_eq!((fights.bite(7, Tick(8)), fights.health(7)), (None, 9));
        for bite in 1..9 {
            assert_eq!(fights.bite(7, Tick(1 + 8 * bite)), Some(Blow::Hurt(9 - bite as u8)));
        }
        assert_eq!((fights.bite(7, Tick(100)), fights.health(7)), (Some(Blow::Died), HEALTH));
        assert_eq!(fights.bite(8, Tick(100)), None, "nobody is there");
    }

    #[test]
    fn time_heals_who_is_not_bitten() {
        let mut fights = Fights::new(10.0);
        fights.arrive(7, Tick(1));
        assert_eq!(fights.heal(Tick(100)), [], "it is well");
        fights.bite(7, Tick(100));
        assert_eq!(fights.heal(Tick(139)), []);
        assert_eq!([140, 141, 180].map(|tick| fights.heal(Tick(tick)).len()), [1, 0, 0]);
        assert_eq!(fights.health(7), HEALTH);
    }

    #[test]
    fn a_player_strikes_no_faster_than_it_can_and_the_third_hit_ends_a_monster() {
        let mut fights = Fights::new(10.0);
        fights.arrive(7, Tick(1));
        assert_eq!([1, 2, 3].map(|tick| fights.strikes(7, Tick(tick))), [true, false, true]);
        assert_eq!([(); 4].map(|()| fights.hit(1)), [false, false, true, false]);
        assert!(!fights.strikes(8, Tick(1)), "nobody is there");
    }
}
