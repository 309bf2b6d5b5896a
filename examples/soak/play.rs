//! Server, relay and clients, looked at every few seconds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::process::Process;
use super::program::{now, rest};

/// One client in so many comes and goes.
const CHURN_IN: u32 = 5;
/// How long those play, and every other time they crash in the middle of it.
const LIFE: Duration = Duration::from_secs(30);
/// They come back as one of so many groups of client ids.
const GROUPS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// What memory may grow by from the second quarter to the last: pages that are touched for the first time.
const GROWTH_MAX_KB: u64 = 1_024;
/// How many errors are told.
const ERRORS_TOLD_MAX: usize = 20;

pub(crate) struct Plan {
    /// This program.
    pub(crate) program: PathBuf,
    pub(crate) clients: u32,
    pub(crate) minutes: u64,
    pub(crate) loss: f64,
}

/// Of one process, the medians of the second and the last quarter of the time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Held {
    resident_kb: [u64; 2],
    open_files: [u64; 2],
}

/// How it went.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    commit: Option<String>,
    clients: u32,
    minutes: u64,
    loss: f64,
    /// How often the clients that come and go have left, and have crashed.
    left: u32,
    crashed: u32,
    server: Held,
    relay: Held,
    /// The figures of the clients that stayed.
    stayed: Value,
    checksums_compared: u64,
    desyncs: u64,
    decode_errors: u64,
    /// Of the server, over all of the time.
    ticks: u64,
    ticks_skipped: u64,
    drops: Value,
    /// Lines of any log that are errors.
    errors: Vec<String>,
    pub(crate) pass: bool,
}

/// What was seen of a process at each look.
#[derive(Default)]
struct Looks(Vec<(u64, u64)>);

impl Looks {
    fn look(&mut self, process: &Process) {
        let seen = (process.resident_kb(), process.open_files());
        if let (Some(resident_kb), Some(open_files)) = seen {
            self.0.push((resident_kb, open_files as u64));
        }
    }

    fn held(&self) -> Held {
        let quarter = self.0.len() / 4;
        let quarters = [&self.0[quarter..2 * quarter], &self.0[3 * quarter..]];
        let median = |of: &[(u64, u64)], pick: fn(&(u64, u64)) -> u64| {
            let mut all: Vec<u64> = of.iter().map(pick).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied().unwrap_or(0)
        };
        Held {
            resident_kb: quarters.map(|looks| median(looks, |look| look.0)),
            open_files: quarters.map(|looks| median(looks, |look| look.1)),
        }
    }
}

impl Held {
    fn is_flat(&self) -> bool {
        let [before, after] = self.resident_kb;
        let [files_before, files_after] = self.open_files;
        before > 0 && after <= before + GROWTH_MAX_KB && files_after <= files_before + files_before / 20
    }
}

/// What bots have seen, all together.
#[derive(Default)]
struct Seen {
    stayed: Value,
    checksums_compared: u64,
    desyncs: u64,
    decode_errors: u64,
    errors: Vec<String>,
}

impl Seen {
    /// Reads what the process has said since the last time. The figures of the bots, if that was among it. `Err` if it has
    /// ended.
    fn read(&mut self, process: &mut Process) -> Result<Option<Value>, ()> {
        let mut figures = None;
        loop {
            let line = match process.said() {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(figures),
                Err(()) => return figures.map(Some).ok_or(()),
            };
            if line.contains("ERROR") && self.errors.len() < ERRORS_TOLD_MAX {
                self.errors.push(line.clone());
            }
            let value: Value = serde_json::from_str(&line).unwrap_or_default();
            if value["snapshots_expected"].is_u64() {
                self.checksums_compared += value["checksums_compared"].as_u64().unwrap_or(0);
                self.desyncs += value["desyncs"].as_u64().unwrap_or(0);
                self.decode_errors += value["decode_errors"].as_u64().unwrap_or(0);
                figures = Some(value);
            }
        }
    }
}

/// Clients that come and go.
struct Churn {
    bots: Process,
    ends: Instant,
    lives: u32,
}

