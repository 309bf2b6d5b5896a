//! A bad network between clients and a server: a relay that loses, delays and mangles what passes through it.
//!
//! Every client that sends to it gets a socket of its own to the server, as behind a router that translates addresses, and
//! a path of its own in both directions. One thread, which sleeps until something comes in or is due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use serde::Serialize;

use crate::machine;
use crate::path::{Impairment, Passed, Path};
use crate::wire::UDP_PAYLOAD_MAX;

/// A client that neither sends nor is sent anything for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// How long the relay may sleep without looking whether it should stop.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);
/// Datagrams taken in from one socket at a time, so that none keeps the others waiting.
const AT_A_TIME: usize = 256;
/// What may be on its way at once, in bytes: beyond, datagrams are thrown away as if a queue were full.
const ON_THE_WAY_MAX: usize = 256 << 20;
/// The socket that clients send to. Those to the server are numbered from 0.
const LISTENER: Token = Token(usize::MAX);

/// What is between clients and server.
#[derive(Clone, Copy, Debug)]
pub struct ImpairConfig {
    /// The server.
    pub to: SocketAddr,
    /// What happens on the way, in each direction.
    pub impairment: Impairment,
    /// Most clients at once; the datagrams of others are counted and thrown away.
    pub clients_max: usize,
    /// The same seed, the same fates: of the n-th datagram of the n-th client.
    pub seed: u64,
}

/// What has passed through a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Relayed {
    /// Clients that have sent something, counting one that comes back after a minute again.
    pub clients: u64,
    /// Datagrams of clients beyond the most at once.
    pub refused: u64,
    /// Datagrams thrown away because too much was on its way.
    pub too_many: u64,
    /// Datagrams that a socket did not take.
    pub send_failed: u64,
    /// From the clients to the server.
    pub up: Passed,
    /// From the server to the clients.
    pub down: Passed,
}

/// A client, and both directions of its path.
struct Way {
    client: SocketAddr,
    /// Connected to the server.
    socket: UdpSocket,
    up: Path,
    down: Path,
    heard: Instant,
}

/// A copy of a datagram on its way. Ordered by when it arrives, then by when it was sent.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct OnItsWay {
    at: Duration,
    number: u64,
    way: usize,
    /// Whose way that was: another may have its place by the time of the arrival.
    client: SocketAddr,
    is_up: bool,
    bytes: Vec<u8>,
}

/// A relay on a socket: [`Relay::bind`], then [`Relay::run`].
pub struct Relay {
    config: ImpairConfig,
    poll: Poll,
    listener: UdpSocket,
    /// Places of clients that were forgotten are free.
    ways: Vec<Option<Way>>,
    places: HashMap<SocketAddr, usize>,
    /// Sockets of which not all that had come was read; the system says of each but once that something has come.
    unread: Vec<Token>,
    on_the_way: BinaryHeap<Reverse<OnItsWay>>,
    bytes_on_the_way: usize,
    numbered: u64,
    began: Instant,
    next_look: Instant,
    relayed: Relayed,
    received: Vec<u8>,
}

