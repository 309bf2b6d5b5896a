//! One flood: server, bots, newcomers and attack, and what it cost those who play.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::attack::{Attack, Kind};
use super::movers;
use super::newcomers;
use super::passes::Passes;
use super::process::{Process, socket_drops};
use super::program::rest;

/// Of the snapshots of those who play, and of their moves, so many must arrive.
const DELIVERED_MIN: f64 = 0.995;
const APPLIED_MIN: f64 = 0.99;
/// Newcomers play within this time, and who changes its address plays on, 99 of 100.
const JOIN_MAX: Duration = Duration::from_secs(3);
/// The server's memory may grow by so much: pages that are touched for the first time.
const GROWTH_MAX_KB: u64 = 4_096;
/// Hz.
const TICK_RATE: u64 = 30;

pub(crate) struct Plan {
    /// This program.
    pub(crate) program: PathBuf,
    pub(crate) clients: u32,
    /// Hostile datagrams a second.
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
    /// The server's core, and that of all others.
    pub(crate) cores: [usize; 2],
    /// The file of keys, where the server wants tickets, and the passes that are made with it.
    pub(crate) ticket_key: Option<String>,
    pub(crate) passes: Passes,
}

/// How all floods went.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) commit: Option<String>,
    pub(crate) clients: u32,
    pub(crate) is_sealed: bool,
    pub(crate) floods: Vec<Flood>,
    pub(crate) pass: bool,
}

/// How one went.
#[derive(Debug, Serialize)]
pub(crate) struct Flood {
    kind: Kind,
    hostile_per_second: u64,
    hostile_cpu_share: Option<f64>,
    /// Shares of those expected and said, and what was lost at the bots' own sockets.
    snapshots_delivered: f64,
    bots_socket_losses: u64,
    moves_applied: f64,
    newcomers: usize,
    join_ms_p50: u64,
    join_ms_p99: u64,
    /// Changes of address of those who play, and how long it took until a move counted again.
    returns: usize,
    return_ms_p50: u64,
    return_ms_p99: u64,
    tick_ms_p50: f64,
    tick_ms_p99: f64,
    ticks_skipped: u64,
    cpu_share: f64,
    bots_cpu_share: f64,
    /// Dropped by the system at the server's socket.
    socket_drops: Option<u64>,
    resident_kb_before: Option<u64>,
    resident_kb_after: Option<u64>,
    /// By reason.
    drops: Value,
    pub(crate) pass: bool,
}

