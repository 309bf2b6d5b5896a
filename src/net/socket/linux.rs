//! Batches with `recvmmsg` and `sendmmsg`, and the address that a wildcard socket was reached at.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, SockaddrIn6,
    SockaddrLike, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

use super::{Bound, RECEIVE_BYTES, RECEIVE_MAX, Received, Sent};
use crate::machine::now;
use crate::server::Batch;

/// How long sends may wait for room in the send buffer, all together, from one [`Socket::begin_sends`] to the next.
const SEND_WAIT_MAX: Duration = Duration::from_millis(1);

/// A UDP socket that never blocks, but for [`Socket::wait`] and, for [`SEND_WAIT_MAX`], a full send buffer.
#[derive(Debug)]
pub(in crate::net) struct Socket {
    udp: UdpSocket,
    io: Io,
    /// What is left of [`SEND_WAIT_MAX`].
    patience: Duration,
}

#[derive(Debug)]
enum Io {
    V4(Buffers<SockaddrIn>),
    V6(Buffers<SockaddrIn6>),
}

impl Socket {
    pub(in crate::net) fn new(bound: Bound) -> Self {
        let wildcard = bound.local.ip().is_unspecified();
        let io = match bound.local {
            SocketAddr::V4(_) => Io::V4(Buffers::new(wildcard)),
            SocketAddr::V6(_) => Io::V6(Buffers::new(wildcard)),
        };
        Self { udp: bound.udp, io, patience: SEND_WAIT_MAX }
    }

    /// From here on sends may wait for room again. Once a tick, however many batches it has.
    pub(in crate::net) fn begin_sends(&mut self) {
        self.patience = SEND_WAIT_MAX;
    }

    /// Shows up to [`RECEIVE_MAX`] datagrams that have come in, and says how many.
    pub(in crate::net) fn receive(&mut self, visit: impl FnMut(Received, &[u8])) -> io::Result<usize> {
        let received = match &mut self.io {
            Io::V4(buffers) => buffers.receive(&self.udp, visit),
            Io::V6(buffers) => buffers.receive(&self.udp, visit),
        };
        match received {
            Err(Errno::EAGAIN) => Ok(0),
            other => other.map_err(io::Error::from),
        }
    }

    /// Sends every datagram of the batch, or counts it as failed.
    pub(in crate::net) fn send(&mut self, batch: &Batch) -> Sent {
        match &mut self.io {
            Io::V4(buffers) => buffers.send(&self.udp, batch, &mut self.patience),
            Io::V6(buffers) => buffers.send(&self.udp, batch, &mut self.patience),
        }
    }

