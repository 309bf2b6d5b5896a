//! The plain snapshot: a list of players, as many as fit into one datagram.
//!
//! Where all fit, everyone gets the same bytes. Where they do not, a peer is told of its own player, of near
//! ones in half of the room, and in the rest of all others in turn: whoever stands in the world is told to
//! every peer within players / (room / 2) ticks.

use std::collections::VecDeque;

use crate::wire::{
    PLAYER_BYTES, SNAPSHOT_HEADER_BYTES, SnapshotHeader, Tick, encode_part, extras_bytes_max, put_plain_head,
};
use crate::world::{NearOrder, PlayerSlot, World};

/// Length of the number that stands before each of the two lists, in bytes.
const COUNT_BYTES: usize = 8;

/// Client ids that have gone take at most this part of a datagram.
const GONE_SHARE: usize = 4;

/// Where a peer is shown only what is around it, so many players are looked at in turn for each snapshot.
const LOOKS_MAX: usize = 1_024;

/// Where a peer's turn through all players has got to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    next: u32,
    /// How many were in view in the last full turn, and in this one so far.
    in_view: u32,
    counted: u32,
}

/// Makes the plain snapshots of a tick.
///
/// [`PlainSnapshots::on_gone`] whenever a player goes; [`PlainSnapshots::begin`] once a tick, after all
/// changes; then [`PlainSnapshots::write`] for every peer.
#[derive(Debug)]
pub struct PlainSnapshots {
    datagram_bytes: usize,
    gone_ticks: u64,
    gone: VecDeque<(Tick, u32)>,
    /// Where the turn through them has got to.
    gone_turn: usize,
    /// The list of ids that have gone, as it stands in every datagram of the tick.
    gone_part: Vec<u8>,
    /// One encoded player after the other, in the order of their slots.
    players: Vec<u8>,
    /// For every encoded player, its slot.
    slot_of: Vec<PlayerSlot>,
    /// For every slot, the number of the first encoded player at or behind it.
    number_of: Vec<u32>,
    near: NearOrder,
    /// For every encoded player, the last snapshot that it was put into.
    told: Vec<u64>,
    snapshots: u64,
    /// How far peers see, in units, unless they see everything.
    view: Option<u32>,
}

impl PlainSnapshots {
    /// For datagrams of at most `datagram_bytes`; ids that have gone are named for `gone_ticks`. With a `view` peers are
    /// told of nobody farther than so many units from their players.
    pub fn new(datagram_bytes: usize, gone_ticks: u64, view: Option<u32>) -> Self {
        Self {
            view,
            datagram_bytes,
            gone_ticks,
            gone: VecDeque::new(),
            gone_turn: 0,
            gone_part: Vec::new(),
            players: Vec::new(),
            slot_of: Vec::new(),
            number_of: Vec::new(),
            near: NearOrder::default(),
            told: Vec::new(),
            snapshots: 0,
        }
    }

    /// From `tick` on, the player known by `client_id` is seen no longer.
    pub fn on_gone(&mut self, tick: Tick, client_id: u32) {
        self.gone.push_back((tick, client_id));
    }

    /// Takes in the world of `tick`.
    pub fn begin(&mut self, tick: Tick, world: &World) {
        self.encode_gone(tick, world);
        self.encode_players(world);
        if self.room(extras_bytes_max(self.datagram_bytes)) < world.standing_count() || self.view.is_some() {
            self.near.refresh(world);
        }
    }

