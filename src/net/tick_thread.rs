//! The one loop: waits for the tick's deadline and drains the socket meanwhile; ticks; sends and drains in
//! turn. Everything that comes in or goes out passes here, and each step is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tracing::{debug, error, warn};

use super::board::Board;
use super::clock::{Alarm, TickClock};
use super::orders::{ORDERS_MAX, OrderRequest};
use super::pace::Pace;
use super::receiver::{DRAIN_EVERY, DRAIN_MAX, Receiver};
use super::socket::RECEIVE_MAX;
use super::statistics::{Counted, StatisticsRequest, Window};
use super::status::{Durations, Status};
use super::work::Executor;
use super::worker::Worker;
use super::{Positions, PositionsRequest};
use crate::machine::{make_sleeps_precise, now, sleep, unix_seconds};
use crate::profiles::Service;
use crate::server::{Batch, Server};
use crate::store::Store;
use crate::wire::{ClosedReason, Tick};

/// The last drain before a tick begins so long before its deadline: time enough for what comes in between two drains.
const LAST_DRAIN_BEFORE: Duration = Duration::from_micros(250);

/// Times up to this are slept without an eye on the socket.
const SLEEP_FROM: Duration = Duration::from_micros(200);

/// How long the thread may sleep without looking whether it should stop.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// How often the thread looks whether the queue fills up, where another receives and somebody plays.
const CATCH_UP_EVERY: Duration = Duration::from_millis(10);

/// Most datagrams taken in between two batches of sends: four for each one sent, so that a flood cannot make a tick
/// longer without bound.
const DRAIN_BETWEEN_SENDS_MAX: usize = 4 * RECEIVE_MAX;

/// How often every peer is told that the server stops: a datagram may be lost.
const CLOSE_TOLD: usize = 3;
/// The pause between two times that it is told.
const CLOSE_PAUSE: Duration = Duration::from_millis(20);

/// How long a server that stops waits for its game, as long as for the disk.
const WIND_UP_MAX: Duration = Duration::from_secs(5);
/// How often it looks meanwhile whether work has ended: nobody plays any more.
const WIND_UP_PAUSE: Duration = Duration::from_millis(5);

/// Those who look at the server while it runs.
pub(super) struct Onlookers {
    /// Want the positions of all players.
    pub(super) positions: mpsc::Receiver<PositionsRequest>,
    /// Want statistics.
    pub(super) statistics: mpsc::Receiver<StatisticsRequest>,
    /// Tell the game something.
    pub(super) orders: mpsc::Receiver<OrderRequest>,
    /// Want to know where it stands after every tick.
    pub(super) watching: watch::Sender<Status>,
    /// Look whenever they like.
    pub(super) board: Arc<Board>,
}

/// Those who take work off the tick.
pub(super) struct Beside {
    /// Who receives, unless the tick thread does.
    pub(super) worker: Option<Worker>,
    pub(super) store: Option<Store>,
    /// Who does what the game starts.
    pub(super) executor: Executor,
}

/// Owns the core and the socket, and runs until it is told to stop.
pub(super) struct TickThread {
    server: Server,
    receiver: Receiver,
    /// Who receives, unless this thread does.
    worker: Option<Worker>,
    store: Option<Store>,
    executor: Executor,
    clock: TickClock,
    alarm: Alarm,
    stop: Arc<AtomicBool>,
    onlookers: Onlookers,
    status: Status,
    lateness: Durations,
    duration: Durations,
    window: Window,
    next_summary: Instant,
    summarised: Status,
    batch: Batch,
}

