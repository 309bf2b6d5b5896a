//! What one peer is sent in a tick: what the lead of its cluster is told, or a snapshot of its own.

use super::blocks::Base;
use super::effort::Effort;
use super::graves::Graves;
use super::lead::{Body, FILL_PERCENT, Lead};
use super::near::Near;
use super::order::{Agenda, Order};
use super::packing::{Listener, Packing, Stock};
use super::parts::PartsTold;
use super::records::Records;
use super::showing::{SPARE_BYTES, Showing};
use super::told::Told;
use super::view::View;
use crate::wire::{CHECKSUM_FLAG, PARTIAL_FLAG};

/// One snapshot, behind its header.
///
/// [`Telling::bury`] first; then [`Telling::follow`], or [`Telling::own`] where that is not possible.
pub(super) struct Telling<'a, 's> {
    pub(super) told: &'a mut Told,
    pub(super) stock: &'a mut Stock<'s>,
    pub(super) agenda: &'a Agenda<'a>,
    pub(super) out: &'a mut Vec<u8>,
    /// Where in `out` the byte of widths stands; where the blocks begin, and how far they may reach.
    pub(super) widths_at: usize,
    pub(super) start: usize,
    pub(super) limit: usize,
}

impl Telling<'_, '_> {
    /// Names clusters that are no more, as long as the peer may believe in them; and where their members went, if it
    /// holds what the lead of its cluster was told of them.
    pub(super) fn bury(&mut self, graves: &Graves, lead: Option<&Records>) {
        if graves.are_known(self.told.buried()) {
            return self.told.note_buried();
        }
        self.name_buried(graves, lead);
    }

    /// On its own, for most peers know all in most ticks.
    #[inline(never)]
    fn name_buried(&mut self, graves: &Graves, lead: Option<&Records>) {
        let mut all_fit = true;
        for cluster in graves.after(self.told.buried()) {
            let mark = self.stock.marks[usize::from(cluster)];
            let heard = self.told.holds() & mark.legal;
            let base = lead.and_then(|lead| lead.base(cluster, None, heard, mark.in_turn));
            let block = self.stock.blocks.whole(self.stock.source, cluster, base);
            all_fit &= self.out.len() + block.len() <= self.limit;
            if all_fit {
                self.out.extend_from_slice(self.stock.blocks.bytes(block));
            }
        }
        if all_fit {
            self.told.note_buried();
        }
    }

    /// Sends what the lead is told, if the peer holds all that this leads from. False if not.
    pub(super) fn follow(&mut self, lead: &mut Lead, bodies: &mut Vec<u8>) -> bool {
        let newest = self.told.arrived().least();
        let body = lead.body(newest, self.stock, self.agenda, bodies);
        let room = self.limit - self.out.len();
        let can_follow = |body: &Body| body.len() <= room && (body.ages & !self.told.holds()).is_empty();
        let Some(body) = body.filter(|body| self.told.has_no_arrears() && can_follow(body)) else {
            return false;
        };
        self.out.extend_from_slice(body.of(bodies));
        self.put_checksum(body.checksum);
        self.told.follow();
        true
    }

    /// Sends a peer whose turn to get to know the world has not come nothing but its own cluster, in most ticks. False if
    /// it is to be told more.
    pub(super) fn wait(&mut self, home: Option<u16>, effort: &mut Effort) -> bool {
        let Some(home) = home.filter(|_| self.told.waits(self.agenda.grid.place())) else { return false };
        if !effort.is_spent() {
            return false;
        }
        let mark = self.stock.marks[usize::from(home)];
        let base = Base::whole(self.told.home_base(mark.legal));
        let to = Listener { heard: self.told.arrived(), now: self.agenda.now, takes_parts: false };
        let mut packing = Packing::new(self.stock, to, self.out, self.start, self.limit);
        let fits = packing.put(home, base, &mut PartsTold::default());
        let checksum = packing.checksum();
        if fits {
            self.put_checksum(checksum);
            self.told.note_wait();
        }
        fits
    }

