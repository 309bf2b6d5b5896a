//! The rules of Pythonville: what monsters do to players, and players to one another.
//!
//! They stand on the standard game, which knows walls and levels, tells players on which they are, thinks for its enemies, and
//! keeps names and distances where there is a store or a service. All that is said is a reliable message, so that it arrives once and in order, or not at all; whom nothing more can be told for now
//! is told anew, as soon as nothing waits for it, all that is so.

pub(crate) mod fight;
pub(crate) mod items;
pub(crate) mod leaders;
pub(crate) mod trade;
pub(crate) mod words;

use std::collections::BTreeMap;

use tickcast::Config;
use tickcast::game::{Admission, Departure, Game, Joining, Realm, Standard, Step, Verdict};
use tickcast::mail::{Delivery, WAITING_MAX};
use tickcast::profiles::Profile;
use tickcast::wire::{Position, Tick};
use tickcast::work::Done;

use fight::{Blow, Fights};
use leaders::Leaders;
use trade::{Ended, No, OFFERS_MAX, Offer, Trades};
use words::{News, Wish};

/// The kind of the monsters: the enemies of the standard game.
pub(crate) const MONSTER: u8 = tickcast::game::ENEMY;
/// Who stands nearer than so many units is within reach: a tile and a half of our maps.
pub(crate) const REACH: u64 = 24;
/// An offer stands for so many seconds.
const OFFER_S: f64 = 15.0;
/// So often the leaderboard is told.
const LEADERS_S: f64 = 2.0;
/// All that is so finds room where nothing waits: health and pocket, the map, the offers made and those got.
const _: () = assert!(2 + 2 * OFFERS_MAX <= WAITING_MAX);
/// Between two things that somebody says, and between two wishes to trade, there is so much time.
const SAY_S: f64 = 0.5;
const WISH_S: f64 = 0.1;

/// The game.
#[derive(Debug)]
pub(crate) struct Pythonville {
    /// What is underneath.
    standard: Standard,
    trades: Trades,
    fights: Option<Fights>,
    leaders: Leaders,
    /// When each may say something again, and when it may wish for something again.
    patience: BTreeMap<u32, [Tick; 2]>,
    /// Who is to be told anew, and how many lines it has missed.
    behind: BTreeMap<u32, u8>,
}

impl Pythonville {
    /// On top of the standard game that `config` describes, whose enemies bite instead of catching.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            standard: Standard::new(config).without_catches(),
            trades: Trades::new(),
            fights: None,
            leaders: Leaders::default(),
            patience: BTreeMap::new(),
            behind: BTreeMap::new(),
        }
    }

    /// What everyone has.
    #[allow(dead_code, reason = "for the test of trades on bad networks, which has these rules too")]
    pub(crate) fn trades(&self) -> &Trades {
        &self.trades
    }

    /// How well a player is.
    #[allow(dead_code, reason = "for the test of trades on bad networks, which has these rules too")]
    pub(crate) fn health(&self, player: u32) -> u8 {
        self.fights.as_ref().map_or(0, |fights| fights.health(player))
    }

    /// What takes a realm to begin with: before the first hook there is none.
    fn fights(&mut self, realm: &mut Realm<'_>) -> &mut Fights {
        self.fights.get_or_insert_with(|| {
            // Whoever has not heard yet that this is another server accepts an offer of the last one.
            self.trades.number_from(realm.random() as u32);
            Fights::new(realm.tick_rate().hz())
        })
    }
}

