//! What the system counts of this process and its sockets, in files that it keeps: proc(5).

use std::collections::HashSet;
use std::net::UdpSocket;

/// What this process takes of memory, in bytes. `None` where the system does not say.
pub(crate) fn resident_bytes() -> Option<u64> {
    resident_bytes_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn resident_bytes_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

/// By which number the system's tables name a socket. `None` where it has none.
#[cfg(target_os = "linux")]
pub(crate) fn socket_number(udp: &UdpSocket) -> Option<u64> {
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(format!("/proc/self/fd/{}", udp.as_raw_fd())).ok()?;
    Some(file.ino())
}

/// By which number the system's tables name a socket. `None` where it has none.
#[cfg(not(target_os = "linux"))]
pub(crate) fn socket_number(_udp: &UdpSocket) -> Option<u64> {
    None
}

/// The numbers of the sockets that a process has open. `None` where the system does not say.
pub(crate) fn socket_numbers_of(process: u32) -> Option<HashSet<u64>> {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?;
    let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    Some(targets.filter_map(|target| socket_number_in(target.to_str()?)).collect())
}

fn socket_number_in(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// How many datagrams the system has thrown away that came to the UDP sockets of these numbers, most often because
/// nobody fetched them in time. It reads the table of all UDP sockets of the machine, which takes milliseconds where
/// there are thousands. `None` where the system does not say, or knows none of them.
pub(crate) fn socket_drops(numbers: &HashSet<u64>) -> Option<u64> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"];
    let known = tables.iter().filter_map(|table| std::fs::read_to_string(table).ok());
    known.filter_map(|table| socket_drops_in(&table, numbers)).reduce(|one, other| one + other)
}

/// The tenth column is the number, the last are the drops.
fn socket_drops_in(table: &str, numbers: &HashSet<u64>) -> Option<u64> {
    let of_line = |line: &str| -> Option<u64> {
        let mut columns = line.split_whitespace();
        let is_ours = numbers.contains(&columns.nth(9)?.parse().ok()?);
        if is_ours { columns.last()?.parse().ok() } else { None }
    };
    table.lines().skip(1).filter_map(of_line).reduce(|one, other| one + other)
}

/// Whether a hangup is ignored, as `nohup` has it: then the end of the terminal ends nothing.
pub(crate) fn ignores_hangups() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangups_in(&status))
}

/// The lowest bit of the mask is the first signal, SIGHUP.
fn ignores_hangups_in(status: &str) -> bool {
    let mask =
        status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
  101: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 16021 2 0000000000000000 9         
  103: 0100007F:8002 0100007F:3039 01 00000000:00000000 00:00000000 00000000     0        0 16023 2 0000000000000000 30        
";

    #[test]
    fn drops_are_those_of_the_sockets_asked_for_whatever_their_ports() {
        let drops = |numbers: &[u64]| socket_drops_in(TABLE, &numbers.iter().copied().collect());
        assert_eq!([16021, 16023, 9, 2].map(|n| drops(&[n])), [Some(9), Some(30), None, None]);
        assert_eq!([drops(&[16021, 16023, 5]), drops(&[])], [Some(39), None]);
    }

    #[test]
    fn a_socket_has_its_number_in_the_name_of_its_file() {
        assert_eq!(
            ["socket:[16021]", "pipe:[16021]", "/dev/null"].map(socket_number_in),
            [Some(16021), None, None]
        );
    }

    #[test]
    fn a_hangup_is_the_first_of_the_signals_that_are_ignored() {
        let told = ["SigIgn:\t0000000000000001\n", "SigQ:\t1\nSigIgn:\t0000000000001002\n", ""];
        assert_eq!(told.map(ignores_hangups_in), [true, false, false]);
    }

    #[test]
    fn memory_is_told_in_kilobytes() {
        assert_eq!(resident_bytes_in("VmHWM:\t  900 kB\nVmRSS:\t  3 kB\nThreads:\t2\n"), Some(3_072));
        assert_eq!(resident_bytes_in("Name:\ttickcast\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_socket_drops_what_comes_and_that_is_counted() {
        use nix::sys::socket::{setsockopt, sockopt};
        for addr in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(addr) else { continue };
            let number = HashSet::from([socket_number(&socket).expect("the system has one")]);
            let ours = socket_numbers_of(std::process::id()).expect("the system says it");
            assert!(ours.is_superset(&number), "{number:?} is one of {ours:?}");
            assert_eq!(socket_drops(&number), Some(0));
            setsockopt(&socket, sockopt::RcvBuf, &4_096).expect("granted");
            (0..100).for_each(|_| _ = socket.send_to(&[0; 1_000], socket.local_addr().expect("bound")));
            assert!(socket_drops(&number) > Some(50), "{:?}", socket_drops(&number));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_takes_memory() {
        assert!(resident_bytes() > Some(100_000));
    }
}
