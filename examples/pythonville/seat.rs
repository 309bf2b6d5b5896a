//! The seat at the keyboard.
//!
//! Lesson, the loop in which player and enemies move at the same time: there is one loop, and it waits for whatever comes
//! first, a key, a datagram or the time for the next picture. Nothing in it waits for one of them alone, so the monsters
//! come nearer also while nobody presses a key.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use tickcast::client::Phase;
use tickcast::wire::{ClosedReason, Position};
use tokio::time::MissedTickBehavior;

use crate::app::{App, Key};
use crate::player::{Player, people_near};
use crate::screen::{Scene, draw};
use crate::terminal::{self, Screen};
use crate::{Plan, from_here};

/// From picture to picture.
const PICTURE_EVERY: Duration = Duration::from_millis(33);
/// So many pictures to a stride: nine strides a second.
const STRIDE_PICTURES: u64 = 3;

/// Plays until the player quits, or somebody ends the program.
pub(crate) async fn play(server: SocketAddr, plan: &Plan) -> std::io::Result<()> {
    let mut player = Player::join(from_here(server), plan.client_id, plan.maps()).await?;
    let mut app = App::new(plan.client_id);
    let mut end = std::pin::pin!(terminal::end_is_asked_for());
    let mut screen = Screen::open()?;
    let mut keys = terminal::keys();
    let mut pictures = tokio::time::interval(PICTURE_EVERY);
    pictures.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut shown = 0;
    while !app.has_quit {
        tokio::select! {
            ended = &mut end => {
                ended?;
                app.has_quit = true;
            }
            () = player.hear(&mut app.town) => {}
            Some(key) = keys.recv() => on_key(&mut app, &player, key),
            _ = pictures.tick() => {
                shown += 1;
                act(&mut player, &mut app, shown);
                show(&mut screen, &mut app, &player, server)?;
            }
        }
    }
    player.leave();
    Ok(())
}

fn on_key(app: &mut App, player: &Player, key: Key) {
    let beings = player.beings(app.town.me);
    app.on_key(key, &people_near(place(player), &beings));
}

/// Does what keys have led to, as far as it is time for it.
fn act(player: &mut Player, app: &mut App, shown: u64) {
    if shown.is_multiple_of(STRIDE_PICTURES)
        && let Some(stride) = app.strides.pop_front()
    {
        player.stride(stride);
    }
    if player.phase() != Phase::Playing {
        app.forget_wishes();
    }
    while let Some(wish) = app.wishes.pop_front() {
        if !player.wish(&wish) {
            app.wishes.push_front(wish);
            break;
        }
    }
    player.speak(&mut app.town);
}

fn show(screen: &mut Screen, app: &mut App, player: &Player, server: SocketAddr) -> std::io::Result<()> {
    app.on_picture(now());
    let beings = player.beings(app.town.me);
    let status = status(player, beings.iter().filter(|being| being.kind == 0).count());
    let (level, me) = (player.level.as_deref(), place(player));
    let scene = Scene { app, level, me, beings: &beings, status: &status, server };
    let mut picture = Buffer::empty(screen.area());
    draw(&scene, &mut picture);
    screen.show(picture)
}

fn place(player: &Player) -> Position {
    player.at.unwrap_or_default()
}

fn status(player: &Player, others: usize) -> String {
    match player.phase() {
        Phase::Joining => "joining".into(),
        Phase::Playing => format!("playing with {others} others"),
        Phase::Refused(refusal) => format!("refused: {:?}", refusal.reason),
        Phase::Closed(ClosedReason::Removed(why)) => format!("you were removed: reason {why}"),
        Phase::Closed(reason) => format!("the server has gone: {reason:?}"),
        Phase::Left => "left".into(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
fn now() -> Instant {
    Instant::now()
}
