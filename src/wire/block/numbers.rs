//! Numbers as blocks write them: folded, in widths, in sets.

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

/// The indices of the ones, ascending.
pub(super) fn ones(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = set.trailing_zeros() as usize;
        (set != 0).then(|| set &= set - 1)?;
        Some(index)
    })
}