impl Game for Pythonville {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        let admission = self.standard.on_join(realm, joining);
        if !matches!(admission, Admission::Refused(_)) {
            let now = realm.tick();
            self.trades.arrive(joining.player);
            self.fights(realm).arrive(joining.player, now);
        }
        admission
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        let verdict = self.standard.on_move(realm, step);
        if verdict == Verdict::Accept
            && let Some(from) = step.from
        {
            self.leaders.walk(step.player, from, step.to);
        }
        verdict
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        match Wish::read(message) {
            None => self.standard.on_message(realm, player, message),
            Some(wish) if self.is_patient(realm, player, &wish) => self.on_wish(realm, player, wish),
            Some(_) => self.tell(realm, player, &News::No(No::TooFast)),
        }
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        self.standard.on_tick(realm);
        let now = realm.tick();
        let expired = self.trades.expire(now);
        self.tell_ended(realm, &expired);
        self.bite(realm);
        for (player, health) in self.fights(realm).heal(now) {
            self.tell(realm, player, &News::Health(health));
        }
        self.tell_anew(realm);
        self.tell_leaders(realm);
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        self.fights(realm).leave(player);
        let ended = self.trades.leave(player);
        self.tell_ended(realm, &ended);
        self.leaders.leave(player);
        self.patience.remove(&player);
        self.behind.remove(&player);
        self.standard.on_leave(realm, player, why);
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        self.standard.on_done(realm, done);
    }

    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        self.standard.on_order(realm, order)
    }

    fn on_recall(&mut self, realm: &mut Realm<'_>, profiles: Vec<Profile>, run: u64) {
        self.standard.on_recall(realm, profiles, run);
    }

    fn keep(
        &mut self,
        realm: &mut Realm<'_>,
        is_last: bool,
        profiles: &mut Vec<Profile>,
        forgotten: &mut Vec<u32>,
    ) {
        self.standard.keep(realm, is_last, profiles, forgotten);
    }

    fn on_stop(&mut self, realm: &mut Realm<'_>) -> bool {
        self.standard.on_stop(realm)
    }
}

/// What players wish for.
impl Pythonville {
    /// Whether enough time has gone by since the last of that sort.
    fn is_patient(&mut self, realm: &Realm<'_>, player: u32, wish: &Wish) -> bool {
        let (sort, pause) = match wish {
            Wish::Say(_) => (0, SAY_S),
            Wish::Strike | Wish::News => return true,
            Wish::Offer { .. } | Wish::Accept(_) | Wish::Decline(_) => (1, WISH_S),
        };
        let again_at = later(realm, pause);
        let free_at = &mut self.patience.entry(player).or_insert([Tick(0); 2])[sort];
        let is_free = *free_at <= realm.tick();
        if is_free {
            *free_at = again_at;
        }
        is_free
    }

    fn on_wish(&mut self, realm: &mut Realm<'_>, player: u32, wish: Wish) {
        let done = match wish {
            Wish::Say(text) => self.say(realm, player, &text),
            Wish::Strike => self.strike(realm, player),
            Wish::News => {
                self.behind.entry(player).or_default();
                Ok(())
            }
            Wish::Offer { to, gives, wants } => {
                let offered = self.trades.offer([player, to], [gives, wants], later(realm, OFFER_S));
                offered.map(|offer| self.tell_offered(realm, &offer))
            }
            Wish::Accept(number) => {
                self.trades.accept(player, number).map(|ended| self.tell_ended(realm, &ended))
            }
            Wish::Decline(number) => {
                self.trades.decline(player, number).map(|ended| self.tell_ended(realm, &[ended]))
            }
        };
        if let Err(why) = done {
            self.tell(realm, player, &News::No(why));
        }
    }

    fn say(&mut self, realm: &mut Realm<'_>, from: u32, text: &str) -> Result<(), No> {
        let said = News::Said { from, text: text.to_owned() };
        let everyone: Vec<u32> = realm.players().map(|player| player.client_id).collect();
        for player in everyone {
            self.tell(realm, player, &said);
        }
        Ok(())
    }

    /// Hits the nearest monster within reach.
    fn strike(&mut self, realm: &mut Realm<'_>, player: u32) -> Result<(), No> {
        let now = realm.tick();
        if !self.fights(realm).strikes(player, now) {
            return Err(No::TooFast);
        }
        let at = realm.player(player).ok_or(No::Nothing)?.at;
        let monsters = realm.entities().filter(|entity| entity.kind == MONSTER);
        let near = monsters.filter(|monster| is_near(at, monster.at));
        let nearest = near.min_by_key(|monster| at.distance_squared(monster.at)).ok_or(No::Nothing)?.id;
        let ended = self.fights(realm).hit(nearest);
        if ended {
            self.standard.send_off(realm, nearest);
        }
        self.tell(realm, player, &News::Struck { ended });
        Ok(())
    }
}

