//! Where clients that wander about have said that they are, and where their players have stood.

use std::collections::{HashMap, HashSet};

use crate::wire::{Player, Position};

/// So many ticks before a crash is the oldest that may be kept of a player: a second.
const KEPT_TICKS_MAX: u64 = 30;

/// Nobody moves a player but its client: it stands where it said once that it is, also when it comes back.
#[derive(Debug, Default)]
pub(super) struct Trails {
    said: HashSet<(u32, Position)>,
    /// Where each player has stood, in this life of the server and before: the ticks done until then, and the place. Only
    /// where players are remembered.
    trails: Option<HashMap<u32, Vec<(u64, Position)>>>,
    /// Who stood in the world at the last tick of this life of the server.
    present: HashSet<u32>,
    ticks_done: u64,
    pub(super) checked: u64,
}

impl Trails {
    /// A client says that its player is there.
    pub(super) fn on_move(&mut self, client_id: u32, at: Position) {
        self.said.insert((client_id, at));
    }

    /// The server begins anew with what is kept, if it keeps anything: nothing of it is older than a second.
    pub(super) fn on_server_start(&mut self, kept: Option<&[Player]>) -> Result<(), String> {
        self.present.clear();
        let Some(kept) = kept else { return Ok(()) };
        let kept: HashMap<u32, Position> = kept.iter().map(|player| (player.client_id, player.at)).collect();
        for (client_id, trail) in self.trails.get_or_insert_default() {
            self.checked += 1;
            let kept = kept.get(client_id);
            let place = trail.iter().rposition(|(_, at)| Some(at) == kept);
            let missed = trail.get(place.map_or(0, |place| place + 1));
            let age = missed.map_or(0, |(since, _)| self.ticks_done - since);
            if age > KEPT_TICKS_MAX {
                return Err(format!("{client_id} is kept at {kept:?}, which is {age} ticks old: {missed:?}"));
            }
            *trail = kept.map(|at| (self.ticks_done, *at)).into_iter().collect();
        }
        Ok(())
    }

    /// The server has done a tick.
    pub(super) fn on_tick(&mut self, players: impl Iterator<Item = Player>) -> Result<(), String> {
        self.ticks_done += 1;
        let mut present = HashSet::new();
        for player in players {
            self.checked += 1;
            self.on_stands(&player)?;
            if !self.said.contains(&(player.client_id, player.at)) {
                return Err(format!("{player:?} stands where it never said that it is"));
            }
            present.insert(player.client_id);
        }
        self.present = present;
        Ok(())
    }

    /// Whoever comes back stands where it stood.
    fn on_stands(&mut self, player: &Player) -> Result<(), String> {
        let Some(trails) = &mut self.trails else { return Ok(()) };
        let trail = trails.entry(player.client_id).or_default();
        match trail.last() {
            Some((_, last)) if *last == player.at => {}
            Some((_, last)) if !self.present.contains(&player.client_id) => {
                return Err(format!("{player:?} comes back, and stood at {last:?}"));
            }
            _ => trail.push((self.ticks_done, player.at)),
        }
        Ok(())
    }
}
