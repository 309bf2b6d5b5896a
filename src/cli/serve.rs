//! `tickcast serve`: the settings, and the server with its signals.

use std::convert::Infallible;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Deserialize;
use tracing::{info, warn};

use super::CommandError;
use super::control;
use super::running::{self, LogFormat};
use super::tickets;
use super::values::{ClientIds, Place, Span, World};
use crate::config::{Config, TickRate, TicketConfig};
use crate::level::Level;
use crate::net::{HttpThread, ServeError, TickServer, TicketKeyring};
use crate::profiles::{Service, ServiceConfig, ServiceError, ServiceUrl};

/// Where the server listens unless told otherwise: on this machine alone.
const BIND: &str = "127.0.0.1:12345";

/// The address of a service, which is read when its flag is known: whatever is wrong with it is told without repeating it,
/// for there may be a password in it.
#[derive(Clone, Deserialize)]
struct Address(String);

impl FromStr for Address {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// The settings of the server. A flag counts before its environment variable, and that before the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[command(next_help_heading = "Server")]
pub(super) struct ServeArgs {
    /// A TOML file with settings, named as the flags: `tick-rate = 60`, `timeout = "10s"`
    #[arg(long, env = "TICKCAST_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:12345]
    #[arg(long, env = "TICKCAST_BIND", value_name = "ADDR:PORT")]
    bind: Option<SocketAddr>,
    /// Ticks per second, 1 to 1000, fractions included [default: 30]
    #[arg(long, env = "TICKCAST_TICK_RATE", value_name = "HZ", allow_negative_numbers = true)]
    tick_rate: Option<TickRate>,
    /// How many peers may play at once, 1 to 1000000 [default: 16384]
    #[arg(long, env = "TICKCAST_MAX_PEERS", value_name = "N")]
    max_peers: Option<usize>,
    /// Remove a peer that is silent for so long, 100ms to 1h [default: 10s]
    #[arg(long, env = "TICKCAST_TIMEOUT", value_name = "TIME")]
    timeout: Option<Span>,
    /// Refuse moves to a place outside [default: every i32 is a place]
    #[arg(long, env = "TICKCAST_WORLD", value_name = "X0,Y0,X1,Y1", allow_hyphen_values = true)]
    world: Option<World>,
    /// The largest snapshot in bytes of UDP payload, 256 to 65507 [default: 1200]
    #[arg(long, env = "TICKCAST_DATAGRAM_BYTES", value_name = "BYTES")]
    datagram_bytes: Option<usize>,
    /// Show each peer only what is so many units around its player, 4 to 1073741824, and at most a quarter of that
    /// beyond [default: everyone is told about everyone]
    #[arg(long, env = "TICKCAST_VIEW", value_name = "RADIUS")]
    view: Option<u32>,
    /// Add checksums to compact snapshots, by which clients can prove that they hold what the server does
    #[arg(long, env = "TICKCAST_CHECKSUMS", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    checksums: Option<bool>,
    /// Send the snapshots of a tick spread over so many percent of the period, 0 to 90, where bursts overflow queues on
    /// the way; each is half of that later on average [default: 0]
    #[arg(long, env = "TICKCAST_SEND_SPREAD", value_name = "PERCENT")]
    send_spread: Option<u32>,
    /// Receive in a thread of its own, where a core is free for it; not with --pin, which keeps both on one. Needs Linux
    #[arg(long, env = "TICKCAST_RECEIVE_WORKER", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    receive_worker: Option<bool>,
    /// Run the tick thread before all others: its real-time priority, 1 to 99 [default: as any thread]
    #[arg(long, env = "TICKCAST_PRIORITY", value_name = "N")]
    priority: Option<u8>,
    /// Drop what a peer sends above this rate, 1 to 100000 a second [default: two a tick, at least 250]
    #[arg(long, env = "TICKCAST_MOVES_PER_SECOND", value_name = "N")]
    moves_per_second: Option<u32>,
    /// Correct moves of players who go faster than that, 1 to 2147483648 units a second; what a player has not walked is its
    /// own for a second [default: players are believed]
    #[arg(long, env = "TICKCAST_SPEED_LIMIT", value_name = "UNITS_PER_SECOND")]
    speed_limit: Option<u32>,
    /// Ask here for the profile of each player, under its client id: http or https (see docs/PROFILES.md) [default: the
    /// server keeps names and what players do]
    #[arg(long, env = "TICKCAST_PROFILES_URL", value_name = "URL", hide_env_values = true)]
    profiles_url: Option<Address>,
    /// Ask here for the leaderboard, and report scores here, http or https [default: the server keeps a leaderboard]
    #[arg(long, env = "TICKCAST_LEADERBOARD_URL", value_name = "URL", hide_env_values = true)]
    leaderboard_url: Option<Address>,
    /// How long one attempt to ask them may take, 100ms to 60s [default: 5s]
    #[arg(long, env = "TICKCAST_SERVICE_TIMEOUT", value_name = "TIME")]
    service_timeout: Option<Span>,
    /// Where players stand who are not remembered [default: where their first move says]
    #[arg(long, env = "TICKCAST_SPAWN", value_name = "X,Y", allow_hyphen_values = true)]
    spawn: Option<Place>,
    /// Take no more messages from a peer than this, in bytes a second, 1024 to 1000000 [default: 4096]
    #[arg(long, env = "TICKCAST_MESSAGE_BYTES_PER_SECOND", value_name = "BYTES")]
    message_bytes_per_second: Option<u32>,
    /// Play in the level of this file, a map made with Tiled: its bounds, walls, spawns and exits [default: no level]
    #[arg(long, env = "TICKCAST_LEVEL", value_name = "FILE")]
    level: Option<PathBuf>,
    /// Have so many enemies chase the players, 0 to 10000 [default: 0]
    #[arg(long, env = "TICKCAST_ENEMIES", value_name = "N")]
    enemies: Option<usize>,
    /// Let only these client ids play [default: 0-4026531839, all but the server's own]
    #[arg(long, env = "TICKCAST_CLIENT_IDS", value_name = "FIRST-LAST")]
    client_ids: Option<ClientIds>,
    /// Let the first move of an address join, without handshake; only on loopback
    #[arg(long, env = "TICKCAST_OPEN", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    open: Option<bool>,
    /// Let only those play who have a ticket sealed with a key of this file, and seal all that is said; the file is read
    /// again at each SIGHUP (see `tickcast key` and `tickcast ticket`) [default: anyone may play as any client id]
    #[arg(long, env = "TICKCAST_TICKET_KEY", value_name = "FILE")]
    ticket_key: Option<PathBuf>,
    /// The name that tickets must be for [default: tickcast]
    #[arg(long, env = "TICKCAST_TICKET_SERVER", value_name = "NAME")]
    ticket_server: Option<String>,
    /// Remember players in this directory, also after a crash; it is made if it is not there [default: whoever goes is
    /// forgotten]
    #[arg(long, env = "TICKCAST_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Answer HTTP here: GET /metrics for Prometheus, /live, /ready, /peers; for whoever reaches the address, without
    /// authentication [default: no HTTP]
    #[arg(long, env = "TICKCAST_HTTP", value_name = "ADDR:PORT")]
    http: Option<SocketAddr>,
    /// Take orders here, a socket in the file system that no other user can open: see `tickcast order` [default: nowhere]
    #[arg(long, env = "TICKCAST_CONTROL", value_name = "PATH")]
    control: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or a filter as in RUST_LOG [default: RUST_LOG, or info]
    #[arg(long, env = "TICKCAST_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,
    /// How to log [default: text]
    #[arg(long, env = "TICKCAST_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Keep the server on this core
    #[arg(long, env = "TICKCAST_PIN", value_name = "CORE")]
    pin: Option<usize>,
    /// Print statistics as one JSON object a line: at each SIGUSR1, and as the last line of standard output; each
    /// is over the time since the one before (see README for the keys)
    #[arg(long, env = "TICKCAST_JSON", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    json: Option<bool>,
    /// End with standard input: for whoever starts this and may be killed
    #[arg(long, env = "TICKCAST_END_WITH_INPUT", hide = true, value_parser = BoolishValueParser::new())]
    #[serde(skip)]
    end_with_input: bool,
}

/// Serves until a signal ends it.
pub(super) fn run(args: ServeArgs) -> Result<(), CommandError> {
    let args = with_file(args)?;
    check_together(&args)?;
    running::pin(args.pin)?;
    running::end_with_input(args.end_with_input)?;
    running::start_log(args.log_level.as_deref(), args.log_format)?;
    let bind = args.bind.map_or_else(|| BIND.parse(), Ok)?;
    let json = args.json.unwrap_or(false);
    let http = args.http.map(http_listener).transpose()?;
    let control = args.control.as_deref().map(control::bind).transpose()?;
    let key_file = args.ticket_key.clone();
    let tickets = key_file.as_deref().map(|path| tickets_of(path, args.ticket_server.clone())).transpose()?;
    let service = service_of(&args)?;
    let level = args.level.as_deref().map(Level::load).transpose();
    let level = level.map_err(|error| format!("--level: {error}"))?;
    let config = Config { tickets, service, ..config_of(args) };
    let config = match level {
        Some(level) => config.in_level(Arc::new(level)),
        None => config,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = running::signals(json)?;
        let hangups = running::hangups(key_file.is_some())?;
        let server = TickServer::bind(bind, config).map_err(|error| match error {
            ServeError::Socket(error) => format!("cannot listen on --bind {bind}: {error}"),
            ServeError::Priority(error) => format!("--priority: {error}"),
            ServeError::Store(error) => format!("--data: {error}"),
            other => other.to_string(),
        })?;
        let _answers_until_the_end =
            http.map(|http| HttpThread::start(http, server.observer())).transpose()?;
        let _takes_orders_until_the_end =
            control.map(|socket| control::start(socket, &server)).transpose()?;
        let (statistics, keyring) = (server.statistics(), server.ticket_keyring());
        let status = tokio::select! {
            status = signals.serve(statistics, |shutdown| server.run_until(shutdown)) => status?,
            never = rotate_keys(key_file, keyring, hangups) => match never {},
        };
        info!(ticks = status.report.totals.ticks, peers = status.report.peers, "stopped");
        Ok(())
    })
}

