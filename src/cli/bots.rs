//! `tickcast bots`: what is asked for, a progress bar, and the figures as a table or as JSON.

use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser as _};
use indicatif::{ProgressBar, ProgressStyle};

use super::tickets::Minting;
use super::{CommandError, running};
use crate::config::TicketConfig;
use crate::load::bots::{self, BotsConfig, CLIENTS_MAX, Progress, RATE_MAX_HZ, RATE_MIN_HZ, Stage};
use crate::load::{Area, BotsReport, Walk};
use crate::seal::Pass;
use crate::secret::Secret;
use crate::wire::Encoding;

/// The longest of the durations: a day.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Play on a server with many clients, and say what they saw.
#[derive(Args, Clone, Debug)]
pub(super) struct BotsArgs {
    /// The server to play on
    #[arg(long, env = "TICKCAST_SERVER", value_name = "ADDR:PORT", default_value = "127.0.0.1:12345",
          value_parser = parse_server)]
    server: SocketAddr,
    /// How many clients, each on a socket of its own, 1 to 28000
    #[arg(long, env = "TICKCAST_CLIENTS", value_name = "N", default_value = "100", value_parser = parse_clients)]
    clients: usize,
    /// The client id of the first; the others have the following ones
    #[arg(long, env = "TICKCAST_FIRST_CLIENT_ID", value_name = "N", default_value = "1")]
    first_client_id: u32,
    /// Moves of each client per second, 0.1 to 1000; spread evenly
    #[arg(long, env = "TICKCAST_RATE", value_name = "HZ", default_value = "30", value_parser = parse_rate)]
    rate: f64,
    /// Count for so long, 100ms to 1day
    #[arg(long, env = "TICKCAST_DURATION", value_name = "TIME", default_value = "10s",
          value_parser = parse_duration)]
    duration: Duration,
    /// Play for so long before anything counts, 0s to 1day
    #[arg(long, env = "TICKCAST_WARMUP", value_name = "TIME", default_value = "5s",
          value_parser = parse_warmup)]
    warmup: Duration,
    /// How they walk: to waypoints, 5 units a move; at random, up to 3 units a move on each axis; as one crowd
    /// on 1000x1000 units; or not at all
    #[arg(long, env = "TICKCAST_WALK", value_name = "WALK", default_value = Walk::default().name(),
          value_parser = PossibleValuesParser::new(Walk::ALL.map(Walk::name)).map(walk_named))]
    walk: Walk,
    /// Where they walk, from 0,0 on
    #[arg(long, env = "TICKCAST_AREA", value_name = "WIDTHxHEIGHT", default_value_t)]
    area: Area,
    /// How they want their snapshots
    #[arg(long, env = "TICKCAST_ENCODING", value_name = "ENCODING", default_value = "compact",
          value_parser = PossibleValuesParser::new(["compact", "plain"]).map(encoding_named))]
    encoding: Encoding,
    /// An even sample of at least so many clients decode their snapshots in full, the others read the headers
    /// [default: all up to 1000, of more 100]
    #[arg(long, env = "TICKCAST_DECODERS", value_name = "N", value_parser = parse_clients)]
    decoders: Option<usize>,
    /// The same seed, the same ways
    #[arg(long, env = "TICKCAST_SEED", value_name = "N", default_value = "1")]
    seed: u64,
    /// Play with tickets, made with the first key of this file
    #[arg(long, env = "TICKCAST_TICKET_KEY", value_name = "FILE")]
    ticket_key: Option<PathBuf>,
    /// The name of the server that they are for
    #[arg(long, env = "TICKCAST_TICKET_SERVER", value_name = "NAME", default_value = TicketConfig::SERVER)]
    ticket_server: String,
    /// Print the figures as one JSON object, the last line of standard output
    #[arg(long, env = "TICKCAST_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    /// Print a JSON object with the stage and the clients that have joined when one begins: joining, warming_up,
    /// counting, counted
    #[arg(long, env = "TICKCAST_STAGES", value_parser = BoolishValueParser::new())]
    stages: bool,
    /// Keep the bots on this core
    #[arg(long, env = "TICKCAST_PIN", value_name = "CORE")]
    pin: Option<usize>,
    /// End with standard input: for whoever starts this and may be killed
    #[arg(long, env = "TICKCAST_END_WITH_INPUT", hide = true, value_parser = BoolishValueParser::new())]
    end_with_input: bool,
}

