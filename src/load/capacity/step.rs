//! What a number of clients at a rate came to: medians over its runs, and whether it holds.

use std::time::Duration;

use serde::Serialize;

use super::measure::Run;

/// A step holds while at most so many of its snapshots are lost, and of its moves: one in a thousand.
const LOST_MAX: f64 = 0.001;
/// The bots keep up while they have no time for at most so many of their moves.
const SKIPPED_MAX: f64 = 0.01;

/// Whether a step holds, or what gave way first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All joined, hardly a snapshot or a move was lost, and ticks ended within their period.
    #[default]
    Holds,
    /// Not all clients could join.
    Joining,
    /// The bots had no time for moves of clients that played: what they saw says little about the server.
    Bots,
    /// More than one snapshot in a thousand was lost, those at the bots' own sockets not counted; or more than one move.
    Lost,
    /// The 99th percentile of the tick's duration was longer than the period.
    Tick,
    /// A run did not come to its end.
    Failed,
}

impl Verdict {
    /// In a few words.
    pub fn in_words(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Joining => "not all could join",
            Verdict::Bots => "the bots are too slow",
            Verdict::Lost => "snapshots or moves lost",
            Verdict::Tick => "tick too long",
            Verdict::Failed => "failed",
        }
    }
}

/// One number of clients at one rate: medians over its runs. As JSON every key is always there, a number or null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Step {
    /// Ticks, and moves of each client, per second.
    pub rate_hz: f64,
    /// Clients that were asked for.
    pub clients: usize,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Why a run failed, where one did.
    pub failure: Option<String>,
    /// Clients that joined, in the run with the fewest.
    pub joined: Option<usize>,
    /// The server's time on a core for each client and tick, in microseconds.
    pub cpu_us_per_client_tick: Option<f64>,
    /// The same of the floor, with as many and as large datagrams.
    pub floor_cpu_us_per_client_tick: Option<f64>,
    /// How many times the floor the server takes.
    pub ratio_to_floor: Option<f64>,
    /// The server's share of its core, 1 being all of it.
    pub core_share: Option<f64>,
    /// How long a tick took, in microseconds, median.
    pub tick_us_p50: Option<f64>,
    /// The same, 99th percentile.
    pub tick_us_p99: Option<f64>,
    /// The same, longest.
    pub tick_us_max: Option<f64>,
    /// How late a tick began, in microseconds, median.
    pub late_us_p50: Option<f64>,
    /// The same, 99th percentile.
    pub late_us_p99: Option<f64>,
    /// Snapshots that arrived, of those expected.
    pub delivered: Option<f64>,
    /// Snapshots that did not, those at the bots' own sockets not counted, of those expected.
    pub lost: Option<f64>,
    /// Datagrams lost at the bots' own sockets, of the snapshots expected.
    pub lost_at_bots: Option<f64>,
    /// Moves sent, of those that the bots were to send.
    pub moves_sent: Option<f64>,
    /// Moves applied, of those sent.
    pub moves_applied: Option<f64>,
    /// UDP payload of a snapshot in bytes, mean.
    pub snapshot_bytes: Option<f64>,
    /// UDP payload to each client per second, in bytes.
    pub bytes_per_client_second: Option<f64>,
    /// Age of what a client knows of another's position, in milliseconds, 99th percentile.
    pub age_ms_p99: Option<f64>,
    /// The bots' share of their core.
    pub bots_core_share: Option<f64>,
    /// What others took of the server's core meanwhile, also while the floor ran: where it is not near 0, the machine was not quiet.
    pub others_on_server_core: Option<f64>,
    /// The same of the bots' core.
    pub others_on_bots_core: Option<f64>,
    /// Clients that took in the whole of their snapshots, which ages are over, in the run with the fewest.
    pub clients_decoded: Option<usize>,
    /// Moves that the bots had no time for while their clients played, of all that were due.
    pub moves_skipped: Option<f64>,
    /// Moves that the server neither applied nor had its game refuse or correct, of those sent.
    pub moves_lost: Option<f64>,
    /// Datagrams lost at the server's own socket, of the moves sent.
    pub lost_at_server: Option<f64>,
}

