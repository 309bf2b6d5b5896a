//! What whoever reports is told of peers: nothing that they are known by, a page at a time.

use std::collections::BinaryHeap;
use std::time::Duration;

use super::PeerAddr;
use super::table::{Entry, PeerTable};
use crate::wire::{Encoding, Tick};

/// A peer as others may see it.
#[derive(Clone, Copy, Debug)]
pub struct PeerView {
    /// The client that plays.
    pub client_id: u32,
    /// Where it plays from.
    pub addr: PeerAddr,
    /// How it wants its snapshots.
    pub encoding: Encoding,
    /// How long ago it was heard: its last good move, or its joining.
    pub silent: Duration,
    /// The sequence of its newest move; 0 before the first.
    pub newest_move: u32,
    /// The newest snapshot that it says to have. It may say anything.
    pub acknowledged: Option<Tick>,
}

/// Some peers, in the order of their client ids.
#[derive(Clone, Debug, Default)]
pub struct PeersPage {
    /// The peers.
    pub peers: Vec<PeerView>,
    /// After whom the next page begins, if there is one.
    pub next_after: Option<u32>,
}

/// The peers with the `limit` lowest client ids above `after`. It keeps one more than it gives, and no more.
pub(super) fn page(table: &PeerTable, age: Duration, after: Option<u32>, limit: usize) -> PeersPage {
    let mut lowest = BinaryHeap::with_capacity(limit.saturating_add(2).min(table.len() + 2));
    table.visit(|addr, entry| {
        let is_wanted = after.is_none_or(|after| entry.client_id > after);
        let is_low =
            lowest.len() <= limit || lowest.peek().is_some_and(|Ranked(top)| entry.client_id < top.client_id);
        if is_wanted && is_low {
            lowest.push(Ranked(view(addr, entry, age)));
            if lowest.len() > limit.saturating_add(1) {
                lowest.pop();
            }
        }
    });
    let has_more = lowest.len() > limit;
    let mut peers: Vec<_> = lowest.into_sorted_vec().into_iter().map(|Ranked(view)| view).collect();
    // Somebody who moved to another address meanwhile may have been seen at both.
    peers.truncate(limit);
    peers.dedup_by_key(|view| view.client_id);
    let next_after = if has_more { peers.last().map(|view| view.client_id) } else { None };
    PeersPage { peers, next_after }
}

fn view(addr: PeerAddr, entry: &Entry, age: Duration) -> PeerView {
    PeerView {
        client_id: entry.client_id,
        addr,
        encoding: entry.encoding,
        silent: age.saturating_sub(entry.heard),
        newest_move: entry.newest,
        acknowledged: Some(entry.acknowledged).filter(|tick| *tick > Tick(0)),
    }
}

/// By client id alone.
struct Ranked(PeerView);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.client_id.cmp(&other.0.client_id)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.0.client_id == other.0.client_id
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests {
    use super::super::{PeerAccounts, PeerKey};
    use super::*;
    use crate::gate::budget::Budget;
    use crate::secret::Secret;

    fn accounts() -> PeerAccounts {
        Budget::new(1, 1).open(Duration::ZERO)
    }

    fn table(client_ids: impl Iterator<Item = u32>) -> PeerTable {
        let table = PeerTable::new(Secret::from_seed(1).hash_state(), 16_384);
        for client_id in client_ids {
            let ip = std::net::Ipv4Addr::from(0x0A00_0000 + client_id);
            let addr = PeerAddr::udp((ip, 9).into(), None).expect("an address");
            let entry = Entry {
                key: PeerKey { slot: 0, generation: 0 },
                session: 0xdead_beef,
                session_before: None,
                nonce: 0,
                client_id,
                encoding: Encoding::Compact,
                extras: false,
                newest: 5,
                heard: Duration::from_secs(2),
                acknowledged: Tick(0),
                accounts: accounts(),
                opener: None,
            };
            table.insert(addr, entry);
        }
        table
    }

    #[test]
    fn pages_show_everyone_once_and_in_order() {
        let table = table((0..2_500).map(|n| n * 7));
        let age = Duration::from_secs(5);
        for limit in [1, 999, 1_250, 2_500, usize::MAX] {
            let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = page(&table, age, after, limit);
                assert!(page.peers.len() <= limit);
                seen.extend(page.peers.iter().map(|view| view.client_id));
                pages += 1;
                match page.next_after {
                    Some(last) => after = Some(last),
                    None => break,
                }
            }
            assert!(seen.iter().copied().eq((0..2_500).map(|n| n * 7)), "limit {limit}");
            assert_eq!(pages, 2_500_usize.div_ceil(limit));
        }
    }

    #[test]
    fn a_view_says_how_long_a_peer_has_been_silent_and_never_its_session() {
        let page = page(&table([4].into_iter()), Duration::from_secs(5), None, 10);
        let view = page.peers[0];
        assert_eq!((view.silent, view.newest_move, view.acknowledged), (Duration::from_secs(3), 5, None));
        assert!(!format!("{view:?}").contains(&0xdead_beef_u64.to_string()));
    }
}
