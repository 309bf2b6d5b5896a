//! What a process asks of the system for itself: a core, a place in the schedule, precise sleeps, files.

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

/// Why a thread cannot run before others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the system refuses it ({0}); on Linux it takes CAP_SYS_NICE, or a limit of real-time priority (`ulimit -r`)"
)]
pub struct PriorityError(String);

/// Lets this thread run whenever it wants to, before every thread of ordinary priority: SCHED_FIFO of POSIX with
/// `priority` from 1, the lowest, to 99.
///
/// # Errors
/// If this process may not have that, or this system does not know it.
#[cfg(target_os = "linux")]
pub fn prioritise(priority: u8) -> Result<(), PriorityError> {
    use thread_priority::unix::{
        RealtimeThreadSchedulePolicy, ScheduleParams, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let priority =
        thread_priority::ThreadPriority::from_posix(ScheduleParams { sched_priority: priority.into() });
    set_thread_priority_and_policy(thread_native_id(), priority, policy).map_err(|error| {
        PriorityError(match error {
            thread_priority::Error::OS(code) => std::io::Error::from_raw_os_error(code).to_string(),
            other => format!("{other:?}"),
        })
    })
}

/// Lets this thread run before every thread of ordinary priority.
///
/// # Errors
/// If this process may not have that, or this system does not know it.
#[cfg(not(target_os = "linux"))]
pub fn prioritise(_priority: u8) -> Result<(), PriorityError> {
    Err(PriorityError("it has no such priority".into()))
}

/// The place of a thread that gives way, on the scale of `thread_priority` from 0, which is nice 19, to 99, nice -20: it is
/// nice 10, and beside an ordinary thread gets a tenth of the core, so that what it holds is never held for long.
#[cfg(target_os = "linux")]
const GIVEN_WAY: u8 = 22;

/// The nice value that [`GIVEN_WAY`] is.
#[cfg(target_os = "linux")]
const GIVEN_WAY_NICE: i32 = 10;

/// Lets other threads of ordinary priority run before this one, as `nice -n 10` does. Where the system does not, or where it
/// is behind that already, it stays as it is.
pub(crate) fn give_way() {
    #[cfg(target_os = "linux")]
    if niceness().is_none_or(|nice| nice < GIVEN_WAY_NICE)
        && let Err(error) = take_place(GIVEN_WAY)
    {
        tracing::debug!(?error, "a thread does not give way to others");
    }
}

#[cfg(target_os = "linux")]
fn take_place(place: u8) -> Result<(), thread_priority::Error> {
    use thread_priority::unix::{
        NormalThreadSchedulePolicy, ScheduleParams, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let place = ScheduleParams { sched_priority: place.into() };
    let priority = thread_priority::ThreadPriority::from_posix(place);
    set_thread_priority_and_policy(thread_native_id(), priority, policy)
}

/// How nice this thread is, from -20 to 19: field 19 of `stat` in proc(5), the seventeenth behind the name in brackets.
#[cfg(target_os = "linux")]
fn niceness() -> Option<i32> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(16)?.parse().ok()
}

/// [`super::sleep`] ends at its time in this thread, not up to 50 us later, where the system can do that. Waiting for a
/// socket has a slack of its own.
pub(crate) fn make_sleeps_precise() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_timerslack(1) {
        tracing::warn!(%error, "the system keeps its timer slack: ticks may be 50 us late");
    }
}

/// Sees to it that this process may open `files` files.
#[cfg(target_os = "linux")]
pub(crate) fn allow_files(files: u64) -> std::io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= files {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, files, hard.max(files)).map_err(|error| {
        let told = format!("{files} open files are needed and {hard} allowed ({error}): raise `ulimit -n`");
        std::io::Error::other(told)
    })
}

/// Sees to it that this process may open `files` files: the system does not say, and opening them will.
#[cfg(not(target_os = "linux"))]
pub(crate) fn allow_files(_files: u64) -> std::io::Result<()> {
    Ok(())
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
    fn a_priority_is_granted_or_refused_in_words() {
        let asked = std::thread::spawn(|| {
            let policy = || thread_priority::unix::thread_schedule_policy().expect("it is told");
            let before = policy();
            let granted = prioritise(1);
            (granted, before == policy())
        });
        match asked.join().expect("it ends well") {
            (Ok(()), is_as_before) => assert!(!is_as_before, "it is another now"),
            (Err(error), is_as_before) => {
                assert!(is_as_before && error.to_string().contains("CAP_SYS_NICE"), "{error}");
            }
        }
    }

    #[test]
    fn who_gives_way_is_behind_the_others_and_they_stay_where_they_are() {
        let nice = || niceness().expect("it is told");
        let before = nice();
        let given_way = std::thread::spawn(move || {
            give_way();
            nice()
        });
        assert_eq!(given_way.join().expect("it ends well"), before.max(GIVEN_WAY_NICE));
        assert_eq!(nice(), before);
    }

    #[test]
    fn who_is_behind_already_stays_there() {
        let asked = std::thread::spawn(|| {
            take_place(0).expect("anyone may go to the end");
            give_way();
            niceness()
        });
        assert_eq!(asked.join().expect("it ends well"), Some(19));
    }

    #[test]
    fn a_priority_that_does_not_exist_is_refused() {
        let asked = std::thread::spawn(|| prioritise(100)).join().expect("it ends well");
        assert!(asked.expect_err("the highest is 99").to_string().starts_with("the system refuses"));
    }

    #[test]
    fn few_files_are_always_allowed() {
        allow_files(16).expect("so few are");
    }
}
