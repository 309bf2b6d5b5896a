//! The receive worker: a thread that takes datagrams in, where the machine has a core for it, so that the tick thread only
//! ticks and sends. It reads from the same socket; what it did is read off its counters.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::receiver::{DRAIN_EVERY, DRAIN_MAX, Receiver};
use super::socket::Bound;
use super::status::Traffic;
use crate::gate::Gate;
use crate::machine::{make_sleeps_precise, sleep};

/// How long the worker may wait without looking whether it should stop.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// The worker of a server. It has ended, and let go of the socket, when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread that receives from the socket.
    pub(super) fn start(bound: &Bound, gate: &Arc<Gate>, datagram_bytes: usize) -> io::Result<Self> {
        let (bound, gate) = (bound.another()?, Arc::clone(gate));
        let (stop, counters) = (Arc::<AtomicBool>::default(), Arc::<Counters>::default());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&counters));
        let thread = std::thread::Builder::new().name("receive".into()).spawn(move || {
            work(Receiver::new(bound, gate, datagram_bytes), &counted, &stopped);
        })?;
        Ok(Self { stop, counters, thread: Some(thread) })
    }

    /// Whether it has ended although nobody told it to.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What has gone through it since the start.
    pub(super) fn traffic(&self) -> Traffic {
        self.counters.read()
    }

    /// Ends it, within 100 ms and a drain; what has gone through it in all.
    pub(super) fn end(mut self) -> Traffic {
        self.join();
        self.traffic()
    }

    fn join(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _its_panic_is_logged = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.join();
    }
}

fn work(mut receiver: Receiver, counters: &Counters, stop: &AtomicBool) {
    make_sleeps_precise();
    while !stop.load(Ordering::Acquire) {
        receiver.begin_sends();
        match receiver.drain(DRAIN_MAX) {
            Ok(0) => receiver.wait(LOOK_UP_EVERY),
            Ok(_) | Err(_) => {
                counters.write(receiver.traffic());
                sleep(DRAIN_EVERY);
            }
        }
    }
}

/// The traffic of the worker, for others to read: it alone writes, so that no count is lost.
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

    fn read(&self) -> Traffic {
        let count = |at: usize| self.0[at].load(Ordering::Relaxed);
        Traffic {
            received: count(0),
            received_bytes: count(1),
            receive_errors: count(2),
            sent: count(3),
            send_failed: count(4),
        }
    }
}
