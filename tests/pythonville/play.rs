//! A town on a bad network: everything that happens, in the order of its time, drawn from one seed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use tickcast::Config;
use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::gate::PeerAddr;
use tickcast::mail::Delivery;
use tickcast::path::{Impairment, Path};
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{Encoding, Position, Tick};

use crate::rules::items::Item;
use crate::rules::words::{News, Wish};
use crate::tie::Tie;
use crate::town::{Heard, Town};
use crate::watched::{Shared, Taken};

const CLIENTS: usize = 8;
const FIRST_ID: u32 = 100;
/// For so many ticks there is trouble; after that the network is good, and nobody wishes for anything more.
const TROUBLE_TICKS: u64 = 300;
/// And then all must know the same within so many: who crashed is timed out first.
const CALM_TICKS_MAX: u64 = 360;
const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Tick,
    Turn(usize),
    Up(SocketAddr, Vec<u8>),
    Down(usize, SocketAddr, Vec<u8>),
    Trouble,
    ClientBack(usize),
    ServerBack,
}

/// A client, and the player at it.
struct Actor {
    /// `None` while it has crashed.
    client: Option<Client>,
    town: Town,
    starts: u32,
    said: u32,
    /// How much of what it has said may not have been heard, as it was told.
    lost: u64,
    /// What it was told under the numbers that it has accepted.
    accepted: HashMap<u32, Heard>,
    /// The newest of what it heard each say.
    heard: HashMap<u32, u32>,
    addr: SocketAddr,
    up: Path,
    down: Path,
    cut_off_until: Duration,
    tie: Tie,
}

/// What has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Played {
    pub(crate) trades: u64,
    pub(crate) checked: u64,
    pub(crate) lines_heard: u64,
    /// News that could not be told, as those were told whom it concerned.
    pub(crate) missed: u64,
    pub(crate) lost: u64,
    pub(crate) datagrams_lost: u64,
    pub(crate) troubles: u64,
    pub(crate) calm_ticks: u64,
    /// Of all that has happened, to the last byte.
    pub(crate) digest: u64,
}

pub(crate) struct Play {
    draw: Xoshiro256PlusPlus,
    seed: u64,
    origin: Instant,
    now: Duration,
    due: BinaryHeap<Reverse<(Duration, u64, What)>>,
    found_out: u64,
    config: Config,
    /// `None` while it has crashed.
    server: Option<(Server, Shared)>,
    starts: u64,
    tick: u64,
    actors: Vec<Actor>,
    places: HashMap<SocketAddr, usize>,
    played: Played,
    happened: DefaultHasher,
}

/// Plays one seed to its end.
pub(crate) fn play(seed: u64, origin: Instant) -> Result<Played, String> {
    let mut play = Play::new(seed, origin);
    play.run().map_err(|what| format!("seed {seed}, tick {}: {what}", play.tick))
}

impl Play {
    fn new(seed: u64, origin: Instant) -> Self {
        let mut draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        let datagram_bytes = [256, 500, 1_200][draw.random_range(0..3)];
        let config = Config { timeout: TIMEOUT, datagram_bytes, ..Config::default() };
        let mut play = Self {
            draw,
            seed,
            origin,
            now: Duration::ZERO,
            due: BinaryHeap::new(),
            found_out: 0,
            config,
            server: None,
            starts: 0,
            tick: 0,
            actors: Vec::new(),
            places: HashMap::new(),
            played: Played::default(),
            happened: DefaultHasher::new(),
        };
        play.start_server();
        play.at(play.period(), What::Tick);
        (0..CLIENTS).for_each(|index| play.seat(index));
        for _ in 0..play.draw.random_range(0..CLIENTS) {
            let at = play.period().mul_f64(play.draw.random_range(0.0..TROUBLE_TICKS as f64));
            play.at(at, What::Trouble);
        }
        play
    }

    fn seat(&mut self, index: usize) {
        let path = |draw: &mut Xoshiro256PlusPlus| Path::new(impairment(draw), draw.random());
        let (up, down) = (path(&mut self.draw), path(&mut self.draw));
        let addr = SocketAddr::from(([10, 0, 0, index as u8 + 1], 4_000));
        let actor = Actor {
            client: None,
            town: Town::new(FIRST_ID + index as u32),
            starts: 0,
            said: 0,
            lost: 0,
            accepted: HashMap::new(),
            heard: HashMap::new(),
            addr,
            up,
            down,
            cut_off_until: Duration::ZERO,
            tie: Tie::default(),
        };
        self.actors.push(actor);
        self.places.insert(addr, index);
        self.start_client(index);
        let phase = self.period().mul_f64(self.draw.random());
        self.at(phase, What::Turn(index));
    }

