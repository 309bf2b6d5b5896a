//! What a run of bots found: the figures, and how they come from what was counted.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::age::Ages;
use super::tally::Counts;
use crate::client::BlockTotals;

/// What a run of bots found, over the duration. As JSON every key is always there, a number or null.
///
/// `None` stands where a figure cannot be known: with plain snapshots, on this system, or for want of a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BotsReport {
    /// Clients that were asked for.
    pub clients: u64,
    /// Clients that were welcomed at some time.
    pub joined: u64,
    /// Of these, clients that took in the whole of their snapshots; ages, players seen, bits and desyncs are over these.
    pub clients_decoded: u64,
    /// Moves handed to the network.
    pub moves_sent: u64,
    /// Of these, different ones that a snapshot said were applied.
    pub moves_applied: u64,
    /// For each session, the ticks from its first snapshot to the last tick by the bots' own clock.
    pub snapshots_expected: u64,
    /// Snapshots of different ticks among these that arrived.
    pub snapshots_received: u64,
    /// Datagrams of any kind thrown away because a bot's own socket queue was full.
    pub socket_queue_losses: Option<u64>,
    /// Different ticks that some bot received, per second.
    pub tick_hz_seen: f64,
    /// UDP payload of a snapshot in bytes, median.
    pub snapshot_bytes_p50: Option<u64>,
    /// The same, 99th percentile.
    pub snapshot_bytes_p99: Option<u64>,
    /// The same, largest.
    pub snapshot_bytes_max: Option<u64>,
    /// Different client ids known at the end, the own included; the client that knows fewest.
    pub players_seen_min: Option<u64>,
    /// The same, median.
    pub players_seen_p50: Option<u64>,
    /// Age in ticks of what a client knows of another's position, median.
    ///
    /// Sampled in turn over the duration, client by client, and once more of all clients at its end.
    pub age_ticks_p50: Option<u64>,
    /// The same, 99th percentile.
    pub age_ticks_p99: Option<u64>,
    /// Age in milliseconds, median: ticks times the tick period.
    pub age_ms_p50: Option<f64>,
    /// The same, 99th percentile.
    pub age_ms_p99: Option<f64>,
    /// Age in ticks of the nearest 200 by true position, 99th percentile.
    pub near_age_ticks_p99: Option<u64>,
    /// Age in milliseconds of whoever was told of longest ago.
    pub far_age_ms_max: Option<f64>,
    /// All bytes of blocks x 8 / players told. Plain snapshots have no blocks.
    pub bits_per_player: Option<f64>,
    /// Checksums that were there to compare. Plain snapshots carry none.
    pub checksums_compared: Option<u64>,
    /// Checksums that differed.
    pub desyncs: Option<u64>,
    /// Datagrams that were no message of the protocol.
    pub decode_errors: u64,
    /// Clients that fell out and came back.
    pub resumes: u64,
    /// The longest time that a client which had joined was without a snapshot, up to the end of the duration.
    pub outage_ms_max: Option<f64>,
    /// The bots' own use of a core, 1 being all of it.
    pub cpu_share: Option<f64>,
    /// Moves that were due while their client played, and that the bots had no time to make.
    pub moves_skipped: u64,
}

/// What was counted, in parts that know nothing of one another.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub(super) clients: u64,
    pub(super) joined: u64,
    pub(super) clients_decoded: u64,
    pub(super) counts: Counts,
    pub(super) socket_queue_losses: Option<u64>,
    pub(super) ticks_seen: u64,
    /// How long the duration was in the end.
    pub(super) measured: Duration,
    pub(super) snapshot_bytes: &'a Histogram<u64>,
    pub(super) players_seen: &'a Histogram<u64>,
    pub(super) ages: &'a Ages,
    pub(super) tick_period: Duration,
    /// What all blocks told until the count began, and until it ended.
    pub(super) blocks_before: BlockTotals,
    pub(super) blocks: BlockTotals,
    pub(super) decode_errors: u64,
    pub(super) resumes: u64,
    pub(super) outage: Option<Duration>,
    pub(super) cpu_time: Option<Duration>,
}

impl Findings<'_> {
    fn has_checksums(&self) -> bool {
        self.blocks.checksums > 0
    }

    pub(super) fn report(&self) -> BotsReport {
        let (ages, near) = self.ages.histograms();
        let ms = |ticks: u64| millis(self.tick_period.mul_f64(ticks as f64));
        let seconds = self.measured.as_secs_f64().max(f64::MIN_POSITIVE);
        BotsReport {
            clients: self.clients,
            joined: self.joined,
            clients_decoded: self.clients_decoded,
            moves_sent: self.counts.moves_sent,
            moves_applied: self.counts.moves_applied,
            snapshots_expected: self.counts.expected,
            snapshots_received: self.counts.received,
            socket_queue_losses: self.socket_queue_losses,
            tick_hz_seen: rounded(self.ticks_seen as f64 / seconds),
            snapshot_bytes_p50: quantile(self.snapshot_bytes, 0.5),
            snapshot_bytes_p99: quantile(self.snapshot_bytes, 0.99),
            snapshot_bytes_max: quantile(self.snapshot_bytes, 1.0),
            players_seen_min: quantile(self.players_seen, 0.0),
            players_seen_p50: quantile(self.players_seen, 0.5),
            age_ticks_p50: quantile(ages, 0.5),
            age_ticks_p99: quantile(ages, 0.99),
            age_ms_p50: quantile(ages, 0.5).map(ms),
            age_ms_p99: quantile(ages, 0.99).map(ms),
            near_age_ticks_p99: quantile(near, 0.99),
            far_age_ms_max: quantile(ages, 1.0).map(ms),
            bits_per_player: bits_per_player(self.blocks_before, self.blocks).map(rounded),
            checksums_compared: self.has_checksums().then_some(self.blocks.checksums),
            desyncs: self.has_checksums().then_some(self.blocks.desyncs),
            decode_errors: self.decode_errors,
            resumes: self.resumes,
            outage_ms_max: self.outage.map(millis),
            cpu_share: self.cpu_time.map(|time| rounded(time.as_secs_f64() / seconds)),
            moves_skipped: self.counts.moves_skipped,
        }
    }
}

