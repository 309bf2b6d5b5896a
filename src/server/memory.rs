//! Whom the server remembers: those who no longer play, and who among all has changed since it was last asked.
//!
//! Whoever keeps players beyond a crash takes the changes from time to time. Until then they are marks on slots, so
//! that a player who moves a hundred times meanwhile is told once.

use std::time::Instant;

use crate::away::{Away, RESIDENT_AFTER};
use crate::profiles::Profile;
use crate::secret::Secret;
use crate::wire::Player;
use crate::world::{PlayerSlot, World};

/// The most players told at once: a megabyte, copied within a millisecond. What is left is told the next time.
const CHANGES_MAX: usize = 65_536;
/// How many forgotten ids wait to be told. Beyond, they are not: whoever keeps players forgets them at its next start.
const FORGOTTEN_MAX: usize = 65_536;
/// A word of marks.
const WORD_SLOTS: usize = u64::BITS as usize;

/// What has changed of the players. A buffer, to be used again and again.
#[derive(Debug, Default)]
pub struct Changes {
    /// Client ids that are remembered no longer. They come before `players`, who may be the same ones again.
    pub forgotten: Vec<u32>,
    /// Each player that has moved, come or gone, once: where it stands, or stood last.
    pub players: Vec<Player>,
    /// Each player who has done something or is called otherwise, once: all that it has done.
    pub profiles: Vec<Profile>,
    /// Client ids whose profiles are remembered no longer. They come before `profiles`.
    pub forgotten_profiles: Vec<u32>,
    /// When the oldest of these changes was made. `None` without any.
    pub since: Option<Instant>,
}

impl Changes {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.forgotten.is_empty()
            && self.players.is_empty()
            && self.profiles.is_empty()
            && self.forgotten_profiles.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.forgotten.clear();
        self.players.clear();
        self.profiles.clear();
        self.forgotten_profiles.clear();
        self.since = None;
    }
}

/// Players who do not play, and marks on those who do.
///
/// [`Memory::on_come`] when a player comes, [`Memory::mark`] with every change, [`Memory::on_gone`] before one goes;
/// [`Memory::take`] from time to time.
#[derive(Debug)]
pub(super) struct Memory {
    away: Away<Player>,
    /// By slot of the world: since when its player is, or will be, a resident.
    residents_from: Vec<Instant>,
    /// A bit for each slot of the world whose player has changed.
    marks: Vec<u64>,
    /// The word with which the next telling begins.
    next_word: usize,
    forgotten: Vec<u32>,
    since: Option<Instant>,
}

impl Memory {
    /// For at most `limit` players who do not play.
    pub(super) fn new(limit: usize, secret: &Secret) -> Self {
        let away = Away::new(limit, secret.hash_state());
        Self {
            away,
            residents_from: Vec::new(),
            marks: Vec::new(),
            next_word: 0,
            forgotten: Vec::new(),
            since: None,
        }
    }

    /// Remembers players without telling of them: those seen longest ago come first, and are forgotten first.
    pub(super) fn fill(&mut self, players: impl IntoIterator<Item = Player>) {
        for player in players {
            self.away.keep(player, true);
        }
        while self.away.next_changed().is_some() {}
    }

    /// The player of `slot` stands elsewhere, or has come.
    pub(super) fn mark(&mut self, now: Instant, slot: PlayerSlot) {
        let word = slot.index() / WORD_SLOTS;
        if word >= self.marks.len() {
            self.make_room(word);
        }
        self.marks[word] |= 1 << (slot.index() % WORD_SLOTS);
        self.since.get_or_insert(now);
    }

    #[cold]
    fn make_room(&mut self, word: usize) {
        self.marks.resize(word + 1, 0);
    }

    /// The player of `slot` is about to go, who stood somewhere, or nowhere yet.
    pub(super) fn on_gone(&mut self, now: Instant, slot: PlayerSlot, player: Option<Player>) {
        if let Some(word) = self.marks.get_mut(slot.index() / WORD_SLOTS) {
            *word &= !(1 << (slot.index() % WORD_SLOTS));
        }
        let Some(player) = player else { return };
        self.since.get_or_insert(now);
        let is_resident = self.residents_from.get(slot.index()).is_none_or(|from| *from <= now);
        if let Some(forgotten) = self.away.keep(player, is_resident)
            && self.forgotten.len() < FORGOTTEN_MAX
        {
            self.forgotten.push(forgotten);
        }
    }

    /// Where a player stood, who may play again.
    pub(super) fn find(&self, client_id: u32) -> Option<Player> {
        self.away.find(client_id)
    }

    /// A player is about to play at `slot`; where it stood, if it is remembered.
    pub(super) fn on_come(&mut self, now: Instant, slot: PlayerSlot, client_id: u32) -> Option<Player> {
        let remembered = self.away.recall(client_id);
        let is_resident = remembered.is_some_and(|(_, is_resident)| is_resident);
        if slot.index() >= self.residents_from.len() {
            self.residents_from.resize(slot.index() + 1, now);
        }
        self.residents_from[slot.index()] = if is_resident { now } else { now + RESIDENT_AFTER };
        remembered.map(|(player, _)| player)
    }

