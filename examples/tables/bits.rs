//! How many bits does a player take, for each way of moving, from baselines of some ages?

use std::collections::{HashMap, VecDeque};

use tickcast::wire::Position;
use tickcast::wire::block::{Encoder, Head, Member, Motion};
use tickcast::world::PlayerSlot;

use crate::field::Field;
use crate::walk::Movement;

pub(crate) const PLAYERS: usize = 10_000;
/// Clusters have sorted themselves by then.
pub(crate) const WARMUP_TICKS: u64 = 1_200;
/// Of the ticks after that, one in so many is measured: no multiple of the turns in which clusters are visited.
pub(crate) const MEASURED_EVERY: u64 = 7;
pub(crate) const MEASURED: u64 = 35;

/// Ticks from the baseline to now.
pub(crate) const AGES: [u8; 5] = [1, 2, 4, 6, 12];
const AGE_MAX: usize = 12;

/// The ways of moving, as the rows are called.
pub(crate) const ROWS: [(&str, Movement); 10] = [
    ("rest", Movement::Rest),
    ("random, +-1", Movement::Random(1)),
    ("random, +-3", Movement::Random(3)),
    ("random, +-8", Movement::Random(8)),
    ("reference walk", Movement::Waypoints(5.0)),
    ("10 units a tick", Movement::Waypoints(10.0)),
    ("one crowd, +-1", Movement::Crowd(1)),
    ("one crowd, in step", Movement::Crowd(0)),
    ("one crowd, milling", Movement::Milling),
    ("teleport", Movement::Jumps),
];

/// Measures one way of moving.
pub(crate) fn row(name: &str, movement: Movement) -> String {
    let mut sums = AGES.map(|_| Sum::default());
    let mut past = Past::new(movement);
    for _ in 0..MEASURED {
        (0..MEASURED_EVERY).for_each(|_| past.step());
        AGES.iter().zip(&mut sums).for_each(|(&age, sum)| past.measure(age, sum));
    }
    let cells: Vec<String> = sums.iter().map(Sum::cell).collect();
    format!("| {name} | {} |", cells.join(" | "))
}

/// The last ticks, newest first.
struct Past {
    field: Field,
    frames: VecDeque<Frame>,
    encoder: Encoder,
}

/// One tick.
struct Frame {
    /// By cluster.
    members: Vec<Vec<Member>>,
    /// By slot.
    places: Vec<Position>,
}

impl Past {
    fn new(movement: Movement) -> Self {
        let field = Field::new(movement, PLAYERS, WARMUP_TICKS - AGE_MAX as u64);
        let mut past = Self { field, frames: VecDeque::new(), encoder: Encoder::new() };
        (0..AGE_MAX).for_each(|_| past.step());
        past
    }

    fn step(&mut self) {
        self.field.step();
        let places = self.field.walk.places.clone();
        self.frames.push_front(Frame { members: self.field.members(), places });
        self.frames.truncate(AGE_MAX + 1);
    }

    fn measure(&mut self, age: u8, sum: &mut Sum) {
        self.encode(age, sum);
        let [now, then] = [&self.frames[0], &self.frames[age.into()]];
        for ((now, then), pace) in now.places.iter().zip(&then.places).zip(&self.field.paces) {
            let way = [now.x - then.x, now.y - then.y];
            *sum.stayed.entry(way).or_default() += 1;
            *sum.led.entry(less(way, pace.motion(), age)).or_default() += 1;
        }
    }

    /// Every cluster, from what it was then to what it is now. One that was not there stands alone.
    fn encode(&mut self, age: u8, sum: &mut Sum) {
        let clusters = &self.field.clusters;
        let [now, then] = [&self.frames[0].members, &self.frames[age.into()].members];
        let mut bytes = Vec::new();
        for (cluster, is) in now.iter().enumerate() {
            let was = then.get(cluster).map_or(&[][..], |was| was);
            if is.is_empty() && was.is_empty() {
                continue;
            }
            let head = Head { cluster: cluster as u16, age: if was.is_empty() { 0 } else { age } };
            let moved_to = |left: usize| clusters.home(PlayerSlot(was[left].id));
            self.encoder.encode(head, clusters.id_bits(), was, is, moved_to, &mut bytes);
            sum.players += is.len();
        }
        sum.bytes += bytes.len();
    }
}

/// How far `way` ends from where the motion leads.
fn less(way: [i32; 2], motion: Motion, age: u8) -> [i32; 2] {
    let led = |sixteenths: i16| (i32::from(sixteenths) * i32::from(age) + 8).div_euclid(16);
    [way[0] - led(motion.x), way[1] - led(motion.y)]
}

/// How often each pair was seen.
type Pairs = HashMap<[i32; 2], u32>;

/// All that was measured at one age.
#[derive(Default)]
struct Sum {
    bytes: usize,
    players: usize,
    stayed: Pairs,
    led: Pairs,
}

impl Sum {
    fn cell(&self) -> String {
        let bits = self.bytes as f64 * 8.0 / self.players as f64;
        let (stayed, led) = (entropy(&self.stayed), entropy(&self.led));
        let (entropy, from) = if led < stayed { (led, 'm') } else { (stayed, 's') };
        format!("{bits:.2} / {entropy:.2} {from}")
    }
}

/// In bits for each pair.
fn entropy(pairs: &Pairs) -> f64 {
    let mut counts: Vec<f64> = pairs.values().copied().map(f64::from).collect();
    // A map has no order, and sums depend on theirs.
    counts.sort_unstable_by(f64::total_cmp);
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| count / all * (all / count).log2()).sum()
}