    /// Waits until a datagram can be received, at most for `timeout`.
    pub(in crate::net) fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        let mut fds = [PollFd::new(self.udp.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut fds, Some(TimeSpec::from_duration(timeout)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// A socket that is bound to a wildcard is told with each datagram which address of ours it came to.
pub(super) fn ask_where_reached(udp: &UdpSocket, local: SocketAddr) -> io::Result<()> {
    let wildcard = local.ip().is_unspecified();
    match local {
        SocketAddr::V4(_) => setsockopt(udp, sockopt::Ipv4PacketInfo, &wildcard)?,
        SocketAddr::V6(_) => setsockopt(udp, sockopt::Ipv6RecvPacketInfo, &wildcard)?,
    }
    Ok(())
}

/// One family of addresses, as the kernel and as we write them.
trait Family: SockaddrLike + Copy {
    /// As a peer's address. An IPv4-mapped address stays mapped here.
    fn address(self) -> SocketAddr;
    /// `None` if a socket of this family cannot send there.
    fn destination(to: SocketAddr) -> Option<Self>;
    /// Sends from `local`, with `send`.
    fn from_local<R>(local: IpAddr, send: impl FnOnce(&[ControlMessage<'_>]) -> R) -> R;
}

impl Family for SockaddrIn {
    fn address(self) -> SocketAddr {
        SocketAddrV4::from(self).into()
    }

    fn destination(to: SocketAddr) -> Option<Self> {
        match to {
            SocketAddr::V4(v4) => Some(v4.into()),
            SocketAddr::V6(_) => None,
        }
    }

    fn from_local<R>(local: IpAddr, send: impl FnOnce(&[ControlMessage<'_>]) -> R) -> R {
        let IpAddr::V4(v4) = local else { return send(&[]) };
        let info = in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr { s_addr: u32::from(v4).to_be() },
            ipi_addr: in_addr { s_addr: 0 },
        };
        send(&[ControlMessage::Ipv4PacketInfo(&info)])
    }
}

impl Family for SockaddrIn6 {
    fn address(self) -> SocketAddr {
        SocketAddrV6::from(self).into()
    }

    fn destination(to: SocketAddr) -> Option<Self> {
        match super::for_family(to, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))) {
            SocketAddr::V6(v6) => Some(v6.into()),
            SocketAddr::V4(_) => None,
        }
    }

    fn from_local<R>(local: IpAddr, send: impl FnOnce(&[ControlMessage<'_>]) -> R) -> R {
        let v6 = match local {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let info = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: v6.octets() }, ipi6_ifindex: 0 };
        send(&[ControlMessage::Ipv6PacketInfo(&info)])
    }
}

/// What the kernel reads and writes, made once.
#[derive(Debug)]
struct Buffers<S> {
    bytes: Vec<u8>,
    receive: MultiHeaders<S>,
    send: MultiHeaders<S>,
    send_from: MultiHeaders<S>,
}

/// The datagrams of a batch that are sent together: they come from the same address of ours.
struct Group<'a, S> {
    slices: [[IoSlice<'a>; 1]; RECEIVE_MAX],
    to: [Option<S>; RECEIVE_MAX],
    length: usize,
    local: Option<IpAddr>,
}

impl<S: Family> Buffers<S> {
    fn new(wildcard: bool) -> Self {
        let info = || nix::cmsg_space!(in6_pktinfo);
        Self {
            bytes: vec![0; RECEIVE_MAX * RECEIVE_BYTES],
            receive: MultiHeaders::preallocate(RECEIVE_MAX, wildcard.then(info)),
            send: MultiHeaders::preallocate(RECEIVE_MAX, None),
            send_from: MultiHeaders::preallocate(RECEIVE_MAX, Some(info())),
        }
    }

    fn receive(&mut self, udp: &UdpSocket, mut visit: impl FnMut(Received, &[u8])) -> nix::Result<usize> {
        let mut rooms = self.bytes.chunks_exact_mut(RECEIVE_BYTES);
        let mut slices: [[IoSliceMut<'_>; 1]; RECEIVE_MAX] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let fd = udp.as_raw_fd();
        let messages = recvmmsg(fd, &mut self.receive, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
        let mut count = 0;
        for message in messages {
            let bytes = message.iovs().next().unwrap_or_default();
            if let Some(from) = message.address {
                visit(super::received(from.address(), reached_at(&message)), bytes);
            }
            count += 1;
        }
        Ok(count)
    }

    fn send(&mut self, udp: &UdpSocket, batch: &Batch, patience: &mut Duration) -> Sent {
        let mut result = Sent::default();
        let mut group = Group::new();
        for (to, bytes) in batch.iter() {
            if group.length == RECEIVE_MAX || (group.length > 0 && group.local != to.local()) {
                result += self.send_group(udp, &group, patience);
                group.length = 0;
            }
            match S::destination(to.remote()) {
                Some(remote) => group.add(remote, to.local(), bytes),
                None => result.failed += 1,
            }
        }
        result += self.send_group(udp, &group, patience);
        result
    }

    fn send_group(&mut self, udp: &UdpSocket, group: &Group<'_, S>, patience: &mut Duration) -> Sent {
        send_all(
            group.length,
            |next| self.send_from(udp, group, next),
            patience,
            |most| wait_for_room(udp, most),
        )
    }

    /// Sends what the kernel takes of the group from its datagram number `next` on; at least one, or an error.
    fn send_from(&mut self, udp: &UdpSocket, group: &Group<'_, S>, next: usize) -> nix::Result<usize> {
        let (slices, to) = (&group.slices[next..group.length], &group.to[next..group.length]);
        let (fd, flags) = (udp.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        match group.local {
            None => Ok(sendmmsg(fd, &mut self.send, slices, to, [], flags)?.count()),
            Some(local) => S::from_local(local, |info| {
                Ok(sendmmsg(fd, &mut self.send_from, slices, to, info, flags)?.count())
            }),
        }
    }
}

impl<'a, S: Family> Group<'a, S> {
    fn new() -> Self {
        Self {
            slices: std::array::from_fn(|_| [IoSlice::new(&[])]),
            to: [None; RECEIVE_MAX],
            length: 0,
            local: None,
        }
    }

    fn add(&mut self, to: S, local: Option<IpAddr>, bytes: &'a [u8]) {
        self.slices[self.length] = [IoSlice::new(bytes)];
        self.to[self.length] = Some(to);
        self.local = local;
        self.length += 1;
    }
}

/// The address of ours that a datagram came to, where the socket is bound to a wildcard.
fn reached_at<S>(message: &RecvMsg<'_, '_, S>) -> Option<IpAddr> {
    message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into())
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(IpAddr::from(Ipv6Addr::from(info.ipi6_addr.s6_addr)).to_canonical())
        }
        _ => None,
    })
}

/// Sends datagrams by number, with `send` from one of them on, and says what came of all: behind one that cannot be sent it
/// goes on, for its peer's error is no other's. Where there is no room it waits, with `wait`, which is told for how long at
/// most and says for how long it did, as long as there is `patience`; then all that are left are given up.
fn send_all(
    length: usize,
    mut send: impl FnMut(usize) -> nix::Result<usize>,
    patience: &mut Duration,
    mut wait: impl FnMut(Duration) -> Duration,
) -> Sent {
    let mut result = Sent::default();
    let mut next = 0;
    while next < length {
        match send(next) {
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN | Errno::ENOBUFS) if patience.is_zero() => {
                result.failed += length - next;
                result.is_full = true;
                break;
            }
            Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                // However short a clock says that it was.
                let waited = wait(*patience).max(Duration::from_micros(1));
                *patience = patience.saturating_sub(waited);
            }
            Ok(0) | Err(_) => {
                next += 1;
                result.failed += 1;
            }
            Ok(sent) => {
                next += sent;
                result.sent += sent;
            }
        }
    }
    result
}

/// Until the send buffer has room, at most so long; how long that was.
fn wait_for_room(udp: &UdpSocket, most: Duration) -> Duration {
    let began = now();
    let mut fds = [PollFd::new(udp.as_fd(), PollFlags::POLLOUT)];
    let _full_still = ppoll(&mut fds, Some(TimeSpec::from_duration(most)), None);
    now() - began
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// What a kernel says to one send after the other, and what came of ten datagrams; how often was waited.
    fn told(answers: &[nix::Result<usize>], patience: &mut Duration) -> (Sent, u32) {
        let (mut answers, mut waits) = (answers.iter(), 0);
        let send = |_| *answers.next().expect("it is asked no more often");
        let wait = |most: Duration| {
            waits += 1;
            most.min(MS / 2)
        };
        let sent = send_all(10, send, patience, wait);
        assert_eq!(answers.next(), None, "it is asked as often");
        assert_eq!(sent.sent + sent.failed, 10, "everything is counted");
        (sent, waits)
    }

    #[test]
    fn short_counts_and_interruptions_are_gone_on_from() {
        let answers = [Ok(3), Err(Errno::EINTR), Ok(1), Ok(6)];
        let (sent, waits) = told(&answers, &mut MS.clone());
        assert_eq!((sent, waits), (Sent { sent: 10, failed: 0, is_full: false }, 0));
    }

    #[test]
    fn an_error_costs_one_datagram_wherever_it_is() {
        let unreachable = Err(Errno::EHOSTUNREACH);
        let (sent, _) = told(&[unreachable, Ok(4), unreachable, Ok(3), unreachable], &mut MS.clone());
        assert_eq!(sent, Sent { sent: 7, failed: 3, is_full: false });
        let (sent, _) = told(&[Ok(0), Ok(9)], &mut MS.clone());
        assert_eq!(sent, Sent { sent: 9, failed: 1, is_full: false }, "and no kernel is asked for ever");
    }

    #[test]
    fn room_is_waited_for_and_what_gets_none_in_time_is_given_up() {
        for full in [Errno::EAGAIN, Errno::ENOBUFS] {
            let mut patience = MS;
            let (sent, waits) = told(&[Ok(2), Err(full), Ok(8)], &mut patience);
            assert_eq!((sent, waits), (Sent { sent: 10, failed: 0, is_full: false }, 1));
            // Half is left for what comes next, and then nothing.
            let (sent, waits) = told(&[Err(full), Ok(1), Err(full)], &mut patience);
            assert_eq!((sent, waits), (Sent { sent: 1, failed: 9, is_full: true }, 1));
            assert_eq!(patience, Duration::ZERO);
            let (sent, waits) = told(&[Err(full)], &mut patience);
            assert_eq!((sent, waits), (Sent { sent: 0, failed: 10, is_full: true }, 0));
        }
    }

    #[test]
    fn no_clock_makes_it_wait_for_ever() {
        let mut asked = 0;
        let send = |_| {
            asked += 1;
            Err(Errno::ENOBUFS)
        };
        let sent = send_all(10, send, &mut MS.clone(), |_| Duration::ZERO);
        assert_eq!((sent.failed, asked), (10, 1_001));
    }

    #[test]
    fn waiting_for_room_ends_when_there_is_some() {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        assert!(wait_for_room(&udp, Duration::from_secs(60)) < Duration::from_secs(30));
    }
}
