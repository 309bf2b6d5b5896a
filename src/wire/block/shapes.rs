//! The static codes of residuals: how likely each pair of classes is in blocks of one sort.
//!
//! A shape is a prefix code over 16 symbols, given by the lengths of its codes. Codes are canonical (they ascend
//! by length, then by symbol) and are written from their first bit on. A table is a shape and a shift: how many
//! low bits of a rank are sent as they are.

/// The longest code, in bits.
pub(super) const CODE_BITS_MAX: u32 = 10;
/// The greatest shift of a table.
pub(super) const SHIFT_MAX: u32 = 12;
/// One more than the greatest number of low bits that a shape sends of an excess.
pub(super) const EXCESS_WAYS: usize = 5;
/// The symbols of a shape: the class of x plus 4 times the class of y.
pub(super) const SYMBOLS: usize = 16;

const SHAPE_COUNT: usize = 7;

/// The lengths of the codes. Found by iterating over simulated walks, crowds and random movements: each block
/// chose its cheapest shape, each shape became the Huffman code of the blocks that had chosen it.
const LENGTHS: [[u8; SYMBOLS]; SHAPE_COUNT] = [
    [1, 3, 7, 9, 2, 5, 9, 9, 7, 9, 10, 10, 9, 9, 9, 4],
    [1, 3, 6, 10, 2, 4, 7, 10, 6, 7, 9, 10, 10, 10, 10, 7],
    [1, 3, 7, 8, 2, 4, 9, 8, 7, 8, 9, 8, 8, 8, 8, 6],
    [1, 3, 4, 9, 3, 4, 6, 9, 4, 5, 8, 10, 9, 9, 10, 9],
    [2, 3, 5, 8, 2, 3, 5, 8, 4, 5, 7, 8, 8, 8, 8, 4],
    [2, 3, 4, 6, 3, 3, 4, 6, 4, 4, 5, 7, 6, 6, 7, 6],
    [3, 3, 4, 4, 3, 4, 4, 5, 4, 4, 5, 5, 4, 5, 5, 5],
];

/// The low bits of an excess that each shape sends as they are.
const EXCESS_BITS: [u32; SHAPE_COUNT] = [4, 3, 1, 0, 3, 0, 0];

/// How a table writes ranks.
#[derive(Clone, Copy)]
pub(super) struct Table {
    /// The low bits of a rank that are sent as they are.
    pub(super) shift: u32,
    pub(super) shape: &'static Shape,
}

impl Table {
    /// The table with this number, 1 to 31. 0 is no table: it says that nothing follows.
    #[inline(always)]
    pub(super) fn numbered(number: u32) -> Self {
        let (shift, shape) = match number {
            ..8 => (0, number.saturating_sub(1)),
            _ => ((number - 6) / 2, 5 + number % 2),
        };
        Self { shift, shape: &SHAPES[shape as usize] }
    }

    /// The numbers of the tables with this shift.
    pub(super) fn numbers_with(shift: u32) -> std::ops::Range<u32> {
        match shift {
            0 => 1..8,
            _ => 6 + 2 * shift..8 + 2 * shift,
        }
    }
}

/// A code word.
#[derive(Clone, Copy)]
pub(super) struct Code {
    /// First bit lowest.
    pub(super) bits: u16,
    pub(super) len: u8,
}

impl Code {
    const NONE: Self = Self { bits: 0, len: 0 };
}

/// As many symbols as one look-up finds at most.
pub(super) const RUN_MAX: usize = 3;

/// The symbols that the next bits begin with: all whose codes are wholly among them, up to one that an excess
/// follows, and [`RUN_MAX`] at most.
///
/// Three bytes with a symbol each in the low half. Their high halves are the length of the first code, that of all,
/// and the number of symbols plus 4 if the excess of the last follows.
#[derive(Clone, Copy)]
pub(super) struct Run(u32);

