//! A process beside this one: what it says, line by line. It ends when this is dropped.

#![allow(dead_code, reason = "each of the programs that share this needs a part of it")]

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(program: &Path, args: &[String]) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let (said, lines) = channel();
        forward(child.stdout.take().ok_or("it is piped")?, said.clone());
        forward(child.stderr.take().ok_or("it is piped")?, said);
        Ok(Self { child, lines })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What `wanted` finds in one of the next lines that it says.
    pub(crate) fn wait_for<T>(
        &mut self,
        wanted: impl Fn(&serde_json::Value) -> Option<T>,
    ) -> Result<T, String> {
        let mut last = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).map_err(|error| format!("{error}: {last}"))?;
            let found = serde_json::from_str(&line).ok().and_then(|value| wanted(&value));
            if let Some(found) = found {
                return Ok(found);
            }
            last = line;
        }
    }

    /// The next line that it has said, if there is one. `Err` when it has ended and all is read.
    pub(crate) fn said(&mut self) -> Result<Option<String>, ()> {
        match self.lines.try_recv() {
            Ok(line) => Ok(Some(line)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(()),
        }
    }

    /// How many files and sockets it has open.
    pub(crate) fn open_files(&self) -> Option<usize> {
        Some(std::fs::read_dir(format!("/proc/{}/fd", self.id())).ok()?.count())
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) -> Result<(), String> {
        let status = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status();
        status
            .map_err(|error| error.to_string())?
            .success()
            .then_some(())
            .ok_or_else(|| "it has ended".into())
    }

    /// Its resident memory, in kilobytes.
    pub(crate) fn resident_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

fn forward(stream: impl Read + Send + 'static, said: Sender<String>) {
    std::thread::spawn(move || {
        BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| said.send(line))
    });
}

/// How many datagrams the system has dropped at the socket of this port, for want of room.
pub(crate) fn socket_drops(port: u16) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/udp").ok()?;
    let is_ours = |line: &&str| {
        line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&format!(":{port:04X}")))
    };
    table.lines().find(is_ours)?.split_whitespace().last()?.parse().ok()
}
