//! The server of a play: its starts, its ticks, and what comes to it.

use std::collections::HashMap;
use std::hash::Hasher as _;
use std::net::SocketAddr;
use std::time::Instant;

use super::works::Works;
use super::{Play, WAITING_MAX, What, sealed};
use crate::gate::PeerAddr;
use crate::secret::Secret;
use crate::server::{Batch, Server, Totals};
use crate::sim::scenario::{Scenario, ServerStart};
use crate::wire::{Player, Position, Tick};

impl<S: Scenario> Play<'_, S> {
    pub(super) fn start_server(&mut self) -> Result<(), String> {
        if self.server.is_some() {
            return Ok(());
        }
        self.starts += 1;
        let secret = Secret::from_seed(self.seed).derive(&format!("server {}", self.starts));
        self.works = Works::new(secret.derive("works"));
        let kept: Option<Vec<Player>> = self.store.as_ref().map(|store| store.players().collect());
        let start = ServerStart { config: &self.serves, number: self.starts, remembered: kept.as_deref() };
        let game = self.scenario.on_server_start(&start)?;
        let server = Server::with_game(self.serves.clone(), game, &secret, self.server_clock())
            .map_err(|wrong| format!("nobody can serve that: {wrong}"))?;
        let server = self.server.insert(server);
        server.gate().set_unix_seconds(sealed::UNIX_SECONDS);
        if let Some(kept) = kept {
            server.remember(kept);
        }
        Ok(())
    }

    fn server_clock(&self) -> Instant {
        match self.clock_stopped {
            Some((shows, until)) if self.now < until => self.origin + shows,
            _ => self.origin + self.now,
        }
    }

    pub(super) fn on_tick(&mut self) -> Result<(), String> {
        self.tick += 1;
        self.at(self.serves.tick_rate.period() * (self.tick as u32 + 1), What::Tick);
        if self.now < self.stalled_until {
            return Ok(());
        }
        for (from, bytes) in std::mem::take(&mut self.waiting) {
            self.on_up(from, bytes)?;
        }
        if self.config.sabotage && self.tick == self.config.ticks / 2 {
            self.forge();
        }
        let now = self.server_clock();
        let Some(mut server) = self.server.take() else { return Ok(()) };
        self.works.before_tick(self.tick, &mut server);
        let before = server.report().totals;
        server.tick(now, Tick(self.tick));
        let done = self.after_tick(&mut server, &before);
        if let Some(store) = &mut self.store {
            store.after_tick(self.now, &mut server);
        }
        self.server = Some(server);
        done
    }

    /// Looks at what the server has done, and sends its datagrams.
    fn after_tick(&mut self, server: &mut Server, before: &Totals) -> Result<(), String> {
        self.report.ticks += 1;
        self.works.after_tick(self.tick, server);
        self.on_game(server, before)?;
        self.scenario.after_tick(server)?;
        self.ledger.on_tick(server.epoch(), Tick(self.tick), server.players())?;
        let mut batch = std::mem::replace(&mut self.batch, Batch::new(0));
        let mut snapshots = HashMap::new();
        while server.poll(&mut batch) {
            for (to, bytes) in batch.iter() {
                let to = to.remote();
                if bytes.len() > self.serves.datagram_bytes {
                    return Err(format!("{} bytes are sent to {to}", bytes.len()));
                }
                let (is_snapshot, is_welcome) = (sealed::is_snapshot(bytes), sealed::is_welcome(bytes));
                if is_snapshot && snapshots.insert(to, ()).is_some() {
                    return Err(format!("two snapshots of a tick are sent to {to}"));
                }
                self.ledger.on_sent(to, bytes.len(), is_welcome, is_snapshot)?;
                self.send_down(to, bytes);
            }
        }
        self.batch = batch;
        self.ledger.checked += 1;
        match server.report().peers == snapshots.len() {
            true => Ok(()),
            false => Err(format!("{} peers, {} snapshots", server.report().peers, snapshots.len())),
        }
    }

    /// What a game finds wrong itself, it may say by a panic.
    fn on_game(&mut self, server: &Server, before: &Totals) -> Result<(), String> {
        let totals = &server.report().totals;
        if totals.hook_panics > 0 {
            return Err("a hook of the game has panicked".into());
        }
        let told = |t: &Totals| [t.work_finished, t.work_failed, t.work_timed_out, t.work_cancelled];
        for (now, before) in told(totals).into_iter().zip(told(before)) {
            self.digest.write_u64(now);
            self.report.works += now - before;
        }
        Ok(())
    }

    pub(super) fn on_up(&mut self, from: SocketAddr, bytes: Vec<u8>) -> Result<(), String> {
        if self.now < self.stalled_until {
            if self.waiting.len() < WAITING_MAX {
                self.waiting.push((from, bytes));
            }
            return Ok(());
        }
        let now = self.server_clock();
        let Some(server) = &self.server else { return Ok(()) };
        self.digest.write_u128(self.now.as_nanos());
        self.digest.write(&bytes);
        self.ledger.on_received(from, bytes.len());
        let addr = PeerAddr::udp(from, None).expect("all are somebody's addresses");
        let gate = server.gate();
        let before = (gate.drops().total(), gate.queued());
        let reply = gate.receive(now, addr, &bytes);
        let dropped = gate.drops().total() - before.0;
        let became = dropped as usize + (gate.queued() - before.1);
        // A hello of another version is counted and answered.
        if became + usize::from(reply.is_some()) != 1 && !(reply.is_some() && dropped == 1) {
            return Err(format!(
                "a datagram became {became} drops or commands, and a reply: {}",
                reply.is_some()
            ));
        }
        match reply {
            None => Ok(()),
            Some(reply) => {
                self.ledger.on_sent(from, reply.len(), false, false)?;
                self.send_down(from, &reply);
                Ok(())
            }
        }
    }

    fn send_down(&mut self, to: SocketAddr, bytes: &[u8]) {
        let Some(&index) = self.places.get(&to) else { return };
        let host = &mut self.hosts[index];
        let arrivals: Vec<_> = host.down.send(self.now, bytes.len()).collect();
        let is_cut_off = self.now < host.cut_off_until;
        let is_sealed = self.serves.tickets.is_some();
        for arrival in arrivals.into_iter().filter(|_| !is_cut_off) {
            if arrival.wrong_bit.is_none() || is_sealed {
                let mut bytes = bytes.to_vec();
                arrival.corrupt(&mut bytes);
                self.hosts[index].spoiled += u64::from(arrival.wrong_bit.is_some());
                self.at(arrival.at, What::Down(index, to, bytes));
            }
        }
    }

    /// Makes a move in the name of a client, who knows nothing of it.
    fn forge(&mut self) {
        let Some(server) = &self.server else { return };
        let now = self.origin + self.now;
        for host in &mut self.hosts {
            let mut bytes = Vec::new();
            let at = Position { x: host.at.x + 5_000, y: host.at.y };
            if let Some(client) = &mut host.client
                && client.move_to(at, 0, &mut bytes).is_some()
            {
                let addr = PeerAddr::udp(host.addr, None).expect("it is somebody's address");
                server.gate().receive(now, addr, &bytes);
            }
        }
    }
}
