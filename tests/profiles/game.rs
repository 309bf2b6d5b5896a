//! The standard game with a service: a server core and a client in memory, and a runtime that does what the game starts. No
//! tick waits: each is made here, and counted.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tickcast::client::{Client, ClientConfig, Phase};
use tickcast::config::Config;
use tickcast::game::words::{Said, Told};
use tickcast::gate::PeerAddr;
use tickcast::mail::Delivery;
use tickcast::profiles::{Name, Service, Totals};
use tickcast::secret::Secret;
use tickcast::server::{Batch, Server};
use tickcast::wire::{Position, Tick};
use tickcast::work::{Answer, Work, WorkId};

use crate::service::{Desk, PATIENCE, answer, wait_until_gone};

/// What the runtime has done, on its way to the server.
type Ended = (Sender<(WorkId, Answer)>, Receiver<(WorkId, Answer)>);

/// A server and the one who plays on it.
struct Play {
    server: Server,
    client: Client,
    addr: PeerAddr,
    now: Instant,
    ticks: u64,
    runtime: tokio::runtime::Handle,
    ended: Ended,
    told: Vec<Told>,
}

const PERIOD: Duration = Duration::from_millis(100);

impl Play {
    fn new(service: Option<Service>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant has no other origin; only differences count"
        )]
        let now = Instant::now();
        let tick_rate = "10".parse().expect("a rate");
        let config = Config {
            max_peers: 8,
            timeout: Duration::from_secs(3_600),
            service,
            tick_rate,
            ..Config::default()
        };
        let server = Server::new(config, &Secret::from_seed(1), now).expect("it can be served");
        let client = Client::new(ClientConfig::new(7), &Secret::from_seed(2), now);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        Self {
            server,
            client,
            addr: PeerAddr::udp(([127, 0, 0, 1], 4_000).into(), None).expect("an address"),
            now,
            ticks: 0,
            runtime: handle,
            ended: channel(),
            told: Vec::new(),
        }
    }

    /// One tick, whatever the service does.
    fn step(&mut self) {
        self.now += PERIOD;
        self.ticks += 1;
        let mut bytes = Vec::new();
        while self.client.poll(self.now, &mut bytes) {
            self.give(&std::mem::take(&mut bytes));
        }
        while let Ok((id, answer)) = self.ended.1.try_recv() {
            self.server.finish(id, Ok(answer));
        }
        self.server.tick(self.now, Tick(self.ticks));
        let mut batch = Batch::new(1_200);
        while self.server.poll(&mut batch) {
            for (_, datagram) in batch.iter() {
                self.client.receive(self.now, datagram);
            }
        }
        for started in self.server.take_work().collect::<Vec<_>>() {
            let Work::Task(task) = started.work else { panic!("the service is asked by tasks") };
            let ended = self.ended.0.clone();
            self.runtime.spawn(async move { ended.send((started.id, task.await)) });
        }
        while let Some(message) = self.client.take_message() {
            self.told.push(Told::read(&message).expect("as the page says"));
        }
    }

    fn move_to(&mut self, x: i32, y: i32) {
        let mut bytes = Vec::new();
        self.client.move_to(Position { x, y }, 0, &mut bytes).expect("it plays");
        self.give(&bytes);
        self.step();
    }

    /// To the gate, which answers a hello at once.
    fn give(&mut self, bytes: &[u8]) {
        let reply = self.server.gate().receive(self.now, self.addr, bytes).map(|reply| reply.to_vec());
        if let Some(reply) = reply {
            self.client.receive(self.now, &reply);
        }
    }

    /// Ticks until it is so; each of them is made, and the client plays on in all of them.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        #[expect(clippy::disallowed_methods, reason = "a test that fails shall end")]
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            self.step();
            #[expect(clippy::disallowed_methods, reason = "a test that fails shall end")]
            let is_late = Instant::now() > deadline;
            assert!(!is_late, "{what}, not {:?}", self.told);
            std::thread::yield_now();
        }
        let totals = self.server.report().totals;
        assert_eq!((totals.ticks, totals.ticks_skipped), (self.ticks, 0));
    }

    fn join(&mut self) {
        self.until("it plays", |play| play.client.phase() == Phase::Playing);
    }

    fn say(&mut self, said: Said) {
        let mut bytes = Vec::new();
        said.write(&mut bytes);
        self.client.send(Delivery::Reliable, &bytes).expect("there is room");
    }

    fn has_been_told(&self, is_it: impl Fn(&Told) -> bool) -> bool {
        self.told.iter().any(is_it)
    }
}

fn is_anna(told: &Told) -> bool {
    matches!(told, Told::Profile { name, totals } if name.as_str() == "Anna" && totals.distance == 12)
}

const ANNA: &str = r#"{"name": "Anna", "start": {"x": 300, "y": -400}, "distance": 12}"#;
const BOARD: &str =
    r#"{"entries": [{"client_id": 9, "name": "Bo", "score": 55}, {"client_id": 7, "score": 12}]}"#;

