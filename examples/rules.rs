//! A game of one's own: `cargo run --example rules`, and then `cargo run -- bots --clients 5 --area 1000x1000`.
//!
//! Players walk about in a ring, and slowly through the mud in its middle. A wolf walks after whoever is nearest: whom it
//! catches starts anew, and whom it has caught three times is out. Each hook shows one thing that a game can do.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tickcast::game::{Admission, Departure, Game, Joining, Realm, Step, Verdict};
use tickcast::mail::Delivery;
use tickcast::wire::Position;
use tickcast::work::{Done, Work};
use tickcast::{Config, TickServer};
use tracing::info;

const MIDDLE: Position = Position { x: 500, y: 500 };
const RING: u64 = 500;
const MUD: u64 = 100;
/// In the mud a move is no longer than that, in units.
const MUD_STEP: u64 = 8;
/// What clients are told that the wolf is: entities have a kind.
const WOLF: u8 = 1;
const WOLF_STEP: i32 = 12;
/// Why somebody may not play, or plays no longer: numbers of our own, which our clients put into words.
const OUT: u32 = 1;
const RUDE: u32 = 2;

#[derive(Default)]
struct Chase {
    wolf: Option<u32>,
    caught: HashMap<u32, u32>,
    out: HashSet<u32>,
}

impl Game for Chase {
    /// Who may play, and where it stands.
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        if self.out.contains(&joining.player) {
            return Admission::Refused(OUT);
        }
        // What takes long is done beside the tick; `on_done` is told what came of it. It is cancelled if its player leaves.
        let player = joining.player;
        let greeting = Work::thread(move |_stop| greeting(player));
        if realm.start(Some(player), Duration::from_secs(5), greeting).is_err() {
            info!(player, "not greeted: too much else is going on");
        }
        let beside = (realm.random() % 200) as i32;
        Admission::Placed(Position { x: 300 + beside, y: 300 }, 0)
    }

    /// Which moves count. Whoever is corrected is told where it stands.
    fn on_move(&mut self, _realm: &mut Realm<'_>, step: &Step) -> Verdict {
        let is_within = |at: Position, radius: u64| at.distance_squared(MIDDLE) <= radius * radius;
        let Some(from) = step.from else { return Verdict::Refuse };
        let is_short = from.distance_squared(step.to) <= MUD_STEP * MUD_STEP;
        match is_within(step.to, RING) && (is_short || !is_within(from, MUD)) {
            true => Verdict::Accept,
            false => Verdict::Correct(from),
        }
    }

    /// What players say besides: here all hear it, but for what nobody wants to hear.
    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        if message == b"damn" {
            // Its client is told why, and does not come back by itself; `on_leave` is called as soon as this hook has ended.
            realm.remove(player, RUDE);
            return;
        }
        let all: Vec<u32> = realm.players().map(|player| player.client_id).collect();
        for other in all {
            // An error says that nobody reads there, or that too much waits: whoever does not keep up misses a line.
            let _missed = realm.send(other, Delivery::Reliable, message);
        }
    }

    /// What the game does by itself, once a tick.
    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        let start = realm.bounds().min;
        let Some(wolf) = self.wolf.or_else(|| realm.spawn(WOLF, start, 0)) else { return };
        self.wolf = Some(wolf);
        let Some(at) = realm.entity(wolf).map(|wolf| wolf.at) else { return };
        let Some(prey) = realm.players().min_by_key(|player| player.at.distance_squared(at)) else { return };
        let toward = |from: i32, to: i32| from + (to - from).clamp(-WOLF_STEP, WOLF_STEP);
        let next = Position { x: toward(at.x, prey.at.x), y: toward(at.y, prey.at.y) };
        realm.place(wolf, next, 0);
        if next == prey.at {
            // It sets out anew, so that nobody is caught where it has just been put.
            realm.place(wolf, start, 0);
            self.catch(realm, prey.client_id);
        }
    }

    /// Who goes, and why. It still stands where it stood; work that is started for it here is cancelled at once.
    fn on_leave(&mut self, _realm: &mut Realm<'_>, player: u32, why: Departure) {
        // How often it was caught stays: nobody shall begin anew by leaving.
        info!(player, ?why, "goes");
    }

    /// What came of the work: its answer, or that it took too long, has panicked, or was cancelled.
    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        if let (Some(player), Ok(Ok(greeting))) = (done.owner, done.answer::<String>()) {
            let _nobody_reads = realm.send(player, Delivery::Reliable, greeting.as_bytes());
        }
    }
}

impl Chase {
    fn catch(&mut self, realm: &mut Realm<'_>, player: u32) {
        let times = self.caught.entry(player).or_default();
        *times += 1;
        info!(player, times, tick = realm.tick().0, "the wolf has caught a player");
        if *times < 3 {
            realm.relocate(player, Position { x: 300, y: 300 });
        } else {
            self.out.insert(player);
            realm.remove(player, OUT);
        }
    }
}

/// Read from a file, which takes as long as the disk wants: on a thread, for which the tick does not wait. What asks a service
/// is a future better: `Work::task`.
fn greeting(player: u32) -> String {
    let greeting = std::fs::read_to_string("greeting.txt").unwrap_or("Beware of the wolf!".into());
    format!("{player}: {greeting}")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:12345".into());
    let world = tickcast::config::parse_world("0,0,1000,1000")?;
    let config = Config { world, ..Config::default() };
    let server = TickServer::bind_game(address.parse()?, config, Box::new(Chase::default()))?;
    println!("listening on {}; Ctrl-C stops", server.local_addr());
    server.run_until(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await?;
    Ok(())
}
