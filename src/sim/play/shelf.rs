//! A store without a disk: what is handed over is kept after a drawn while, and what the server had not got rid of by then
//! is lost when it crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::secret::Secret;
use crate::server::{Changes, Server};
use crate::wire::Player;

/// As often as the real one.
const HAND_OVER_EVERY: Duration = Duration::from_millis(250);
/// How long the slowest commit takes: with twice that and a hand-over, what is kept is just not older than a second.
const COMMIT_MAX: Duration = Duration::from_millis(400);

/// See the module.
#[derive(Debug)]
pub(super) struct Shelf {
    draw: Secret,
    drawn: u64,
    /// What is being written, until when.
    writing: Option<(Duration, Changes)>,
    next: Duration,
    kept: BTreeMap<u32, Player>,
}

impl Shelf {
    pub(super) fn new(draw: Secret) -> Self {
        Self { draw, drawn: 0, writing: None, next: Duration::ZERO, kept: BTreeMap::new() }
    }

    /// Hands over what has changed, if it is time and the one before is written.
    pub(super) fn after_tick(&mut self, now: Duration, server: &mut Server) {
        self.settle(now);
        if self.writing.is_none() && now >= self.next {
            let mut changes = Changes::default();
            server.take_changes(&mut changes);
            self.drawn += 1;
            let share = self.draw.number(self.drawn) as f64 / u64::MAX as f64;
            self.writing = Some((now + COMMIT_MAX.mul_f64(share), changes));
            self.next = now + HAND_OVER_EVERY;
        }
    }

    /// The server is no more; what was not written by now never is.
    pub(super) fn on_crash(&mut self, now: Duration) {
        self.settle(now);
        self.writing = None;
        self.next = now;
    }

    /// Everyone who is kept, by client id.
    pub(super) fn players(&self) -> impl Iterator<Item = Player> {
        self.kept.values().copied()
    }

    fn settle(&mut self, now: Duration) {
        if let Some((_, changes)) = self.writing.take_if(|(until, _)| *until <= now) {
            changes.forgotten.iter().for_each(|client_id| _ = self.kept.remove(client_id));
            self.kept.extend(changes.players.iter().map(|player| (player.client_id, *player)));
        }
    }
}
