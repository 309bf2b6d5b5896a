//! The numbers in the words of Prometheus: names in base units, with what they mean, in the text format of OpenMetrics.
//!
//! One row for each number. A name ends with its unit, and where it counts, the encoder adds `_total`.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::super::board::{Histogram, Numbers};
use super::super::observer::Observer;
use crate::gate::DropReason;
use crate::machine;

/// What the answer of `/metrics` is.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A number of the board: its name, what it means, and where it stands.
type Row = (&'static str, &'static str, fn(&Numbers) -> u64);

/// What only grows.
const COUNTERS: &[Row] = &[
    ("tickcast_ticks", "Ticks done", |n| n.ticks),
    ("tickcast_ticks_skipped", "Tick numbers that went by without a tick", |n| n.ticks_skipped),
    ("tickcast_joined", "Clients admitted, counting one that comes back again", |n| n.joined),
    ("tickcast_left", "Peers that left", |n| n.left),
    ("tickcast_timed_out", "Peers removed because nothing was heard of them", |n| n.timed_out),
    ("tickcast_removed", "Peers removed by the game", |n| n.removed),
    ("tickcast_moves_applied", "Moves that changed the world", |n| n.moves_applied),
    ("tickcast_messages", "Messages of players that the game was given", |n| n.messages),
    ("tickcast_snapshots", "Snapshots made, one for each peer and tick", |n| n.snapshots),
    ("tickcast_made_bytes", "UDP payload of all datagrams of the ticks", |n| n.bytes_out),
    ("tickcast_hook_panics", "Hooks of the game that panicked", |n| n.hook_panics),
    ("tickcast_work_started", "Pieces of work that the game has started beside the tick", |n| n.work_started),
    ("tickcast_work_finished", "Pieces of work that have ended with an answer", |n| n.work_finished),
    ("tickcast_work_failed", "Pieces of work that panicked", |n| n.work_failed),
    ("tickcast_work_timed_out", "Pieces of work that took too long", |n| n.work_timed_out),
    ("tickcast_work_cancelled", "Pieces of work whose owner has left, or that the game has cancelled", |n| {
        n.work_cancelled
    }),
    ("tickcast_received_datagrams", "Datagrams received, whatever became of them", |n| n.received),
    ("tickcast_received_bytes", "UDP payload of the datagrams received", |n| n.received_bytes),
    ("tickcast_receive_errors", "Errors of receiving", |n| n.receive_errors),
    ("tickcast_sent_datagrams", "Datagrams that the system took to send", |n| n.sent),
    ("tickcast_send_failed_datagrams", "Datagrams that the system did not take to send", |n| n.send_failed),
    ("tickcast_store_commits", "Commits to the store of --data", |n| n.store_commits),
    ("tickcast_store_failures", "Commits that failed, and were tried again", |n| n.store_failures),
    ("tickcast_service_attempts", "Attempts to ask or tell the service of profiles and scores", |n| {
        n.service_attempts
    }),
    ("tickcast_service_retries", "Attempts to ask it again after a failure", |n| n.service_retries),
    ("tickcast_service_failures", "Questions and reports given up, after all attempts", |n| {
        n.service_failures
    }),
    ("tickcast_scores_delivered", "Scores that the service has taken", |n| n.scores_delivered),
    ("tickcast_scores_refused", "Scores given up because the service calls them wrong", |n| n.scores_refused),
    ("tickcast_scores_lost", "Scores of players who left for which there was no room", |n| n.scores_lost),
    (
        "tickcast_players_forgotten",
        "Players who left and are known no longer for want of room, whose deeds begin anew",
        |n| n.players_forgotten,
    ),
];

/// What comes and goes.
const GAUGES: &[Row] = &[
    ("tickcast_tick", "Number of the last tick", |n| n.tick),
    ("tickcast_peers", "Peers that got a snapshot of the last tick", |n| n.peers),
    ("tickcast_players", "Players that stand in the world", |n| n.players),
    ("tickcast_entities", "Entities of the game's that stand in the world", |n| n.entities),
    ("tickcast_scores_waiting", "Players whose scores are still to be reported", |n| n.scores_waiting),
    ("tickcast_commands", "Commands that the last tick took out of the queue", |n| n.commands),
    (
        "tickcast_work_in_flight",
        "Pieces of work that have not ended, or the game has not been told of yet",
        |n| n.work_in_flight,
    ),
];

/// Everything, as `/metrics` gives it.
pub(in crate::net) fn text(observer: &Observer) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(observer.clone())));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes all that is written to it");
    text
}