    fn period(&self) -> Duration {
        self.config.tick_rate.period()
    }

    fn at(&mut self, at: Duration, what: What) {
        self.found_out += 1;
        self.due.push(Reverse((at, self.found_out, what)));
    }

    fn is_calm(&self) -> bool {
        self.tick >= TROUBLE_TICKS
    }

    fn run(&mut self) -> Result<Played, String> {
        while let Some(Reverse((at, _, what))) = self.due.pop() {
            self.now = at;
            (at, &what).hash(&mut self.happened);
            let is_tick = what == What::Tick;
            self.happen(what)?;
            if !is_tick || !self.is_calm() {
                continue;
            }
            if self.tick == TROUBLE_TICKS {
                self.calm_down();
            }
            match self.who_is_wrong() {
                None => return Ok(self.ended()),
                Some(what) if self.tick > TROUBLE_TICKS + CALM_TICKS_MAX => return Err(what),
                Some(_) => {}
            }
        }
        Err("nothing happens any more".into())
    }

    fn ended(&mut self) -> Played {
        self.collect();
        for actor in &self.actors {
            self.played.lost += actor.lost;
            self.played.datagrams_lost += actor.up.passed().lost + actor.down.passed().lost;
        }
        self.played.calm_ticks = self.tick - TROUBLE_TICKS;
        self.played.digest = self.happened.finish();
        self.played
    }

    fn happen(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Tick => return self.on_tick(),
            What::Turn(index) => self.on_turn(index),
            What::Up(from, bytes) => self.on_up(from, &bytes),
            What::Down(index, to, bytes) => return self.on_down(index, to, &bytes),
            What::Trouble => self.on_trouble(),
            What::ClientBack(index) => self.start_client(index),
            What::ServerBack => self.start_server(),
        }
        Ok(())
    }
}

/// The server.
impl Play {
    fn start_server(&mut self) {
        if self.server.is_some() {
            return;
        }
        self.starts += 1;
        let secret = Secret::from_seed(self.seed).derive(&format!("server {}", self.starts));
        let game = Shared::new(&self.config);
        let now = self.origin + self.now;
        let server = Server::with_game(self.config.clone(), Box::new(game.clone()), &secret, now);
        self.server = Some((server.expect("a good configuration"), game));
    }

    /// What the game has seen, before it goes.
    fn collect(&mut self) {
        if let Some((_, game)) = &self.server {
            let game = game.look();
            self.played.trades += game.trades();
            self.played.checked += game.checked;
        }
    }

    fn on_tick(&mut self) -> Result<(), String> {
        self.tick += 1;
        self.at(self.period() * (self.tick as u32 + 1), What::Tick);
        let now = self.origin + self.now;
        let Some((server, game)) = &mut self.server else { return Ok(()) };
        server.tick(now, Tick(self.tick));
        let (mut batch, mut due) = (Batch::new(self.config.datagram_bytes), Vec::new());
        while server.poll(&mut batch) {
            due.extend(batch.iter().map(|(to, bytes)| (to.remote(), bytes.to_vec())));
        }
        if let Some(broken) = game.look().broken.take() {
            return Err(broken);
        }
        for taken in game.look().taken.drain(..) {
            let told = self.actors[(taken.by - FIRST_ID) as usize].accepted.get(&taken.number);
            if !told.is_some_and(|told| is_as_told(&taken, told)) {
                return Err(format!("{taken:?}, and {told:?} was accepted"));
            }
        }
        due.iter().for_each(|(to, bytes)| self.send_down(*to, bytes));
        Ok(())
    }

    fn on_up(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Some((server, _)) = &self.server else { return };
        let peer = PeerAddr::udp(from, None).expect("all are somebody's addresses");
        let reply = server.gate().receive(self.origin + self.now, peer, bytes);
        if let Some(reply) = reply {
            let reply = reply.to_vec();
            self.send_down(from, &reply);
        }
    }

    /// What arrives with a wrong bit, a checksum on the way has thrown away.
    fn send_down(&mut self, to: SocketAddr, bytes: &[u8]) {
        let Some(&index) = self.places.get(&to) else { return };
        let actor = &mut self.actors[index];
        if self.now < actor.cut_off_until {
            return;
        }
        for arrival in actor.down.send(self.now, bytes.len()) {
            if arrival.wrong_bit.is_none() {
                self.at(arrival.at, What::Down(index, to, bytes.to_vec()));
            }
        }
    }
}

