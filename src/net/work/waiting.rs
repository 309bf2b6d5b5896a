//! Work that waits for somebody who has time for it.

use crossbeam_queue::ArrayQueue;

use crate::work::{IN_FLIGHT_MAX, Stop, WorkId, discard};

/// Twice what may be in flight, so that where no place is free, at least half of what waits is not wanted any more.
const PLACES: usize = 2 * IN_FLIGHT_MAX;

/// Work of one kind.
pub(super) struct Errand<W> {
    pub(super) id: WorkId,
    pub(super) work: W,
    pub(super) stop: Stop,
}

/// A queue that the tick thread puts work into without waiting for anybody.
pub(super) struct Waiting<W>(ArrayQueue<Errand<W>>);

impl<W> Waiting<W> {
    pub(super) fn new() -> Self {
        Self(ArrayQueue::new(PLACES))
    }

    /// Puts in work. Where no place is free, because nobody has taken any for long, all that is not wanted goes first.
    pub(super) fn put(&self, errand: Errand<W>) {
        if let Err(errand) = self.0.push(errand) {
            self.drop_unwanted();
            let placed = self.0.push(errand);
            debug_assert!(placed.is_ok(), "no more is wanted than may be in flight");
        }
    }

    /// The next that is wanted.
    pub(super) fn next(&self) -> Option<Errand<W>> {
        loop {
            let errand = self.0.pop()?;
            if !errand.stop.is_asked() {
                return Some(errand);
            }
            discard(errand);
        }
    }

    fn drop_unwanted(&self) {
        for _ in 0..self.0.len() {
            match self.0.pop() {
                Some(errand) if errand.stop.is_asked() => discard(errand),
                Some(errand) => _ = self.0.push(errand),
                None => return,
            }
        }
    }
}
