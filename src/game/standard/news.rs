//! Which level is played, told to whoever plays: as they join, when another takes its place, and when they ask.

use std::collections::BTreeSet;

use super::words;
use crate::config::Config;
use crate::game::Realm;
use crate::level::Level;
use crate::mail::{Delivery, SendError};
use crate::profiles::Name;
use crate::wire::message_bytes_max;

/// Who is to be told. A client for whom too many messages wait is told later, and then of the level that is played then.
#[derive(Debug)]
pub(super) struct News {
    /// Everyone who plays, also who stands nowhere yet.
    players: BTreeSet<u32>,
    waiting: BTreeSet<u32>,
    message_bytes_max: usize,
    message: Vec<u8>,
}

impl News {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            players: BTreeSet::new(),
            waiting: BTreeSet::new(),
            message_bytes_max: message_bytes_max(config.datagram_bytes),
            message: Vec::new(),
        }
    }

    /// Where no level is played, the welcome says all.
    pub(super) fn on_join(&mut self, player: u32, level: Option<&Level>) {
        self.players.insert(player);
        if level.is_some() {
            self.on_asked(player);
        }
    }

    pub(super) fn on_leave(&mut self, player: u32) {
        self.players.remove(&player);
        self.waiting.remove(&player);
    }

    pub(super) fn on_asked(&mut self, player: u32) {
        self.waiting.insert(player);
    }

    /// Another level is played.
    pub(super) fn on_level(&mut self) {
        self.waiting.clone_from(&self.players);
    }

    /// Everyone who plays, for whoever has to put them somewhere.
    pub(super) fn players(&self) -> Vec<u32> {
        self.players.iter().copied().collect()
    }

    /// Tells those who wait and have room for it.
    pub(super) fn on_tick(&mut self, realm: &mut Realm<'_>, level: Option<&Level>) {
        if self.waiting.is_empty() {
            return;
        }
        let name = level.map_or(Name::default(), name_of);
        words::write_level(&name, realm.bounds(), self.message_bytes_max, &mut self.message);
        let message = &self.message;
        // Of those who do not read messages nobody waits.
        let waits = |player: &u32| realm.send(*player, Delivery::Reliable, message) == Err(SendError::Full);
        self.waiting.retain(waits);
    }
}

/// What a level is called: its file, without the folder.
fn name_of(level: &Level) -> Name {
    let file = level.source().file_name().and_then(|name| name.to_str());
    file.and_then(|name| Name::new(name).ok()).unwrap_or_default()
}
