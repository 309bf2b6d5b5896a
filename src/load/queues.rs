//! What the sockets of the bots lost, as the system counts it.

use std::net::UdpSocket;

/// Datagrams that arrived at these sockets and were thrown away because their queue was full, since they were
/// opened. `None` where the system does not say.
pub(super) fn losses<'a>(sockets: impl Iterator<Item = &'a UdpSocket>) -> Option<u64> {
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
    #[cfg(target_os = "linux")]
    fn the_system_says_what_it_is_asked() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        assert_eq!(losses([&socket].into_iter()), Some(0));
    }
}
