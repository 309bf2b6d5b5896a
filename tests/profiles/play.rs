//! The standard game with a service: a server core and its clients in memory, and a runtime that does what the game starts. No
//! tick waits: each is made here, and counted.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::config::Config;
use tickcast::game::words::{Said, Told};
use tickcast::gate::PeerAddr;
use tickcast::mail::Delivery;
use tickcast::profiles::Service;
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{ClosedReason, Position, Tick};
use tickcast::work::{Answer, Work, WorkId};

use crate::service::PATIENCE;

/// What the runtime has done, on its way to the server.
type Ended = (Sender<(WorkId, Answer)>, Receiver<(WorkId, Answer)>);

/// One who plays, and what it has been told.
pub(crate) struct Seat {
    pub(crate) client: Client,
    addr: PeerAddr,
    pub(crate) told: Vec<Told>,
}

/// A server and those who play on it.
pub(crate) struct Play {
    pub(crate) server: Server,
    pub(crate) seats: Vec<Seat>,
    by_addr: HashMap<PeerAddr, usize>,
    pub(crate) now: Instant,
    pub(crate) ticks: u64,
    runtime: tokio::runtime::Handle,
    ended: Ended,
}

const PERIOD: Duration = Duration::from_millis(100);
/// For how long a tick may wait for an answer.
const MOMENT: Duration = Duration::from_millis(1);

impl Play {
    /// For one player, client 7.
    pub(crate) fn new(service: Option<Service>) -> Self {
        Self::with(Config { service, ..Config::default() }, 7..8)
    }

    /// For these clients, at ten ticks a second.
    pub(crate) fn with(config: Config, ids: impl IntoIterator<Item = u32>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant has no other origin; only differences count"
        )]
        let now = Instant::now();
        let seats: Vec<Seat> = ids.into_iter().map(|id| seat(id, now)).collect();
        let config = Config {
            max_peers: seats.len().max(8),
            timeout: Duration::from_secs(3_600),
            tick_rate: "10".parse().expect("a rate"),
            ..config
        };
        let server = Server::new(config, &Secret::from_seed(1), now).expect("it can be served");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        let by_addr = seats.iter().enumerate().map(|(place, seat)| (seat.addr, place)).collect();
        Self { server, seats, by_addr, now, ticks: 0, runtime: handle, ended: channel() }
    }

    /// One tick, whatever the service does.
    pub(crate) fn step(&mut self) {
        self.now += PERIOD;
        self.ticks += 1;
        let mut bytes = Vec::new();
        for place in 0..self.seats.len() {
            while self.seats[place].client.poll(self.now, &mut bytes) {
                self.give(place, &std::mem::take(&mut bytes));
            }
        }
        while let Ok((id, answer)) = self.ended.1.try_recv() {
            self.server.finish(id, Ok(answer));
        }
        self.server.tick(self.now, Tick(self.ticks));
        let mut batch = Batch::new(1_200);
        while self.server.poll(&mut batch) {
            for (to, datagram) in batch.iter() {
                self.seats[self.by_addr[&to]].client.receive(self.now, datagram);
            }
        }
        self.do_work();
        for seat in &mut self.seats {
            while let Some(message) = seat.client.take_message() {
                seat.told.push(Told::read(&message).expect("as the page says"));
            }
        }
    }

    /// The service is asked by tasks; nobody does what a thread would.
    pub(crate) fn do_work(&mut self) {
        for started in self.server.take_work().collect::<Vec<_>>() {
            let Work::Task(task) = started.work else { continue };
            let ended = self.ended.0.clone();
            self.runtime.spawn(async move { ended.send((started.id, task.await)) });
        }
    }

    /// The server stops, and waits for what its game must not leave undone.
    pub(crate) fn stop(&mut self) {
        self.server.close(ClosedReason::ShuttingDown);
        while self.server.wind_up() {
            self.do_work();
            let (id, answer) = self.ended.1.recv_timeout(PATIENCE).expect("what it waits for ends");
            self.server.finish(id, Ok(answer));
        }
    }

    pub(crate) fn move_to(&mut self, x: i32, y: i32) {
        let mut bytes = Vec::new();
        self.seats[0].client.move_to(Position { x, y }, 0, &mut bytes).expect("it plays");
        self.give(0, &bytes);
        self.step();
    }

    /// The first player goes.
    pub(crate) fn leave(&mut self) {
        let mut bytes = Vec::new();
        assert!(self.seats[0].client.leave(&mut bytes));
        self.give(0, &bytes);
    }

    /// To the gate, which answers a hello at once.
    fn give(&mut self, place: usize, bytes: &[u8]) {
        let seat = &mut self.seats[place];
        let reply = self.server.gate().receive(self.now, seat.addr, bytes).map(|reply| reply.to_vec());
        if let Some(reply) = reply {
            seat.client.receive(self.now, &reply);
        }
    }

    /// Ticks until it is so; each of them is made, and the clients play on in all of them.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        #[expect(clippy::disallowed_methods, reason = "a test that fails shall end")]
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            self.step();
            #[expect(clippy::disallowed_methods, reason = "a test that fails shall end")]
            let is_late = Instant::now() > deadline;
            assert!(!is_late, "{what}, not {:?}", self.seats[0].told);
            // The time of the play may not run away from that of the service, which is no play.
            if let Ok((id, answer)) = self.ended.1.recv_timeout(MOMENT) {
                self.server.finish(id, Ok(answer));
            }
        }
        let totals = self.server.report().totals;
        assert_eq!((totals.ticks, totals.ticks_skipped), (self.ticks, 0));
    }

    pub(crate) fn join(&mut self) {
        self.until("all play", |play| play.seats.iter().all(|seat| seat.client.phase() == Phase::Playing));
    }

    pub(crate) fn say(&mut self, said: Said) {
        let mut bytes = Vec::new();
        said.write(&mut bytes);
        self.seats[0].client.send(Delivery::Reliable, &bytes).expect("there is room");
    }

    pub(crate) fn has_been_told(&self, is_it: impl Fn(&Told) -> bool) -> bool {
        self.seats[0].told.iter().any(is_it)
    }

    /// Where the first player stands.
    pub(crate) fn place(&self) -> Option<Position> {
        self.server.players().next().map(|player| player.at)
    }
}

fn seat(client_id: u32, now: Instant) -> Seat {
    let [.., high, low] = client_id.to_be_bytes();
    let addr = PeerAddr::udp(([127, 0, high, low], 4_000).into(), None).expect("an address");
    let client = Client::new(ClientConfig::new(client_id), &Secret::from_seed(2 + u64::from(client_id)), now);
    Seat { client, addr, told: Vec::new() }
}
