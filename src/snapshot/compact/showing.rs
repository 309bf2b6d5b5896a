//! In which order a peer is told what is in its view, and that it sees no more of what is not.

use super::ages::{AGES, Ages};
use super::grid::Grid;
use super::packing::{Packing, spread};
use super::parts::PartsTold;
use super::view::{Seen, View};

/// The nearest clusters may take this part of a snapshot where not all fits.
const NEAREST_PERCENT: usize = 35;

/// So many clusters that find no room are passed over for others that may.
const PASSED_OVER_MAX: usize = 4;

/// What went out of view may take this part. It is seldom much, and must not stay in view.
const WITHDRAWN_PERCENT: usize = 80;

/// What is in view counts as fitting again when it would take no more than this part.
const UNCROWDED_PERCENT: usize = 90;

/// Kept free for naming clusters out of view that a player has moved to.
pub(super) const SPARE_BYTES: usize = 24;

/// Shows one peer what is in its view, after [`View::look`].
///
/// What is shown is its own cluster, the nearest, and, in the order in which they were last told, all others: in every
/// tick if all fit, else in the ticks on their grid. What was lost counts as not told, and so comes first.
pub(super) struct Showing<'a, 's> {
    pub(super) packing: Packing<'a, 's>,
    pub(super) view: &'a mut View,
    pub(super) seen: &'a mut Seen,
    pub(super) parts: &'a mut PartsTold,
    pub(super) grid: &'a Grid,
    /// What it was sent then has not arrived, and will not.
    pub(super) missing: Ages,
}

impl Showing<'_, '_> {
    /// Shows what finds room, to a player in the cluster `home`.
    pub(super) fn show(&mut self, home: Option<u16>) {
        self.view.named.clear();
        self.withdraw();
        let now = self.packing.to.now;
        // At irregular ticks, lest the nearest be passed over in all that are on their grid.
        if self.seen.is_crowded && self.seen.is_starved[self.grid.place()] && spread(now) >> 31 == 0 {
            self.tell_the_rest();
        }
        let mut all_fit = home.and_then(|home| self.seen.index_of(home)).is_none_or(|home| self.tell(home));
        if self.seen.is_crowded {
            self.packing.share_of_all(NEAREST_PERCENT);
            self.tell_nearest();
            self.packing.end_share();
        }
        all_fit &= self.tell_the_rest();
        self.tell_nearest();
        self.name_hidden();
        self.seen.is_crowded = !all_fit || self.seen.is_crowded && !self.would_fit();
    }

    /// Names the clusters that the peer has seen and sees no more: those first that it was not told so of yet.
    fn withdraw(&mut self) {
        self.packing.share_from_here(WITHDRAWN_PERCENT);
        for is_named in [false, true] {
            for index in 0..self.seen.places.len() {
                let place = self.seen.places[index];
                if place.is_in_view
                    || place.withdrawn.is_empty() == is_named
                    || self.packing.has(place.cluster)
                {
                    continue;
                }
                let among = self.packing.to.heard & self.packing.mark(place.cluster).legal;
                let base = place.base(self.packing.to.now, among, self.parts);
                // Without a baseline it is a few bytes, but the client then waits a second for those who were in it.
                let is_named = self.packing.put_hidden(place.cluster, base, 0)
                    || self.packing.put_hidden(place.cluster, None, 0);
                if is_named {
                    self.seen.places[index].withdrawn |= Ages(1);
                    self.note_moves();
                }
            }
        }
        self.packing.end_share();
    }

    fn tell_nearest(&mut self) {
        for index in 0..self.view.nearest.len() {
            let (_, place) = self.view.nearest[index];
            self.tell(place as usize);
        }
    }

    /// Says whether all that is in view is told now.
    fn tell_the_rest(&mut self) -> bool {
        if !self.seen.is_crowded {
            return (0..self.seen.places.len())
                .all(|place| !self.seen.places[place].is_in_view || self.tell(place));
        }
        let places = self.seen.places.iter().enumerate().filter(|(_, place)| place.is_in_view);
        let due = places.filter(|(_, place)| self.grid.is_turn_of(place.cluster));
        let by_age = due.map(|(index, place)| (AGES - (place.told & !self.missing).least(), index as u32));
        let mut order = std::mem::take(&mut self.view.order);
        order.clear();
        order.extend(by_age);
        order.sort_unstable();
        // The first alone may stop a turn for good: what stands alone is long.
        let mut passed_over = 0;
        for (index, &(_, place)) in order.iter().enumerate() {
            let is_told = self.tell(place as usize);
            passed_over += usize::from(!is_told);
            if index == 0 {
                self.seen.is_starved[self.grid.place()] = !is_told;
            }
            if passed_over > PASSED_OVER_MAX {
                break;
            }
        }
        self.view.order = order;
        passed_over == 0
    }

    /// Adds a block of the cluster at a place in view, unless it is told already. False if it finds no room.
    fn tell(&mut self, index: usize) -> bool {
        let place = &mut self.seen.places[index];
        if self.packing.has(place.cluster) {
            return true;
        }
        let among = self.packing.to.heard & self.packing.mark(place.cluster).legal;
        let base = place.base(self.packing.to.now, among, self.parts);
        let is_told = self.packing.put(place.cluster, base, self.parts);
        if is_told {
            place.told |= Ages(1);
            place.withdrawn = Ages::NONE;
            self.note_moves();
        }
        is_told
    }

    /// Who has moved out of view is to be seen no longer: the cluster that it has moved to is named as one that nobody
    /// is in.
    fn note_moves(&mut self) {
        let hidden = self.packing.moved_to().filter(|&cluster| !self.seen.is_in_view(cluster));
        self.view.named.extend(hidden);
    }

    fn name_hidden(&mut self) {
        for index in 0..self.view.named.len() {
            let cluster = self.view.named[index];
            if !self.packing.has(cluster) {
                self.packing.put_hidden(cluster, None, SPARE_BYTES);
            }
        }
    }

    /// Whether all that is in view would fit, by what has been told of it; not before all of it has been.
    fn would_fit(&self) -> bool {
        if self.seen.in_view().any(|place| place.told.is_empty()) {
            return false;
        }
        let told = self.seen.in_view().filter(|place| place.told.contains(0)).count();
        let all = self.seen.in_view().count();
        self.packing.len() * all * 100 <= self.packing.room() * told * UNCROWDED_PERCENT
    }
}
