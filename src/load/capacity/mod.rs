//! What does this machine hold? Servers and bots as processes of their own, with more and more clients, until
//! something gives way.

mod measure;
mod process;
mod search;
mod step;
mod svg;
mod table;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;

pub use step::{Step, Verdict};
pub use svg::svg;
pub use table::{brief, headings, row};

use crate::machine;
use crate::wire::{Encoding, SNAPSHOT_HEADER_BYTES, UDP_PAYLOAD_MAX};
use measure::{Against, Plan, Run};
use process::ProcessError;

/// Players told of in a second that bots decode, all together: a tenth of a core, so that theirs carries thousands.
const DECODED_PER_SECOND: f64 = 3e6;
/// So many bots decode at the least, whatever that takes: enough for ages.
const DECODERS_MIN: usize = 10;
/// And so many at the most.
const DECODERS_MAX: usize = 100;

/// How many of so many clients decode all that they are told, where everyone is told about everyone at this rate.
fn decoders(clients: usize, rate_hz: f64) -> usize {
    let afforded = DECODED_PER_SECOND / (clients as f64 * rate_hz);
    (afforded as usize).clamp(DECODERS_MIN, DECODERS_MAX)
}

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct CapacityConfig {
    /// The tickcast binary.
    pub program: PathBuf,
    /// Ticks, and moves of each client, per second; a search for each.
    pub rates: Vec<f64>,
    /// The clients that a search begins with; at least 1.
    pub from: usize,
    /// The most clients that it tries; not below `from`.
    pub to: usize,
    /// The time over which a run counts.
    pub duration: Duration,
    /// The time between the last join and the duration.
    pub warmup: Duration,
    /// How the clients want their snapshots.
    pub encoding: Encoding,
    /// The core that servers and floors are kept on, if any.
    pub server_core: Option<usize>,
    /// The core that bots are kept on, if any.
    pub bots_core: Option<usize>,
    /// The file of keys that servers take tickets of, and bots make theirs with. `None`: nothing is sealed.
    pub ticket_key: Option<PathBuf>,
    /// What servers are started with besides, as flags of `tickcast serve`.
    pub serve_args: Vec<String>,
    /// Whether each step is held against the floor, by turns.
    pub floor: bool,
    /// How often each step is run; medians count. At least 1.
    pub runs: usize,
}

/// What this machine holds.
#[derive(Clone, Debug, Serialize)]
pub struct CapacityReport {
    /// Of tickcast.
    pub version: &'static str,
    /// Where it was measured.
    pub machine: Machine,
    /// How the clients wanted their snapshots.
    pub encoding: Encoding,
    /// Whether all was sealed.
    pub sealed: bool,
    /// What the servers were started with besides.
    pub serve_args: Vec<String>,
    /// The time over which a run counts, in seconds.
    pub duration_s: f64,
    /// How often each step was run.
    pub runs: usize,
    /// A search for each rate.
    pub rates: Vec<Search>,
    /// Why not all of it was measured; null where it was.
    pub unfinished: Option<String>,
}

/// Where it was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// What the processor calls itself.
    pub processor: Option<String>,
    /// How many cores this process may use.
    pub cores: Option<usize>,
    /// The core of the server.
    pub server_core: Option<usize>,
    /// The core of the bots.
    pub bots_core: Option<usize>,
}

/// What was found at one rate.
#[derive(Clone, Debug, Serialize)]
pub struct Search {
    /// Ticks, and moves of each client, per second.
    pub rate_hz: f64,
    /// The most clients that hold, of those that were tried; null if none do.
    pub holds: Option<usize>,
    /// What gave way with the fewest clients that do not hold; null if all that were tried hold.
    pub limit: Option<Verdict>,
    /// What was tried, by the number of clients.
    pub steps: Vec<Step>,
}

/// What is heard of a measurement on its way.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// What happens now.
    Doing(&'a Doing<'a>),
    /// What a step came to, and all that is known with it.
    Done(&'a Step, &'a CapacityReport),
}

/// What happens now.
#[derive(Clone, Copy, Debug)]
pub struct Doing<'a> {
    /// Ticks per second.
    pub rate_hz: f64,
    /// Clients of this step.
    pub clients: usize,
    /// Which of its runs this is, from 1 on.
    pub run: usize,
    /// Whether it is against the floor.
    pub floor: bool,
    /// What the bots do.
    pub stage: &'a str,
}

/// Why a measurement does not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Interruption {
    /// It was told to stop.
    #[error("stopped before it was done")]
    Stopped,
    /// A run did not come to its end: nothing is known then of what the machine holds.
    #[error("{0}")]
    Failed(String),
}

