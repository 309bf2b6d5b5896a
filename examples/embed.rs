//! A server inside another program: `cargo run --example embed`, and then `cargo run -- bots --clients 20 --area 500x350`.
//!
//! It serves the standard game in a level until Ctrl-C, with a rule of its own on top, says every few seconds who stands where,
//! and carries out what is typed: `level maps/cellar.tmx`, or `kick 7`.

use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tickcast::game::{Admission, Departure, Game, Joining, Realm, Standard, Step, Verdict};
use tickcast::level::Level;
use tickcast::profiles::Profile;
use tickcast::wire::Position;
use tickcast::work::Done;
use tickcast::{Config, TickRate, TickServer};
use tokio::sync::mpsc;

/// Why somebody plays no longer, or may not: a number of our own.
const KICKED: u32 = 1;

/// The standard game, of which an operator may throw people out. Whatever it does not do itself it hands on.
struct Club {
    standard: Standard,
    kicked: Vec<u32>,
}

impl Club {
    fn kick(&mut self, realm: &mut Realm<'_>, player: u32) -> String {
        self.kicked.push(player);
        let is_there = realm.remove(player, KICKED);
        format!("{player} {}", if is_there { "goes" } else { "was not here, and will not come" })
    }
}

impl Game for Club {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        match self.kicked.contains(&joining.player) {
            true => Admission::Refused(KICKED),
            false => self.standard.on_join(realm, joining),
        }
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        self.standard.on_move(realm, step)
    }

    fn on_message(&mut self, realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        self.standard.on_message(realm, player, message);
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        self.standard.on_tick(realm);
    }

    fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, why: Departure) {
        self.standard.on_leave(realm, player, why);
    }

    /// Levels are loaded beside the tick, and enemies think there.
    fn on_done(&mut self, realm: &mut Realm<'_>, done: Done) {
        self.standard.on_done(realm, done);
    }

    /// What is kept of players, where there is a store.
    fn on_recall(&mut self, realm: &mut Realm<'_>, profiles: Vec<Profile>, run: u64) {
        self.standard.on_recall(realm, profiles, run);
    }

    fn keep(
        &mut self,
        realm: &mut Realm<'_>,
        is_last: bool,
        kept: &mut Vec<Profile>,
        forgotten: &mut Vec<u32>,
    ) {
        self.standard.keep(realm, is_last, kept, forgotten);
    }

    fn on_stop(&mut self, realm: &mut Realm<'_>) -> bool {
        self.standard.on_stop(realm)
    }

    fn on_order(&mut self, realm: &mut Realm<'_>, order: &str) -> String {
        match order.strip_prefix("kick ").map(str::parse) {
            Some(Ok(player)) => self.kick(realm, player),
            _ => self.standard.on_order(realm, order),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:12345".into());
    let level = Arc::new(Level::load(Path::new("maps/yard.tmx"))?);
    let config = Config { tick_rate: TickRate::from_hz(60.0)?, enemies: 5, ..Config::default() };
    // Its bounds are those of the world.
    let config = config.in_level(level);
    let game = Club { standard: Standard::new(&config), kicked: Vec::new() };
    let server = TickServer::bind_game(address.parse()?, config, Box::new(game))?;
    println!("listening on {}; Ctrl-C stops", server.local_addr());

    let mut ctrl_c = Box::pin(tokio::signal::ctrl_c());
    let mut now_and_then = tokio::time::interval(Duration::from_secs(5));
    let mut typed = typed_lines();
    loop {
        tokio::select! {
            _ = &mut ctrl_c => break,
            Some(order) = typed.recv() => println!("{}", server.order(order).await?),
            _ = now_and_then.tick() => {
                let positions = server.positions().await?;
                println!("tick {}, {} players", positions.tick.0, positions.players.len());
                for player in positions.players.iter().take(3) {
                    let Position { x, y } = player.at;
                    println!("  {} stands at {x}, {y}", player.client_id);
                }
            }
        }
    }
    let status = server.run_until(std::future::ready(())).await?;
    println!("stopped after {} ticks", status.report.totals.ticks);
    Ok(())
}

/// What is typed, line by line: a thread waits for it.
fn typed_lines() -> mpsc::Receiver<String> {
    let (typing, typed) = mpsc::channel(1);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.map_while(|line| typing.blocking_send(line).ok()).for_each(drop);
    });
    typed
}
