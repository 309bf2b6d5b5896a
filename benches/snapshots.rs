//! The snapshot work of a tick: everything that is done for all peers between the world and their datagrams.
//! `cargo bench --bench snapshots`; the times are those of one peer and tick.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tickcast::load::{Area, Walk, Walks};
use tickcast::secret::Secret;
use tickcast::snapshot::{CompactSnapshots, Told};
use tickcast::wire::{Ack, Bounds, SnapshotHeader, Tick};
use tickcast::world::{PlayerSlot, World};

criterion_group!(benches, compact, view);
criterion_main!(benches);

const DATAGRAM_BYTES: usize = 1_200;
/// What is made before it is sent.
const BATCH: usize = 64;

/// Players who walk, each with a peer that hears of every snapshot, some ticks later.
struct Crowd {
    walks: Walks,
    world: World,
    snapshots: CompactSnapshots,
    told: Vec<Told>,
    out: Vec<u8>,
    bytes: usize,
    tick: Tick,
}

impl Crowd {
    fn new(players: usize, walk: Walk, view: Option<u32>) -> Self {
        let mut world = World::new(Bounds::ALL, &Secret::from_seed(1));
        (0..players as u32).for_each(|id| _ = world.admit(id));
        Self {
            walks: Walks::new(walk, Area::default(), players, 7),
            world,
            snapshots: match view {
                None => CompactSnapshots::new(DATAGRAM_BYTES, false),
                Some(radius) => CompactSnapshots::with_view(DATAGRAM_BYTES, false, radius),
            },
            told: (0..players).map(|_| Told::new(DATAGRAM_BYTES)).collect(),
            out: Vec::new(),
            bytes: 0,
            tick: Tick(0),
        }
    }

    /// One tick; gives the time of the snapshot work alone.
    #[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
    fn step(&mut self) -> Duration {
        self.tick.0 += 1;
        for slot in 0..self.told.len() {
            let at = self.walks.step(slot, self.tick.0);
            self.world.place(PlayerSlot(slot as u32), at, 0).expect("everywhere is a place");
        }
        let began = Instant::now();
        self.snapshot_work();
        began.elapsed()
    }

    fn snapshot_work(&mut self) {
        self.snapshots.begin(self.tick, &self.world);
        let header = SnapshotHeader { tick: self.tick, ..SnapshotHeader::default() };
        self.bytes = 0;
        for (slot, told) in self.told.iter_mut().enumerate() {
            // Half of the peers are a tick farther away.
            let newest = self.tick.0.saturating_sub(1 + slot as u64 % 2);
            told.on_ack(Ack { newest: Tick(newest), history: u64::MAX });
            if slot % BATCH == 0 {
                self.bytes += black_box(&self.out).len();
                self.out.clear();
            }
            let own = PlayerSlot(slot as u32);
            self.snapshots.write(&header, &self.world, own, told, &[], &mut self.out);
        }
    }
}

fn compact(c: &mut Criterion) {
    measure(c, "spread", Walk::Waypoint, None);
    measure(c, "crowded", Walk::Crowd, None);
}

/// Peers who see 2,000 units far, some 470 players of 10,000.
fn view(c: &mut Criterion) {
    measure(c, "view", Walk::Waypoint, Some(2_000));
}

fn measure(c: &mut Criterion, name: &str, walk: Walk, view: Option<u32>) {
    let mut group = c.benchmark_group(format!("snapshots/{name}"));
    group.sample_size(10);
    for players in [100, 1_000, 10_000] {
        group.throughput(Throughput::Elements(1));
        let mut crowd = None;
        group.bench_function(BenchmarkId::from_parameter(players), |b| {
            let crowd = crowd.get_or_insert_with(|| settled(players, walk, view));
            b.iter_custom(|snapshots| timed(crowd, snapshots));
        });
    }
    group.finish();
}

/// Until everyone has been told of everyone, and of where they are heading.
fn settled(players: usize, walk: Walk, view: Option<u32>) -> Crowd {
    let mut crowd = Crowd::new(players, walk, view);
    (0..200).for_each(|_| _ = crowd.step());
    crowd
}

fn timed(crowd: &mut Crowd, snapshots: u64) -> Duration {
    let ticks = snapshots.div_ceil(crowd.told.len() as u64);
    let spent: Duration = (0..ticks).map(|_| crowd.step()).sum();
    spent.mul_f64(snapshots as f64 / (ticks * crowd.told.len() as u64) as f64)
}