/// Monsters.
impl Pythonville {
    /// Every player whom a monster can reach is bitten.
    fn bite(&mut self, realm: &mut Realm<'_>) {
        let monsters: Vec<Position> =
            realm.entities().filter(|entity| entity.kind == MONSTER).map(|monster| monster.at).collect();
        let players: Vec<_> = realm.players().map(|player| (player.client_id, player.at)).collect();
        let now = realm.tick();
        for (player, at) in players {
            if monsters.iter().any(|monster| is_near(at, *monster)) {
                match self.fights(realm).bite(player, now) {
                    Some(Blow::Hurt(health)) => self.tell(realm, player, &News::Health(health)),
                    Some(Blow::Died) => self.die(realm, player),
                    None => {}
                }
            }
        }
    }
}

/// Where one comes back to life.
impl Pythonville {
    /// Of a player's offers none outlives it; the rest stays its own.
    fn die(&mut self, realm: &mut Realm<'_>, player: u32) {
        if let Some(level) = self.standard.level() {
            let home = level.spawn(u64::from(player));
            realm.relocate(player, home);
        }
        let ended = self.trades.die(player);
        self.tell_ended(realm, &ended);
        self.tell(realm, player, &News::Died);
    }
}

/// What players are told.
impl Pythonville {
    /// Tells a player, or notes that it is to be told anew.
    fn tell(&mut self, realm: &mut Realm<'_>, player: u32, news: &News) {
        let is_behind = self.behind.contains_key(&player);
        if is_behind || realm.send(player, Delivery::Reliable, &news.bytes()).is_err() {
            let missed = self.behind.entry(player).or_default();
            *missed = missed.saturating_add(1);
        }
    }

    fn tell_offered(&mut self, realm: &mut Realm<'_>, offer: &Offer) {
        for player in [offer.from, offer.to] {
            self.tell(realm, player, &offered(offer));
        }
    }

    fn tell_ended(&mut self, realm: &mut Realm<'_>, ended: &[Ended]) {
        for Ended { offer, how } in ended {
            for player in [offer.from, offer.to] {
                let pocket = self.trades.pocket(player);
                self.tell(realm, player, &News::Ended { number: offer.number, how: *how, pocket });
            }
        }
    }

    /// Every now and then, to everyone; what is lost of it comes again with the next.
    fn tell_leaders(&mut self, realm: &mut Realm<'_>) {
        if !realm.tick().0.is_multiple_of(later(realm, LEADERS_S).since(realm.tick())) {
            return;
        }
        let everyone: Vec<u32> = realm.players().map(|player| player.client_id).collect();
        let mut best = self.leaders.best();
        let of = best.len() as u8;
        if best.is_empty() {
            // That there is no place is told with a place that there is not.
            best.push((0, 0));
        }
        for (place, (leader, walked)) in (0..).zip(best) {
            let news = News::Leader { place, of, player: leader, walked }.bytes();
            for player in &everyone {
                let _may_be_lost = realm.send(*player, Delivery::Unreliable, &news);
            }
        }
    }

    /// All that is so, to those who are behind, as soon as nothing else waits for them. It is told whole or not at all: whoever
    /// has room for half of it would be told half of it again and again, and never come to the end.
    fn tell_anew(&mut self, realm: &mut Realm<'_>) {
        for (player, missed) in std::mem::take(&mut self.behind) {
            if realm.waiting_messages(player) > 0 {
                self.behind.insert(player, missed);
                continue;
            }
            let (health, pocket) = (self.fights(realm).health(player), self.trades.pocket(player));
            let mut tell = |news: &News| realm.send(player, Delivery::Reliable, &news.bytes()).is_ok();
            let has_begun = tell(&News::Anew { health, pocket, missed });
            let offers = self.trades.offers().iter().filter(|offer| offer.is_of(player)).map(offered);
            match has_begun {
                true => offers.for_each(|news| _ = tell(&news)),
                // Nobody is there who reads.
                false => _ = self.behind.insert(player, missed),
            }
        }
    }
}

/// Whether monsters bite and players strike from here to there.
pub(crate) fn is_near(at: Position, other: Position) -> bool {
    at.distance_squared(other) <= REACH * REACH
}

fn offered(offer: &Offer) -> News {
    let Offer { number, from, to, gives, wants, .. } = *offer;
    News::Offered { number, from, to, gives, wants }
}

/// So many seconds from now.
fn later(realm: &Realm<'_>, seconds: f64) -> Tick {
    Tick(realm.tick().0 + ((seconds * realm.tick_rate().hz()) as u64).max(1))
}
