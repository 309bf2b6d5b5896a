//! What the gate knows of each peer, by address: shared by whoever receives, the tick, and whoever reports.
//!
//! No guard leaves this file, so none can be held while the queue, the log or the table itself is called.

use std::time::Duration;

use super::shared::DashMap;
use super::{PeerAccounts, PeerAddr, PeerKey};
use crate::seal::Opener;
use crate::secret::HashState;
use crate::wire::{Encoding, Hello, Tick};

/// What the gate must know of a peer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: PeerKey,
    pub(super) session: u64,
    /// The one before, by which its client may come back too.
    pub(super) session_before: Option<u64>,
    /// Of the hello that it was admitted by.
    pub(super) nonce: u64,
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

impl Entry {
    /// Whether the tick will only say the welcome again. What is sealed is welcomed again until something has come.
    pub(super) fn was_admitted_by(&self, hello: &Hello) -> bool {
        let is_same = (self.client_id, self.nonce) == (hello.client_id, hello.nonce);
        is_same && (self.opener.is_none() || self.newest == 0)
    }

    /// Whether `session` is one of those that its client may come back by.
    pub(super) fn is_known_by(&self, session: u64) -> bool {
        session != 0 && (self.session == session || self.session_before == Some(session))
    }
}

/// Whoever looks at all entries keeps one shard of them to itself at a time, of about so many.
const SHARD_PEERS: usize = 256;
/// The table has so many shards at the least, as receiving and ticking threads meet in them, and at the most, to bound
/// what an empty one takes.
const SHARDS: (usize, usize) = (16, 4_096);

/// The entries, by address, and where each client plays; under keyed hashes.
#[derive(Debug)]
pub(super) struct PeerTable {
    entries: DashMap<PeerAddr, Entry, HashState>,
    homes: DashMap<u32, PeerAddr, HashState>,
}

impl PeerTable {
    pub(super) fn new(hash_state: HashState, max_peers: usize) -> Self {
        let shards = (max_peers / SHARD_PEERS).next_power_of_two().clamp(SHARDS.0, SHARDS.1);
        let homes = DashMap::with_hasher_and_shard_amount(hash_state, shards);
        Self { entries: DashMap::with_hasher_and_shard_amount(hash_state, shards), homes }
    }

    /// What `change` makes of the entry at `addr`, to which nobody else has access meanwhile. It may do nothing that
    /// waits. `None` if nobody plays there.
    pub(super) fn with<R>(&self, addr: PeerAddr, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        self.entries.get_mut(&addr).map(|mut entry| change(&mut entry))
    }

    /// The same of the entry of this client, wherever it plays.
    pub(super) fn with_client<R>(&self, client_id: u32, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let home = self.homes.get_mut(&client_id).map(|home| *home)?;
        // Meanwhile somebody else may have come to play there.
        self.with(home, |entry| (entry.client_id == client_id).then(|| change(entry))).flatten()
    }

    /// The tick alone puts entries in and takes them out.
    pub(super) fn insert(&self, addr: PeerAddr, entry: Entry) {
        let client_id = entry.client_id;
        if let Some(before) = self.entries.insert(addr, entry) {
            self.forget_home(before.client_id, addr);
        }
        self.homes.insert(client_id, addr);
    }

    pub(super) fn remove(&self, addr: PeerAddr) {
        if let Some((_, before)) = self.entries.remove(&addr) {
            self.forget_home(before.client_id, addr);
        }
    }

    fn forget_home(&self, client_id: u32, addr: PeerAddr) {
        if self.homes.get_mut(&client_id).is_some_and(|home| *home == addr) {
            self.homes.remove(&client_id);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Shows every entry to `visit`, which may do nothing that waits. Only a shard of the table is held meanwhile, for
    /// writers to wait for.
    pub(super) fn visit(&self, mut visit: impl FnMut(PeerAddr, &Entry)) {
        self.entries.iter().for_each(|entry| visit(*entry.key(), entry.value()));
    }
}
