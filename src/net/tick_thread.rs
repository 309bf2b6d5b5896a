//! The one loop: waits for the tick's deadline and drains the socket meanwhile; ticks; sends and drains in
//! turn. Everything that comes in or goes out passes here, and each step is bounded.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

use super::clock::{TickClock, make_sleeps_precise, now, sleep};
use super::socket::{RECEIVE_MAX, Socket};
use super::statistics::{Counted, StatisticsRequest, Window};
use super::status::{Durations, Status};
use super::{Positions, PositionsRequest};
use crate::gate::Gate;
use crate::server::{Batch, Server};
use crate::wire::{ClosedReason, Tick};

/// How often the socket is drained while datagrams come in: seldom enough to take in many at once, often
/// enough that none waits long.
const DRAIN_EVERY: Duration = Duration::from_micros(1_500);

/// Times up to this are slept without an eye on the socket.
const SLEEP_FROM: Duration = Duration::from_micros(200);

/// How long the thread may sleep without looking whether it should stop.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// Most datagrams taken in by one drain while the thread waits, so that a flood cannot keep it from its deadline.
const DRAIN_MAX: usize = 64 * RECEIVE_MAX;
/// Most datagrams taken in between two batches of sends: four for each one sent, so that a flood cannot make a tick
/// longer without bound.
const DRAIN_BETWEEN_SENDS_MAX: usize = 4 * RECEIVE_MAX;

/// How often every peer is told that the server stops: a datagram may be lost.
const CLOSE_TOLD: usize = 3;
/// The pause between two times that it is told.
const CLOSE_PAUSE: Duration = Duration::from_millis(20);

/// Owns the core and the socket, and runs until it is told to stop.
pub(super) struct TickThread {
    server: Server,
    gate: Arc<Gate>,
    socket: Socket,
    clock: TickClock,
    stop: Arc<AtomicBool>,
    requests: mpsc::Receiver<PositionsRequest>,
    asked: mpsc::Receiver<StatisticsRequest>,
    watched: watch::Sender<Status>,
    status: Status,
    lateness: Durations,
    duration: Durations,
    window: Window,
    next_summary: Instant,
    summarised: Status,
    batch: Batch,
    replies: Batch,
}

impl TickThread {
    pub(super) fn new(
        server: Server,
        socket: Socket,
        started: Instant,
        stop: Arc<AtomicBool>,
        requests: mpsc::Receiver<PositionsRequest>,
        asked: mpsc::Receiver<StatisticsRequest>,
        watched: watch::Sender<Status>,
    ) -> Self {
        let config = server.config();
        Self {
            gate: Arc::clone(server.gate()),
            clock: TickClock::new(started, config.tick_rate.period()),
            batch: Batch::new(config.datagram_bytes),
            replies: Batch::new(config.datagram_bytes),
            server,
            socket,
            stop,
            requests,
            asked,
            watched,
            status: Status::default(),
            lateness: Durations::new(),
            duration: Durations::new(),
            window: Window::new(started),
            next_summary: started + Duration::from_secs(1),
            summarised: Status::default(),
        }
    }

    /// Ticks until it should stop, then tells every peer so.
    pub(super) fn run(mut self) -> Status {
        make_sleeps_precise();
        let mut done = Tick(0);
        loop {
            self.wait_for(self.clock.deadline(self.clock.next(done, now())));
            if self.stop.load(Ordering::Acquire) {
                break;
            }
            // Looked up again: the thread may have been stopped while it waited.
            done = self.clock.next(done, now());
            self.tick(done);
        }
        self.close();
        self.status
    }

    /// Drains the socket until `deadline`, or until the thread should stop.
    fn wait_for(&mut self, deadline: Instant) {
        loop {
            let received = self.drain(DRAIN_MAX);
            self.server.catch_up(now());
            let left = deadline.saturating_duration_since(now());
            if left.is_zero() || self.stop.load(Ordering::Acquire) {
                return;
            }
            match received {
                Ok(0) if left > SLEEP_FROM => self.wait(left.min(LOOK_UP_EVERY)),
                Ok(0) => sleep(left),
                Ok(_) | Err(_) => sleep(left.min(DRAIN_EVERY)),
            }
        }
    }

    /// Waits for a datagram, and stops a little before the time, because waits for a socket end late: by up to a
    /// thousandth of their length and 50 us. What is left is slept, which is precise.
    fn wait(&mut self, timeout: Duration) {
        let timeout = timeout - timeout / 500 - SLEEP_FROM / 2;
        if let Err(error) = self.socket.wait(timeout) {
            warn!(%error, "cannot wait for datagrams");
            sleep(timeout.min(DRAIN_EVERY));
        }
    }

