//! Reading a block, whoever wrote it.

use super::bits::BitReader;
use super::numbers::{ones, unzigzag};
use super::predict::{led_by, origin_of, place_at, way_of};
use super::shapes::{CODE_BITS_MAX, Table};
use super::{CLUSTER_BITS, Departure, Head, MEMBERS_MAX, Member, Motion};
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
    /// The members now, in order.
    pub members: Vec<Member>,
    /// Those of the baseline who have left.
    pub departed: Vec<Departure>,
    /// Which of the baseline's they are, the first by the lowest bit. All others are the first members now.
    pub left: u64,
}

impl Unpacked {
    /// Room for any block.
    pub fn new() -> Self {
        Self { members: Vec::with_capacity(MEMBERS_MAX), departed: Vec::with_capacity(MEMBERS_MAX), left: 0 }
    }
}

/// Reads the block at the start of `bytes` into `out`; gives what it is about and how many bytes it takes.
///
/// `cluster_bits` is the width of cluster ids in the datagram. `baseline` is asked for the members, at most
/// [`MEMBERS_MAX`], that the receiver holds for a head whose age is not 0. Whatever the bytes are, the work is that
/// of one block. After an error `out` holds nothing of use.
pub fn decode<'a>(
    bytes: &[u8],
    cluster_bits: u32,
    baseline: impl FnOnce(Head) -> Option<&'a [Member]>,
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
    let was = if head.age == 0 { &[][..] } else { baseline(head).ok_or(BlockError::NoBaseline)? };
    let was = was.get(..MEMBERS_MAX).unwrap_or(was);
    let body = take_body(&mut bits, cluster_bits, was, i32::from(head.age), out);
    match body {
        _ if bits.is_overrun() => Err(BlockError::Short),
        Some(()) if bits.take_padding() => Ok((head, bits.taken_bits() / 8)),
        _ => Err(BlockError::Malformed),
    }
}

fn take_body(
    bits: &mut BitReader,
    cluster_bits: u32,
    was: &[Member],
    age: i32,
    out: &mut Unpacked,
) -> Option<()> {
    let [has_left, has_entered, has_motion, has_state] = std::array::from_fn(|_| bits.take_flag());
    out.members.clear();
    out.departed.clear();
    out.left = if has_left { take_departed(bits, was, cluster_bits, &mut out.departed)? } else { 0 };
    if out.left == 0 {
        out.members.extend_from_slice(was);
    } else {
        let stay = was.iter().enumerate().filter(|(index, _)| out.left >> index & 1 == 0);
        out.members.extend(stay.map(|(_, &member)| member));
    }
    if has_motion {
        take_motions(bits, &mut out.members)?;
    }
    if has_state {
        take_states(bits, &mut out.members)?;
    }
    if !out.members.is_empty() {
        take_residuals(bits, &mut out.members, age)?;
    }
    if has_entered {
        take_entered(bits, was, &mut out.members)?;
    }
    Some(())
}

fn take_departed(
    bits: &mut BitReader,
    was: &[Member],
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

fn take_motions(bits: &mut BitReader, members: &mut [Member]) -> Option<()> {
    let changed = bits.take_subset(members.len())?;
    let width = bits.take(5);
    for index in ones(changed) {
        let change = take_motion(bits, width)?;
        let motion = &mut members[index].motion;
        *motion = Motion { x: motion.x.wrapping_add(change.x), y: motion.y.wrapping_add(change.y) };
    }
    Some(())
}

fn take_motion(bits: &mut BitReader, width: u32) -> Option<Motion> {
    let [x, y] = [bits.take(width), bits.take(width)].map(|folded| i16::try_from(unzigzag(folded)).ok());
    Some(Motion { x: x?, y: y? })
}

fn take_states(bits: &mut BitReader, members: &mut [Member]) -> Option<()> {
    let changed = bits.take_subset(members.len())?;
    let width = bits.take(5) + 1;
    ones(changed).for_each(|index| members[index].state = bits.take(width));
    Some(())
}

fn take_residuals(bits: &mut BitReader, members: &mut [Member], age: i32) -> Option<()> {
    let ticks = if bits.take_flag() { age } else { 0 };
    let number = bits.take(5);
    let movers = match number {
        0 => 0,
        _ if bits.take_flag() => bits.take_subset(members.len())?,
        _ => u64::MAX,
    };
    let mut ranks = [[0; 2]; MEMBERS_MAX];
    if movers != 0 {
        take_all_ranks(bits, Table::numbered(number), movers, ranks.get_mut(..members.len())?)?;
    }
    for (member, [x, y]) in members.iter_mut().zip(ranks) {
        let led = led_by(member.motion, ticks);
        member.at = place_at(member.at, [way_of(x, led[0]), way_of(y, led[1])]);
    }
    Some(())
}

/// The ranks of the movers; those of the others stay.
fn take_all_ranks(bits: &mut BitReader, table: Table, movers: u64, all: &mut [[u32; 2]]) -> Option<()> {
    // A copy that no call borrows is kept in registers.
    let mut reader = *bits;
    for (index, ranks) in all.iter_mut().enumerate() {
        if movers >> index & 1 == 1 {
            *ranks = take_ranks(&mut reader, table)?;
        }
    }
    *bits = reader;
    Some(())
}

#[inline(always)]
fn take_ranks(bits: &mut BitReader, Table { shift, shape }: Table) -> Option<[u32; 2]> {
    let (symbol, len) = shape.read(bits.peek(CODE_BITS_MAX));
    bits.skip(len);
    let mut high = [symbol & 3, symbol >> 2];
    if high[0].max(high[1]) == 3 {
        (*bits, high) = take_excess(*bits, high, shape.excess_bits)?;
    }
    Some(if shift == 0 { high } else { high.map(|part| part << shift | bits.take(shift)) })
}

#[inline(never)]
fn take_excess(mut bits: BitReader, mut high: [u32; 2], excess_bits: u32) -> Option<(BitReader, [u32; 2])> {
    for part in &mut high {
        if *part == 3 {
            let excess = (bits.take_gamma()? - 1) << excess_bits | bits.take(excess_bits);
            *part = excess.checked_add(3)?;
        }
    }
    Some((bits, high))
}

fn take_entered(bits: &mut BitReader, was: &[Member], members: &mut Vec<Member>) -> Option<()> {
    let count = bits.take_gamma()? as usize;
    if count > MEMBERS_MAX - members.len() {
        return None;
    }
    let [id_width, place_width, motion_width] = [bits.take(5) + 1, bits.take(5) + 1, bits.take(5)];
    let is_special = bits.take_flag();
    let origin =
        origin_of(was).unwrap_or_else(|| Position { x: bits.take(32) as i32, y: bits.take(32) as i32 });
    let mut sieve = Sieve::default();
    for member in &*members {
        sieve.is_caught(member.id);
    }
    for _ in 0..count {
        let id = bits.take(id_width);
        let offset = [bits.take(place_width), bits.take(place_width)].map(unzigzag);
        let motion = take_motion(bits, motion_width)?;
        let (kind, state) = if is_special { (bits.take(8) as u8, bits.take(32)) } else { (0, 0) };
        let is_twice = sieve.is_caught(id) && members.iter().any(|member| member.id == id);
        if bits.is_overrun() || is_twice {
            return None;
        }
        members.push(Member { id, at: place_at(origin, offset), state, motion, kind });
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
