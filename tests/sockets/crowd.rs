//! Clients on sockets of their own, driven by the thread of the test.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig, Event, Phase};
use tickcast::secret::Secret;
use tickcast::wire::Position;
use tickcast::{Config, TickServer};

/// How long a test waits for what must come; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(30);

static CORES: RwLock<()> = RwLock::new(());

/// Lets no other test run meanwhile: for those that need the cores, or say what a server does in time.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    CORES.write().unwrap_or_else(PoisonError::into_inner)
}

/// Lets others run that do so too: for those that wait most of their time, and say nothing of time.
pub(crate) fn beside() -> RwLockReadGuard<'static, ()> {
    CORES.read().unwrap_or_else(PoisonError::into_inner)
}

/// A server on a free port of this machine.
pub(crate) fn server(config: Config) -> TickServer {
    TickServer::bind("127.0.0.1:0".parse().expect("an address"), config).expect("the server starts")
}

#[expect(clippy::disallowed_methods, reason = "the tests stand at the edge, where time comes in")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// One client, its socket, and the ticks of which it has received a snapshot.
pub(crate) struct Player {
    pub(crate) client: Client,
    pub(crate) socket: UdpSocket,
    pub(crate) ticks: Vec<u64>,
    pub(crate) largest: usize,
}

impl Player {
    pub(crate) fn new(client_id: u32, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.connect(server).expect("connected");
        socket.set_nonblocking(true).expect("set");
        let config = ClientConfig::new(client_id);
        let client = Client::new(config, &Secret::from_seed(client_id.into()), now());
        Self { client, socket, ticks: Vec::new(), largest: 0 }
    }

    pub(crate) fn move_to(&mut self, x: i32, y: i32) {
        let mut bytes = Vec::new();
        self.client.move_to(Position { x, y }, 0, &mut bytes).expect("it plays");
        self.socket.send(&bytes).expect("sent");
    }

    /// Takes in what has come, and says what is due.
    pub(crate) fn pump(&mut self) {
        let mut buffer = [0; 65_536];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.largest = self.largest.max(length);
            if let Some(Event::Snapshot(header)) = self.client.receive(now(), &buffer[..length]) {
                self.ticks.push(header.tick.0);
            }
        }
        let mut bytes = Vec::new();
        if self.client.poll(now(), &mut bytes) {
            self.socket.send(&bytes).expect("sent");
        }
    }

    pub(crate) fn sees(&self, client_id: u32) -> Option<(i32, i32)> {
        self.client.world().player(client_id).map(|known| (known.player.at.x, known.player.at.y))
    }
}

/// Many players of one server.
pub(crate) struct Crowd(pub(crate) Vec<Player>);

impl Crowd {
    /// Players known by the ids from 0 on, all joined.
    pub(crate) fn join(players: u32, server: SocketAddr) -> Self {
        let mut crowd = Self((0..players).map(|id| Player::new(id, server)).collect());
        crowd.pump_until("all have joined", |crowd| crowd.all(|p| p.client.phase() == Phase::Playing));
        crowd
    }

    pub(crate) fn all(&self, is_so: impl Fn(&Player) -> bool) -> bool {
        self.0.iter().all(is_so)
    }

    /// Drives all clients until `is_done`; fails with `what` where that never comes.
    pub(crate) fn pump_until(&mut self, what: &str, is_done: impl Fn(&Crowd) -> bool) {
        let deadline = now() + PATIENCE;
        loop {
            self.0.iter_mut().for_each(Player::pump);
            if is_done(self) {
                return;
            }
            assert!(now() < deadline, "waited in vain until {what}");
            self.wait();
        }
    }

    /// Drives all clients until each has a snapshot `ticks` ticks later than the newest one now.
    pub(crate) fn pump_ticks(&mut self, ticks: u64) {
        let newest = self.0.iter().filter_map(|p| p.ticks.last()).max().copied().unwrap_or(0);
        self.pump_until("enough ticks went by", |crowd| {
            crowd.all(|p| p.ticks.last().is_some_and(|tick| *tick >= newest + ticks))
        });
    }

    /// Until the first player's next datagram, or a millisecond.
    fn wait(&self) {
        let socket = &self.0[0].socket;
        socket.set_nonblocking(false).expect("set");
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("set");
        let _came_or_not = socket.peek(&mut [0]);
        socket.set_nonblocking(true).expect("set");
    }

    /// Every client has had exactly one snapshot of every tick that any client had one of, since its own first.
    pub(crate) fn assert_no_snapshot_is_missing_or_double(&self) {
        let mut done: Vec<u64> = self.0.iter().flat_map(|p| p.ticks.iter().copied()).collect();
        done.sort_unstable();
        done.dedup();
        let last = self.0.iter().filter_map(|p| p.ticks.last()).min().copied().expect("everyone has some");
        for (id, player) in self.0.iter().enumerate() {
            let first = player.ticks[0];
            let expected: Vec<u64> = done.iter().copied().filter(|t| (first..=last).contains(t)).collect();
            let got: Vec<u64> = player.ticks.iter().copied().filter(|t| *t <= last).collect();
            assert_eq!(got, expected, "client {id}");
        }
    }
}