    /// Appends the snapshot of a peer that plays the player at `own` to `out`, with these extras: none, or at most
    /// [`extras_bytes_max`] of them.
    pub fn write(
        &mut self,
        header: &SnapshotHeader,
        world: &World,
        own: PlayerSlot,
        turn: &mut Turn,
        extras: &[u8],
        out: &mut Vec<u8>,
    ) {
        let players_at = out.len() + SNAPSHOT_HEADER_BYTES - size_of::<u32>();
        put_plain_head(header, extras, out);
        out.extend_from_slice(&self.gone_part);
        let room = self.room(extras.len());
        if let Some(radius) = self.view {
            let players = self.write_view(room, world, own, radius, turn, out);
            out[players_at..players_at + size_of::<u32>()].copy_from_slice(&players.to_le_bytes());
            return;
        }
        let told = room.min(self.told.len());
        encode_part(&(told as u64), out);
        if told == self.told.len() {
            out.extend_from_slice(&self.players);
        } else {
            self.write_chosen(told, world, own, turn, out);
        }
    }

    /// How many players fit into a datagram of this tick that has so many bytes of extras.
    fn room(&self, extras_bytes: usize) -> usize {
        let taken = SNAPSHOT_HEADER_BYTES + extras_bytes + self.gone_part.len() + COUNT_BYTES;
        (self.datagram_bytes - taken) / PLAYER_BYTES
    }

    /// Writes `room` of the players, which are more: the peer's own, near ones, the next in turn.
    fn write_chosen(
        &mut self,
        room: usize,
        world: &World,
        own: PlayerSlot,
        turn: &mut Turn,
        out: &mut Vec<u8>,
    ) {
        self.snapshots += 1;
        let full = out.len() + room * PLAYER_BYTES;
        let mut near = std::mem::take(&mut self.near);
        if world.player(own).is_some() {
            self.tell(self.number(own), out);
            for (_, slot) in near.near(world, own, room / 2 - 1) {
                self.tell(self.number(*slot), out);
            }
        }
        self.near = near;
        let mut number = self.number_of.get(turn.next as usize).map_or(0, |&number| number as usize);
        while out.len() < full {
            number = if number < self.told.len() { number } else { 0 };
            self.tell(number, out);
            number += 1;
        }
        turn.next = self.slot_of.get(number).map_or(0, |slot| slot.0);
    }

    /// The same for a peer that sees no farther than `radius`: its own player, near ones, and the next in turn, of those
    /// in view. One without a player sees nobody. Says how many are in view.
    fn write_view(
        &mut self,
        room: usize,
        world: &World,
        own: PlayerSlot,
        radius: u32,
        turn: &mut Turn,
        out: &mut Vec<u8>,
    ) -> u32 {
        self.snapshots += 1;
        let told_from = out.len() + COUNT_BYTES;
        encode_part(&0_u64, out);
        if let Some(here) = world.player(own).map(|player| player.at) {
            let most = u64::from(radius).pow(2);
            self.tell(self.number(own), out);
            let mut near = std::mem::take(&mut self.near);
            let around = near.near(world, own, room / 2 - 1);
            around
                .iter()
                .filter(|(far, _)| *far <= most)
                .for_each(|(_, slot)| self.tell(self.number(*slot), out));
            self.near = near;
            let is_full = |out: &Vec<u8>| out.len() + PLAYER_BYTES > told_from + room * PLAYER_BYTES;
            let mut number = self.number_of.get(turn.next as usize).map_or(0, |&number| number as usize);
            for _ in 0..self.told.len().min(LOOKS_MAX) {
                number = if number < self.told.len() { number } else { 0 };
                let at = world.player(self.slot_of[number]).map_or(here, |player| player.at);
                if here.distance_squared(at) <= most {
                    if is_full(out) {
                        break;
                    }
                    turn.counted += 1;
                    self.tell(number, out);
                }
                number += 1;
                if number == self.told.len() {
                    (turn.in_view, turn.counted) = (turn.counted, 0);
                }
            }
            turn.next = self.slot_of.get(number).map_or(0, |slot| slot.0);
        }
        let told = (out.len() - told_from) / PLAYER_BYTES;
        out[told_from - COUNT_BYTES..told_from].copy_from_slice(&(told as u64).to_le_bytes());
        turn.in_view.max(turn.counted).max(told as u32)
    }