pub(crate) fn play(plan: &Plan, kind: Kind) -> Result<Flood, Box<dyn std::error::Error>> {
    let [server_core, load_core] = plan.cores;
    let args = format!(
        "serve --bind 127.0.0.1:0 --json --log-format json --pin {server_core} --tick-rate {TICK_RATE}"
    );
    let mut server = Process::start(&plan.program, &words(plan, &args))?;
    let addr = server.wait_for(listening)?;
    let attack = Attack::prepare(kind, addr, &plan.passes)?;
    let args = format!(
        "bots --server {addr} --clients {} --rate {TICK_RATE} --duration {}s --warmup 5s --decoders 50 --json --stages --pin {load_core}",
        plan.clients, plan.seconds
    );
    let mut bots = Process::start(&plan.program, &words(plan, &args))?;
    bots.wait_for(|line| (line["stage"] == "warming_up").then_some(()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let [flooding, joining, moving] = [(); 3].map(|()| Arc::clone(&stop));
    let (rate, passes) = (plan.rate, plan.passes);
    let pinned = move || tickcast::machine::pin(load_core).map_err(|error| error.to_string());
    let flood = std::thread::spawn(move || pinned().map(|()| attack.run(rate, &flooding)));
    // The first second of it is over when the bots begin to count.
    bots.wait_for(|line| (line["stage"] == "counting").then_some(()))?;
    let newcomers = std::thread::spawn(move || {
        pinned()?;
        newcomers::run(addr, passes, &joining).map_err(|error| error.to_string())
    });
    let movers = std::thread::spawn(move || {
        pinned()?;
        movers::run(addr, passes, &moving).map_err(|error| error.to_string())
    });
    let (resident_before, drops_before) = (server.resident_kb(), socket_drops(addr.port()));
    server.signal("USR1")?;
    server.wait_for(statistics)?;
    let told = bots.wait_for(|line| line["snapshots_expected"].is_u64().then(|| line.clone()))?;
    server.signal("USR1")?;
    let served = server.wait_for(statistics)?;
    stop.store(true, Ordering::Release);
    let sent = flood.join().map_err(|_| "the flood has failed")??;
    let mut joined = newcomers.join().map_err(|_| "the newcomers have failed")??;
    let mut returned = movers.join().map_err(|_| "those who change their addresses have failed")??;
    let (resident_after, drops_after) = (server.resident_kb(), socket_drops(addr.port()));
    rest(Duration::from_millis(1));
    joined.sort_unstable();
    returned.sort_unstable();
    let share = |part: &str, whole: &str| number(&told, part) / number(&told, whole).max(1.0);
    let mut flood = Flood {
        kind,
        hostile_per_second: sent.per_second,
        hostile_cpu_share: sent.cpu_share,
        snapshots_delivered: share("snapshots_received", "snapshots_expected"),
        bots_socket_losses: told["socket_queue_losses"].as_u64().unwrap_or(0),
        moves_applied: share("moves_applied", "moves_sent"),
        newcomers: joined.len(),
        join_ms_p50: at(&joined, 0.5),
        join_ms_p99: at(&joined, 0.99),
        returns: returned.len(),
        return_ms_p50: at(&returned, 0.5),
        return_ms_p99: at(&returned, 0.99),
        tick_ms_p50: number(&served, "tick_us_p50") / 1e3,
        tick_ms_p99: number(&served, "tick_us_p99") / 1e3,
        ticks_skipped: served["ticks_skipped"].as_u64().unwrap_or(0),
        cpu_share: number(&served, "cpu_share"),
        bots_cpu_share: number(&told, "cpu_share"),
        socket_drops: drops_after.zip(drops_before).map(|(after, before)| after - before),
        resident_kb_before: resident_before,
        resident_kb_after: resident_after,
        drops: served["drops"].clone(),
        pass: false,
    };
    flood.pass = flood.is_harmless();
    Ok(flood)
}

impl Flood {
    fn is_harmless(&self) -> bool {
        let grown = self.resident_kb_after.unwrap_or(0).saturating_sub(self.resident_kb_before.unwrap_or(0));
        self.snapshots_delivered >= DELIVERED_MIN
            && self.moves_applied >= APPLIED_MIN
            && [self.join_ms_p99, self.return_ms_p99]
                .into_iter()
                .all(|ms| Duration::from_millis(ms) <= JOIN_MAX)
            && self.tick_ms_p99 * TICK_RATE as f64 <= 1_000.0
            && grown <= GROWTH_MAX_KB
    }
}

fn listening(line: &Value) -> Option<SocketAddr> {
    let fields = &line["fields"];
    (fields["message"] == "listening").then(|| fields["addr"].as_str()?.parse().ok())?
}

fn statistics(line: &Value) -> Option<Value> {
    line["ticks_skipped"].is_u64().then(|| line.clone())
}

fn number(of: &Value, key: &str) -> f64 {
    of[key].as_f64().unwrap_or(0.0)
}

/// In milliseconds, of times in order.
fn at(times: &[Duration], share: f64) -> u64 {
    let index = (times.len() as f64 * share) as usize;
    times.get(index.min(times.len().saturating_sub(1))).map_or(u64::MAX, |time| time.as_millis() as u64)
}

/// As a command line, with the keys where tickets are wanted.
fn words(plan: &Plan, args: &str) -> Vec<String> {
    let keys = plan.ticket_key.iter().flat_map(|file| ["--ticket-key".to_owned(), file.clone()]);
    args.split_whitespace().map(str::to_owned).chain(keys).collect()
}