/// What must not be said together, or not one without the other.
fn check_together(args: &ServeArgs) -> Result<(), CommandError> {
    if args.pin.is_some() && args.receive_worker == Some(true) {
        return Err("--receive-worker wants a core of its own, and --pin keeps all threads on one".into());
    }
    if args.ticket_key.is_none() && args.ticket_server.is_some() {
        return Err(
            "--ticket-server says for whom tickets must be, and none are wanted without --ticket-key".into(),
        );
    }
    Ok(())
}

/// The service, if there is one to ask. An https address takes reading the certificates of the system.
fn service_of(args: &ServeArgs) -> Result<Option<Service>, CommandError> {
    let config = service_config_of(args)?;
    config.map(Service::new).transpose().map_err(|error| match error {
        ServiceError::Timeout { .. } => format!("--service-timeout {error}").into(),
        ServiceError::Client(_) => error.to_string().into(),
    })
}

fn service_config_of(args: &ServeArgs) -> Result<Option<ServiceConfig>, CommandError> {
    let read = |flag: &str, address: &Option<Address>| -> Result<Option<ServiceUrl>, CommandError> {
        let url = address.as_ref().map(|Address(text)| text.parse()).transpose();
        url.map_err(|error| format!("{flag}: {error}").into())
    };
    let config = ServiceConfig {
        profiles: read("--profiles-url", &args.profiles_url)?,
        leaderboard: read("--leaderboard-url", &args.leaderboard_url)?,
        timeout: args.service_timeout.map_or(ServiceConfig::default().timeout, |span| span.0),
    };
    let has_any = config.profiles.is_some() || config.leaderboard.is_some();
    if !has_any && args.service_timeout.is_some() {
        return Err("--service-timeout says how long to wait for --profiles-url or --leaderboard-url".into());
    }
    Ok(has_any.then_some(config))
}

