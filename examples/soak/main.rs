//! Does it stay as it is? `cargo run --release --example soak -- --minutes 60 --out soak.json` has a thousand clients play
//! through the relay with a bad network in it, of which some come, go and crash all the time, and looks whether memory and
//! open files stay flat, whether any client knows anything wrong, and whether anything logs an error.

mod play;
#[path = "../beside/process.rs"]
mod process;
#[path = "../beside/program.rs"]
mod program;

use std::process::ExitCode;

use play::Plan;

/// The processes beside it are this program.
fn main() -> ExitCode {
    program::open(&["serve", "bots", "impair"], run)
}

fn run(args: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let mut plan = Plan { program: std::env::current_exe()?, clients: 1_000, minutes: 60, loss: 0.05 };
    let mut out = None;
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--clients" => plan.clients = value.parse()?,
            [flag, value] if flag == "--minutes" => plan.minutes = value.parse()?,
            [flag, value] if flag == "--loss" => plan.loss = value.parse()?,
            [flag, value] if flag == "--out" => out = Some(value),
            _ => return Err("it takes --clients N, --minutes N, --loss SHARE and --out FILE".into()),
        }
    }
    let report = play::play(&plan, program::commit())?;
    let text = serde_json::to_string_pretty(&report)?;
    println!("{text}");
    program::keep(&text, out)?;
    Ok(report.pass)
}
