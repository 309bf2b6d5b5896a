//! All clusters in turn: how far a peer's turns have got, and what was told at each of their visits.

use super::ages::{AGES, Ages};
use super::grid::PLACES;
use crate::wire::Tick;

/// The clusters from one up to, but without, another, by their ids; it may go around at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: u16,
    pub(super) to: u16,
}

impl Stretch {
    /// Every cluster: no id is so great.
    pub(super) const ALL: Stretch = Stretch { from: 0, to: u16::MAX };

    #[inline(always)]
    pub(super) fn contains(self, cluster: u16) -> bool {
        let (begun, ended) = (cluster >= self.from, cluster >= self.to);
        if self.from <= self.to { begun && !ended } else { begun || !ended }
    }

    /// Whether it holds all of another that begins where it does.
    pub(super) fn covers(self, other: Stretch) -> bool {
        let length = |stretch: Stretch| stretch.to.wrapping_sub(stretch.from);
        let is_longer = self.from == other.from && length(self) >= length(other);
        self == Self::ALL || other.is_empty() || (other != Self::ALL && is_longer)
    }

    pub(super) fn is_empty(self) -> bool {
        self.from == self.to
    }
}

/// What one snapshot told in turn.
#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    turn: Stretch,
    /// What had been lost, or had found no room.
    again: Stretch,
}

impl Visit {
    const NONE: Visit = Visit { turn: Stretch { from: 0, to: 0 }, again: Stretch { from: 0, to: 0 } };

    #[inline(always)]
    fn contains(self, cluster: u16) -> bool {
        self.turn.contains(cluster) || self.again.contains(cluster)
    }
}

/// The part of a turn that was lost on its way, or found no room, as far as it has not been told again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    /// When it was told, or should have been.
    pub(super) tick: Tick,
    /// Whose turn that was.
    pub(super) place: u8,
    pub(super) rest: Stretch,
}

/// Parts of turns that wait to be told again; what else was lost comes when its turn does.
const LOST_MAX: usize = 4;

/// A turn that takes longer begins anew: what it told first should be told again while a block may lead from there.
/// That is far shorter than what stands alone, and so the turn gets farther each time, until it is quick.
const TURN_TICKS: u64 = 36;

/// A turn so quick may go along with a lead's: what it passes over has not long to wait.
const QUICK_TICKS: u64 = 16;

/// A turn begins anew so often at most, and only if it has got farther than before: its end comes, however small the
/// datagrams.
const BEGINNINGS_MAX: u8 = 24;

/// One of the turns.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Where the next visit begins.
    next: u16,
    began: Tick,
    /// How often it has begun, and how far it has got.
    beginnings: u8,
    reached: u16,
    /// How long the one before took.
    took: u64,
    /// Whether a visit told of less than the lead that it went along with, since when the turn has not ended.
    is_behind: bool,
}

impl Turn {
    const FIRST: Turn =
        Turn { next: 0, began: Tick(0), beginnings: 0, reached: 0, took: u64::MAX, is_behind: false };
}

/// A listener's turns through all clusters: one for each place on the grid.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    turns: [Turn; PLACES],
    /// By tick, modulo [`AGES`].
    visits: [Visit; AGES as usize],
    lost: [Lost; LOST_MAX],
    lost_len: u8,
    is_starved: [bool; PLACES],
}

impl Turns {
    pub(super) const NONE: Turns = Turns {
        turns: [Turn::FIRST; PLACES],
        visits: [Visit::NONE; AGES as usize],
        lost: [Lost { tick: Tick(0), place: 0, rest: Stretch { from: 0, to: 0 } }; LOST_MAX],
        lost_len: 0,
        is_starved: [false; PLACES],
    };

    /// The turn at `place` on the grid goes on with this cluster.
    pub(super) fn set_next(&mut self, place: usize, cluster: u16) {
        self.turns[place].next = cluster;
    }

    /// Whether the turn at `place` may go on elsewhere: it is so quick that what it passes over has not long to wait.
    /// After a visit that fell behind it goes on by itself to its end, lest something be passed over again and again.
    pub(super) fn may_join(&self, place: usize) -> bool {
        let turn = &self.turns[place];
        turn.took <= QUICK_TICKS && !turn.is_behind && self.lost_len == 0
    }

    /// Notes whether the visit that went along with a lead told of less.
    pub(super) fn set_behind(&mut self, place: usize, is_behind: bool) {
        self.turns[place].is_behind = is_behind;
    }

    /// Whether a turn goes on by itself to its end, after a visit that fell behind: any, or, where it is the turn of all
    /// clusters in every tick, the one that goes on then.
    pub(super) fn are_behind(&self, is_for_all: bool) -> bool {
        let going_on = if is_for_all { &self.turns[..1] } else { &self.turns };
        going_on.iter().any(|turn| turn.is_behind)
    }