    /// Since when there is something to take.
    pub(super) fn changed_since(&self) -> Option<Instant> {
        self.since
    }

    /// Moves what has changed to `changes`, which must be empty.
    pub(super) fn take(&mut self, world: &World, changes: &mut Changes) {
        changes.forgotten.append(&mut self.forgotten);
        let players = &mut changes.players;
        while players.len() < CHANGES_MAX
            && let Some(player) = self.away.next_changed()
        {
            players.push(player);
        }
        let is_all = self.take_marked(world, players);
        changes.since = self.since.filter(|_| !changes.is_empty());
        if is_all {
            self.since = None;
        }
    }

    /// Each word once, from where the last telling ended. False if there was no room for all.
    fn take_marked(&mut self, world: &World, players: &mut Vec<Player>) -> bool {
        for _ in 0..self.marks.len() {
            if players.len() + WORD_SLOTS > CHANGES_MAX {
                return false;
            }
            let word = self.next_word;
            self.next_word = (word + 1) % self.marks.len();
            let mut marked = std::mem::take(&mut self.marks[word]);
            while marked != 0 {
                let slot = PlayerSlot((word * WORD_SLOTS) as u32 + marked.trailing_zeros());
                players.extend(world.player(slot));
                marked &= marked - 1;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wire::{Bounds, Position};

    #[expect(clippy::disallowed_methods, reason = "the tests stand at the edge, where time comes in")]
    fn now() -> Instant {
        Instant::now()
    }

    fn world_of(players: u32) -> World {
        let mut world = World::new(Bounds::ALL, &Secret::from_seed(1));
        for id in 0..players {
            let slot = world.admit(id);
            world.place(slot, Position { x: id as i32, y: 0 }, 0).expect("everywhere is a place");
        }
        world
    }

    #[test]
    fn more_than_is_told_at_once_is_told_in_turns() {
        let (players, now) = (CHANGES_MAX as u32 + 1_000, now());
        let (world, mut changes) = (world_of(players), Changes::default());
        let mut memory = Memory::new(10, &Secret::from_seed(2));
        (0..players).for_each(|slot| memory.mark(now, PlayerSlot(slot)));
        memory.take(&world, &mut changes);
        assert!(changes.players.len() <= CHANGES_MAX && changes.since == Some(now));
        assert_eq!(memory.changed_since(), Some(now), "some are still to be told of");
        let mut told: Vec<u32> = changes.players.iter().map(|player| player.client_id).collect();
        changes.clear();
        memory.take(&world, &mut changes);
        told.extend(changes.players.iter().map(|player| player.client_id));
        told.sort_unstable();
        assert!(told.iter().copied().eq(0..players), "each once");
        assert_eq!(memory.changed_since(), None);
    }

    #[test]
    fn one_who_goes_is_told_of_once_and_its_place_no_more() {
        let (mut world, now) = (world_of(2), now());
        let mut memory = Memory::new(2, &Secret::from_seed(2));
        let mut changes = Changes::default();
        for slot in [PlayerSlot(0), PlayerSlot(1)] {
            memory.mark(now, slot);
            memory.on_gone(now, slot, world.player(slot));
            world.remove(slot);
        }
        memory.take(&world, &mut changes);
        let told: Vec<u32> = changes.players.iter().map(|player| player.client_id).collect();
        assert_eq!((changes.forgotten.clone(), told), (vec![0], vec![1]), "there is room for one resident");
        changes.clear();
        memory.take(&world, &mut changes);
        assert!(changes.is_empty() && changes.since.is_none());
        assert_eq!((memory.find(0), memory.find(1).map(|player| player.at.x)), (None, Some(1)));
    }

    #[test]
    fn whoever_looks_in_for_a_moment_is_a_visitor_unless_it_was_a_resident_before() {
        let (mut world, start) = (world_of(1), now());
        let mut memory = Memory::new(2, &Secret::from_seed(2));
        // A player comes by that name and goes again, so long after.
        let mut play = |memory: &mut Memory, client_id, stays| {
            let slot = world.admit(client_id);
            world.place(slot, Position { x: 1, y: 0 }, 0).expect("everywhere is a place");
            memory.on_come(start, slot, client_id);
            memory.on_gone(start + stays, slot, world.player(slot));
            world.remove(slot);
        };
        play(&mut memory, 7, RESIDENT_AFTER);
        play(&mut memory, 7, Duration::ZERO);
        for visitor in 10..20 {
            play(&mut memory, visitor, RESIDENT_AFTER - Duration::from_nanos(1));
        }
        assert_eq!(memory.find(7).map(|player| player.client_id), Some(7));
        assert_eq!((memory.find(18), memory.find(19).is_some()), (None, true), "one visitor has room");
        assert_eq!(memory.forgotten, Vec::from_iter(10..19));
        play(&mut memory, 19, RESIDENT_AFTER);
        assert_eq!(memory.find(7), None, "one resident has, too");
    }
}
