//! Bits in bytes, least significant first, and the three ways in which blocks write numbers with them: in a
//! given width, as a gamma code (Elias, 1975), and as a subset.

use super::numbers::{index_width, is_listed, ones};

/// Writes bits to a slice that is [`BitWriter::SPARE_BYTES`] longer than what is written.
/// [`BitWriter::finish`] says how many bytes that was; the last is filled up with zeros.
pub(super) struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
    held: u64,
    /// Below 8 between calls.
    held_bits: u32,
}

impl<'a> BitWriter<'a> {
    /// Every write stores a whole word.
    pub(super) const SPARE_BYTES: usize = 8;

    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0, held: 0, held_bits: 0 }
    }

    /// Appends the low `bits` (at most 56) of `value`, which has no others set.
    ///
    /// Stores a word each time and keeps what does not fill a byte: no branch to guess wrong.
    #[inline(always)]
    pub(super) fn put_wide(&mut self, value: u64, bits: u32) {
        debug_assert!(bits <= 56 && value >> bits == 0, "{value} does not fit {bits} bits");
        self.held |= value << self.held_bits;
        self.held_bits += bits;
        self.bytes[self.at..self.at + 8].copy_from_slice(&self.held.to_le_bytes());
        self.at += (self.held_bits / 8) as usize;
        self.held >>= self.held_bits & !7;
        self.held_bits &= 7;
    }

    /// Appends the low `bits` (at most 32) of `value`, which has no others set.
    #[inline(always)]
    pub(super) fn put(&mut self, value: u32, bits: u32) {
        self.put_wide(u64::from(value), bits);
    }

    pub(super) fn put_flag(&mut self, flag: bool) {
        self.put(u32::from(flag), 1);
    }

    /// Appends `value` (not 0): as many zeros as it has bits after its highest, a one, then those bits.
    #[inline]
    pub(super) fn put_gamma(&mut self, value: u32) {
        let tail = value.ilog2();
        self.put(0, tail);
        self.put(1, 1);
        self.put(value - (1 << tail), tail);
    }

    /// Appends a subset (not empty) of `n` members: its size as a gamma code, then its indices, ascending; or,
    /// where that is longer, one bit for each of the `n`.
    pub(super) fn put_subset(&mut self, subset: u64, n: usize) {
        let count = subset.count_ones();
        self.put_gamma(count);
        if is_listed(count, n) {
            return ones(subset).for_each(|index| self.put(index as u32, index_width(n)));
        }
        self.put(subset as u32, n.min(32) as u32);
        self.put((subset >> 32) as u32, n.saturating_sub(32) as u32);
    }

    pub(super) fn finish(self) -> usize {
        self.at + usize::from(self.held_bits > 0)
    }
}

/// Reads what [`BitWriter`] wrote.
///
/// Past the end it reads zeros and remembers it ([`BitReader::is_overrun`]), so that a caller may check once.
/// Every loop over it must be bounded by something else.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits taken so far.
    at: usize,
}

impl<'a> BitReader<'a> {
    /// How many bits [`BitReader::peek_wide`] finds at least.
    pub(super) const WIDE: u32 = 57;

    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next [`BitReader::WIDE`] bits at least, without taking them.
    #[inline(always)]
    pub(super) fn peek_wide(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = rest.first_chunk().map_or_else(|| last_bytes(rest), |eight| u64::from_le_bytes(*eight));
        word >> (self.at % 8)
    }

    /// The next `bits` (at most 32), without taking them.
    #[inline(always)]
    pub(super) fn peek(&self, bits: u32) -> u32 {
        (self.peek_wide() & ((1 << bits) - 1)) as u32
    }

    /// Takes bits that were peeked at.
    #[inline(always)]
    pub(super) fn skip(&mut self, bits: u32) {
        self.at += bits as usize;
    }

    /// The next `bits` (at most 32).
    #[inline(always)]
    pub(super) fn take(&mut self, bits: u32) -> u32 {
        let value = self.peek(bits);
        self.skip(bits);
        value
    }

    pub(super) fn take_flag(&mut self) -> bool {
        self.take(1) == 1
    }

