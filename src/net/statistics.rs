//! Figures over a stretch of time: what was done, how long ticks took, and what that cost.
//!
//! Whoever measures asks when the stretch begins and when it ends, so that the joining of the clients is not
//! in it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::ServeError;
use super::status::{Spread, Status, Traffic, histogram, spread};
use crate::gate::{DropReason, Drops};
use crate::machine;
use crate::profiles::{Asked, Scores, ServiceStatus};
use crate::server::{Report, Totals};
use crate::store::StoreStatus;

/// What was done since the statistics before, or since the start. As JSON every key is always there, a number
/// or null.
///
/// `None` stands where the system does not say, or where there was nothing to divide by.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// The time that this is over.
    pub seconds: f64,
    /// Peers that got a snapshot of the last tick.
    pub peers: usize,
    /// Players in the world at the last tick.
    pub players: usize,
    /// Ticks done.
    pub ticks: u64,
    /// Tick numbers that went by without a tick.
    pub ticks_skipped: u64,
    /// How long a tick took with all its sends, without the pauses between them, in microseconds, median.
    pub tick_us_p50: Option<f64>,
    /// The same, 99th percentile.
    pub tick_us_p99: Option<f64>,
    /// The same, longest.
    pub tick_us_max: Option<f64>,
    /// How long after its deadline a tick began, in microseconds, median.
    pub late_us_p50: Option<f64>,
    /// The same, 99th percentile.
    pub late_us_p99: Option<f64>,
    /// The same, longest.
    pub late_us_max: Option<f64>,
    /// The time that this process was on a core, in seconds.
    pub cpu_s: Option<f64>,
    /// The same as a share of one core, 1 being all of it.
    pub cpu_share: Option<f64>,
    /// The same for each snapshot, in microseconds: a client-tick is one client in one tick.
    pub cpu_us_per_client_tick: Option<f64>,
    /// Clients admitted.
    pub joined: u64,
    /// Peers that left.
    pub left: u64,
    /// Peers removed because nothing was heard of them.
    pub timed_out: u64,
    /// Peers removed by the game.
    pub removed: u64,
    /// Moves that changed the world.
    pub moves_applied: u64,
    /// Messages of players that the game was given.
    pub messages: u64,
    /// Snapshots made, one for each client and tick.
    pub snapshots: u64,
    /// Bytes of UDP payload in all datagrams of the ticks.
    pub bytes_out: u64,
    /// Hooks of the game that panicked.
    pub hook_panics: u64,
    /// Pieces of work that the game has started beside the tick.
    pub work_started: u64,
    /// Those that have ended with an answer.
    pub work_finished: u64,
    /// Those that panicked.
    pub work_failed: u64,
    /// Those that took too long.
    pub work_timed_out: u64,
    /// Those whose owner has left, or that the game has cancelled.
    pub work_cancelled: u64,
    /// Pieces of work that the game had not been told the end of, after the last tick.
    pub work_in_flight: usize,
    /// Datagrams received, whatever became of them.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Errors of receiving.
    pub receive_errors: u64,
    /// Datagrams that the system took to send.
    pub sent: u64,
    /// Datagrams that it did not take.
    pub send_failed: u64,
    /// Commits of the store; `None` here and in the next two without one.
    pub store_commits: Option<u64>,
    /// Its commits that failed and were tried again.
    pub store_failures: Option<u64>,
    /// How old the oldest change is that is not in it yet, in milliseconds.
    pub store_lag_ms: Option<u64>,
    /// Attempts to ask the service of profiles and scores, or to tell it; `None` here and in the next six without one.
    pub service_attempts: Option<u64>,
    /// Those that came after a failure.
    pub service_retries: Option<u64>,
    /// Questions and reports that were given up, after all attempts.
    pub service_failures: Option<u64>,
    /// Players whose scores are still to be reported, after the last tick, or when the server has stopped.
    pub scores_waiting: Option<u64>,
    /// Scores that the service has taken.
    pub scores_delivered: Option<u64>,
    /// Scores given up because the service calls them wrong.
    pub scores_refused: Option<u64>,
    /// Scores of players who left for which there was no room.
    pub scores_lost: Option<u64>,
    /// Datagrams refused.
    pub dropped: u64,
    /// The same by reason; reasons that were not met are left out.
    pub drops: BTreeMap<&'static str, u64>,
}

/// Asks a server for [`Statistics`] while it runs. Does not make a tick wait.
#[derive(Clone, Debug)]
pub struct StatisticsAsker(mpsc::Sender<StatisticsRequest>);

pub(super) type StatisticsRequest = oneshot::Sender<Statistics>;

impl StatisticsAsker {
    /// One that asks, and where the server finds what it is asked.
    pub(super) fn new() -> (Self, mpsc::Receiver<StatisticsRequest>) {
        let (asking, asked) = mpsc::channel(1);
        (Self(asking), asked)
    }

