//! The UDP socket, a batch of datagrams at a time.
//!
//! On Linux with one system call for up to 64 datagrams either way, elsewhere with one for each. Both have the
//! same shape, and the same tests; `--cfg tickcast_portable` takes the second on Linux too, to try a whole server with it.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), tickcast_portable, test))]
mod portable;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::SockRef;
use tracing::warn;

use crate::gate::{DropReason, PeerAddr};

#[cfg(all(target_os = "linux", not(tickcast_portable)))]
pub(super) use linux::Socket;
#[cfg(any(not(target_os = "linux"), tickcast_portable))]
pub(super) use portable::Socket;

/// Most datagrams that one call of `receive` takes in.
pub(super) const RECEIVE_MAX: usize = 64;

/// Room for one received datagram, in bytes. No client's message is as long; what is longer is cut, and then
/// of a length that no message has.
const RECEIVE_BYTES: usize = 2_048;

/// How much the kernel shall hold for us while we send, in bytes: a flood of 300,000 datagrams a second for
/// longer than the 2 ms between two drains, many times over.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
/// How much the kernel shall take from us at once, in bytes.
const SEND_BUFFER_BYTES: usize = 4 << 20;

/// What came of sending a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Datagrams that the kernel took.
    pub(super) sent: usize,
    /// Datagrams that it did not take; the next snapshot makes up for it.
    pub(super) failed: usize,
    /// Some of those had no room.
    pub(super) is_full: bool,
}

impl std::ops::AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        self.is_full |= other.is_full;
    }
}

/// A socket with its options set, on its way to the thread that uses it.
#[derive(Debug)]
pub(super) struct Bound {
    udp: UdpSocket,
    local: SocketAddr,
}

impl Bound {
    pub(super) fn new(udp: UdpSocket) -> io::Result<Self> {
        let local = udp.local_addr()?;
        set_buffers(&udp)?;
        udp.set_nonblocking(true)?;
        #[cfg(target_os = "linux")]
        linux::ask_where_reached(&udp, local)?;
        Ok(Self { udp, local })
    }

    /// The same socket again, for another thread.
    pub(super) fn another(&self) -> io::Result<Self> {
        Ok(Self { udp: self.udp.try_clone()?, local: self.local })
    }
}

/// Makes the buffers as large as the server needs them, and says where the system grants less.
pub(super) fn set_buffers(udp: &UdpSocket) -> io::Result<()> {
    let socket = SockRef::from(udp);
    // Some systems refuse what is beyond their limit, some grant less. What counts is what is read back.
    let _asked = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let _asked = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    force_buffers(udp);
    warn_if_smaller("receive", halved_on_linux(socket.recv_buffer_size()?), RECEIVE_BUFFER_BYTES);
    warn_if_smaller("send", halved_on_linux(socket.send_buffer_size()?), SEND_BUFFER_BYTES);
    Ok(())
}

fn warn_if_smaller(buffer: &str, granted_bytes: usize, wanted_bytes: usize) {
    if granted_bytes < wanted_bytes {
        warn!(
            buffer,
            granted_bytes,
            wanted_bytes,
            "the system grants a smaller buffer: bursts of many players may be lost; on Linux raise \
             net.core.rmem_max and net.core.wmem_max"
        );
    }
}

/// Linux grants twice what was asked for, for its own accounts.
fn halved_on_linux(bytes: usize) -> usize {
    if cfg!(target_os = "linux") { bytes / 2 } else { bytes }
}

/// Beyond the system's limits, where we may.
fn force_buffers(udp: &UdpSocket) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt};
        let _not_allowed = setsockopt(udp, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES);
        let _not_allowed = setsockopt(udp, sockopt::SndBufForce, &SEND_BUFFER_BYTES);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = udp;
}

/// An address in the form that a socket of the family of `like` sends to.
fn for_family(to: SocketAddr, like: SocketAddr) -> SocketAddr {
    match (to, like) {
        (SocketAddr::V4(v4), SocketAddr::V6(_)) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        _ => to,
    }
}

/// What `visit` of a receive is called with.
type Received = Result<PeerAddr, (SocketAddr, DropReason)>;