    /// Sends what its own records say. Where it could follow the lead soon, its turn goes along with the lead's.
    pub(super) fn own(&mut self, lead: Option<&Lead>, effort: &mut Effort) {
        let seats = lead.map_or(Near::NOBODY, |lead| lead.records.near).seats();
        let place = self.agenda.place();
        let has_arrears = !self.told.has_no_arrears();
        self.told.set_waiting(None);
        let has_followed = self.told.begin_own(seats, lead.map(|lead| &lead.records), self.agenda.grid);
        let lead = lead.filter(|lead| lead.is_told());
        if self.told.records.turns.is_slow(self.agenda.now, place) && !effort.take() {
            return self.tell_near(lead, place);
        }
        let has_room = (self.limit - self.start) * 100 >= self.agenda.body_bytes * FILL_PERCENT;
        if let Some(lead) = lead.filter(|_| has_room && !has_arrears)
            && self.go_along(lead)
        {
            return;
        }
        let turns = &mut self.told.records.turns;
        let joined = lead.filter(|_| has_followed || has_room && turns.may_join(place));
        if let Some(lead) = joined {
            turns.set_next(place, lead.visit().from);
        }
        let to = Listener { heard: self.told.arrived(), now: self.agenda.now, takes_parts: true };
        let packing = Packing::new(self.stock, to, self.out, self.start, self.limit);
        let mut order = Order::new(&mut self.told.records, packing);
        order.tell_all(self.agenda);
        let (has_parts, checksum) = (order.packing().has_parts(), order.packing().checksum());
        self.finish(has_parts, checksum);
        self.told.end_own(lead.map(|lead| &lead.records), joined.map(|_| place), self.agenda.grid);
    }

    /// Tells of what is near, and begins no turn.
    fn tell_near(&mut self, lead: Option<&Lead>, place: usize) {
        self.told.records.turns.wait(self.agenda.now, place);
        self.told.set_waiting(Some(self.agenda.grid.place()));
        let to = Listener { heard: self.told.arrived(), now: self.agenda.now, takes_parts: true };
        let packing = Packing::new(self.stock, to, self.out, self.start, self.limit);
        let mut order = Order::new(&mut self.told.records, packing);
        order.tell_near();
        let (has_parts, checksum) = (order.packing().has_parts(), order.packing().checksum());
        self.finish(has_parts, checksum);
        if !has_parts && self.told.records.near.told(0).contains(0) {
            self.told.note_home();
        }
        self.told.end_own(lead.map(|lead| &lead.records), None, self.agenda.grid);
    }

    /// Tells of just what the lead is told, though not from the same baselines. False if that does not fit.
    fn go_along(&mut self, lead: &Lead) -> bool {
        let from = self.out.len();
        let to = Listener { heard: self.told.arrived(), now: self.agenda.now, takes_parts: false };
        let holds = self.told.holds();
        let packing = Packing::new(self.stock, to, self.out, self.start, self.limit);
        let mut order = Order::new(&mut self.told.records, packing);
        let fits = order.tell_along(lead.chosen(), holds);
        let checksum = order.packing().checksum();
        if fits {
            self.put_checksum(checksum);
            self.told.follow();
        } else {
            self.out.truncate(from);
        }
        fits
    }

    /// Shows the peer what is in its view, after a look around.
    pub(super) fn show(&mut self, view: &mut View, home: Option<u16>) {
        let now = self.agenda.now;
        let to = Listener { heard: self.told.arrived(), now, takes_parts: true };
        let missing = self.told.missing();
        let records = &mut *self.told.records;
        records.begin(now, Near::NOBODY.seats());
        let limit = self.limit - SPARE_BYTES;
        let packing = Packing::new(self.stock, to, self.out, self.start, limit);
        let mut showing = Showing {
            packing,
            view,
            seen: &mut records.seen,
            parts: &mut records.parts,
            grid: self.agenda.grid,
            missing,
        };
        showing.show(home);
        let (has_parts, checksum) = (showing.packing.has_parts(), showing.packing.checksum());
        self.finish(has_parts, checksum);
    }

    fn finish(&mut self, has_parts: bool, checksum: u64) {
        if has_parts {
            self.out[self.widths_at] |= PARTIAL_FLAG;
        }
        self.put_checksum(checksum);
    }

    /// Where the server adds checksums, there is room for it between the widths and the blocks.
    fn put_checksum(&mut self, checksum: u64) {
        if self.out[self.widths_at] & CHECKSUM_FLAG != 0 {
            self.out[self.widths_at + 1..][..8].copy_from_slice(&checksum.to_le_bytes());
        }
    }
}
