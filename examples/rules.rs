//! A game of one's own: `cargo run --example rules`, and then `cargo run -- bots --clients 20 --area 1000x1000`.
//!
//! Players stay inside of a ring. A wolf walks after whoever is nearest, and whom it catches starts anew in the middle.

use tickcast::game::{Admission, Game, Joining, Realm, Step, Verdict};
use tickcast::wire::Position;
use tickcast::{Config, TickServer};

const MIDDLE: Position = Position { x: 500, y: 500 };
const RADIUS: u64 = 500;
/// What clients are told that the wolf is.
const WOLF: u8 = 1;
const WOLF_STEP: i32 = 3;

#[derive(Default)]
struct Chase {
    wolf: Option<u32>,
}

impl Game for Chase {
    fn on_join(&mut self, _realm: &mut Realm<'_>, _joining: &Joining) -> Admission {
        Admission::Placed(MIDDLE, 0)
    }

    fn on_move(&mut self, _realm: &mut Realm<'_>, step: &Step) -> Verdict {
        let is_inside = step.to.distance_squared(MIDDLE) <= RADIUS * RADIUS;
        if is_inside { Verdict::Accept } else { Verdict::Correct(step.from.unwrap_or(MIDDLE)) }
    }

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
            println!("tick {}: the wolf has caught {}", realm.tick().0, prey.client_id);
            realm.relocate(prey.client_id, MIDDLE);
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world = tickcast::config::parse_world("0,0,1000,1000")?;
    let config = Config { world, ..Config::default() };
    let server = TickServer::bind_game("127.0.0.1:12345".parse()?, config, Box::new(Chase::default()))?;
    println!("listening on {}; Ctrl-C stops", server.local_addr());
    server.run_until(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await?;
    Ok(())
}