/// The clients.
impl Play {
    /// One that has forgotten everything.
    fn start_client(&mut self, index: usize) {
        let (now, id) = (self.origin + self.now, FIRST_ID + index as u32);
        let encoding = [Encoding::Plain, Encoding::Compact][self.draw.random_range(0..2)];
        let actor = &mut self.actors[index];
        if actor.client.is_some() {
            return;
        }
        actor.starts += 1;
        actor.said = actor.starts << 16;
        (actor.town, actor.tie) = (Town::new(id), Tie::default());
        let secret = Secret::from_seed(self.seed).derive(&format!("client {index}, {}", actor.starts));
        let config = ClientConfig { encoding, interpolation: None, ..ClientConfig::new(id) };
        actor.client = Some(Client::new(config, &secret, now));
    }

    fn on_turn(&mut self, index: usize) {
        self.at(self.now + self.period(), What::Turn(index));
        let now = self.origin + self.now;
        let wish = if self.is_calm() { None } else { self.wish(index) };
        let actor = &mut self.actors[index];
        let Some(client) = &mut actor.client else { return };
        actor.tie.hold(now, client);
        // Where too much waits already, the wish is not sent, and the player may wish again.
        if let Some(wish) = wish
            && client.send(Delivery::Reliable, &wish.bytes()).is_ok()
        {
            actor.said += u32::from(matches!(wish, Wish::Say(_)));
            let asked = actor.town.asked().filter(|offer| wish == Wish::Accept(offer.number));
            actor.accepted.extend(asked.map(|offer| (offer.number, *offer)));
        }
        while client.take_lost().is_some() {
            actor.lost += 1;
        }
        let mut hello = Vec::new();
        if client.poll(now, &mut hello) {
            self.send_up(index, &hello);
        }
        let mut step = Vec::new();
        let at = Position { x: index as i32, y: 0 };
        if self.actors[index].client.as_mut().is_some_and(|client| client.move_to(at, 0, &mut step).is_some())
        {
            self.send_up(index, &step);
        }
    }

    /// Something that a player wishes for, every fourth turn.
    fn wish(&mut self, index: usize) -> Option<Wish> {
        let item = |draw: &mut Xoshiro256PlusPlus| Item::ALL[draw.random_range(0..Item::ALL.len())];
        let (gives, wants) = (item(&mut self.draw), item(&mut self.draw));
        let to = FIRST_ID + self.draw.random_range(0..CLIENTS as u32);
        let actor = &mut self.actors[index];
        let asked = actor.town.asked().map(|offer| offer.number);
        match self.draw.random_range(0..100) {
            0..10 => Some(Wish::Offer { to, gives, wants }),
            10..20 => asked.map(Wish::Accept),
            20..22 => asked.map(Wish::Decline),
            22..28 => Some(Wish::Say((actor.said + 1).to_string())),
            _ => None,
        }
    }

    fn send_up(&mut self, index: usize, bytes: &[u8]) {
        let actor = &mut self.actors[index];
        let (from, is_cut_off) = (actor.addr, self.now < actor.cut_off_until);
        for arrival in actor.up.send(self.now, bytes.len()) {
            if arrival.wrong_bit.is_none() && !is_cut_off {
                self.at(arrival.at, What::Up(from, bytes.to_vec()));
            }
        }
    }

    fn on_down(&mut self, index: usize, to: SocketAddr, bytes: &[u8]) -> Result<(), String> {
        let now = self.origin + self.now;
        let actor = &mut self.actors[index];
        let Some(client) = actor.client.as_mut().filter(|_| actor.addr == to) else { return Ok(()) };
        if let Some(event) = client.receive(now, bytes) {
            actor.tie.on_event(now, &event);
        }
        if self.is_asleep(index) {
            return Ok(());
        }
        while let Some(message) = self.actors[index].client.as_mut().and_then(Client::take_message) {
            let news = News::read(&message).ok_or_else(|| format!("no news: {message:?}"))?;
            self.hear(index, news)?;
        }
        Ok(())
    }

    /// In every third play one plays along and listens to nothing, until more waits for it than may.
    fn is_asleep(&self, index: usize) -> bool {
        self.seed.is_multiple_of(3) && index == 0 && !self.is_calm()
    }

