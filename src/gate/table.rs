//! What the gate knows of each peer, by address: shared by whoever receives, the tick, and whoever reports.
//!
//! No guard leaves this file, so none can be held while the queue, the log or the table itself is called.

use std::time::Duration;

use super::shared::DashMap;
use super::{PeerAccounts, PeerAddr, PeerKey};
use crate::seal::Opener;
use crate::secret::HashState;
use crate::wire::{Encoding, Tick};

/// What the gate must know of a peer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: PeerKey,
    pub(super) session: u64,
    pub(super) client_id: u32,
    pub(super) encoding: Encoding,
    /// Whether its moves may have extras.
    pub(super) extras: bool,
    /// The sequence of its newest move; 0 before the first.
    pub(super) newest: u32,
    /// When that came, or when it was admitted, as the age of the server.
    pub(super) heard: Duration,
    /// The newest snapshot that it says to have; 0 if none.
    pub(super) acknowledged: Tick,
    pub(super) accounts: PeerAccounts,
    /// Opens what it has sealed; boxed, so that the entries of peers without stay small.
    pub(super) opener: Option<Box<Opener>>,
}

/// Whoever looks at all entries keeps one shard of them to itself at a time, of about so many.
const SHARD_PEERS: usize = 256;
/// The table has so many shards at the least, as receiving and ticking threads meet in them, and at the most, to bound
/// what an empty one takes.
const SHARDS: (usize, usize) = (16, 4_096);

/// The entries, by address, under a keyed hash.
#[derive(Debug)]
pub(super) struct PeerTable(DashMap<PeerAddr, Entry, HashState>);

impl PeerTable {
    pub(super) fn new(hash_state: HashState, max_peers: usize) -> Self {
        let shards = (max_peers / SHARD_PEERS).next_power_of_two().clamp(SHARDS.0, SHARDS.1);
        Self(DashMap::with_hasher_and_shard_amount(hash_state, shards))
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

    /// Shows every entry to `visit`, which may do nothing that waits. Only a shard of the table is held meanwhile, for
    /// writers to wait for.
    pub(super) fn visit(&self, mut visit: impl FnMut(PeerAddr, &Entry)) {
        self.0.iter().for_each(|entry| visit(*entry.key(), entry.value()));
    }
}
