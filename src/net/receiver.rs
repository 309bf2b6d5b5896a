//! Takes datagrams in: from the socket through the gate, with the answers that the gate gives at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use super::socket::{Bound, RECEIVE_MAX, Sent, Socket};
use super::status::Traffic;
use crate::gate::Gate;
use crate::machine::{now, sleep};
use crate::server::Batch;

/// How often the socket is drained while datagrams come in: seldom enough to take in many at once, often
/// enough that none waits long.
pub(super) const DRAIN_EVERY: Duration = Duration::from_micros(1_500);

/// Most datagrams taken in by one drain while the thread waits, so that a flood cannot keep it from its deadline.
pub(super) const DRAIN_MAX: usize = 64 * RECEIVE_MAX;

/// A socket and the gate behind it; whoever receives has one of its own.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: Socket,
    gate: Arc<Gate>,
    replies: Batch,
    traffic: Traffic,
}

impl Receiver {
    /// To be made in the thread that receives.
    pub(super) fn new(bound: Bound, gate: Arc<Gate>, datagram_bytes: usize) -> Self {
        Self {
            socket: Socket::new(bound),
            gate,
            replies: Batch::new(datagram_bytes),
            traffic: Traffic::default(),
        }
    }

    /// What has gone through here since the start.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Counts what another has done, who has ended.
    pub(super) fn take_over(&mut self, traffic: Traffic) {
        self.traffic = self.traffic.plus(traffic);
    }

    /// Takes in what has come, up to about `most` datagrams, and answers what must be answered at once.
    pub(super) fn drain(&mut self, most: usize) -> io::Result<usize> {
        let mut total = 0;
        while total < most {
            let received = self.receive().inspect_err(|error| {
                self.traffic.receive_errors += 1;
                debug!(%error, "cannot receive");
            })?;
            total += received;
            if received < RECEIVE_MAX {
                break;
            }
        }
        Ok(total)
    }

    /// From here on sends may wait a little for room again: see [`Socket::begin_sends`].
    pub(super) fn begin_sends(&mut self) {
        self.socket.begin_sends();
    }

    /// Sends every datagram of the batch, or counts it as failed. False if there was no room for some.
    pub(super) fn send(&mut self, batch: &Batch) -> bool {
        let sent = self.socket.send(batch);
        self.count(sent);
        !sent.is_full
    }

    /// Waits until a datagram can be received, at most for `timeout`.
    pub(super) fn wait(&mut self, timeout: Duration) {
        if let Err(error) = self.socket.wait(timeout) {
            warn!(%error, "cannot wait for datagrams");
            sleep(timeout.min(DRAIN_EVERY));
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let now = now();
        let Self { socket, gate, replies, traffic } = self;
        replies.clear();
        let received = socket.receive(|from, bytes| {
            traffic.received += 1;
            traffic.received_bytes += bytes.len() as u64;
            match from {
                Ok(peer) => {
                    if let Some(reply) = gate.receive(now, peer, bytes) {
                        replies.push(peer, |out| out.extend_from_slice(&reply));
                    }
                }
                Err((from, reason)) => gate.refuse(now, &from, reason),
            }
        });
        if !replies.is_empty() {
            let sent = socket.send(replies);
            self.count(sent);
        }
        received
    }

    fn count(&mut self, sent: Sent) {
        self.traffic.sent += sent.sent as u64;
        self.traffic.send_failed += sent.failed as u64;
    }
}
