//! Does everyone stand where they stood, whenever the server is killed? `cargo run --release --example kills -- --times 200`
//! kills it again and again at drawn moments, under clients that walk, and says how old what it knew was and how soon
//! they moved again. `--out FILE` keeps the figures; `--slack TIMES` is for machines that do other things meanwhile.

mod play;
#[path = "../beside/program.rs"]
mod program;

use std::process::ExitCode;

use play::{Plan, Report};

/// The server that is killed is this program.
fn main() -> ExitCode {
    program::open(&["serve"], run)
}

fn run(args: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let mut plan = Plan { program: std::env::current_exe()?, times: 200, clients: 100, seed: 1, slack: 1 };
    let mut out = None;
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--times" => plan.times = value.parse()?,
            [flag, value] if flag == "--clients" => plan.clients = value.parse()?,
            [flag, value] if flag == "--seed" => plan.seed = value.parse()?,
            [flag, value] if flag == "--slack" => plan.slack = value.parse()?,
            [flag, value] if flag == "--out" => out = Some(value),
            _ => return Err("it takes --times N, --clients N, --seed S, --slack TIMES and --out FILE".into()),
        }
    }
    println!("seed {}", plan.seed);
    let dir = tempfile::tempdir()?;
    let report = play::play(&plan, dir.path(), |life| println!("{life}"))?;
    let text = serde_json::to_string(&Report { commit: program::commit(), ..report.clone() })?;
    println!("{text}");
    program::keep(&text, out)?;
    Ok(report.pass)
}
