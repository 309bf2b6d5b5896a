//! One peer: what has arrived of what it was told, and how much it can take.

use super::ages::Ages;
use super::grid::Grid;
use super::near::Seats;
use super::records::Records;
use crate::wire::{Ack, Tick};

/// A snapshot that is not acknowledged when one so many ticks newer is has been lost.
const LOST_AFTER_TICKS: u64 = 8;

/// The smallest byte budget of a peer.
pub(super) const BUDGET_MIN: usize = 256;
/// What a snapshot that arrived adds to the budget, in bytes.
const BUDGET_STEP: usize = 16;
/// What lost ones leave of it, in percent.
const BUDGET_KEPT_PERCENT: usize = 85;
/// At most once in so many ticks, and only if more than one was lost within them: one now and then is lost on any radio
/// link, however little is sent.
const CUT_TICKS: u64 = 8;

/// One peer's side of the compact snapshots.
///
/// For every move of the peer: [`Told::on_ack`], which costs a few operations on bits, whatever it says. The rest is
/// for whoever makes its snapshots, in each tick: `begin`; then either `follow`, if it is sent what the lead of its
/// cluster is told, or `begin_own` and its records.
///
/// Memory: about a kilobyte, and up to 8 KB for a peer whose datagrams are too small for whole clusters.
#[derive(Clone, Debug)]
pub struct Told {
    /// The tick of the newest snapshot.
    now: Tick,
    sent: Ages,
    arrived: Ages,
    /// Found to be lost at the begin of this tick.
    lost: Ages,
    /// What was sent then and has not arrived so long after has been lost.
    missing: Ages,
    /// When it was told of all clusters that were no more.
    buried_in: Ages,
    /// So many clusters, counted from the first ever that dissolved, it knows to be no more.
    buried: u32,
    budget: u32,
    budget_max: u32,
    next_cut: Tick,
    /// The cluster that its player is in.
    home: Option<u16>,
    /// When it was told at least what the lead of its home was told.
    covers: Ages,
    /// When it was sent just that; its records do not have these ticks yet.
    followed: Ages,
    /// Whether something of its own records waits to be told. A copy, for they are far away in memory.
    is_waiting: bool,
    /// Its turns have not begun, since the turn of this place.
    waiting_since: Option<u8>,
    /// When it was told of its home while it waited.
    told_home: Ages,
    /// When it was told of nothing else, and its records have these ticks not yet.
    waited: Ages,
    pub(super) records: Box<Records>,
}

impl Told {
    /// A peer that holds nothing and may be sent `datagram_bytes`.
    pub fn new(datagram_bytes: usize) -> Self {
        Self {
            now: Tick(0),
            sent: Ages::NONE,
            arrived: Ages::NONE,
            lost: Ages::NONE,
            missing: Ages::NONE,
            buried_in: Ages::NONE,
            buried: 0,
            budget: datagram_bytes as u32,
            budget_max: datagram_bytes as u32,
            next_cut: Tick(0),
            home: None,
            covers: Ages::NONE,
            followed: Ages::NONE,
            is_waiting: false,
            waiting_since: None,
            told_home: Ages::NONE,
            waited: Ages::NONE,
            records: Box::new(Records::new()),
        }
    }

    /// The peer says which snapshots have arrived. Those that it was not sent are ignored.
    pub fn on_ack(&mut self, ack: Ack) {
        let newest = Ages::of(ack.newest, self.now);
        let behind = Ages(ack.history).later(newest.least()).later(1);
        let news = (newest | behind) & self.sent & !self.arrived;
        if !newest.is_empty() && !news.is_empty() {
            self.arrived |= news;
            let grown = self.budget as usize + BUDGET_STEP * news.len();
            self.budget = grown.min(self.budget_max as usize) as u32;
        }
    }

    /// When snapshots were sent that have been lost.
    pub(super) fn missing(&self) -> Ages {
        self.missing
    }

    /// When snapshots were sent that have arrived.
    pub(super) fn arrived(&self) -> Ages {
        self.arrived
    }

    /// How many bytes its next snapshot may have.
    pub(super) fn budget(&self) -> usize {
        if self.is_silent() { BUDGET_MIN.min(self.budget_max as usize) } else { self.budget as usize }
    }

    /// Whether it has acknowledged nothing that a block could lead from.
    pub(super) fn is_silent(&self) -> bool {
        self.arrived.is_empty()
    }

