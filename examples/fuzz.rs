//! Looks for bytes that break something: `cargo run --example fuzz -- --target blocks --runs 10000000` runs one target of
//! `fuzz/` under libFuzzer, without `--target` all of them, one after the other. It needs cargo-fuzz and the nightly
//! toolchain. Each run is a line of JSON, with `--out FILE` also added to a file; what breaks is in `fuzz/artifacts/`.
//!
//! `--sanitizer address` looks at the memory of what we depend on too, at less than half of the speed. `--seconds S` ends a
//! target earlier.

#[path = "beside/program.rs"]
mod program;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");

/// Names of the targets, the quick ones first.
const TARGETS: [&str; 12] = [
    "client_messages",
    "server_messages",
    "blocks",
    "gate",
    "sealed_gate",
    "client",
    "sealed_client",
    "texts",
    "answers",
    "maps",
    "sequences",
    "sealed_sequences",
];

/// An input takes milliseconds at the most; this is a hang.
const HANG_SECONDS: u32 = 10;
/// Bytes of an input: more than a datagram's, and a small map.
const BYTES_MAX: usize = 1_024;
/// A process of a target needs some 100 MB, most of them the fuzzer's.
const MEMORY_MB: u32 = 1_024;

struct Plan {
    targets: Vec<String>,
    runs: u64,
    seconds: u64,
    sanitizer: String,
    out: Option<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plan() -> Result<Plan, Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut plan = Plan {
        targets: TARGETS.map(str::to_owned).to_vec(),
        runs: 1_000_000,
        seconds: 0,
        sanitizer: "none".into(),
        out: None,
    };
    for pair in args.chunks(2) {
        match pair {
            [flag, value] if flag == "--target" => plan.targets = vec![value.clone()],
            [flag, value] if flag == "--runs" => plan.runs = value.parse()?,
            [flag, value] if flag == "--seconds" => plan.seconds = value.parse()?,
            [flag, value] if flag == "--sanitizer" => plan.sanitizer = value.clone(),
            [flag, value] if flag == "--out" => plan.out = Some(value.clone()),
            _ => {
                return Err(
                    "it takes --target NAME, --runs N, --seconds S, --sanitizer NAME and --out FILE".into()
                );
            }
        }
    }
    Ok(plan)
}

fn run() -> Result<bool, Failure> {
    let (plan, mut all_pass) = (plan()?, true);
    for target in &plan.targets {
        let report = fuzz(&plan, target)?;
        all_pass &= report["pass"] == true;
        println!("{report}");
        if let Some(path) = &plan.out {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
            writeln!(file, "{report}")?;
        }
    }
    Ok(all_pass)
}

/// Runs one target to its end.
fn fuzz(plan: &Plan, target: &str) -> Result<Value, Failure> {
    let commit = program::commit();
    let mut command = Command::new("cargo");
    command.current_dir(FUZZ).args(["+nightly", "fuzz", "run", "-O", "-s", &plan.sanitizer, target, "--"]);
    command.args([
        format!("-runs={}", plan.runs),
        format!("-max_total_time={}", plan.seconds),
        format!("-timeout={HANG_SECONDS}"),
        format!("-rss_limit_mb={MEMORY_MB}"),
        format!("-max_len={BYTES_MAX}"),
        "-print_final_stats=1".into(),
    ]);
    let ended = command.output()?;
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    let executions = statistic(&log, "stat::number_of_executed_units:");
    if executions.is_none() {
        return Err(format!("{target} did not run:\n{log}").into());
    }
    if !ended.status.success() {
        eprintln!("{log}");
    }
    Ok(json!({
        "target": target,
        "executions": executions,
        "seconds": last_number(&log, "runs in "),
        "pass": ended.status.success(),
        "coverage": last_number(&log, "cov: "),
        "features": last_number(&log, "ft: "),
        "corpus_files": fs::read_dir(Path::new(FUZZ).join("corpus").join(target))?.count(),
        "slowest_seconds": statistic(&log, "stat::slowest_unit_time_sec:"),
        "memory_mb": statistic(&log, "stat::peak_rss_mb:"),
        "sanitizer": plan.sanitizer,
        "commit": commit,
    }))
}

/// What the last statistics of libFuzzer say.
fn statistic(log: &str, name: &str) -> Option<u64> {
    log.lines().rev().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// The number behind a word in the last line of progress that has one.
fn last_number(log: &str, word: &str) -> Option<u64> {
    log.lines().rev().find_map(|line| line.split(word).nth(1)?.split(' ').next()?.parse().ok())
}