    /// What was done since the statistics before, up to the end of the next tick, or of the last.
    ///
    /// # Errors
    /// If the server has ended.
    pub async fn ask(&self) -> Result<Statistics, ServeError> {
        self.put().await?.answer().await
    }

    /// Asks, and leaves the answer for later: where the server is about to stop.
    ///
    /// # Errors
    /// If the server has ended.
    pub async fn put(&self) -> Result<StatisticsAnswer, ServeError> {
        let (request, answer) = oneshot::channel();
        self.0.send(request).await.map_err(|_| ServeError::Ended)?;
        Ok(StatisticsAnswer(answer))
    }
}

/// Statistics that were asked for.
#[derive(Debug)]
pub struct StatisticsAnswer(oneshot::Receiver<Statistics>);

impl StatisticsAnswer {
    /// Waits for them.
    ///
    /// # Errors
    /// If the server has ended without.
    pub async fn answer(self) -> Result<Statistics, ServeError> {
        self.0.await.map_err(|_| ServeError::Ended)
    }
}

/// All that was counted since the start.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) totals: Totals,
    pub(super) traffic: Traffic,
    pub(super) store: Option<StoreStatus>,
    pub(super) service: Option<ServiceStatus>,
    pub(super) drops: Vec<u64>,
}

impl Counted {
    pub(super) fn new(status: &Status, drops: &Drops) -> Self {
        let drops = DropReason::ALL.iter().map(|&reason| drops.of(reason)).collect();
        let Status { report, traffic, store, service, .. } = *status;
        Self { totals: report.totals, traffic, store, service, drops }
    }

    fn dropped(&self, reason: usize) -> u64 {
        self.drops.get(reason).copied().unwrap_or(0)
    }
}

/// The stretch of time since the last statistics.
///
/// [`Window::note`] with every tick; [`Window::take`] ends it and begins the next.
#[derive(Debug)]
pub(super) struct Window {
    began: Instant,
    cpu_began: Option<Duration>,
    before: Counted,
    lateness: Histogram<u64>,
    duration: Histogram<u64>,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            cpu_began: machine::cpu_time(),
            before: Counted::default(),
            lateness: histogram(),
            duration: histogram(),
        }
    }

    pub(super) fn note(&mut self, lateness: Duration, duration: Duration) {
        self.lateness.saturating_record(lateness.as_nanos() as u64);
        self.duration.saturating_record(duration.as_nanos() as u64);
    }

    pub(super) fn take(&mut self, now: Instant, report: &Report, after: Counted) -> Statistics {
        let cpu_now = machine::cpu_time();
        let cpu = cpu_now.zip(self.cpu_began).map(|(now, began)| now.saturating_sub(began));
        let statistics = self.statistics(now - self.began, cpu, report, &after);
        (self.began, self.cpu_began, self.before) = (now, cpu_now, after);
        self.lateness.reset();
        self.duration.reset();
        statistics
    }

    fn statistics(
        &self,
        time: Duration,
        cpu: Option<Duration>,
        report: &Report,
        after: &Counted,
    ) -> Statistics {
        let (late, took) = (spread(&self.lateness), spread(&self.duration));
        let had_ticks = !self.duration.is_empty();
        let micros = |spread: Spread, of: fn(Spread) -> u64| had_ticks.then(|| of(spread) as f64 / 1_000.0);
        let (p50, p99, max) = (|s: Spread| s.p50_ns, |s: Spread| s.p99_ns, |s: Spread| s.max_ns);
        let (totals, totals_before) = (&after.totals, &self.before.totals);
        let (traffic, traffic_before) = (&after.traffic, &self.before.traffic);
        let (store, store_before) = (after.store, self.before.store.unwrap_or_default());
        let (service, service_before) = (after.service, self.before.service.unwrap_or_default());
        let asked =
            |of: fn(&Asked) -> u64| service.map(|service| of(&service.asked) - of(&service_before.asked));
        let scores =
            |of: fn(&Scores) -> u64| service.map(|service| of(&service.scores) - of(&service_before.scores));
        let snapshots = totals.snapshots - totals_before.snapshots;
        let cpu_s = cpu.map(|cpu| cpu.as_secs_f64());
        let drops: BTreeMap<_, _> = self.drops(after).filter(|(_, count)| *count > 0).collect();
        Statistics {
            seconds: rounded(time.as_secs_f64()),
            peers: report.peers,
            players: report.players,
            ticks: totals.ticks - totals_before.ticks,
            ticks_skipped: totals.ticks_skipped - totals_before.ticks_skipped,
            tick_us_p50: micros(took, p50),
            tick_us_p99: micros(took, p99),
            tick_us_max: micros(took, max),
            late_us_p50: micros(late, p50),
            late_us_p99: micros(late, p99),
            late_us_max: micros(late, max),
            cpu_s: cpu_s.map(rounded),
            cpu_share: cpu_s.and_then(|cpu_s| ratio(cpu_s, time.as_secs_f64())),
            cpu_us_per_client_tick: cpu_s.and_then(|cpu_s| ratio(cpu_s * 1e6, snapshots as f64)),
            joined: totals.joined - totals_before.joined,
            left: totals.left - totals_before.left,
            timed_out: totals.timed_out - totals_before.timed_out,
            removed: totals.removed - totals_before.removed,
            moves_applied: totals.moves_applied - totals_before.moves_applied,
            messages: totals.messages - totals_before.messages,
            snapshots,
            bytes_out: totals.bytes_out - totals_before.bytes_out,
            hook_panics: totals.hook_panics - totals_before.hook_panics,
            work_started: totals.work_started - totals_before.work_started,
            work_finished: totals.work_finished - totals_before.work_finished,
            work_failed: totals.work_failed - totals_before.work_failed,
            work_timed_out: totals.work_timed_out - totals_before.work_timed_out,
            work_cancelled: totals.work_cancelled - totals_before.work_cancelled,
            work_in_flight: report.work_in_flight,
            received: traffic.received - traffic_before.received,
            received_bytes: traffic.received_bytes - traffic_before.received_bytes,
            receive_errors: traffic.receive_errors - traffic_before.receive_errors,
            sent: traffic.sent - traffic_before.sent,
            send_failed: traffic.send_failed - traffic_before.send_failed,
            store_commits: store.map(|store| store.commits - store_before.commits),
            store_failures: store.map(|store| store.failures - store_before.failures),
            store_lag_ms: store.map(|store| store.lag_ms),
            service_attempts: asked(|asked| asked.attempts),
            service_retries: asked(|asked| asked.retries),
            service_failures: asked(|asked| asked.failures),
            scores_waiting: service.map(|service| service.scores.waiting),
            scores_delivered: scores(|scores| scores.delivered),
            scores_refused: scores(|scores| scores.refused),
            scores_lost: scores(|scores| scores.lost),
            dropped: drops.values().sum(),
            drops,
        }
    }

    fn drops(&self, after: &Counted) -> impl Iterator<Item = (&'static str, u64)> {
        let reasons = DropReason::ALL.iter().enumerate();
        reasons.map(|(index, reason)| (reason.name(), after.dropped(index) - self.before.dropped(index)))
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| rounded(part / whole))
}

