//! What does slow work cost the tick? `cargo run --release --example waits -- --clients 500 --seconds 20` plays with and
//! without it beside the same game, in turn, and says how late ticks began and how long they took:
//!
//! - `nothing`: no work;
//! - `threads`: all threads for work compute without a pause, and more work waits for them;
//! - `tasks`: hundreds of futures sleep, and begin anew when they have ended;
//! - `levels`: a level of 50 MB is loaded as soon as another is played;
//! - `enemies`: a hundred of them look for paths;
//! - `service`: profiles and leaderboard are asked of a service that never answers;
//! - `all`: the last three.

mod beside;
#[path = "../../tests/maps/mod.rs"]
mod maps;
#[path = "../beside/process.rs"]
mod process;
#[path = "../beside/program.rs"]
mod program;
mod slow;

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use tickcast::net::Statistics;
use tickcast::{Config, TickRate, TickServer};

use beside::{Levels, silent_service};
use process::Process;
use slow::Slow;

/// What is beside the game, in turn.
const LOADS: [Load; 7] = [
    NOTHING,
    Load { name: "threads", threads: 32, ..NOTHING },
    Load { name: "tasks", tasks: 500, ..NOTHING },
    Load { name: "levels", levels: true, ..NOTHING },
    Load { name: "enemies", enemies: 100, ..NOTHING },
    Load { name: "service", service: true, ..NOTHING },
    Load { name: "all", levels: true, enemies: 100, service: true, ..NOTHING },
];
const NOTHING: Load =
    Load { name: "nothing", threads: 0, tasks: 0, levels: false, enemies: 0, service: false };

/// How much of which work goes on at every moment.
#[derive(Clone, Copy, Debug)]
struct Load {
    name: &'static str,
    threads: usize,
    tasks: usize,
    levels: bool,
    enemies: usize,
    service: bool,
}

struct Plan {
    clients: u32,
    rate: f64,
    seconds: u64,
    rounds: u32,
    out: Option<String>,
}

#[derive(Serialize)]
struct Report {
    commit: Option<String>,
    clients: u32,
    tick_rate_hz: f64,
    /// In all runs together.
    ticks_skipped: u64,
    runs: Vec<Run>,
}

#[derive(Serialize)]
struct Run {
    beside: &'static str,
    #[serde(flatten)]
    statistics: Statistics,
}

/// The clients are this program.
fn main() -> ExitCode {
    program::open(&["bots"], run)
}

fn run(args: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let plan = plan(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut runs = Vec::new();
    for load in (0..plan.rounds).flat_map(|_| LOADS) {
        runs.push(Run { beside: load.name, statistics: runtime.block_on(measure(&plan, load))? });
    }
    let ticks_skipped = runs.iter().map(|run| run.statistics.ticks_skipped).sum();
    let (clients, tick_rate_hz) = (plan.clients, plan.rate);
    let report = Report { commit: program::commit(), clients, tick_rate_hz, ticks_skipped, runs };
    let text = serde_json::to_string_pretty(&report)?;
    println!("{text}");
    if let Some(file) = plan.out {
        std::fs::write(file, text + "\n")?;
    }
    Ok(true)
}

fn plan(args: &[String]) -> Result<Plan, Box<dyn std::error::Error>> {
    let mut plan = Plan { clients: 500, rate: 30.0, seconds: 20, rounds: 1, out: None };
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--clients" => plan.clients = value.parse()?,
            [flag, value] if flag == "--rate" => plan.rate = value.parse()?,
            [flag, value] if flag == "--seconds" => plan.seconds = value.parse()?,
            [flag, value] if flag == "--rounds" => plan.rounds = value.parse()?,
            [flag, value] if flag == "--out" => plan.out = Some(value.clone()),
            _ => {
                return Err("it takes --clients N, --rate HZ, --seconds N, --rounds N and --out FILE".into());
            }
        }
    }
    Ok(plan)
}

/// How a server fares with that beside it, while the clients play.
async fn measure(plan: &Plan, load: Load) -> Result<Statistics, Box<dyn std::error::Error>> {
    let levels = load.levels.then(Levels::write).transpose()?;
    let server = serve(plan, load, levels.as_ref())?;
    let mut statuses = server.watch();
    let _plays_until_dropped = (plan.clients > 0).then(|| play(plan, &server)).transpose()?;
    statuses.wait_for(|status| status.report.peers == plan.clients as usize).await?;
    let (orders, changes) = (server.orders(), levels.as_ref());
    let measured = async {
        rest(Duration::from_secs(3)).await;
        server.statistics().ask().await?;
        rest(Duration::from_secs(plan.seconds)).await;
        server.statistics().ask().await
    };
    let beside = async {
        match changes {
            Some(levels) => levels.change(&orders).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        statistics = measured => Ok(statistics?),
        ended = beside => Err(format!("the server has ended: {ended:?}").into()),
    }
}

/// The game of the binary, but where the work is for its own sake.
fn serve(plan: &Plan, load: Load, levels: Option<&Levels>) -> Result<TickServer, Box<dyn std::error::Error>> {
    let config =
        Config { tick_rate: TickRate::from_hz(plan.rate)?, enemies: load.enemies, ..Config::default() };
    let config = levels.map_or(Ok(config.clone()), |levels| levels.begin(config))?;
    let service = load.service.then(silent_service).transpose()?;
    let (addr, config) = ("127.0.0.1:0".parse()?, Config { service, ..config });
    Ok(match load.threads + load.tasks {
        0 => TickServer::bind(addr, config)?,
        _ => TickServer::bind_game(addr, config, Box::new(Slow::new(load.threads, load.tasks)))?,
    })
}

fn play(plan: &Plan, server: &TickServer) -> Result<Process, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let (addr, clients, rate) = (server.local_addr(), plan.clients, plan.rate);
    // As far as a level looks along one move: whoever begins at its spawn comes anywhere at once.
    let line =
        format!("bots --server {addr} --clients {clients} --rate {rate} --duration 1h --area 900x900 --json");
    let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
    Process::start(&program, &args)
}

/// Until the next look.
#[expect(clippy::disallowed_methods, reason = "the edge: who measures a stretch of time waits for its end")]
async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}
