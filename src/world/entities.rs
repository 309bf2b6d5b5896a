//! What the server itself puts into the world, and which numbers it goes by.

use super::{OutsideWorld, PlayerSlot, Row, World};
use crate::config::ENTITIES_MAX;
use crate::wire::{Bounds, ENTITY_NUMBERS, Player, Position, entity_id, kind_of};

/// For each kind, the number that its next entity is tried with. They go around, so that a number is not given away
/// again before a million others were: clients may still remember whose it was.
#[derive(Debug, Default)]
pub(super) struct Numbers(Vec<u32>);

impl Numbers {
    fn next(&mut self, kind: u8) -> u32 {
        if self.0.len() <= usize::from(kind) {
            self.0.resize(usize::from(kind) + 1, 0);
        }
        let next = &mut self.0[usize::from(kind)];
        let number = *next;
        *next = (number + 1) % ENTITY_NUMBERS;
        number
    }
}

impl World {
    /// Puts something of that kind, 1 to 255, into the world, and gives the id that it is known by from then on. `None`
    /// where that is no place or no kind, or where [`ENTITIES_MAX`] are there already.
    pub fn spawn(&mut self, kind: u8, at: Position, state: u32) -> Option<u32> {
        if kind == 0 || self.entities >= ENTITIES_MAX || !self.bounds.contains(at) {
            return None;
        }
        let mut id = entity_id(kind, self.numbers.next(kind));
        // Ends: there are far more numbers than entities.
        while self.by_client.contains_key(&id) {
            id = entity_id(kind, self.numbers.next(kind));
        }
        self.put(id, Row::Standing(Player { client_id: id, at, state }));
        self.standing += 1;
        self.entities += 1;
        Some(id)
    }

    /// Takes an entity out of the world. False if there is none with that id. Its slot is given away again only after
    /// [`World::take_despawned`] has said that it is gone.
    pub fn despawn(&mut self, id: u32) -> bool {
        let Some(slot) = self.slot_of(id).filter(|_| kind_of(id) != 0) else { return false };
        self.rows[slot.index()] = Row::Vacant;
        self.by_client.remove(&id);
        self.standing -= 1;
        self.entities -= 1;
        self.despawned.push((slot, id));
        true
    }

    /// Whether [`World::take_despawned`] has something to tell.
    pub fn has_despawned(&self) -> bool {
        !self.despawned.is_empty()
    }

    /// An entity that has gone and was not told of here before, and the slot that it had, which is vacant from now on.
    pub fn take_despawned(&mut self) -> Option<(PlayerSlot, u32)> {
        let (slot, id) = self.despawned.pop()?;
        self.vacant.push(slot);
        Some((slot, id))
    }

    /// From now on one may stand within `bounds` only. Whoever stands outside is put to the nearest place within, and
    /// told to `moved`. An error, and nothing has changed, if there is no place in them.
    pub fn set_bounds(&mut self, bounds: Bounds, mut moved: impl FnMut(Player)) -> Result<(), OutsideWorld> {
        if !bounds.contains(bounds.min) || !bounds.contains(bounds.max) {
            return Err(OutsideWorld);
        }
        self.bounds = bounds;
        for row in &mut self.rows {
            if let Row::Standing(player) = row
                && !bounds.contains(player.at)
            {
                player.at = bounds.nearest(player.at);
                moved(*player);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const HERE: Position = Position { x: 1, y: 2 };

    fn world() -> World {
        World::new(Bounds::ALL, &Secret::from_seed(1))
    }

    #[test]
    fn an_entity_stands_beside_players_until_it_is_taken_out() {
        let mut world = world();
        let id = world.spawn(3, HERE, 7).expect("a place");
        assert_eq!((kind_of(id), world.standing_count(), world.entity_count()), (3, 1, 1));
        assert_eq!(world.find(id), Some(Player { client_id: id, at: HERE, state: 7 }));
        assert!(world.despawn(id) && !world.despawn(id));
        assert_eq!((world.find(id), world.standing_count(), world.entity_count()), (None, 0, 0));
        let player = world.admit(5);
        assert_eq!(player, PlayerSlot(1), "until it is told of, its slot is nobody's");
        assert_eq!(world.take_despawned(), Some((PlayerSlot(0), id)));
        assert_eq!((world.take_despawned(), world.admit(6)), (None, PlayerSlot(0)));
        assert!(!world.despawn(5), "a player is no entity");
    }

    #[test]
    fn a_number_is_not_given_away_again_before_all_others_were() {
        let mut world = world();
        let kept = world.spawn(1, HERE, 0).expect("a place");
        let mut ids = std::collections::HashSet::from([kept]);
        for _ in 1..ENTITY_NUMBERS {
            let id = world.spawn(1, HERE, 0).expect("a place");
            assert!(ids.insert(id) && world.despawn(id), "{id:#x}");
            world.take_despawned();
        }
        let again = world.spawn(1, HERE, 0).expect("a place");
        assert_eq!(again, kept + 1, "who is there keeps its number");
        assert_eq!(world.spawn(2, HERE, 0), Some(entity_id(2, 0)), "each kind has numbers of its own");
    }

    #[test]
    fn there_are_only_so_many_and_only_where_there_is_a_place() {
        let mut world = world();
        world.set_bounds(Bounds { min: HERE, max: HERE }, |_| {}).expect("a place");
        assert_eq!((world.spawn(0, HERE, 0), world.spawn(1, Position::default(), 0)), (None, None));
        (0..ENTITIES_MAX).for_each(|_| assert!(world.spawn(1, HERE, 0).is_some()));
        assert_eq!(world.spawn(1, HERE, 0), None);
    }

    #[test]
    fn whoever_stands_outside_of_new_bounds_is_put_inside() {
        let mut world = world();
        let (inside, outside) = (world.admit(1), world.admit(2));
        world.place(inside, HERE, 0).expect("a place");
        world.place(outside, Position { x: -90, y: 5 }, 0).expect("a place");
        world.admit(3);
        let bounds = Bounds { min: Position { x: -10, y: -10 }, max: Position { x: 10, y: 10 } };
        let mut moved = Vec::new();
        world.set_bounds(bounds, |player| moved.push(player.client_id)).expect("bounds");
        assert_eq!((moved, world.find(1).map(|p| p.at)), (vec![2], Some(HERE)));
        assert_eq!(world.find(2).map(|p| p.at), Some(Position { x: -10, y: 5 }));
        let nothing = Bounds { min: bounds.max, max: bounds.min };
        assert_eq!(world.set_bounds(nothing, |_| {}), Err(OutsideWorld));
        assert_eq!(world.bounds(), bounds);
    }
}
