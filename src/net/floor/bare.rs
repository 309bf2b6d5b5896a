//! The loop of the floor: receives in batches every 2 ms and between two batches of sends, sends everyone a
//! datagram once a tick. Nothing stands between it and the kernel but the calls of nix.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use tokio::sync::mpsc;

use super::{FloorConfig, filled};
use crate::gate::Drops;
use crate::machine::{make_sleeps_precise, now, sleep};
use crate::net::clock::TickClock;
use crate::net::statistics::{Counted, StatisticsRequest, Window};
use crate::net::status::{Status, Traffic};
use crate::server::Report;
use crate::wire::{
    Bounds, FromClient, FromServer, HELLO_BYTES, Hello, LEAVE_BYTES, Position, SNAPSHOT_HEADER_BYTES, Tick,
    Welcome, decode_client, encode_server, stamp_tick,
};

/// Datagrams of one system call, either way.
const BATCH: usize = 256;
/// Room for one received datagram, in bytes: every message of a client, and no more to keep in the cache.
const RECEIVE_BYTES: usize = 64;
/// How often it receives while it waits.
const DRAIN_EVERY: Duration = Duration::from_millis(2);
/// Batches taken in at a time, so that a flood cannot keep it from its deadline.
const DRAIN_MAX: usize = 64;
/// More peers than ports that anyone plays from.
const PEERS_MAX: usize = 65_536;
/// Said in the welcome; nobody is removed.
const TIMEOUT_MS: u32 = 10_000;

type Head = [u8; SNAPSHOT_HEADER_BYTES];

/// Whom it sends to, in parts as the kernel wants them: peer `n` is the `n`-th of each.
#[derive(Debug, Default)]
struct Peers {
    to: Vec<Option<SockaddrIn>>,
    heads: Vec<Head>,
    sessions: Vec<u64>,
    /// Looked at when someone comes or goes, never for a move.
    places: HashMap<SocketAddrV4, usize>,
}

/// Owns the socket, and runs until it is told to stop.
#[derive(Debug)]
pub(super) struct BareLoop {
    udp: UdpSocket,
    clock: TickClock,
    config: FloorConfig,
    epoch: u64,
    stop: Arc<AtomicBool>,
    asked: mpsc::Receiver<StatisticsRequest>,
    peers: Peers,
    /// What stands behind everyone's header.
    tail: Vec<u8>,
    rooms: Vec<u8>,
    receive: MultiHeaders<SockaddrIn>,
    send: MultiHeaders<SockaddrIn>,
    /// Hellos and leaves, to be looked at when the batch is done.
    control: Vec<(SocketAddrV4, FromClient)>,
    report: Report,
    traffic: Traffic,
    window: Window,
}

impl BareLoop {
    pub(super) fn new(
        udp: UdpSocket,
        config: FloorConfig,
        epoch: u64,
        stop: Arc<AtomicBool>,
        asked: mpsc::Receiver<StatisticsRequest>,
    ) -> Self {
        let started = now();
        let mut snapshot = Vec::new();
        encode_server(&FromServer::Plain(filled(config.datagram_bytes)), &mut snapshot);
        Self {
            udp,
            clock: TickClock::new(started, config.tick_rate.period()),
            config,
            epoch,
            stop,
            asked,
            peers: Peers::default(),
            tail: snapshot.split_off(SNAPSHOT_HEADER_BYTES),
            rooms: vec![0; BATCH * RECEIVE_BYTES],
            receive: MultiHeaders::preallocate(BATCH, None),
            send: MultiHeaders::preallocate(BATCH, None),
            control: Vec::new(),
            report: Report::default(),
            traffic: Traffic::default(),
            window: Window::new(started),
        }
    }

    pub(super) fn run(mut self) {
        make_sleeps_precise();
        while !self.stop.load(Ordering::Acquire) {
            let next = self.clock.deadline(self.clock.next(self.report.tick, now()));
            self.drain();
            let left = next.saturating_duration_since(now());
            if left.is_zero() {
                self.tick(self.clock.next(self.report.tick, now()));
            } else {
                sleep(left.min(DRAIN_EVERY));
            }
        }
        self.drain();
        self.answer_statistics(now());
    }

    fn tick(&mut self, tick: Tick) {
        let began = now();
        self.report.totals.ticks_skipped += tick.since(self.report.tick) - 1;
        self.report.totals.ticks += 1;
        self.report.tick = tick;
        self.send_all(tick);
        let done = now();
        self.window.note(began.saturating_duration_since(self.clock.deadline(tick)), done - began);
        self.answer_statistics(done);
    }

    /// One datagram to everyone, and what has come in between two batches. Who leaves meanwhile gives its place to
    /// the last, who may go without one then.
    fn send_all(&mut self, tick: Tick) {
        let mut next = 0;
        while next < self.peers.to.len() {
            match self.send_from(next, tick) {
                Ok(sent) => {
                    next += sent;
                    self.traffic.sent += sent as u64;
                }
                Err(Errno::EINTR) => {}
                Err(_) => {
                    next += 1;
                    self.traffic.send_failed += 1;
                }
            }
            self.drain();
        }
        self.report.peers = next;
        self.report.totals.snapshots += next as u64;
        self.report.totals.bytes_out += (next * (SNAPSHOT_HEADER_BYTES + self.tail.len())) as u64;
    }

