//! Who is known, and where that stands: nearly all in their clusters, just as these were told last.

use std::collections::HashMap;
use std::sync::Arc;

use super::known::{KnownPlayer, KnownWorld};
use super::roster::Roster;
use super::trail::Trail;
use crate::secret::HashState;
use crate::wire::block::Profile;
use crate::wire::{Player, Position, Tick};

/// All who are known, each at one place: in a cluster, if what that told last is the newest of it, or astray.
///
/// [`Table::settle`] with every cluster that is told, [`Table::tell`] with every player that a plain snapshot tells.
/// Both leave alone whoever is not known yet: [`Table::insert`] those who are to be.
#[derive(Debug)]
pub(super) struct Table {
    /// By number.
    camps: Vec<Camp>,
    /// The roster of clusters that nothing is known of.
    nobody: Arc<Roster>,
    strays: Vec<Stray>,
    places: HashMap<u32, Place, HashState>,
    /// Whether anybody asks where players are between ticks.
    has_trails: bool,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// In a cluster, `near` there in its order: others may have left since.
    Camp { number: u16, near: u8 },
    /// In a row.
    Astray(u32),
}

/// A cluster as it was told last.
#[derive(Debug)]
struct Camp {
    told: Tick,
    /// The newest tick whose places the trails have.
    sampled: Tick,
    roster: Arc<Roster>,
    positions: Vec<Position>,
    /// Whose place this is, the first by the lowest bit. Of others something newer was told elsewhere, or they are
    /// not known.
    here: u64,
    /// As many as members, or none at all.
    trails: Vec<TrailOf>,
}

/// A player whose newest no cluster has.
#[derive(Debug)]
struct Stray {
    known: KnownPlayer,
    trail: TrailOf,
}

/// Where a player was before, if that is kept: it goes along from place to place.
type TrailOf = Option<Box<Trail>>;

