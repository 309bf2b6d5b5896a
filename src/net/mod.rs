//! Everything that touches the outside: the socket, the clock, the tick's thread, and the library's async face.

mod board;
mod clock;
mod connections;
#[cfg(unix)]
mod control;
mod floor;
mod http;
mod observer;
mod orders;
mod pace;
mod receiver;
mod socket;
mod statistics;
mod status;
mod tick_thread;
mod work;
mod worker;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

#[cfg(unix)]
pub use control::{ANSWER_BYTES_MAX, ControlSocket, ControlThread, ORDER_BYTES_MAX};
pub use floor::{FLOOR_BYTES, Floor, FloorConfig};
pub use http::HttpThread;
pub use observer::{Observer, Trouble};
pub use orders::Orders;
pub use statistics::{Statistics, StatisticsAnswer, StatisticsAsker};
pub use status::{Spread, Status, Traffic};

use crate::config::{Config, ConfigError, TicketConfig};
use crate::game::{Game, Standard};
use crate::gate::{Drops, Gate};
use crate::machine::{self, PriorityError};
use crate::seal::TicketKeys;
use crate::secret::Secret;
use crate::server::Server;
use crate::store::{Store, StoreError};
use crate::wire::{Player, Tick};
use board::{Board, Ending};
use receiver::Receiver;
use socket::Bound;
use tick_thread::{Beside, Onlookers, TickThread};
use work::Executor;
use worker::Worker;

/// How many requests for positions may wait for the next tick; who asks beyond that waits for a place.
const REQUESTS_MAX: usize = 64;

/// Every player that stands in the world, at the end of one tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Positions {
    /// The tick.
    pub tick: Tick,
    /// The players, in no particular order.
    pub players: Vec<Player>,
}