/// Finds what this machine holds, at each rate, and hands out what is known after each step and at the end; where it is
/// told to stop or a run fails, the report says so. Every process that it starts has ended when it returns; once `stop`
/// is set, that is soon.
pub fn run(config: &CapacityConfig, stop: &AtomicBool, news: &mut dyn FnMut(News<'_>)) -> CapacityReport {
    let measure = &mut |rate_hz, clients, news: &mut dyn FnMut(News<'_>)| {
        measure_step(config, rate_hz, clients, stop, news)
    };
    search_all(config, measure, news)
}

/// Measures a step, or was told to stop.
type Measure<'a> = &'a mut dyn FnMut(f64, usize, &mut dyn FnMut(News<'_>)) -> Result<Step, Interruption>;

fn search_all(
    config: &CapacityConfig,
    measure: Measure<'_>,
    news: &mut dyn FnMut(News<'_>),
) -> CapacityReport {
    let mut report = CapacityReport::new(config);
    let mut interrupted = None;
    for &rate_hz in &config.rates {
        report.rates.push(Search::new(rate_hz));
        let found = search::climb(config.from, config.to, |clients| {
            let step = measure(rate_hz, clients, news)?;
            report.add(step.clone());
            news(News::Done(&step, &report));
            step.failure.map_or(Ok(step.verdict == Verdict::Holds), |why| Err(Interruption::Failed(why)))
        });
        if let Err(why) = found {
            interrupted = Some(why.to_string());
            break;
        }
    }
    report.rates.retain(|search| !search.steps.is_empty());
    report.unfinished = interrupted;
    report
}

impl CapacityReport {
    fn new(config: &CapacityConfig) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            machine: Machine {
                processor: machine::processor(),
                cores: std::thread::available_parallelism().ok().map(usize::from),
                server_core: config.server_core,
                bots_core: config.bots_core,
            },
            encoding: config.encoding,
            sealed: config.ticket_key.is_some(),
            serve_args: config.serve_args.clone(),
            duration_s: config.duration.as_secs_f64(),
            runs: config.runs,
            rates: Vec::new(),
            unfinished: Some(Interruption::Stopped.to_string()),
        }
    }

    /// Whether any step came to its end.
    pub fn has_figures(&self) -> bool {
        self.rates.iter().flat_map(|search| &search.steps).any(|step| step.verdict != Verdict::Failed)
    }

    fn add(&mut self, step: Step) {
        if let Some(search) = self.rates.last_mut() {
            search.add(step);
        }
    }
}

impl Search {
    fn new(rate_hz: f64) -> Self {
        Self { rate_hz, holds: None, limit: None, steps: Vec::new() }
    }

    fn add(&mut self, step: Step) {
        self.steps.push(step);
        self.steps.sort_by_key(|step| step.clients);
        let holding = self.steps.iter().filter(|step| step.verdict == Verdict::Holds);
        self.holds = holding.map(|step| step.clients).max();
        self.limit = self.first_beyond().map(|step| step.verdict);
    }

    /// The step with the fewest clients that does not hold. One that failed does not say whether it does.
    fn first_beyond(&self) -> Option<&Step> {
        self.steps.iter().find(|step| ![Verdict::Holds, Verdict::Failed].contains(&step.verdict))
    }
}

/// The runs of a step, by turns against the server and the floor: what disturbs the machine for a while disturbs both.
fn measure_step(
    config: &CapacityConfig,
    rate_hz: f64,
    clients: usize,
    stop: &AtomicBool,
    news: &mut dyn FnMut(News<'_>),
) -> Result<Step, Interruption> {
    let (mut runs, mut floor): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    for run in 1..=config.runs {
        for against_floor in [false, true].into_iter().take(1 + usize::from(config.floor)) {
            let against = if against_floor { Against::Floor(floor_bytes(&runs)) } else { Against::Server };
            let plan = Plan { config, rate_hz, clients, against };
            let measured = plan.run(stop, &mut |stage| {
                news(News::Doing(&Doing { rate_hz, clients, run, floor: against_floor, stage }));
            });
            match measured {
                Ok(measured) if against_floor => floor.push(measured),
                Ok(measured) => runs.push(measured),
                Err(ProcessError::Stopped) => return Err(Interruption::Stopped),
                Err(error) => return Ok(Step::failed(rate_hz, clients, error.to_string())),
            }
        }
    }
    Ok(Step::new(rate_hz, clients, config.duration, &runs, &floor))
}

/// What the server sent on average, so that the floor sends as much.
fn floor_bytes(runs: &[Run]) -> usize {
    let sent = runs.last().and_then(|run| run.served.datagram_bytes()).unwrap_or_default();
    // A multiple of 4, as the floor wants it; the rounding is less than a thousandth of what a datagram costs.
    let bytes = (sent / 4.0).round() as usize * 4;
    bytes.clamp(SNAPSHOT_HEADER_BYTES + 16, UDP_PAYLOAD_MAX / 4 * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn config(rates: &[f64], from: usize, to: usize) -> CapacityConfig {
        CapacityConfig {
            program: PathBuf::new(),
            rates: rates.to_vec(),
            from,
            to,
            duration: Duration::from_secs(1),
            warmup: Duration::ZERO,
            encoding: Encoding::Compact,
            server_core: None,
            bots_core: None,
            ticket_key: None,
            serve_args: Vec::new(),
            floor: false,
            runs: 1,
        }
    }

    fn step(clients: usize, verdict: Verdict) -> Step {
        Step { clients, verdict, ..Step::default() }
    }

    /// A search in short: its rate, what holds, what gave way, and what was tried.
    type Found = (f64, Option<usize>, Option<Verdict>, Vec<usize>);

    fn found(report: &CapacityReport) -> Vec<Found> {
        let tried = |search: &Search| search.steps.iter().map(|step| step.clients).collect();
        report.rates.iter().map(|s| (s.rate_hz, s.holds, s.limit, tried(s))).collect()
    }

    #[test]
    fn a_search_is_told_in_order_with_what_gave_way_first() {
        let measure: Measure<'_> = &mut |_, clients, _| {
            let verdict = if clients < 10 {
                Verdict::Holds
            } else if clients < 14 {
                Verdict::Tick
            } else {
                Verdict::Lost
            };
            Ok(step(clients, verdict))
        };
        let report = search_all(&config(&[30.0], 7, 28), measure, &mut |_| {});
        assert_eq!(found(&report), [(30.0, Some(9), Some(Verdict::Tick), vec![7, 8, 9, 10, 14])]);
        assert_eq!(report.unfinished, None);
        let holding: Measure<'_> = &mut |_, clients, _| Ok(step(clients, Verdict::Holds));
        assert_eq!(search_all(&config(&[30.0], 8, 8), holding, &mut |_| {}).rates[0].limit, None);
    }

    #[test]
    fn a_run_that_fails_ends_it_and_what_is_known_stays() {
        let measure: Measure<'_> = &mut |rate_hz, clients, _| {
            let fails = rate_hz > 100.0 || clients > 16;
            Ok(if fails {
                Step::failed(rate_hz, clients, "no room".into())
            } else {
                step(clients, Verdict::Holds)
            })
        };
        let mut known = Vec::new();
        let mut hear = |news: News<'_>| {
            if let News::Done(step, report) = news {
                known.push((step.clients, report.has_figures(), report.unfinished.is_some()));
            }
        };
        let report = search_all(&config(&[30.0, 60.0], 8, 32), measure, &mut hear);
        assert_eq!(found(&report), [(30.0, Some(16), None, vec![8, 16, 32])], "nothing is tried after it");
        assert_eq!(report.unfinished.as_deref(), Some("no room"));
        assert_eq!(known, [(8, true, true), (16, true, true), (32, true, true)], "after each step");
        let report = search_all(&config(&[30.0, 128.0], 8, 16), measure, &mut |_| {});
        assert_eq!(found(&report)[0], (30.0, Some(16), None, vec![8, 16]), "an earlier rate");
        let report = search_all(&config(&[128.0], 8, 16), measure, &mut |_| {});
        assert!(!report.has_figures());
    }

    #[test]
    fn who_is_told_to_stop_says_what_is_known() {
        let measure: Measure<'_> = &mut |rate_hz, clients, _| {
            if rate_hz > 100.0 { Err(Interruption::Stopped) } else { Ok(step(clients, Verdict::Holds)) }
        };
        let report = search_all(&config(&[30.0, 128.0], 8, 8), measure, &mut |_| {});
        assert_eq!(found(&report), [(30.0, Some(8), None, vec![8])]);
        assert_eq!(report.unfinished.as_deref(), Some("stopped before it was done"));
    }

    #[test]
    fn fewer_decode_where_more_is_told() {
        let of = |clients, rate_hz| decoders(clients, rate_hz);
        assert_eq!([of(8, 30.0), of(1_000, 30.0), of(5_000, 30.0), of(28_000, 1_000.0)], [100, 100, 20, 10]);
    }

    #[test]
    fn the_floor_sends_as_much_as_the_server_did() {
        let sent = |snapshots, bytes_out| {
            let mut run = Run::default();
            (run.served.snapshots, run.served.bytes_out) = (snapshots, bytes_out);
            run
        };
        assert_eq!(floor_bytes(&[sent(10, 11_990)]), 1_200);
        assert_eq!(floor_bytes(&[sent(10, 470)]), 48);
        assert_eq!(floor_bytes(&[sent(10, 655_070)]), 65_504, "no more than UDP carries");
        assert_eq!(floor_bytes(&[]), 48);
    }
}