fn received(from: SocketAddr, local: Option<IpAddr>) -> Received {
    PeerAddr::udp(from, local).map_err(|reason| (from, reason))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::server::Batch;

    /// The tests that both kinds of socket pass; `$socket` is the module of one.
    macro_rules! socket_tests {
        ($module:ident, $socket:path) => {
            mod $module {
                use super::*;
                use $socket as Socket;

                fn bind(addr: &str) -> (Socket, SocketAddr) {
                    let udp = UdpSocket::bind(addr).expect("a free port");
                    let local = udp.local_addr().expect("bound");
                    (Socket::new(Bound::new(udp).expect("options are granted")), local)
                }

                fn receive_all(socket: &mut Socket) -> Vec<(Received, Vec<u8>)> {
                    let mut got = Vec::new();
                    socket.wait(Duration::from_secs(5)).expect("waits");
                    socket.receive(|from, bytes| got.push((from, bytes.to_vec()))).expect("receives");
                    got
                }

                #[test]
                fn datagrams_go_both_ways() {
                    let (mut server, addr) = bind("127.0.0.1:0");
                    let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
                    client.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
                    for bytes in [&b"one"[..], b"", &[7; 5_000]] {
                        client.send_to(bytes, addr).expect("sent");
                    }
                    let got = receive_all(&mut server);
                    let lengths: Vec<usize> = got.iter().map(|(_, bytes)| bytes.len()).collect();
                    assert_eq!(lengths, [3, 0, RECEIVE_BYTES]);

                    let peer = got[0].0.expect("a peer's address");
                    let mut batch = Batch::new(1_200);
                    for number in 0..64_u8 {
                        batch.push(peer, |bytes| bytes.extend([number, 9]));
                    }
                    server.begin_sends();
                    assert_eq!(server.send(&batch), Sent { sent: 64, ..Sent::default() });
                    let mut buffer = [0; 8];
                    for number in 0..64_u8 {
                        let length = client.recv(&mut buffer).expect("received");
                        assert_eq!(&buffer[..length], [number, 9]);
                    }
                }

                #[test]
                fn one_peers_error_costs_no_other_its_datagram() {
                    let (mut server, _) = bind("127.0.0.1:0");
                    let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
                    client.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
                    let good = PeerAddr::udp(client.local_addr().expect("bound"), None).expect("an address");
                    // To the first an IPv4 socket cannot send, to the second none that is bound to loopback.
                    for bad in ["[2001:db8::1]:9", "192.0.2.1:9"] {
                        let bad =
                            PeerAddr::udp(bad.parse().expect("written right"), None).expect("an address");
                        let mut batch = Batch::new(1_200);
                        for to in [bad, good, bad, good, bad] {
                            batch.push(to, |bytes| bytes.push(1));
                        }
                        assert_eq!(server.send(&batch), Sent { sent: 2, failed: 3, is_full: false });
                        let mut buffer = [0; 8];
                        assert_eq!(client.recv(&mut buffer).expect("received"), 1);
                        assert_eq!(client.recv(&mut buffer).expect("received"), 1);
                    }
                }

                #[test]
                fn waiting_ends_with_the_time_or_the_first_datagram() {
                    let (mut server, addr) = bind("127.0.0.1:0");
                    server.wait(Duration::from_millis(2)).expect("nothing came");
                    assert_eq!(server.receive(|_, _| panic!("nothing was sent")).expect("receives"), 0);
                    let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
                    client.send_to(b"x", addr).expect("sent");
                    assert_eq!(receive_all(&mut server).len(), 1);
                }
            }
        };
    }

    #[cfg(target_os = "linux")]
    socket_tests!(linux_socket, crate::net::socket::linux::Socket);
    socket_tests!(portable_socket, crate::net::socket::portable::Socket);

    #[cfg(target_os = "linux")]
    #[test]
    fn a_wildcard_socket_answers_from_the_address_it_was_reached_at() {
        for (wildcard, reached) in [("0.0.0.0:0", "127.0.0.2"), ("[::]:0", "127.0.0.3")] {
            let udp = UdpSocket::bind(wildcard).expect("a free port");
            let port = udp.local_addr().expect("bound").port();
            let mut server = linux::Socket::new(Bound::new(udp).expect("options are granted"));
            let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            client.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
            client.send_to(b"x", (reached, port)).expect("sent");
            server.wait(Duration::from_secs(5)).expect("waits");
            let mut from = None;
            server.receive(|peer, _| from = Some(peer)).expect("receives");
            let peer = from.expect("a datagram").expect("a peer's address");
            assert_eq!(peer.local(), Some(reached.parse().expect("written right")));
            let mut batch = Batch::new(1_200);
            batch.push(peer, |bytes| bytes.push(1));
            assert_eq!(server.send(&batch).sent, 1);
            let (_, answered_from) = client.recv_from(&mut [0; 8]).expect("received");
            assert_eq!(answered_from, SocketAddr::new(reached.parse().expect("written right"), port));
        }
    }
}
