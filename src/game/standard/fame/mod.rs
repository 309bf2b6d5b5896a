//! Who players are and what they have done: counted here, asked of a service and reported to it if there is one, and told
//! to their clients.

mod asking;
mod newcomers;
mod reporting;
mod telling;

use std::time::Duration;

use super::words::{BOARD_TOLD_MAX, Said};
use crate::config::{Config, REMEMBERED_MAX, TickRate};
use crate::game::{REFUSED, Realm, Step};
use crate::profiles::{Book, Entry, Profile};
use crate::secret::Secret;
use crate::wire::{Position, Tick, message_bytes_max};
use crate::work::Done;
use asking::{Answer, Asking};
use telling::Telling;

/// How many players who do not play are known, where a service knows more.
const AWAY_MAX: usize = 65_536;
/// How often changes go to the store.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// The most changes at once: some megabytes.
const KEPT_MAX: usize = 65_536;

/// See the module. Where there is neither a store nor a service nothing is counted, and nobody is told anything: who plays
/// there pays for no message.
///
/// [`Fame::recall`] at the start, if there is a store; then from the hook of the same name: [`Fame::on_join`],
/// [`Fame::on_step`] with every move that counts, [`Fame::on_said`], [`Fame::on_tick`], [`Fame::on_leave`],
/// [`Fame::on_done`], [`Fame::on_stop`]; [`Fame::on_caught`] when an enemy has done it. [`Fame::keep`] between ticks.
#[derive(Debug)]
pub(super) struct Fame {
    book: Option<Book>,
    telling: Telling,
    asking: Option<Asking>,
    next_kept: Duration,
}

impl Fame {
    pub(super) fn new(config: &Config) -> Self {
        let telling = Telling::new(message_bytes_max(config.datagram_bytes));
        let asking = config.service.clone().map(Asking::new);
        Self { book: None, telling, asking, next_kept: Duration::ZERO }
    }

    /// Knows these players; what they do is added up under `run`, as it was before.
    pub(super) fn recall(&mut self, realm: &mut Realm<'_>, profiles: Vec<Profile>, run: u64) {
        let book = self.book.insert(new_book(realm, REMEMBERED_MAX));
        book.fill(profiles);
        if let Some(asking) = &mut self.asking {
            asking.set_run(run);
        }
    }

    /// A player who stands at `put`, if anywhere; if it `is_back`, it has stood there before.
    pub(super) fn on_join(
        &mut self,
        realm: &mut Realm<'_>,
        player: u32,
        put: Option<Position>,
        is_back: bool,
    ) {
        if !self.is_kept() {
            return;
        }
        let now = time(realm);
        self.book(realm).join(player, now);
        self.telling.tell_board(player);
        if !self.asking.as_ref().is_some_and(Asking::has_profiles) {
            self.telling.tell_profile(player);
        }
        if let Some(asking) = &mut self.asking {
            asking.on_join(player, put, is_back, now);
            // At once: profile and leaderboard side by side.
            asking.ask(realm, now);
        }
    }

    pub(super) fn on_step(&mut self, step: &Step) {
        if let (Some(book), Some(from)) = (&mut self.book, step.from) {
            book.walk(step.slot.index(), step.player, from, step.to);
        }
    }

    pub(super) fn on_caught(&mut self, player: u32) {
        if let Some(book) = &mut self.book {
            book.caught(player);
        }
    }

    /// A client says its name, or asks for what is known here.
    pub(super) fn on_said(&mut self, realm: &mut Realm<'_>, player: u32, said: Said) {
        if !self.is_kept() {
            return;
        }
        let now = time(realm);
        match said {
            // A service knows better.
            Said::Name(_) if self.asking.as_ref().is_some_and(Asking::has_profiles) => {}
            Said::Name(name) => {
                if self.book(realm).call(player, name) {
                    self.telling.tell_profile(player);
                }
            }
            Said::Board => {
                self.telling.tell_board(player);
                if let Some(asking) = &mut self.asking {
                    asking.want_board(now);
                }
            }
            Said::Who(other) => {
                self.telling.tell_who(player, other);
                if other == player {
                    self.telling.tell_profile(player);
                }
            }
            Said::Level => {}
        }
    }