fn tickets_of(keys: &Path, server: Option<String>) -> Result<TicketConfig, CommandError> {
    let server = server.unwrap_or_else(|| TicketConfig::SERVER.to_owned());
    Ok(TicketConfig { keys: tickets::read_keys(keys)?, server })
}

/// Reads the keys again at each hangup. A file in which something is wrong changes nothing.
async fn rotate_keys(
    path: Option<PathBuf>,
    keyring: TicketKeyring,
    mut hangups: impl AsyncFnMut(),
) -> Infallible {
    let Some(path) = path else { return std::future::pending().await };
    loop {
        hangups().await;
        match tickets::read_keys(&path) {
            Ok(keys) => {
                info!(newest = ?keys.newest(), keys = keys.iter().count(), "the keys of tickets are read again");
                keyring.replace(keys);
            }
            Err(error) => warn!(%error, "the keys of tickets stay as they are"),
        }
    }
}

/// Before the server starts, so that a port that is taken stops it before it plays.
fn http_listener(addr: SocketAddr) -> Result<TcpListener, CommandError> {
    TcpListener::bind(addr).map_err(|error| format!("cannot listen on --http {addr}: {error}").into())
}

/// The settings with those of the file in the places that flags and environment leave open.
fn with_file(args: ServeArgs) -> Result<ServeArgs, CommandError> {
    match &args.config {
        None => Ok(args),
        Some(path) => {
            let file = read_file(path).map_err(|error| format!("--config {}: {error}", path.display()))?;
            Ok(args.or(file))
        }
    }
}

