//! The rows of a known world: dense, so that a snapshot of everyone is one walk through memory.

use std::collections::HashMap;

use super::known::{KnownPlayer, KnownWorld};
use super::trail::Trail;
use crate::secret::HashState;
use crate::wire::Tick;
use crate::wire::block::{Roster, Told};

/// Players in rows, and where each one's row is.
///
/// The place of a row is a hint and no more: it changes when another player goes. [`Table::place`] checks a hint
/// against the id and looks the id up where the hint is wrong.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<KnownPlayer>,
    places: HashMap<u32, u32, HashState>,
    /// One for each row; `None` if nobody asks where players are between ticks.
    trails: Option<Vec<Trail>>,
}

impl Table {
    /// A hint that is always wrong.
    pub(super) const NOWHERE: u32 = Roster::NO_NOTE;

    pub(super) fn new(state: HashState, has_trails: bool) -> Self {
        let places = HashMap::with_hasher(state);
        Self { rows: Vec::new(), places, trails: has_trails.then(Vec::new) }
    }

    pub(super) fn rows(&self) -> &[KnownPlayer] {
        &self.rows
    }

    pub(super) fn row(&self, client_id: u32) -> Option<&KnownPlayer> {
        self.rows.get(self.place_of(client_id)?)
    }

    /// The row of a player that may be at `hint`.
    #[inline(always)]
    pub(super) fn row_near(&self, hint: u32, client_id: u32) -> Option<&KnownPlayer> {
        let hinted = self.rows.get(hint as usize).filter(|row| row.player.client_id == client_id);
        hinted.or_else(|| self.row(client_id))
    }

    /// The row at a place, and where it was before, if that is kept.
    pub(super) fn traced(&self, place: usize) -> Option<(&KnownPlayer, Option<&Trail>)> {
        let trail = self.trails.as_ref().and_then(|trails| trails.get(place));
        self.rows.get(place).map(|row| (row, trail))
    }

    /// The place of a player's row.
    pub(super) fn place_of(&self, client_id: u32) -> Option<usize> {
        self.places.get(&client_id).map(|place| *place as usize)
    }

    /// Replaces the rows of a cluster by what is newer. Gives those whose row is not where their note says, the first
    /// by the lowest bit.
    pub(super) fn renew_all(&mut self, cluster: Told<'_>, told: Tick, spacing: u64) -> u64 {
        let mut lost = 0;
        for (index, (member, &note)) in cluster.members().zip(&cluster.roster.notes).enumerate() {
            match self.rows.get_mut(note as usize) {
                Some(row) if row.player.client_id == member.id => {
                    if row.told < told {
                        *row = KnownPlayer::new(&member, told);
                        if let Some(trails) = &mut self.trails {
                            trails[note as usize].push(row, spacing);
                        }
                    }
                }
                _ => lost |= 1 << index,
            }
        }
        lost
    }

    /// Replaces a row by what is newer; says where it is. `None` if the player has none.
    pub(super) fn renew(&mut self, news: &KnownPlayer, spacing: u64) -> Option<u32> {
        let place = *self.places.get(&news.player.client_id)?;
        let row = &mut self.rows[place as usize];
        if row.told < news.told {
            *row = *news;
            if let Some(trails) = &mut self.trails {
                trails[place as usize].push(news, spacing);
            }
        }
        Some(place)
    }

    /// Gives a player who has no row one, if there is room; says where it is.
    pub(super) fn insert(&mut self, news: &KnownPlayer) -> u32 {
        if self.rows.len() >= KnownWorld::PLAYERS_MAX {
            return Self::NOWHERE;
        }
        let place = self.rows.len() as u32;
        self.rows.push(*news);
        self.places.insert(news.player.client_id, place);
        if let Some(trails) = &mut self.trails {
            trails.push(Trail::from(news));
        }
        place
    }

    /// Takes a player's row away if it was told for an older tick.
    pub(super) fn remove_older(&mut self, client_id: u32, than: Tick) -> bool {
        let is_older = self.row(client_id).is_some_and(|row| row.told < than);
        if is_older && let Some(place) = self.places.get(&client_id) {
            self.remove_at(*place as usize);
        }
        is_older
    }

    pub(super) fn retain(&mut self, is_kept: impl Fn(&KnownPlayer) -> bool) {
        for place in (0..self.rows.len()).rev() {
            if !is_kept(&self.rows[place]) {
                self.remove_at(place);
            }
        }
    }

    /// The last row takes its place.
    fn remove_at(&mut self, place: usize) {
        let gone = self.rows.swap_remove(place);
        self.places.remove(&gone.player.client_id);
        if let Some(moved) = self.rows.get(place) {
            self.places.insert(moved.player.client_id, place as u32);
        }
        if let Some(trails) = &mut self.trails {
            trails.swap_remove(place);
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.places.clear();
        self.trails.iter_mut().for_each(Vec::clear);
    }
}
