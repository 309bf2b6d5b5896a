//! What is still to be told to whom: a client may have no room for a message now, and no leaderboard may be there yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::asking::Asking;
use crate::game::Realm;
use crate::game::standard::words::{self, BOARD_TOLD_MAX};
use crate::mail::{Delivery, SendError};
use crate::profiles::{Book, Name};

/// The questions of one client that wait, at the most; further ones are not answered.
const QUESTIONS_MAX: usize = 16;

/// What one client waits for.
#[derive(Clone, Debug, Default)]
struct Wants {
    profile: bool,
    /// The place of the leaderboard that it is told next.
    board: Option<usize>,
    who: Vec<u32>,
}

impl Wants {
    fn is_nothing(&self) -> bool {
        !self.profile && self.board.is_none() && self.who.is_empty()
    }
}

/// See the module. Only those are visited for whom there is something.
#[derive(Debug)]
pub(super) struct Telling {
    waiting: BTreeMap<u32, Wants>,
    /// Who is told the leaderboard when there is none that may be newer.
    for_board: BTreeSet<u32>,
    message_bytes_max: usize,
    message: Vec<u8>,
}

impl Telling {
    /// For a server whose messages are at most so long.
    pub(super) fn new(message_bytes_max: usize) -> Self {
        Self { waiting: BTreeMap::new(), for_board: BTreeSet::new(), message_bytes_max, message: Vec::new() }
    }

    pub(super) fn on_leave(&mut self, player: u32) {
        self.waiting.remove(&player);
        self.for_board.remove(&player);
    }

    /// What is known of it now.
    pub(super) fn tell_profile(&mut self, player: u32) {
        self.waiting.entry(player).or_default().profile = true;
    }

    pub(super) fn tell_board(&mut self, player: u32) {
        self.for_board.insert(player);
    }

    pub(super) fn tell_who(&mut self, player: u32, other: u32) {
        let who = &mut self.waiting.entry(player).or_default().who;
        if who.len() < QUESTIONS_MAX && !who.contains(&other) {
            who.push(other);
        }
    }

    /// Tells everyone what they wait for, as far as it is there and there is room for it.
    pub(super) fn tell(
        &mut self,
        realm: &mut Realm<'_>,
        now: Duration,
        book: &mut Book,
        asking: Option<&Asking>,
    ) {
        if !asking.is_some_and(Asking::awaits_board) {
            while let Some(player) = self.for_board.pop_first() {
                self.waiting.entry(player).or_default().board = Some(0);
            }
        }
        let (message, message_bytes_max) = (&mut self.message, self.message_bytes_max);
        self.waiting.retain(|&player, wants| {
            let mut teller = Teller { realm, now, book, asking, player, message, message_bytes_max };
            match teller.tell(wants) {
                Err(SendError::Full) | Ok(()) => !wants.is_nothing(),
                // Nobody reads there, or it fits into no datagram of this server.
                Err(_) => false,
            }
        });
    }
}

/// Tells one client.
struct Teller<'a, 'r> {
    realm: &'a mut Realm<'r>,
    now: Duration,
    book: &'a mut Book,
    asking: Option<&'a Asking>,
    player: u32,
    message: &'a mut Vec<u8>,
    message_bytes_max: usize,
}

impl Teller<'_, '_> {
    /// What has been told is wanted no longer, also if there is no room for the rest.
    fn tell(&mut self, wants: &mut Wants) -> Result<(), SendError> {
        if wants.profile {
            self.tell_profile()?;
            wants.profile = false;
        }
        while let Some(first) = wants.board {
            wants.board = self.tell_board(first)?;
        }
        while let Some(&other) = wants.who.first() {
            let name = self.book.profile(other, self.now).map_or(Name::default(), |profile| profile.name);
            words::write_who(other, &name, self.message);
            self.send()?;
            wants.who.remove(0);
        }
        Ok(())
    }

    fn tell_profile(&mut self) -> Result<(), SendError> {
        let Some(mut profile) = self.book.profile(self.player, self.now) else { return Ok(()) };
        // All that it has ever done, if the service has said so.
        let served = self.asking.and_then(|asking| asking.served(self.player));
        profile.totals = served.unwrap_or(profile.totals);
        words::write_profile(&profile, self.message);
        self.send()
    }

    /// Tells the places from `first` on, as many as fit, and gives the next one, if any.
    fn tell_board(&mut self, first: usize) -> Result<Option<usize>, SendError> {
        let served = self.asking.and_then(Asking::board);
        let board = served.unwrap_or_else(|| self.book.leaderboard(self.now));
        let entries = &board.entries()[..board.entries().len().min(BOARD_TOLD_MAX)];
        let end = words::write_board(entries, first, self.message_bytes_max, self.message);
        // Where not even one fits, nothing more does.
        let next = (first < end && end < entries.len()).then_some(end);
        self.send()?;
        Ok(next)
    }

    fn send(&mut self) -> Result<(), SendError> {
        self.realm.send(self.player, Delivery::Reliable, self.message)
    }
}