    /// How many of the clusters that dissolved, counted from the first ever, it knows to be no more.
    pub(super) fn buried(&self) -> u32 {
        self.buried
    }

    /// This snapshot names all others.
    pub(super) fn note_buried(&mut self) {
        self.buried_in |= Ages(1);
    }

    /// Begins the snapshot of `now`. `buried(age)` says how many clusters had ever dissolved so many ticks ago.
    pub(super) fn begin(&mut self, now: Tick, buried: impl Fn(u64) -> u32) {
        let ticks = now.since(self.now);
        if self.sent.is_empty() {
            self.buried = buried(0);
        }
        self.now = now;
        self.sent = self.sent.later(ticks) | Ages(1);
        self.arrived = self.arrived.later(ticks);
        self.buried_in = self.buried_in.later(ticks);
        self.covers = self.covers.later(ticks);
        self.followed = self.followed.later(ticks);
        self.told_home = self.told_home.later(ticks);
        self.waited = self.waited.later(ticks);
        if let Some(age) = (self.buried_in & self.arrived).iter().next() {
            self.buried = self.buried.max(buried(age));
        }
        let judged_from = LOST_AFTER_TICKS.max(self.arrived.least());
        let known = self.missing.later(ticks);
        self.missing = self.sent & !self.arrived & !Ages::below(judged_from);
        self.lost = self.missing & !known;
        let lately = self.missing & Ages::below(judged_from + CUT_TICKS);
        if !self.lost.is_empty() && lately.len() > 1 && now >= self.next_cut {
            let cut = self.budget as usize * BUDGET_KEPT_PERCENT / 100;
            self.budget = cut.max(BUDGET_MIN.min(self.budget_max as usize)) as u32;
            self.next_cut = Tick(now.0 + CUT_TICKS);
        }
    }
}

/// With, and without, the lead of its cluster.
impl Told {
    /// The cluster that its player is in.
    pub(super) fn home(&self) -> Option<u16> {
        self.home
    }

    /// Its player has come to another cluster; `before` are the records of the lead that it had.
    pub(super) fn set_home(&mut self, home: Option<u16>, before: Option<&Records>) {
        if let Some(before) = before {
            self.absorb(before);
        }
        self.home = home;
        self.told_home = Ages::NONE;
        self.covers = Ages::NONE;
        self.followed = Ages::NONE;
    }

    /// Takes what it was sent as a follower into its own records.
    fn absorb(&mut self, lead: &Records) {
        if !self.followed.is_empty() {
            self.records.absorb(self.now, lead, self.followed);
            self.followed = Ages::NONE;
        }
    }

    /// Whether nothing waits to be told that its lead does not tell.
    pub(super) fn has_no_arrears(&self) -> bool {
        self.lost.is_empty() && !self.is_waiting
    }

    /// When it was told at least what the lead of its home was, and has heard it.
    pub(super) fn holds(&self) -> Ages {
        self.covers & self.arrived
    }

    /// Whether it waits to get to know the world, and is told nothing but its home in a turn of `place`.
    pub(super) fn waits(&self, place: usize) -> bool {
        self.waiting_since.is_some_and(|since| usize::from(since) != place) && self.lost.is_empty()
    }

    pub(super) fn set_waiting(&mut self, since: Option<usize>) {
        self.waiting_since = since.map(|place| place as u8);
    }

    /// The age of the newest of these baselines of its home that it holds since it waits; 0 if there is none.
    pub(super) fn home_base(&self, legal: Ages) -> u8 {
        let held = self.told_home & self.arrived & legal;
        if held.is_empty() { 0 } else { held.least() as u8 }
    }

    /// This snapshot tells of its home.
    pub(super) fn note_home(&mut self) {
        self.told_home |= Ages(1);
    }

    /// This snapshot tells of its home and of nothing else.
    pub(super) fn note_wait(&mut self) {
        self.note_home();
        self.waited |= Ages(1);
    }

    /// This snapshot tells of just what the lead is told.
    pub(super) fn follow(&mut self) {
        self.followed |= Ages(1);
        self.covers |= Ages(1);
    }

