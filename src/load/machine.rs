//! The edge of the load tool: the clock, sleeping, and what the system says of this process and its sockets.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// The time, at the edge of the program; from here on it is an argument.
#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Sleeps: until the next bot is due, or to let a signal arrive; never to wait for something that could say that it is
/// done.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: the loop over the bots waits for the next visit here"
)]
pub(super) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

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

/// Asks a server process of ours for a line of statistics.
#[cfg(target_os = "linux")]
pub(super) fn ask_statistics(process: &std::process::Child) -> std::io::Result<()> {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let id = i32::try_from(process.id()).map_err(std::io::Error::other)?;
    kill(Pid::from_raw(id), Signal::SIGUSR1).map_err(std::io::Error::from)
}

/// Asks a server process of ours for a line of statistics.
#[cfg(not(target_os = "linux"))]
pub(super) fn ask_statistics(_process: &std::process::Child) -> std::io::Result<()> {
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "only on Linux"))
}

/// How long a core has been busy with whatever, and in all, in a unit of the system's. `None` where it does not say.
pub(super) fn core_times(core: usize) -> Option<(u64, u64)> {
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
pub(super) fn processor() -> Option<String> {
    let told = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = told.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

/// Sees to it that this process may open `files` files.
#[cfg(target_os = "linux")]
pub(super) fn allow_files(files: u64) -> std::io::Result<()> {
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
pub(super) fn allow_files(_files: u64) -> std::io::Result<()> {
    Ok(())
}

/// Datagrams that arrived at these sockets and were thrown away because their queue was full, since they were
/// opened. `None` where the system does not say.
pub(super) fn queue_losses<'a>(sockets: impl Iterator<Item = &'a UdpSocket>) -> Option<u64> {
    let mut ours = vec![false; usize::from(u16::MAX) + 1];
    for socket in sockets {
        ours[usize::from(socket.local_addr().ok()?.port())] = true;
    }
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(std::fs::read_to_string);
    let mut known = tables.iter().filter_map(|table| table.as_ref().ok()).peekable();
    known.peek()?;
    Some(known.map(|table| losses_in(table, &ours)).sum())
}

/// The sum of the column `drops` (the last) over the local ports (the second column, in hexadecimal behind a
/// colon) that are ours: proc(5), /proc/net/udp.
fn losses_in(table: &str, ours: &[bool]) -> u64 {
    let of_line = |line: &str| -> Option<u64> {
        let (_, port) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
        let port = usize::from_str_radix(port, 16).ok()?;
        let drops = line.rsplit(' ').find(|word| !word.is_empty())?;
        if *ours.get(port)? { drops.parse().ok() } else { None }
    };
    table.lines().skip(1).filter_map(of_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
  101: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 16021 2 0000000000000000 9         
  102: 0100007F:8001 0100007F:3039 01 00000000:00000000 00:00000000 00000000     0        0 16022 2 0000000000000000 4         
  103: 0100007F:8002 0100007F:3039 01 00000000:00000000 00:00000000 00000000     0        0 16023 2 0000000000000000 30        
";

    #[test]
    fn losses_are_those_of_our_own_ports() {
        let mut ours = vec![false; 1 << 16];
        assert_eq!(losses_in(TABLE, &ours), 0);
        (ours[0x8001], ours[0x8002]) = (true, true);
        assert_eq!(losses_in(TABLE, &ours), 34);
    }

    #[test]
    fn a_core_is_busy_when_it_is_not_idle() {
        let table = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 1 2 3 40 5 6 7 8 9 9\ncpu10 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(core_times_in(table, 1), Some((27, 72)));
        assert_eq!((core_times_in(table, 10), core_times_in(table, 2)), (Some((6, 8)), None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_what_it_is_asked() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        assert_eq!(queue_losses([&socket].into_iter()), Some(0));
        assert!(cpu_time().is_some());
        allow_files(16).expect("so few are always allowed");
    }
}