/// To a millionth: what lies below is noise.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::now;

    fn counted(ticks: u64, snapshots: u64, length_drops: u64) -> Counted {
        let drops = Drops::default();
        (0..length_drops).for_each(|_| drops.count(DropReason::Length));
        let totals = Totals { ticks, snapshots, ..Totals::default() };
        let traffic = Traffic { received: snapshots + 1, ..Traffic::default() };
        let report = Report { totals, ..Report::default() };
        Counted::new(&Status { report, traffic, ..Status::default() }, &drops)
    }

    #[test]
    fn statistics_are_over_what_came_after_those_before() {
        let began = now();
        let mut window = Window::new(began);
        let report = Report { peers: 10, ..Report::default() };
        window.note(Duration::from_micros(900), Duration::from_millis(90));
        let joining = window.take(began + Duration::from_secs(1), &report, counted(1, 5, 2));
        assert_eq!((joining.ticks, joining.snapshots, joining.dropped), (1, 5, 2));
        for late_us in 1..=100 {
            window.note(Duration::from_micros(late_us), Duration::from_millis(2));
        }
        let steady = window.take(began + Duration::from_secs(3), &report, counted(101, 1_005, 3));
        assert_eq!((steady.seconds, steady.peers), (2.0, 10));
        assert_eq!((steady.ticks, steady.snapshots, steady.received), (100, 1_000, 1_000));
        assert_eq!(steady.drops, BTreeMap::from([("length", 1)]));
        let near = |value: Option<f64>, wanted: f64| value.is_some_and(|v| (v / wanted - 1.0).abs() < 0.002);
        assert!(near(steady.late_us_p50, 50.0) && near(steady.late_us_p99, 99.0), "{steady:?}");
        assert!(near(steady.tick_us_max, 2_000.0), "the long tick came before: {steady:?}");
    }

    #[test]
    fn cost_is_for_each_client_and_tick() {
        let window = Window::new(now());
        let (time, cpu) = (Duration::from_secs(4), Some(Duration::from_secs(3)));
        let statistics = window.statistics(time, cpu, &Report::default(), &counted(10, 1_000_000, 0));
        assert_eq!((statistics.cpu_share, statistics.cpu_us_per_client_tick), (Some(0.75), Some(3.0)));
        let idle = window.statistics(time, cpu, &Report::default(), &Counted::default());
        assert_eq!((idle.cpu_us_per_client_tick, idle.tick_us_p99), (None, None));
    }
}
