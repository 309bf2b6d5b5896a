//! `tickcast capacity`: what is asked for, a line of progress, the table, and files.

mod files;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser as _};
use indicatif::{ProgressBar, ProgressStyle};

use self::files::Files;
use super::bots::{encoding_named, parse_clients, parse_duration, parse_warmup};
use super::{CommandError, running};
use crate::config::TickRate;
use crate::load::capacity::{self, CapacityConfig, CapacityReport, Doing, News, Search};
use crate::machine;
use crate::wire::Encoding;

/// Most runs of a step.
const RUNS_MAX: usize = 99;

/// Find how many clients this machine holds.
///
/// Starts servers and bots as processes of their own, on loopback and each on a core of its own, with more and more
/// clients: twice as many each time, then halving the gap. A number of clients holds while at most one snapshot in a
/// thousand is lost (those at the bots' own sockets are told apart), at most one move in a thousand, and the 99th
/// percentile of the tick's duration stays within the period. It takes some ten steps for each rate; each as long as
/// joining, --warmup and --duration, times the runs.
///
/// Bots read and acknowledge every snapshot, and a sample decodes all of it, which ages are over: so many that they
/// are told of 3 million players a second, 10 to 100 (clients_decoded in the JSON).
///
/// Files are written anew after each step. A run that does not come to its end, or a signal, ends it, with exit code
/// 1; the files then have what is known, and why that is not all (unfinished in the JSON). Needs Linux.
#[derive(Args, Clone, Debug)]
pub(super) struct CapacityArgs {
    /// Ticks per second, and moves of each client, 1 to 1000 each; a search for each
    #[arg(long, env = "TICKCAST_RATES", value_name = "HZ,HZ", default_value = "30", value_delimiter = ',')]
    rates: Vec<TickRate>,
    /// Clients to begin with, 1 to 28000
    #[arg(long, env = "TICKCAST_FROM", value_name = "N", default_value = "1000", value_parser = parse_clients)]
    from: usize,
    /// Clients to try at the most, 1 to 28000
    #[arg(long, env = "TICKCAST_TO", value_name = "N", default_value = "16000", value_parser = parse_clients)]
    to: usize,
    /// Count for so long in each run, 100ms to 1day
    #[arg(long, env = "TICKCAST_DURATION", value_name = "TIME", default_value = "10s",
          value_parser = parse_duration)]
    duration: Duration,
    /// Play for so long before anything counts, 0s to 1day
    #[arg(long, env = "TICKCAST_WARMUP", value_name = "TIME", default_value = "5s",
          value_parser = parse_warmup)]
    warmup: Duration,
    /// How the clients want their snapshots
    #[arg(long, env = "TICKCAST_ENCODING", value_name = "ENCODING", default_value = "compact",
          value_parser = PossibleValuesParser::new(["compact", "plain"]).map(encoding_named))]
    encoding: Encoding,
    /// Seal everything, with tickets that the bots make with the first key of this file
    #[arg(long, env = "TICKCAST_TICKET_KEY", value_name = "FILE")]
    ticket_key: Option<PathBuf>,
    /// Hold each step against `tickcast floor` too, by turns, with datagrams of the same size
    #[arg(long, env = "TICKCAST_FLOOR", value_parser = BoolishValueParser::new())]
    floor: bool,
    /// Run each step so often, 1 to 99; medians count [default: 1, with --floor 3]
    #[arg(long, env = "TICKCAST_RUNS", value_name = "N", value_parser = parse_runs)]
    runs: Option<usize>,
    /// The core to keep the server on [default: the first that may be used, where there are two]
    #[arg(long, env = "TICKCAST_SERVER_CORE", value_name = "CORE")]
    server_core: Option<usize>,
    /// The core to keep the bots on [default: the next]
    #[arg(long, env = "TICKCAST_BOTS_CORE", value_name = "CORE")]
    bots_core: Option<usize>,
    /// Write all figures to this file, as JSON
    #[arg(long, env = "TICKCAST_JSON_FILE", value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw them into this file, as SVG
    #[arg(long, env = "TICKCAST_SVG_FILE", value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a table for a page to this file, as Markdown: a row for each rate, of the most clients that hold
    #[arg(long, env = "TICKCAST_TABLE_FILE", value_name = "FILE")]
    table: Option<PathBuf>,
    /// Start the servers with these flags besides, such as `-- --send-spread 50`
    #[arg(last = true, value_name = "SERVE FLAGS")]
    serve: Vec<String>,
}

/// Measures until done, or until a signal ends it. Rows are printed as they are found.
pub(super) fn run(args: CapacityArgs) -> Result<(), CommandError> {
    if args.from > args.to {
        return Err(format!("--from {} is more than --to {}", args.from, args.to).into());
    }
    let files = Arc::new(Files::new(args.json.as_deref(), args.svg.as_deref(), args.table.as_deref())?);
    let config = config_of(&args, &machine::cores())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measured(config, Arc::clone(&files)))?;
    // Before anything else is said: nobody may read it any more.
    files.write(&report)?;
    write!(std::io::stdout(), "{}", summary(&report))?;
    report.unfinished.map_or(Ok(()), |why| Err(why.into()))
}

/// Measures on a thread of its own, which ends its processes before it ends.
async fn measured(config: CapacityConfig, files: Arc<Files>) -> Result<CapacityReport, CommandError> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mut signals = running::stop_signals()?;
    let mut hangups = running::hangups(!machine::ignores_hangups())?;
    let mut work = tokio::task::spawn_blocking(move || {
        let mut told = Told::new(config.floor, files);
        capacity::run(&config, &stopped, &mut |news| told.tell(news))
    });
    tokio::select! {
        report = &mut work => return Ok(report?),
        _name = signals() => {}
        () = hangups() => {}
    }
    stop.store(true, Ordering::Release);
    Ok(work.await?)
}