impl Relay {
    /// Listens for clients at `listen`; port 0 takes a free one.
    ///
    /// # Errors
    /// If the address cannot be bound, or no path can be as bad as `config` says.
    pub fn bind(listen: SocketAddr, config: ImpairConfig) -> io::Result<Self> {
        let wrong = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        config.impairment.check().map_err(|error| wrong(error.to_string()))?;
        if listen.is_ipv4() != config.to.is_ipv4() {
            return Err(wrong("--listen and --to are of different families: IPv4 and IPv6".into()));
        }
        let (poll, mut listener) = (Poll::new()?, UdpSocket::bind(listen)?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        machine::allow_files(config.clients_max as u64 + 64)?;
        let began = machine::now();
        Ok(Self {
            config,
            poll,
            listener,
            ways: Vec::new(),
            places: HashMap::new(),
            unread: Vec::new(),
            on_the_way: BinaryHeap::new(),
            bytes_on_the_way: 0,
            numbered: 0,
            began,
            next_look: began + FORGOTTEN_AFTER,
            relayed: Relayed::default(),
            received: vec![0; UDP_PAYLOAD_MAX],
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Relays until it should stop, up to 100 ms longer, and says what has passed. What is still on its way is lost.
    ///
    /// # Errors
    /// If the system can wait for sockets no longer.
    pub fn run(mut self, stop: &AtomicBool) -> io::Result<Relayed> {
        let mut events = Events::with_capacity(1_024);
        while !stop.load(Ordering::Acquire) {
            self.deliver();
            let timeout = self.until_next();
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            let now = machine::now();
            let unread = std::mem::take(&mut self.unread);
            for token in unread.into_iter().chain(events.iter().map(|event| event.token())) {
                let all_read = match token {
                    LISTENER => self.hear_clients(now),
                    Token(place) => self.hear_server(now, place),
                };
                if !all_read {
                    self.unread.push(token);
                }
            }
            self.forget(now);
        }
        Ok(self.summed_up())
    }

    fn until_next(&self) -> Duration {
        if !self.unread.is_empty() {
            return Duration::ZERO;
        }
        let next = self.on_the_way.peek().map_or(LOOK_UP_EVERY, |Reverse(next)| {
            (self.began + next.at).saturating_duration_since(machine::now())
        });
        next.min(LOOK_UP_EVERY)
    }

    /// Takes in what clients have sent. False if more may be there.
    fn hear_clients(&mut self, now: Instant) -> bool {
        for _ in 0..AT_A_TIME {
            let (length, client) = match self.listener.recv_from(&mut self.received) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                // Of a client that is there no longer: the answer to what was sent to it.
                Err(_) => continue,
            };
            match self.place_of(client, now) {
                Some(place) => self.send_off(now, place, length, true),
                None => self.relayed.refused += 1,
            }
        }
        false
    }

    /// Takes in what the server has sent to one client. False if more may be there.
    fn hear_server(&mut self, now: Instant, place: usize) -> bool {
        for _ in 0..AT_A_TIME {
            let Some(Some(way)) = self.ways.get_mut(place) else { return true };
            match way.socket.recv(&mut self.received) {
                Ok(length) => {
                    way.heard = now;
                    self.send_off(now, place, length, false);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                // No server is there: the answer to what was sent to it.
                Err(_) => {}
            }
        }
        false
    }

    /// The way of this client, which is made if it has none. `None` if there are too many, or no socket for it.
    fn place_of(&mut self, client: SocketAddr, now: Instant) -> Option<usize> {
        if let Some(&place) = self.places.get(&client) {
            self.ways[place].as_mut()?.heard = now;
            return Some(place);
        }
        if self.places.len() >= self.config.clients_max {
            return None;
        }
        let place = self.ways.iter().position(Option::is_none).unwrap_or(self.ways.len());
        let socket = self.open(place).ok()?;
        let number = self.relayed.clients;
        let path = |direction| Path::new(self.config.impairment, self.config.seed ^ (2 * number + direction));
        let way = Way { client, socket, up: path(0), down: path(1), heard: now };
        match self.ways.get_mut(place) {
            Some(free) => *free = Some(way),
            None => self.ways.push(Some(way)),
        }
        self.places.insert(client, place);
        self.relayed.clients += 1;
        Some(place)
    }

    fn open(&self, place: usize) -> io::Result<UdpSocket> {
        let any = if self.config.to.is_ipv4() {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        };
        let mut socket = UdpSocket::bind(any)?;
        socket.connect(self.config.to)?;
        self.poll.registry().register(&mut socket, Token(place), Interest::READABLE)?;
        Ok(socket)
    }

    /// A datagram sets out, of which `length` bytes were received.
    fn send_off(&mut self, now: Instant, place: usize, length: usize, is_up: bool) {
        let Some(Some(way)) = self.ways.get_mut(place) else { return };
        let path = if is_up { &mut way.up } else { &mut way.down };
        for arrival in path.send(now.saturating_duration_since(self.began), length) {
            if self.bytes_on_the_way + length > ON_THE_WAY_MAX {
                self.relayed.too_many += 1;
                continue;
            }
            let mut bytes = self.received[..length].to_vec();
            arrival.corrupt(&mut bytes);
            self.bytes_on_the_way += length;
            self.numbered += 1;
            let (at, number, client) = (arrival.at, self.numbered, way.client);
            self.on_the_way.push(Reverse(OnItsWay { at, number, way: place, client, is_up, bytes }));
        }
    }

    /// Hands over what has arrived by now.
    fn deliver(&mut self) {
        let now = machine::now().saturating_duration_since(self.began);
        while self.on_the_way.peek().is_some_and(|Reverse(next)| next.at <= now)
            && let Some(Reverse(arrived)) = self.on_the_way.pop()
        {
            self.bytes_on_the_way -= arrived.bytes.len();
            let Some(Some(way)) = self.ways.get(arrived.way) else { continue };
            if way.client != arrived.client {
                continue;
            }
            let sent = if arrived.is_up {
                way.socket.send(&arrived.bytes)
            } else {
                self.listener.send_to(&arrived.bytes, way.client)
            };
            self.relayed.send_failed += u64::from(sent.is_err());
        }
    }

    /// Forgets clients of which nothing was heard for long, once in a while.
    fn forget(&mut self, now: Instant) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + FORGOTTEN_AFTER / 4;
        for place in 0..self.ways.len() {
            let is_forgotten = |way: &mut Way| now.saturating_duration_since(way.heard) >= FORGOTTEN_AFTER;
            if let Some(way) = self.ways[place].take_if(is_forgotten) {
                self.places.remove(&way.client);
                self.relayed.up.add(way.up.passed());
                self.relayed.down.add(way.down.passed());
            }
        }
    }

    fn summed_up(mut self) -> Relayed {
        for way in self.ways.iter().flatten() {
            self.relayed.up.add(way.up.passed());
            self.relayed.down.add(way.down.passed());
        }
        self.relayed
    }
}