impl Step {
    /// Of the runs against the server, and those against the floor, each of which counted for `duration`.
    pub(super) fn new(rate_hz: f64, clients: usize, duration: Duration, runs: &[Run], floor: &[Run]) -> Self {
        let moves = clients as f64 * rate_hz * duration.as_secs_f64();
        let of = |figure: &dyn Fn(&Run) -> Option<f64>| median(runs.iter().filter_map(figure));
        let of_all =
            |figure: &dyn Fn(&Run) -> Option<f64>| median(runs.iter().chain(floor).filter_map(figure));
        let cost = |run: &Run| run.served.cpu_us_per_client_tick;
        let (own, bare) = (of(&cost), median(floor.iter().filter_map(cost)));
        let mut step = Self {
            rate_hz,
            clients,
            joined: runs.iter().map(|run| run.played.joined).min(),
            cpu_us_per_client_tick: own,
            floor_cpu_us_per_client_tick: bare,
            ratio_to_floor: own.zip(bare).and_then(|(own, bare)| share(own, bare)),
            core_share: of(&|run| run.served.cpu_share),
            tick_us_p50: of(&|run| run.served.tick_us_p50),
            tick_us_p99: of(&|run| run.served.tick_us_p99),
            tick_us_max: of(&|run| run.served.tick_us_max),
            late_us_p50: of(&|run| run.served.late_us_p50),
            late_us_p99: of(&|run| run.served.late_us_p99),
            delivered: of(&|run| of_expected(run, run.played.snapshots_received)),
            lost: of(&|run| of_expected(run, lost(run))),
            lost_at_bots: of(&|run| of_expected(run, run.played.socket_queue_losses?)),
            moves_sent: of(&|run| share(run.played.moves_sent as f64, moves)),
            moves_applied: of(&|run| share(run.played.moves_applied as f64, run.played.moves_sent as f64)),
            snapshot_bytes: of(&|run| run.served.datagram_bytes().map(rounded)),
            bytes_per_client_second: of(&|run| {
                share(run.served.bytes_out as f64, run.served.peers as f64 * run.served.seconds)
            }),
            age_ms_p99: of(&|run| run.played.age_ms_p99),
            bots_core_share: of(&|run| run.played.cpu_share),
            others_on_server_core: of_all(&|run| beside(run.busy[0], run.served.cpu_share)),
            others_on_bots_core: of_all(&|run| beside(run.busy[1], run.played.cpu_share)),
            clients_decoded: runs.iter().map(|run| run.played.clients_decoded).min(),
            moves_skipped: of(&moves_skipped),
            moves_lost: of(&moves_lost),
            lost_at_server: of(&|run| of_moves(run, run.server_drops?)),
            ..Self::default()
        };
        step.verdict = step.judged();
        step
    }

    /// A run did not come to its end.
    pub(super) fn failed(rate_hz: f64, clients: usize, why: String) -> Self {
        Self { rate_hz, clients, verdict: Verdict::Failed, failure: Some(why), ..Self::default() }
    }

    fn judged(&self) -> Verdict {
        let above = |figure: Option<f64>, most: f64| figure.is_none_or(|figure| figure > most);
        // Where no move was due, or the system does not say, there is nothing to blame anyone for.
        let known_above = |figure: Option<f64>, most: f64| figure.is_some_and(|figure| figure > most);
        let moves_lost =
            [self.moves_lost, self.lost_at_server].into_iter().any(|lost| known_above(lost, LOST_MAX));
        if self.joined.is_none_or(|joined| joined < self.clients) {
            Verdict::Joining
        } else if known_above(self.moves_skipped, SKIPPED_MAX) {
            Verdict::Bots
        } else if above(self.lost, LOST_MAX) || moves_lost {
            Verdict::Lost
        } else if above(self.tick_us_p99, 1e6 / self.rate_hz) {
            Verdict::Tick
        } else {
            Verdict::Holds
        }
    }
}

fn lost(run: &Run) -> u64 {
    let missing = run.played.snapshots_expected.saturating_sub(run.played.snapshots_received);
    missing.saturating_sub(run.played.socket_queue_losses.unwrap_or(0))
}

fn moves_skipped(run: &Run) -> Option<f64> {
    let (sent, skipped) = (run.played.moves_sent, run.played.moves_skipped);
    share(skipped as f64, (sent + skipped) as f64)
}

fn moves_lost(run: &Run) -> Option<f64> {
    let missing = run.played.moves_sent.saturating_sub(run.played.moves_applied);
    of_moves(run, missing.saturating_sub(run.served.moves_judged()))
}

fn of_moves(run: &Run, part: u64) -> Option<f64> {
    share(part as f64, run.played.moves_sent as f64)
}

fn of_expected(run: &Run, part: u64) -> Option<f64> {
    share(part as f64, run.played.snapshots_expected as f64)
}

/// What is left of what all use.
fn beside(all: Option<f64>, own: Option<f64>) -> Option<f64> {
    Some(rounded((all? - own?).max(0.0)))
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| rounded(part / whole))
}