    /// Sends what the kernel takes of a batch; at least one datagram, or an error.
    fn send_from(&mut self, next: usize, tick: Tick) -> nix::Result<usize> {
        let end = (next + BATCH).min(self.peers.to.len());
        let heads = &mut self.peers.heads[next..end];
        heads.iter_mut().for_each(|head| stamp_tick(head, tick));
        let mut heads = heads.iter();
        let slices: [[IoSlice<'_>; 2]; BATCH] = std::array::from_fn(|_| {
            let head = heads.next().map_or(&[][..], |head| &head[..]);
            [IoSlice::new(head), IoSlice::new(&self.tail)]
        });
        let (slices, to) = (&slices[..end - next], &self.peers.to[next..end]);
        Ok(sendmmsg(self.udp.as_raw_fd(), &mut self.send, slices, to, [], MsgFlags::MSG_DONTWAIT)?.count())
    }

    /// Takes in what has come.
    fn drain(&mut self) {
        for _ in 0..DRAIN_MAX {
            match self.receive_batch() {
                Ok(BATCH) => {}
                Ok(_) | Err(Errno::EAGAIN) => break,
                Err(_) => {
                    self.traffic.receive_errors += 1;
                    break;
                }
            }
        }
        let mut control = std::mem::take(&mut self.control);
        control.drain(..).for_each(|(from, message)| self.on_control(from, &message));
        self.control = control;
    }

    fn receive_batch(&mut self) -> nix::Result<usize> {
        let mut rooms = self.rooms.chunks_exact_mut(RECEIVE_BYTES);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let fd = self.udp.as_raw_fd();
        let messages = recvmmsg(fd, &mut self.receive, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
        let mut count = 0;
        for message in messages {
            count += 1;
            self.traffic.received_bytes += message.bytes as u64;
            if [HELLO_BYTES, LEAVE_BYTES].contains(&message.bytes)
                && let (Some(from), Some(bytes)) = (message.address, message.iovs().next())
                && let Ok(said) = decode_client(bytes)
            {
                self.control.push((from.into(), said));
            }
        }
        self.traffic.received += count as u64;
        Ok(count)
    }

    fn answer_statistics(&mut self, now: Instant) {
        while let Ok(request) = self.asked.try_recv() {
            let status = Status { report: self.report, traffic: self.traffic, ..Status::default() };
            let counted = Counted::new(&status, &Drops::default());
            let _nobody_waits_any_more = request.send(self.window.take(now, &self.report, counted));
        }
    }
}

/// Who comes and who goes.
impl BareLoop {
    fn on_control(&mut self, from: SocketAddrV4, message: &FromClient) {
        match message {
            FromClient::Hello(hello) => self.on_hello(from, hello),
            FromClient::Leave(_) => self.on_leave(from),
            FromClient::Move(_) => {}
        }
    }

    /// The same address again is the same peer: its welcome was lost, or it plays anew.
    fn on_hello(&mut self, from: SocketAddrV4, hello: &Hello) {
        let place = match self.peers.places.get(&from) {
            Some(&place) => place,
            None if self.peers.to.len() == PEERS_MAX => return,
            None => self.admit(from),
        };
        let welcome = Welcome {
            nonce: hello.nonce,
            session: self.peers.sessions[place],
            epoch: self.epoch,
            tick: self.report.tick,
            period_ns: self.config.tick_rate.period().as_nanos() as u64,
            timeout_ms: TIMEOUT_MS,
            datagram_bytes: (SNAPSHOT_HEADER_BYTES + self.tail.len()) as u32,
            moves_per_second: u32::MAX,
            bounds: Bounds::ALL,
            client_id: hello.client_id,
            placed: 0,
            at: Position::default(),
        };
        let mut bytes = Vec::new();
        encode_server(&FromServer::Welcome(welcome), &mut bytes);
        let _it_asks_again = self.udp.send_to(&bytes, from);
    }

    fn admit(&mut self, from: SocketAddrV4) -> usize {
        let place = self.peers.to.len();
        self.report.totals.joined += 1;
        let session = self.report.totals.joined;
        let mut snapshot = filled(0);
        snapshot.header.session = session;
        let mut bytes = Vec::new();
        encode_server(&FromServer::Plain(snapshot), &mut bytes);
        let mut head = [0; SNAPSHOT_HEADER_BYTES];
        head.copy_from_slice(&bytes[..SNAPSHOT_HEADER_BYTES]);
        self.peers.heads.push(head);
        self.peers.sessions.push(session);
        self.peers.to.push(Some(from.into()));
        self.peers.places.insert(from, place);
        place
    }

    fn on_leave(&mut self, from: SocketAddrV4) {
        let Some(place) = self.peers.places.remove(&from) else { return };
        self.peers.heads.swap_remove(place);
        self.peers.sessions.swap_remove(place);
        self.peers.to.swap_remove(place);
        if let Some(&Some(moved)) = self.peers.to.get(place) {
            self.peers.places.insert(moved.into(), place);
        }
        self.report.totals.left += 1;
    }
}
