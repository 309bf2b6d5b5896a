//! `tickcast floor`: the settings, and the bare loop with its signals.

use std::ops::RangeInclusive;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::CommandError;
use super::running::{self, LogFormat};
use crate::config::TickRate;
use crate::net::{FLOOR_BYTES, Floor, FloorConfig, ServeError};

/// Receive and send, and nothing else: what a server costs at the least, for `bots` to play against.
///
/// It welcomes every client and sends each one datagram of the same size a tick. It proves no address, looks into
/// no move, keeps no world and makes no snapshots; so it listens on 127.0.0.1 alone, and needs Linux.
#[derive(Args, Clone, Debug)]
pub(super) struct FloorArgs {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one
    #[arg(long, env = "TICKCAST_PORT", value_name = "PORT", default_value = "12345")]
    port: u16,
    /// Datagrams per second to each client, 1 to 1000, fractions included
    #[arg(
        long,
        env = "TICKCAST_TICK_RATE",
        value_name = "HZ",
        default_value = "30",
        allow_negative_numbers = true
    )]
    tick_rate: TickRate,
    /// How large each is in bytes of UDP payload, 48 to 65507; cut to a multiple of 4
    #[arg(long, env = "TICKCAST_DATAGRAM_BYTES", value_name = "BYTES", default_value = "1200",
          value_parser = parse_bytes)]
    datagram_bytes: usize,
    /// Keep the floor on this core
    #[arg(long, env = "TICKCAST_PIN", value_name = "CORE")]
    pin: Option<usize>,
    /// Print statistics as `serve` does: at each SIGUSR1, and as the last line of standard output
    #[arg(long, env = "TICKCAST_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    /// What to log: error, warn, info, debug, trace, or a filter as in RUST_LOG [default: RUST_LOG, or info]
    #[arg(long, env = "TICKCAST_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,
    /// How to log [default: text]
    #[arg(long, env = "TICKCAST_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// End with standard input: for whoever starts this and may be killed
    #[arg(long, env = "TICKCAST_END_WITH_INPUT", hide = true, value_parser = BoolishValueParser::new())]
    end_with_input: bool,
}

/// Runs until a signal ends it.
pub(super) fn run(args: FloorArgs) -> Result<(), CommandError> {
    running::pin(args.pin)?;
    running::end_with_input(args.end_with_input)?;
    running::start_log(args.log_level.as_deref(), args.log_format)?;
    let config = FloorConfig { tick_rate: args.tick_rate, datagram_bytes: args.datagram_bytes };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = running::signals(args.json)?;
        let floor = Floor::bind(args.port, config).map_err(|error| match error {
            ServeError::Socket(error) => format!("cannot listen on --port {}: {error}", args.port),
            other => other.to_string(),
        })?;
        signals.serve(floor.statistics(), |shutdown| floor.run_until(shutdown)).await
    })
}

fn parse_bytes(text: &str) -> Result<usize, String> {
    const BYTES: RangeInclusive<usize> = FLOOR_BYTES;
    let bytes = text.parse().map_err(|_| "not a number of bytes".to_string())?;
    let bound = || format!("{} to {} bytes", BYTES.start(), BYTES.end());
    BYTES.contains(&bytes).then_some(bytes).ok_or_else(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_size_names_its_bound() {
        assert_eq!(parse_bytes("48"), Ok(48));
        for wrong in ["47", "65508"] {
            assert_eq!(parse_bytes(wrong), Err("48 to 65507 bytes".into()));
        }
    }
}
