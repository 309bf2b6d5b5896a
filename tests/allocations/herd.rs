//! A game with entities that walk.

use tickcast::game::{Game, Realm, Step, Verdict};
use tickcast::wire::Position;

/// So many entities, spread over the area of the reference walk, each five units farther in every tick, to and fro.
#[derive(Debug)]
pub(crate) struct Herd {
    size: usize,
    ids: Vec<u32>,
}

impl Herd {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, ids: Vec::with_capacity(size) }
    }
}

impl Game for Herd {
    fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
        Verdict::Accept
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        while self.ids.len() < self.size {
            let drawn = realm.random();
            let at = Position { x: (drawn & 0x3fff) as i32, y: (drawn >> 32 & 0x3fff) as i32 };
            self.ids.extend(realm.spawn(1, at, 0));
        }
        let along = if (realm.tick().0 / 64).is_multiple_of(2) { 5 } else { -5 };
        for &id in &self.ids {
            if let Some(entity) = realm.entity(id) {
                realm.place(id, Position { x: entity.at.x + along, ..entity.at }, entity.state);
            }
        }
    }
}