    /// A gamma code; `None` if there is none of a number of 32 bits.
    #[inline]
    pub(super) fn take_gamma(&mut self) -> Option<u32> {
        let tail = self.peek(32).trailing_zeros();
        if tail == 32 {
            return None;
        }
        self.skip(tail + 1);
        Some((1 << tail) + self.take(tail))
    }

    /// A subset of `n` (at most 64) members; `None` if it is not one that [`BitWriter::put_subset`] writes.
    pub(super) fn take_subset(&mut self, n: usize) -> Option<u64> {
        let count = self.take_gamma().filter(|&count| count as usize <= n)?;
        if is_listed(count, n) {
            return self.take_indices(count, n);
        }
        let low = u64::from(self.take(n.min(32) as u32));
        let ones = low | u64::from(self.take(n.saturating_sub(32) as u32)) << 32;
        (ones.count_ones() == count).then_some(ones)
    }

    fn take_indices(&mut self, count: u32, n: usize) -> Option<u64> {
        let mut ones = 0_u64;
        for _ in 0..count {
            let index = self.take(index_width(n));
            if index as usize >= n || ones >> index != 0 {
                return None;
            }
            ones |= 1 << index;
        }
        Some(ones)
    }

    /// Takes what is left of the byte; false if it is not zeros.
    pub(super) fn take_padding(&mut self) -> bool {
        let padding = self.taken_bits().next_multiple_of(8) - self.taken_bits();
        self.take(padding as u32) == 0
    }

    /// Bits taken so far.
    pub(super) fn taken_bits(&self) -> usize {
        self.at
    }

    /// Whether more was taken than there is.
    pub(super) fn is_overrun(&self) -> bool {
        self.taken_bits() > self.bytes.len() * 8
    }
}

/// Fewer than eight bytes, with zeros behind them.
#[cold]
fn last_bytes(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::block::MEMBERS_MAX;

    #[test]
    fn the_first_bit_is_the_lowest_and_the_last_byte_is_filled_up() {
        let mut bytes = [0xFF; 16];
        let mut bits = BitWriter::new(&mut bytes);
        bits.put_flag(true);
        bits.put(0b10, 2);
        bits.put_gamma(5);
        assert_eq!(bits.finish(), 1);
        assert_eq!(bytes[0], 0b0110_0101, "1; 01; two zeros, a one, 10: each from its lowest bit on");
    }

    #[test]
    fn gamma_codes_of_all_lengths_come_back() {
        let numbers = (0..32).flat_map(|bit| [1_u32 << bit, u32::MAX >> bit]);
        let mut bytes = [0; 1024];
        let mut bits = BitWriter::new(&mut bytes);
        numbers.clone().for_each(|number| bits.put_gamma(number));
        let len = bits.finish();
        let mut bits = BitReader::new(&bytes[..len]);
        assert!(numbers.clone().all(|number| bits.take_gamma() == Some(number)));
        assert!(bits.take_padding() && !bits.is_overrun());
        assert_eq!(bits.take_gamma(), None, "nothing but zeros follows");
    }

    #[test]
    fn subsets_of_all_sizes_come_back() {
        for n in 1..=MEMBERS_MAX {
            for subset in (0..n).map(|bit| 1 << bit).chain([u64::MAX >> (64 - n), 1 | 1 << (n - 1)]) {
                let mut bytes = [0; 32];
                let mut bits = BitWriter::new(&mut bytes);
                bits.put_subset(subset, n);
                let len = bits.finish();
                assert_eq!(BitReader::new(&bytes[..len]).take_subset(n), Some(subset), "{subset:b} of {n}");
            }
        }
    }

    #[test]
    fn indices_that_do_not_ascend_are_no_subset() {
        for (first, second) in [(5, 5), (5, 4), (5, 60)] {
            let mut bytes = [0; 16];
            let mut bits = BitWriter::new(&mut bytes);
            bits.put_gamma(2);
            bits.put(first, 6);
            bits.put(second, 6);
            assert_eq!(BitReader::new(&bytes).take_subset(60), None, "{first}, {second}");
        }
    }
}
