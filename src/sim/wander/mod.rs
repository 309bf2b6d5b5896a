//! The scenario that comes along: clients walk at random, and now and then jump far. In a third of the plays they and their
//! game talk, and moves are corrected; in the others the game has work done.

mod errands;
mod talk;
mod trails;

use std::time::{Duration, Instant};

use rand::RngExt as _;

use errands::Errands;
use talk::{Books, is_talkative};
use trails::Trails;

use super::scenario::{Actor, Scenario, ServerStart};
use super::{FIRST_ID, SimConfig};
use crate::client::{Client, Event, Phase};
use crate::game::Game;
use crate::server::Server;
use crate::wire::{Position, Tick};

/// A client that was refused or closed tries again after so long.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Wander {
    /// Nobody says anything, or is corrected, from this tick on.
    calm_from: Tick,
    walkers: Vec<Walker>,
    trails: Trails,
    /// Where clients and game talk.
    books: Option<Books>,
}

/// One of the clients.
#[derive(Clone, Debug, Default)]
struct Walker {
    at: Position,
    tries_again_at: Option<Instant>,
}

/// What has happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wandered {
    pub(super) talkative: bool,
    pub(super) messages: u64,
    pub(super) checked: u64,
}

impl Wander {
    pub(super) fn new(config: &SimConfig, seed: u64) -> Self {
        Self {
            calm_from: Tick(config.ticks),
            walkers: vec![Walker::default(); config.clients],
            trails: Trails::default(),
            books: is_talkative(seed).then(|| Books::new(config.clients, FIRST_ID)),
        }
    }
}

impl Scenario for Wander {
    type Played = Wandered;

    fn on_server_start(&mut self, start: &ServerStart<'_>) -> Result<Box<dyn Game>, String> {
        self.trails.on_server_start(start.remembered)?;
        Ok(match &mut self.books {
            None => Box::<Errands>::default(),
            Some(books) => books.game(start.number, self.calm_from),
        })
    }

    fn on_client_start(&mut self, actor: &mut Actor<'_>) {
        let walker = &mut self.walkers[actor.index];
        walker.tries_again_at = None;
        // It goes on from where its player was.
        if actor.start == 1 {
            let [x, y] = [(); 2].map(|()| actor.draw.random_range(-2_000..2_000));
            walker.at = Position { x, y };
        }
    }

    fn on_turn(&mut self, actor: &mut Actor<'_>) -> Option<(Position, u32)> {
        let walker = &mut self.walkers[actor.index];
        if walker.tries_again_at.is_some_and(|at| at <= actor.now) {
            walker.tries_again_at = None;
            actor.client.rejoin(actor.now);
        }
        if !actor.is_calm {
            let jumps = actor.draw.random_range(0..200) == 0;
            let most = if jumps { 100_000 } else { 6 };
            let mut step = || actor.draw.random_range(-most..=most);
            walker.at = Position { x: walker.at.x + step(), y: walker.at.y + step() };
        }
        if let Some(at) = actor.client.take_correction() {
            walker.at = at;
        }
        if let Some(books) = self.books.as_mut().filter(|_| !actor.is_calm) {
            books.say(actor.index, actor.start, actor.client, actor.draw.random());
        }
        if actor.client.phase() == Phase::Playing {
            self.trails.on_move(actor.client_id, walker.at);
        }
        Some((walker.at, 0))
    }

    fn on_datagram(&mut self, actor: &mut Actor<'_>, event: Option<Event>) -> Result<(), String> {
        if let Some(Event::Refused(_) | Event::Closed(_)) = event {
            self.walkers[actor.index].tries_again_at = Some(actor.now + TRY_AGAIN_AFTER);
        }
        let Some(books) = &mut self.books else { return Ok(()) };
        if let Some(Event::Welcomed(welcome)) = &event {
            books.on_welcome(actor.index, welcome);
        }
        books.after_datagram(actor.index, actor.start, actor.client)
    }

    fn after_tick(&mut self, server: &Server) -> Result<(), String> {
        self.books.as_mut().map_or(Ok(()), Books::after_tick)?;
        self.trails.on_tick(server.players())
    }

    fn settled(&self, index: usize, client: &Client, _server: &Server) -> Result<(), String> {
        match self.books.as_ref().is_none_or(|books| books.is_done(index, client)) {
            true => Ok(()),
            false => {
                Err(format!("{} messages of its own are on their way, or others", client.waiting_messages()))
            }
        }
    }

    fn end(self) -> Wandered {
        let messages = self.books.as_ref().map_or(0, |books| books.arrived);
        let checked = self.trails.checked + messages;
        Wandered { talkative: self.books.is_some(), messages, checked }
    }
}