    /// Takes in what has come, up to `most` datagrams, and answers what must be answered at once.
    fn drain(&mut self, most: usize) -> io::Result<usize> {
        let mut total = 0;
        while total < most {
            let received = self.receive().inspect_err(|error| {
                self.status.traffic.receive_errors += 1;
                debug!(%error, "cannot receive");
            })?;
            total += received;
            if received < RECEIVE_MAX {
                break;
            }
        }
        Ok(total)
    }

    fn receive(&mut self) -> io::Result<usize> {
        let now = now();
        let (gate, replies, traffic) = (&self.gate, &mut self.replies, &mut self.status.traffic);
        replies.clear();
        let received = self.socket.receive(|from, bytes| {
            traffic.received += 1;
            traffic.received_bytes += bytes.len() as u64;
            match from {
                Ok(peer) => {
                    if let Some(reply) = gate.receive(now, peer, bytes) {
                        replies.push(peer, |out| out.extend_from_slice(&reply));
                    }
                }
                Err((from, reason)) => gate.refuse(now, &from, reason),
            }
        });
        if !replies.is_empty() {
            let sent = self.socket.send(replies);
            traffic.sent += sent.sent as u64;
            traffic.send_failed += sent.failed as u64;
        }
        received
    }

    fn tick(&mut self, tick: Tick) {
        let began = now();
        self.server.tick(began, tick);
        self.status.report = *self.server.report();
        // Before its snapshots: who has received one finds that the status knows of it.
        self.watched.send_replace(self.status);
        self.send_all();
        self.answer_requests(tick);
        let done = now();
        let late = began.saturating_duration_since(self.clock.deadline(tick));
        self.lateness.note(late);
        self.duration.note(done - began);
        self.window.note(late, done - began);
        self.status.report = *self.server.report();
        self.answer_statistics(done);
        if done >= self.next_summary {
            self.summarise(done);
        }
    }

    /// Sends what is due, and drains the socket between two batches.
    fn send_all(&mut self) {
        while self.server.poll(&mut self.batch) {
            let sent = self.socket.send(&self.batch);
            self.status.traffic.sent += sent.sent as u64;
            self.status.traffic.send_failed += sent.failed as u64;
            let _counted = self.drain(DRAIN_BETWEEN_SENDS_MAX);
        }
    }

    fn answer_requests(&mut self, tick: Tick) {
        let mut positions = None;
        while let Ok(request) = self.requests.try_recv() {
            let answer = positions.get_or_insert_with(|| {
                Arc::new(Positions { tick, players: self.server.players().collect() })
            });
            let _nobody_waits_any_more = request.send(Arc::clone(answer));
        }
    }

    fn answer_statistics(&mut self, now: Instant) {
        while let Ok(request) = self.asked.try_recv() {
            let counted = Counted::new(&self.status.report, &self.status.traffic, self.gate.drops());
            let _nobody_waits_any_more = request.send(self.window.take(now, &self.status.report, counted));
        }
    }

    /// Once a second: percentiles, and what was done, to the log.
    fn summarise(&mut self, now: Instant) {
        self.status.lateness = self.lateness.spread();
        self.status.duration = self.duration.spread();
        let (totals, before) = (&self.status.report.totals, &self.summarised.report.totals);
        let (traffic, traffic_before) = (&self.status.traffic, &self.summarised.traffic);
        debug!(
            tick = self.status.report.tick.0,
            peers = self.status.report.peers,
            players = self.status.report.players,
            ticks = totals.ticks - before.ticks,
            ticks_skipped = totals.ticks_skipped - before.ticks_skipped,
            received = traffic.received - traffic_before.received,
            moves_applied = totals.moves_applied - before.moves_applied,
            snapshots = totals.snapshots - before.snapshots,
            send_failed = traffic.send_failed - traffic_before.send_failed,
            refused_in_all = self.gate.drops().total(),
            late_p50_us = self.lateness.second().p50_ns / 1000,
            tick_p99_us = self.duration.second().p99_ns / 1000,
            "second"
        );
        self.lateness.next_second();
        self.duration.next_second();
        self.summarised = self.status;
        self.next_summary = now.max(self.next_summary + Duration::from_secs(1));
    }

    fn close(&mut self) {
        for told in 0..CLOSE_TOLD {
            if told > 0 {
                sleep(CLOSE_PAUSE);
            }
            let _counted = self.drain(DRAIN_MAX);
            self.server.close(ClosedReason::ShuttingDown);
            self.send_all();
        }
        self.summarise(now());
        self.watched.send_replace(self.status);
        self.answer_statistics(now());
    }
}
