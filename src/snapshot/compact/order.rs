//! In which order a listener is told: what is near, what was lost, all others in turn.

use super::ages::Ages;
use super::blocks::Base;
use super::grid::Grid;
use super::packing::{Chosen, NO_SEAT, Packing, spread};
use super::records::Records;
use super::turn::{Lost, Stretch};
use crate::wire::Tick;

/// Near clusters may take this part of a snapshot; the rest, and what they leave, is for all others in turn. With half of
/// it a turn takes longer, blocks lead from older baselines and grow, and so on: at 5 % loss 10,000 players are then
/// never all known.
const NEAR_PERCENT: usize = 35;

/// While turns are slow, near clusters take less.
const SLOW_NEAR_PERCENT: usize = 15;

/// What was lost may take this part of a snapshot.
const LOST_PERCENT: usize = 50;

/// What is to be told in a tick.
pub(super) struct Agenda<'a> {
    pub(super) now: Tick,
    /// The clusters whose turn it is, ascending.
    pub(super) due: &'a [u16],
    pub(super) grid: &'a Grid,
    /// The longest that a snapshot may be without its header.
    pub(super) body_bytes: usize,
}

impl Agenda<'_> {
    /// The turns of the clusters that are due go on in this place.
    pub(super) fn place(&self) -> usize {
        if self.grid.is_for_all() { 0 } else { self.grid.place() }
    }
}

/// Tells a listener: [`Order::tell_all`] or [`Order::tell_these`].
pub(super) struct Order<'a, 's> {
    packing: Packing<'a, 's>,
    records: &'a mut Records,
}

impl<'a, 's> Order<'a, 's> {
    /// What is told is noted in `records`, and put into a snapshot that is empty yet.
    pub(super) fn new(records: &'a mut Records, packing: Packing<'a, 's>) -> Self {
        let mut order = Self { packing, records };
        order.mark_near();
        order
    }

    /// The snapshot, when all is told.
    pub(super) fn packing(&self) -> &Packing<'a, 's> {
        &self.packing
    }

    /// Finds the seats of the clusters around.
    fn mark_near(&mut self) {
        for (seat, &cluster) in self.records.near.clusters().iter().enumerate() {
            self.packing.mark(cluster).seat = seat as u8;
        }
    }

    /// What is near, what was lost, and the clusters whose turn it is.
    pub(super) fn tell_all(&mut self, agenda: &Agenda) {
        // At irregular ticks: were the near ones passed over every fourth, none of them might be a baseline for long.
        let place = agenda.place();
        let is_starved = self.records.turns.is_starved(place) && spread(agenda.now) >> 31 == 0;
        if is_starved {
            self.lost(agenda, 100);
        }
        let is_slow = self.records.turns.is_slow(agenda.now, place);
        self.near(if is_slow { SLOW_NEAR_PERCENT } else { NEAR_PERCENT });
        if !is_starved {
            self.lost(agenda, LOST_PERCENT);
        }
        self.far(agenda);
        self.rest_of_near();
    }

    /// What is near, and nothing else.
    pub(super) fn tell_near(&mut self) {
        self.near(100);
    }

    /// What was chosen already, in its order, to a listener who has heard nothing newer than so many ticks: for a far
    /// cluster from the same baseline, if that is old enough. False if it does not fit.
    pub(super) fn tell_these(&mut self, chosen: &[Chosen], newest: usize) -> bool {
        chosen.iter().all(|&Chosen { cluster, age }| {
            let is_far = self.packing.mark(cluster).seat == NO_SEAT;
            let base =
                if is_far && usize::from(age) >= newest { Base::whole(age) } else { self.base(cluster) };
            self.packing.put(cluster, base, &mut self.records.parts)
        })
    }

    /// What was chosen for a lead, in its order, from the same baselines where the listener holds all that the lead was told
    /// in the ticks of these ages. Nothing is noted. False if it does not fit.
    pub(super) fn tell_along(&mut self, chosen: &[Chosen], holds: Ages) -> bool {
        chosen.iter().all(|&Chosen { cluster, age }| {
            let is_held = age > 0 && holds.contains(age.into());
            let base = if is_held { Base::whole(age) } else { self.base(cluster) };
            self.packing.put(cluster, base, &mut self.records.parts)
        })
    }