#[test]
fn one_plays_at_once_and_the_profile_comes_when_it_does() {
    let (let_go, may_go) = channel::<()>();
    let (may_go, done) = (Mutex::new(may_go), Arc::new(Mutex::new(false)));
    let desk = Desk::start(move |_, request, stream| {
        let mut is_open = done.lock().expect("no other has panicked");
        if !*is_open {
            let _opened = may_go.lock().expect("no other has panicked").recv();
            *is_open = true;
        }
        drop(is_open);
        answer(stream, 200, if request.path == "/board" { BOARD } else { ANNA });
    });
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    // Both are on their way before either is answered.
    let mut paths = [desk.next().path, desk.next().path];
    paths.sort();
    assert_eq!(paths, ["/board", "/players/7"]);
    let before = play.ticks;
    (1..=200).for_each(|_| play.step());
    assert_eq!((play.ticks - before, play.told.len()), (200, 0), "ticks go on, and nothing is told yet");
    drop(let_go);
    play.until("the profile comes", |play| play.has_been_told(is_anna));
    play.until("and the leaderboard", |play| play.has_been_told(|told| matches!(told, Told::Board { .. })));
    let board = play.told.iter().find_map(|told| match told {
        Told::Board { first: 0, places: 2, entries } => Some(entries.clone()),
        _ => None,
    });
    let board = board.expect("all of it");
    assert_eq!((board[0].name.as_str(), board[0].score, board[1].client_id), ("Bo", 55, 7));
    let stands = play.server.players().next().map(|player| player.at);
    assert_eq!(stands, Some(Position { x: 300, y: -400 }), "who had not moved is put where the profile says");
}

#[test]
fn who_has_moved_is_not_put_elsewhere_by_a_late_profile() {
    let (let_go, may_go) = channel::<()>();
    let may_go = Mutex::new(may_go);
    let desk = Desk::start(move |_, _, stream| {
        let _opened = may_go.lock().expect("no other has panicked").recv();
        answer(stream, 200, ANNA);
    });
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    play.move_to(5, 5);
    drop(let_go);
    play.until("the profile comes", |play| play.has_been_told(is_anna));
    assert_eq!(play.server.players().next().map(|player| player.at), Some(Position { x: 5, y: 5 }));
}

#[test]
fn who_leaves_and_comes_back_at_once_is_told_its_profile_all_the_same() {
    let asked = Mutex::new(0);
    let desk = Desk::start(move |_, request, stream| {
        let mut asked = asked.lock().expect("no other has panicked");
        *asked += usize::from(request.path == "/players/7");
        let is_first = *asked == 1;
        drop(asked);
        // Nobody waits for the first answer any more.
        if is_first { wait_until_gone(stream) } else { answer(stream, 200, ANNA) }
    });
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    while desk.next().path != "/players/7" {}
    let mut bytes = Vec::new();
    assert!(play.client.leave(&mut bytes));
    play.give(&bytes);
    play.client.rejoin(play.now);
    play.join();
    play.until("the profile comes", |play| play.has_been_told(is_anna));
}

#[test]
fn a_service_that_answers_nothing_costs_no_tick_and_the_player_plays_on() {
    let desk = Desk::start(|_, _, stream| wait_until_gone(stream));
    let mut play = Play::new(Some(desk.service(Duration::from_millis(100))));
    play.join();
    (1..=100).for_each(|x| play.move_to(x, 0));
    play.until("it is told what is known here", |play| {
        play.has_been_told(|told| matches!(told, Told::Profile { name, .. } if name.is_empty()))
    });
    assert_eq!(play.server.players().next().map(|player| player.at.x), Some(100));
}

#[test]
fn scores_are_reported_until_they_are_taken() {
    let taken = Arc::new(Mutex::new(Vec::<Value>::new()));
    let (notes, refused) = (Arc::clone(&taken), 5);
    let posts = Mutex::new(0);
    let desk = Desk::start(move |_, request, stream| {
        if request.method == "GET" {
            return answer(stream, 404, "");
        }
        let mut posts = posts.lock().expect("no other has panicked");
        *posts += 1;
        if *posts <= refused {
            return answer(stream, 500, "down");
        }
        notes
            .lock()
            .expect("no other has panicked")
            .push(serde_json::from_str(&request.body).expect("a report"));
        answer(stream, 204, "");
    });
    let mut play = Play::new(Some(desk.service(PATIENCE)));
    play.join();
    (0..=40).for_each(|x| play.move_to(x * 10, 0));
    let all = move |_: &Play| {
        let taken = taken.lock().expect("no other has panicked");
        taken.last().is_some_and(|report| report["scores"][0]["distance"] == 400)
    };
    play.until("all of it is taken", all);
}

#[test]
fn with_a_store_alone_names_and_deeds_are_kept_here() {
    let mut play = Play::new(None);
    play.server.remember([]);
    play.server.remember_profiles(Vec::new(), 1);
    play.join();
    let zoe = Name::new("Zoë").expect("a name");
    play.say(Said::Name(zoe));
    (0..=30).for_each(|x| play.move_to(x, 0));
    play.say(Said::Who(7));
    play.say(Said::Board);
    // Messages of a client ride in its moves.
    (0..20).for_each(|_| play.move_to(30, 0));
    play.until("it is told what it is called", |play| {
        play.has_been_told(|told| *told == Told::Who { client_id: 7, name: zoe })
    });
    let is_told = |told: &Told| match told {
        Told::Board { entries, .. } => {
            entries.first().is_some_and(|entry| entry.name == zoe && entry.score == 30)
        }
        _ => false,
    };
    play.until("it leads", |play| play.has_been_told(is_told));
    assert!(play.server.order("leaderboard").contains("1. \"Zoë\" (client 7): 30"));
    let named = |told: &Told| matches!(told, Told::Profile { name, totals: Totals { .. } } if *name == zoe);
    assert!(play.has_been_told(named));
}

#[test]
fn with_neither_store_nor_service_nobody_is_told_anything() {
    let mut play = Play::new(None);
    play.join();
    play.say(Said::Board);
    (0..30).for_each(|x| play.move_to(x, 0));
    assert!(play.told.is_empty() && play.server.order("leaderboard").starts_with("refused: "));
}