impl Run {
    /// The symbols, in the low halves of as many bytes.
    #[inline(always)]
    pub(super) fn symbols(self) -> [u8; RUN_MAX + 1] {
        self.0.to_le_bytes()
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        (self.0 >> 20 & 3) as usize
    }

    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0 >> 12 & 15
    }

    #[inline(always)]
    pub(super) fn ends_exceeding(self) -> bool {
        self.0 >> 22 & 1 == 1
    }

    /// The first symbol, and the length of its code.
    #[inline(always)]
    fn first(self) -> (u32, u32) {
        (self.0 & 15, self.0 >> 4 & 15)
    }
}

/// A prefix code over the symbols, and how an excess over the classes is written.
pub(super) struct Shape {
    /// The low bits of an excess that are sent as they are.
    pub(super) excess_bits: u32,
    pub(super) codes: [Code; SYMBOLS],
    lengths: [i16; SYMBOLS],
    /// By the next [`CODE_BITS_MAX`] bits.
    runs: [Run; 1 << CODE_BITS_MAX],
}

impl Shape {
    const EMPTY: Self = Self {
        excess_bits: 0,
        codes: [Code::NONE; SYMBOLS],
        lengths: [0; SYMBOLS],
        runs: [Run(0); 1 << CODE_BITS_MAX],
    };

    /// What the next bits begin with.
    #[inline(always)]
    pub(super) fn run(&self, next: u32) -> Run {
        self.runs[next as usize % self.runs.len()]
    }

    /// The symbol that the next bits begin with, and the length of its code.
    #[inline(always)]
    pub(super) fn read(&self, next: u32) -> (u32, u32) {
        self.run(next).first()
    }

    /// The bits that so many of each symbol take.
    ///
    /// In 16 bits each, because that is what x86-64 multiplies and adds up fastest.
    #[inline(always)]
    pub(super) fn cost(&self, counts: &[i16; SYMBOLS]) -> u32 {
        let products =
            self.lengths.iter().zip(counts).map(|(&len, &count)| i32::from(len) * i32::from(count));
        products.sum::<i32>() as u32
    }
}

static SHAPES: [Shape; SHAPE_COUNT] = {
    let mut shapes = [const { Shape::EMPTY }; SHAPE_COUNT];
    let mut i = 0;
    while i < SHAPE_COUNT {
        shapes[i] = shape(&LENGTHS[i], EXCESS_BITS[i]);
        i += 1;
    }
    shapes
};

/// Builds the canonical code: symbols by length, then by number, take ascending code words.
const fn shape(lengths: &[u8; SYMBOLS], excess_bits: u32) -> Shape {
    let mut shape = Shape { excess_bits, ..Shape::EMPTY };
    let (mut len, mut next) = (1, 0_u16);
    while len <= CODE_BITS_MAX as u8 {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if lengths[symbol] == len {
                shape.codes[symbol] = Code { bits: next.reverse_bits() >> (16 - len), len };
                shape.lengths[symbol] = len as i16;
                next += 1;
            }
            symbol += 1;
        }
        next <<= 1;
        len += 1;
    }
    assert!(next as u32 == 2 << CODE_BITS_MAX, "the lengths must make a complete code");
    let mut at = 0;
    while at < shape.runs.len() {
        shape.runs[at] = run_of(&shape.codes, at as u32);
        at += 1;
    }
    shape
}

/// The run that these [`CODE_BITS_MAX`] bits begin with.
const fn run_of(codes: &[Code; SYMBOLS], bits: u32) -> Run {
    let (mut run, mut used, mut len, mut exceeds) = (0, 0, 0, false);
    while len < RUN_MAX && !exceeds {
        let symbol = first_symbol(codes, bits >> used);
        let code_bits = codes[symbol].len as u32;
        if used + code_bits > CODE_BITS_MAX {
            break;
        }
        run |= (symbol as u32) << (8 * len);
        run |= if len == 0 { code_bits << 4 } else { 0 };
        exceeds = symbol & 3 == 3 || symbol >> 2 == 3;
        used += code_bits;
        len += 1;
    }
    Run(run | used << 12 | (len as u32) << 20 | (exceeds as u32) << 22)
}

/// A complete code has one for whatever bits.
const fn first_symbol(codes: &[Code; SYMBOLS], bits: u32) -> usize {
    let mut symbol = 0;
    while bits & ((1 << codes[symbol].len) - 1) != codes[symbol].bits as u32 {
        symbol += 1;
    }
    symbol
}
