//! The `tickcast` binary: see the library for what it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    tickcast::cli::Cli::read().run()
}
