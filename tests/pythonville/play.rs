//! A town on all the networks of the simulation: what its players wish for, and what must be true of what they are told.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rand::{Rng, RngExt as _};
use tickcast::Config;
use tickcast::client::{Client, Event};
use tickcast::game::Game;
use tickcast::game::words::Told;
use tickcast::level::Level;
use tickcast::mail::Delivery;
use tickcast::server::Server;
use tickcast::sim::{self, Actor, Broken, Scenario, ServerStart, SimConfig, SimReport};
use tickcast::wire::Position;

use crate::rules::items::Item;
use crate::rules::words::{News, Wish};
use crate::tie::Tie;
use crate::town::{Heard, Town};
use crate::watched::{Shared, Taken};

const CLIENTS: usize = 8;
const MONSTERS: usize = 6;
const FIRST_ID: u32 = sim::FIRST_ID;

/// What has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Played {
    pub(crate) trades: u64,
    pub(crate) checked: u64,
    pub(crate) lines_heard: u64,
    /// How often players were told of a bite, a death, or that they are better.
    pub(crate) hurt: u64,
    /// News that could not be told, as those were told whom it concerned.
    pub(crate) missed: u64,
    /// What may not have been heard, as those were told who had said it.
    pub(crate) lost: u64,
}

/// Plays one seed to its end, twice.
pub(crate) fn play(seed: u64, origin: Instant) -> Result<(SimReport, Played), Broken> {
    let config = SimConfig { clients: CLIENTS, ..SimConfig::default() };
    sim::check_scenario(&config, seed, origin, || Trading::new(seed))
}

/// A player at a client.
struct Player {
    town: Town,
    tie: Tie,
    /// The number of what it has said last; the upper half is the start of its client.
    said: u32,
    start: u32,
    /// How much of what it has said may not have been heard, as it was told.
    lost: u64,
    /// What it was told under the numbers that it has accepted.
    accepted: HashMap<u32, Heard>,
    /// The newest of what it heard each say.
    heard: HashMap<u32, u32>,
    /// Where it is, as far as it knows.
    at: Position,
}

impl Player {
    fn new(client_id: u32) -> Self {
        Self {
            town: Town::new(client_id),
            tie: Tie::default(),
            said: 0,
            start: 0,
            lost: 0,
            accepted: HashMap::new(),
            heard: HashMap::new(),
            at: Position::default(),
        }
    }

    /// Something that it wishes for, every fourth turn.
    fn wish(&self, mut draw: &mut dyn Rng) -> Option<Wish> {
        let item = |draw: &mut dyn Rng| Item::ALL[draw.random_range(0..Item::ALL.len())];
        let (gives, wants) = (item(&mut draw), item(&mut draw));
        let to = FIRST_ID + draw.random_range(0..CLIENTS as u32);
        let asked = self.town.asked().map(|offer| offer.number);
        match draw.random_range(0..100) {
            0..10 => Some(Wish::Offer { to, gives, wants }),
            10..20 => asked.map(Wish::Accept),
            20..22 => asked.map(Wish::Decline),
            22..28 => Some(Wish::Say((self.said + 1).to_string())),
            _ => None,
        }
    }

    /// Where too much waits already, the wish is not sent, and the player may wish again.
    fn ask(&mut self, client: &mut Client, wish: &Wish) {
        if client.send(Delivery::Reliable, &wish.bytes()).is_ok() {
            self.said += u32::from(matches!(wish, Wish::Say(_)));
            let asked = self.town.asked().filter(|offer| *wish == Wish::Accept(offer.number));
            self.accepted.extend(asked.map(|offer| (offer.number, *offer)));
        }
    }
}

/// Players who trade, and walk about.
struct Trading {
    seed: u64,
    /// In every second play monsters come for the players, in the end, too: what one knows of its health is old soon.
    level: Option<Arc<Level>>,
    /// The game of this start of the server.
    game: Option<Shared>,
    starts: u64,
    players: Vec<Player>,
    played: Played,
}

impl Trading {
    fn new(seed: u64) -> Self {
        let players = (0..CLIENTS as u32).map(|index| Player::new(FIRST_ID + index)).collect();
        let yard = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/yard.tmx");
        let level = (seed % 4 > 1).then(|| Arc::new(Level::load(&yard).expect("a level")));
        Self { seed, level, game: None, starts: 0, players, played: Played::default() }
    }

    /// What the game has seen, before it goes.
    fn collect(&mut self) {
        if let Some(game) = self.game.take() {
            let game = game.look();
            self.played.trades += game.trades();
            self.played.checked += game.checked;
        }
    }

    /// In every third play one plays along and listens to nothing, until more waits for it than may.
    fn is_asleep(&self, actor: &Actor<'_>) -> bool {
        self.seed.is_multiple_of(3) && actor.index == 0 && !actor.is_calm
    }

