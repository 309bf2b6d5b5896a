//! Peers of one cluster that have heard the same are sent the same: blocks put together once.

use super::ages::Ages;
use super::near::Seats;
use super::order::{Agenda, Order};
use super::packing::{Chosen, Listener, Packing, Stock};
use super::records::Records;
use super::turn::Stretch;
use crate::wire::Tick;

/// Who hears of a snapshot later than after so many ticks has its own put together.
const NEWEST_MAX: usize = 8;

/// A lead may fill this part of a datagram. What is left is for those who fall behind: whose blocks lead from older
/// baselines, and who should be told as much all the same, to follow again.
pub(super) const FILL_PERCENT: usize = 96;

/// The blocks of a snapshot without its header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Body {
    start: u32,
    len: u32,
    /// The ages of all baselines.
    pub(super) ages: Ages,
    pub(super) checksum: u64,
}

impl Body {
    pub(super) fn len(self) -> usize {
        self.len as usize
    }

    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }
}

/// The made-up listener of a cluster, to whom all is told as to a peer that every snapshot has reached.
///
/// A real peer may be sent the same bytes in a tick if it holds every baseline that they lead from: if, in the ticks of
/// those baselines, it was told at least what the lead was, and has acknowledged it. Peers hear of snapshots sooner or
/// later, so there is a body for each age of the newest that has arrived; all tell of the same clusters.
///
/// Memory: about a kilobyte and a half.
#[derive(Clone, Debug)]
pub(super) struct Lead {
    pub(super) records: Records,
    now: Tick,
    /// When it was told something.
    told_in: Ages,
    /// Whether it is told anything now.
    is_told: bool,
    /// Of now, by the age of the newest snapshot that has arrived. `Some(None)`: it does not fit.
    bodies: [Option<Option<Body>>; NEWEST_MAX + 1],
    /// The clusters of now, in their order.
    chosen: Vec<Chosen>,
    /// The greatest age that a body was asked for in this tick, and in the one before.
    newest_max: [usize; 2],
}

impl Lead {
    pub(super) fn new() -> Self {
        Self {
            records: Records::new(),
            now: Tick(0),
            told_in: Ages::NONE,
            is_told: false,
            bodies: [None; NEWEST_MAX + 1],
            chosen: Vec::new(),
            newest_max: [1; 2],
        }
    }

    /// Whether this tick has begun for it.
    pub(super) fn has_begun(&self, now: Tick) -> bool {
        self.now == now
    }

    /// Begins a tick: decides of which clusters it tells. They fit for the latest peer of the tick before.
    pub(super) fn begin(&mut self, seats: Seats, stock: &mut Stock, agenda: &Agenda, bytes: &mut Vec<u8>) {
        let ticks = agenda.now.since(self.now);
        self.now = agenda.now;
        self.told_in = self.told_in.later(ticks);
        self.bodies = [None; NEWEST_MAX + 1];
        self.newest_max = [1, self.newest_max[0]];
        self.records.begin(self.now, seats);
        let newest = self.newest_max[1];
        let body = self.pack(newest, stock, agenda, bytes, |order| {
            order.tell_all(agenda);
            order.packing().has_told()
        });
        self.chosen.clear();
        self.chosen.extend_from_slice(stock.chosen);
        self.is_told = body.is_some();
        self.bodies[newest] = Some(body);
        self.told_in |= Ages(self.is_told.into());
    }

    /// The body for a peer whose newest snapshot that has arrived is so many ticks old.
    pub(super) fn body(
        &mut self,
        newest: u64,
        stock: &mut Stock,
        agenda: &Agenda,
        bytes: &mut Vec<u8>,
    ) -> Option<Body> {
        let newest = usize::try_from(newest).ok().filter(|newest| (1..=NEWEST_MAX).contains(newest))?;
        self.newest_max[0] = self.newest_max[0].max(newest);
        if self.is_told && self.bodies[newest].is_none() {
            let chosen = std::mem::take(&mut self.chosen);
            let body = self.pack(newest, stock, agenda, bytes, |order| order.tell_these(&chosen, newest));
            self.chosen = chosen;
            self.bodies[newest] = Some(body);
        }
        self.bodies[newest].flatten()
    }

    fn pack(
        &mut self,
        newest: usize,
        stock: &mut Stock,
        agenda: &Agenda,
        bytes: &mut Vec<u8>,
        tell: impl FnOnce(&mut Order) -> bool,
    ) -> Option<Body> {
        let start = bytes.len();
        let heard = self.told_in & !Ages::below(newest as u64);
        let to = Listener { now: self.now, heard, takes_parts: false };
        let limit = start + agenda.body_bytes * FILL_PERCENT / 100;
        let mut order = Order::new(&mut self.records, Packing::new(stock, to, bytes, start, limit));
        let ages = if tell(&mut order) { order.packing().ages() } else { None };
        let checksum = order.packing().checksum();
        if ages.is_none() {
            bytes.truncate(start);
        }
        Some(Body { start: start as u32, len: (bytes.len() - start) as u32, ages: ages?, checksum })
    }

    /// Whether it is told anything now.
    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// The clusters that it is told of now, in their order.
    pub(super) fn chosen(&self) -> &[Chosen] {
        &self.chosen
    }

    /// The stretch of clusters that it is told of in turn now.
    pub(super) fn visit(&self) -> Stretch {
        self.records.turns.visit(self.now)
    }
}
