//! Reading the ranks of residuals: of several pairs with each look-up.

use super::MEMBERS_MAX;
use super::bits::BitReader;
use super::shapes::{CODE_BITS_MAX, RUN_MAX, Shape, Table};

/// The ranks of a block, x and y in turn. Those past the last mean nothing.
pub(super) type Ranks = [[u32; 2]; MEMBERS_MAX];

/// The ranks of so many pairs (at most [`MEMBERS_MAX`]) into `ranks`, which are zeros.
pub(super) fn take_ranks(bits: &mut BitReader, table: Table, count: usize, ranks: &mut Ranks) -> Option<()> {
    match table.shift {
        0 => take_unshifted(bits, table.shape, count, ranks),
        _ => take_shifted(bits, table, count, ranks),
    }
}

fn take_shifted(bits: &mut BitReader, table: Table, count: usize, ranks: &mut Ranks) -> Option<()> {
    let Table { shift, shape } = table;
    for pair in &mut ranks[..count] {
        let (symbol, len) = shape.read(bits.peek(CODE_BITS_MAX));
        bits.skip(len);
        let [x, y] = take_excess(bits, symbol, shape.excess_bits)?;
        let high = [x + (symbol & 3), y + (symbol >> 2)];
        *pair = high.map(|part| part << shift | bits.take(shift));
    }
    Some(())
}

/// First all symbols, with what exceeds the classes beside them; then all ranks at once.
fn take_unshifted(bits: &mut BitReader, shape: &Shape, count: usize, ranks: &mut Ranks) -> Option<()> {
    // A run is stored as a word, which is one symbol longer.
    let mut symbols = [0_u8; MEMBERS_MAX + 1];
    let mut index = 0;
    while index + RUN_MAX <= count {
        let taken = take_runs(bits, shape, &mut symbols[index..=count]);
        index += taken.len;
        if taken.ends_exceeding {
            ranks[index - 1] = take_excess(bits, symbols[index - 1].into(), shape.excess_bits)?;
        }
    }
    // One by one, so that no symbol is taken that is no longer one.
    for index in index..count {
        let (symbol, len) = shape.read(bits.peek(CODE_BITS_MAX));
        bits.skip(len);
        symbols[index] = symbol as u8;
        ranks[index] = take_excess(bits, symbol, shape.excess_bits)?;
    }
    for (pair, symbol) in ranks.iter_mut().zip(symbols) {
        let symbol = u32::from(symbol);
        *pair = [pair[0] + (symbol & 3), pair[1] + (symbol >> 2 & 3)];
    }
    Some(())
}

struct Taken {
    len: usize,
    /// Whether the excess of the last one follows.
    ends_exceeding: bool,
}

/// As many runs as one look at the bits has, up to one that ends with a symbol that an excess follows; but leaves
/// fewer than [`RUN_MAX`] symbols, and the last place of `symbols`, alone.
#[inline(always)]
fn take_runs(bits: &mut BitReader, shape: &Shape, symbols: &mut [u8]) -> Taken {
    let (word, mut used, mut len) = (bits.peek_wide(), 0, 0);
    let mut ends_exceeding = false;
    while used + CODE_BITS_MAX <= BitReader::WIDE && !ends_exceeding {
        let Some(place) = symbols[len..].first_chunk_mut() else { break };
        let run = shape.run((word >> used) as u32);
        *place = run.symbols();
        len += run.len();
        used += run.bits();
        ends_exceeding = run.ends_exceeding();
    }
    bits.skip(used);
    Taken { len, ends_exceeding }
}

/// What follows a symbol whose classes are 3: by how much the ranks exceed them. 0 for other classes.
#[inline(always)]
fn take_excess(bits: &mut BitReader, symbol: u32, excess_bits: u32) -> Option<[u32; 2]> {
    let is_last = [symbol & 3 == 3, symbol >> 2 & 3 == 3];
    if is_last == [false; 2] { Some([0; 2]) } else { take_both(bits, is_last, excess_bits) }
}

#[inline(never)]
fn take_both(bits: &mut BitReader, is_last: [bool; 2], excess_bits: u32) -> Option<[u32; 2]> {
    let mut both = [0; 2];
    for (part, _) in both.iter_mut().zip(is_last).filter(|(_, is_last)| *is_last) {
        *part = (bits.take_gamma()? - 1) << excess_bits | bits.take(excess_bits);
        part.checked_add(3)?;
    }
    Some(both)
}
