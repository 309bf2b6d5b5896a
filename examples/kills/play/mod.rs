//! One server, killed again and again, and clients that resume by themselves.

mod process;
mod walkers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tickcast::secret::Secret;

use process::Served;
use walkers::Walkers;

/// No position may be older when the server is killed.
const AGE_MAX: Duration = Duration::from_secs(1);
/// Everyone moves again so soon after the server listens.
const RESUME_MAX: Duration = Duration::from_secs(2);
/// Beyond that it is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many failures are told.
const TOLD_MAX: usize = 20;

/// What is played.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The binary.
    pub(crate) program: PathBuf,
    /// How often the server is killed.
    pub(crate) times: u32,
    pub(crate) clients: u32,
    pub(crate) seed: u64,
    /// How many times the limits times may take: other work keeps clients and server from the cores.
    pub(crate) slack: u32,
}

/// How it went.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) times: u32,
    /// Kills before the server listened, and before all clients had moved again.
    pub(crate) times_starting: u32,
    pub(crate) times_resuming: u32,
    pub(crate) clients: u32,
    /// Positions that were compared after a restart.
    pub(crate) positions: usize,
    /// How old they were when the server was killed: since the client had said the next that the server had applied.
    pub(crate) age_ms_p50: u64,
    pub(crate) age_ms_p99: u64,
    pub(crate) age_ms_max: u64,
    /// From the server's start until it listened.
    pub(crate) start_ms_p50: u64,
    pub(crate) start_ms_max: u64,
    /// From there until a client had seen a move of its own applied.
    pub(crate) resume_ms_p50: u64,
    pub(crate) resume_ms_p99: u64,
    pub(crate) resume_ms_max: u64,
    /// What should have been true and was not.
    pub(crate) failures: Vec<String>,
    pub(crate) commit: Option<String>,
    pub(crate) pass: bool,
}

/// When a life of the server ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// So long after it was started, be it ready or not.
    Starting(Duration),
    /// So long after it listens, be everyone back or not.
    Resuming(Duration),
    /// So long after all have moved again.
    Playing(Duration),
}

fn drawn(draw: &Secret, life: u32) -> End {
    let number = draw.number(life.into());
    let up_to = |most_ms: u64| Duration::from_micros((number >> 8) % (1_000 * most_ms));
    match number % 8 {
        // The clients need an address first.
        0 if life > 0 => End::Starting(up_to(60)),
        1 | 2 => End::Resuming(up_to(1_400)),
        _ => End::Playing(up_to(1_000)),
    }
}

/// Plays in a directory of its own, and tells of each life.
pub(crate) fn play(plan: &Plan, dir: &Path, mut tell: impl FnMut(String)) -> Result<Report, String> {
    let draw = Secret::from_seed(plan.seed);
    let mut report =
        Report { seed: plan.seed, times: plan.times, clients: plan.clients, ..Report::default() };
    let mut walkers = Walkers::default();
    let mut starts = Vec::new();
    for life in 0..=plan.times {
        let end = if life == plan.times { End::Playing(Duration::ZERO) } else { drawn(&draw, life) };
        let began = now();
        let mut served = Served::start(&plan.program, walkers.server(), dir)?;
        if let End::Starting(long) = end {
            report.times_starting += 1;
            until(&mut walkers, began + long, |_| false);
        } else {
            report.times_resuming += u32::from(matches!(end, End::Resuming(_)));
            let (listening, addr) = listen(&mut served, &mut walkers)?;
            starts.push(listening - began);
            walkers.on_restart(listening, addr, plan);
            live(&mut walkers, listening, end)?;
        }
        walkers.on_kill(served.kill());
        tell(format!("life {life} ended ({end:?}); {} positions so far", walkers.ages.len()));
    }
    Ok(summed_up(report, walkers, starts, plan.slack))
}

/// Waits until the server listens: since when, and where.
fn listen(served: &mut Served, walkers: &mut Walkers) -> Result<(Instant, SocketAddr), String> {
    let deadline = now() + PATIENCE;
    while now() < deadline {
        if let Some(listening) = served.listening()? {
            return Ok(listening);
        }
        pump(walkers);
    }
    Err("the server does not listen".into())
}

/// A life from when the server listens.
fn live(walkers: &mut Walkers, listening: Instant, end: End) -> Result<(), String> {
    match end {
        End::Playing(long) => {
            if !until(walkers, listening + PATIENCE, |walkers| walkers.still() == 0) {
                return Err(format!("{} have not moved for {PATIENCE:?}", walkers.still()));
            }
            until(walkers, now() + long, |_| false);
        }
        End::Starting(long) | End::Resuming(long) => _ = until(walkers, listening + long, |_| false),
    }
    Ok(())
}

/// Lets the clients play until a time, or until `is_done`. Whether that came first.
fn until(walkers: &mut Walkers, deadline: Instant, is_done: impl Fn(&Walkers) -> bool) -> bool {
    while now() < deadline {
        if is_done(walkers) {
            return true;
        }
        pump(walkers);
    }
    false
}

fn summed_up(mut report: Report, walkers: Walkers, mut starts: Vec<Duration>, slack: u32) -> Report {
    let (mut ages, mut resumes) = (walkers.ages, walkers.resumes);
    report.positions = ages.len();
    report.failures = walkers.failures;
    report.failures.truncate(TOLD_MAX);
    [report.age_ms_p50, report.age_ms_p99, report.age_ms_max] = spread(&mut ages);
    [report.start_ms_p50, _, report.start_ms_max] = spread(&mut starts);
    [report.resume_ms_p50, report.resume_ms_p99, report.resume_ms_max] = spread(&mut resumes);
    let is_in_time = |times: &[Duration], most| times.last().is_none_or(|time| *time <= slack * most);
    report.pass =
        report.failures.is_empty() && is_in_time(&ages, AGE_MAX) && is_in_time(&resumes, RESUME_MAX);
    report
}

/// The median, the 99th percentile and the longest, in milliseconds, of what is sorted for it.
fn spread(times: &mut [Duration]) -> [u64; 3] {
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times.get(index.min(times.len().saturating_sub(1))).map_or(0, |time| time.as_millis() as u64)
    };
    [at(0.5), at(0.99), at(1.0)]
}

fn pump(walkers: &mut Walkers) {
    walkers.pump();
    rest();
}

#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
fn now() -> Instant {
    Instant::now()
}

/// Between two looks at the sockets.
#[expect(clippy::disallowed_methods, reason = "the edge: clients that keep to a clock wait here")]
fn rest() {
    std::thread::sleep(Duration::from_millis(2));
}
