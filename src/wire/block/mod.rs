//! A block: one cluster of players, from a baseline that the receiver holds (or from nothing) to now, in bits.
//!
//! [`Encoder::encode`] writes a block, [`decode()`] reads it. Both are given the members of the cluster at the
//! baseline, in the same order: members keep their order from tick to tick, and whoever enters is appended.
//! Because of this the first so many members of a cluster are a legal baseline too, and the first so many of now a
//! legal block, where a whole one would not fit into a datagram.
//!
//! Places are exact: all arithmetic goes around at 2^32. PROTOCOL-COMPACT.md has the layout bit by bit.

mod bits;
mod checksum;
mod columns;
mod decode;
mod encode;
mod kept;
mod numbers;
mod predict;
mod ranks;
mod residuals;
mod shapes;

use std::ops::RangeInclusive;

pub use checksum::checksum;
pub use columns::{Profile, Told};
pub use decode::{BlockError, Unpacked, decode};
pub use encode::Encoder;

use super::Position;

/// The most members of a block, and so of a cluster: a set of them fits into 64 bits.
pub const MEMBERS_MAX: usize = 64;

/// The oldest baseline that a block can name, in ticks: 6 bits.
pub const AGE_TICKS_MAX: u8 = 63;

/// The widths that a cluster id may have in a datagram, in bits.
pub const CLUSTER_BITS: RangeInclusive<u32> = 1..=16;

/// No block is longer.
pub const BLOCK_BYTES_MAX: usize = 2_048;

/// What a block takes besides its members: the head (26), and for each of its parts a subset (77), widths, flags,
/// an origin and the padding.
const FIXED_BITS_MAX: usize = 26 + 4 * 77 + 4 * 32 + 64;
/// A member that stays takes a motion (32), a state (32), a code word (10), and for each axis at most a gamma code
/// (63) with the low bits of an excess (4) or of a rank (12).
const STAYS_BITS_MAX: usize = 32 + 32 + 10 + 2 * (63 + 12);
/// In the place of one that leaves (17) another enters: id, place, motion, kind and state.
const REPLACED_BITS_MAX: usize = 17 + 32 + 64 + 32 + 8 + 32;
const _: () = assert!(FIXED_BITS_MAX + MEMBERS_MAX * STAYS_BITS_MAX <= BLOCK_BYTES_MAX * 8);
const _: () = assert!(FIXED_BITS_MAX + MEMBERS_MAX * REPLACED_BITS_MAX <= BLOCK_BYTES_MAX * 8);

/// A player as a block tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The number it is known by; in a block each is there once.
    pub id: u32,
    /// Where it stands.
    pub at: Position,
    /// The game's own word about it.
    pub state: u32,
    /// Where it is expected to go. Only a hint that makes the next blocks short; a wrong one changes no place.
    pub motion: Motion,
    /// What it is; 0 = a player. It never changes.
    pub kind: u8,
}

/// How far a member is expected to go each tick, in sixteenths of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Motion {
    /// Along the first axis.
    pub x: i16,
    /// Along the second axis.
    pub y: i16,
}

impl Motion {
    /// It is expected to stay where it is.
    pub const REST: Self = Self { x: 0, y: 0 };
}

/// A member of the baseline that is no longer in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The number it is known by.
    pub id: u32,
    /// The cluster that it moved to; `None` if it is gone.
    pub to: Option<u16>,
}

/// What a block is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The cluster.
    pub cluster: u16,
    /// Ticks from the baseline to now; 0 = the block stands alone.
    pub age: u8,
}
