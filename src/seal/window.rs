//! Which sequences have come.

/// How far back a late datagram may come from, in sequences; as many as netcode keeps.
pub(super) const WINDOW: u64 = 256;

/// The newest sequence that was accepted, and which of the [`WINDOW`] up to it. It starts with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    newest: u64,
    /// Bit `sequence % 256` of the sequences in the window.
    seen: [u64; WINDOW as usize / 64],
}

impl Window {
    /// Nothing has come. 0 counts as seen: nobody uses it.
    pub(super) fn new() -> Self {
        Self { newest: 0, seen: [1, 0, 0, 0] }
    }

    /// Whether `sequence` has not come yet, and is not too old to know.
    pub(super) fn is_new(&self, sequence: u64) -> bool {
        let (word, bit) = place(sequence);
        sequence > self.newest || (self.newest - sequence < WINDOW && self.seen[word] & bit == 0)
    }

    /// `sequence` has come, and is authentic.
    pub(super) fn note(&mut self, sequence: u64) {
        if sequence > self.newest {
            let skipped = (sequence - self.newest).min(WINDOW);
            for skipped in 0..skipped {
                let (word, bit) = place(sequence - skipped);
                self.seen[word] &= !bit;
            }
            self.newest = sequence;
        }
        let (word, bit) = place(sequence);
        self.seen[word] |= bit;
    }
}

fn place(sequence: u64) -> (usize, u64) {
    ((sequence % WINDOW / 64) as usize, 1 << (sequence % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sequence that has come, and the newest: what the window must say.
    #[derive(Default)]
    struct All(std::collections::HashSet<u64>, u64);

    impl All {
        fn is_new(&self, sequence: u64) -> bool {
            sequence != 0 && !self.0.contains(&sequence) && sequence.saturating_add(WINDOW) > self.1
        }

        fn note(&mut self, sequence: u64) {
            self.0.insert(sequence);
            self.1 = self.1.max(sequence);
        }
    }

    #[test]
    fn a_window_says_what_all_that_has_come_would_say() {
        let (mut window, mut all) = (Window::new(), All::default());
        let secret = crate::secret::Secret::from_seed(9);
        for number in (0..20_000).map(|index| secret.number(index)) {
            let span = [3, 300, 2_000][(number % 3) as usize];
            let sequence = (all.1 + number / 3 % span).saturating_sub(span * 2 / 3);
            assert_eq!(window.is_new(sequence), all.is_new(sequence), "{sequence} after {}", all.1);
            if all.is_new(sequence) {
                window.note(sequence);
                all.note(sequence);
            }
        }
    }

    #[test]
    fn the_edges_of_a_window() {
        let mut window = Window::new();
        assert!(!window.is_new(0) && window.is_new(1) && window.is_new(u64::MAX));
        window.note(300);
        assert!(!window.is_new(300) && !window.is_new(44) && window.is_new(45));
        window.note(45);
        assert!(!window.is_new(45) && window.is_new(46));
        window.note(u64::MAX);
        assert!(!window.is_new(u64::MAX) && !window.is_new(300) && window.is_new(u64::MAX - 255));
        assert!(!window.is_new(u64::MAX - 256));
    }
}