    /// This snapshot tells what its own records say, from here on. What was lost when it was the turn of all is not to be
    /// told again: everybody is told of it anyway.
    /// True if it has followed until now.
    pub(super) fn begin_own(&mut self, seats: Seats, lead: Option<&Records>, grid: &Grid) -> bool {
        let has_followed = !self.followed.is_empty();
        if let Some(lead) = lead {
            self.absorb(lead);
        }
        self.records.begin(self.now, seats);
        self.records.turns.forget(self.now, std::mem::take(&mut self.waited));
        for age in (self.lost & !grid.all()).iter() {
            if let Some(place) = grid.place_at(age) {
                self.records.turns.lose(Tick(self.now.0 - age), place);
            }
        }
        has_followed
    }

    /// Ends its own snapshot. If its turn at a place `joined` that of the lead, it should have told of all that the lead's
    /// did; else it goes on by itself until its turns have ended, lest what is passed over be passed over again.
    pub(super) fn end_own(&mut self, lead: Option<&Records>, joined: Option<usize>, grid: &Grid) {
        let covers = lead.is_some_and(|lead| self.records.covers(lead));
        self.covers |= Ages(covers.into());
        let turns = &mut self.records.turns;
        if let Some(place) = joined {
            turns.set_behind(place, !covers);
        }
        self.is_waiting = turns.has_lost() || turns.are_behind(grid.is_for_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ticks: u64) -> Told {
        let mut told = Told::new(1_200);
        (1..=ticks).for_each(|tick| told.begin(Tick(tick), |_| 0));
        told
    }

    #[test]
    fn only_what_was_sent_can_arrive() {
        let mut told = told(100);
        for newest in [0, 101, 36, u64::MAX] {
            told.on_ack(Ack { newest: Tick(newest), history: u64::MAX });
            assert!(told.is_silent(), "{newest}");
        }
        told.on_ack(Ack { newest: Tick(98), history: 0b101 });
        assert_eq!(told.arrived.iter().collect::<Vec<_>>(), [2, 3, 5]);
        told.begin(Tick(200), |_| 0);
        assert!(told.is_silent() && told.sent.len() == 1);
    }

    #[test]
    fn the_budget_follows_what_arrives_and_silence_has_the_least() {
        let mut told = told(10);
        assert_eq!(told.budget(), BUDGET_MIN);
        let mut receive = |ticks: std::ops::Range<u64>, arrives: fn(u64) -> bool| {
            for tick in ticks {
                told.begin(Tick(tick), |_| 0);
                if arrives(tick) {
                    told.on_ack(Ack { newest: Tick(tick), history: 0 });
                }
            }
            told.budget()
        };
        assert_eq!(receive(11..60, |_| true), 1_200);
        assert_eq!(receive(60..300, |tick| tick % 20 > 0), 1_200, "one is lost now and then");
        let at_some_loss = receive(300..600, |tick| tick % 4 > 0);
        assert!((256..1_000).contains(&at_some_loss), "{at_some_loss}");
        assert!(receive(600..1_000, |tick| tick % 2 > 0) < at_some_loss);
        assert_eq!(receive(1_000..1_300, |_| true), 1_200);
        assert_eq!(receive(1_300..1_364, |_| false), BUDGET_MIN);
        assert_eq!(receive(1_364..1_365, |_| true), 1_200, "it recovers at once");
    }

    #[test]
    fn what_is_lost_counts_however_late_the_peer_says_what_arrived() {
        for delay in [1, 7, 8, 9, 20, 40] {
            let mut told = Told::new(1_200);
            let arrives = |tick: u64| tick % 5 < 2;
            let mut lost = 0;
            for tick in 1..1_000_u64 {
                if let Some(newest) = tick.checked_sub(delay).filter(|tick| *tick > 64 && arrives(*tick)) {
                    let history = (0..64).filter(|back| arrives(newest - 1 - back));
                    let history = history.fold(0, |bits, back| bits | 1 << back);
                    told.on_ack(Ack { newest: Tick(newest), history });
                }
                told.begin(Tick(tick), |_| 0);
                lost += if tick >= 500 { told.lost.len() } else { 0 };
            }
            assert!((295..=305).contains(&lost), "{lost} of 300, {delay} ticks late");
            assert!(told.budget() < 600, "{} bytes, {delay} ticks late", told.budget());
        }
    }

    #[test]
    fn a_peer_takes_little_memory() {
        assert!(
            size_of::<Told>() <= 128 && size_of::<Records>() <= 1_024,
            "{} {}",
            size_of::<Told>(),
            size_of::<Records>()
        );
    }
}
