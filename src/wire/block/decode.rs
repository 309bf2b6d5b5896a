//! Reading a block, whoever wrote it.

use super::bits::BitReader;
use super::columns::set_without;
use super::numbers::{ones, unzigzag};
use super::predict::{led_by, origin_of, place_at, way_of};
use super::ranks::{Ranks, take_ranks};
use super::shapes::Table;
use super::{CLUSTER_BITS, Departure, Head, MEMBERS_MAX, Motion, Profile, Told};
use crate::wire::Position;

/// Why bytes are not a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// They end too early.
    #[error("the block ends too early")]
    Short,
    /// They start from a baseline that is not held.
    #[error("the block starts from a baseline that is not held")]
    NoBaseline,
    /// A count, a width, an index, an id or the padding is not one that an encoder writes.
    #[error("the bytes are no block")]
    Malformed,
}

/// A block, decoded. Use it again: its vectors grow to [`MEMBERS_MAX`] at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Where the members are now, in order.
    pub places: Vec<Position>,
    /// Who they are; of no use where `keeps_profiles`.
    pub profiles: Vec<Profile>,
    /// Where they are expected to go; of no use where `keeps_motions`.
    pub motions: Vec<Motion>,
    /// Whether the profiles are those of the baseline.
    pub keeps_profiles: bool,
    /// Whether the motions are.
    pub keeps_motions: bool,
    /// Those of the baseline who have left.
    pub departed: Vec<Departure>,
}

impl Unpacked {
    /// Room for any block.
    pub fn new() -> Self {
        Self {
            places: Vec::with_capacity(MEMBERS_MAX),
            profiles: Vec::with_capacity(MEMBERS_MAX),
            motions: Vec::with_capacity(MEMBERS_MAX),
            keeps_profiles: false,
            keeps_motions: false,
            departed: Vec::with_capacity(MEMBERS_MAX),
        }
    }
}

/// Reads the block at the start of `bytes` into `out`; gives what it is about and how many bytes it takes.
///
/// `cluster_bits` is the width of cluster ids in the datagram. `baseline` is asked for what the receiver holds, at
/// most [`MEMBERS_MAX`] members, for a head whose age is not 0. Whatever the bytes are, the work is that of one block.
/// After an error `out` holds nothing of use.
pub fn decode<'a>(
    bytes: &[u8],
    cluster_bits: u32,
    baseline: impl FnOnce(Head) -> Option<Told<'a>>,
    out: &mut Unpacked,
) -> Result<(Head, usize), BlockError> {
    if !CLUSTER_BITS.contains(&cluster_bits) {
        return Err(BlockError::Malformed);
    }
    let mut bits = BitReader::new(bytes);
    let head = Head { cluster: bits.take(cluster_bits) as u16, age: bits.take(6) as u8 };
    if bits.is_overrun() {
        return Err(BlockError::Short);
    }
    let was = match head.age {
        0 => Told::default(),
        _ => baseline(head).filter(Told::is_cluster).ok_or(BlockError::NoBaseline)?,
    };
    let body = take_body(&mut bits, cluster_bits, was, i32::from(head.age), out);
    match body {
        _ if bits.is_overrun() => Err(BlockError::Short),
        Some(()) if bits.take_padding() => Ok((head, bits.taken_bits() / 8)),
        _ => Err(BlockError::Malformed),
    }
}

fn take_body(bits: &mut BitReader, cluster_bits: u32, was: Told, age: i32, out: &mut Unpacked) -> Option<()> {
    let [has_left, has_entered, has_motion, has_state] = std::array::from_fn(|_| bits.take_flag());
    out.departed.clear();
    let left = if has_left { take_departed(bits, was.profiles, cluster_bits, &mut out.departed)? } else { 0 };
    let keeps_members = age != 0 && !has_left && !has_entered;
    (out.keeps_profiles, out.keeps_motions) = (keeps_members && !has_state, keeps_members && !has_motion);
    set_without(&mut out.places, was.places, left);
    if !out.keeps_profiles {
        set_without(&mut out.profiles, was.profiles, left);
    }
    if !out.keeps_motions {
        set_without(&mut out.motions, was.motions, left);
    }
    if has_motion {
        take_motions(bits, &mut out.motions)?;
    }
    if has_state {
        take_states(bits, &mut out.profiles)?;
    }
    if !out.places.is_empty() {
        let motions = if out.keeps_motions { was.motions } else { &out.motions };
        take_residuals(bits, motions, &mut out.places, age)?;
    }
    if has_entered {
        take_entered(bits, was.places, out)?;
    }
    Some(())
}

fn take_departed(
    bits: &mut BitReader,
    was: &[Profile],
    cluster_bits: u32,
    departed: &mut Vec<Departure>,
) -> Option<u64> {
    let left = bits.take_subset(was.len())?;
    for index in ones(left) {
        let to = bits.take_flag().then(|| bits.take(cluster_bits) as u16);
        departed.push(Departure { id: was[index].id, to });
    }
    Some(left)
}

