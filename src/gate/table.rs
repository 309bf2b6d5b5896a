//! What the gate knows of each peer, by address: shared by whoever receives, the tick, and whoever reports.
//!
//! No guard leaves this file, so none can be held while the queue, the log or the table itself is called.

use super::shared::DashMap;
use super::{Account, PeerAddr, PeerKey};
use crate::seal::Opener;
use crate::secret::HashState;

/// What the gate must know of a peer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: PeerKey,
    pub(super) session: u64,
    pub(super) client_id: u32,
    /// The sequence of its newest move; 0 before the first.
    pub(super) newest: u32,
    pub(super) account: Account,
    /// Opens what it has sealed; boxed, so that the entries of peers without stay small.
    pub(super) opener: Option<Box<Opener>>,
}

/// The entries, by address, under a keyed hash.
#[derive(Debug)]
pub(super) struct PeerTable(DashMap<PeerAddr, Entry, HashState>);

impl PeerTable {
    pub(super) fn new(hash_state: HashState) -> Self {
        Self(DashMap::with_hasher(hash_state))
    }

    /// What `change` makes of the entry at `addr`, to which nobody else has access meanwhile. It may do nothing that
    /// waits. `None` if nobody plays there.
    pub(super) fn with<R>(&self, addr: PeerAddr, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        self.0.get_mut(&addr).map(|mut entry| change(&mut entry))
    }

    pub(super) fn insert(&self, addr: PeerAddr, entry: Entry) {
        self.0.insert(addr, entry);
    }

    pub(super) fn remove(&self, addr: PeerAddr) {
        self.0.remove(&addr);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
