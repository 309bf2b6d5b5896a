//! One system call for each datagram, with the standard library alone.
//!
//! A socket bound to a wildcard answers from the address that the system chooses, and no send waits for room.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::{Bound, RECEIVE_BYTES, RECEIVE_MAX, Received, Sent};
use crate::server::Batch;

/// A UDP socket that never blocks, but for [`Socket::wait`].
#[derive(Debug)]
pub(in crate::net) struct Socket {
    udp: UdpSocket,
    local: SocketAddr,
    buffer: Vec<u8>,
}

impl Socket {
    pub(in crate::net) fn new(bound: Bound) -> Self {
        Self { udp: bound.udp, local: bound.local, buffer: vec![0; RECEIVE_BYTES] }
    }

    /// Shows up to [`RECEIVE_MAX`] datagrams that have come in, and says how many.
    pub(in crate::net) fn receive(&mut self, mut visit: impl FnMut(Received, &[u8])) -> io::Result<usize> {
        for count in 0..RECEIVE_MAX {
            match self.udp.recv_from(&mut self.buffer) {
                Ok((length, from)) => visit(super::received(from, None), &self.buffer[..length]),
                Err(error) if is_of_one_datagram(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(count),
                Err(_) if count > 0 => return Ok(count),
                Err(error) => return Err(error),
            }
        }
        Ok(RECEIVE_MAX)
    }

    /// Waits are for those who can: see [`super::linux`].
    pub(in crate::net) fn begin_sends(&mut self) {}

    /// Sends every datagram of the batch, or counts it as failed.
    pub(in crate::net) fn send(&mut self, batch: &Batch) -> Sent {
        let mut result = Sent::default();
        for (to, bytes) in batch.iter() {
            let to = super::for_family(to.remote(), self.local);
            match until_uninterrupted(|| self.udp.send_to(bytes, to)) {
                Ok(_) => result.sent += 1,
                Err(error) => {
                    result.failed += 1;
                    result.is_full |= error.kind() == io::ErrorKind::WouldBlock;
                }
            }
        }
        result
    }

    /// Waits until a datagram can be received, at most for `timeout`.
    pub(in crate::net) fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        self.udp.set_nonblocking(false)?;
        let set = self.udp.set_read_timeout(Some(timeout.max(Duration::from_micros(1))));
        if set.is_ok() {
            let _timed_out_or_there = self.udp.peek_from(&mut [0]);
        }
        // In any case: what receives next must not block.
        self.udp.set_nonblocking(true).and(set)
    }
}

/// Windows tells a socket of a peer that is gone, and of a datagram for which the buffer is too small (WSAEMSGSIZE); what
/// has come in behind that is not to wait.
fn is_of_one_datagram(error: &io::Error) -> bool {
    const TOO_LONG: i32 = 10_040;
    let is_too_long = cfg!(windows) && error.raw_os_error() == Some(TOO_LONG);
    let kinds =
        [io::ErrorKind::ConnectionReset, io::ErrorKind::ConnectionRefused, io::ErrorKind::Interrupted];
    is_too_long || kinds.contains(&error.kind())
}

fn until_uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
