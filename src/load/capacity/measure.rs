//! One run: a server, or the floor, and bots that play against it, as processes of their own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::process::{Line, Process, ProcessError};
use super::{CapacityConfig, decoders};
use crate::gate::DropReason;
use crate::machine;
use crate::wire::Encoding;

/// What a run may take beyond its warm-up and its duration: to join, as the bots allow themselves, and to start
/// and to sum up.
const BESIDES: Duration = Duration::from_secs(30);
/// The same for each client.
const BESIDES_PER_CLIENT: Duration = Duration::from_millis(1);

/// Why a server that has received a move does not apply it: its game says so, and nothing is lost.
const JUDGED: [DropReason; 4] =
    [DropReason::OutsideWorld, DropReason::MoveRefused, DropReason::Corrected, DropReason::Superseded];

/// The flag with which processes end with their standard input.
const WITH_INPUT: &str = "--end-with-input";

/// What a run is against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// The server.
    Server,
    /// The floor, with datagrams of so many bytes.
    Floor(usize),
}

/// What the server, or the floor, says of the duration. Of its keys those that are read here.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Served {
    pub(super) seconds: f64,
    pub(super) peers: usize,
    pub(super) tick_us_p50: Option<f64>,
    pub(super) tick_us_p99: Option<f64>,
    pub(super) tick_us_max: Option<f64>,
    pub(super) late_us_p50: Option<f64>,
    pub(super) late_us_p99: Option<f64>,
    pub(super) cpu_share: Option<f64>,
    pub(super) cpu_us_per_client_tick: Option<f64>,
    pub(super) snapshots: u64,
    pub(super) bytes_out: u64,
    pub(super) drops: BTreeMap<String, u64>,
}

impl Served {
    /// Moves that were received, and that the game did not want.
    pub(super) fn moves_judged(&self) -> u64 {
        JUDGED.iter().filter_map(|reason| self.drops.get(reason.name())).sum()
    }

    /// The size of a datagram, on average.
    pub(super) fn datagram_bytes(&self) -> Option<f64> {
        (self.snapshots > 0).then(|| self.bytes_out as f64 / self.snapshots as f64)
    }
}

/// What the bots say of the duration. Of their keys those that are read here.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Played {
    pub(super) joined: usize,
    pub(super) clients_decoded: usize,
    pub(super) moves_sent: u64,
    pub(super) moves_applied: u64,
    pub(super) moves_skipped: u64,
    pub(super) snapshots_expected: u64,
    pub(super) snapshots_received: u64,
    pub(super) socket_queue_losses: Option<u64>,
    pub(super) age_ms_p99: Option<f64>,
    pub(super) cpu_share: Option<f64>,
}

/// What both say of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    pub(super) served: Served,
    pub(super) played: Played,
    /// The share of the server's core, and of the bots', that anyone used meanwhile; themselves included.
    pub(super) busy: [Option<f64>; 2],
    /// Datagrams that the system threw away meanwhile at the server's sockets.
    pub(super) server_drops: Option<u64>,
}

impl Run {
    /// What the system counted between two looks.
    fn note(&mut self, before: &Look, after: &Look) {
        self.busy = [0, 1].map(|core| busy_share(before.cores[core], after.cores[core]));
        self.server_drops = after.drops.zip(before.drops).map(|(after, before)| after.saturating_sub(before));
    }
}

/// What the system has counted so far.
#[derive(Debug)]
struct Look {
    /// The time of the server's core, and of the bots'.
    cores: [Times; 2],
    /// Datagrams thrown away at the server's sockets.
    drops: Option<u64>,
}

impl Look {
    fn at(config: &CapacityConfig, server: &Process) -> Self {
        let sockets = server.sockets();
        Self {
            cores: [config.server_core, config.bots_core].map(times),
            drops: sockets.and_then(|sockets| machine::socket_drops(&sockets)),
        }
    }
}

/// What a run is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) config: &'a CapacityConfig,
    pub(super) rate_hz: f64,
    pub(super) clients: usize,
    pub(super) against: Against,
}

