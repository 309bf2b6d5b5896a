//! What the system counts of this process and its sockets, in files that it keeps: proc(5).

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

/// How many datagrams the system has thrown away that came to the UDP socket of this number, most often because nobody
/// fetched them in time. It reads the table of all UDP sockets of the machine.
/// `None` where the system does not say.
pub(crate) fn socket_drops(number: u64) -> Option<u64> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"];
    tables.iter().find_map(|table| socket_drops_in(&std::fs::read_to_string(table).ok()?, number))
}

/// The tenth column is the number, the last are the drops.
fn socket_drops_in(table: &str, number: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace();
        let is_ours = columns.nth(9)?.parse() == Ok(number);
        if is_ours { columns.last()?.parse().ok() } else { None }
    })
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
    fn drops_are_those_of_one_socket() {
        assert_eq!([16021, 16023, 9, 2].map(|n| socket_drops_in(TABLE, n)), [Some(9), Some(30), None, None]);
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
            let number = socket_number(&socket).expect("the system has one");
            assert_eq!(socket_drops(number), Some(0));
            setsockopt(&socket, sockopt::RcvBuf, &4_096).expect("granted");
            (0..100).for_each(|_| _ = socket.send_to(&[0; 1_000], socket.local_addr().expect("bound")));
            assert!(socket_drops(number) > Some(50), "{:?}", socket_drops(number));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_takes_memory() {
        assert!(resident_bytes() > Some(100_000));
    }
}