/// A line for each rate. The last one may not have come to its end.
fn summary(report: &CapacityReport) -> String {
    let last = report.rates.len().saturating_sub(1);
    let line = |(place, search): (usize, &Search)| {
        let holds = search.holds.map_or("none of those tried".into(), |clients| clients.to_string());
        let then = match search.limit.map_or("nothing gave way", |limit| limit.in_words()) {
            _ if place == last && report.unfinished.is_some() => "not all was tried".into(),
            then => format!("then: {then}"),
        };
        format!("{} Hz holds: {holds} ({then})\n", search.rate_hz)
    };
    report.rates.iter().enumerate().map(line).collect()
}

fn config_of(args: &CapacityArgs, cores: &[usize]) -> Result<CapacityConfig, CommandError> {
    let (server_core, bots_core) = apart(args.server_core, args.bots_core, cores);
    Ok(CapacityConfig {
        program: std::env::current_exe()?,
        // As it was written, not as whole nanoseconds make it.
        rates: args.rates.iter().map(|rate| (rate.hz() * 1e3).round() / 1e3).collect(),
        from: args.from,
        to: args.to,
        duration: args.duration,
        warmup: args.warmup,
        encoding: args.encoding,
        server_core,
        bots_core,
        ticket_key: args.ticket_key.clone(),
        serve_args: args.serve.clone(),
        floor: args.floor,
        runs: args.runs.unwrap_or(if args.floor { 3 } else { 1 }),
    })
}

/// Where the server and the bots are kept: apart, unless asked otherwise. With one core alone, nobody is kept anywhere.
fn apart(server: Option<usize>, bots: Option<usize>, cores: &[usize]) -> (Option<usize>, Option<usize>) {
    if cores.len() < 2 {
        return (server, bots);
    }
    let other_than = |taken: Option<usize>| cores.iter().copied().find(|core| Some(*core) != taken);
    let server = server.or_else(|| other_than(bots));
    (server, bots.or_else(|| other_than(server)))
}

/// What is told to people on the way.
struct Told {
    bar: ProgressBar,
    floor: bool,
    has_headings: bool,
    files: Arc<Files>,
}

impl Told {
    fn new(floor: bool, files: Arc<Files>) -> Self {
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        let bar = ProgressBar::new_spinner().with_style(style.expect("the template is well-formed"));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, floor, has_headings: false, files }
    }

    fn tell(&mut self, news: News<'_>) {
        match news {
            News::Doing(doing) => self.bar.set_message(in_words(doing)),
            News::Done(step, report) => {
                let _it_is_tried_again_at_the_end = self.files.write(report);
                let headings = if self.has_headings { String::new() } else { capacity::headings(self.floor) };
                self.has_headings = true;
                let rows = headings + &capacity::row(step, self.floor);
                self.bar.suspend(|| _ = write!(std::io::stdout(), "{rows}"));
            }
        }
    }
}

fn in_words(doing: &Doing<'_>) -> String {
    let against = if doing.floor { "the floor" } else { "the server" };
    let stage = doing.stage.replace('_', " ");
    format!("{} Hz, {} clients, run {} against {against}: {stage}", doing.rate_hz, doing.clients, doing.run)
}

fn parse_runs(text: &str) -> Result<usize, String> {
    let runs = text.parse().map_err(|_| "not a number of runs".to_string())?;
    (1..=RUNS_MAX).contains(&runs).then_some(runs).ok_or(format!("1 to {RUNS_MAX} runs"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: CapacityArgs,
    }

    fn parsed(line: &str) -> Result<CapacityArgs, String> {
        let words = std::iter::once("capacity").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_are_read_as_they_are_written() {
        let args =
            parsed("--rates 30,59.94,128 --from 8 --to 16 --floor --duration 1s").expect("within bounds");
        let config = config_of(&args, &[0, 1]).expect("a program");
        assert_eq!(config.rates, [30.0, 59.94, 128.0]);
        assert_eq!((config.from, config.to, config.runs), (8, 16, 3));
        let args = parsed("--to 2000 --ticket-key keys -- --send-spread 50").expect("within bounds");
        let config = config_of(&args, &[0, 1]).expect("a program");
        assert_eq!(config.serve_args, ["--send-spread", "50"]);
        assert_eq!(config.ticket_key, Some("keys".into()));
        let config = config_of(&parsed("").expect("nothing is required"), &[3]).expect("a program");
        assert_eq!((config.rates, config.runs, config.server_core), (vec![30.0], 1, None));
    }

    #[test]
    fn server_and_bots_are_kept_apart() {
        assert_eq!(apart(None, None, &[2, 5, 7]), (Some(2), Some(5)));
        assert_eq!(apart(None, Some(2), &[2, 5]), (Some(5), Some(2)));
        assert_eq!(apart(Some(5), None, &[2, 5]), (Some(5), Some(2)));
        assert_eq!(apart(Some(2), Some(2), &[2, 5]), (Some(2), Some(2)), "who asks for it gets it");
        assert_eq!(apart(None, None, &[0]), (None, None));
    }

    #[test]
    fn a_refused_value_names_its_flag_and_bound() {
        for (line, flag, bound) in [
            ("--rates 30,0.5", "--rates", "1 to 1000 Hz, not 0.5"),
            ("--from 0", "--from", "1 to 28000"),
            ("--to 28001", "--to", "1 to 28000"),
            ("--runs 0", "--runs", "1 to 99"),
            ("--duration 10", "--duration", "write 10s"),
            ("--encoding xml", "--encoding", "compact, plain"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(flag) && error.contains(bound), "{line}: {error}");
        }
    }
}
