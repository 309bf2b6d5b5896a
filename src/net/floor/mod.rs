//! The floor: what receiving and sending alone cost on this machine, to hold the server against.
//!
//! It answers as a server does, so that `tickcast bots` plays against it unchanged: a welcome for each hello, and
//! in every tick one datagram of a given size to everyone. That is all. What it does not do:
//!
//! - prove addresses, check sessions, sequences or rates: moves are received and not looked into;
//! - keep a world, acknowledgements or time-outs: a peer stays until it leaves;
//! - make snapshots: everyone is sent the same bytes behind a header of its own, which the kernel gathers.
//!
//! So it listens on loopback alone. It needs recvmmsg and sendmmsg: Linux.

#[cfg(target_os = "linux")]
mod bare;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::ServeError;
use super::statistics::StatisticsAsker;
use crate::config::TickRate;
use crate::wire::{PlainSnapshot, SNAPSHOT_HEADER_BYTES, UDP_PAYLOAD_MAX};

/// How large the datagrams of a floor may be: a snapshot without players, up to what UDP carries.
pub const FLOOR_BYTES: RangeInclusive<usize> = SNAPSHOT_HEADER_BYTES + 16..=UDP_PAYLOAD_MAX;

/// What a floor sends.
#[derive(Clone, Copy, Debug)]
pub struct FloorConfig {
    /// Datagrams per second to each peer.
    pub tick_rate: TickRate,
    /// How large each is, in bytes of UDP payload, within [`FLOOR_BYTES`]; what is no multiple of 4 is cut to one.
    pub datagram_bytes: usize,
}

/// A floor at work on a thread of its own.
///
/// Start it with [`Floor::bind`], measure it with [`Floor::statistics`], stop it with [`Floor::run_until`] or by
/// dropping it.
#[derive(Debug)]
pub struct Floor {
    local_addr: SocketAddrV4,
    stop: Arc<AtomicBool>,
    statistics: StatisticsAsker,
    ended: oneshot::Receiver<()>,
}

impl Floor {
    /// Starts a floor on a new socket of 127.0.0.1; port 0 takes a free one.
    ///
    /// # Errors
    /// If the port cannot be bound, `config` is out of bounds, or the system has no batches of datagrams.
    pub fn bind(port: u16, config: FloorConfig) -> Result<Self, ServeError> {
        if !FLOOR_BYTES.contains(&config.datagram_bytes) {
            let (least, most) = (FLOOR_BYTES.start(), FLOOR_BYTES.end());
            let told = format!("a floor sends {least} to {most} bytes, not {}", config.datagram_bytes);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, told).into());
        }
        let config = FloorConfig { datagram_bytes: whole(config.datagram_bytes), ..config };
        Self::start(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), config)
    }

    #[cfg(target_os = "linux")]
    fn start(addr: SocketAddrV4, config: FloorConfig) -> Result<Self, ServeError> {
        let udp = std::net::UdpSocket::bind(addr)?;
        let local_addr = SocketAddrV4::new(*addr.ip(), udp.local_addr()?.port());
        let epoch = super::secret_of_the_system()?.number(0);
        let stop = Arc::new(AtomicBool::new(false));
        let (statistics, asked) = StatisticsAsker::new();
        let (ending, ended) = oneshot::channel();
        super::socket::set_buffers(&udp)?;
        let stopped = Arc::clone(&stop);
        std::thread::Builder::new().name("floor".into()).spawn(move || {
            bare::BareLoop::new(udp, config, epoch, stopped, asked).run();
            let _nobody_waits = ending.send(());
        })?;
        let tick_rate_hz = (config.tick_rate.hz() * 1000.0).round() / 1000.0;
        tracing::info!(addr = %local_addr, tick_rate_hz, datagram_bytes = config.datagram_bytes, "listening");
        Ok(Self { local_addr, stop, statistics, ended })
    }

    #[cfg(not(target_os = "linux"))]
    fn start(_addr: SocketAddrV4, _config: FloorConfig) -> Result<Self, ServeError> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a floor needs the batches of Linux").into())
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddrV4 {
        self.local_addr
    }

    /// Asks for statistics, also while [`Floor::run_until`] has the floor.
    pub fn statistics(&self) -> StatisticsAsker {
        self.statistics.clone()
    }

    /// Runs until `shutdown` is done. Nobody is told that it stops.
    ///
    /// # Errors
    /// If it has ended before.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        tokio::select! {
            _ended = &mut self.ended => return Err(ServeError::Ended),
            () = shutdown => self.stop.store(true, Ordering::Release),
        }
        (&mut self.ended).await.map_err(|_| ServeError::Ended)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Cut to whole client ids, of which the datagrams are made.
fn whole(datagram_bytes: usize) -> usize {
    datagram_bytes / size_of::<u32>() * size_of::<u32>()
}

/// A snapshot of so many bytes that tells of no player: filled up with the id of nobody, as one that has gone.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the loop of Linux sends it"))]
fn filled(datagram_bytes: usize) -> PlainSnapshot {
    let room = datagram_bytes.saturating_sub(*FLOOR_BYTES.start());
    PlainSnapshot { gone: vec![u32::MAX; room / size_of::<u32>()], ..PlainSnapshot::default() }
}