type PositionsRequest = oneshot::Sender<Arc<Positions>>;

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A value of the configuration is out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The socket cannot be used.
    #[error("cannot use the UDP socket: {0}")]
    Socket(#[from] io::Error),
    /// The thread that is to receive cannot be started.
    #[error("cannot start the receive worker: {0}")]
    Worker(#[source] io::Error),
    /// The threads that do the game's work cannot be started.
    #[error("cannot start the threads for work: {0}")]
    Work(#[source] io::Error),
    /// The tick thread may not have the priority that it is to have.
    #[error("cannot have the priority: {0}")]
    Priority(#[from] PriorityError),
    /// There is no store to begin with.
    #[error("cannot use the store: {0}")]
    Store(#[from] StoreError),
    /// The tick thread has ended although nobody told it to: a bug, which its log names.
    #[error("the tick thread has ended unexpectedly")]
    Ended,
}

/// A tick server at work on a thread of its own.
///
/// - Start it: [`TickServer::bind`], or [`TickServer::start`] on a socket of yours; with a game of yours
///   [`TickServer::bind_game`] or [`TickServer::start_game`].
/// - Look while it runs: [`TickServer::status`], [`TickServer::watch`], [`TickServer::drops`],
///   [`TickServer::positions`], [`TickServer::statistics`], [`TickServer::observer`]. None of them makes the tick wait.
/// - Give its game orders: [`TickServer::order`], [`TickServer::orders`].
/// - Rotate the keys of tickets: [`TickServer::ticket_keyring`].
/// - Stop it: [`TickServer::run_until`] your shutdown, or drop it; then the thread and its socket live on until it
///   has told every peer, up to 200 ms, and then with [`Config::data`] until all is written, up to 5 s,
///   and where scores are reported until they are taken, up to 5 s more.
#[derive(Debug)]
pub struct TickServer {
    local_addr: SocketAddr,
    gate: Arc<Gate>,
    stop: Arc<AtomicBool>,
    requests: mpsc::Sender<PositionsRequest>,
    statistics: StatisticsAsker,
    orders: Orders,
    observer: Observer,
    watched: watch::Receiver<Status>,
    ended: oneshot::Receiver<Status>,
}

impl TickServer {
    /// Starts a server on a new socket bound to `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// If the address cannot be bound or `config` cannot be served.
    pub fn bind(addr: SocketAddr, config: Config) -> Result<Self, ServeError> {
        Self::start(UdpSocket::bind(addr)?, config)
    }

    /// Starts a server on a bound socket of the caller's, with a secret from the operating system.
    ///
    /// # Errors
    /// If the socket refuses its options, `config` cannot be served, or is open while the socket is reached
    /// from outside, or if its store cannot be used.
    pub fn start(udp: UdpSocket, config: Config) -> Result<Self, ServeError> {
        let game = Standard::new(&config);
        Self::start_game(udp, config, Box::new(game))
    }

    /// As [`TickServer::bind`], with a game of yours.
    ///
    /// # Errors
    /// As those of [`TickServer::bind`].
    pub fn bind_game(addr: SocketAddr, config: Config, game: Box<dyn Game>) -> Result<Self, ServeError> {
        Self::start_game(UdpSocket::bind(addr)?, config, game)
    }

    /// As [`TickServer::start`], with a game of yours. Its hooks are called on the tick's thread.
    ///
    /// # Errors
    /// As those of [`TickServer::start`].
    pub fn start_game(udp: UdpSocket, config: Config, game: Box<dyn Game>) -> Result<Self, ServeError> {
        let local_addr = udp.local_addr()?;
        let is_loopback = local_addr.ip().to_canonical().is_loopback();
        if config.open && !is_loopback {
            return Err(ConfigError::OpenOffLoopback { bind: local_addr.ip() }.into());
        }
        let started = machine::now();
        let mut server = Server::with_game(config, game, &secret_of_the_system()?, started)?;
        let store = open_store(&mut server)?;
        let gate = Arc::clone(server.gate());
        gate.set_unix_seconds(machine::unix_seconds());
        let (board, stop) = (Arc::new(Board::new()), Arc::<AtomicBool>::default());
        let observer = Observer::new(&server, &udp, &board, &stop, started);
        let bound = Bound::new(udp)?;
        let (requests, positions_asked) = mpsc::channel(REQUESTS_MAX);
        let (statistics, statistics_asked) = StatisticsAsker::new();
        let (orders, orders_given) = Orders::new();
        let (watching, watched) = watch::channel(Status::default());
        let onlookers = Onlookers {
            positions: positions_asked,
            statistics: statistics_asked,
            orders: orders_given,
            watching,
            board: Arc::clone(&board),
        };
        let (ending, ended) = oneshot::channel();
        let tick_rate_hz = (server.config().tick_rate.hz() * 1000.0).round() / 1000.0;
        let stopped = Arc::clone(&stop);
        let config = server.config();
        let (priority, datagram_bytes) = (config.priority, config.datagram_bytes);
        let risk = risk_to_others(config.tickets.as_ref()).filter(|_| !is_loopback);
        let worker = config.receive_worker.then(|| Worker::start(&bound, &gate, datagram_bytes));
        let worker = worker.transpose().map_err(ServeError::Worker)?;
        let executor = Executor::start().map_err(ServeError::Work)?;
        let beside = Beside { worker, store, executor };
        let (granting, granted) = std::sync::mpsc::sync_channel(1);
        std::thread::Builder::new().name("tick".into()).spawn(move || {
            let _said_at_its_end = Ending(board);
            let asked_for = priority.map_or(Ok(()), machine::prioritise);
            let is_granted = asked_for.is_ok();
            let _starter_waits = granting.send(asked_for);
            if is_granted {
                let receiver = Receiver::new(bound, Arc::clone(server.gate()), datagram_bytes);
                let thread = TickThread::new(server, receiver, beside, started, stopped, onlookers);
                let _nobody_waits = ending.send(thread.run());
            }
        })?;
        granted.recv().map_err(|_| ServeError::Ended)??;
        info!(addr = %local_addr, tick_rate_hz, "listening");
        if let Some(risk) = risk {
            warn!("{risk}");
        }
        Ok(Self { local_addr, gate, stop, requests, statistics, orders, observer, watched, ended })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where it stood after the last tick.
    pub fn status(&self) -> Status {
        *self.watched.borrow()
    }

    /// Where it stands after every tick, for whoever wants to wait for one.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.watched.clone()
    }

    /// What was refused so far, by reason.
    pub fn drops(&self) -> &Drops {
        self.gate.drops()
    }

    /// Every player's position, as of the end of the next tick.
    ///
    /// # Errors
    /// If the server has ended.
    pub async fn positions(&self) -> Result<Arc<Positions>, ServeError> {
        let (request, answer) = oneshot::channel();
        self.requests.send(request).await.map_err(|_| ServeError::Ended)?;
        answer.await.map_err(|_| ServeError::Ended)
    }

    /// Asks for statistics, also while [`TickServer::run_until`] has the server.
    pub fn statistics(&self) -> StatisticsAsker {
        self.statistics.clone()
    }

    /// Has the game carry out an order in the next tick, and gives its answer: see [`Game::on_order`].
    ///
    /// # Errors
    /// If the server has ended.
    pub async fn order(&self, order: String) -> Result<String, ServeError> {
        self.orders.give(order).await
    }

    /// Gives the game orders, also while [`TickServer::run_until`] has the server.
    pub fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Replaces the keys of tickets, also while [`TickServer::run_until`] has the server.
    pub fn ticket_keyring(&self) -> TicketKeyring {
        TicketKeyring(Arc::clone(&self.gate))
    }

    /// Looks at it from anywhere, also while [`TickServer::run_until`] has the server, and after it has ended.
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Serves until `shutdown` is done, then tells every peer and stops. Gives where the server stood at last.
    ///
    /// # Errors
    /// If the server has ended before.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<Status, ServeError> {
        tokio::select! {
            _ended = &mut self.ended => return Err(ServeError::Ended),
            () = shutdown => self.stop.store(true, Ordering::Release),
        }
        (&mut self.ended).await.map_err(|_| ServeError::Ended)
    }
}

/// The keys of a running server's tickets.
#[derive(Clone, Debug)]
pub struct TicketKeyring(Arc<Gate>);

impl TicketKeyring {
    /// From now on these keys open tickets, and no others. Who plays already plays on. False, and nothing has
    /// changed, where the server was started without tickets.
    pub fn replace(&self, keys: TicketKeys) -> bool {
        self.0.set_ticket_keys(keys)
    }
}

impl Drop for TickServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// What it means that others reach a server with these tickets, or none, if they must be told.
fn risk_to_others(tickets: Option<&TicketConfig>) -> Option<&'static str> {
    match tickets {
        None => Some(
            "without tickets anyone may play as any client id, and whoever is on the way can read and change all that is \
             said: see --ticket-key",
        ),
        Some(tickets) if tickets.server == TicketConfig::SERVER => Some(
            "a ticket for this server is good for every other with the same keys and no name of its own: see \
             --ticket-server",
        ),
        Some(_) => None,
    }
}

/// The store, if there is to be one; the server then remembers the players in it.
fn open_store(server: &mut Server) -> Result<Option<Store>, StoreError> {
    let Some(dir) = server.config().data.clone() else { return Ok(None) };
    let (store, remembered) = Store::open(&dir, server.epoch())?;
    server.remember(remembered.players);
    server.remember_profiles(remembered.profiles, remembered.id);
    Ok(Some(store))
}

fn secret_of_the_system() -> io::Result<Secret> {
    use rand::TryRng as _;
    let mut bytes = [0; 16];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    Ok(Secret::from_bytes(bytes))
}