    /// Begins a visit; gives the cluster that comes first.
    pub(super) fn visit_from(&mut self, now: Tick, place: usize) -> u16 {
        let turn = &mut self.turns[place];
        let gets_on = turn.next > turn.reached && turn.beginnings < BEGINNINGS_MAX;
        if now.since(turn.began) > TURN_TICKS && gets_on {
            let beginnings = turn.beginnings + 1;
            *turn = Turn { next: 0, began: now, beginnings, reached: turn.next, ..*turn };
        }
        turn.next
    }

    /// Nothing is told in the turn at `place` for now. One that has told of nothing yet has not begun.
    pub(super) fn wait(&mut self, now: Tick, place: usize) {
        let turn = &mut self.turns[place];
        if turn.next == 0 {
            turn.began = now;
        }
    }

    /// Whether the turn at `place` takes long, or the one before did.
    pub(super) fn is_slow(&self, now: Tick, place: usize) -> bool {
        let turn = &self.turns[place];
        turn.took.max(now.since(turn.began)) > TURN_TICKS
    }

    /// What the visit of `tick` told of, but what was told again.
    pub(super) fn visit(&self, tick: Tick) -> Stretch {
        self.visits[index(tick)].turn
    }

    /// Whether the visit of `now` told of all that the other's did.
    pub(super) fn covers(&self, other: &Turns, now: Tick) -> bool {
        let (own, others) = (self.visits[index(now)], other.visits[index(now)]);
        own.turn.covers(others.turn) && own.again.covers(others.again)
    }

    /// Takes over the visits of another in the ticks of these ages before `now`, and where its turns have got to.
    pub(super) fn absorb(&mut self, other: &Turns, now: Tick, ages: Ages) {
        for age in ages.iter() {
            let at = index(Tick(now.0 - age));
            self.visits[at] = other.visits[at];
        }
        self.turns = other.turns;
    }

    /// The visit of `now` told of this stretch.
    pub(super) fn note(&mut self, now: Tick, place: usize, told: Stretch) {
        self.visits[index(now)].turn = told;
        let turn = &mut self.turns[place];
        if told == Stretch::ALL || told.to < told.from {
            *turn = Turn { began: now, took: now.since(turn.began), ..Turn::FIRST };
        }
        turn.next = if told == Stretch::ALL { 0 } else { told.to };
    }

    /// The visit of `now` found no room for its first cluster. That is told before its next turn, which goes on behind
    /// it.
    pub(super) fn note_starved(&mut self, now: Tick, place: usize, first: u16) {
        let rest = Stretch { from: first, to: first + 1 };
        let is_queued = self.put_first(Lost { tick: now, place: place as u8, rest });
        self.turns[place].next = first + u16::from(is_queued);
    }

    /// A snapshot begins that has told of nothing yet.
    pub(super) fn begin(&mut self, now: Tick) {
        self.visits[index(now)] = Visit::NONE;
    }

    /// Nothing was told in turn in the ticks of these ages: what is noted there is of [`AGES`] ticks before.
    pub(super) fn forget(&mut self, now: Tick, ages: Ages) {
        ages.iter().for_each(|age| self.visits[index(Tick(now.0 - age))] = Visit::NONE);
    }

    /// Whether the visit so many ticks before `now` told of the cluster.
    #[inline(always)]
    pub(super) fn has_told(&self, cluster: u16, now: Tick, age: u64) -> bool {
        self.visits[(now.0.wrapping_sub(age) % AGES) as usize].contains(cluster)
    }

    /// The latest of the ticks in which a visit told of the cluster.
    #[inline(always)]
    pub(super) fn latest(&self, cluster: u16, now: Tick, mut among: Ages) -> Option<u64> {
        while let Some(age) = among.take_least() {
            if self.has_told(cluster, now, age) {
                return Some(age);
            }
        }
        None
    }

    /// What was told in the visit of `tick`, at `place`, is to be told again.
    pub(super) fn lose(&mut self, tick: Tick, place: usize) {
        let Visit { turn, again } = self.visits[index(tick)];
        self.put_first(Lost { tick, place: place as u8, rest: turn });
        self.put_first(Lost { tick, place: place as u8, rest: again });
    }

    /// This is to be told before the next turn. False if too much waits for that already.
    fn put_first(&mut self, lost: Lost) -> bool {
        let has_room = !lost.rest.is_empty() && usize::from(self.lost_len) < LOST_MAX;
        if has_room {
            self.lost[usize::from(self.lost_len)] = lost;
            self.lost_len += 1;
        }
        has_room
    }

    /// Whether anything is to be told again.
    pub(super) fn has_lost(&self) -> bool {
        self.lost_len > 0
    }

    /// The first to be told again in a visit of `now`, of the clusters at `place` on the grid, or of any.
    pub(super) fn first_lost(&self, place: Option<usize>) -> Option<(usize, Lost)> {
        let mut lost = self.lost[..usize::from(self.lost_len)].iter().copied().enumerate();
        lost.find(|(_, lost)| place.is_none_or(|place| usize::from(lost.place) == place))
    }