pub(crate) fn play(plan: &Plan, commit: Option<String>) -> Result<Report, Box<dyn std::error::Error>> {
    let data = tempfile::tempdir()?;
    let args = format!(
        "serve --bind 127.0.0.1:0 --json --log-format json --checksums --data {}",
        data.path().display()
    );
    let mut server = Process::start(&plan.program, &words(&args))?;
    let addr = server.wait_for(listening)?;
    let args = format!(
        "impair --listen 127.0.0.1:0 --to {addr} --loss {} --burst 2 --delay 10ms --jitter 10ms --reorder 0.01 --duplicate 0.01 \
         --log-format json",
        plan.loss
    );
    let mut relay = Process::start(&plan.program, &words(&args))?;
    let through = relay.wait_for(listening)?;
    let churning = plan.clients / CHURN_IN;
    let length = Duration::from_secs(60 * plan.minutes);
    let mut stayers = bots(plan, through, plan.clients - churning, 0, length)?;
    let mut churn = Churn::begin(plan, through, 0)?;
    let (mut served, mut relayed, mut seen) = (Looks::default(), Looks::default(), Seen::default());
    let mut due = now() + LOOK_EVERY;
    let stayed = loop {
        let of_stayers = seen.read(&mut stayers).map_err(|()| "the bots have ended")?;
        let _of_no_interest = (seen.read(&mut server), seen.read(&mut relay));
        if let Some(figures) = of_stayers {
            break figures;
        }
        churn.go_on(plan, through, &mut seen)?;
        if now() >= due {
            due += LOOK_EVERY;
            served.look(&server);
            relayed.look(&relay);
        }
        rest(Duration::from_millis(100));
    };
    seen.stayed = stayed;
    server.signal("INT")?;
    let told = server.wait_for(|line| line["ticks_skipped"].is_u64().then(|| line.clone()))?;
    Ok(summed_up(plan, commit, &churn, [served.held(), relayed.held()], seen, &told))
}

impl Churn {
    fn begin(plan: &Plan, server: SocketAddr, lives: u32) -> Result<Self, String> {
        let first_id = 1_000_000 + (lives % GROUPS) * plan.clients;
        let crashes = lives % 2 == 1;
        // One that is to crash would play on.
        let length = if crashes { 10 * LIFE } else { LIFE };
        let bots = bots(plan, server, plan.clients / CHURN_IN, first_id, length)?;
        Ok(Self { bots, ends: now() + if crashes { LIFE } else { 10 * LIFE }, lives: lives + 1 })
    }

    /// Whoever has left, or is to crash now, is followed by the next.
    fn go_on(&mut self, plan: &Plan, server: SocketAddr, seen: &mut Seen) -> Result<(), String> {
        if seen.read(&mut self.bots).is_err() || now() >= self.ends {
            *self = Self::begin(plan, server, self.lives)?;
        }
        Ok(())
    }
}

fn bots(
    plan: &Plan,
    server: SocketAddr,
    clients: u32,
    first_id: u32,
    length: Duration,
) -> Result<Process, String> {
    let args = format!(
        "bots --server {server} --clients {clients} --first-client-id {first_id} --rate 30 --warmup 5s --duration {}s --decoders 20 --json",
        length.as_secs()
    );
    Process::start(&plan.program, &words(&args))
}

fn summed_up(
    plan: &Plan,
    commit: Option<String>,
    churn: &Churn,
    [server, relay]: [Held; 2],
    seen: Seen,
    told: &Value,
) -> Report {
    let mut report = Report {
        commit,
        clients: plan.clients,
        minutes: plan.minutes,
        loss: plan.loss,
        left: churn.lives.div_ceil(2),
        crashed: churn.lives / 2,
        server,
        relay,
        stayed: seen.stayed,
        checksums_compared: seen.checksums_compared,
        desyncs: seen.desyncs,
        decode_errors: seen.decode_errors,
        ticks: told["ticks"].as_u64().unwrap_or(0),
        ticks_skipped: told["ticks_skipped"].as_u64().unwrap_or(0),
        drops: told["drops"].clone(),
        errors: seen.errors,
        pass: false,
    };
    let knows_the_truth = report.checksums_compared > 0 && report.desyncs + report.decode_errors == 0;
    let is_flat = report.server.is_flat() && report.relay.is_flat();
    report.pass = knows_the_truth && is_flat && report.errors.is_empty();
    report
}

fn listening(line: &Value) -> Option<SocketAddr> {
    let fields = &line["fields"];
    let addr = fields["addr"].as_str().or_else(|| fields["listen"].as_str())?;
    fields["message"].as_str()?.contains("listening").then(|| addr.parse().ok())?
}

fn words(args: &str) -> Vec<String> {
    args.split_whitespace().map(str::to_owned).collect()
}