/// Runs the bots and prints what they saw.
pub(super) fn run(args: BotsArgs) -> Result<(), CommandError> {
    running::pin(args.pin)?;
    running::end_with_input(args.end_with_input)?;
    let config = BotsConfig {
        server: args.server,
        clients: args.clients,
        first_id: args.first_client_id,
        rate_hz: args.rate,
        duration: args.duration,
        warmup: args.warmup,
        walk: args.walk,
        area: args.area,
        encoding: args.encoding,
        decoders: args.decoders,
        seed: args.seed,
        passes: passes(&args)?,
    };
    let bar = progress_bar();
    let mut said = None;
    let report = bots::run(&config, &drawn_secret(), &mut |progress| {
        show(&bar, config.clients, progress);
        if args.stages && said.replace(progress.stage) != Some(progress.stage) {
            say(progress);
        }
    });
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(std::io::stdout(), "{}", table(&report))?;
    }
    Ok(())
}

/// A pass for each bot, where the server wants tickets.
fn passes(args: &BotsArgs) -> Result<Vec<Pass>, CommandError> {
    let Some(keys) = &args.ticket_key else { return Ok(Vec::new()) };
    // Also for who comes back at the end of the longest of runs.
    let minting = Minting::new(keys, args.ticket_server.clone(), 3 * DURATION_MAX)?;
    let client_ids = (0..args.clients as u32).map(|index| args.first_client_id.wrapping_add(index));
    client_ids.map(|client_id| minting.pass(client_id)).collect()
}

/// Nobody but the server may guess what a client will say.
#[expect(clippy::disallowed_methods, reason = "the edge, where randomness comes in")]
pub(super) fn drawn_secret() -> Secret {
    Secret::from_bytes(rand::random())
}

/// On standard error, and only where that is a terminal.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:<28} {wide_bar} {percent:>3} %");
    ProgressBar::new(1_000).with_style(style.expect("the template is well-formed"))
}

fn show(bar: &ProgressBar, clients: usize, progress: Progress) {
    let share = match progress.stage {
        Stage::Joining => progress.joined as f64 / clients as f64,
        _ => progress.elapsed.as_secs_f64() / progress.total.as_secs_f64(),
    };
    let stage = match progress.stage {
        Stage::Joining => "joining",
        Stage::WarmingUp => "warming up",
        Stage::Counting | Stage::Counted => "counting",
    };
    bar.set_message(format!("{stage}: {} of {clients} clients", progress.joined));
    bar.set_position((share * 1_000.0) as u64);
}

/// For whoever measures the server meanwhile. If nobody reads it, the bots play on.
fn say(progress: Progress) {
    let line = serde_json::json!({ "stage": progress.stage.name(), "joined": progress.joined });
    let _nobody_reads_it = writeln!(std::io::stdout(), "{line}");
}

/// The figures, one a line, with names that people read.
fn table(report: &BotsReport) -> String {
    let rows = [
        ("clients joined", of(report.joined, report.clients)),
        ("clients that decode", report.clients_decoded.to_string()),
        ("moves applied", of(report.moves_applied, report.moves_sent)),
        ("moves that the bots had no time for", report.moves_skipped.to_string()),
        ("snapshots received", of(report.snapshots_received, report.snapshots_expected)),
        ("lost at the bots' own sockets", or_unknown(report.socket_queue_losses)),
        ("ticks per second seen", report.tick_hz_seen.to_string()),
        (
            "snapshot bytes, p50 / p99 / max",
            several([report.snapshot_bytes_p50, report.snapshot_bytes_p99, report.snapshot_bytes_max]),
        ),
        ("players seen, least / p50", several([report.players_seen_min, report.players_seen_p50])),
        ("age in ticks, p50 / p99", several([report.age_ticks_p50, report.age_ticks_p99])),
        (
            "age in ms, p50 / p99 / max",
            several([report.age_ms_p50, report.age_ms_p99, report.far_age_ms_max]),
        ),
        ("age in ticks of the nearest 200, p99", or_unknown(report.near_age_ticks_p99)),
        ("bits per player", or_unknown(report.bits_per_player)),
        ("checksums that differ", several([report.desyncs, report.checksums_compared])),
        ("datagrams that are no message", report.decode_errors.to_string()),
        ("clients that fell out and came back", report.resumes.to_string()),
        ("longest time without a snapshot, ms", or_unknown(report.outage_ms_max)),
        ("the bots' own share of a core", or_unknown(report.cpu_share)),
    ];
    rows.iter().map(|(name, value)| format!("{name:<37} {value}\n")).collect()
}

/// Cut, never rounded up: 100 % means all.
fn of(part: u64, whole: u64) -> String {
    let percent = if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 1e5).floor() / 1e3 };
    format!("{part} of {whole} ({percent} %)")
}

fn or_unknown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

fn several<const N: usize>(values: [Option<impl ToString>; N]) -> String {
    values.map(or_unknown).join(" / ")
}

