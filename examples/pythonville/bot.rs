//! A player that nobody plays: it wanders, strikes back, trades and chats, all of it drawn from a seed.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use crate::app::Stride;
use crate::rules::items::Item;
use crate::rules::words::Wish;
use crate::town::{Heard, Town};

/// What bots say.
const SAYINGS: [&str; 8] = [
    "spam, spam, spam, egg and spam",
    "has anybody seen my parrot?",
    "it is only a flesh wound",
    "what is the airspeed of a swallow?",
    "bring out your shrubbery",
    "and now for something different",
    "nobody expects a monster here",
    "I came here for an argument",
];

/// A mind. It is asked ten times a second.
#[derive(Debug)]
pub(crate) struct Bot {
    draw: Xoshiro256PlusPlus,
    heading: Stride,
}

/// What a bot does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Walk(Stride),
    Wish(Wish),
    Rest,
}

impl Bot {
    pub(crate) fn new(seed: u64) -> Self {
        Self { draw: Xoshiro256PlusPlus::seed_from_u64(seed), heading: Stride { dx: 1, dy: 0 } }
    }

    /// `people`: who else is near, the nearest first.
    pub(crate) fn act(&mut self, town: &Town, is_monster_near: bool, people: &[u32]) -> Act {
        if is_monster_near && self.draw.random_bool(0.4) {
            return Act::Wish(Wish::Strike);
        }
        match self.draw.random_range(0..1_000) {
            0..5 => Act::Wish(Wish::Say(self.one_of(&SAYINGS).into())),
            5..40 => self.offer(town, people).map_or(Act::Rest, Act::Wish),
            40..140 => town.asked().map_or(Act::Rest, |offer| Act::Wish(answer(town, offer))),
            140..240 => {
                let [dx, dy] = self.one_of(&[[1, 0], [-1, 0], [0, 1], [0, -1]]);
                self.heading = Stride { dx, dy };
                Act::Walk(self.heading)
            }
            240..500 => Act::Walk(self.heading),
            _ => Act::Rest,
        }
    }

    /// Something that it has, to one who is near, for something that it could do with.
    fn offer(&mut self, town: &Town, people: &[u32]) -> Option<Wish> {
        let to = self.one_of(people.get(..people.len().min(3)).filter(|near| !near.is_empty())?);
        let (gives, wants) = (self.one_of(&Item::ALL), self.one_of(&Item::ALL));
        let is_good = gives != wants && town.pocket.of(gives) > 0;
        is_good.then_some(Wish::Offer { to, gives, wants })
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.draw.random_range(0..all.len())]
    }
}

/// It wants of everything as much.
fn answer(town: &Town, offer: &Heard) -> Wish {
    let (gets, loses) = (town.pocket.of(offer.gives), town.pocket.of(offer.wants));
    if gets < loses { Wish::Accept(offer.number) } else { Wish::Decline(offer.number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::items::Pocket;
    use crate::rules::words::News;

    fn acts(town: &Town, is_monster_near: bool, people: &[u32]) -> Vec<Act> {
        let mut bot = Bot::new(1);
        (0..2_000).map(|_| bot.act(town, is_monster_near, people)).collect()
    }

    #[test]
    fn a_bot_does_a_little_of_everything() {
        let mut town = Town::new(7);
        town.on_news(News::Anew { health: 5, pocket: Pocket([2, 0, 0, 1, 0]), missed: 0 });
        town.on_news(News::Offered { number: 4, from: 8, to: 7, gives: Item::Egg, wants: Item::Apple });
        town.on_news(News::Offered { number: 5, from: 8, to: 7, gives: Item::Sword, wants: Item::Sword });
        let acts = acts(&town, false, &[8, 9]);
        let count = |is_it: fn(&Act) -> bool| acts.iter().filter(|act| is_it(act)).count();
        assert!(count(|act| matches!(act, Act::Walk(_))) > 400);
        assert!(count(|act| matches!(act, Act::Wish(Wish::Say(_)))) > 2);
        assert!(count(|act| matches!(act, Act::Wish(Wish::Offer { to: 8 | 9, .. }))) > 10);
        assert!(count(|act| *act == Act::Wish(Wish::Accept(4))) > 100, "it has no egg");
        assert_eq!(count(|act| *act == Act::Wish(Wish::Strike)), 0);
    }

    #[test]
    fn a_bot_strikes_back_and_offers_nothing_to_nobody() {
        let acts = acts(&Town::new(7), true, &[]);
        assert!(acts.iter().filter(|act| **act == Act::Wish(Wish::Strike)).count() > 400);
        assert!(!acts.iter().any(|act| matches!(act, Act::Wish(Wish::Offer { .. }))));
    }
}
