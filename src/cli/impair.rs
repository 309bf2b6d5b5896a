//! `tickcast impair`: the settings, and the relay with its signals.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use clap::builder::BoolishValueParser;
use tracing::info;

use super::CommandError;
use super::running::{self, LogFormat};
use super::values::Span;
use crate::load::impair::{ImpairConfig, Relay};
use crate::path::Impairment;

/// A bad network to play over: relays datagrams between clients and a server, and loses, delays and mangles them.
///
/// Clients play on the address of the relay. What is said of the network happens in both directions, to each client by
/// itself. The same seed loses the same datagrams again.
#[derive(Args, Clone, Debug)]
pub(super) struct ImpairArgs {
    /// The address that clients send to
    #[arg(long, env = "TICKCAST_LISTEN", value_name = "ADDR:PORT", default_value = "127.0.0.1:12346")]
    listen: SocketAddr,
    /// The server
    #[arg(long, env = "TICKCAST_TO", value_name = "ADDR:PORT", default_value = "127.0.0.1:12345")]
    to: SocketAddr,
    /// The share of datagrams that is lost, 0 to 1
    #[arg(long, env = "TICKCAST_LOSS", value_name = "SHARE", default_value = "0")]
    loss: f64,
    /// How many are lost in a row on average, 1 to 1000 [default: each by itself]
    #[arg(long, env = "TICKCAST_BURST", value_name = "N")]
    burst: Option<f64>,
    /// How long each is on its way, up to 1min; a round trip is twice that
    #[arg(long, env = "TICKCAST_DELAY", value_name = "TIME", default_value = "0s")]
    delay: Span,
    /// How much longer some are on their way, up to 1min; none overtakes another by that
    #[arg(long, env = "TICKCAST_JITTER", value_name = "TIME", default_value = "0s")]
    jitter: Span,
    /// The share that is held back, so that later ones overtake it, 0 to 1
    #[arg(long, env = "TICKCAST_REORDER", value_name = "SHARE", default_value = "0")]
    reorder: f64,
    /// The share that arrives twice, 0 to 1
    #[arg(long, env = "TICKCAST_DUPLICATE", value_name = "SHARE", default_value = "0")]
    duplicate: f64,
    /// The share that arrives with one wrong bit, 0 to 1
    #[arg(long, env = "TICKCAST_CORRUPT", value_name = "SHARE", default_value = "0")]
    corrupt: f64,
    /// What each client's link carries in bits of UDP payload per second, 1000 to 100000000000 [default: no limit]
    #[arg(long, env = "TICKCAST_RATE_BITS", value_name = "BITS")]
    rate: Option<u64>,
    /// How long a datagram may wait for that link, up to 1min; what would wait longer is thrown away
    #[arg(long, env = "TICKCAST_QUEUE", value_name = "TIME", default_value = "100ms")]
    queue: Span,
    /// Draw what happens from this number
    #[arg(long, env = "TICKCAST_SEED", value_name = "N", default_value = "1")]
    seed: u64,
    /// Relay for so many clients at once, 1 to 28000
    #[arg(long, env = "TICKCAST_CLIENTS_MAX", value_name = "N", default_value = "4096",
          value_parser = clap::value_parser!(u64).range(1..=28_000))]
    clients_max: u64,
    /// Print what has passed as one JSON object at the end
    #[arg(long, env = "TICKCAST_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    /// What to log: error, warn, info, debug, trace, or a filter as in RUST_LOG [default: RUST_LOG, or info]
    #[arg(long, env = "TICKCAST_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,
    /// How to log [default: text]
    #[arg(long, env = "TICKCAST_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

/// Relays until a signal ends it.
pub(super) fn run(args: ImpairArgs) -> Result<(), CommandError> {
    running::start_log(args.log_level.as_deref(), args.log_format)?;
    let config = config_of(&args);
    let relay =
        Relay::bind(args.listen, config).map_err(|error| format!("--listen {}: {error}", args.listen))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let relayed = runtime.block_on(async {
        let mut signals = running::stop_signals()?;
        info!(addr = %relay.local_addr()?, to = %args.to, "listening");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut work = tokio::task::spawn_blocking(move || relay.run(&stopped));
        let relayed = tokio::select! {
            relayed = &mut work => relayed,
            name = signals() => {
                info!(signal = name, "stopping");
                stop.store(true, Ordering::Release);
                work.await
            }
        };
        Ok::<_, CommandError>(relayed??)
    })?;
    info!(clients = relayed.clients, up = relayed.up.sent, down = relayed.down.sent, "stopped");
    if args.json {
        println!("{}", serde_json::to_string(&relayed)?);
    }
    Ok(())
}

fn config_of(args: &ImpairArgs) -> ImpairConfig {
    let impairment = Impairment {
        loss: args.loss,
        burst: args.burst,
        delay: args.delay.0,
        jitter: args.jitter.0,
        reorder: args.reorder,
        duplicate: args.duplicate,
        corrupt: args.corrupt,
        bits_per_second: args.rate,
        queue: args.queue.0,
    };
    ImpairConfig { to: args.to, impairment, clients_max: args.clients_max as usize, seed: args.seed }
}
