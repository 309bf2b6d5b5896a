//! What was told to one listener, and when.

use super::ages::Ages;
use super::blocks::Base;
use super::near::{Near, Seats};
use super::parts::PartsTold;
use super::turn::Turns;
use super::view::Seen;
use crate::wire::Tick;

/// Which clusters the snapshots of the last ticks told of: those at the seats, those in turn, and of which only a part.
///
/// Nothing is noted for each block. That a snapshot told of a cluster follows from the seats and the turn of its tick.
#[derive(Clone, Debug)]
pub(super) struct Records {
    now: Tick,
    pub(super) near: Near,
    pub(super) turns: Turns,
    pub(super) parts: PartsTold,
    /// Where peers are shown only what is around them; then there are no seats and turns.
    pub(super) seen: Seen,
}

impl Records {
    pub(super) fn new() -> Self {
        Self {
            now: Tick(0),
            near: Near::NOBODY,
            turns: Turns::NONE,
            parts: PartsTold::default(),
            seen: Seen::NOTHING,
        }
    }

    /// It is `now`: a snapshot begins that has told of nothing yet, to a listener at these seats.
    pub(super) fn begin(&mut self, now: Tick, seats: Seats) {
        self.catch_up(now);
        self.near.seat(seats);
        self.turns.begin(now);
    }

    fn catch_up(&mut self, now: Tick) {
        let ticks = now.since(self.now);
        self.now = now;
        self.near.later(ticks);
        self.parts.later(ticks, now);
    }

    /// Takes over what `other` was told in the ticks of these ages before `now`.
    #[inline(never)]
    pub(super) fn absorb(&mut self, now: Tick, other: &Records, ages: Ages) {
        self.catch_up(now);
        self.near.absorb(&other.near, now.since(other.now), ages);
        self.turns.absorb(&other.turns, now, ages);
    }

    /// What a listener holds of a cluster that sits at `seat`, if at any: the newest that it was told in one of the
    /// ticks `among`, of which `in_turn` are those in which it may have been told in turn.
    #[inline(always)]
    pub(super) fn base(&self, cluster: u16, seat: Option<usize>, among: Ages, in_turn: Ages) -> Option<Base> {
        let mut near = seat.map_or(Ages::NONE, |seat| self.near.told(seat)) & among;
        while let Some(age) = near.take_least() {
            let eights = self.parts.eights(cluster, self.now, age);
            if eights > 0 {
                return Some(Base { age: age as u8, eights });
            }
        }
        let mut far = among & in_turn;
        while let Some(age) = self.turns.latest(cluster, self.now, far) {
            let eights = self.parts.eights(cluster, self.now, age);
            if eights > 0 {
                return Some(Base { age: age as u8, eights });
            }
            far = far & !Ages::below(age + 1);
        }
        None
    }

    /// Whether this tick's snapshot tells of all that the other's does, which has the same seats.
    pub(super) fn covers(&self, other: &Records) -> bool {
        self.near.covers(&other.near)
            && self.turns.covers(&other.turns, self.now)
            && !self.parts.has_any_now()
    }
}
