//! What a client has been told of the players, and when.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::frames::{Missing, Telling};
use super::table::{Table, known, ones};
use super::trail::{self, RenderTime, Sample, Trail};
use crate::secret::{HashState, Secret};
use crate::wire::block::Motion;
use crate::wire::{PlainSnapshot, Player, SnapshotHeader, Tick, kind_of};

/// A player as it was when the client was last told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPlayer {
    /// Who and where.
    pub player: Player,
    /// The tick that this was told for.
    pub told: Tick,
    /// Where it is expected to go. Plain snapshots do not say: [`Motion::REST`].
    pub motion: Motion,
    /// What it is: the kind of an entity of the server's, or 0 = a player. Plain snapshots say it by the id alone.
    pub kind: u8,
}

/// What a client has been told of the players.
///
/// A player is replaced only by what was told for a newer tick; a late snapshot never sets anyone back, and
/// never brings back one who has gone.
#[derive(Debug)]
pub struct KnownWorld {
    table: Table,
    /// Who has gone, and at which tick this was told.
    ///
    /// Whoever has a row was told of at that tick or later, so only newcomers are looked up here.
    gone: HashMap<u32, Tick, HashState>,
    /// Who is no longer where it was told to be, and since when: gone too, unless something newer is told in time.
    /// Nearly in the order of the ticks.
    awaited: VecDeque<(Tick, u32)>,
    newest: Tick,
    next_tidy: Tick,
    /// What was told for this tick or an older one is forgotten, and comes too late.
    forgotten: Tick,
    /// How far what is shown trails; `None` if nobody asks.
    delay: Option<Duration>,
    period_ns: u64,
    /// How far apart the samples of a trail are, in ticks.
    spacing: u64,
}

impl KnownWorld {
    /// It knows no more players than this, whatever it is told.
    pub const PLAYERS_MAX: usize = 1 << 20;

    /// Ids that have gone are named for a second; a player that is not told of for two has gone too.
    const FORGET_AFTER_NS: u64 = 2_000_000_000;

    /// Who has left its cluster, and nobody says where to, is waited for so long.
    const AWAIT_NS: u64 = 1_000_000_000;

    /// Past the newest place that it was told to be at, a player goes on for so long.
    const ONWARD_NS: f64 = 250e6;

    pub(super) fn new(secret: &Secret, delay: Option<Duration>) -> Self {
        let state = secret.derive("known players").hash_state();
        Self {
            table: Table::new(state, delay.is_some()),
            gone: HashMap::with_hasher(state),
            awaited: VecDeque::new(),
            newest: Tick(0),
            next_tidy: Tick(0),
            forgotten: Tick(0),
            delay,
            period_ns: 1,
            spacing: 1,
        }
    }

    /// How long a tick takes, from now on.
    pub(super) fn set_period(&mut self, period_ns: u64) {
        self.period_ns = period_ns.max(1);
        let delay_ns = self.delay.map_or(0, |delay| delay.as_nanos() as u64);
        self.spacing = Trail::spacing(delay_ns, self.period_ns);
    }

    /// The player known by `client_id`.
    pub fn player(&self, client_id: u32) -> Option<KnownPlayer> {
        self.table.traced(client_id).map(|(known, _)| known)
    }

    /// All of them, in no particular order.
    pub fn players(&self) -> impl Iterator<Item = KnownPlayer> {
        self.table.all_traced().map(|(known, _)| known)
    }

    /// Where a player is shown at a time, in units; [`super::Client::render_time`] gives one to ask for.
    ///
    /// - Between two places that it was told to be at, on the line from one to the other, in step with the ticks. The
    ///   last few are kept, spaced so that they reach back twice as far as the picture trails.
    /// - Before the oldest of them, at the oldest.
    /// - Past the newest, onward as its motion leads it, for 250 ms, not beyond the ends of the world; there it stands.
    ///   Plain snapshots tell no motion, so it stands at once.
    /// - Who jumps does not glide: where the way between two places is longer than 64 times what its motion, at
    ///   either, or a motion of one unit a tick leads to, it stays at the first until the tick of the second.
    ///
    /// Where [`super::ClientConfig::interpolation`] is `None`, only the newest place is kept. `None` if the player is
    /// not known.
    pub fn position_at(&self, client_id: u32, time: RenderTime) -> Option<[f64; 2]> {
        let (known, trail) = self.table.traced(client_id)?;
        Some(self.shown(&known, trail, time))
    }

    /// Everyone, and where each is shown at a time, as [`KnownWorld::position_at`] has it; in no particular order.
    pub fn positions_at(&self, time: RenderTime) -> impl Iterator<Item = (KnownPlayer, [f64; 2])> {
        self.table.all_traced().map(move |(known, trail)| (known, self.shown(&known, trail, time)))
    }