    pub(super) fn on_tick(&mut self, realm: &mut Realm<'_>) {
        let now = time(realm);
        let Some(book) = &mut self.book else { return };
        if let Some(asking) = &mut self.asking {
            asking.ask(realm, now);
            while let Some(player) = asking.next_impatient(now) {
                self.telling.tell_profile(player);
            }
            asking.report(realm, now, book);
        }
        self.telling.tell(realm, now, book, self.asking.as_ref());
    }

    pub(super) fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32) {
        let now = time(realm);
        let left = self.book.as_mut().and_then(|book| book.leave(player, now));
        self.telling.on_leave(player);
        if let Some(asking) = &mut self.asking {
            asking.on_leave(realm, player, left);
        }
    }

    /// Gives back what was not started here. `is_free`: whether one may stand there.
    pub(super) fn on_done(
        &mut self,
        realm: &mut Realm<'_>,
        done: Done,
        is_free: impl Fn(Position) -> bool,
    ) -> Result<(), Done> {
        let now = time(realm);
        let (Some(asking), Some(book)) = (&mut self.asking, &mut self.book) else { return Err(done) };
        match asking.on_done(realm, now, done, is_free)? {
            Answer::Profile(profile) => {
                if !profile.name.is_empty() {
                    book.call(profile.client_id, profile.name);
                }
                self.telling.tell_profile(profile.client_id);
            }
            Answer::Missing(player) => self.telling.tell_profile(player),
            Answer::Nothing => {}
        }
        Ok(())
    }

    /// Reports what is left. True while that is on its way.
    pub(super) fn on_stop(&mut self, realm: &mut Realm<'_>) -> bool {
        let now = time(realm);
        match (&mut self.asking, &mut self.book) {
            (Some(asking), Some(book)) => asking.stop(realm, now, book),
            _ => false,
        }
    }

    /// The leaderboard in words, for an operator.
    pub(super) fn board_in_words(&mut self, realm: &mut Realm<'_>) -> String {
        if !self.is_kept() {
            return format!(
                "{REFUSED}nothing is counted without --data, --profiles-url or --leaderboard-url"
            );
        }
        let now = time(realm);
        let served = self.asking.as_ref().and_then(Asking::board).cloned();
        let board = served.unwrap_or_else(|| self.book(realm).leaderboard(now).clone());
        let line = |(place, entry): (usize, &Entry)| {
            let Entry { client_id, name, score } = entry;
            format!("{}. {name:?} (client {client_id}): {score}", place + 1)
        };
        let lines: Vec<String> = board.entries().iter().take(BOARD_TOLD_MAX).enumerate().map(line).collect();
        if lines.is_empty() { "nobody has walked yet".into() } else { lines.join("; ") }
    }

    /// Adds those who have changed to `profiles`, and who is known no longer to `forgotten`: once a second, and whenever it may be for the last time.
    pub(super) fn keep(
        &mut self,
        realm: &Realm<'_>,
        is_last: bool,
        profiles: &mut Vec<Profile>,
        forgotten: &mut Vec<u32>,
    ) {
        let now = time(realm);
        if let Some(book) = &mut self.book
            && (is_last || now >= self.next_kept)
        {
            self.next_kept = now + KEEP_EVERY;
            book.take_forgotten(forgotten);
            book.take(now, KEPT_MAX, profiles);
        }
    }

    /// Whether there is a store, or a service.
    fn is_kept(&self) -> bool {
        self.book.is_some() || self.asking.is_some()
    }

    fn book(&mut self, realm: &mut Realm<'_>) -> &mut Book {
        self.book.get_or_insert_with(|| new_book(realm, AWAY_MAX))
    }
}

fn new_book(realm: &mut Realm<'_>, limit: usize) -> Book {
    Book::new(limit, Secret::from_seed(realm.random()).hash_state())
}

/// The time of the game: that of its ticks.
fn time(realm: &Realm<'_>) -> Duration {
    time_of(realm.tick(), realm.tick_rate())
}

/// When a tick is, in the time of the game.
fn time_of(tick: Tick, rate: TickRate) -> Duration {
    let nanos = u128::from(tick.0) * rate.period().as_nanos();
    Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32)
}