fn take_motions(bits: &mut BitReader, motions: &mut [Motion]) -> Option<()> {
    let changed = bits.take_subset(motions.len())?;
    let width = bits.take(5);
    for index in ones(changed) {
        let change = take_motion(bits, width)?;
        let motion = &mut motions[index];
        *motion = Motion { x: motion.x.wrapping_add(change.x), y: motion.y.wrapping_add(change.y) };
    }
    Some(())
}

fn take_motion(bits: &mut BitReader, width: u32) -> Option<Motion> {
    let [x, y] = [bits.take(width), bits.take(width)].map(|folded| i16::try_from(unzigzag(folded)).ok());
    Some(Motion { x: x?, y: y? })
}

fn take_states(bits: &mut BitReader, profiles: &mut [Profile]) -> Option<()> {
    let changed = bits.take_subset(profiles.len())?;
    let width = bits.take(5) + 1;
    ones(changed).for_each(|index| profiles[index].state = bits.take(width));
    Some(())
}

fn take_residuals(bits: &mut BitReader, motions: &[Motion], places: &mut [Position], age: i32) -> Option<()> {
    let ticks = if bits.take_flag() { age } else { 0 };
    let number = bits.take(5);
    let mut ranks = [[0; 2]; MEMBERS_MAX];
    if number > 0 {
        let table = Table::numbered(number);
        if bits.take_flag() {
            let movers = bits.take_subset(places.len())?;
            take_ranks(bits, table, movers.count_ones() as usize, &mut ranks)?;
            ranks = spread(&ranks, movers);
        } else {
            take_ranks(bits, table, places.len(), &mut ranks)?;
        }
    }
    lead(places, motions, ticks, &ranks);
    Some(())
}

/// The ranks of the movers, each at its own place; all others have 0.
fn spread(few: &Ranks, movers: u64) -> Ranks {
    let mut all = [[0; 2]; MEMBERS_MAX];
    ones(movers).zip(few).for_each(|(index, ranks)| all[index] = *ranks);
    all
}

/// Moves all to where they are now. In three loops, of which processors do several steps at once.
fn lead(places: &mut [Position], motions: &[Motion], ticks: i32, ranks: &Ranks) {
    let mut ways = [[0; 2]; MEMBERS_MAX];
    for (way, &motion) in ways.iter_mut().zip(motions) {
        *way = led_by(motion, ticks);
    }
    for (way, &rank) in ways.as_flattened_mut().iter_mut().zip(ranks.as_flattened()) {
        *way = way_of(rank, *way);
    }
    for (at, way) in places.iter_mut().zip(ways) {
        *at = place_at(*at, way);
    }
}

fn take_entered(bits: &mut BitReader, was: &[Position], out: &mut Unpacked) -> Option<()> {
    let count = bits.take_gamma()? as usize;
    if count > MEMBERS_MAX - out.places.len() {
        return None;
    }
    let [id_width, place_width, motion_width] = [bits.take(5) + 1, bits.take(5) + 1, bits.take(5)];
    let is_special = bits.take_flag();
    let origin = origin_of(was.iter().copied())
        .unwrap_or_else(|| Position { x: bits.take(32) as i32, y: bits.take(32) as i32 });
    let mut sieve = Sieve::default();
    for profile in &out.profiles {
        sieve.is_caught(profile.id);
    }
    for _ in 0..count {
        let id = bits.take(id_width);
        let offset = [bits.take(place_width), bits.take(place_width)].map(unzigzag);
        let motion = take_motion(bits, motion_width)?;
        let (kind, state) = if is_special { (bits.take(8) as u8, bits.take(32)) } else { (0, 0) };
        let is_twice = sieve.is_caught(id) && out.profiles.iter().any(|profile| profile.id == id);
        if bits.is_overrun() || is_twice {
            return None;
        }
        out.places.push(place_at(origin, offset));
        out.profiles.push(Profile { id, state, kind });
        out.motions.push(motion);
    }
    Some(())
}

/// Catches every id that comes twice, and one in twenty of the others: these alone need a closer look.
#[derive(Default)]
struct Sieve([u64; 16]);

impl Sieve {
    /// Whether an id, or one that looks like it, has come before.
    fn is_caught(&mut self, id: u32) -> bool {
        // The highest ten bits of a product with 2^32 divided by the golden ratio (Knuth).
        let hash = id.wrapping_mul(0x9E37_79B1) >> 22;
        let (word, bit) = (&mut self.0[(hash / 64) as usize], 1 << (hash % 64));
        let is_caught = *word & bit != 0;
        *word |= bit;
        is_caught
    }
}
