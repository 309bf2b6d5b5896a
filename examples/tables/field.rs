//! Players who move, and what a server makes of them in each tick: clusters, and where everyone is heading.

use tickcast::snapshot::clusters::Clusters;
use tickcast::snapshot::motion::{LOOK_TICKS, Pace};
use tickcast::wire::Tick;
use tickcast::wire::block::{AGE_TICKS_MAX, Member};
use tickcast::world::PlayerSlot;

use crate::walk::{Movement, Walk};

/// [`Field::step`] is one tick, all at once; its three parts are there to be timed.
pub(crate) struct Field {
    pub(crate) walk: Walk,
    pub(crate) paces: Vec<Pace>,
    pub(crate) clusters: Clusters,
    tick: Tick,
}

impl Field {
    /// Players after so many ticks.
    pub(crate) fn new(movement: Movement, players: usize, warmup_ticks: u64) -> Self {
        let walk = Walk::new(movement, players, 7);
        let mut clusters = Clusters::new(2 * (u64::from(AGE_TICKS_MAX) + 1));
        (0..players as u32).for_each(|slot| clusters.insert(PlayerSlot(slot), Tick(0), &walk.places));
        let paces = walk.places.iter().map(|&at| Pace::at(at)).collect();
        let mut field = Self { walk, paces, clusters, tick: Tick(0) };
        (0..warmup_ticks).for_each(|_| field.step());
        field
    }

    pub(crate) fn step(&mut self) {
        self.advance();
        self.look();
        self.update();
    }

    pub(crate) fn advance(&mut self) {
        self.tick.0 += 1;
        self.walk.step();
    }

    pub(crate) fn update(&mut self) {
        self.clusters.update(self.tick, &self.walk.places);
    }

    pub(crate) fn look(&mut self) {
        let turn = (self.tick.0 % LOOK_TICKS) as usize;
        let due = self.paces.iter_mut().zip(&self.walk.places).skip(turn).step_by(LOOK_TICKS as usize);
        due.for_each(|(pace, &at)| {
            pace.look(at);
        });
    }

    /// The members of all clusters, by cluster; they are known by their slots.
    pub(crate) fn members(&self) -> Vec<Vec<Member>> {
        let member = |slot: &PlayerSlot| Member {
            id: slot.0,
            at: self.walk.places[slot.index()],
            motion: self.paces[slot.index()].motion(),
            ..Member::default()
        };
        let ids = 0..1 << self.clusters.id_bits();
        ids.map(|id| self.clusters.members(id).iter().map(member).collect()).collect()
    }
}
