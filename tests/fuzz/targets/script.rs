//! Bytes read as a script: numbers, choices and pieces, for as long as there are any.

/// What is left of the bytes. At the end everything is zero.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// A number from 0 to `end - 1`; `end` is 256 at the most.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(crate) fn is_set(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Any number, those near 0 and near the greatest in one byte.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..0x80 => small.into(),
            large @ 0x80..0xc0 => u64::MAX - u64::from(large - 0x80),
            _ => u64::from_le_bytes(self.array()),
        }
    }

    /// Any number of 32 bits, those near 0 and near both greatest in one byte.
    pub(crate) fn word(&mut self) -> u32 {
        match self.byte() {
            small @ 0..0x60 => small.into(),
            middle @ 0x60..0xa0 => (1 << 31) + 0x20 - u32::from(middle - 0x60),
            large @ 0xa0..0xe0 => u32::MAX - u32::from(large - 0xa0),
            _ => u32::from_le_bytes(self.array()),
        }
    }

    /// The next `length` bytes, or as many as there are.
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(self.0.len())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }
}
