//! Counts the instructions of one case: this program once more, under valgrind.

use std::hint::black_box;
use std::process::{Command, Output};

use crate::cases::Case;

/// What is counted is what happens in here, and nothing else: callgrind knows the function by its name.
#[inline(never)]
pub(crate) fn counted(call: &mut dyn FnMut()) {
    call();
    // The call is not the last thing, so that the function is still there when it returns.
    black_box(());
}

const COUNTED: &str = "*callgrind::counted*";

/// How many instructions one unit of the case takes.
pub(crate) fn count(case: &Case) -> Result<f64, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let profile = folder.path().join("callgrind.out");
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--toggle-collect={COUNTED}"));
    valgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    let ran = valgrind.arg(program).args(["case", case.name]).output();
    let Output { status, stdout, stderr } =
        ran.map_err(|error| format!("cannot run valgrind, which counts (`apt install valgrind`): {error}"))?;
    if !status.success() {
        return Err(format!("{} failed: {}", case.name, String::from_utf8_lossy(&stderr)));
    }
    let units: u64 = String::from_utf8_lossy(&stdout).trim().parse().map_err(|_| "no units were counted")?;
    let profile = std::fs::read_to_string(profile).map_err(|error| format!("no profile: {error}"))?;
    let instructions = profile.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    match instructions.unwrap_or(0_u64) {
        0 => Err(format!("callgrind did not find {COUNTED}")),
        instructions => Ok(instructions as f64 / units as f64),
    }
}
