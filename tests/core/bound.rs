//! Ten thousand peers who acknowledge whatever they like: what that costs has a bound.

use tickcast::secret::Secret;
use tickcast::snapshot::{CompactSnapshots, Told};
use tickcast::wire::{Ack, Bounds, Position, SnapshotHeader, Tick};
use tickcast::world::{PlayerSlot, World};

use crate::draw::Draw;

const DATAGRAM_BYTES: usize = 1_200;
const TICKS: u64 = 60;

/// Blocks of a whole cluster in one tick: from each of 25 baselines that are legal, and from none.
const WHOLE_MAX: usize = 25 + 1;

/// Blocks of or from parts of a cluster in one tick.
const PARTIAL_MAX: usize = 32;

/// So near one another that a whole cluster fits into the smallest datagram.
const CROWDED_SIDE: u64 = 16;

/// What `Told` says of its memory.
const TOLD_BYTES_MAX: usize = 1_024;

/// Peers of players who walk, jump, leave and join.
struct Crowd {
    draw: Draw,
    world: World,
    snapshots: CompactSnapshots,
    peers: Vec<(PlayerSlot, Told)>,
    tick: u64,
    ids: u32,
    /// Players stand in a square of such a side; a small one is crowded, and nobody walks there.
    side: u64,
    blocks_max: usize,
    /// The most blocks for each cluster, in the mean, of any tick.
    most: usize,
}

impl Crowd {
    fn new(seed: u64, peers: usize, side: u64, blocks_max: usize) -> Self {
        println!("seed {seed}");
        let mut crowd = Self {
            draw: Draw::new(seed),
            world: World::new(Bounds::ALL, &Secret::from_seed(seed)),
            snapshots: CompactSnapshots::new(DATAGRAM_BYTES, false),
            peers: Vec::new(),
            tick: 1_000,
            ids: 0,
            side,
            blocks_max,
            most: 0,
        };
        (0..peers).for_each(|_| crowd.join());
        crowd
    }

    fn anywhere(&mut self) -> Position {
        let [x, y] = [0; 2].map(|_| self.draw.below(self.side) as i32);
        Position { x, y }
    }

    fn join(&mut self) {
        let slot = self.world.admit(self.ids);
        self.ids += 1;
        let at = self.anywhere();
        self.world.place(slot, at, 0).expect("everywhere is a place");
        self.peers.push((slot, Told::new(limit(slot))));
    }

    fn step(&mut self) {
        // The server skips ticks now and then.
        self.tick += if self.draw.chance(3) { 1 + self.draw.below(5) } else { 1 };
        for _ in 0..20 {
            let gone = self.draw.below(self.peers.len() as u64) as usize;
            let (slot, _) = self.peers.swap_remove(gone);
            self.world.remove(slot);
            self.snapshots.on_gone(Tick(self.tick), slot);
        }
        (0..20).for_each(|_| self.join());
        if self.side > CROWDED_SIDE {
            self.walk();
        }
        self.snapshots.begin(Tick(self.tick), &self.world);
        self.tell_all();
    }

    fn walk(&mut self) {
        for index in 0..self.peers.len() {
            let slot = self.peers[index].0;
            let number = self.draw.number();
            let at = self.world.player(slot).expect("it stands").at;
            let to = match number % 200 {
                0 => self.anywhere(),
                _ => Position {
                    x: at.x + (number >> 8 & 7) as i32 - 3,
                    y: at.y + (number >> 16 & 7) as i32 - 3,
                },
            };
            self.world.place(slot, to, (number >> 24) as u32 & u32::from(number % 50 == 1)).expect("a place");
        }
    }

    fn tell_all(&mut self) {
        let mut out = Vec::new();
        let header = SnapshotHeader { tick: Tick(self.tick), ..SnapshotHeader::default() };
        for (index, (slot, told)) in self.peers.iter_mut().enumerate() {
            if let Some(ack) = acknowledged(index, self.tick, self.draw.number()) {
                told.on_ack(ack);
            }
            out.clear();
            self.snapshots.write(&header, &self.world, *slot, told, &[], &mut out);
            assert!(out.len() <= limit(*slot), "{} bytes in tick {}", out.len(), self.tick);
        }
        let clusters = self.snapshots.clusters();
        let encoded = self.snapshots.encoded();
        self.most = self.most.max(encoded / clusters);
        assert!(encoded <= clusters * self.blocks_max, "{encoded} blocks of {clusters} clusters");
    }
}

/// How long the snapshots of a player's peer may be: for every twentieth too short for a whole cluster.
fn limit(slot: PlayerSlot) -> usize {
    if slot.0.is_multiple_of(20) { 256 } else { DATAGRAM_BYTES }
}

/// What a peer says that it has, by its kind: the truth soon or late, now and then, a part of it, or never; or lies.
fn acknowledged(index: usize, tick: u64, number: u64) -> Option<Ack> {
    let any = number >> 32;
    let (newest, history) = match index % 12 {
        0 | 1 => (tick - 1 - index as u64 / 12 % 8, u64::MAX),
        2 => (tick - 1 - any % 70, 1 << ((any >> 8) % 64)),
        3 => return None,
        4 => (tick - 1 - index as u64 / 12 % 63, 0),
        5 if any.is_multiple_of(40) => (tick - 1, number),
        5 => return None,
        6 => (tick + any % 100, u64::MAX),
        7 => (u64::MAX, u64::MAX),
        8 => (if tick.is_multiple_of(2) { tick - 1 } else { tick - 60 }, 0),
        9 => (tick - 1 - any % 16, number & number.rotate_left(11)),
        10 => (any % 64, number),
        _ => (tick - any % 64, number.rotate_left(7)),
    };
    Some(Ack { newest: Tick(newest), history })
}

#[test]
fn blocks_are_bounded_by_clusters_whatever_ten_thousand_peers_acknowledge() {
    assert!(size_of::<Told>() <= TOLD_BYTES_MAX);
    let mut crowd = Crowd::new(1, 10_000, 20_000, WHOLE_MAX + PARTIAL_MAX);
    (0..TICKS).for_each(|_| crowd.step());
    println!("at most {} blocks of a cluster, in the mean", crowd.most);
    assert!(crowd.most > WHOLE_MAX, "they ask for parts too: {}", crowd.most);
}

#[test]
fn without_parts_there_are_no_more_blocks_than_baselines() {
    let mut crowd = Crowd::new(2, 2_000, CROWDED_SIDE, WHOLE_MAX);
    (0..90).for_each(|_| crowd.step());
    println!("at most {} blocks of a cluster, in the mean", crowd.most);
    assert!(crowd.most > WHOLE_MAX / 2, "they ask for many: {}", crowd.most);
}
