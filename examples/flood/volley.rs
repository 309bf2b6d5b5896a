//! Many datagrams with one call. The system cuts them off what it is given (UDP_SEGMENT of udp(7)), which takes a fraction
//! of what as many calls take: a sender on the bots' core could flood no server otherwise.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// So many: twice as many cost each hardly less. The system cuts no more than 64, and no more than fit into one datagram of IP.
pub(crate) const LENGTH: usize = 16;

/// An address that volleys come from.
pub(crate) struct Gun {
    pub(crate) socket: UdpSocket,
    /// What is sent is cut into so many bytes.
    cut: Option<usize>,
}

impl Gun {
    /// On a port of its own, aimed at `server`.
    pub(crate) fn new(ip: IpAddr, server: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((ip, 0))?;
        socket.connect(server)?;
        Ok(Self { socket, cut: None })
    }

    /// Sends datagrams of so many bytes, which stand one behind the other. Gives how many the system took.
    pub(crate) fn fire(&mut self, bytes: &[u8], datagram_bytes: usize) -> usize {
        let is_cut = |gun: &Self| gun.cut == Some(datagram_bytes);
        if !is_cut(self) && cut(&self.socket, datagram_bytes) {
            self.cut = Some(datagram_bytes);
        }
        if is_cut(self) {
            return self.socket.send(bytes).map_or(0, |sent| sent / datagram_bytes);
        }
        bytes.chunks(datagram_bytes).filter(|datagram| self.socket.send(datagram).is_ok()).count()
    }
}

/// False where the system cannot.
#[cfg(target_os = "linux")]
fn cut(socket: &UdpSocket, datagram_bytes: usize) -> bool {
    use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
    setsockopt(socket, UdpGsoSegment, &(datagram_bytes as i32)).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn cut(_socket: &UdpSocket, _datagram_bytes: usize) -> bool {
    false
}
