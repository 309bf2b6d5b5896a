//! Bots.
//!
//! Lesson, player and enemies move at the same time: each bot is a task of its own, which waits for the network and the clock,
//! and all of them play on one thread.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tickcast::wire::Position;
use tokio::time::MissedTickBehavior;

use crate::bot::{Act, Bot};
use crate::player::{Player, people_near};
use crate::rules::{MONSTER, is_near};
use crate::town::Town;

/// How often a bot does something.
const THINKS_EVERY: Duration = Duration::from_millis(100);

/// Plays as `client_id` until it is dropped.
pub(crate) async fn play(
    server: SocketAddr,
    client_id: u32,
    maps: PathBuf,
    seed: u64,
) -> std::io::Result<()> {
    let mut player = Player::join(server, client_id, &maps).await?;
    let (mut town, mut bot) = (Town::new(client_id), Bot::new(seed));
    let mut thinks = tokio::time::interval(THINKS_EVERY);
    thinks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = player.hear(&mut town) => {}
            _ = thinks.tick() => {
                act(&mut player, &mut bot, &town);
                player.speak(&mut town);
            }
        }
    }
}

fn act(player: &mut Player, bot: &mut Bot, town: &Town) {
    let (Some(at), Some(level)) = (player.at, player.level.clone()) else { return };
    let beings = player.beings(town.me);
    let is_monster_near = beings.iter().any(|being| being.kind == MONSTER && is_near(at, being.at));
    match bot.act(town, is_monster_near, &people_near(at, &beings)) {
        // A bot stays on its map: an exit would take everyone along.
        Act::Walk(stride) if !leads_out(&level, at, stride) => player.stride(stride),
        Act::Walk(_) | Act::Rest => {}
        Act::Wish(wish) => _ = player.wish(&wish),
    }
}

fn leads_out(level: &tickcast::level::Level, at: Position, stride: crate::app::Stride) -> bool {
    let grid = level.grid();
    let to = Position {
        x: at.x + stride.dx * grid.tile_width as i32,
        y: at.y + stride.dy * grid.tile_height as i32,
    };
    level.exit_at(to).is_some()
}
