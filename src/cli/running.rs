//! What the commands that serve have in common: the log, the signals, and statistics on standard output.

use std::convert::Infallible;
use std::future::Future;
use std::io::{IsTerminal as _, Write as _};
use std::pin::Pin;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Deserialize;
use tokio::sync::oneshot;
use tracing::level_filters::LevelFilter;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use super::CommandError;
use crate::machine;
use crate::net::{ServeError, Statistics, StatisticsAsker};

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// For machines: one JSON object a line
    Json,
}

/// Keeps this process on a core, if one is named. Call it before anything starts a thread.
pub(super) fn pin(core: Option<usize>) -> Result<(), CommandError> {
    let Some(core) = core else { return Ok(()) };
    machine::pin(core).map_err(|error| format!("--pin {core}: {error}").into())
}

pub(super) fn start_log(level: Option<&str>, format: Option<LogFormat>) -> Result<(), CommandError> {
    let filter = match level {
        Some(level) => filter(level).map_err(|error| format!("--log-level {level}: {error}"))?,
        None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")),
    };
    let is_terminal = std::io::stderr().is_terminal();
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    match format {
        Some(LogFormat::Json) => log.json().init(),
        _ => log.init(),
    }
    Ok(())
}

/// A single word must be a level: as a filter it would be the name of a crate, and silence everything else.
fn filter(level: &str) -> Result<EnvFilter, CommandError> {
    if level.chars().all(char::is_alphanumeric) {
        level.parse::<LevelFilter>().map_err(|_| "it is none of off, error, warn, info, debug, trace")?;
    }
    Ok(EnvFilter::try_new(level)?)
}

/// A second signal that comes sooner after the first is the same one again: whoever hands signals on, as `timeout` does
/// to a whole group of processes, sends two at once.
const MEANT_AFTER: Duration = Duration::from_millis(200);

/// Ends the process with its standard input: for one whose parent holds the other end, and may be killed. It ends at
/// once, as if it were killed too.
pub(super) fn end_with_input(wanted: bool) -> std::io::Result<()> {
    if wanted {
        std::thread::Builder::new().name("input".into()).spawn(|| {
            let _until_it_ends = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            std::process::exit(1);
        })?;
    }
    Ok(())
}

/// Is done when the server is to stop.
pub(super) type Shutdown = Pin<Box<dyn Future<Output = ()>>>;

/// The signals that a serving command answers to, listened for from when this is made: before the server says
/// that it listens, because who waits for that may send one at once.
pub(super) struct Signals<Stop, Ask> {
    stop: Stop,
    /// Where statistics are wanted: whoever asks for a line of them.
    ask: Option<Ask>,
}

/// Listens for the signals. With `json`, statistics are printed at the end, and whenever SIGUSR1 asks.
pub(super) fn signals(
    json: bool,
) -> std::io::Result<Signals<impl Future<Output = &'static str>, impl AsyncFnMut()>> {
    let mut stops = stop_signals()?;
    let stop = async move { stops().await };
    Ok(Signals { stop, ask: if json { Some(ask_signal()?) } else { None } })
}

impl<Stop: Future<Output = &'static str> + 'static, Ask: AsyncFnMut()> Signals<Stop, Ask> {
    /// Runs what `run` makes of the shutdown. The first signal stops it in good order; a second one while it stops
    /// kills it, unless it comes together with the first.
    pub(super) async fn serve<T, Run: Future<Output = Result<T, ServeError>>>(
        self,
        statistics: StatisticsAsker,
        run: impl FnOnce(Shutdown) -> Run,
    ) -> Result<T, CommandError> {
        let Signals { stop, ask } = self;
        let wants_statistics = ask.is_some();
        let (lasting, mut last) = oneshot::channel();
        let (stopping, stops) = oneshot::channel();
        let asker = statistics.clone();
        let shutdown = async move {
            let name = stop.await;
            let told = machine::now();
            info!(signal = name, "stopping");
            if wants_statistics && let Ok(answer) = asker.put().await {
                let _served_no_longer = lasting.send(answer);
            }
            let _served_no_longer = stopping.send(told);
        };
        let killed = async {
            match (stops.await, stop_signals()) {
                (Ok(first), Ok(mut again)) => {
                    let again = async || {
                        again().await;
                        machine::now()
                    };
                    meant(first, again).await;
                }
                _ => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = run(Box::pin(shutdown)) => ended?,
            () = killed => return Err("killed by a second signal".into()),
            never = print_when_asked(ask, &statistics) => match never {},
        };
        if let Ok(answer) = last.try_recv() {
            print(&answer.answer().await?);
        }
        Ok(ended)
    }
}

/// Is done at a signal that is not the first one again; `again` gives the time of the next.
async fn meant(first: Instant, mut again: impl AsyncFnMut() -> Instant) {
    while again().await.saturating_duration_since(first) < MEANT_AFTER {}
}

/// A line of statistics whenever one is asked for, until the server has ended.
async fn print_when_asked(ask: Option<impl AsyncFnMut()>, statistics: &StatisticsAsker) -> Infallible {
    let Some(mut ask) = ask else { return std::future::pending().await };
    loop {
        ask().await;
        match statistics.ask().await {
            Ok(told) => print(&told),
            // The server says more of that itself.
            Err(_) => return std::future::pending().await,
        }
    }
}

/// One object, one line. That nobody reads it any more is no reason to stop serving.
fn print(statistics: &Statistics) {
    let line = serde_json::to_string(statistics).unwrap_or_default();
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        warn!(%error, "cannot print statistics");
    }
}

/// Waits for the next SIGINT or SIGTERM from now on, as often as it is called, and gives its name.
#[cfg(unix)]
pub(super) fn stop_signals() -> std::io::Result<impl AsyncFnMut() -> &'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move || {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}

/// Waits for the next Ctrl-C, as often as it is called.
#[cfg(not(unix))]
pub(super) fn stop_signals() -> std::io::Result<impl AsyncFnMut() -> &'static str> {
    Ok(async || {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    })
}

/// Waits for the next SIGUSR1, as often as it is called.
#[cfg(unix)]
fn ask_signal() -> std::io::Result<impl AsyncFnMut()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signal = signal(SignalKind::user_defined1())?;
    Ok(async move || _ = signal.recv().await)
}

/// Waits for the next SIGHUP, as often as it is called. If none is wanted, one ends the process, as ever.
#[cfg(unix)]
pub(super) fn hangups(wanted: bool) -> std::io::Result<impl AsyncFnMut()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signal = wanted.then(|| signal(SignalKind::hangup())).transpose()?;
    Ok(async move || match &mut signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    })
}

/// There are none.
#[cfg(not(unix))]
pub(super) fn hangups(_wanted: bool) -> std::io::Result<impl AsyncFnMut()> {
    Ok(async || std::future::pending().await)
}

/// Nothing asks for statistics before the end.
#[cfg(not(unix))]
fn ask_signal() -> std::io::Result<impl AsyncFnMut()> {
    Ok(async || std::future::pending().await)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many signals are taken in until one counts, of those that come so long after the first, in ms.
    fn taken(times_ms: &[u64]) -> usize {
        let first = machine::now();
        let mut times = times_ms.iter().map(|ms| first + Duration::from_millis(*ms));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(meant(first, async || times.next().expect("one that counts")));
        times_ms.len() - times.len()
    }

    #[test]
    fn a_second_signal_counts_when_it_does_not_come_with_the_first() {
        assert_eq!([taken(&[200, 300]), taken(&[0, 2, 199, 5_000, 6_000])], [1, 4]);
    }
}