/// To a millionth: what lies below is noise.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The middle one, or the mean of the two in the middle.
fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let upper = *figures.get(middle)?;
    Some(if figures.len() % 2 == 1 { upper } else { (figures[middle - 1] + upper) / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::super::measure::{Played, Served};
    use super::*;

    /// A second at 100 Hz with ten clients.
    fn run() -> Run {
        let served = Served {
            seconds: 1.0,
            peers: 10,
            tick_us_p99: Some(9_000.0),
            cpu_us_per_client_tick: Some(5.0),
            snapshots: 1_000,
            bytes_out: 400_000,
            ..Served::default()
        };
        let played = Played {
            joined: 10,
            clients_decoded: 10,
            moves_sent: 1_000,
            moves_applied: 999,
            snapshots_expected: 1_000,
            snapshots_received: 997,
            socket_queue_losses: Some(2),
            ..Played::default()
        };
        Run { served, played, ..Run::default() }
    }

    fn step(change: impl Fn(&mut Run)) -> Step {
        let mut run = run();
        change(&mut run);
        Step::new(100.0, 10, Duration::from_secs(1), &[run], &[])
    }

    #[test]
    fn what_gives_way_first_is_named() {
        assert_eq!(
            step(|_| {}).verdict,
            Verdict::Holds,
            "one in a thousand, and two at the bots' own sockets"
        );
        assert_eq!(step(|run| run.played.snapshots_received = 996).verdict, Verdict::Lost);
        assert_eq!(step(|run| run.played.socket_queue_losses = None).verdict, Verdict::Lost);
        assert_eq!(step(|run| run.served.tick_us_p99 = Some(10_001.0)).verdict, Verdict::Tick);
        assert_eq!(step(|run| run.served.tick_us_p99 = None).verdict, Verdict::Tick, "no tick at all");
        assert_eq!(step(|run| run.played.moves_skipped = 11).verdict, Verdict::Bots);
        assert_eq!(step(|run| run.played.joined = 9).verdict, Verdict::Joining);
    }

    #[test]
    fn bots_are_blamed_for_moves_that_they_skipped_and_for_nothing_else() {
        let stalled = |run: &mut Run| {
            (run.played.moves_sent, run.played.moves_applied) = (500, 500);
            run.played.snapshots_received = 500;
        };
        let server = step(stalled);
        assert_eq!(
            (server.verdict, server.moves_sent),
            (Verdict::Lost, Some(0.5)),
            "clients that hear nothing stop"
        );
        let bots = step(|run| {
            stalled(run);
            run.played.moves_skipped = 500;
        });
        assert_eq!((bots.verdict, bots.moves_skipped), (Verdict::Bots, Some(0.5)));
        assert_eq!(step(|run| run.played.moves_skipped = 10).verdict, Verdict::Holds, "one in a hundred");
    }

    #[test]
    fn moves_may_be_lost_as_little_as_snapshots() {
        let lost = step(|run| run.played.moves_applied = 998);
        assert_eq!((lost.verdict, lost.moves_lost), (Verdict::Lost, Some(0.002)));
        let judged = step(|run| {
            run.played.moves_applied = 998;
            run.served.drops.insert("corrected".into(), 1);
        });
        assert_eq!((judged.verdict, judged.moves_lost), (Verdict::Holds, Some(0.001)));
        let at_server = step(|run| run.server_drops = Some(2));
        assert_eq!((at_server.verdict, at_server.lost_at_server), (Verdict::Lost, Some(0.002)));
        assert_eq!(step(|run| run.server_drops = Some(1)).verdict, Verdict::Holds);
    }

    #[test]
    fn figures_are_medians_and_the_ratio_is_of_medians() {
        let costing = |cost| {
            let mut run = run();
            run.served.cpu_us_per_client_tick = Some(cost);
            run
        };
        let runs = [costing(9.0), costing(5.0), costing(6.0)];
        let floor = [costing(1.0), costing(4.0), costing(100.0), costing(4.0)];
        let step = Step::new(100.0, 10, Duration::from_secs(1), &runs, &floor);
        assert_eq!((step.cpu_us_per_client_tick, step.ratio_to_floor), (Some(6.0), Some(1.5)));
        assert_eq!((step.snapshot_bytes, step.bytes_per_client_second), (Some(400.0), Some(40_000.0)));
        assert_eq!(step.lost_at_bots, Some(0.002));
        assert_eq!(median([1.0, 2.0].into_iter()), Some(1.5));
    }

    #[test]
    fn every_key_is_there_also_of_a_run_that_failed() {
        let json =
            serde_json::to_string(&Step::failed(30.0, 7, "no room".into())).expect("numbers and nulls");
        let keys = "rate_hz, clients, verdict, failed, failure, no room, joined, cpu_us_per_client_tick, \
            floor_cpu_us_per_client_tick, ratio_to_floor, core_share, tick_us_p50, tick_us_p99, tick_us_max, \
            late_us_p50, late_us_p99, delivered, lost, lost_at_bots, moves_sent, moves_applied, snapshot_bytes, \
            bytes_per_client_second, age_ms_p99, bots_core_share, others_on_server_core, others_on_bots_core, \
            clients_decoded, moves_skipped, moves_lost, lost_at_server";
        let told: Vec<&str> = json.split('"').skip(1).step_by(2).collect();
        assert_eq!(told.join(", "), keys);
    }
}
