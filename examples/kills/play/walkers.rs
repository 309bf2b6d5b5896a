//! Clients that walk, and remember where they said they are, and when.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig, Event, Phase};
use tickcast::secret::Secret;
use tickcast::wire::{Position, Welcome};

use super::{Plan, now};

/// How often each says where it is.
const MOVES_EVERY: Duration = Duration::from_millis(33);
/// What each said longer ago than the longest play of one life is forgotten.
const SAID_MAX: usize = 10_000;

/// Where a client said that it is. No two are the same: `at.y` counts them.
struct Said {
    at: Position,
    when: Instant,
    /// The life of the server, and the number of the move in its session.
    life: usize,
    sequence: u32,
    /// Whether a snapshot has shown that the server knows.
    is_applied: bool,
}

struct Walker {
    client: Client,
    socket: UdpSocket,
    next: Instant,
    said: VecDeque<Said>,
    at: Position,
    /// The life that it was last welcomed in, and the one in which it last saw a move applied.
    welcomed: Option<usize>,
    moved: Option<usize>,
}

/// All of them, and what they found.
#[derive(Default)]
pub(super) struct Walkers {
    server: Option<SocketAddr>,
    walkers: Vec<Walker>,
    /// When the server listened, and when it was killed, by life.
    listening: Vec<Instant>,
    killed: Vec<Instant>,
    pub(super) ages: Vec<Duration>,
    pub(super) resumes: Vec<Duration>,
    pub(super) failures: Vec<String>,
}

impl Walkers {
    /// Where the server is to listen: wherever it likes the first time, then always there.
    pub(super) fn server(&self) -> SocketAddr {
        self.server.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The server listens. The first time, clients are made for it.
    pub(super) fn on_restart(&mut self, listening: Instant, server: SocketAddr, plan: &Plan) {
        self.listening.push(listening);
        if self.server.is_none() {
            self.server = Some(server);
            self.walkers = (0..plan.clients).map(|id| Walker::new(id, server, plan.seed)).collect();
        }
    }

    /// The server was killed, perhaps before it listened: then it was no life.
    pub(super) fn on_kill(&mut self, killed: Instant) {
        if self.killed.len() < self.listening.len() {
            self.killed.push(killed);
        }
    }

    /// How many have not yet moved in this life.
    pub(super) fn still(&self) -> usize {
        let life = self.life();
        self.walkers.iter().filter(|walker| walker.moved != life).count()
    }

    fn life(&self) -> Option<usize> {
        self.listening.len().checked_sub(1)
    }

    /// Lets every client take in what has come, and say what is due.
    pub(super) fn pump(&mut self) {
        let Some(life) = self.life() else { return };
        for id in 0..self.walkers.len() {
            let mut buffer = [0; 2_048];
            // An error is that of a server that is not there.
            while let Ok(length) = self.walkers[id].socket.recv(&mut buffer) {
                match self.walkers[id].client.receive(now(), &buffer[..length]) {
                    Some(Event::Welcomed(welcome)) => self.on_welcome(id, life, &welcome),
                    Some(Event::Snapshot(header)) => self.on_applied(id, life, header.applied),
                    Some(Event::Refused(_) | Event::Closed(_)) => {
                        self.failures.push(format!("client {id}: {:?}", self.walkers[id].client.phase()));
                        self.walkers[id].client.rejoin(now());
                    }
                    None => {}
                }
            }
            self.walkers[id].say(life);
        }
    }

    /// The first welcome of a life tells where the server believes that the player stood.
    fn on_welcome(&mut self, id: usize, life: usize, welcome: &Welcome) {
        let walker = &mut self.walkers[id];
        if walker.welcomed == Some(life) {
            return;
        }
        walker.welcomed = Some(life);
        let stood = welcome.is_placed().then_some(welcome.at);
        match walker.age_of(stood, &self.killed) {
            Ok(Some(age)) => self.ages.push(age),
            Ok(None) => {}
            Err(failure) => self.failures.push(format!("client {id}, life {life}: {failure}")),
        }
    }

    fn on_applied(&mut self, id: usize, life: usize, sequence: u32) {
        let walker = &mut self.walkers[id];
        // Its sequences begin anew with each life.
        if sequence == 0 || walker.welcomed != Some(life) {
            return;
        }
        if walker.moved != Some(life) {
            walker.moved = Some(life);
            self.resumes.push(now() - self.listening[life]);
        }
        let unknown = walker.said.iter_mut().rev().take_while(|said| said.life == life && !said.is_applied);
        unknown.filter(|said| said.sequence <= sequence).for_each(|said| said.is_applied = true);
    }
}

impl Walker {
    fn new(id: u32, server: SocketAddr, seed: u64) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.connect(server).expect("it is an address of this machine");
        socket.set_nonblocking(true).expect("a socket can be that");
        let secret = Secret::from_seed(seed).derive(&format!("client {id}"));
        let at = Position { x: 100 * id as i32, y: 0 };
        let next = now() + MOVES_EVERY.mul_f64(f64::from(id % 33) / 33.0);
        let client = Client::new(ClientConfig::new(id), &secret, now());
        Self { client, socket, next, said: VecDeque::new(), at, welcomed: None, moved: None }
    }

    fn say(&mut self, life: usize) {
        let mut bytes = Vec::new();
        if self.client.poll(now(), &mut bytes) {
            let _nobody_may_be_there = self.socket.send(&bytes);
        }
        if now() < self.next || self.client.phase() != Phase::Playing {
            return;
        }
        self.next = (self.next + MOVES_EVERY).max(now());
        self.at.y += 1;
        bytes.clear();
        let (at, when) = (self.at, now());
        if let Some(sequence) = self.client.move_to(at, 0, &mut bytes) {
            let _nobody_may_be_there = self.socket.send(&bytes);
            // Until it is welcomed anew, it speaks to a server that has gone.
            let life = self.welcomed.unwrap_or(life);
            self.said.push_back(Said { at, when, life, sequence, is_applied: false });
            if self.said.len() > SAID_MAX {
                self.said.pop_front();
            }
        }
    }

    /// How old it was that a player stood there, when the server was killed that knew better. `None` if there is nothing to
    /// compare with: it had not yet moved.
    fn age_of(&self, stood: Option<Position>, killed: &[Instant]) -> Result<Option<Duration>, String> {
        let known_from = match stood {
            None => 0,
            Some(at) => {
                let place = self.said.iter().position(|said| said.at == at);
                place.ok_or(format!("it stands at {at:?} and never said so"))? + 1
            }
        };
        let missed = self.said.iter().skip(known_from).find(|said| said.is_applied);
        let age = missed.map(|said| killed[said.life].saturating_duration_since(said.when));
        match (stood, age) {
            (None, Some(age)) if age > super::AGE_MAX => Err(format!("it is not known after {age:?}")),
            (None, _) => Ok(None),
            (Some(_), age) => Ok(Some(age.unwrap_or_default())),
        }
    }
}