impl TickThread {
    pub(super) fn new(
        server: Server,
        receiver: Receiver,
        beside: Beside,
        started: Instant,
        stop: Arc<AtomicBool>,
        onlookers: Onlookers,
    ) -> Self {
        let config = server.config();
        let Beside { worker, store, executor } = beside;
        Self {
            clock: TickClock::new(started, config.tick_rate.period()),
            alarm: Alarm::new(config.tick_rate.period()),
            batch: Batch::new(config.datagram_bytes),
            server,
            receiver,
            worker,
            store,
            executor,
            stop,
            onlookers,
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

    /// Drains the socket until `deadline`, or until the thread should stop. The last drain begins a little before the
    /// deadline, so that what comes in makes no tick late.
    fn wait_for(&mut self, deadline: Instant) {
        loop {
            let received = self.drain(DRAIN_MAX);
            self.server.catch_up(now());
            let left = deadline.saturating_duration_since(now());
            if left <= LAST_DRAIN_BEFORE || self.stop.load(Ordering::Acquire) {
                break;
            }
            self.doze(received, left - LAST_DRAIN_BEFORE);
        }
        if !self.stop.load(Ordering::Acquire) {
            self.alarm.wait_until(deadline, self.status.report.peers > 0);
        }
    }

    /// Waits for at most `left`, and shorter where datagrams come in.
    fn doze(&mut self, received: usize, left: Duration) {
        if self.worker.is_some() {
            let is_idle = self.server.gate().peers() == 0;
            sleep(left.min(if is_idle { LOOK_UP_EVERY } else { CATCH_UP_EVERY }));
        } else if received > 0 {
            sleep(left.min(DRAIN_EVERY));
        } else if left > SLEEP_FROM {
            // It stops a little before the time, because waits for a socket end late: by up to a thousandth of their
            // length and 50 us. What is left is slept, which is precise.
            let timeout = left.min(LOOK_UP_EVERY);
            self.receiver.wait(timeout - timeout / 500 - SLEEP_FROM / 2);
        } else {
            sleep(left);
        }
    }

    /// Takes in what has come, up to `most` datagrams, unless that is the work of another. An error of the socket passes,
    /// or it is met again and counted.
    fn drain(&mut self, most: usize) -> usize {
        if self.worker.is_none() { self.receiver.drain(most).unwrap_or(1) } else { 0 }
    }

    fn tick(&mut self, tick: Tick) {
        let began = now();
        self.take_orders();
        self.take_answers();
        self.server.tick(began, tick);
        self.status.report = *self.server.report();
        self.note_traffic();
        // Before its snapshots: who has received one finds that the status knows of it.
        self.onlookers.watching.send_replace(self.status);
        let paused = self.send_all(began);
        self.answer_requests(tick);
        self.keep(began);
        self.hand_over_work();
        let done = now();
        let late = began.saturating_duration_since(self.clock.deadline(tick));
        self.lateness.note(late);
        let worked = (done - began).saturating_sub(paused);
        self.duration.note(worked);
        self.window.note(late, worked);
        self.server.on_worked(worked);
        self.status.report = *self.server.report();
        self.note_traffic();
        self.note_service();
        self.tell_board(done, late, worked);
        self.answer_statistics(done);
        if done >= self.next_summary {
            self.summarise(done);
        }
    }

    /// Sends what is due in the tick that `began`, and drains the socket between two batches. Gives for how long nothing
    /// was due yet.
    fn send_all(&mut self, began: Instant) -> Duration {
        let config = self.server.config();
        let pace = Pace::new(began, config.tick_rate.period(), config.send_spread, self.status.report.peers);
        let (mut sent, mut paused) = (0, Duration::ZERO);
        self.receiver.begin_sends();
        loop {
            paused += self.pause(&pace, sent);
            if !self.server.poll(&mut self.batch) {
                return paused;
            }
            if !self.receiver.send(&self.batch) {
                self.server.on_full();
            }
            sent += self.batch.len();
            self.drain(DRAIN_BETWEEN_SENDS_MAX);
        }
    }

    /// Drains the socket until the next datagram is due, and gives for how long it slept. Where the queue fills up
    /// meanwhile, the rest is due at once: what is in it may be applied between ticks only.
    fn pause(&mut self, pace: &Pace, sent: usize) -> Duration {
        let mut paused = Duration::ZERO;
        while let Some(left) = pace.pause(sent, now())
            && !self.server.gate().is_filling_up()
            && !self.stop.load(Ordering::Acquire)
        {
            let before = now();
            sleep(left.min(DRAIN_EVERY));
            paused += now() - before;
            self.drain(DRAIN_MAX);
        }
        paused
    }

    /// What has gone through the socket. Where the worker has died, this thread receives from now on.
    fn note_traffic(&mut self) {
        if self.worker.as_ref().is_some_and(Worker::has_ended) {
            error!("the receive worker has ended; the tick thread receives now");
            self.receive_alone();
        }
        let by_worker = self.worker.as_ref().map(Worker::traffic).unwrap_or_default();
        self.status.traffic = self.receiver.traffic().plus(by_worker);
    }

    /// Ends the worker, if there is one.
    fn receive_alone(&mut self) {
        if let Some(worker) = self.worker.take() {
            self.receiver.take_over(worker.end());
        }
    }

    /// What has gone to and from the service.
    fn note_service(&mut self) {
        self.status.service = self.server.config().service.as_ref().map(Service::status);
    }

    /// Hands over to the store what has changed, when it is time to.
    fn keep(&mut self, now: Instant) {
        if let Some(store) = &mut self.store {
            store.after_tick(now, &mut self.server);
            self.status.store = Some(store.status());
        }
    }

    /// What came of the game's work since the last tick.
    fn take_answers(&mut self) {
        while let Some((id, result)) = self.executor.next_finished() {
            self.server.finish(id, result);
        }
    }

    /// What the game has started goes to those who do it, and they hear of what nobody wants any more.
    fn hand_over_work(&mut self) {
        let has_stopped = self.server.take_stopped();
        self.executor.take_on(self.server.take_work(), has_stopped);
        self.executor.drop_all(self.server.take_unwanted());
    }

    /// Those that wait, up to a number, lest whoever gives the next as soon as one is answered makes the tick longer.
    fn take_orders(&mut self) {
        for _ in 0..ORDERS_MAX {
            let Ok((order, request)) = self.onlookers.orders.try_recv() else { return };
            let _nobody_waits_any_more = request.send(self.server.order(&order));
        }
    }

    /// What others read at any time.
    fn tell_board(&self, done: Instant, late: Duration, worked: Duration) {
        let (board, period) = (&self.onlookers.board, self.server.config().tick_rate.period());
        board.write(&self.status, self.server.ack_ages());
        board.note_tick(self.clock.age(done), late, worked, period);
    }

    fn answer_requests(&mut self, tick: Tick) {
        let mut positions = None;
        while let Ok(request) = self.onlookers.positions.try_recv() {
            let answer = positions.get_or_insert_with(|| {
                Arc::new(Positions { tick, players: self.server.players().collect() })
            });
            let _nobody_waits_any_more = request.send(Arc::clone(answer));
        }
    }

    fn answer_statistics(&mut self, now: Instant) {
        while let Ok(request) = self.onlookers.statistics.try_recv() {
            let counted = Counted::new(&self.status, self.server.gate().drops());
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
            refused_in_all = self.server.gate().drops().total(),
            late_p50_us = self.lateness.second().p50_ns / 1000,
            tick_p99_us = self.duration.second().p99_ns / 1000,
            "second"
        );
        self.server.gate().set_unix_seconds(unix_seconds());
        self.lateness.next_second();
        self.duration.next_second();
        self.summarised = self.status;
        self.next_summary = now.max(self.next_summary + Duration::from_secs(1));
    }

    /// Waits for the game to end what it must not leave undone, for so long at the most.
    fn wind_up(&mut self) {
        let deadline = now() + WIND_UP_MAX;
        loop {
            self.take_answers();
            let is_waiting = self.server.wind_up();
            self.hand_over_work();
            if !is_waiting || now() >= deadline {
                break;
            }
            sleep(WIND_UP_PAUSE);
        }
        self.note_service();
        let scores_waiting = self.status.service.map_or(0, |service| service.scores.waiting);
        if scores_waiting > 0 {
            warn!(scores_waiting, "stopped, and the service has not taken the scores of so many players");
        }
    }

    fn close(&mut self) {
        for told in 0..CLOSE_TOLD {
            if told > 0 {
                sleep(CLOSE_PAUSE);
            }
            self.drain(DRAIN_MAX);
            self.server.close(ClosedReason::ShuttingDown);
            self.send_all(now());
        }
        self.receive_alone();
        self.note_traffic();
        if let Some(store) = self.store.take() {
            self.status.store = Some(store.finish(&mut self.server));
        }
        self.wind_up();
        self.summarise(now());
        self.onlookers.watching.send_replace(self.status);
        self.onlookers.board.write(&self.status, self.server.ack_ages());
        self.answer_statistics(now());
    }
}
