//! `tickcast sim`: the settings, and the seeds one after the other.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use indicatif::{ProgressBar, ProgressStyle};

use super::CommandError;
use crate::machine;
use crate::sim::{self, CLIENTS_MAX, SimConfig, SimReport};

/// Play the whole server and its clients on a simulated network, and check at every moment what must be true.
///
/// Networks, clocks, crashes and changes of address are drawn from a seed: what breaks once breaks again. Each seed is played
/// twice, and must play the same way. The last line of standard output sums up, as one JSON object.
#[derive(Args, Clone, Debug)]
pub(super) struct SimArgs {
    /// The first seed
    #[arg(long, env = "TICKCAST_SEED", value_name = "S", default_value = "1")]
    seed: u64,
    /// Play so many seeds, this one and those that follow it
    #[arg(long, env = "TICKCAST_SEEDS", value_name = "N", default_value = "1")]
    seeds: u64,
    /// Clients, 1 to 1000
    #[arg(long, env = "TICKCAST_CLIENTS", value_name = "N", default_value = "16", value_parser = parse_clients)]
    clients: usize,
    /// Ticks with trouble, 2 to 1000000; then all must come to know the same
    #[arg(long, env = "TICKCAST_TICKS", value_name = "T", default_value = "300",
          value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    ticks: u64,
    /// The share of datagrams that every path loses, 0 to 0.9 [default: drawn, up to 0.4]
    #[arg(long, env = "TICKCAST_LOSS", value_name = "P", value_parser = parse_loss)]
    loss: Option<f64>,
    /// Make moves that no client has sent; must end with an error
    #[arg(long, env = "TICKCAST_SABOTAGE", value_parser = BoolishValueParser::new())]
    sabotage: bool,
}

/// Plays all seeds, or up to the first that breaks something.
pub(super) fn run(args: SimArgs) -> Result<(), CommandError> {
    let SimArgs { seed, seeds, clients, ticks, loss, sabotage } = args;
    let config = SimConfig { clients, ticks, loss, sabotage };
    let bar = bar(seeds);
    let mut report = SimReport::default();
    let mut broken = None;
    for seed in (0..seeds).map(|number| seed.wrapping_add(number)) {
        match sim::check(&config, seed, machine::now()) {
            Ok(played) => report.add(&played),
            Err(what) => {
                broken = Some(what);
                break;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
    match broken {
        None => Ok(()),
        Some(broken) => {
            let loss = loss.map_or(String::new(), |loss| format!(" --loss {loss}"));
            let sabotage = if sabotage { " --sabotage" } else { "" };
            let again = format!("--seed {} --clients {clients} --ticks {ticks}{loss}{sabotage}", broken.seed);
            Err(format!("{broken}\nagain: tickcast sim {again}").into())
        }
    }
}

fn bar(seeds: u64) -> ProgressBar {
    if seeds == 1 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} seeds, {eta} left");
    let bar = ProgressBar::new(seeds).with_style(style.expect("the template is well-formed"));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn parse_clients(text: &str) -> Result<usize, String> {
    let clients = text.parse().map_err(|_| "not a number of clients".to_string())?;
    (1..=CLIENTS_MAX).contains(&clients).then_some(clients).ok_or(format!("1 to {CLIENTS_MAX} clients"))
}

fn parse_loss(text: &str) -> Result<f64, String> {
    let loss = text.parse().map_err(|_| "not a share".to_string())?;
    (0.0..=0.9).contains(&loss).then_some(loss).ok_or("a share from 0 to 0.9".to_string())
}