impl Table {
    pub(super) fn new(state: HashState, has_trails: bool) -> Self {
        Self {
            camps: Vec::new(),
            nobody: Arc::default(),
            strays: Vec::new(),
            places: HashMap::with_hasher(state),
            has_trails,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// A player, and where it was before, if that is kept.
    pub(super) fn traced(&self, client_id: u32) -> Option<(KnownPlayer, Option<&Trail>)> {
        Some(match *self.places.get(&client_id)? {
            Place::Camp { number, near } => {
                let camp = &self.camps[usize::from(number)];
                camp.traced(camp.index_of(client_id, near))
            }
            Place::Astray(row) => self.strays[row as usize].traced(),
        })
    }

    /// All of them.
    pub(super) fn all_traced(&self) -> impl Iterator<Item = (KnownPlayer, Option<&Trail>)> {
        let settled = self.camps.iter().flat_map(|camp| ones(camp.here).map(|index| camp.traced(index)));
        settled.chain(self.strays.iter().map(Stray::traced))
    }

    /// The tick for which a player was told last.
    pub(super) fn told(&self, client_id: u32) -> Option<Tick> {
        self.places.get(&client_id).map(|&place| self.told_at(place))
    }

    fn told_at(&self, place: Place) -> Tick {
        match place {
            Place::Camp { number, .. } => self.camps[usize::from(number)].told,
            Place::Astray(row) => self.strays[row as usize].known.told,
        }
    }

    /// Takes in a cluster; gives the members that are not known, the first by the lowest bit. A trail's samples are
    /// so many ticks apart.
    pub(super) fn settle(
        &mut self,
        number: u16,
        roster: &Arc<Roster>,
        positions: &[Position],
        told: Tick,
        spacing: u64,
    ) -> u64 {
        if self.camps.len() <= usize::from(number) {
            self.camps.resize_with(usize::from(number) + 1, || Camp::new(&self.nobody));
        }
        if self.camps[usize::from(number)].told >= told {
            let members = positions.iter().enumerate();
            let is_unknown = |(index, &at)| !self.tell(&known(roster, index, at, told), spacing);
            return set_of(members.map(is_unknown));
        }
        if !self.camps[usize::from(number)].roster.has_profiles_of(roster) {
            self.enroll(number, roster, spacing);
        }
        let camp = &mut self.camps[usize::from(number)];
        camp.renew(roster, positions, told, spacing);
        let others = !camp.here & ones_below(positions.len());
        ones(others)
            .filter(|&index| !self.take_over(number, index, spacing))
            .fold(0, |set, index| set | 1 << index)
    }

    /// Takes in what was told of a player. False if it is not known.
    pub(super) fn tell(&mut self, news: &KnownPlayer, spacing: u64) -> bool {
        let Some(&place) = self.places.get(&news.player.client_id) else { return false };
        if self.told_at(place) >= news.told {
            return true;
        }
        if let Place::Astray(row) = place {
            self.strays[row as usize].renew(news, spacing);
        } else {
            let mut stray = self.vacate(news.player.client_id, place);
            stray.renew(news, spacing);
            self.stray(stray);
        }
        true
    }

    /// Takes in a player who is not known, if there is room.
    pub(super) fn insert(&mut self, news: &KnownPlayer) {
        if self.len() < KnownWorld::PLAYERS_MAX {
            let trail = self.has_trails.then(Box::default);
            self.stray(Stray { known: *news, trail });
        }
    }

    /// Forgets a player if it was told for an older tick.
    pub(super) fn remove_older(&mut self, client_id: u32, than: Tick) {
        if let Some(&place) = self.places.get(&client_id)
            && self.told_at(place) < than
        {
            self.vacate(client_id, place);
            self.places.remove(&client_id);
        }
    }

    /// Forgets everyone who was told for another tick than those to be kept.
    pub(super) fn retain(&mut self, is_kept: impl Fn(Tick) -> bool) {
        for camp in self.camps.iter_mut().filter(|camp| camp.told > Tick(0) && !is_kept(camp.told)) {
            let ids = ones(camp.here).map(|index| camp.roster.profiles()[index].id);
            ids.for_each(|id| _ = self.places.remove(&id));
            *camp = Camp::new(&self.nobody);
        }
        for row in (0..self.strays.len()).rev() {
            let KnownPlayer { told, player, .. } = self.strays[row].known;
            if !is_kept(told) {
                self.vacate(player.client_id, Place::Astray(row as u32));
                self.places.remove(&player.client_id);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.camps.clear();
        self.strays.clear();
        self.places.clear();
    }
}

/// From place to place.
impl Table {
    /// Gives a cluster a new roster. Whoever was here and is on it stays, all others are astray.
    fn enroll(&mut self, number: u16, roster: &Arc<Roster>, spacing: u64) {
        let trails = if self.has_trails { roster.profiles().len() } else { 0 };
        let trails = std::iter::repeat_with(|| None).take(trails).collect();
        let new = Camp { trails, ..Camp::new(roster) };
        let mut was = std::mem::replace(&mut self.camps[usize::from(number)], new);
        let mut next = 0;
        for index in ones(was.here) {
            let mut member = was.leave(index);
            match index_of(roster, member.known.player.client_id, next) {
                Some(at) => {
                    next = at + 1;
                    member.sample(spacing);
                    self.camps[usize::from(number)].seat(at, member.trail);
                }
                None => self.stray(member),
            }
        }
    }

    /// A member of a cluster that was just told has its place there from now on, unless something newer was told of
    /// it elsewhere. False if it is not known.
    fn take_over(&mut self, number: u16, index: usize, spacing: u64) -> bool {
        let news = self.camps[usize::from(number)].known(index);
        let Some(&place) = self.places.get(&news.player.client_id) else { return false };
        if self.told_at(place) < news.told {
            let mut before = self.vacate(news.player.client_id, place);
            before.sample(spacing);
            self.camps[usize::from(number)].seat(index, before.trail);
            self.places.insert(news.player.client_id, Place::Camp { number, near: index as u8 });
        }
        true
    }

    /// Puts a player with the strays.
    fn stray(&mut self, stray: Stray) {
        self.places.insert(stray.known.player.client_id, Place::Astray(self.strays.len() as u32));
        self.strays.push(stray);
    }

    /// Takes a player away from its place; the caller gives it another one.
    fn vacate(&mut self, client_id: u32, place: Place) -> Stray {
        let row = match place {
            Place::Camp { number, near } => {
                let camp = &mut self.camps[usize::from(number)];
                return camp.leave(camp.index_of(client_id, near));
            }
            Place::Astray(row) => row,
        };
        let gone = self.strays.swap_remove(row as usize);
        if let Some(moved) = self.strays.get(row as usize) {
            self.places.insert(moved.known.player.client_id, place);
        }
        gone
    }
}

impl Camp {
    /// A cluster that is still to be told.
    fn new(roster: &Arc<Roster>) -> Self {
        Self {
            told: Tick(0),
            sampled: Tick(0),
            roster: Arc::clone(roster),
            positions: Vec::new(),
            here: 0,
            trails: Vec::new(),
        }
    }

    fn known(&self, index: usize) -> KnownPlayer {
        known(&self.roster, index, self.positions[index], self.told)
    }

    fn traced(&self, index: usize) -> (KnownPlayer, Option<&Trail>) {
        (self.known(index), self.trails.get(index).and_then(Option::as_deref))
    }

    /// The same members, as they are now.
    fn renew(&mut self, roster: &Arc<Roster>, positions: &[Position], told: Tick, spacing: u64) {
        if self.told.since(self.sampled) >= spacing && !self.trails.is_empty() {
            self.sample(spacing);
        }
        self.told = told;
        if !Arc::ptr_eq(&self.roster, roster) {
            self.roster = Arc::clone(roster);
        }
        self.positions.clear();
        self.positions.extend_from_slice(positions);
    }

    /// Has all trails reach to what was told last.
    fn sample(&mut self, spacing: u64) {
        self.sampled = self.told;
        for index in ones(self.here) {
            let was = self.known(index);
            if let Some(trail) = &mut self.trails[index] {
                trail.push(&was, spacing);
            }
        }
    }

    fn seat(&mut self, index: usize, trail: TrailOf) {
        self.here |= 1 << index;
        if let Some(place) = self.trails.get_mut(index) {
            *place = trail;
        }
    }

    fn leave(&mut self, index: usize) -> Stray {
        self.here &= !(1 << index);
        Stray { known: self.known(index), trail: self.trails.get_mut(index).and_then(Option::take) }
    }

    /// Where one who is here stands in the order.
    fn index_of(&self, client_id: u32, near: u8) -> usize {
        let index = index_of(&self.roster, client_id, near.into());
        index.expect("who has its place in a cluster is one of its members")
    }
}

impl Stray {
    fn traced(&self) -> (KnownPlayer, Option<&Trail>) {
        (self.known, self.trail.as_deref())
    }

    fn renew(&mut self, news: &KnownPlayer, spacing: u64) {
        self.sample(spacing);
        self.known = *news;
    }

    /// Has the trail reach to this place, for there is a newer one.
    fn sample(&mut self, spacing: u64) {
        if let Some(trail) = &mut self.trail {
            trail.push(&self.known, spacing);
        }
    }
}

/// What a cluster tells of a member.
pub(super) fn known(roster: &Roster, index: usize, at: Position, told: Tick) -> KnownPlayer {
    let Profile { id: client_id, state, kind } = roster.profiles()[index];
    KnownPlayer { player: Player { client_id, at, state }, told, motion: roster.motions()[index], kind }
}

/// Where a member is in the order; it is likely to be the one at `next`.
fn index_of(roster: &Roster, id: u32, next: usize) -> Option<usize> {
    let (before, after) = roster.profiles().split_at(next.min(roster.profiles().len()));
    let is_it = |profile: &Profile| profile.id == id;
    after.iter().position(is_it).map(|index| before.len() + index).or_else(|| before.iter().position(is_it))
}

/// The indices of the ones, ascending.
pub(super) fn ones(set: u64) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(set), |set| Some(set & set.wrapping_sub(1)))
        .take_while(|set| *set != 0)
        .map(|set| set.trailing_zeros() as usize)
}

fn ones_below(n: usize) -> u64 {
    u64::MAX.checked_shl(n as u32).map_or(u64::MAX, |above| !above)
}

fn set_of(flags: impl Iterator<Item = bool>) -> u64 {
    flags.enumerate().fold(0, |set, (index, flag)| set | u64::from(flag) << index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::wire::block::{Motion, Unpacked};

    const SPACING: u64 = 2;

    /// A few of thirty players, in an order of their own.
    fn roster(number: u64) -> Arc<Roster> {
        let (mut block, first) = (Unpacked::new(), number % 30);
        for step in 0..number >> 8 & 15 {
            let id = ((first + step * 7) % 30) as u32;
            block.profiles.push(Profile { id, state: (number >> 16 & 1) as u32, kind: 0 });
            block.motions.push(Motion { x: (number >> 17 & 1) as i16, y: 0 });
        }
        Roster::of(&block, None, || None)
    }

    /// Everyone by id, told of once.
    fn listed(table: &Table) -> Vec<KnownPlayer> {
        let mut all: Vec<_> = table.all_traced().map(|(known, _)| known).collect();
        all.sort_unstable_by_key(|known| known.player.client_id);
        assert!(all.windows(2).all(|pair| pair[0].player.client_id < pair[1].player.client_id));
        assert!(
            all.iter().all(|known| table.traced(known.player.client_id).is_some_and(|one| one.0 == *known))
        );
        assert_eq!(all.len(), table.len());
        all
    }

    #[test]
    fn everyone_is_as_the_newest_telling_has_it_whatever_is_told_of_whom() {
        let draw = Secret::from_seed(9);
        for has_trails in [false, true] {
            let mut table = Table::new(draw.hash_state(), has_trails);
            let mut model = std::collections::BTreeMap::new();
            let mut rosters: Vec<_> = (0..4).map(|_| roster(0)).collect();
            for step in 1..20_000 {
                let number = draw.number(step);
                let cluster = (number & 3) as usize;
                let told = Tick((step / 3 + 10).saturating_sub(number >> 20 & 7));
                if (number >> 24).is_multiple_of(3) {
                    rosters[cluster] = roster(number >> 32);
                }
                let roster = Arc::clone(&rosters[cluster]);
                let at = |index| Position { x: step as i32, y: index as i32 };
                let places: Vec<_> = (0..roster.profiles().len()).map(at).collect();
                let unknown = table.settle(cluster as u16, &roster, &places, told, SPACING);
                for (index, &at) in places.iter().enumerate() {
                    let news = known(&roster, index, at, told);
                    let before = model.get(&news.player.client_id).copied();
                    assert_eq!(before.is_none(), unknown >> index & 1 == 1, "step {step}");
                    if before.is_none() {
                        table.insert(&news);
                    }
                    if before.is_none_or(|before: KnownPlayer| before.told < told) {
                        model.insert(news.player.client_id, news);
                    }
                }
                let gone = (number >> 40) as u32 % 30;
                table.remove_older(gone, told);
                if model.get(&gone).is_some_and(|known| known.told < told) {
                    model.remove(&gone);
                }
                if step.is_multiple_of(50) {
                    table.retain(|told| told.0 + 12 > step / 3);
                    model.retain(|_, known| known.told.0 + 12 > step / 3);
                }
                assert_eq!(listed(&table), model.values().copied().collect::<Vec<_>>(), "step {step}");
            }
        }
    }
}
