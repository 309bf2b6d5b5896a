//! Numbers as blocks write them: folded, in widths, in sets.

use super::MEMBERS_MAX;

/// 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ...
#[inline(always)]
pub(super) fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

/// What [`zigzag`] was given.
#[inline(always)]
pub(super) fn unzigzag(folded: u32) -> i32 {
    (folded >> 1) as i32 ^ -((folded & 1) as i32)
}

/// The bits that the widest takes.
pub(super) fn width_of(values: impl Iterator<Item = u32>) -> u32 {
    u32::BITS - values.fold(0, |all, value| all | value).leading_zeros()
}

/// The bits that every index below `n` fits into.
pub(super) fn index_width(n: usize) -> u32 {
    usize::BITS - n.saturating_sub(1).leading_zeros()
}

/// Whether a subset of so many of `n` is written as a list of indices.
pub(super) fn is_listed(count: u32, n: usize) -> bool {
    (count * index_width(n)) as usize <= n
}

/// The bits of a subset of so many of `n`.
pub(super) fn subset_bits(count: u32, n: usize) -> u32 {
    gamma_bits(count) + (count * index_width(n)).min(n as u32)
}

/// The bits of a gamma code.
pub(super) fn gamma_bits(value: u32) -> u32 {
    value.ilog2() * 2 + 1
}

/// The set of the true ones. Eight at a time: a product that moves the lowest bit of each byte to the highest byte.
#[inline(always)]
pub(super) fn set_of(flags: &[bool; MEMBERS_MAX]) -> u64 {
    let (eights, _) = flags.as_chunks::<8>();
    eights.iter().rev().fold(0, |set, eight| {
        let bytes = u64::from_le_bytes(eight.map(u8::from));
        set << 8 | bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// The indices of the ones, ascending.
pub(super) fn ones(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = set.trailing_zeros() as usize;
        (set != 0).then(|| set &= set - 1)?;
        Some(index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_ones_that_are_true() {
        for set in [0, 1, u64::MAX, 1 << 63, 0x0123_4567_89AB_CDEF, 0x8000_0000_0100_0080] {
            let flags = std::array::from_fn(|index| set >> index & 1 == 1);
            assert_eq!(set_of(&flags), set);
            assert_eq!(ones(set).fold(0, |all, index| all | 1 << index), set);
        }
    }

    #[test]
    fn folded_numbers_come_back() {
        for value in [0, -1, 1, -2, i32::MAX, i32::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
        assert_eq!([0, -1, 1, -2, 2].map(zigzag), [0, 1, 2, 3, 4]);
    }
}
