//! Does everyone stand where they stood, whenever the server is killed? `cargo run --release --example kills -- --times 200`
//! kills it again and again at drawn moments, under clients that walk, and says how old what it knew was and how soon
//! they moved again. `--out FILE` keeps the figures.

mod play;

use std::process::ExitCode;

use play::{Plan, Report};

/// The server that is killed is this program: it plays `tickcast serve` where its first argument is that.
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "serve") {
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
    let mut plan = Plan { program: std::env::current_exe()?, times: 200, clients: 100, seed: 1 };
    let mut out = None;
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--times" => plan.times = value.parse()?,
            [flag, value] if flag == "--clients" => plan.clients = value.parse()?,
            [flag, value] if flag == "--seed" => plan.seed = value.parse()?,
            [flag, value] if flag == "--out" => out = Some(value),
            _ => return Err("it takes --times N, --clients N, --seed S and --out FILE".into()),
        }
    }
    println!("seed {}", plan.seed);
    let dir = tempfile::tempdir()?;
    let report = play::play(&plan, dir.path(), |life| println!("{life}"))?;
    let commit = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output();
    let commit = commit.ok().filter(|told| told.status.success()).map(|told| told.stdout);
    let commit = commit.and_then(|told| String::from_utf8(told).ok()).map(|commit| commit.trim().to_owned());
    let text = serde_json::to_string(&Report { commit, ..report.clone() })?;
    println!("{text}");
    if let Some(file) = out {
        std::fs::write(file, text + "\n")?;
    }
    Ok(report.pass)
}