    fn shown(&self, known: &KnownPlayer, trail: Option<&Trail>, time: RenderTime) -> [f64; 2] {
        let onward_ticks_max = Self::ONWARD_NS / self.period_ns as f64;
        match trail {
            Some(trail) => trail::position_at(trail.and(known).as_slice(), time, onward_ticks_max),
            None => trail::position_at(&[Sample::from(known)], time, onward_ticks_max),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// The newest tick it has been told of.
    pub fn newest(&self) -> Tick {
        self.newest
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.gone.clear();
        self.awaited.clear();
        self.newest = Tick(0);
        self.next_tidy = Tick(0);
        self.forgotten = Tick(0);
    }

    pub(super) fn take_in(&mut self, snapshot: &PlainSnapshot) {
        let told = snapshot.header.tick;
        self.newest = self.newest.max(told);
        snapshot.gone.iter().for_each(|id| self.on_gone(*id, told));
        for &player in &snapshot.players {
            let kind = kind_of(player.client_id);
            let known = KnownPlayer { player, told, motion: Motion::REST, kind };
            if !self.table.tell(&known, self.spacing) {
                self.on_newcomer(&known);
            }
        }
        self.tidy_after(&snapshot.header, snapshot.players.len());
    }

    /// Takes in whom a compact snapshot told of, and who departed from its cluster. Who moved to another stays where
    /// it was until that is told.
    pub(super) fn take_in_members(&mut self, header: &SnapshotHeader, telling: Telling<'_>) {
        let (told, members) = (header.tick, telling.members);
        self.newest = self.newest.max(told);
        telling.departed.iter().filter(|left| left.to.is_none()).for_each(|gone| self.on_gone(gone.id, told));
        for (number, roster, places) in telling.clusters() {
            let unknown = self.table.settle(number, roster, places, told, self.spacing);
            ones(unknown).for_each(|index| self.on_newcomer(&known(roster, index, places[index], told)));
        }
        self.drop_awaited(await_for(header, members, self.period_ns));
        self.tidy_after(header, members);
    }

    /// Someone is no longer where it was told to be. A player who left while the acknowledgement of its entering was
    /// on its way is named nowhere: the server starts from a baseline without it.
    pub(super) fn on_missing(&mut self, missing: Missing) {
        let Missing { id, since } = missing;
        let is_told_of_since = self.table.told(id).is_none_or(|told| told >= since);
        if !is_told_of_since && self.awaited.len() < Self::PLAYERS_MAX {
            self.awaited.push_back((since, id));
        }
    }

    fn drop_awaited(&mut self, ticks: u64) {
        while let Some(&(since, id)) = self.awaited.front().filter(|front| self.newest.since(front.0) > ticks)
        {
            self.awaited.pop_front();
            if self.table.told(id).is_some_and(|told| told < since) {
                self.on_gone(id, since);
            }
        }
    }

    fn tidy_after(&mut self, header: &SnapshotHeader, told: usize) {
        if self.newest >= self.next_tidy {
            self.tidy(forget_after(header, told, self.period_ns));
        }
    }

    fn on_gone(&mut self, client_id: u32, tick: Tick) {
        self.table.remove_older(client_id, tick);
        if self.gone.len() < Self::PLAYERS_MAX {
            let told = self.gone.entry(client_id).or_insert(tick);
            *told = tick.max(*told);
        }
    }

    fn on_newcomer(&mut self, news: &KnownPlayer) {
        let is_back = self.gone.get(&news.player.client_id).is_none_or(|gone| *gone < news.told);
        if is_back && news.told > self.forgotten {
            self.table.insert(news);
        }
    }

    /// Forgets whom it has not been told of for so many ticks.
    fn tidy(&mut self, forget_after: u64) {
        let newest = self.newest;
        self.table.retain(|told| newest.since(told) <= forget_after);
        self.gone.retain(|_, told| newest.since(*told) <= forget_after);
        self.forgotten = self.forgotten.max(Tick(newest.0.saturating_sub(forget_after + 1)));
        self.next_tidy = Tick(newest.0.saturating_add(forget_after / 8 + 1));
    }
}

/// In ticks: two seconds, or twice the time in which a full turn through all players may take.
fn forget_after(header: &SnapshotHeader, told: usize, period_ns: u64) -> u64 {
    let seconds = KnownWorld::FORGET_AFTER_NS / period_ns.max(1);
    let turn = 2 * u64::from(header.players) / (told as u64).max(1);
    seconds.max(2 * turn)
}

/// In ticks: a second, or twice the time of a full turn through all players.
fn await_for(header: &SnapshotHeader, told: usize, period_ns: u64) -> u64 {
    let second = KnownWorld::AWAIT_NS / period_ns.max(1);
    second.max(2 * u64::from(header.players) / (told as u64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::frames::Frames;
    use crate::wire::block::{Encoder, Head, Member};
    use crate::wire::{CompactSnapshot, Position};

    const PERIOD_NS: u64 = 100_000_000;

    fn world() -> KnownWorld {
        let mut world = KnownWorld::new(&Secret::from_seed(1), None);
        world.set_period(PERIOD_NS);
        world
    }

    fn told(world: &mut KnownWorld, tick: u64, players: &[(u32, i32)], gone: &[u32]) {
        let header = SnapshotHeader { tick: Tick(tick), players: 2, ..SnapshotHeader::default() };
        let player = |&(client_id, x): &(u32, i32)| Player { client_id, at: Position { x, y: 0 }, state: 0 };
        let players = players.iter().map(player).collect();
        world.take_in(&PlainSnapshot { header, gone: gone.to_vec(), players });
    }

    fn x_of(world: &KnownWorld, client_id: u32) -> Option<i32> {
        world.player(client_id).map(|known| known.player.at.x)
    }

    #[test]
    fn a_late_snapshot_sets_nobody_back_and_brings_nobody_back() {
        let mut world = world();
        told(&mut world, 10, &[(1, 100), (2, 100)], &[]);
        told(&mut world, 12, &[(1, 120)], &[2]);
        told(&mut world, 11, &[(1, 110), (2, 110)], &[]);
        assert_eq!((x_of(&world, 1), x_of(&world, 2)), (Some(120), None));
        told(&mut world, 13, &[(2, 130)], &[]);
        assert_eq!(x_of(&world, 2), Some(130), "it has come back");
    }

    #[test]
    fn whom_nobody_speaks_of_for_two_seconds_is_forgotten() {
        let mut world = world();
        told(&mut world, 1, &[(1, 1), (2, 1)], &[]);
        (2..=21).for_each(|tick| told(&mut world, tick, &[(1, 1)], &[]));
        assert_eq!(x_of(&world, 2), Some(1));
        (22..=26).for_each(|tick| told(&mut world, tick, &[(1, 1)], &[]));
        assert_eq!((x_of(&world, 1), x_of(&world, 2)), (Some(1), None));
    }

    #[test]
    fn what_comes_later_than_forgetting_brings_nobody_back() {
        let mut world = world();
        told(&mut world, 10, &[(1, 1), (2, 1)], &[]);
        (12..100).for_each(|tick| told(&mut world, tick, &[(1, 1)], &[]));
        told(&mut world, 9, &[(1, 1), (2, 1)], &[]);
        assert_eq!(x_of(&world, 2), None, "it was known at 10");
    }

    #[test]
    fn who_is_missing_is_waited_for_and_then_gone() {
        let mut world = world();
        told(&mut world, 10, &[(1, 1), (2, 1), (3, 1)], &[]);
        for id in [2, 3] {
            world.on_missing(Missing { id, since: Tick(11) });
        }
        let header = |tick| SnapshotHeader { tick: Tick(tick), players: 3, ..SnapshotHeader::default() };
        let mut take_in = |tick, ids: &[u32]| {
            let mut encoded = Vec::new();
            let members: Vec<Member> = ids.iter().map(|&id| Member { id, ..Member::default() }).collect();
            let head = Head { cluster: tick as u16, age: 0 };
            Encoder::new().encode(head, 8, &[], &members, |_| None, &mut encoded);
            let (mut frames, header) = (Frames::new(), header(tick));
            let snapshot = CompactSnapshot {
                header,
                cluster_bits: 8,
                is_partial: false,
                checksum: None,
                extras: None,
                blocks: &encoded,
            };
            frames.take_in(&snapshot).expect("it decodes");
            world.take_in_members(&header, frames.telling(header.tick));
            (x_of(&world, 2).is_some(), x_of(&world, 3).is_some())
        };
        assert_eq!(take_in(15, &[1, 3]), (true, true));
        assert_eq!(take_in(21, &[1]), (true, true), "a second has not gone by");
        assert_eq!(take_in(22, &[1]), (false, true), "3 was told of in time");
        assert_eq!(take_in(10, &[2]), (false, true), "what is older does not bring it back");
        assert_eq!(take_in(12, &[2]), (true, true), "what is newer does");
    }

    #[test]
    fn no_more_are_waited_for_than_are_known() {
        let mut world = world();
        told(&mut world, 10, &[(1, 1)], &[]);
        let missing = Missing { id: 1, since: Tick(11) };
        (0..=KnownWorld::PLAYERS_MAX).for_each(|_| world.on_missing(missing));
        assert_eq!(world.awaited.len(), KnownWorld::PLAYERS_MAX);
    }
}
