//! What is true?
//!
//! The players, the entities of the server's own, where they stand, and where one may stand. Deterministic: the same
//! calls in the same order make the same world. No clock, no socket, no thread, no global randomness.

mod entities;
mod space;

use std::collections::HashMap;

use entities::Numbers;
pub use space::NearOrder;

use crate::secret::{HashState, Secret};
use crate::wire::{Bounds, Player, Position};

/// A player's, or an entity's, place in the world's table. It stays the same while it is in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayerSlot(pub u32);

impl PlayerSlot {
    /// As an index of a table with a row for every slot.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A move to a place that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the place is outside the world")]
pub struct OutsideWorld;

#[derive(Clone, Copy, Debug)]
enum Row {
    Vacant,
    /// Known, but not yet standing anywhere: nobody sees it.
    Waiting {
        client_id: u32,
    },
    Standing(Player),
}

/// All players and entities, which stand in one table: whoever is told of the one is told of the other.
///
/// - Players: [`World::admit`], [`World::place`] and [`World::remove`].
/// - Entities: [`World::spawn`], [`World::place`] and [`World::despawn`]; then [`World::take_despawned`] until there are
///   none, before the next tick is told.
/// - Where one may stand: [`World::bounds`], [`World::set_bounds`]. Nobody ever stands outside.
/// - To look: [`World::player`], [`World::find`], [`World::standing`].
#[derive(Debug)]
pub struct World {
    bounds: Bounds,
    rows: Vec<Row>,
    vacant: Vec<PlayerSlot>,
    by_client: HashMap<u32, PlayerSlot, HashState>,
    standing: usize,
    entities: usize,
    numbers: Numbers,
    /// Entities that have gone, whose slots are not vacant yet.
    despawned: Vec<(PlayerSlot, u32)>,
}

impl World {
    /// An empty world. The secret keys the index over client ids, which strangers choose.
    pub fn new(bounds: Bounds, secret: &Secret) -> Self {
        let by_client = HashMap::with_hasher(secret.derive("players").hash_state());
        Self {
            bounds,
            rows: Vec::new(),
            vacant: Vec::new(),
            by_client,
            standing: 0,
            entities: 0,
            numbers: Numbers::default(),
            despawned: Vec::new(),
        }
    }

    /// Makes a player known. Nobody sees it until it is placed. A client id that is known keeps its slot.
    pub fn admit(&mut self, client_id: u32) -> PlayerSlot {
        if let Some(&slot) = self.by_client.get(&client_id) {
            return slot;
        }
        let row = Row::Waiting { client_id };
        self.put(client_id, row)
    }

    /// Finds a row for who is not in the table.
    fn put(&mut self, client_id: u32, row: Row) -> PlayerSlot {
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.rows[slot.index()] = row;
                slot
            }
            None => {
                self.rows.push(row);
                PlayerSlot(self.rows.len() as u32 - 1)
            }
        };
        self.by_client.insert(client_id, slot);
        slot
    }

    /// Puts a player somewhere; from its first time on it is seen. True if that changes anything. Where that is no place,
    /// the player stays where it is.
    #[inline]
    pub fn place(&mut self, slot: PlayerSlot, at: Position, state: u32) -> Result<bool, OutsideWorld> {
        if !self.bounds.contains(at) {
            return Err(OutsideWorld);
        }
        let row = &mut self.rows[slot.index()];
        match row {
            Row::Standing(player) => {
                let is_new = (player.at, player.state) != (at, state);
                (player.at, player.state) = (at, state);
                return Ok(is_new);
            }
            Row::Waiting { client_id } => {
                *row = Row::Standing(Player { client_id: *client_id, at, state });
                self.standing += 1;
            }
            Row::Vacant => return Ok(false),
        }
        Ok(true)
    }

    /// Forgets a player. True if it had been seen.
    pub fn remove(&mut self, slot: PlayerSlot) -> bool {
        let row = std::mem::replace(&mut self.rows[slot.index()], Row::Vacant);
        let client_id = match row {
            Row::Vacant => return false,
            Row::Waiting { client_id } => client_id,
            Row::Standing(player) => player.client_id,
        };
        self.by_client.remove(&client_id);
        self.vacant.push(slot);
        let seen = matches!(row, Row::Standing(_));
        self.standing -= usize::from(seen);
        seen
    }

    /// The player, or entity, at `slot`, if it stands somewhere.
    pub fn player(&self, slot: PlayerSlot) -> Option<Player> {
        match self.rows.get(slot.index())? {
            Row::Standing(player) => Some(*player),
            _ => None,
        }
    }

    /// The player, or entity, known by `client_id`, if it stands somewhere.
    pub fn find(&self, client_id: u32) -> Option<Player> {
        self.player(*self.by_client.get(&client_id)?)
    }

    /// The slot of the player known by `client_id`, wherever it is.
    pub fn slot_of(&self, client_id: u32) -> Option<PlayerSlot> {
        self.by_client.get(&client_id).copied()
    }

    /// Every player and entity that stands somewhere, in the order of the slots.
    pub fn standing(&self) -> impl Iterator<Item = (PlayerSlot, Player)> {
        self.rows.iter().enumerate().filter_map(|(index, row)| match row {
            Row::Standing(player) => Some((PlayerSlot(index as u32), *player)),
            _ => None,
        })
    }

    /// How many players and entities stand somewhere.
    pub fn standing_count(&self) -> usize {
        self.standing
    }

    /// How many of them are entities.
    pub fn entity_count(&self) -> usize {
        self.entities
    }

    /// One more than the highest slot ever given away: how long a table with a row for every slot must be.
    pub fn slots(&self) -> usize {
        self.rows.len()
    }

    /// Where one may stand.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        let bounds = Bounds { min: Position { x: -10, y: -10 }, max: Position { x: 10, y: 10 } };
        World::new(bounds, &Secret::from_seed(1))
    }

    #[test]
    fn a_player_is_seen_from_its_first_place_on() {
        let mut world = world();
        let slot = world.admit(7);
        assert_eq!((world.standing_count(), world.find(7)), (0, None));
        world.place(slot, Position { x: 3, y: -4 }, 9).expect("inside");
        assert_eq!(world.find(7), Some(Player { client_id: 7, at: Position { x: 3, y: -4 }, state: 9 }));
        assert!(world.remove(slot));
        assert_eq!((world.standing_count(), world.find(7)), (0, None));
        assert!(!world.remove(slot));
    }

    #[test]
    fn a_place_outside_the_world_changes_nothing() {
        let mut world = world();
        let slot = world.admit(7);
        world.place(slot, Position { x: 10, y: 10 }, 1).expect("the corner belongs to the world");
        assert_eq!(world.place(slot, Position { x: 11, y: 0 }, 2), Err(OutsideWorld));
        assert_eq!(world.place(slot, Position { x: i32::MIN, y: i32::MAX }, 2), Err(OutsideWorld));
        assert_eq!(world.find(7).map(|p| (p.at.x, p.state)), Some((10, 1)));
    }

    #[test]
    fn a_slot_is_given_away_again_after_its_player_has_gone() {
        let mut world = world();
        let first = world.admit(1);
        assert_eq!(world.admit(1), first);
        world.remove(first);
        assert_eq!((world.admit(2), world.slots()), (first, 1));
    }
}
