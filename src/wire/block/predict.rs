//! Where a member is expected, and how places are numbered from there. Encoder and decoder share every rule.

use super::Motion;
use crate::wire::Position;

use super::numbers::{unzigzag, zigzag};

/// How far it is from one place to another, along x and y. Goes around at 2^32, as all places do.
#[inline(always)]
pub(super) fn way_between(from: Position, to: Position) -> [i32; 2] {
    [to.x.wrapping_sub(from.x), to.y.wrapping_sub(from.y)]
}

/// The place so far from another.
#[inline(always)]
pub(super) fn place_at(from: Position, [x, y]: [i32; 2]) -> Position {
    Position { x: from.x.wrapping_add(x), y: from.y.wrapping_add(y) }
}

/// Where a motion leads within so many ticks, in sixteenths of a unit.
#[inline(always)]
pub(super) fn led_by(motion: Motion, ticks: i32) -> [i32; 2] {
    [i32::from(motion.x) * ticks, i32::from(motion.y) * ticks]
}

/// How likely it is to go `way` (units) when led to go `led` (sixteenths of a unit), 0 being the likeliest:
/// places in the order of their distance from the very point that the member is led to.
#[inline(always)]
pub(super) fn rank_of(way: i32, led: i32) -> u32 {
    let (whole, is_beyond) = whole_step(led);
    let off = way.wrapping_sub(whole);
    zigzag(if is_beyond { off } else { off.wrapping_neg() })
}

/// The way that has this rank.
#[inline(always)]
pub(super) fn way_of(rank: u32, led: i32) -> i32 {
    let (whole, is_beyond) = whole_step(led);
    let off = unzigzag(rank);
    whole.wrapping_add(if is_beyond { off } else { off.wrapping_neg() })
}

/// The whole step nearest to `led`, and whether it goes beyond it.
#[inline(always)]
fn whole_step(led: i32) -> (i32, bool) {
    let whole = (led + 8) >> 4;
    (whole, led < whole * 16)
}

/// From where the places of those who enter are told: the mean of the baseline, reckoned from its first member.
pub(super) fn origin_of(was: impl ExactSizeIterator<Item = Position> + Clone) -> Option<Position> {
    let (first, len) = (was.clone().next()?, was.len());
    let sum = was.fold([0_i64; 2], |[x, y], at| {
        let way = way_between(first, at);
        [x + i64::from(way[0]), y + i64::from(way[1])]
    });
    Some(place_at(first, sum.map(|sum| sum.div_euclid(len as i64) as i32)))
}
