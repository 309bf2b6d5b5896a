//! What does this machine tell, and what does it grant?
//!
//! The edge below every room that touches the outside: the clock, this process's time and cores, and how its threads
//! are scheduled. What a system does not know is `None` or a refusal in words, never a panic.

mod counts;
mod grants;

use std::time::{Duration, Instant};

pub(crate) use counts::{ignores_hangups, resident_bytes, socket_drops, socket_number, socket_numbers_of};
pub use grants::{PinError, PriorityError, cores, pin, prioritise};
pub(crate) use grants::{allow_files, give_way, make_sleeps_precise};

/// The time, at the edge of the program; from here on it is an argument.
#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day, in whole seconds since 1970: what tickets expire by. A clock that shows a time before that is wrong in
/// any case: then no ticket is good.
pub(crate) fn unix_seconds() -> u64 {
    unix_time().map_or(u64::MAX, |since| since.as_secs())
}

/// The same in milliseconds; 0 where the clock shows a time before 1970.
pub(crate) fn unix_ms() -> u64 {
    unix_time().map_or(0, |since| since.as_millis() as u64)
}

#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
fn unix_time() -> Option<Duration> {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()
}

/// Sleeps: until the next thing is due, never to wait for something that could say that it is done.
#[expect(clippy::disallowed_methods, reason = "the edge: whoever keeps to a clock waits here")]
pub(crate) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// The time that this process has been on a core, where the system says so.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_time() -> Option<Duration> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let time = usage.user_time() + usage.system_time();
    Some(Duration::new(u64::try_from(time.tv_sec()).ok()?, u32::try_from(time.tv_usec()).ok()? * 1_000))
}

/// The time that this process has been on a core, where the system says so.
#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu_time() -> Option<Duration> {
    None
}

/// How long a core has been busy with whatever, and in all, in a unit of the system's. `None` where it does not say.
pub(crate) fn core_times(core: usize) -> Option<(u64, u64)> {
    core_times_in(&std::fs::read_to_string("/proc/stat").ok()?, core)
}

/// Of the times of a core the first eight add up to all of it, and the fourth and the fifth are idle: proc(5),
/// /proc/stat.
fn core_times_in(table: &str, core: usize) -> Option<(u64, u64)> {
    let name = format!("cpu{core} ");
    let line = table.lines().find_map(|line| line.strip_prefix(&name))?;
    let times: Vec<u64> = line.split_whitespace().take(8).map_while(|time| time.parse().ok()).collect();
    let (all, idle): (u64, u64) = (times.iter().sum(), times.get(3)? + times.get(4)?);
    Some((all - idle, all))
}

/// What the processor calls itself, where the system says so.
pub(crate) fn processor() -> Option<String> {
    let told = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = told.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_busy_when_it_is_not_idle() {
        let table = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 1 2 3 40 5 6 7 8 9 9\ncpu10 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(core_times_in(table, 1), Some((27, 72)));
        assert_eq!((core_times_in(table, 10), core_times_in(table, 2)), (Some((6, 8)), None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_how_long_a_process_has_run() {
        assert!(cpu_time().is_some());
    }
}