fn read_file(path: &Path) -> Result<ServeArgs, CommandError> {
    let text = std::fs::read_to_string(path)?;
    toml::from_str(&text).map_err(|error| what_is_wrong(&text, &error).into())
}

/// What is wrong with a file of settings. A line with an address is not repeated: there may be a password in it.
fn what_is_wrong(text: &str, error: &toml::de::Error) -> String {
    let told = error.to_string();
    let is_repeated = |line: &&str| line.contains("url") && told.contains(line.trim());
    match text.lines().enumerate().find(|(_, line)| is_repeated(line)) {
        Some((before, line)) => {
            let key = line.split('=').next().unwrap_or_default().trim();
            format!("line {}: {key} is no address in quotes", before + 1)
        }
        None => told,
    }
}

/// Whether `text` holds settings that a server could be started with.
pub(super) fn check_settings(text: &str) -> Result<(), String> {
    let args: ServeArgs = toml::from_str(text).map_err(|error| error.to_string())?;
    check_together(&args).map_err(|error| error.to_string())?;
    service_config_of(&args).map_err(|error| error.to_string())?;
    config_of(args).check().map_err(|error| error.to_string())
}

impl ServeArgs {
    fn or(self, file: ServeArgs) -> ServeArgs {
        ServeArgs {
            config: self.config,
            end_with_input: self.end_with_input,
            bind: self.bind.or(file.bind),
            tick_rate: self.tick_rate.or(file.tick_rate),
            max_peers: self.max_peers.or(file.max_peers),
            timeout: self.timeout.or(file.timeout),
            world: self.world.or(file.world),
            datagram_bytes: self.datagram_bytes.or(file.datagram_bytes),
            moves_per_second: self.moves_per_second.or(file.moves_per_second),
            speed_limit: self.speed_limit.or(file.speed_limit),
            profiles_url: self.profiles_url.or(file.profiles_url),
            leaderboard_url: self.leaderboard_url.or(file.leaderboard_url),
            service_timeout: self.service_timeout.or(file.service_timeout),
            spawn: self.spawn.or(file.spawn),
            message_bytes_per_second: self.message_bytes_per_second.or(file.message_bytes_per_second),
            level: self.level.or(file.level),
            enemies: self.enemies.or(file.enemies),
            client_ids: self.client_ids.or(file.client_ids),
            view: self.view.or(file.view),
            checksums: self.checksums.or(file.checksums),
            send_spread: self.send_spread.or(file.send_spread),
            receive_worker: self.receive_worker.or(file.receive_worker),
            priority: self.priority.or(file.priority),
            open: self.open.or(file.open),
            ticket_key: self.ticket_key.or(file.ticket_key),
            ticket_server: self.ticket_server.or(file.ticket_server),
            data: self.data.or(file.data),
            http: self.http.or(file.http),
            control: self.control.or(file.control),
            log_level: self.log_level.or(file.log_level),
            log_format: self.log_format.or(file.log_format),
            pin: self.pin.or(file.pin),
            json: self.json.or(file.json),
        }
    }
}