/// For anything counted here: exact up to 200,000, to five digits up to 16 million, and no more than that. No
/// datagram, no age in ticks and no number of players is larger in any run.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1 << 24, 5).expect("the bounds and digits that the library allows")
}

/// The smallest value that is not below this share of all.
fn quantile(histogram: &Histogram<u64>, share: f64) -> Option<u64> {
    (!histogram.is_empty()).then(|| histogram.value_at_quantile(share))
}

fn millis(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1_000.0)
}

/// To a thousandth: what lies below is noise.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// All bytes of blocks x 8 / players told, between two counts. `None` where no block was told.
fn bits_per_player(before: BlockTotals, after: BlockTotals) -> Option<f64> {
    let players = after.players - before.players;
    (players > 0).then(|| (after.bytes - before.bytes) as f64 * 8.0 / players as f64)
}

#[cfg(test)]
mod tests {
    use super::super::age::{Standing, Viewer};
    use super::*;
    use crate::wire::{Position, Tick};

    fn counted(values: &[u64]) -> Histogram<u64> {
        let mut histogram = histogram();
        values.iter().for_each(|value| histogram.saturating_record(*value));
        histogram
    }

    /// Three players, told of 0, 1 and 4 ticks ago.
    fn ages() -> Ages {
        let bots = [Standing { at: Position::default(), since: Some((0, Tick(1))) }; 4];
        let viewer = Viewer { index: 0, epoch: 0, joined: Tick(1), now: Tick(50) };
        let mut ages = Ages::new();
        ages.sample(viewer, [(1, Tick(50)), (2, Tick(49)), (3, Tick(46))].into_iter(), &bots);
        ages
    }

    fn report(ages: &Ages, bytes: &[u64]) -> BotsReport {
        let counts =
            Counts { expected: 90, received: 89, moves_sent: 60, moves_applied: 59, moves_skipped: 1 };
        let findings = Findings {
            clients: 4,
            joined: 3,
            clients_decoded: 3,
            counts,
            socket_queue_losses: None,
            ticks_seen: 60,
            measured: Duration::from_secs(2),
            snapshot_bytes: &counted(bytes),
            players_seen: &counted(&[3, 4, 4]),
            ages,
            tick_period: Duration::from_nanos(33_333_333),
            blocks_before: BlockTotals::default(),
            blocks: BlockTotals::default(),
            decode_errors: 2,
            resumes: 1,
            outage: Some(Duration::from_millis(1_500)),
            cpu_time: Some(Duration::from_millis(500)),
        };
        findings.report()
    }

    #[test]
    fn figures_come_from_what_was_counted() {
        let report = report(&ages(), &[100, 1_200, 1_200]);
        assert_eq!((report.snapshots_expected, report.snapshots_received), (90, 89));
        assert_eq!((report.moves_sent, report.moves_applied), (60, 59));
        assert_eq!((report.tick_hz_seen, report.cpu_share), (30.0, Some(0.25)));
        assert_eq!((report.snapshot_bytes_p50, report.snapshot_bytes_max), (Some(1_200), Some(1_200)));
        assert_eq!((report.players_seen_min, report.players_seen_p50), (Some(3), Some(4)));
        assert_eq!((report.age_ticks_p50, report.age_ticks_p99), (Some(1), Some(4)));
        assert_eq!((report.age_ms_p50, report.far_age_ms_max), (Some(33.333), Some(133.333)));
        assert_eq!(report.outage_ms_max, Some(1_500.0));
    }

    #[test]
    fn every_key_is_there_in_order_and_null_where_it_cannot_be_known() {
        let json = serde_json::to_string(&report(&Ages::new(), &[])).expect("numbers and nulls");
        let keys = "clients, joined, clients_decoded, moves_sent, moves_applied, snapshots_expected, \
            snapshots_received, socket_queue_losses, tick_hz_seen, snapshot_bytes_p50, snapshot_bytes_p99, \
            snapshot_bytes_max, players_seen_min, players_seen_p50, age_ticks_p50, age_ticks_p99, age_ms_p50, \
            age_ms_p99, near_age_ticks_p99, far_age_ms_max, bits_per_player, checksums_compared, desyncs, \
            decode_errors, resumes, outage_ms_max, cpu_share, moves_skipped";
        let told: Vec<&str> = json.split('"').skip(1).step_by(2).collect();
        assert_eq!(told.join(", "), keys);
        for null in ["socket_queue_losses", "age_ticks_p50", "bits_per_player", "desyncs"] {
            assert!(json.contains(&format!("\"{null}\":null")), "{null} in {json}");
        }
    }

    #[test]
    fn small_numbers_and_datagram_sizes_are_exact() {
        let histogram = counted(&[65_507, 65_506, 1]);
        assert_eq!(quantile(&histogram, 0.5), Some(65_506));
        assert_eq!((quantile(&histogram, 0.0), quantile(&histogram, 1.0)), (Some(1), Some(65_507)));
    }
}
