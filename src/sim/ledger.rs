//! What was true, to hold against what clients believe.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use crate::client::KnownWorld;
use crate::wire::{Player, Position, Tick};

/// So many ticks before a crash is the oldest that may be kept of a player: a second.
const KEPT_TICKS_MAX: u64 = 30;

/// Where everyone stood, at each tick of each start of the server; what clients have sent; what addresses have proven.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    stood: HashMap<(u64, Tick), HashMap<u32, Position>>,
    sent: HashSet<(u32, Position)>,
    /// By address: bytes that it has sent to this server, and been sent by it, as long as it has not been welcomed.
    strangers: HashMap<SocketAddr, (usize, usize)>,
    welcomed: HashSet<SocketAddr>,
    /// Where each player has stood, in this life of the server and before: the ticks done until then, and the place. Only
    /// where players are remembered.
    trails: Option<HashMap<u32, Vec<(u64, Position)>>>,
    /// Who stood in the world at the last tick.
    present: HashSet<u32>,
    ticks_done: u64,
    /// By client: what it believed last, of whom, and from which tick.
    believed: Vec<(u64, HashMap<u32, Tick>)>,
    pub(super) checked: u64,
}

impl Ledger {
    pub(super) fn new(clients: usize, remembers: bool) -> Self {
        let trails = remembers.then(HashMap::new);
        Self { believed: vec![(0, HashMap::new()); clients], trails, ..Self::default() }
    }

    /// A client says that its player is there.
    pub(super) fn on_move(&mut self, client_id: u32, at: Position) {
        self.sent.insert((client_id, at));
    }

    /// The server has done a tick: all stand where they once said that they are.
    pub(super) fn on_tick(
        &mut self,
        epoch: u64,
        tick: Tick,
        players: impl Iterator<Item = Player>,
    ) -> Result<(), String> {
        self.ticks_done += 1;
        let mut stood = HashMap::new();
        for player in players {
            self.checked += 1;
            self.on_stands(&player)?;
            if !self.sent.contains(&(player.client_id, player.at)) {
                return Err(format!("{player:?} stands where it never said that it is"));
            }
            if stood.insert(player.client_id, player.at).is_some() {
                return Err(format!("{player:?} is in the world twice"));
            }
        }
        self.present = stood.keys().copied().collect();
        self.stood.insert((epoch, tick), stood);
        Ok(())
    }

    /// Whoever comes back stands where it stood.
    fn on_stands(&mut self, player: &Player) -> Result<(), String> {
        let Some(trails) = &mut self.trails else { return Ok(()) };
        let trail = trails.entry(player.client_id).or_default();
        match trail.last() {
            Some((_, last)) if *last == player.at => {}
            Some((_, last)) if !self.present.contains(&player.client_id) => {
                return Err(format!("{player:?} comes back, and stood at {last:?}"));
            }
            _ => trail.push((self.ticks_done, player.at)),
        }
        Ok(())
    }

    /// The server begins anew with what is kept: nothing of it is older than a second.
    pub(super) fn on_remembered(&mut self, kept: impl Iterator<Item = Player>) -> Result<(), String> {
        let kept: HashMap<u32, Position> = kept.map(|player| (player.client_id, player.at)).collect();
        for (client_id, trail) in self.trails.iter_mut().flatten() {
            self.checked += 1;
            let kept = kept.get(client_id);
            let place = trail.iter().rposition(|(_, at)| Some(at) == kept);
            let missed = trail.get(place.map_or(0, |place| place + 1));
            let age = missed.map_or(0, |(since, _)| self.ticks_done - since);
            if age > KEPT_TICKS_MAX {
                return Err(format!("{client_id} is kept at {kept:?}, which is {age} ticks old: {missed:?}"));
            }
            *trail = kept.map(|at| (self.ticks_done, *at)).into_iter().collect();
        }
        Ok(())
    }

    /// The server has forgotten everything.
    pub(super) fn on_server_crash(&mut self) {
        self.present.clear();
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

    /// All that a client believes was true at the tick that it was told for, and nothing is older than before.
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
        for known in world.players() {
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
