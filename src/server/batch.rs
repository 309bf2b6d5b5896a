//! Datagrams on their way out, a few at a time.

use crate::gate::PeerAddr;

/// Most datagrams of a batch: what one system call sends.
const DATAGRAMS_MAX: usize = 64;
/// A batch is full when it may not hold another datagram within this; it should stay in the cache.
const BYTES_MAX: usize = 256 * 1024;

/// A reusable buffer of datagrams, each with the address that it goes to.
///
/// Hand it to [`crate::server::Server::poll`], send what [`Batch::iter`] gives, and again. It allocates while
/// it grows to its size, and then no more.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    datagrams: Vec<(PeerAddr, usize)>,
    datagram_bytes: usize,
}

impl Batch {
    /// For datagrams of at most `datagram_bytes`.
    pub fn new(datagram_bytes: usize) -> Self {
        Self { bytes: Vec::new(), datagrams: Vec::with_capacity(DATAGRAMS_MAX), datagram_bytes }
    }

    /// The datagrams and where they go, in the order in which they were put in.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (PeerAddr, &[u8])> {
        (0..self.len()).map(|index| self.at(index))
    }

    /// The datagram at this place, below [`Batch::len`], and where it goes.
    pub(super) fn at(&self, index: usize) -> (PeerAddr, &[u8]) {
        let (to, end) = self.datagrams[index];
        let start = index.checked_sub(1).map_or(0, |before| self.datagrams[before].1);
        (to, &self.bytes[start..end])
    }

    /// How many datagrams it holds.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// How many bytes its datagrams have together.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }

    pub(crate) fn is_full(&self) -> bool {
        self.datagrams.len() == DATAGRAMS_MAX
            || (!self.is_empty() && self.bytes.len() + self.datagram_bytes > BYTES_MAX)
    }

    /// How many more short messages fit.
    pub(super) fn room(&self) -> usize {
        DATAGRAMS_MAX - self.datagrams.len()
    }

    /// Adds the datagram that `write` appends; none if that is nothing.
    pub(crate) fn push(&mut self, to: PeerAddr, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > start {
            self.datagrams.push((to, self.bytes.len()));
        }
    }
}