    /// This was told again, and so much is left.
    pub(super) fn note_again(&mut self, now: Tick, index_lost: usize, told: Stretch, rest: Stretch) {
        self.visits[index(now)].again = told;
        self.lost[index_lost].rest = rest;
        if rest.is_empty() {
            self.lost.copy_within(index_lost + 1.., index_lost);
            self.lost_len -= 1;
        }
    }

    /// Notes whether something waits to be told again at `place` on the grid that found no room.
    pub(super) fn set_starved(&mut self, place: usize, is_starved: bool) {
        self.is_starved[place] = is_starved;
    }

    /// Whether that comes before the near ones, which left no room last time.
    pub(super) fn is_starved(&self, place: usize) -> bool {
        self.is_starved[place]
    }
}

fn index(tick: Tick) -> usize {
    (tick.0 % AGES) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_may_go_around() {
        let inside = |from, to| (0..10).filter(|&id| Stretch { from, to }.contains(id)).collect::<Vec<_>>();
        assert_eq!(inside(2, 5), [2, 3, 4]);
        assert_eq!(inside(8, 1), [0, 8, 9]);
        assert!(inside(4, 4).is_empty());
        assert!(Stretch::ALL.contains(0) && Stretch::ALL.contains(u16::MAX - 1));
    }

    #[test]
    fn a_stretch_covers_what_it_goes_beyond() {
        let covers = |a: (u16, u16), b: (u16, u16)| {
            Stretch { from: a.0, to: a.1 }.covers(Stretch { from: b.0, to: b.1 })
        };
        assert!(
            covers((3, 9), (3, 9))
                && covers((3, 2), (3, 9))
                && covers((3, 2), (3, 1))
                && covers((3, 3), (5, 5))
        );
        assert!(
            !covers((3, 8), (3, 9))
                && !covers((3, 9), (3, 2))
                && !covers((2, 9), (3, 9))
                && !covers((3, 3), (3, 4))
        );
        assert!(Stretch::ALL.covers(Stretch { from: 7, to: 6 }) && !covers((0, 90), (0, u16::MAX)));
    }

    #[test]
    fn a_turn_that_is_not_gone_on_with_holds_nobody_back() {
        let mut turns = Turns::NONE;
        turns.set_behind(2, true);
        assert!(turns.are_behind(false) && !turns.are_behind(true));
        turns.set_behind(0, true);
        assert!(turns.are_behind(true));
    }

    #[test]
    fn the_latest_visit_that_told_counts() {
        let mut turns = Turns::NONE;
        for (tick, from, to) in [(64, 0, 8), (68, 8, 16), (72, 0, 8)] {
            turns.begin(Tick(tick));
            turns.note(Tick(tick), 0, Stretch { from, to });
        }
        let latest = |cluster, ages| turns.latest(cluster, Tick(76), Ages(ages));
        assert_eq!(
            (latest(4, u64::MAX), latest(12, u64::MAX), latest(16, u64::MAX)),
            (Some(4), Some(8), None)
        );
        assert_eq!(latest(4, !(1 << 4)), Some(12), "of those that arrived");
        assert_eq!(turns.turns[0].next, 8);
    }

    #[test]
    fn a_turn_that_fell_behind_goes_on_to_its_end_before_it_joins_again() {
        let mut turns = Turns::NONE;
        let mut visit = |tick, from, to, is_behind| {
            turns.begin(Tick(tick));
            turns.note(Tick(tick), 0, Stretch { from, to });
            if is_behind {
                turns.set_behind(0, true);
            }
            turns.may_join(0)
        };
        assert!(!visit(4, 0, 90, false), "nobody knows how long it takes");
        assert!(visit(8, 90, 20, false), "it was quick");
        assert!(!visit(12, 20, 60, true));
        assert!(!visit(16, 60, 90, false));
        assert!(visit(20, 90, 5, false), "it has gone around");
    }

    #[test]
    fn few_lost_visits_are_remembered_in_their_order() {
        let mut turns = Turns::NONE;
        for tick in 1..10 {
            turns.begin(Tick(tick));
            turns.note(Tick(tick), 0, Stretch { from: tick as u16, to: 20 });
            turns.lose(Tick(tick), tick as usize % PLACES);
            assert_eq!(turns.first_lost(Some(2)).map(|(_, lost)| lost.tick.0), (tick >= 2).then_some(2));
        }
        let mut seen = Vec::new();
        while let Some((index, lost)) = turns.first_lost(None) {
            seen.push(lost.tick.0);
            turns.note_again(Tick(10), index, Stretch::default(), Stretch::default());
        }
        assert_eq!(seen, [1, 2, 3, 4]);
    }
}