impl Plan<'_> {
    /// Starts both, takes what they say, and ends both. `stage` hears what the bots do.
    pub(super) fn run(&self, stop: &AtomicBool, stage: &mut dyn FnMut(&str)) -> Result<Run, ProcessError> {
        let config = self.config;
        let most = config.warmup + config.duration + BESIDES + BESIDES_PER_CLIENT * self.clients as u32;
        let deadline = machine::now() + most;
        let program: &Path = &config.program;
        let mut server = Process::start(program, &self.server_args())?;
        let addr = listening(&mut server, deadline, stop)?;
        let mut bots = Process::start(program, &self.bots_args(addr))?;
        let (mut run, mut looks) = (Run::default(), Vec::new());
        loop {
            let line = bots.out(deadline, stop)?;
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            match said["stage"].as_str() {
                Some(name) => {
                    stage(name);
                    if ["counting", "counted"].contains(&name) {
                        run.served = statistics(&mut server, deadline, stop)?;
                        looks.push(Look::at(config, &server));
                    }
                }
                None => {
                    run.played = read("bots", &line)?;
                    if let [before, after] = &looks[..] {
                        run.note(before, after);
                    }
                    return Ok(run);
                }
            }
        }
    }

    fn server_args(&self) -> Vec<String> {
        let mut args = match self.against {
            Against::Server => {
                let peers = self.clients.max(crate::config::Config::default().max_peers);
                let mut args =
                    vec!["serve".into(), "--bind=127.0.0.1:0".into(), format!("--max-peers={peers}")];
                args.extend(self.ticket_args());
                args.extend(self.config.serve_args.iter().cloned());
                args
            }
            Against::Floor(bytes) => {
                vec!["floor".into(), "--port=0".into(), format!("--datagram-bytes={bytes}")]
            }
        };
        args.extend([format!("--tick-rate={}", self.rate_hz), "--json".into(), WITH_INPUT.into()]);
        args.extend(["--log-format=json".into(), "--log-level=info".into()]);
        args.extend(self.config.server_core.map(|core| format!("--pin={core}")));
        args
    }

    /// For server and bots alike.
    fn ticket_args(&self) -> Option<String> {
        self.config.ticket_key.as_ref().map(|file| format!("--ticket-key={}", file.display()))
    }

    fn bots_args(&self, server: SocketAddr) -> Vec<String> {
        let config = self.config;
        let encoding = if config.encoding == Encoding::Plain { "plain" } else { "compact" };
        let decoders = decoders(self.clients, self.rate_hz);
        let mut args = vec!["bots".into(), format!("--server={server}")];
        args.extend([format!("--clients={}", self.clients), format!("--rate={}", self.rate_hz)]);
        args.extend([in_ms("duration", config.duration), in_ms("warmup", config.warmup)]);
        args.extend([format!("--encoding={encoding}"), format!("--decoders={decoders}")]);
        if self.against == Against::Server {
            args.extend(self.ticket_args());
            args.extend(ticket_server(&config.serve_args).iter().cloned());
        }
        args.extend(["--json".into(), "--stages".into(), WITH_INPUT.into()]);
        args.extend(config.bots_core.map(|core| format!("--pin={core}")));
        args
    }
}

/// Of the flags of a server those that say for whom tickets must be: bots need to know it too.
fn ticket_server(serve_args: &[String]) -> &[String] {
    let flag = "--ticket-server";
    let is_flag = |word: &String| word == flag || word.starts_with(&format!("{flag}="));
    let Some(at) = serve_args.iter().position(is_flag) else { return &[] };
    let words = if serve_args[at] == flag { 2 } else { 1 };
    &serve_args[at..serve_args.len().min(at + words)]
}

type Times = Option<(u64, u64)>;

fn times(core: Option<usize>) -> Times {
    machine::core_times(core?)
}

fn busy_share(before: Times, after: Times) -> Option<f64> {
    let ((busy_before, all_before), (busy, all)) = (before?, after?);
    let all = all.checked_sub(all_before).filter(|all| *all > 0)?;
    Some(busy.saturating_sub(busy_before) as f64 / all as f64)
}

fn in_ms(flag: &str, time: Duration) -> String {
    format!("--{flag}={}ms", time.as_millis())
}

/// The address that the server says it listens at.
fn listening(server: &mut Process, deadline: Instant, stop: &AtomicBool) -> Result<SocketAddr, ProcessError> {
    loop {
        if let Line::Log(line) = server.line(deadline, stop)?
            && let Some(addr) = address_in(&line)
        {
            return Ok(addr);
        }
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let said: Value = serde_json::from_str(line).ok()?;
    let fields = &said["fields"];
    if fields["message"] != "listening" {
        return None;
    }
    fields["addr"].as_str()?.parse().ok()
}

fn statistics(server: &mut Process, deadline: Instant, stop: &AtomicBool) -> Result<Served, ProcessError> {
    server.ask_statistics()?;
    read("serve", &server.out(deadline, stop)?)
}

fn read<T: for<'a> Deserialize<'a>>(name: &str, line: &str) -> Result<T, ProcessError> {
    serde_json::from_str(line)
        .map_err(|error| ProcessError::Ended { name: name.into(), told: format!("{error} in {line}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_in_one_line_of_the_log() {
        let line =
            r#"{"level":"INFO","fields":{"message":"listening","addr":"127.0.0.1:40001"},"target":"x"}"#;
        assert_eq!(address_in(line), "127.0.0.1:40001".parse().ok());
        for other in ["", "{}", r#"{"fields":{"message":"stopping","addr":"127.0.0.1:1"}}"#] {
            assert_eq!(address_in(other), None, "{other}");
        }
    }

    #[test]
    fn bots_are_told_for_whom_tickets_must_be() {
        let told = |line: &str| {
            let words: Vec<String> = line.split(' ').map(Into::into).collect();
            ticket_server(&words).join(" ")
        };
        assert_eq!(told("--checksums --ticket-server arena --view 9"), "--ticket-server arena");
        assert_eq!(told("--ticket-server=arena --view 9"), "--ticket-server=arena");
        assert_eq!([told("--checksums"), told("--ticket-server")], ["", "--ticket-server"]);
    }

    #[test]
    fn keys_that_are_not_read_here_may_be_there() {
        let line = r#"{"seconds":2.0,"peers":3,"snapshots":10,"bytes_out":1234,"cpu_share":null,
            "drops":{"corrected":3,"superseded":2,"length":9}}"#;
        let served: Served = read("serve", line).expect("statistics");
        assert_eq!(served.moves_judged(), 5, "what has the wrong length is no move");
        assert_eq!((served.datagram_bytes(), served.cpu_share), (Some(123.4), None));
        assert!(read::<Served>("serve", "{}").is_err());
    }
}