#[derive(Debug)]
struct Scrape(Observer);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let (out, observer) = (&mut encoder, &self.0);
        let numbers = observer.numbers();
        infos(out, observer)?;
        COUNTERS.iter().try_for_each(|(name, help, of)| counter(out, name, help, of(&numbers)))?;
        GAUGES.iter().try_for_each(|(name, help, of)| gauge(out, name, help, of(&numbers) as f64))?;
        own_gauges(out, observer)?;
        let (lag, help) = (numbers.store_lag_ms as f64 / 1e3, "Age of the oldest change that is not on disk");
        gauge(out, "tickcast_store_lag_seconds", help, lag)?;
        dropped(out, observer)?;
        histograms(out, observer)?;
        process(out)
    }
}

fn infos(out: &mut DescriptorEncoder, observer: &Observer) -> Result<(), Error> {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.encode_descriptor("tickcast_build", "What runs", None, MetricType::Info)?.encode_info(&version)?;
    let epoch = [("epoch", format!("{:016x}", observer.epoch()))];
    let help = "The random number that tells this start of the server from all others";
    out.encode_descriptor("tickcast_epoch", help, None, MetricType::Info)?.encode_info(&epoch)
}

fn own_gauges(out: &mut DescriptorEncoder, observer: &Observer) -> Result<(), Error> {
    let gate = observer.gate();
    gauge(out, "tickcast_tick_rate_hertz", "Ticks per second that it should do", observer.tick_rate_hz())?;
    gauge(out, "tickcast_uptime_seconds", "Time since the start", observer.age().as_secs_f64())?;
    gauge(out, "tickcast_queue_commands", "Commands that wait for the next tick", gate.queued() as f64)?;
    let places = gate.queue_places() as f64;
    gauge(out, "tickcast_queue_capacity_commands", "Commands that may wait for the next tick", places)?;
    let help = "Ticks that took longer than their period";
    counter(out, "tickcast_ticks_overrun", help, observer.board().overruns())
}

/// Every reason is there from the start, so that the first refusal is an increase and not a new series.
fn dropped(out: &mut DescriptorEncoder, observer: &Observer) -> Result<(), Error> {
    let help = "Datagrams refused, or what they asked for, by reason";
    let mut family = out.encode_descriptor("tickcast_dropped_datagrams", help, None, MetricType::Counter)?;
    for &reason in DropReason::ALL {
        let count = ConstCounter::new(observer.gate().drops().of(reason));
        count.encode(family.encode_family(&[("reason", reason.name())])?)?;
    }
    match observer.socket_drops() {
        Some(drops) => {
            let help =
                "Datagrams that the system dropped before the server could receive them, as of a second ago";
            counter(out, "tickcast_kernel_dropped_datagrams", help, drops)
        }
        None => Ok(()),
    }
}

fn histograms(out: &mut DescriptorEncoder, observer: &Observer) -> Result<(), Error> {
    const IN_A_SECOND: f64 = 1e9;
    let board = observer.board();
    let help = "How long a tick took with all its sends, without the pauses between them";
    histogram(out, "tickcast_tick_duration_seconds", help, &board.duration, IN_A_SECOND)?;
    let help = "How long after its deadline a tick began";
    histogram(out, "tickcast_tick_lateness_seconds", help, &board.lateness, IN_A_SECOND)?;
    let help = "How old the newest snapshot was that a move acknowledged";
    histogram(out, "tickcast_acknowledgement_age_ticks", help, &board.ack_ages, 1.0)
}

/// Of the whole process, by the names that all exporters have for it.
fn process(out: &mut DescriptorEncoder) -> Result<(), Error> {
    if let Some(time) = machine::cpu_time() {
        let (name, help) = ("process_cpu_seconds", "Time that the process has been on a core");
        let metric = out.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(time.as_secs_f64()).encode(metric)?;
    }
    match machine::resident_bytes() {
        Some(bytes) => {
            gauge(out, "process_resident_memory_bytes", "What the process takes of memory", bytes as f64)
        }
        None => Ok(()),
    }
}

fn counter(out: &mut DescriptorEncoder, name: &str, help: &str, count: u64) -> Result<(), Error> {
    ConstCounter::new(count).encode(out.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn gauge(out: &mut DescriptorEncoder, name: &str, help: &str, value: f64) -> Result<(), Error> {
    ConstGauge::new(value).encode(out.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

/// The histogram counts in what there are so many of `in_a_unit` of the metric.
fn histogram(
    out: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    histogram: &Histogram,
    in_a_unit: f64,
) -> Result<(), Error> {
    let (counts, sum) = histogram.read();
    let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 / in_a_unit);
    let buckets: Vec<(f64, u64)> = counts.into_iter().map(|(upper, count)| (bound(upper), count)).collect();
    // Read while they grow: the count is that of the buckets that were read.
    let count = buckets.iter().map(|(_, count)| count).sum();
    let mut metric = out.encode_descriptor(name, help, None, MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(sum as f64 / in_a_unit, count, &buckets, None)
}