    /// Nobody is heard to say anything twice, or anything older than before.
    fn hear(&mut self, index: usize, news: News) -> Result<(), String> {
        let actor = &mut self.actors[index];
        if let News::Said { from, text } = &news {
            let number: u32 = text.parse().map_err(|_| format!("{from} says {text}"))?;
            let last = actor.heard.insert(*from, number).unwrap_or(0);
            if number <= last {
                return Err(format!("client {index} hears {from} say {number} after {last}"));
            }
            self.played.lines_heard += 1;
        }
        if let News::Anew { missed, .. } = &news {
            self.played.missed += u64::from(*missed);
        }
        actor.town.on_news(news);
        Ok(())
    }
}

/// Trouble, and its end.
impl Play {
    fn on_trouble(&mut self) {
        self.played.troubles += 1;
        let index = self.draw.random_range(0..CLIENTS);
        let long = Duration::from_secs(3).mul_f64(self.draw.random::<f64>().powi(2));
        let actor = &mut self.actors[index];
        match self.draw.random_range(0..10) {
            // The client takes its player over from another address, and does not know.
            0..4 => {
                actor.addr.set_port(actor.addr.port() + 1);
                self.places.insert(actor.addr, index);
            }
            4..7 => {
                actor.client = None;
                self.at(self.now + long, What::ClientBack(index));
            }
            7..9 => actor.cut_off_until = self.now + long,
            _ => {
                self.collect();
                self.server = None;
                self.at(self.now + long, What::ServerBack);
            }
        }
    }

    fn calm_down(&mut self) {
        self.start_server();
        for index in 0..CLIENTS {
            self.start_client(index);
            let actor = &mut self.actors[index];
            actor.cut_off_until = self.now;
            for path in [&mut actor.up, &mut actor.down] {
                self.played.datagrams_lost += path.passed().lost;
                *path = Path::new(Impairment::default(), 0);
            }
        }
    }

    /// Somebody who does not know what is true, and what.
    fn who_is_wrong(&self) -> Option<String> {
        let (server, game) = self.server.as_ref()?;
        let game = game.look();
        self.actors.iter().find_map(|actor| {
            let Some(client) = &actor.client else { return Some("a client is missing".into()) };
            let is_there = client.phase() == Phase::Playing
                && client.welcome().is_some_and(|welcome| welcome.epoch == server.epoch());
            let offers: VecDeque<u32> = game.offers(actor.town.me).iter().map(|offer| offer.number).collect();
            let told: VecDeque<u32> = actor.town.offers.iter().map(|offer| offer.number).collect();
            let knows = actor.town.pocket == game.pocket(actor.town.me)
                && actor.town.health == game.health(actor.town.me)
                && told == offers;
            // Who was never told that something may be lost, and whose server has lived all the time, was heard to the end.
            let is_sure = actor.lost == 0 && self.starts == 1 && actor.said != actor.starts << 16;
            let knows = knows && (!is_sure || game.heard(actor.town.me) == Some((actor.said, 0)));
            (!is_there || !knows).then(|| {
                let pocket = game.pocket(actor.town.me);
                let heard = game.heard(actor.town.me);
                format!(
                    "{:?}, has said {:#x}, believes {:?}; true are {pocket:?} and {offers:?}; heard was {heard:x?}",
                    client.phase(), actor.said, actor.town
                )
            })
        })
    }
}

/// Whether what changed hands is what the acceptor was told under that number.
fn is_as_told(taken: &Taken, told: &Heard) -> bool {
    let mut expected = taken.before;
    expected.put(told.gives);
    expected.take(told.wants) && expected == taken.after
}

/// How bad one direction is; every third is good.
fn impairment(draw: &mut Xoshiro256PlusPlus) -> Impairment {
    if draw.random_range(0..3) == 0 {
        return Impairment::default();
    }
    let some = |draw: &mut Xoshiro256PlusPlus, most: f64| most * draw.random::<f64>().powi(2);
    let loss = some(draw, 0.4);
    Impairment {
        loss,
        burst: draw.random_bool(0.5).then(|| 1.0 + some(draw, 12.0)),
        delay: Duration::from_secs_f64(some(draw, 0.3)),
        jitter: Duration::from_secs_f64(some(draw, 0.1)),
        reorder: some(draw, 0.3),
        duplicate: some(draw, 0.3),
        corrupt: some(draw, 0.1),
        ..Impairment::default()
    }
}
