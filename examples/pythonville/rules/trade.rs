//! Trades: two things change hands at once, or neither does.
//!
//! Lesson, the picture of Pythonville: players trade, and nobody waits for anybody. An offer stands until it is taken,
//! declined, or can no longer be kept; meanwhile both go on playing. No clock and no I/O: ticks are arguments, and who is to
//! hear of what became of an offer is given back. No store either: when the server is started again, the town begins anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tickcast::wire::Tick;

use super::items::{Item, Pocket};

/// What one may have offered, and be offered, at a time: as many as one looks through while monsters are about.
pub(crate) const OFFERS_MAX: usize = 4;
/// Who has left is remembered with all that it has, so many of them; whose turn is over gives it back to the town.
const AWAY_MAX: usize = 256;
/// What the town has of each kind at first. No pocket can hold more, so a byte counts it.
const STOCK: u8 = 200;
/// What a newcomer is given, at the most.
const KIT: usize = 3;

/// One thing for another, between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// No other offer has it that anybody still remembers.
    pub(crate) number: u32,
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// What `from` gives.
    pub(crate) gives: Item,
    /// What `to` gives for it.
    pub(crate) wants: Item,
    /// From this tick on it stands no longer.
    pub(crate) until: Tick,
}

/// How an offer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both have what the other gave.
    Taken,
    Declined,
    Withdrawn,
    /// One of the two has left.
    Left,
    /// One of the two has died.
    Died,
    /// One of the two has given away what this was about.
    GivenAway,
    /// Nobody has answered it.
    Expired,
}

/// An offer that stands no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) offer: Offer,
    pub(crate) how: End,
}

/// Why nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum No {
    /// There is no such player here.
    Nobody,
    /// One does not trade with oneself, nor a thing for its like.
    Pointless,
    /// Who offers it has none.
    NotYours,
    /// Who is to give it has none.
    NotTheirs,
    /// One of the two has as many offers as one may have.
    TooMany,
    /// No such offer stands between the two.
    Over,
    /// It asks for more than anybody can say or do in the time.
    TooFast,
    /// There is no monster within reach.
    Nothing,
}

/// Who has what, and who has offered what to whom.
///
/// - Who comes and goes: [`Trades::arrive`], [`Trades::leave`].
/// - What players ask for: [`Trades::offer`], [`Trades::accept`], [`Trades::decline`].
/// - What else ends offers: [`Trades::die`], [`Trades::expire`].
///
/// Each does all of its work or nothing. Nothing is ever made or lost: what the town holds, and all pockets, are together
/// what there was at first. Whatever stands can be taken: both are here, and have what they would give.
#[derive(Clone, Debug)]
pub(crate) struct Trades {
    /// What nobody has yet.
    chest: Pocket,
    /// Of all who are here, and of those who have been.
    pockets: BTreeMap<u32, Pocket>,
    here: BTreeSet<u32>,
    /// Who has left, the longest ago first.
    away: VecDeque<u32>,
    offers: Vec<Offer>,
    last_number: u32,
}

impl Trades {
    pub(crate) fn new() -> Self {
        Self {
            chest: Pocket::of_each(STOCK),
            pockets: BTreeMap::new(),
            here: BTreeSet::new(),
            away: VecDeque::new(),
            offers: Vec::new(),
            last_number: 0,
        }
    }

    /// The next offer has the number behind this one, and so on.
    pub(crate) fn number_from(&mut self, number: u32) {
        self.last_number = number;
    }

    /// A player is here from now on: with what it had when it left, or with what a newcomer is given.
    pub(crate) fn arrive(&mut self, player: u32) {
        self.here.insert(player);
        self.away.retain(|away| *away != player);
        if !self.pockets.contains_key(&player) {
            let kit = self.kit(player);
            self.pockets.insert(player, kit);
        }
    }

    /// Different things for different newcomers, so that there is something to trade.
    fn kit(&mut self, player: u32) -> Pocket {
        let mut kit = Pocket::default();
        let kinds = Item::ALL.iter().cycle().skip(player as usize % Item::ALL.len());
        for item in kinds.take(KIT) {
            if self.chest.take(*item) {
                kit.put(*item);
            }
        }
        kit
    }

    /// A player has gone, and keeps what it has until it comes back.
    pub(crate) fn leave(&mut self, player: u32) -> Vec<Ended> {
        if !self.here.remove(&player) {
            return Vec::new();
        }
        self.away.push_back(player);
        if self.away.len() > AWAY_MAX
            && let Some(longest) = self.away.pop_front()
            && let Some(pocket) = self.pockets.remove(&longest)
        {
            self.chest.put_all(&pocket);
        }
        self.end(End::Left, |offer| offer.is_of(player))
    }

    /// A player has died: it keeps what it has, but what it offered or was offered is over.
    pub(crate) fn die(&mut self, player: u32) -> Vec<Ended> {
        self.end(End::Died, |offer| offer.is_of(player))
    }

    /// What nobody has answered until `now` is over.
    pub(crate) fn expire(&mut self, now: Tick) -> Vec<Ended> {
        self.end(End::Expired, |offer| offer.until <= now)
    }

