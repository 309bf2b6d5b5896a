//! What a player knows of the town: made of the news that it is told, in order.
//!
//! The screen shows it, bots act upon it, and the simulation holds it against what is true.

use std::collections::VecDeque;

use tickcast::game::words::Told;

use crate::rules::fight::HEALTH;
use crate::rules::items::{Item, Pocket};
use crate::rules::leaders::LEADERS_MAX;
use crate::rules::trade::{End, No, OFFERS_MAX};
use crate::rules::words::News;

/// Lines that are kept to be read.
const LINES_MAX: usize = 50;

/// How the first players are called, from 1 on: the bots.
const NAMES: [&str; 12] = [
    "Anna", "Brian", "Camelot", "Dinsdale", "Eric", "Flora", "Galahad", "Herbert", "Igor", "Judith",
    "Knight", "Lancelot",
];

/// An offer that stands, as a player was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) number: u32,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) gives: Item,
    pub(crate) wants: Item,
}

/// What a line is about: the screen has a colour for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Chat,
    Trade,
    Fight,
    Town,
}

/// What one player knows.
#[derive(Debug)]
pub(crate) struct Town {
    /// Its own number.
    pub(crate) me: u32,
    pub(crate) health: u8,
    pub(crate) pocket: Pocket,
    /// The offers that it has a part in, the oldest first.
    pub(crate) offers: Vec<Heard>,
    /// What has happened, the newest last.
    pub(crate) lines: VecDeque<(About, String)>,
    /// Who has walked the farthest, and how far, the best first.
    pub(crate) leaders: Vec<(u32, u32)>,
    /// The file name of the map that all are on.
    pub(crate) level: Option<String>,
}

impl Town {
    pub(crate) fn new(me: u32) -> Self {
        Self {
            me,
            health: HEALTH,
            pocket: Pocket::default(),
            offers: Vec::new(),
            lines: VecDeque::new(),
            leaders: Vec::new(),
            level: None,
        }
    }

    /// How a player is called.
    pub(crate) fn name(&self, player: u32) -> String {
        match NAMES.get((player as usize).wrapping_sub(1)) {
            _ if player == self.me => "you".into(),
            Some(name) => (*name).to_owned(),
            None => format!("P{player}"),
        }
    }

    /// The oldest offer that waits for this player's answer.
    pub(crate) fn asked(&self) -> Option<&Heard> {
        self.offers.iter().find(|offer| offer.to == self.me)
    }

    /// One more line to read.
    pub(crate) fn note(&mut self, about: About, line: impl Into<String>) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back((about, line.into()));
    }

    /// Takes in what the town has told.
    pub(crate) fn on_news(&mut self, news: News) {
        match news {
            News::Anew { health, pocket, missed } => self.on_anew(health, pocket, missed),
            News::Offered { number, from, to, gives, wants } => {
                self.on_offered(Heard { number, from, to, gives, wants });
            }
            News::Ended { number, how, pocket } => self.on_ended(number, how, pocket),
            News::No(why) => self.note(About::Town, said_no(why)),
            News::Health(health) => self.health = health,
            News::Died => {
                self.health = HEALTH;
                self.note(About::Fight, "you died, and wake up somewhere else");
            }
            News::Struck { ended: true } => self.note(About::Fight, "that was the monster's end"),
            News::Struck { ended: false } => self.note(About::Fight, "you hit a monster"),
            News::Said { from, text } => {
                let line = format!("{}: {text}", self.name(from));
                self.note(About::Chat, line);
            }
            News::Leader { place, of, player, walked } => {
                self.leaders.truncate(of.into());
                if place < of {
                    self.on_leader(place.into(), (player, walked));
                }
            }
        }
    }

    /// Takes in what the standard game has told.
    pub(crate) fn on_told(&mut self, told: &Told) {
        if let Told::Level { name, .. } = told {
            self.on_map(name.as_str());
        }
    }

    /// Places may be told in any order; each but the first stands behind another.
    fn on_leader(&mut self, place: usize, new: (u32, u32)) {
        match self.leaders.get_mut(place) {
            Some(leader) => *leader = new,
            None if place < LEADERS_MAX => self.leaders.resize(place + 1, new),
            None => {}
        }
    }

    fn on_map(&mut self, name: &str) {
        if self.level.as_deref() != Some(name) {
            let shown =
                if name.is_empty() { "a place without a name" } else { name.trim_end_matches(".tmx") };
            self.note(About::Town, format!("this is {shown}"));
            self.level = Some(name.to_owned());
        }
    }

    fn on_anew(&mut self, health: u8, pocket: Pocket, missed: u8) {
        (self.health, self.pocket) = (health, pocket);
        self.offers.clear();
        if missed > 0 {
            self.note(About::Town, format!("you have missed {missed} lines"));
        }
    }

    fn on_offered(&mut self, offer: Heard) {
        let (from, to) = (self.name(offer.from), self.name(offer.to));
        let verb = if offer.from == self.me { "offer" } else { "offers" };
        let line = format!("{from} {verb} {to} {} for {}", offer.gives.name(), offer.wants.name());
        self.note(About::Trade, line);
        // No server of ours tells of more.
        if self.offers.len() < 2 * OFFERS_MAX {
            self.offers.push(offer);
        }
    }

    fn on_ended(&mut self, number: u32, how: End, pocket: Pocket) {
        self.pocket = pocket;
        let Some(place) = self.offers.iter().position(|offer| offer.number == number) else { return };
        let offer = self.offers.remove(place);
        let is_mine = offer.from == self.me;
        let (other, got) = if is_mine { (offer.to, offer.wants) } else { (offer.from, offer.gives) };
        let other = self.name(other);
        let line = match how {
            End::Taken => format!("traded with {other}: you have {} now", got.name()),
            End::Declined => format!("no trade with {other}: declined"),
            End::Withdrawn => format!("no trade with {other}: taken back"),
            End::Left => format!("no trade with {other}: left"),
            End::Died => format!("no trade with {other}: death came between"),
            End::GivenAway => format!("no trade with {other}: it is gone"),
            End::Expired => format!("no trade with {other}: too late"),
        };
        self.note(About::Trade, line);
    }
}