fn config_of(args: ServeArgs) -> Config {
    let default = Config::default();
    let tick_rate = args.tick_rate.unwrap_or(default.tick_rate);
    Config {
        tick_rate,
        max_peers: args.max_peers.unwrap_or(default.max_peers),
        timeout: args.timeout.map_or(default.timeout, |span| span.0),
        world: args.world.map_or(default.world, |world| world.0),
        datagram_bytes: args.datagram_bytes.unwrap_or(default.datagram_bytes),
        moves_per_second: args.moves_per_second.unwrap_or_else(|| Config::moves_per_second_at(tick_rate)),
        message_bytes_per_second: args.message_bytes_per_second.unwrap_or(default.message_bytes_per_second),
        view: args.view.or(default.view),
        checksums: args.checksums.unwrap_or(default.checksums),
        send_spread: args.send_spread.unwrap_or(default.send_spread),
        receive_worker: args.receive_worker.unwrap_or(default.receive_worker),
        priority: args.priority.or(default.priority),
        open: args.open.unwrap_or(default.open),
        data: args.data.or(default.data),
        speed_limit: args.speed_limit.or(default.speed_limit),
        service: None,
        spawn: args.spawn.map(|place| place.0).or(default.spawn),
        level: None,
        enemies: args.enemies.unwrap_or(default.enemies),
        client_ids: args.client_ids.map_or(default.client_ids, |ids| ids.0),
        tickets: None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn args(line: &[&str]) -> Result<ServeArgs, clap::Error> {
        Line::try_parse_from([&["serve"], line].concat()).map(|line| line.serve)
    }

    #[test]
    fn flags_count_before_the_file() {
        let file =
            "tick-rate = 60\ntimeout = \"5s\"\nworld = \"-9,-9,9,9\"\nopen = true\nlog-format = \"json\"";
        let file: ServeArgs = toml::from_str(file).expect("a settings file");
        let flags = args(&["--tick-rate", "128.5", "--open=false"]).expect("flags");
        let config = config_of(flags.or(file));
        assert_eq!(config.tick_rate, TickRate::from_hz(128.5).expect("a rate"));
        assert_eq!((config.timeout.as_secs(), config.world.max.x, config.open), (5, 9, false));
    }

    #[test]
    fn what_does_not_go_together_is_refused_also_in_a_file() {
        let told = |text: &str| check_settings(text).err().unwrap_or_default();
        assert!(
            told("pin = 0\nreceive-worker = true").starts_with("--receive-worker wants a core of its own")
        );
        assert_eq!(told("pin = 0\nreceive-worker = false"), "");
        assert!(told("ticket-server = \"arena\"").ends_with("without --ticket-key"));
    }

    #[test]
    fn a_refused_value_names_its_flag_and_bound() {
        let error = args(&["--tick-rate", "1001"]).expect_err("too fast").to_string();
        assert!(error.contains("--tick-rate <HZ>") && error.contains("1 to 1000 Hz, not 1001"), "{error}");
        let error = args(&["--timeout", "10"]).expect_err("no unit").to_string();
        assert!(error.contains("--timeout <TIME>") && error.contains("write 10s"), "{error}");
        let error = toml::from_str::<ServeArgs>("tick-rate = 0").expect_err("too slow").to_string();
        assert!(error.contains("tick-rate") && error.contains("1 to 1000 Hz, not 0"), "{error}");
        let error = toml::from_str::<ServeArgs>("tickrate = 30").expect_err("unknown").to_string();
        assert!(error.contains("unknown field `tickrate`"), "{error}");
    }
}
