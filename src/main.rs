//! The `tickcast` binary: see the library for what it does.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    tickcast::cli::Cli::parse().run()
}
