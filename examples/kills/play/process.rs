//! The server as a process, which ends as by `kill -9`.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Instant;

use super::now;

/// A running server. It is killed when this is dropped.
pub(super) struct Served {
    child: Child,
    log: Receiver<(Instant, String)>,
    said: Vec<String>,
}

impl Served {
    pub(super) fn start(program: &Path, bind: SocketAddr, dir: &Path) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(["serve", "--log-format", "json", "--log-level", "info", "--bind", &bind.to_string()])
            .arg("--data")
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let (telling, log) = channel();
        let lines = BufReader::new(child.stderr.take().ok_or("it is piped")?).lines();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| telling.send((now(), line)))
        });
        Ok(Self { child, log, said: Vec::new() })
    }

    /// Since when it listens, and where, if it does.
    pub(super) fn listening(&mut self) -> Result<Option<(Instant, SocketAddr)>, String> {
        match self.log.try_recv() {
            Ok((at, line)) => {
                let addr = addr_in(&line);
                self.said.push(line);
                Ok(addr.map(|addr| (at, addr)))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(format!("the server has ended: {:?}", self.said)),
        }
    }

    /// Kills it, and gives when: nothing that it did came later.
    pub(super) fn kill(mut self) -> Instant {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
        now()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

fn addr_in(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    (fields["message"] == "listening").then(|| fields["addr"].as_str()?.parse().ok())?
}