    /// The peer's own cluster, and its neighbours within their share.
    fn near(&mut self, percent: usize) {
        let bytes_before = self.packing.len();
        let seated = self.records.near;
        for (seat, &cluster) in seated.clusters().iter().enumerate() {
            self.tell(cluster);
            if seat == 0 {
                self.packing.share_of_all(percent);
            }
        }
        self.packing.end_share();
        let bytes = self.packing.len() - bytes_before;
        let tally = &mut self.packing.stock.near_tally;
        tally.blocks += seated.clusters().len();
        tally.bytes += bytes;
    }

    /// Neighbours that found no room in their share, where others have left some.
    fn rest_of_near(&mut self) {
        let seated = self.records.near;
        seated.clusters().iter().for_each(|&cluster| _ = self.tell(cluster));
    }

    /// What was lost on its way, or found no room, before its turn comes again.
    fn lost(&mut self, agenda: &Agenda, percent: usize) {
        let (&Agenda { now, due, grid, .. }, place) = (agenda, agenda.place());
        let turns = &self.records.turns;
        let Some((index, Lost { tick, rest, .. })) = turns.first_lost((!grid.is_for_all()).then_some(place))
        else {
            return;
        };
        self.packing.share_from_here(percent);
        let from = due.partition_point(|&cluster| cluster < rest.from);
        let mut waiting = due[from..].iter().chain(&due[..from]).copied().peekable();
        let mut left = rest;
        while let Some(cluster) = waiting.next_if(|&id| rest.contains(id) && self.is_made_good(id, tick)) {
            left.from = cluster + 1;
        }
        let mut told = Stretch { from: left.from, to: left.from };
        while let Some(cluster) =
            waiting.next_if(|&id| rest.contains(id) && !self.is_made_good(id, tick) && self.tell(id))
        {
            told.to = cluster + 1;
        }
        left.from = told.to;
        let is_at_end = waiting.peek().is_none_or(|&next| !rest.contains(next));
        let left = if is_at_end { Stretch::default() } else { left };
        self.packing.end_share();
        let turns = &mut self.records.turns;
        turns.set_starved(place, !is_at_end && told.is_empty());
        turns.note_again(now, index, told, left);
    }

    /// Whether something newer than `tick` has arrived.
    fn is_made_good(&mut self, cluster: u16, tick: Tick) -> bool {
        let now = self.packing.to.now.0;
        self.base(cluster).is_some_and(|base| now - u64::from(base.age) > tick.0)
    }

    /// The clusters whose turn it is, from where the turn has got to. The first that finds no room is the first of the
    /// next turn.
    fn far(&mut self, agenda: &Agenda) {
        let (&Agenda { now, due, .. }, place) = (agenda, agenda.place());
        let next = self.records.turns.visit_from(now, place);
        let from = due.partition_point(|&cluster| cluster < next);
        let mut in_turn = due[from..].iter().chain(&due[..from]);
        match in_turn.position(|&cluster| !self.tell(cluster)) {
            None => self.records.turns.note(now, place, Stretch::ALL),
            Some(0) => self.records.turns.note_starved(now, place, due[from % due.len()]),
            Some(at) => {
                let told = Stretch { from: next, to: due[(from + at) % due.len()] };
                self.records.turns.note(now, place, told);
            }
        }
    }

    /// Adds a block of `cluster`, unless it is told already. False if it finds no room.
    #[inline(always)]
    fn tell(&mut self, cluster: u16) -> bool {
        if self.packing.has(cluster) {
            return true;
        }
        let base = self.base(cluster);
        if !self.packing.put(cluster, base, &mut self.records.parts) {
            return false;
        }
        let seat = self.packing.mark(cluster).seat;
        if seat != NO_SEAT {
            self.records.near.note(usize::from(seat));
        }
        true
    }

    #[inline(always)]
    fn base(&mut self, cluster: u16) -> Option<Base> {
        let heard = self.packing.to.heard;
        let mark = *self.packing.mark(cluster);
        let seat = (mark.seat != NO_SEAT).then_some(usize::from(mark.seat));
        self.records.base(cluster, seat, heard & mark.legal, mark.in_turn)
    }
}
