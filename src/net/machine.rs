//! This process, as the system sees it: the time that it has had, and the core that it may run on.

use std::time::Duration;

/// The time that this process has been on a core, where the system says so.
#[cfg(target_os = "linux")]
pub(super) fn cpu_time() -> Option<Duration> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let time = usage.user_time() + usage.system_time();
    Some(Duration::new(u64::try_from(time.tv_sec()).ok()?, u32::try_from(time.tv_usec()).ok()? * 1_000))
}

/// The time that this process has been on a core, where the system says so.
#[cfg(not(target_os = "linux"))]
pub(super) fn cpu_time() -> Option<Duration> {
    None
}

/// Why a process cannot be kept on a core.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Not one of those that this process may use.
    #[error("it may run on the cores {allowed:?}, not on {core}")]
    NotAllowed {
        /// The core that was asked for.
        core: usize,
        /// Those that it may use.
        allowed: Vec<usize>,
    },
    /// Whatever else the system says.
    #[error("the system refuses: {0}")]
    Refused(String),
}

/// The cores that this process may use, in order. Empty where the system does not say.
#[cfg(target_os = "linux")]
pub fn cores() -> Vec<usize> {
    use nix::sched::{CpuSet, sched_getaffinity};
    use nix::unistd::Pid;
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|&core| set.is_set(core).unwrap_or(false)).collect()
}

/// The cores that this process may use, in order. Empty where the system does not say.
#[cfg(not(target_os = "linux"))]
pub fn cores() -> Vec<usize> {
    Vec::new()
}

/// Keeps this thread, and those that it starts from now on, on one core.
///
/// # Errors
/// If this process may not use the core, or this system keeps nobody on any.
#[cfg(target_os = "linux")]
pub fn pin(core: usize) -> Result<(), PinError> {
    use nix::sched::{CpuSet, sched_setaffinity};
    use nix::unistd::Pid;
    let allowed = cores();
    if !allowed.contains(&core) {
        return Err(PinError::NotAllowed { core, allowed });
    }
    let mut set = CpuSet::new();
    let pinned = set.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
    pinned.map_err(|error| PinError::Refused(error.to_string()))
}

/// Keeps this thread, and those that it starts from now on, on one core.
///
/// # Errors
/// If this process may not use the core, or this system keeps nobody on any.
#[cfg(not(target_os = "linux"))]
pub fn pin(_core: usize) -> Result<(), PinError> {
    Err(PinError::Refused("it keeps no process on a core".into()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_kept_on_a_core_that_it_may_use_and_told_where_it_may_not() {
        let thread = std::thread::spawn(|| {
            let allowed = cores();
            let (first, beyond) = (allowed[0], allowed[allowed.len() - 1] + 1);
            let refused = pin(beyond).expect_err("no such core").to_string();
            assert!(refused.contains(&format!("not on {beyond}")), "{refused}");
            pin(first).expect("one of its own");
            assert_eq!(cores(), [first]);
        });
        thread.join().expect("it ends well");
    }

    #[test]
    fn the_system_says_how_long_a_process_has_run() {
        assert!(cpu_time().is_some());
    }
}
