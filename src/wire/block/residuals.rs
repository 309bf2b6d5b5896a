//! What is left of the ways of those who stay when a prediction is taken away, and the cheapest way to write it.

use super::MEMBERS_MAX;
use super::bits::BitWriter;
use super::kept::Kept;
use super::numbers::{gamma_bits, ones, set_of, subset_bits};
use super::predict::rank_of;
use super::shapes::{CODE_BITS_MAX, EXCESS_WAYS, SHIFT_MAX, SYMBOLS, Table};

/// Beyond this a rank costs about the same whatever it is, when predictions are compared.
const RANK_COST_MAX: u32 = 255;

/// Room for the residuals of a block under both predictions.
pub(super) struct Residuals {
    stay: Ranks,
    follow: Ranks,
}

impl Residuals {
    pub(super) const NONE: Self = Self { stay: Ranks::NONE, follow: Ranks::NONE };

    /// Writes whether motions are followed, the table, whether only a few are elsewhere than predicted and who,
    /// and the ranks of all or of those few.
    pub(super) fn put(&mut self, bits: &mut BitWriter, kept: &Kept, age: i32) {
        let stay_cost = self.stay.fill(kept, 0);
        let follows = kept.is_moving && self.follow.fill(kept, age) < stay_cost;
        let (ranks, spare) =
            if follows { (&mut self.follow, &mut self.stay) } else { (&mut self.stay, &mut self.follow) };
        bits.put_flag(follows);
        let movers_count = ranks.movers_count();
        if movers_count == 0 {
            return bits.put(0, 5);
        }
        let (table, dense_bits) = ranks.cheapest_table();
        let sparse_table = ranks.table_of_few(movers_count, table, dense_bits, spare);
        bits.put(sparse_table.unwrap_or(table), 5);
        bits.put_flag(sparse_table.is_some());
        match sparse_table {
            Some(table) => {
                bits.put_subset(ranks.movers(), ranks.len);
                spare.put(bits, table);
            }
            None => ranks.put(bits, table),
        }
    }
}

/// The ranks of residuals, x and y apart; zeros after the last.
struct Ranks {
    len: usize,
    axes: [[u32; MEMBERS_MAX]; 2],
    /// What [`Ranks::classify`] found: the symbol of each, and who has a rank beyond the classes.
    symbols: [u8; MEMBERS_MAX],
    exceeding: u64,
}

impl Ranks {
    const NONE: Self = Self { len: 0, axes: [[0; MEMBERS_MAX]; 2], symbols: [0; MEMBERS_MAX], exceeding: 0 };

    /// Ranks all, following their motions for so many ticks, and gives a measure of what they cost.
    fn fill(&mut self, kept: &Kept, ticks: i32) -> u32 {
        self.len = kept.len;
        let mut cost = 0;
        for axis in 0..2 {
            let ways = kept.way[axis].iter().zip(&kept.motion[axis]);
            for (rank, (&way, &motion)) in self.axes[axis].iter_mut().zip(ways) {
                *rank = rank_of(way, motion * ticks);
                cost += (*rank).min(RANK_COST_MAX);
            }
        }
        cost
    }

    /// Takes only the `chosen` ones of another.
    fn fill_only(&mut self, all: &Ranks, chosen: u64) {
        self.len = 0;
        for index in ones(chosen) {
            self.axes[0][self.len] = all.axes[0][index];
            self.axes[1][self.len] = all.axes[1][index];
            self.len += 1;
        }
        for axis in &mut self.axes {
            axis[self.len..].fill(0);
        }
    }

    /// Those who are not where they were predicted.
    fn movers(&self) -> u64 {
        set_of(&std::array::from_fn(|index| self.axes[0][index] | self.axes[1][index] != 0))
    }

    /// How many are not where they were predicted.
    fn movers_count(&self) -> u32 {
        self.axes[0].iter().zip(&self.axes[1]).map(|(x, y)| u32::from(x | y != 0)).sum()
    }

    /// The table with which these ranks take the fewest bits, and how many: the best shape of the least shift
    /// that leaves few ranks without a class of their own.
    fn cheapest_table(&mut self) -> (u32, u32) {
        let shift = self.likely_shift();
        self.classify(shift);
        let (counts, excess) = self.tally(shift);
        let costs = Table::numbers_with(shift).map(|number| {
            let shape = Table::numbered(number).shape;
            (number, shape.cost(&counts) + excess[shape.excess_bits as usize])
        });
        let (table, cost) = costs.min_by_key(|&(_, cost)| cost).expect("every shift has tables");
        (table, cost + self.len as u32 * 2 * shift)
    }

    /// The table for the movers alone, which are then in `few`, if naming them is cheaper than `dense_bits`. It
    /// cannot be unless they are few, or one who does not move would cost more than one of many bits.
    fn table_of_few(&self, movers_count: u32, table: u32, dense_bits: u32, few: &mut Ranks) -> Option<u32> {
        let len = self.len as u32;
        if movers_count == len || movers_count * 3 > len && Table::numbered(table).shift == 0 {
            return None;
        }
        few.fill_only(self, self.movers());
        let (table, sparse_bits) = few.cheapest_table();
        (subset_bits(movers_count, self.len) + sparse_bits < dense_bits).then_some(table)
    }