fn said_no(why: No) -> &'static str {
    match why {
        No::Nobody => "nobody of that name is here",
        No::Pointless => "that would change nothing",
        No::NotYours => "you do not have that",
        No::NotTheirs => "they do not have that",
        No::TooMany => "there are too many offers already",
        No::Over => "that offer is over",
        No::TooFast => "not so fast",
        No::Nothing => "no monster is near enough",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_is_shown_at_once_and_whole() {
        let mut town = Town::new(7);
        town.on_news(News::Anew { health: 4, pocket: Pocket([1, 0, 0, 0, 0]), missed: 0 });
        let offered = News::Offered { number: 3, from: 99, to: 7, gives: Item::Sword, wants: Item::Apple };
        town.on_news(offered);
        assert_eq!(town.asked().map(|offer| offer.number), Some(3));
        town.on_news(News::Ended { number: 3, how: End::Taken, pocket: Pocket([0, 0, 0, 1, 0]) });
        assert_eq!((town.asked(), town.pocket), (None, Pocket([0, 0, 0, 1, 0])));
        let lines: Vec<&str> = town.lines.iter().map(|(_, line)| &line[..]).collect();
        assert_eq!(lines, ["P99 offers you sword for apple", "traded with P99: you have sword now"]);
    }

    #[test]
    fn what_is_told_anew_replaces_all_that_was() {
        let mut town = Town::new(7);
        let offered = News::Offered { number: 3, from: 7, to: 9, gives: Item::Sword, wants: Item::Apple };
        town.on_news(offered);
        assert_eq!(town.asked(), None, "it waits for 9");
        town.on_news(News::Anew { health: 4, pocket: Pocket::of_each(2), missed: 1 });
        assert_eq!((town.health, town.offers.len(), town.pocket), (4, 0, Pocket::of_each(2)));
        let leader = |place, of, player| News::Leader { place, of, player, walked: player };
        [leader(1, 2, 5), leader(0, 2, 6), leader(9, 10, 7)].into_iter().for_each(|news| town.on_news(news));
        assert_eq!(town.leaders, [(6, 6), (5, 5)]);
        town.on_news(leader(0, 1, 8));
        assert_eq!(town.leaders, [(8, 8)], "the other has left");
        town.on_news(leader(0, 0, 0));
        assert_eq!(town.leaders, [], "all have");
        (0..100).for_each(|number| {
            town.on_news(News::Offered { number, from: 9, to: 7, gives: Item::Sword, wants: Item::Apple });
        });
        assert_eq!(town.offers.len(), 2 * OFFERS_MAX, "however many a server tells of");
        (0..100).for_each(|line| town.note(About::Chat, format!("{line}")));
        assert_eq!(town.lines.len(), LINES_MAX);
    }
}
