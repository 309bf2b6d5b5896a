//! Does a flood cost those who play anything? `cargo run --release --example flood` has clients play on a server, floods that
//! with each kind of hostile datagrams and with all of them together, and lets newcomers join and players change their
//! addresses meanwhile. On loopback only; the server has one core, everything else the other; 5,000 open files must be
//! allowed (`ulimit -n`). With `--ticket-key FILE` the server wants tickets; `--out FILE` keeps the figures.

mod attack;
mod movers;
mod newcomers;
mod passes;
mod play;
#[path = "../beside/process.rs"]
mod process;
#[path = "../beside/program.rs"]
mod program;
mod proven;
mod volley;

use std::process::ExitCode;

use attack::Kind;
use passes::Passes;
use play::{Plan, Report};

/// The processes beside it are this program.
fn main() -> ExitCode {
    program::open(&["serve", "bots"], run)
}

fn run(args: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let mut plan = Plan {
        program: std::env::current_exe()?,
        clients: 1_000,
        rate: 300_000,
        seconds: 20,
        cores: [0, 1],
        ticket_key: None,
        passes: Passes::default(),
    };
    let (mut kind, mut out) = (None, None);
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--kind" => kind = Some(Kind::named(value)?),
            [flag, value] if flag == "--clients" => plan.clients = value.parse()?,
            [flag, value] if flag == "--rate" => plan.rate = value.parse()?,
            [flag, value] if flag == "--seconds" => plan.seconds = value.parse()?,
            [flag, value] if flag == "--server-core" => plan.cores[0] = value.parse()?,
            [flag, value] if flag == "--load-core" => plan.cores[1] = value.parse()?,
            [flag, value] if flag == "--ticket-key" => {
                (plan.passes, plan.ticket_key) = (Passes::of(value)?, Some(value.clone()));
            }
            [flag, value] if flag == "--out" => out = Some(value),
            _ => return Err(USAGE.into()),
        }
    }
    let is_sealed = plan.passes.are_wanted();
    let mut floods = Vec::new();
    for kind in kind.map_or_else(|| Kind::all(is_sealed), |kind| vec![kind]) {
        let flood = play::play(&plan, kind)?;
        println!("{}", serde_json::to_string(&flood)?);
        floods.push(flood);
    }
    let pass = floods.iter().all(|flood| flood.pass);
    let report = Report { commit: program::commit(), clients: plan.clients, is_sealed, floods, pass };
    program::keep(&serde_json::to_string_pretty(&report)?, out)?;
    Ok(pass)
}

const USAGE: &str = "it takes --kind none|junk|hellos|proven|strangers|churn|replays|peers|forged|mixed, --clients N, --rate DATAGRAMS_PER_SECOND, \
                     --seconds N, --server-core N, --load-core N, --ticket-key FILE and --out FILE";
