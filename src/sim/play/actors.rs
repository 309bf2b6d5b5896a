//! The clients of a play: what they say, and what they make of what they are told.

use std::hash::Hasher as _;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt as _;

use super::{FIRST_ID, NOBODY, Play, TRY_AGAIN_AFTER, What, sealed};
use crate::client::{Client, ClientConfig, Event};
use crate::path::Path;
use crate::secret::Secret;
use crate::wire::{Encoding, Position};

/// A client and all that belongs to it.
pub(super) struct Actor {
    /// `None` while it has crashed.
    pub(super) client: Option<Client>,
    /// How often it has begun.
    pub(super) starts: u64,
    pub(super) encoding: Encoding,
    pub(super) addr: SocketAddr,
    pub(super) up: Path,
    pub(super) down: Path,
    pub(super) cut_off_until: Duration,
    pub(super) tries_again_at: Option<Duration>,
    pub(super) at: Position,
    /// How many datagrams with a wrong bit it was sent.
    pub(super) spoiled: u64,
}

/// The clients.
impl Play<'_> {
    pub(super) fn start_client(&mut self, index: usize) {
        let now = self.origin + self.now;
        let actor = &mut self.actors[index];
        if actor.client.is_none() {
            actor.starts += 1;
            actor.tries_again_at = None;
            let secret = Secret::from_seed(self.seed).derive(&format!("client {index}, {}", actor.starts));
            let config = ClientConfig {
                encoding: actor.encoding,
                interpolation: None,
                pass: self.serves.tickets.as_ref().map(|_| sealed::pass(self.seed, index)),
                ..ClientConfig::new(FIRST_ID + index as u32)
            };
            actor.client = Some(Client::new(config, &secret, now));
        }
    }

    /// Says hello, or where it has got to.
    pub(super) fn on_turn(&mut self, index: usize) {
        self.at(self.now + self.serves.tick_rate.period(), What::Turn(index));
        let is_calm = self.tick >= self.config.ticks;
        let actor = &mut self.actors[index];
        let Some(client) = &mut actor.client else { return };
        if actor.tries_again_at.is_some_and(|at| at <= self.now) {
            actor.tries_again_at = None;
            client.rejoin(self.origin + self.now);
        }
        let mut hello = Vec::new();
        let says_hello = client.poll(self.origin + self.now, &mut hello);
        if !is_calm {
            let jumps = self.draw.random_range(0..200) == 0;
            let most = if jumps { 100_000 } else { 6 };
            let mut step = || self.draw.random_range(-most..=most);
            actor.at = Position { x: actor.at.x + step(), y: actor.at.y + step() };
        }
        if let Some(at) = client.take_correction() {
            actor.at = at;
        }
        if let Some(books) = self.books.as_mut().filter(|_| !is_calm) {
            books.say(index, actor.starts, client, self.draw.random());
        }
        let mut step = Vec::new();
        let moves = client.move_to(actor.at, 0, &mut step).is_some();
        if moves {
            self.ledger.on_move(FIRST_ID + index as u32, actor.at);
        }
        for bytes in [says_hello.then_some(hello), moves.then_some(step)].into_iter().flatten() {
            self.send_up(index, &bytes);
        }
    }

    pub(super) fn send_up(&mut self, index: usize, bytes: &[u8]) {
        let actor = &mut self.actors[index];
        let (from, is_cut_off) = (actor.addr, self.now < actor.cut_off_until);
        let arrivals: Vec<_> = actor.up.send(self.now, bytes.len()).collect();
        for arrival in arrivals.into_iter().filter(|_| !is_cut_off) {
            let mut bytes = bytes.to_vec();
            arrival.corrupt(&mut bytes);
            let is_nobodys = arrival.wrong_bit.is_some() && self.serves.tickets.is_none();
            let from = if is_nobodys { NOBODY } else { from };
            self.at(arrival.at, What::Up(from, bytes));
        }
    }

    pub(super) fn on_down(&mut self, index: usize, to: SocketAddr, bytes: &[u8]) -> Result<(), String> {
        let now = self.origin + self.now;
        let actor = &mut self.actors[index];
        let Some(client) = actor.client.as_mut().filter(|_| actor.addr == to) else { return Ok(()) };
        self.digest.write_u128(self.now.as_nanos());
        self.digest.write(bytes);
        let event = client.receive(now, bytes);
        if let Some(books) = &mut self.books {
            if let Some(Event::Welcomed(welcome)) = &event {
                books.on_welcome(index, welcome);
            }
            books.after_datagram(index, actor.starts, client)?;
        }
        match event {
            Some(Event::Refused(_) | Event::Closed(_)) => {
                actor.tries_again_at = Some(self.now + TRY_AGAIN_AFTER);
            }
            Some(Event::Snapshot(_)) => {
                let epoch = client.welcome().map_or(0, |welcome| welcome.epoch);
                self.ledger.on_believed(index, epoch, client.world())?;
            }
            Some(Event::Welcomed(_)) | None => {}
        }
        match client.malformed() <= actor.spoiled {
            true => Ok(()),
            false => Err(format!("client {index} cannot decode what it was sent")),
        }
    }
}