    /// Nobody is heard to say anything twice, or anything older than before.
    fn hear(&mut self, index: usize, news: News) -> Result<(), String> {
        let player = &mut self.players[index];
        if let News::Said { from, text } = &news {
            let number: u32 = text.parse().map_err(|_| format!("{from} says {text}"))?;
            let last = player.heard.insert(*from, number).unwrap_or(0);
            if number <= last {
                return Err(format!("client {index} hears {from} say {number} after {last}"));
            }
            self.played.lines_heard += 1;
        }
        if let News::Anew { missed, .. } = &news {
            self.played.missed += u64::from(*missed);
        }
        self.played.hurt += u64::from(matches!(news, News::Health(_) | News::Died));
        player.town.on_news(news);
        Ok(())
    }
}

impl Scenario for Trading {
    type Played = Played;

    fn config(&self) -> Config {
        let config = Config::default();
        match &self.level {
            None => config,
            Some(level) => Config { enemies: MONSTERS, ..config }.in_level(level.clone()),
        }
    }

    fn on_server_start(&mut self, start: &ServerStart<'_>) -> Result<Box<dyn Game>, String> {
        self.collect();
        self.starts = start.number;
        let game = self.game.insert(Shared::new(start.config));
        Ok(Box::new(game.clone()))
    }

    /// One that has forgotten everything.
    fn on_client_start(&mut self, actor: &mut Actor<'_>) {
        let player = &mut self.players[actor.index];
        player.start = actor.start as u32;
        player.said = player.start << 16;
        (player.town, player.tie) = (Town::new(actor.client_id), Tie::default());
    }

    fn on_turn(&mut self, actor: &mut Actor<'_>) -> Option<(Position, u32)> {
        let player = &mut self.players[actor.index];
        player.tie.hold(actor.now, actor.client);
        if !actor.is_calm
            && let Some(wish) = player.wish(actor.draw)
        {
            player.ask(actor.client, &wish);
        }
        while actor.client.take_lost().is_some() {
            player.lost += 1;
        }
        if let Some(at) = actor.client.take_correction() {
            player.at = at;
        }
        let mut step = || if actor.is_calm { 0 } else { actor.draw.random_range(-4..=4) };
        player.at = Position { x: player.at.x + step(), y: player.at.y + step() };
        Some((player.at, 0))
    }

    fn on_datagram(&mut self, actor: &mut Actor<'_>, event: Option<Event>) -> Result<(), String> {
        if let Some(event) = event {
            let player = &mut self.players[actor.index];
            player.tie.on_event(actor.now, &event);
            if let Event::Welcomed(welcome) = event
                && welcome.is_placed()
            {
                player.at = welcome.at;
            }
        }
        if self.is_asleep(actor) {
            return Ok(());
        }
        while let Some(message) = actor.client.take_message() {
            match (News::read(&message), Told::read(&message)) {
                (Some(news), _) => self.hear(actor.index, news)?,
                (None, Some(told)) => self.players[actor.index].town.on_told(&told),
                (None, None) => return Err(format!("no news: {message:?}")),
            }
        }
        Ok(())
    }

    fn after_tick(&mut self, _server: &Server) -> Result<(), String> {
        let Some(game) = &self.game else { return Ok(()) };
        let mut game = game.look();
        if let Some(broken) = game.broken.take() {
            return Err(broken);
        }
        for taken in game.taken.drain(..) {
            let told = self.players[(taken.by - FIRST_ID) as usize].accepted.get(&taken.number);
            if !told.is_some_and(|told| is_as_told(&taken, told)) {
                return Err(format!("{taken:?}, and {told:?} was accepted"));
            }
        }
        Ok(())
    }

    /// Whether it believes what is true, and was heard to the end.
    fn settled(&self, index: usize, _client: &Client, _server: &Server) -> Result<(), String> {
        let Some(game) = &self.game else { return Err("there is no game".into()) };
        let (game, player) = (game.look(), &self.players[index]);
        let me = player.town.me;
        let (pocket, health, heard) = (game.pocket(me), game.health(me), game.heard(me));
        let offers: Vec<u32> = game.offers(me).iter().map(|offer| offer.number).collect();
        let told: Vec<u32> = player.town.offers.iter().map(|offer| offer.number).collect();
        // The smallest datagrams have no room for a name.
        let is_map = |name: &str| name.is_empty() || self.level.is_some() && name == "yard.tmx";
        let knows = player.town.pocket == pocket
            && player.town.level.as_deref().is_some_and(is_map)
            && (self.level.is_some() || player.town.health == health)
            && told == offers;
        // Who was never told that something may be lost, and whose server has lived all the time, was heard to the end.
        let is_sure = player.lost == 0 && self.starts == 1 && player.said != player.start << 16;
        if knows && (!is_sure || heard == Some((player.said, 0))) {
            return Ok(());
        }
        Err(format!(
            "has said {:#x}, believes {:?}; true are {pocket:?}, {health} and {offers:?}; heard was {heard:x?}",
            player.said, player.town
        ))
    }

    fn end(mut self) -> Played {
        self.collect();
        self.played.lost = self.players.iter().map(|player| player.lost).sum();
        self.played
    }
}

/// Whether what changed hands is what the acceptor was told under that number.
fn is_as_told(taken: &Taken, told: &Heard) -> bool {
    let mut expected = taken.before;
    expected.put(told.gives);
    expected.take(told.wants) && expected == taken.after
}
