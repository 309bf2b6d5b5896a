//! Who does not play, and what is known of them?
//!
//! Residents, who have played for a while, and visitors. Each group has a number of places, and whoever needs one takes that
//! of who went first in the same group: however many look in for a moment, no resident is forgotten for them.

mod table;

use std::time::Duration;

use crate::secret::HashState;
use crate::wire::Player;
use table::Table;

/// Who has played so long is a resident: an attacker who wants the places of others must hold those of players so long.
pub(crate) const RESIDENT_AFTER: Duration = Duration::from_secs(60);
/// Of so many places one is for visitors.
const VISITORS_SHARE: usize = 16;

/// What is known of a player.
pub(crate) trait Known: Copy + Default {
    /// Which player.
    fn client_id(&self) -> u32;
}

impl Known for Player {
    fn client_id(&self) -> u32 {
        self.client_id
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Away<T> {
    residents: Table<T>,
    visitors: Table<T>,
}

impl<T: Known> Away<T> {
    /// For `limit` players, two at the least.
    pub(crate) fn new(limit: usize, hash: HashState) -> Self {
        let visitors = (limit / VISITORS_SHARE).max(1);
        let residents = limit.saturating_sub(visitors).max(1);
        Self { residents: Table::new(residents, hash), visitors: Table::new(visitors, hash) }
    }

    /// Remembers what is known of a player. Gives who is forgotten for it.
    pub(crate) fn keep(&mut self, known: T, is_resident: bool) -> Option<u32> {
        self.recall(known.client_id());
        if is_resident { self.residents.keep(known) } else { self.visitors.keep(known) }
    }

    /// What is known of a player.
    pub(crate) fn find(&self, client_id: u32) -> Option<T> {
        self.residents.find(client_id).or_else(|| self.visitors.find(client_id))
    }

    /// What is known of a player, who is then remembered no longer, and whether it was a resident.
    pub(crate) fn recall(&mut self, client_id: u32) -> Option<(T, bool)> {
        let resident = self.residents.recall(client_id).map(|known| (known, true));
        resident.or_else(|| self.visitors.recall(client_id).map(|known| (known, false)))
    }

    /// The next who was kept and not yet told of, those who went first before others, and residents before visitors.
    pub(crate) fn next_changed(&mut self) -> Option<T> {
        self.residents.next_changed().or_else(|| self.visitors.next_changed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::wire::Position;

    fn player(client_id: u32) -> Player {
        Player { client_id, at: Position { x: client_id as i32, y: 0 }, state: 0 }
    }

    #[test]
    fn visitors_push_out_visitors_and_residents_residents() {
        let mut away = Away::new(32, Secret::from_seed(1).hash_state());
        let kept = |away: &Away<Player>, ids: std::ops::Range<u32>| {
            ids.filter(|id| away.find(*id).is_some()).count()
        };
        assert!((0..30).all(|id| away.keep(player(id), true).is_none()), "two of 32 places are for visitors");
        assert_eq!([100, 101].map(|id| away.keep(player(id), false)), [None, None]);
        for id in 102..1_000 {
            assert_eq!(away.keep(player(id), false), Some(id - 2));
        }
        assert_eq!((kept(&away, 0..30), kept(&away, 100..1_000)), (30, 2));
        assert_eq!(away.keep(player(40), true), Some(0));
        assert_eq!((kept(&away, 0..41), kept(&away, 100..1_000)), (30, 2));
    }

    #[test]
    fn whoever_changes_its_group_is_remembered_once() {
        let mut away = Away::new(32, Secret::from_seed(1).hash_state());
        away.keep(player(7), false);
        away.keep(player(7), true);
        assert_eq!(away.next_changed(), Some(player(7)));
        assert_eq!(away.next_changed(), None);
        assert_eq!(away.recall(7), Some((player(7), true)));
        assert_eq!((away.recall(7), away.find(7)), (None, None));
    }
}
