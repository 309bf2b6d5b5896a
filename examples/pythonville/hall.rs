//! The server of the town: in this process, on a thread of its own.
//!
//! Lesson, levels that load and an AI that thinks for seconds: both are the standard game's, which reads maps and looks for
//! monsters' paths beside the tick. Lesson, profiles and leaderboards fetched side by side: that is the standard game's too,
//! where a server is told of a service; the town asks nobody, and counts by itself who has walked how far.

use std::error::Error;
use std::sync::Arc;

use tickcast::level::Level;
use tickcast::{Config, TickServer};

use crate::Plan;
use crate::rules::Pythonville;

/// Units a second: nine strides, and a little more for what comes late and then all at once.
const SPEED_LIMIT: u32 = 240;

/// Starts the server that a plan asks for.
pub(crate) fn open(plan: &Plan) -> Result<TickServer, Box<dyn Error>> {
    let level = Arc::new(Level::load(&plan.map)?);
    let config = Config { enemies: plan.monsters, speed_limit: Some(SPEED_LIMIT), ..Config::default() };
    let config = config.in_level(level);
    let game = Pythonville::new(&config);
    Ok(TickServer::bind_game(plan.bind, config, Box::new(game))?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tickcast::client::Phase;

    use super::*;
    use crate::player::Player;
    use crate::rules::items::Pocket;
    use crate::rules::words::Wish;
    use crate::town::Town;

    /// Only a failure takes so long.
    const PATIENCE: Duration = Duration::from_secs(30);

    async fn is_told(player: &mut Player, town: &mut Town) {
        let mut turns = tokio::time::interval(Duration::from_millis(10));
        while town.pocket == Pocket::default() || player.level.is_none() {
            tokio::select! {
                () = player.hear(town) => {}
                _ = turns.tick() => player.speak(town),
            }
        }
    }

    #[tokio::test]
    async fn who_joins_is_told_all_and_says_nothing_that_is_dropped() {
        for bind in ["127.0.0.1:0", "[::1]:0"] {
            if std::net::UdpSocket::bind(bind).is_err() && bind.contains("::") {
                println!("skipped: {bind} is no address of this machine");
                continue;
            }
            let args = ["--bind", bind, "--monsters", "0"].map(String::from);
            let plan = Plan::read(&args).expect("a plan");
            let hall = open(&plan).expect("a town");
            let mut player = Player::join(hall.local_addr(), 1_000, plan.maps()).await.expect("a socket");
            let mut town = Town::new(1_000);
            let told = tokio::time::timeout(PATIENCE, is_told(&mut player, &mut town)).await;
            assert!(told.is_ok(), "{:?} after {PATIENCE:?}", player.phase());
            assert_eq!(player.phase(), Phase::Playing);
            assert!(player.wish(&Wish::Strike), "it may say more");
            assert_eq!(hall.drops().met().collect::<Vec<_>>(), []);
        }
    }
}
