//! How a program begins that is also the processes beside it, and what it keeps of what it has found.

#![allow(dead_code, reason = "each of the programs that share this needs a part of it")]

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Plays `tickcast` where the first argument is one of these commands of it. Else it does its own work with all arguments,
/// and says by its end whether that found all to be well.
pub(crate) fn open(
    commands: &[&str],
    work: impl FnOnce(&[String]) -> Result<bool, Box<dyn Error>>,
) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| commands.contains(&arg.as_str())) {
        return tickcast::cli::Cli::read().run();
    }
    match work(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes a text into the file of `--out`, where one is asked for.
pub(crate) fn keep(text: &str, out: Option<&String>) -> std::io::Result<()> {
    out.map_or(Ok(()), |file| std::fs::write(file, format!("{text}\n")))
}

/// The commit of the sources, where they stand under git, marked where files differ from it.
pub(crate) fn commit() -> Option<String> {
    let told = Command::new("git")
        .args(["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"])
        .output()
        .ok()?;
    told.status.success().then(|| String::from_utf8_lossy(&told.stdout).trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Until the next thing is due.
#[expect(clippy::disallowed_methods, reason = "the edge: who keeps to a clock waits here")]
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}
