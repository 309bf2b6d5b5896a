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
pub use table::{headings, row};

use crate::machine;
use crate::wire::{Encoding, SNAPSHOT_HEADER_BYTES};
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
    /// What a step came to.
    Done(&'a Step),
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

/// Why nothing could be found.
#[derive(Debug, thiserror::Error)]
pub enum CapacityError {
    /// It was told to stop.
    #[error("stopped before it was done")]
    Stopped,
    /// A program cannot be run, or the first run of a search did not come to its end.
    #[error("{0}")]
    Failed(String),
}

/// Finds what this machine holds, at each rate. Every process that it starts has ended when it returns; once `stop`
/// is set, that is soon.
///
/// # Errors
/// If it was told to stop, a program cannot be run, or the first run of a search does not come to its end.
pub fn run(
    config: &CapacityConfig,
    stop: &AtomicBool,
    news: &mut dyn FnMut(News<'_>),
) -> Result<CapacityReport, CapacityError> {
    let rates: Result<Vec<Search>, CapacityError> =
        config.rates.iter().map(|&rate_hz| search_at(config, rate_hz, stop, news)).collect();
    let cores = std::thread::available_parallelism().ok().map(usize::from);
    Ok(CapacityReport {
        version: env!("CARGO_PKG_VERSION"),
        machine: Machine {
            processor: machine::processor(),
            cores,
            server_core: config.server_core,
            bots_core: config.bots_core,
        },
        encoding: config.encoding,
        sealed: config.ticket_key.is_some(),
        serve_args: config.serve_args.clone(),
        duration_s: config.duration.as_secs_f64(),
        runs: config.runs,
        rates: rates?,
    })
}

fn search_at(
    config: &CapacityConfig,
    rate_hz: f64,
    stop: &AtomicBool,
    news: &mut dyn FnMut(News<'_>),
) -> Result<Search, CapacityError> {
    let mut steps = Vec::new();
    let holds = search::climb(config.from, config.to, |clients| {
        let step = measure_step(config, rate_hz, clients, stop, news)?;
        if let (true, Some(why)) = (steps.is_empty(), &step.failure) {
            return Err(CapacityError::Failed(why.clone()));
        }
        news(News::Done(&step));
        let holds = step.verdict == Verdict::Holds;
        steps.push(step);
        Ok(holds)
    })?;
    Ok(summed_up(rate_hz, holds, steps))
}

fn summed_up(rate_hz: f64, holds: Option<usize>, mut steps: Vec<Step>) -> Search {
    steps.sort_by_key(|step| step.clients);
    let limit = steps.iter().find(|step| step.verdict != Verdict::Holds).map(|step| step.verdict);
    Search { rate_hz, holds, limit, steps }
}

/// The runs of a step, by turns against the server and the floor: what disturbs the machine for a while disturbs both.
fn measure_step(
    config: &CapacityConfig,
    rate_hz: f64,
    clients: usize,
    stop: &AtomicBool,
    news: &mut dyn FnMut(News<'_>),
) -> Result<Step, CapacityError> {
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
                Err(ProcessError::Stopped) => return Err(CapacityError::Stopped),
                Err(error @ ProcessError::System { .. }) => {
                    return Err(CapacityError::Failed(error.to_string()));
                }
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
    bytes.max(SNAPSHOT_HEADER_BYTES + 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_told_in_order_with_what_gave_way_first() {
        let step = |clients, verdict| Step { clients, verdict, ..Step::default() };
        let steps = vec![step(8, Verdict::Holds), step(16, Verdict::Lost), step(12, Verdict::Tick)];
        let search = summed_up(30.0, Some(8), steps);
        assert_eq!(search.steps.iter().map(|step| step.clients).collect::<Vec<_>>(), [8, 12, 16]);
        assert_eq!((search.holds, search.limit), (Some(8), Some(Verdict::Tick)));
        assert_eq!(summed_up(30.0, Some(8), vec![step(8, Verdict::Holds)]).limit, None);
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
        assert_eq!(floor_bytes(&[]), 48);
    }
}
