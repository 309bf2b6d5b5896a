//! The real binary, started by a test and ended with it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// A server of the real binary on a free port; it ends with the test.
pub(crate) struct Served {
    pub(crate) process: Child,
    pub(crate) addr: String,
    /// The line of its log in which it says so.
    pub(crate) said: String,
    /// Held open: a log that nobody can read is an error to who writes it.
    log: BufReader<ChildStderr>,
}

impl Served {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    pub(crate) fn start_with(args: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_as(&[&["serve", "--bind", "127.0.0.1:0"], args].concat(), environment)
    }

    /// Any command that serves and says that it listens.
    pub(crate) fn start_as(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tickcast"))
            .args(args)
            .args(["--log-format", "json", "--log-level", "info"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = BufReader::new(process.stderr.take().expect("piped"));
        let mut served = Self { process, addr: String::new(), said: String::new(), log };
        served.addr = served.next_addr();
        served
    }

    /// The address of the next line of the log in which it says that it listens.
    pub(crate) fn next_addr(&mut self) -> String {
        self.said = self.next_line("listening");
        let line: serde_json::Value = serde_json::from_str(&self.said).expect("one object a line");
        line["fields"]["addr"].as_str().expect("with the address").to_owned()
    }

    /// The next line of the log that says `what`.
    pub(crate) fn next_line(&mut self, what: &str) -> String {
        let mut lines = self.log.by_ref().lines().map_while(Result::ok);
        lines.find(|line| line.contains(what)).unwrap_or_else(|| panic!("it never says: {what}"))
    }
}

impl Served {
    /// What it logs after it says that it listens, to its end.
    pub(crate) fn rest_of_log(&mut self) -> String {
        let mut log = String::new();
        self.log.read_to_string(&mut log).expect("it can be read");
        log
    }

    /// Tells it to stop; gives what it says last, one object.
    pub(crate) fn ended(mut self) -> serde_json::Value {
        self.signal("-TERM");
        assert!(self.process.wait().expect("it ends").success());
        let out = BufReader::new(self.process.stdout.take().expect("piped"));
        let last = out.lines().map_while(Result::ok).last().expect("a line");
        serde_json::from_str(&last).expect("one object")
    }

    /// Sends the process a signal, as `kill` names it.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_gone = self.process.wait();
    }
}

/// Runs a command of the binary to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickcast")).args(args).output().expect("the binary starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
