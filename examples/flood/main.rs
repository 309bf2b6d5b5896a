//! Does a flood cost those who play anything? `cargo run --release --example flood` has clients play on a server, floods that
//! with each kind of hostile datagrams and with all of them together, and lets newcomers join meanwhile. On loopback only;
//! the server has one core, everything else the other. `--out FILE` keeps the figures.

mod attack;
mod newcomers;
mod play;
#[path = "../beside/process.rs"]
mod process;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use attack::Kind;
use play::{Plan, Report};

/// The processes beside it are this program: it plays `tickcast` where its first argument is a command of that.
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "serve" || arg == "bots") {
        return tickcast::cli::Cli::read().run();
    }
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let mut plan =
        Plan { program: std::env::current_exe()?, clients: 1_000, rate: 300_000, seconds: 20, cores: [0, 1] };
    let (mut kinds, mut out) = (Kind::ALL.to_vec(), None);
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--kind" => kinds = vec![Kind::named(value)?],
            [flag, value] if flag == "--clients" => plan.clients = value.parse()?,
            [flag, value] if flag == "--rate" => plan.rate = value.parse()?,
            [flag, value] if flag == "--seconds" => plan.seconds = value.parse()?,
            [flag, value] if flag == "--server-core" => plan.cores[0] = value.parse()?,
            [flag, value] if flag == "--load-core" => plan.cores[1] = value.parse()?,
            [flag, value] if flag == "--out" => out = Some(value),
            _ => return Err(USAGE.into()),
        }
    }
    let mut floods = Vec::new();
    for kind in kinds {
        let flood = play::play(&plan, kind)?;
        println!("{}", serde_json::to_string(&flood)?);
        floods.push(flood);
    }
    let pass = floods.iter().all(|flood| flood.pass);
    let report = Report { commit: process::commit(), clients: plan.clients, floods, pass };
    if let Some(file) = out {
        std::fs::write(file, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(pass)
}

const USAGE: &str = "it takes --kind none|junk|hellos|proven|replays|peers|mixed, --clients N, --rate DATAGRAMS_PER_SECOND, --seconds N, \
                     --server-core N, --load-core N and --out FILE";

#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
fn now() -> Instant {
    Instant::now()
}

/// Until the next thing is due.
#[expect(clippy::disallowed_methods, reason = "the edge: a load that keeps to a clock waits here")]
fn rest(time: Duration) {
    std::thread::sleep(time);
}
