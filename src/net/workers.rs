//! Receive workers: threads that take datagrams in, where the machine has a core for them, so that the tick thread
//! only ticks and sends. All read from the one socket; what each did is read off counters of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::receiver::{DRAIN_EVERY, DRAIN_MAX, Receiver};
use super::socket::Bound;
use super::status::Traffic;
use crate::gate::Gate;
use crate::machine::{make_sleeps_precise, sleep};

/// How long a worker may wait without looking whether it should stop.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// The workers of a server, which stop when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Workers {
    stop: Arc<AtomicBool>,
    counters: Vec<Arc<Counters>>,
}

impl Workers {
    /// Starts so many threads that receive from the socket.
    pub(super) fn start(
        workers: usize,
        bound: &Bound,
        gate: &Arc<Gate>,
        datagram_bytes: usize,
    ) -> io::Result<Self> {
        // Dropped, and so stopped, if one of the threads cannot be started.
        let mut started = Self::default();
        for number in 0..workers {
            let bound = bound.another()?;
            let (gate, stop, counters) =
                (Arc::clone(gate), Arc::clone(&started.stop), Arc::<Counters>::default());
            started.counters.push(Arc::clone(&counters));
            std::thread::Builder::new().name(format!("receive {number}")).spawn(move || {
                let receiver = Receiver::new(bound, gate, datagram_bytes);
                work(receiver, &counters, &stop);
            })?;
        }
        Ok(started)
    }

    /// Whether there are none: then somebody else must receive.
    pub(super) fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }

    /// What has gone through all of them since the start, and through `receiver`.
    pub(super) fn traffic_with(&self, receiver: &Receiver) -> Traffic {
        self.counters.iter().fold(*receiver.traffic(), |sum, counters| {
            let [received, received_bytes, receive_errors, sent, send_failed] = counters.read();
            Traffic {
                received: sum.received + received,
                received_bytes: sum.received_bytes + received_bytes,
                receive_errors: sum.receive_errors + receive_errors,
                sent: sum.sent + sent,
                send_failed: sum.send_failed + send_failed,
            }
        })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn work(mut receiver: Receiver, counters: &Counters, stop: &AtomicBool) {
    make_sleeps_precise();
    while !stop.load(Ordering::Acquire) {
        match receiver.drain(DRAIN_MAX) {
            Ok(0) => receiver.wait(LOOK_UP_EVERY),
            Ok(_) | Err(_) => {
                counters.write(receiver.traffic());
                sleep(DRAIN_EVERY);
            }
        }
    }
}

/// The traffic of one worker, for others to read: one writes, so that no count is lost.
#[derive(Debug, Default)]
struct Counters([AtomicU64; 5]);

impl Counters {
    fn write(&self, traffic: &Traffic) {
        let Traffic { received, received_bytes, receive_errors, sent, send_failed } = *traffic;
        let counts = [received, received_bytes, receive_errors, sent, send_failed];
        for (counter, count) in self.0.iter().zip(counts) {
            counter.store(count, Ordering::Relaxed);
        }
    }

    fn read(&self) -> [u64; 5] {
        [0, 1, 2, 3, 4].map(|at| self.0[at].load(Ordering::Relaxed))
    }
}