/// An address with a port, or a name with a port; of several addresses the first of IPv4.
pub(super) fn parse_server(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().map_err(|error| format!("{error}; write 127.0.0.1:12345"))?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_by_key(|addr| !addr.is_ipv4());
    found.first().copied().ok_or_else(|| "the name has no address".into())
}

pub(super) fn parse_clients(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|_| "not a number of clients".to_string())?;
    within(number, 1..=CLIENTS_MAX).ok_or(format!("1 to {CLIENTS_MAX} clients"))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let hz = text.parse().map_err(|_| "not a number of moves per second".to_string())?;
    within(hz, RATE_MIN_HZ..=RATE_MAX_HZ).ok_or(format!("{RATE_MIN_HZ} to {RATE_MAX_HZ} Hz"))
}

pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::from_millis(100))
}

pub(super) fn parse_warmup(text: &str) -> Result<Duration, String> {
    duration_within(text, Duration::ZERO)
}

fn duration_within(text: &str, least: Duration) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| format!("{error}; write 10s or 500ms"))?;
    let bound = [least, DURATION_MAX].map(|time| humantime::format_duration(time).to_string());
    within(time, least..=DURATION_MAX).ok_or(format!("{} to {}", bound[0], bound[1]))
}

fn within<T: PartialOrd>(value: T, bound: RangeInclusive<T>) -> Option<T> {
    bound.contains(&value).then_some(value)
}

pub(super) fn encoding_named(name: String) -> Encoding {
    if name == "plain" { Encoding::Plain } else { Encoding::Compact }
}

fn walk_named(name: String) -> Walk {
    Walk::ALL.into_iter().find(|walk| walk.name() == name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: BotsArgs,
    }

    fn parsed(line: &str) -> Result<BotsArgs, String> {
        let words = std::iter::once("bots").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn every_flag_has_a_default() {
        let args = parsed("").expect("nothing is required");
        assert_eq!((args.server.to_string(), args.clients), ("127.0.0.1:12345".into(), 100));
        assert_eq!((args.rate, args.walk, args.area), (30.0, Walk::Waypoint, Area::default()));
        assert_eq!((args.duration.as_secs(), args.warmup.as_secs(), args.json), (10, 5, false));
    }

    #[test]
    fn flags_are_read_as_they_are_written() {
        let args = parsed("--server [::1]:9 --clients 7 --rate 59.94 --duration 500ms --warmup 0s --json");
        let args = args.expect("all of it is within bounds");
        assert_eq!((args.server.to_string(), args.clients), ("[::1]:9".into(), 7));
        assert_eq!((args.rate, args.duration, args.json), (59.94, Duration::from_millis(500), true));
        let args = parsed("--walk crowd --area 100x2000 --encoding plain --seed 9").expect("within bounds");
        assert_eq!((args.walk, args.area.to_string(), args.seed), (Walk::Crowd, "100x2000".into(), 9));
    }

    #[test]
    fn a_refused_value_names_its_flag_and_bound() {
        for (line, flag, bound) in [
            ("--clients 0", "--clients", "1 to 28000"),
            ("--clients 28001", "--clients", "1 to 28000"),
            ("--rate 0.09", "--rate", "0.1 to 1000"),
            ("--rate nan", "--rate", "0.1 to 1000"),
            ("--duration 99ms", "--duration", "100ms to 1day"),
            ("--warmup 25h", "--warmup", "0s to 1day"),
            ("--duration 10", "--duration", "write 10s"),
            ("--walk north", "--walk", "waypoint, random, crowd, rest"),
            ("--area 5", "--area", "WIDTHxHEIGHT"),
            ("--area 0x9", "--area", "1 to 2147483647"),
            ("--encoding xml", "--encoding", "compact, plain"),
            ("--server 127.0.0.1", "--server", "write 127.0.0.1:12345"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(flag) && error.contains(bound), "{line}: {error}");
        }
    }

    #[test]
    fn a_share_is_never_rounded_up_to_all() {
        assert_eq!(of(999_999, 1_000_000), "999999 of 1000000 (99.999 %)");
        assert_eq!(of(9_999_999, 10_000_000), "9999999 of 10000000 (99.999 %)");
        assert_eq!(of(0, 0), "0 of 0 (0 %)");
    }

    #[test]
    fn the_table_has_a_line_for_every_question() {
        let table = table(&BotsReport { clients: 3, joined: 2, ..BotsReport::default() });
        assert!(table.starts_with("clients joined                        2 of 3 (66.666 %)\n"), "{table}");
        assert!(table.contains("bits per player                       -\n"), "{table}");
    }
}