    /// Appends the player of that number, unless it is in this snapshot already.
    fn tell(&mut self, number: usize, out: &mut Vec<u8>) {
        if self.told[number] != self.snapshots {
            self.told[number] = self.snapshots;
            let at = number * PLAYER_BYTES;
            out.extend_from_slice(&self.players[at..at + PLAYER_BYTES]);
        }
    }

    fn number(&self, slot: PlayerSlot) -> usize {
        self.number_of[slot.index()] as usize
    }

    fn encode_players(&mut self, world: &World) {
        self.players.clear();
        self.slot_of.clear();
        self.number_of.clear();
        for (slot, player) in world.standing() {
            self.number_of.resize(slot.index() + 1, self.slot_of.len() as u32);
            self.slot_of.push(slot);
            encode_part(&player, &mut self.players);
        }
        self.told.resize(self.slot_of.len(), 0);
    }

    /// Where more have gone than may be named at once, they are named in turn.
    fn encode_gone(&mut self, tick: Tick, world: &World) {
        while self.gone.front().is_some_and(|(since, _)| tick.since(*since) >= self.gone_ticks) {
            self.gone.pop_front();
            self.gone_turn = self.gone_turn.saturating_sub(1);
        }
        let most = (self.datagram_bytes / GONE_SHARE - COUNT_BYTES) / size_of::<u32>();
        let named = self.gone.len().min(most);
        let first = self.gone_turn;
        self.gone_turn = (first + named) % self.gone.len().max(1);
        let in_turn = (0..named).map(|i| self.gone[(first + i) % self.gone.len()].1);
        let gone: Vec<u32> = in_turn.filter(|id| world.find(*id).is_none()).collect();
        self.gone_part.clear();
        encode_part(&gone, &mut self.gone_part);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::secret::Secret;
    use crate::wire::{Bounds, FromServer, PlainSnapshot, Position, decode_server};

    fn world_of(players: u32) -> World {
        let mut world = World::new(Bounds::ALL, &Secret::from_seed(1));
        let draw = Secret::from_seed(2);
        for id in 0..players {
            let slot = world.admit(id);
            let number = draw.number(u64::from(id));
            let at = Position { x: (number & 0xfff) as i32, y: (number >> 32 & 0xfff) as i32 };
            world.place(slot, at, id).expect("everywhere is a place");
        }
        world
    }

    /// The snapshot of one peer at one tick, and its length in bytes.
    fn told(
        snapshots: &mut PlainSnapshots,
        world: &World,
        tick: u64,
        own: u32,
        turn: &mut Turn,
    ) -> (PlainSnapshot, usize) {
        snapshots.begin(Tick(tick), world);
        let header = SnapshotHeader { tick: Tick(tick), ..SnapshotHeader::default() };
        let mut bytes = Vec::new();
        snapshots.write(&header, world, PlayerSlot(own), turn, &[], &mut bytes);
        match decode_server(&bytes) {
            Ok(FromServer::Plain(snapshot)) => (snapshot, bytes.len()),
            other => panic!("not a plain snapshot: {other:?}"),
        }
    }

    #[test]
    fn players_who_fit_are_all_told_every_tick() {
        let world = world_of(70);
        let mut snapshots = PlainSnapshots::new(1_200, 30, None);
        let (snapshot, bytes) = told(&mut snapshots, &world, 5, 3, &mut Turn::default());
        let expected: Vec<_> = world.standing().map(|(_, player)| player).collect();
        assert_eq!((snapshot.players, snapshot.header.tick), (expected, Tick(5)));
        assert!(bytes <= 1_200);
    }

    #[test]
    fn everyone_is_told_in_bounded_time_and_near_ones_first() {
        for datagram_bytes in [256, 1_200, 9_000] {
            let world = world_of(1_000);
            let mut snapshots = PlainSnapshots::new(datagram_bytes, 30, None);
            let mut turn = Turn::default();
            let mut seen: HashMap<u32, usize> = HashMap::new();
            let room = (datagram_bytes - 48) / PLAYER_BYTES;
            for tick in 0..1_000_usize.div_ceil(room / 2) {
                let (snapshot, bytes) = told(&mut snapshots, &world, tick as u64, 3, &mut turn);
                assert!(bytes <= datagram_bytes && bytes + PLAYER_BYTES > datagram_bytes);
                assert_eq!(snapshot.players[0].client_id, 3, "a peer's own player comes first");
                for player in &snapshot.players {
                    *seen.entry(player.client_id).or_default() += 1;
                }
            }
            assert_eq!(seen.len(), 1_000, "{datagram_bytes} bytes");
            let often = |id: &u32| seen[id] > 2;
            let here = world.find(3).expect("placed").at;
            let (near, far): (Vec<u32>, Vec<u32>) = (0..1_000).filter(|id| often(id)).partition(|id| {
                world.find(*id).expect("placed").at.distance_squared(here) < 2_000_u64.pow(2)
            });
            assert!(near.len() > far.len(), "who is told often is near");
        }
    }

    #[test]
    fn nobody_beyond_the_view_is_told_and_everyone_within_in_bounded_time() {
        for (radius, players) in [(300, 3_000), (1_500, 3_000), (100, 20), (u32::MAX, 70)] {
            let world = world_of(players);
            let here = world.find(3).expect("placed").at;
            let is_near =
                |player: &crate::wire::Player| player.at.distance_squared(here) <= u64::from(radius).pow(2);
            let mut snapshots = PlainSnapshots::new(1_200, 30, Some(radius));
            let mut turn = Turn::default();
            let mut seen = std::collections::HashSet::new();
            let expected = world.standing().filter(|(_, player)| is_near(player)).count();
            for tick in 0..3 + 2 * expected as u64 / 35 {
                let (snapshot, bytes) = told(&mut snapshots, &world, tick, 3, &mut turn);
                assert!(bytes <= 1_200 && snapshot.players.iter().all(is_near));
                assert_eq!(snapshot.players[0].client_id, 3);
                assert!(snapshot.header.players as usize >= snapshot.players.len());
                assert!(snapshot.header.players as usize <= expected + 1);
                seen.extend(snapshot.players.iter().map(|player| player.client_id));
            }
            assert_eq!(seen.len(), expected, "{radius} of {players}");
        }
        let world = world_of(3);
        let mut snapshots = PlainSnapshots::new(1_200, 30, Some(100));
        let (snapshot, _) = told(&mut snapshots, &world, 1, 9, &mut Turn::default());
        assert!(snapshot.players.is_empty(), "who stands nowhere sees nobody");
    }

    #[test]
    fn one_who_has_gone_is_named_for_the_time_set_unless_it_is_back() {
        let mut world = world_of(3);
        let mut snapshots = PlainSnapshots::new(1_200, 30, None);
        world.remove(PlayerSlot(1));
        snapshots.on_gone(Tick(10), 1);
        snapshots.on_gone(Tick(10), 2);
        let gone = |snapshots: &mut PlainSnapshots, tick| {
            told(snapshots, &world, tick, 0, &mut Turn::default()).0.gone
        };
        assert_eq!(gone(&mut snapshots, 10), [1], "2 is in the world again");
        assert_eq!(gone(&mut snapshots, 39), [1]);
        assert!(gone(&mut snapshots, 40).is_empty());
    }

    #[test]
    fn a_thousand_who_go_at_once_are_named_in_turn_and_leave_room_for_players() {
        let world = world_of(20);
        let mut snapshots = PlainSnapshots::new(256, 30, None);
        (1_000..2_000).for_each(|id| snapshots.on_gone(Tick(0), id));
        let mut named: Vec<u32> = Vec::new();
        for tick in 0..30 {
            let (snapshot, bytes) = told(&mut snapshots, &world, tick, 0, &mut Turn::default());
            assert!(bytes <= 256 && snapshot.players.len() >= 8);
            named.extend(&snapshot.gone);
        }
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), 30 * 14, "nobody is named twice before all are");
    }
}
