//! The game, with somebody who looks at it after every hook.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tickcast::Config;
use tickcast::game::{Admission, Departure, Game, Joining, Realm, Step, Verdict};
use tickcast::work::Done;

use crate::rules::Pythonville;
use crate::rules::items::{Item, Pocket};
use crate::rules::trade::Offer;
use crate::rules::words::Wish;

/// What everyone has and is offered; what is wrong.
#[derive(Debug)]
pub(crate) struct Watched {
    game: Pythonville,
    balance: Balance,
    /// What acceptances have done since that was asked for.
    pub(crate) taken: Vec<Taken>,
    /// By client: the last number that it was heard to say, and how many were left out.
    heard: HashMap<u32, (u32, u64)>,
    pub(crate) checked: u64,
    /// The first thing that should have been true and was not.
    pub(crate) broken: Option<String>,
}

/// An acceptance, and what its player had before and has after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) by: u32,
    pub(crate) number: u32,
    pub(crate) before: Pocket,
    pub(crate) after: Pocket,
}

/// What everyone had when it was looked at last.
#[derive(Debug)]
struct Balance {
    /// How many of each thing there were at first.
    counts: Counts,
    pockets: HashMap<u32, Pocket>,
    trades: u64,
}

type Counts = [u32; Item::ALL.len()];

/// A game that can be looked at while a server has it.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<Watched>>);

impl Shared {
    pub(crate) fn new(config: &Config) -> Self {
        let game = Pythonville::new(config);
        let counts = Item::ALL.map(|item| game.trades().count(item));
        let balance = Balance { counts, pockets: HashMap::new(), trades: 0 };
        let (taken, heard) = (Vec::new(), HashMap::new());
        let watched = Watched { game, balance, taken, heard, checked: 0, broken: None };
        Self(Arc::new(Mutex::new(watched)))
    }

    pub(crate) fn look(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Watched {
    pub(crate) fn pocket(&self, player: u32) -> Pocket {
        self.game.trades().pocket(player)
    }

    pub(crate) fn health(&self, player: u32) -> u8 {
        self.game.health(player)
    }

    pub(crate) fn offers(&self, player: u32) -> Vec<Offer> {
        self.game.trades().offers().iter().filter(|offer| offer.is_of(player)).copied().collect()
    }

    pub(crate) fn trades(&self) -> u64 {
        self.balance.trades
    }

    fn check(&mut self, players: &[u32]) {
        self.checked += 1;
        let counts = Item::ALL.map(|item| self.game.trades().count(item));
        let pockets = players.iter().map(|player| (*player, self.game.trades().pocket(*player)));
        if let Err(what) = self.balance.check(counts, pockets) {
            self.complain(what);
        }
    }

    /// By client: the last number that it was heard to say, and how many were left out before.
    pub(crate) fn heard(&self, player: u32) -> Option<(u32, u64)> {
        self.heard.get(&player).copied()
    }

    /// What a client says is a number, one more each time; its upper half is the start of the client.
    fn hear(&mut self, player: u32, message: &[u8]) {
        let Some(Wish::Say(text)) = Wish::read(message) else { return };
        let number: u32 = text.parse().unwrap_or(0);
        let (last, missing) = self.heard(player).unwrap_or((0, 0));
        if number <= last {
            self.complain(format!("{player} is heard to say {number} after {last}"));
        }
        let expected = if number >> 16 == last >> 16 { last + 1 } else { (number >> 16 << 16) + 1 };
        self.heard.insert(player, (number, missing + u64::from(number.saturating_sub(expected))));
    }

    fn complain(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}

impl Balance {
    /// Nothing is made or lost, and what has changed hands did so both ways.
    fn check(&mut self, counts: Counts, pockets: impl Iterator<Item = (u32, Pocket)>) -> Result<(), String> {
        if counts != self.counts {
            return Err(format!("there were {:?} things, and are {counts:?}", self.counts));
        }
        let mut changed = Vec::new();
        for (player, now) in pockets {
            // Whoever is seen for the first time has just been given what it has.
            if let Some(before) = self.pockets.insert(player, now).filter(|before| *before != now) {
                changed.push((before, now));
            }
        }
        match changed[..] {
            [] => {}
            [one, other] if is_trade(one, other) => self.trades += 1,
            _ => return Err(format!("half a trade: {changed:?}")),
        }
        Ok(())
    }
}

/// Whether one gave what the other got, one thing for one.
fn is_trade(one: (Pocket, Pocket), other: (Pocket, Pocket)) -> bool {
    let got = |(before, after): (Pocket, Pocket)| {
        std::array::from_fn::<i32, { Item::ALL.len() }, _>(|item| {
            i32::from(after.0[item]) - i32::from(before.0[item])
        })
    };
    let (one, other) = (got(one), got(other));
    one.map(|count| -count) == other && one.iter().map(|count| count.abs()).sum::<i32>() == 2
}

impl Shared {
    /// A hook of the game, and then a look at what everyone has.
    fn hook<T>(
        &mut self,
        realm: &mut Realm<'_>,
        hook: impl FnOnce(&mut Pythonville, &mut Realm<'_>) -> T,
    ) -> T {
        let mut watched = self.look();
        let done = hook(&mut watched.game, realm);
        let players: Vec<u32> = realm.players().map(|player| player.client_id).collect();
        watched.check(&players);
        done
    }
}

impl Game for Shared {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        self.hook(realm, |game, realm| game.on_join(realm, joining))
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.hook(realm, |game, realm| game.on_move(realm, step))
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        let (before, trades) = {
            let mut watched = self.look();
            watched.hear(player, message);
            (watched.pocket(player), watched.trades())
        };
        self.hook(realm, |game, realm| game.on_message(realm, player, message));
        let mut watched = self.look();
        match Wish::read(message) {
            _ if watched.trades() == trades => {}
            Some(Wish::Accept(number)) => {
                let after = watched.pocket(player);
                watched.taken.push(Taken { by: player, number, before, after });
            }
            other => watched.complain(format!("a trade by {other:?}")),
        }
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        self.hook(realm, |game, realm| game.on_tick(realm));
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        self.hook(realm, |game, realm| game.on_leave(realm, player, why));
    }

    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        self.hook(realm, |game, realm| game.on_done(realm, done));
    }
}

/// A rule that is broken on purpose: who gives is not looked at, or who gets.
#[test]
fn half_a_trade_and_a_thing_that_is_lost_are_noticed() {
    let apple = |has: u8| Pocket([has, 0, 0, 0, 0]);
    let egg = |has: u8| Pocket([0, has, 0, 0, 0]);
    let after = |counts: Counts, [one, other]: [Pocket; 2]| {
        let mut balance = Balance { counts: [9; 5], pockets: HashMap::new(), trades: 0 };
        balance.check([9; 5], [(1, apple(1)), (2, egg(1))].into_iter()).expect("all is well");
        balance.check(counts, [(1, one), (2, other)].into_iter()).map(|()| balance.trades)
    };
    assert_eq!(after([9; 5], [egg(1), apple(1)]), Ok(1), "a trade");
    assert_eq!(after([9; 5], [apple(1), egg(1)]), Ok(0), "none");
    let broken = [
        after([9; 5], [apple(0), Pocket([1, 1, 0, 0, 0])]),
        after([9; 5], [apple(0), egg(1)]),
        after([9; 5], [egg(1), egg(1)]),
        after([9; 5], [apple(2), egg(0)]),
        after([8, 9, 9, 9, 9], [apple(1), egg(1)]),
    ];
    assert!(broken.iter().all(Result::is_err), "{broken:?}");
}
