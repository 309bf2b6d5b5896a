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
    use std::path::Path;
    use std::time::Duration;

    use tickcast::client::Phase;

    use super::*;
    use crate::player::Player;
    use crate::rules::items::Pocket;
    use crate::rules::words::Wish;
    use crate::town::Town;

    /// Only a failure takes so long.
    const PATIENCE: Duration = Duration::from_secs(30);

    async fn play_until(player: &mut Player, town: &mut Town, is_so: impl Fn(&Player, &Town) -> bool) {
        let playing = async {
            let mut turns = tokio::time::interval(Duration::from_millis(10));
            while !is_so(player, town) {
                tokio::select! {
                    () = player.hear(town) => {}
                    _ = turns.tick() => player.speak(town),
                }
            }
        };
        let played = tokio::time::timeout(PATIENCE, playing).await;
        assert!(played.is_ok(), "{:?}, and knows {town:?}", player.phase());
    }

    fn plan(args: &[&str]) -> Plan {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Plan::read(&args).expect("a plan")
    }

    #[tokio::test]
    async fn a_map_from_anywhere_is_seen_and_one_that_is_missing_is_missed() {
        let maps = concat!(env!("CARGO_MANIFEST_DIR"), "/maps");
        let folder = tempfile::tempdir().expect("a folder");
        let mine = folder.path().join("mine.tmx");
        std::fs::copy(format!("{maps}/yard.tmx"), &mine).expect("a copy");
        std::fs::copy(format!("{maps}/tiles.tsx"), folder.path().join("tiles.tsx")).expect("a copy");
        let plan = plan(&["--map", mine.to_str().expect("a path in UTF-8"), "--monsters", "0"]);
        let hall = open(&plan).expect("a town");
        let mut seeing = Player::join(hall.local_addr(), 1_000, plan.maps()).await.expect("a socket");
        play_until(&mut seeing, &mut Town::new(1_000), |player, _| player.level.is_some()).await;
        let mut blind = Player::join(hall.local_addr(), 1_001, Path::new(maps)).await.expect("a socket");
        let is_noted =
            |town: &Town| town.lines.iter().any(|(_, line)| line.contains("there is no map to see"));
        play_until(&mut blind, &mut Town::new(1_001), |_, town| is_noted(town)).await;
    }

    #[tokio::test]
    async fn who_joins_is_told_all_and_says_nothing_that_is_dropped() {
        for bind in ["127.0.0.1:0", "[::1]:0"] {
            if std::net::UdpSocket::bind(bind).is_err() && bind.contains("::") {
                println!("skipped: {bind} is no address of this machine");
                continue;
            }
            let plan = plan(&["--bind", bind, "--monsters", "0"]);
            let hall = open(&plan).expect("a town");
            let mut player = Player::join(hall.local_addr(), 1_000, plan.maps()).await.expect("a socket");
            let mut town = Town::new(1_000);
            let is_told =
                |player: &Player, town: &Town| town.pocket != Pocket::default() && player.level.is_some();
            play_until(&mut player, &mut town, is_told).await;
            assert_eq!(player.phase(), Phase::Playing);
            assert!(player.wish(&Wish::Strike), "it may say more");
            assert_eq!(hall.drops().met().collect::<Vec<_>>(), []);
        }
    }
}
