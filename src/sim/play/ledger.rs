//! What was true, to hold against what clients believe.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use crate::client::KnownWorld;
use crate::wire::{Player, Position, Tick, kind_of};

/// Where everyone stood, at each tick of each start of the server; what addresses have proven.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    stood: HashMap<(u64, Tick), HashMap<u32, Position>>,
    /// By address: bytes that it has sent to this server, and been sent by it, as long as it has not been welcomed.
    strangers: HashMap<SocketAddr, (usize, usize)>,
    welcomed: HashSet<SocketAddr>,
    /// By client: what it believed last, of whom, and from which tick.
    believed: Vec<(u64, HashMap<u32, Tick>)>,
    pub(super) checked: u64,
}

impl Ledger {
    pub(super) fn new(clients: usize) -> Self {
        Self { believed: vec![(0, HashMap::new()); clients], ..Self::default() }
    }

    /// The server has done a tick.
    pub(super) fn on_tick(
        &mut self,
        epoch: u64,
        tick: Tick,
        players: impl Iterator<Item = Player>,
    ) -> Result<(), String> {
        let mut stood = HashMap::new();
        for player in players {
            if stood.insert(player.client_id, player.at).is_some() {
                return Err(format!("{player:?} is in the world twice"));
            }
        }
        self.stood.insert((epoch, tick), stood);
        Ok(())
    }

    /// The server has forgotten everything.
    pub(super) fn on_server_crash(&mut self) {
        self.strangers.clear();
        self.welcomed.clear();
    }

    /// A datagram of so many bytes came to the server.
    pub(super) fn on_received(&mut self, from: SocketAddr, length: usize) {
        self.strangers.entry(from).or_default().0 += length;
    }

    /// The server sends so many bytes: to who has not been welcomed no more than came from there.
    pub(super) fn on_sent(
        &mut self,
        to: SocketAddr,
        length: usize,
        is_welcome: bool,
        needs_welcome: bool,
    ) -> Result<(), String> {
        self.checked += 1;
        if is_welcome {
            self.welcomed.insert(to);
        }
        if self.welcomed.contains(&to) {
            return Ok(());
        }
        let (came, went) = self.strangers.entry(to).or_default();
        *went += length;
        if needs_welcome || went > came {
            return Err(format!("{to} has sent {came} bytes and proven nothing, and is sent {went}"));
        }
        Ok(())
    }

    /// All that a client believes of players was true at the tick that it was told for, and nothing is older than before.
    pub(super) fn on_believed(
        &mut self,
        client: usize,
        epoch: u64,
        world: &KnownWorld,
    ) -> Result<(), String> {
        let (epoch_before, before) = &mut self.believed[client];
        if *epoch_before != epoch {
            before.clear();
            *epoch_before = epoch;
        }
        let mut now = HashMap::new();
        for known in world.players().filter(|known| kind_of(known.player.client_id) == 0) {
            self.checked += 1;
            let (id, at, told) = (known.player.client_id, known.player.at, known.told);
            let stood = self.stood.get(&(epoch, told)).and_then(|stood| stood.get(&id));
            if stood != Some(&at) {
                return Err(format!(
                    "client {client} believes {id} at {at:?} in {told:?}, which was at {stood:?}"
                ));
            }
            if before.get(&id).is_some_and(|before| *before > told) {
                return Err(format!("client {client} shows {id} as of {told:?} after a newer tick"));
            }
            if now.insert(id, told).is_some() {
                return Err(format!("client {client} shows {id} twice"));
            }
        }
        *before = now;
        Ok(())
    }
}
