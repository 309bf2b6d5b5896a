//! A look at the server from any thread and at any time: numbers that the tick thread leaves on its board, and what the
//! gate knows of peers. The tick does nothing for it and waits for nobody.

use std::collections::HashSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::board::{Board, Numbers};
use crate::gate::{Gate, PeersPage};
use crate::machine;
use crate::server::Server;

/// A server that has not ticked for so many periods is held for dead.
const LIVE_PERIODS: u32 = 10;
/// And for no less than this: a machine may be busy with other things for a moment.
const LIVE_MIN: Duration = Duration::from_secs(2);

/// The system's table of sockets is read no more often than this, however often somebody asks.
const SOCKET_DROPS_EVERY: Duration = Duration::from_secs(1);

/// Why a server is not to be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It has not done its first tick yet.
    #[error("no tick has been done yet")]
    Starting,
    /// It has been told to stop, and takes in nobody any more.
    #[error("it is shutting down")]
    ShuttingDown,
    /// It should have ticked long ago.
    #[error("the last tick was done {} ms ago", .0.as_millis())]
    Stuck(Duration),
    /// The tick thread is no more.
    #[error("the tick thread has ended")]
    Ended,
}

/// Looks at a server while it runs, and after; any number of them, in any thread. See
/// [`crate::TickServer::observer`].
///
/// - Is it well: [`Observer::live`], [`Observer::ready`].
/// - What does it do: [`Observer::metrics`], [`Observer::peers`].
/// - All of that over HTTP: [`Observer::serve_http`] on a runtime of yours, or [`crate::net::HttpThread`].
#[derive(Clone, Debug)]
pub struct Observer(Arc<Observed>);

#[derive(Debug)]
struct Observed {
    gate: Arc<Gate>,
    board: Arc<Board>,
    is_stopped: Arc<AtomicBool>,
    started: Instant,
    period: Duration,
    epoch: u64,
    socket: HashSet<u64>,
    socket_drops: Mutex<Option<(Instant, Option<u64>)>>,
}

impl Observer {
    pub(super) fn new(
        server: &Server,
        udp: &UdpSocket,
        board: &Arc<Board>,
        is_stopped: &Arc<AtomicBool>,
        started: Instant,
    ) -> Self {
        Self(Arc::new(Observed {
            gate: Arc::clone(server.gate()),
            board: Arc::clone(board),
            is_stopped: Arc::clone(is_stopped),
            started,
            period: server.config().tick_rate.period(),
            epoch: server.epoch(),
            socket: machine::socket_number(udp).into_iter().collect(),
            socket_drops: Mutex::new(None),
        }))
    }

    /// Whether the server ticks. Ticks may be late: by ten periods, and two seconds at the least.
    ///
    /// # Errors
    /// What is wrong with it: [`Trouble::Stuck`] or [`Trouble::Ended`].
    pub fn live(&self) -> Result<(), Trouble> {
        let silent = self.age().saturating_sub(self.0.board.ticked());
        if self.0.board.has_ended() {
            Err(Trouble::Ended)
        } else if silent > LIVE_MIN.max(self.0.period * LIVE_PERIODS) {
            Err(Trouble::Stuck(silent))
        } else {
            Ok(())
        }
    }

    /// Whether clients may be sent here: it is live, has ticked, and has not been told to stop.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), Trouble> {
        self.live()?;
        if self.0.is_stopped.load(Ordering::Acquire) {
            Err(Trouble::ShuttingDown)
        } else if self.0.board.ticked() == Duration::ZERO {
            Err(Trouble::Starting)
        } else {
            Ok(())
        }
    }

    /// Some of the peers: at most `limit` with client ids above `after`. Of the gate's table it holds a part of some
    /// hundred peers at a time, so whoever receives waits for no more than the look at those.
    pub fn peers(&self, after: Option<u32>, limit: usize) -> PeersPage {
        self.0.gate.peers_page(machine::now(), after, limit)
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(super) fn board(&self) -> &Board {
        &self.0.board
    }

    pub(super) fn numbers(&self) -> Numbers {
        self.0.board.read()
    }

    /// Since its start.
    pub(super) fn age(&self) -> Duration {
        machine::now().saturating_duration_since(self.0.started)
    }

    /// To a thousandth, as the log says it.
    pub(super) fn tick_rate_hz(&self) -> f64 {
        (1_000.0 / self.0.period.as_secs_f64()).round() / 1_000.0
    }

    pub(super) fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// What the system threw away of what came to the socket, up to a second ago.
    pub(super) fn socket_drops(&self) -> Option<u64> {
        let now = machine::now();
        let mut known = self.0.socket_drops.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((read, drops)) if now < read + SOCKET_DROPS_EVERY => drops,
            _ => {
                let drops = machine::socket_drops(&self.0.socket);
                *known = Some((now, drops));
                drops
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::net::board::Ending;
    use crate::secret::Secret;

    /// An observer of a server that was started so long ago, and its board.
    fn observer(age: Duration) -> (Observer, Arc<Board>, Arc<AtomicBool>) {
        let started = machine::now() - age;
        let server = Server::new(Config::default(), &Secret::from_seed(1), started).expect("good");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let (board, stop) = (Arc::new(Board::new()), Arc::<AtomicBool>::default());
        (Observer::new(&server, &udp, &board, &stop, started), board, stop)
    }

    #[test]
    fn a_server_is_ready_from_its_first_tick_until_it_is_told_to_stop() {
        let (observer, board, stop) = observer(Duration::from_millis(5));
        assert_eq!((observer.live(), observer.ready()), (Ok(()), Err(Trouble::Starting)));
        board.note_tick(Duration::from_millis(4), Duration::ZERO, Duration::ZERO, Duration::from_millis(1));
        assert_eq!(observer.ready(), Ok(()));
        stop.store(true, Ordering::Release);
        assert_eq!((observer.live(), observer.ready()), (Ok(()), Err(Trouble::ShuttingDown)));
        drop(Ending(board));
        assert_eq!((observer.live(), observer.ready()), (Err(Trouble::Ended), Err(Trouble::Ended)));
    }

    #[test]
    fn a_server_that_ticks_no_more_is_not_live() {
        let (observer, board, _) = observer(Duration::from_secs(60));
        assert!(matches!(observer.live(), Err(Trouble::Stuck(silent)) if silent >= Duration::from_secs(60)));
        board.note_tick(Duration::from_secs(50), Duration::ZERO, Duration::ZERO, Duration::from_millis(1));
        assert!(matches!(observer.ready(), Err(Trouble::Stuck(silent)) if silent.as_secs() < 60));
        board.note_tick(Duration::from_secs(60), Duration::ZERO, Duration::ZERO, Duration::from_millis(1));
        assert_eq!(observer.live(), Ok(()));
    }
}
