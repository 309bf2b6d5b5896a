//! A process of our own program: what it says, line by line, and its end, which never fails to come.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::machine;

/// How long it takes at most until somebody who waits for a line sees that it should stop.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// So many lines of its log are kept, for whoever asks why it failed.
const LOG_KEPT: usize = 8;

/// Why no line comes.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    /// Whoever measures was told to stop.
    #[error("stopped")]
    Stopped,
    /// The time for it has passed.
    #[error("`{0}` took too long")]
    TooLong(String),
    /// It has ended, or never began.
    #[error("`{name}` ended: {told}")]
    Ended {
        /// Its command.
        name: String,
        /// What it said last.
        told: String,
    },
    /// The system does not let us.
    #[error("cannot run `{name}`: {error}")]
    System {
        /// Its command.
        name: String,
        /// What the system says.
        error: io::Error,
    },
}

/// What a process says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// On standard output.
    Out(String),
    /// On standard error.
    Log(String),
}

/// A running process. Dropping it ends it, whatever it does, and waits until it has ended. Its standard input ends with
/// ours, also where we are killed: a command that is told to look at it ends then too.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    lines: Receiver<Line>,
    log: VecDeque<String>,
}

impl Process {
    /// Starts `program` with `args`. Settings of ours in the environment are not its own.
    pub(super) fn start(program: &Path, args: &[String]) -> Result<Self, ProcessError> {
        let name = args.first().cloned().unwrap_or_default();
        Self::spawn(program, args)
            .map(|(child, lines)| Self { name: name.clone(), child, lines, log: VecDeque::new() })
            .map_err(|error| ProcessError::System { name, error })
    }

    fn spawn(program: &Path, args: &[String]) -> io::Result<(Child, Receiver<Line>)> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
            command.env_remove(name);
        }
        let mut child = command.spawn()?;
        let (said, lines) = channel();
        if let Some(out) = child.stdout.take() {
            forward(out, said.clone(), Line::Out);
        }
        if let Some(log) = child.stderr.take() {
            forward(log, said, Line::Log);
        }
        Ok((child, lines))
    }

    /// The next line that it says on either stream.
    pub(super) fn line(&mut self, deadline: Instant, stop: &AtomicBool) -> Result<Line, ProcessError> {
        loop {
            if stop.load(Ordering::Acquire) {
                return Err(ProcessError::Stopped);
            }
            match self.lines.recv_timeout(LOOK_UP_EVERY) {
                Ok(Line::Log(line)) => {
                    self.log.truncate(LOG_KEPT - 1);
                    self.log.push_front(line.clone());
                    return Ok(Line::Log(line));
                }
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended(stop)),
                Err(RecvTimeoutError::Timeout) if machine::now() >= deadline => {
                    return Err(ProcessError::TooLong(self.name.clone()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// The next line of its standard output.
    pub(super) fn out(&mut self, deadline: Instant, stop: &AtomicBool) -> Result<String, ProcessError> {
        loop {
            if let Line::Out(line) = self.line(deadline, stop)? {
                return Ok(line);
            }
        }
    }

    /// The numbers of its sockets, where the system says so.
    pub(super) fn sockets(&self) -> Option<HashSet<u64>> {
        machine::socket_numbers_of(self.child.id())
    }

    /// Asks it for its statistics, the next line of its standard output.
    pub(super) fn ask_statistics(&self) -> Result<(), ProcessError> {
        let name = || self.name.clone();
        ask_statistics(&self.child).map_err(|error| ProcessError::System { name: name(), error })
    }

    /// A Ctrl-C ends all processes of a terminal, each at its own pace: then it is no failure.
    fn ended(&mut self, stop: &AtomicBool) -> ProcessError {
        machine::sleep(LOOK_UP_EVERY);
        if stop.load(Ordering::Acquire) {
            return ProcessError::Stopped;
        }
        let error = self.log.iter().find_map(|line| line.strip_prefix("error: "));
        let told = error.or(self.log.front().map(String::as_str)).unwrap_or("it says nothing").to_string();
        ProcessError::Ended { name: self.name.clone(), told }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

fn is_ours(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("TICKCAST_") || name == "RUST_LOG"
}

/// Ends with the stream.
fn forward(stream: impl Read + Send + 'static, said: Sender<Line>, line_of: fn(String) -> Line) {
    std::thread::spawn(move || {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        for line in lines {
            if said.send(line_of(line)).is_err() {
                return;
            }
        }
    });
}

/// Asks a server process of ours for a line of statistics.
#[cfg(target_os = "linux")]
fn ask_statistics(process: &Child) -> io::Result<()> {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let id = i32::try_from(process.id()).map_err(io::Error::other)?;
    kill(Pid::from_raw(id), Signal::SIGUSR1).map_err(io::Error::from)
}

/// Asks a server process of ours for a line of statistics.
#[cfg(not(target_os = "linux"))]
fn ask_statistics(_process: &Child) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only on Linux"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let args = ["-c".to_string(), script.to_string()];
        Process::start(Path::new("sh"), &args).expect("a shell is there")
    }

    fn soon() -> Instant {
        machine::now() + Duration::from_secs(30)
    }

    #[test]
    fn what_it_says_comes_line_by_line_and_its_last_words_say_why_it_ended() {
        let mut process = shell("echo one; echo two; echo 'error: no room' >&2; echo then >&2");
        let stop = AtomicBool::new(false);
        assert_eq!(process.out(soon(), &stop).expect("a line"), "one");
        assert_eq!(process.out(soon(), &stop).expect("a line"), "two");
        let error = process.out(soon(), &stop).expect_err("it has ended").to_string();
        assert_eq!(error, "`-c` ended: no room");
    }

    #[test]
    fn a_silent_one_is_left_at_its_deadline_or_when_all_stops_and_ended() {
        let mut process = shell("echo $$; exec sleep 1000");
        let id = process.out(soon(), &AtomicBool::new(false)).expect("its id");
        let error = process.line(machine::now(), &AtomicBool::new(false)).expect_err("it is silent");
        assert!(matches!(error, ProcessError::TooLong(_)), "{error}");
        let error = process.line(soon(), &AtomicBool::new(true)).expect_err("all stops");
        assert!(matches!(error, ProcessError::Stopped), "{error}");
        drop(process);
        let is_there = Command::new("kill").args(["-0", &id]).stderr(Stdio::null()).status();
        assert!(!is_there.expect("kill is there").success(), "{id} has ended");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Process::start(Path::new("/no/such"), &["serve".into()]).expect_err("not there");
        assert!(error.to_string().starts_with("cannot run `serve`: "), "{error}");
    }
}
