//! The clients of a play, and the hosts that they run on: when they start, what they say, and what they are told.

use std::hash::Hasher as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::Rng;

use super::{FIRST_ID, NOBODY, Play, What, sealed};
use crate::client::{Client, ClientConfig, Event};
use crate::path::Path;
use crate::secret::Secret;
use crate::sim::scenario::{Actor, Scenario};
use crate::wire::{Encoding, Position};

/// Where a client runs, and all that belongs to it.
pub(super) struct Host {
    /// `None` while it has crashed.
    pub(super) client: Option<Client>,
    /// How often it has begun.
    pub(super) starts: u64,
    pub(super) encoding: Encoding,
    pub(super) addr: SocketAddr,
    pub(super) up: Path,
    pub(super) down: Path,
    pub(super) cut_off_until: Duration,
    /// Where it wanted to be last.
    pub(super) at: Position,
    /// How many datagrams with a wrong bit it was sent.
    pub(super) spoiled: u64,
}

impl Host {
    /// Its client, as a scenario sees it, unless it has crashed.
    fn actor<'a>(
        &'a mut self,
        index: usize,
        now: Instant,
        is_calm: bool,
        draw: &'a mut dyn Rng,
    ) -> Option<Actor<'a>> {
        let (client, start) = (self.client.as_mut()?, self.starts);
        Some(Actor { index, client_id: FIRST_ID + index as u32, start, now, is_calm, client, draw })
    }
}

impl<S: Scenario> Play<'_, S> {
    fn is_calm(&self) -> bool {
        self.tick >= self.config.ticks
    }

    pub(super) fn start_client(&mut self, index: usize) {
        let (now, is_calm) = (self.origin + self.now, self.is_calm());
        let host = &mut self.hosts[index];
        if host.client.is_some() {
            return;
        }
        host.starts += 1;
        let secret = Secret::from_seed(self.seed).derive(&format!("client {index}, {}", host.starts));
        let config = ClientConfig {
            encoding: host.encoding,
            interpolation: None,
            pass: self.serves.tickets.as_ref().map(|_| sealed::pass(self.seed, index)),
            ..ClientConfig::new(FIRST_ID + index as u32)
        };
        host.client = Some(Client::new(config, &secret, now));
        if let Some(mut actor) = host.actor(index, now, is_calm, &mut self.draw) {
            self.scenario.on_client_start(&mut actor);
        }
    }

    /// Says hello, or where it has got to.
    pub(super) fn on_turn(&mut self, index: usize) {
        self.at(self.now + self.serves.tick_rate.period(), What::Turn(index));
        let (now, is_calm) = (self.origin + self.now, self.is_calm());
        let host = &mut self.hosts[index];
        let Some(mut actor) = host.actor(index, now, is_calm, &mut self.draw) else { return };
        let goes = self.scenario.on_turn(&mut actor);
        let (mut hello, mut step) = (Vec::new(), Vec::new());
        let says_hello = actor.client.poll(now, &mut hello);
        let moves = goes.is_some_and(|(at, state)| actor.client.move_to(at, state, &mut step).is_some());
        host.at = goes.map_or(host.at, |(at, _)| at);
        for bytes in [says_hello.then_some(hello), moves.then_some(step)].into_iter().flatten() {
            self.send_up(index, &bytes);
        }
    }

    pub(super) fn send_up(&mut self, index: usize, bytes: &[u8]) {
        let host = &mut self.hosts[index];
        let (from, is_cut_off) = (host.addr, self.now < host.cut_off_until);
        let arrivals: Vec<_> = host.up.send(self.now, bytes.len()).collect();
        for arrival in arrivals.into_iter().filter(|_| !is_cut_off) {
            let mut bytes = bytes.to_vec();
            arrival.corrupt(&mut bytes);
            let is_nobodys = arrival.wrong_bit.is_some() && self.serves.tickets.is_none();
            let from = if is_nobodys { NOBODY } else { from };
            self.at(arrival.at, What::Up(from, bytes));
        }
    }

    pub(super) fn on_down(&mut self, index: usize, to: SocketAddr, bytes: &[u8]) -> Result<(), String> {
        let (now, is_calm) = (self.origin + self.now, self.is_calm());
        let host = &mut self.hosts[index];
        let (lives_there, spoiled) = (host.addr == to, host.spoiled);
        let actor = host.actor(index, now, is_calm, &mut self.draw);
        let Some(mut actor) = actor.filter(|_| lives_there) else { return Ok(()) };
        self.digest.write_u128(self.now.as_nanos());
        self.digest.write(bytes);
        let event = actor.client.receive(now, bytes);
        self.scenario.on_datagram(&mut actor, event)?;
        let Actor { client, .. } = actor;
        if let Some(Event::Snapshot(_)) = event {
            let epoch = client.welcome().map_or(0, |welcome| welcome.epoch);
            self.ledger.on_believed(index, epoch, client.world())?;
        }
        match client.malformed() <= spoiled {
            true => Ok(()),
            false => Err(format!("client {index} cannot decode what it was sent")),
        }
    }
}