    /// `from` would give `gives` to `to` for `wants`, until a tick.
    ///
    /// # Errors
    /// If that could not be taken now, if `from` has an open offer to `to`, or either has too many.
    pub(crate) fn offer(
        &mut self,
        [from, to]: [u32; 2],
        [gives, wants]: [Item; 2],
        until: Tick,
    ) -> Result<Offer, No> {
        if from == to || gives == wants {
            return Err(No::Pointless);
        }
        if !self.here.contains(&from) || !self.here.contains(&to) {
            return Err(No::Nobody);
        }
        if !self.has(from, gives) {
            return Err(No::NotYours);
        }
        if !self.has(to, wants) {
            return Err(No::NotTheirs);
        }
        let made = self.offers.iter().filter(|offer| offer.from == from);
        let open = self.offers.iter().filter(|offer| offer.to == to);
        // Of two from the same one, the second could be mistaken for the first.
        let is_second = made.clone().any(|offer| offer.to == to);
        if is_second || made.count().max(open.count()) >= OFFERS_MAX {
            return Err(No::TooMany);
        }
        self.last_number = self.last_number.wrapping_add(1);
        let offer = Offer { number: self.last_number, from, to, gives, wants, until };
        self.offers.push(offer);
        Ok(offer)
    }

    /// Both things change hands. First comes the offer that was taken, then those that can no longer be kept. Neither does
    /// where one of the two had no such thing, which should never be: then no offer was taken.
    ///
    /// # Errors
    /// If no such offer was made to `by`.
    pub(crate) fn accept(&mut self, by: u32, number: u32) -> Result<Vec<Ended>, No> {
        let offer = self.take_offer(number, |offer| offer.to == by)?;
        let can_be_kept = is_kept_by(&self.pockets, &offer);
        if can_be_kept {
            self.hand_over(offer.from, offer.to, offer.gives);
            self.hand_over(offer.to, offer.from, offer.wants);
        }
        let mut ended = vec![Ended { offer, how: if can_be_kept { End::Taken } else { End::GivenAway } }];
        let pockets = &self.pockets;
        let others = end(&mut self.offers, End::GivenAway, |offer| !is_kept_by(pockets, offer));
        ended.extend(others);
        Ok(ended)
    }

    /// Who was offered something does not want it, or who offered it takes it back.
    ///
    /// # Errors
    /// If no such offer stands that `by` has a part in.
    pub(crate) fn decline(&mut self, by: u32, number: u32) -> Result<Ended, No> {
        let offer = self.take_offer(number, |offer| offer.is_of(by))?;
        Ok(Ended { offer, how: if offer.to == by { End::Declined } else { End::Withdrawn } })
    }

    /// What a player has.
    pub(crate) fn pocket(&self, player: u32) -> Pocket {
        self.pockets.get(&player).copied().unwrap_or_default()
    }

    /// The offers that stand, the oldest first.
    pub(crate) fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// How many there are of a thing, in the town and in all pockets.
    #[allow(dead_code, reason = "tests count, here and on bad networks")]
    pub(crate) fn count(&self, item: Item) -> u32 {
        let pockets = self.pockets.values().map(|pocket| u32::from(pocket.of(item)));
        u32::from(self.chest.of(item)) + pockets.sum::<u32>()
    }

    fn has(&self, player: u32, item: Item) -> bool {
        has(&self.pockets, player, item)
    }

    fn take_offer(&mut self, number: u32, is_meant: impl Fn(&Offer) -> bool) -> Result<Offer, No> {
        let is_it = |offer: &Offer| offer.number == number && is_meant(offer);
        let place = self.offers.iter().position(is_it).ok_or(No::Over)?;
        Ok(self.offers.remove(place))
    }

    fn hand_over(&mut self, from: u32, to: u32, item: Item) {
        if self.pockets.get_mut(&from).is_some_and(|pocket| pocket.take(item)) {
            self.pockets.entry(to).or_default().put(item);
        }
    }

    fn end(&mut self, how: End, is_over: impl Fn(&Offer) -> bool) -> Vec<Ended> {
        end(&mut self.offers, how, is_over)
    }
}

impl Offer {
    /// Whether a player has made it, or it was made to that player.
    pub(crate) fn is_of(&self, player: u32) -> bool {
        self.from == player || self.to == player
    }
}

fn has(pockets: &BTreeMap<u32, Pocket>, player: u32, item: Item) -> bool {
    pockets.get(&player).is_some_and(|pocket| pocket.of(item) > 0)
}

/// Whether both have what they would give.
fn is_kept_by(pockets: &BTreeMap<u32, Pocket>, offer: &Offer) -> bool {
    has(pockets, offer.from, offer.gives) && has(pockets, offer.to, offer.wants)
}

fn end(offers: &mut Vec<Offer>, how: End, is_over: impl Fn(&Offer) -> bool) -> Vec<Ended> {
    offers.extract_if(.., |offer| is_over(offer)).map(|offer| Ended { offer, how }).collect()
}

#[cfg(test)]
#[path = "trade_tests.rs"]
mod tests;