    /// The least shift by which at most a quarter of the ranks exceed the classes.
    fn likely_shift(&self) -> u32 {
        let is_enough = |&shift: &u32| self.count_from(3 << shift) * 4 <= self.len * 2;
        (0..SHIFT_MAX).find(is_enough).unwrap_or(SHIFT_MAX)
    }

    /// How many of both axes are at least so great.
    fn count_from(&self, least: u32) -> usize {
        self.axes.as_flattened().iter().map(|&rank| u32::from(rank >= least)).sum::<u32>() as usize
    }

    /// Finds the symbols of all for a shift.
    fn classify(&mut self, shift: u32) {
        let mut exceeding = [false; MEMBERS_MAX];
        let [xs, ys] = &self.axes;
        for (((x, y), symbol), exceeds) in xs.iter().zip(ys).zip(&mut self.symbols).zip(&mut exceeding) {
            let [high_x, high_y] = [(x >> shift).min(3), (y >> shift).min(3)];
            *symbol = (high_x + high_y * 4) as u8;
            *exceeds = high_x.max(high_y) == 3;
        }
        self.exceeding = set_of(&exceeding);
    }

    /// How often each symbol occurs, and for each way to write an excess the bits that the excesses take.
    fn tally(&self, shift: u32) -> ([i16; SYMBOLS], [u32; EXCESS_WAYS]) {
        // Four counts in turn, because most symbols are alike and would wait for one another.
        let mut counts = [[0_i16; SYMBOLS]; 4];
        for (index, &symbol) in self.symbols[..self.len].iter().enumerate() {
            counts[index % 4][usize::from(symbol) % SYMBOLS] += 1;
        }
        let mut excess_bits = [0; EXCESS_WAYS];
        for index in ones(self.exceeding) {
            add_excess_bits(&mut excess_bits, self.high(index, shift));
        }
        (std::array::from_fn(|symbol| counts.iter().map(|count| count[symbol]).sum()), excess_bits)
    }

    /// The part of a pair that a shift leaves.
    fn high(&self, index: usize, shift: u32) -> [u32; 2] {
        [self.axes[0][index] >> shift, self.axes[1][index] >> shift]
    }

    /// Writes all: for each pair its symbol, for each rank beyond the classes its excess, the low bits of both.
    ///
    /// Two pairs at once where they fit, because each write waits for the one before.
    fn put(&self, bits: &mut BitWriter, table: u32) {
        let table = Table::numbered(table);
        let fit_two = table.shift <= PAIRED_SHIFT_MAX;
        let mut index = 0;
        while index < self.len {
            if fit_two && index + 1 < self.len && self.exceeding >> index & 3 == 0 {
                let (first, len) = self.word(index, table);
                let (second, second_len) = self.word(index + 1, table);
                bits.put_wide(first | second << len, len + second_len);
                index += 2;
            } else {
                self.put_one(bits, index, table);
                index += 1;
            }
        }
    }

    /// A pair whose ranks have classes of their own: its code word, then the low bits of both; and their number.
    #[inline(always)]
    fn word(&self, index: usize, Table { shift, shape }: Table) -> (u64, u32) {
        let index = index % MEMBERS_MAX;
        let code = shape.codes[usize::from(self.symbols[index]) % SYMBOLS];
        let len = u32::from(code.len);
        (u64::from(code.bits) | self.lows(index, shift) << len, len + 2 * shift)
    }

    #[inline(always)]
    fn lows(&self, index: usize, shift: u32) -> u64 {
        let low = (1 << shift) - 1;
        u64::from((self.axes[0][index] & low) | (self.axes[1][index] & low) << shift)
    }

    fn put_one(&self, bits: &mut BitWriter, index: usize, table: Table) {
        if self.exceeding >> index & 1 == 0 {
            let (word, len) = self.word(index, table);
            return bits.put_wide(word, len);
        }
        let code = table.shape.codes[usize::from(self.symbols[index]) % SYMBOLS];
        bits.put(code.bits.into(), code.len.into());
        put_excess(bits, self.high(index, table.shift), table.shape.excess_bits);
        bits.put_wide(self.lows(index, table.shift), 2 * table.shift);
    }
}

/// Two pairs of so great a shift fit into one write of 56 bits: twice a code word and the low bits of two ranks.
const PAIRED_SHIFT_MAX: u32 = (56 / 2 - CODE_BITS_MAX) / 2;

#[inline(never)]
fn put_excess(bits: &mut BitWriter, high: [u32; 2], excess_bits: u32) {
    for part in high {
        if let Some(excess) = part.checked_sub(3) {
            bits.put_gamma((excess >> excess_bits) + 1);
            bits.put(excess & ((1 << excess_bits) - 1), excess_bits);
        }
    }
}

fn add_excess_bits(sums: &mut [u32; EXCESS_WAYS], high: [u32; 2]) {
    for excess in high.into_iter().filter_map(|part| part.checked_sub(3)) {
        for (way, sum) in sums.iter_mut().enumerate() {
            *sum += gamma_bits((excess >> way) + 1) + way as u32;
        }
    }
}
