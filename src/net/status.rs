//! What the running server says of itself.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::profiles::ServiceStatus;
use crate::server::Report;
use crate::store::StoreStatus;

/// What has gone through the socket since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Datagrams received, whatever became of them.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Errors of receiving; none of them ends the server.
    pub receive_errors: u64,
    /// Datagrams that the system took to send.
    pub sent: u64,
    /// Datagrams that it did not take.
    pub send_failed: u64,
}

impl Traffic {
    /// Both together.
    pub(super) fn plus(self, other: Traffic) -> Traffic {
        Traffic {
            received: self.received + other.received,
            received_bytes: self.received_bytes + other.received_bytes,
            receive_errors: self.receive_errors + other.receive_errors,
            sent: self.sent + other.sent,
            send_failed: self.send_failed + other.send_failed,
        }
    }
}

/// How a duration spreads, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Half are not above this.
    pub p50_ns: u64,
    /// 99 of 100 are not above this.
    pub p99_ns: u64,
    /// None is above this.
    pub max_ns: u64,
}

/// Where the server stands after a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The tick, and all before it.
    pub report: Report,
    /// The socket.
    pub traffic: Traffic,
    /// How long after its deadline a tick began; of all ticks up to the last full second.
    pub lateness: Spread,
    /// How long a tick took, with all its sends; of all ticks up to the last full second.
    pub duration: Spread,
    /// How the store keeps up, if there is one.
    pub store: Option<StoreStatus>,
    /// What has gone to and from the service of profiles and scores, if there is one.
    pub service: Option<ServiceStatus>,
}

/// Durations of ticks: of all since the start, and of those of the last second.
#[derive(Debug)]
pub(super) struct Durations {
    all: Histogram<u64>,
    second: Histogram<u64>,
}

impl Durations {
    pub(super) fn new() -> Self {
        Self { second: histogram(), all: histogram() }
    }

    pub(super) fn note(&mut self, duration: Duration) {
        self.all.saturating_record(duration.as_nanos() as u64);
        self.second.saturating_record(duration.as_nanos() as u64);
    }

    /// Of all since the start.
    pub(super) fn spread(&self) -> Spread {
        spread(&self.all)
    }

    /// Of those since the last [`Durations::next_second`].
    pub(super) fn second(&self) -> Spread {
        spread(&self.second)
    }

    pub(super) fn next_second(&mut self) {
        self.second.reset();
    }
}

/// Of durations in nanoseconds, to three digits; those above 100 s are told as 100 s.
pub(super) fn histogram() -> Histogram<u64> {
    let max_ns = Duration::from_secs(100).as_nanos() as u64;
    Histogram::new_with_bounds(1, max_ns, 3).expect("the bounds are in order")
}

pub(super) fn spread(durations: &Histogram<u64>) -> Spread {
    let at = |quantile| durations.value_at_quantile(quantile);
    Spread { p50_ns: at(0.5), p99_ns: at(0.99), max_ns: durations.max() }
}
