//! The server of the town: in this process, on a thread of its own.
//!
//! Lesson, levels that load and an AI that thinks for seconds: both are the standard game's, which reads maps and looks for
//! monsters' paths beside the tick. Lesson, profiles and leaderboards fetched side by side: that is the standard game's too,
//! where a server is told of a service; the town asks nobody, and counts by itself who has walked how far.

use std::error::Error;
use std::sync::Arc;

use tickcast::game::Standard;
use tickcast::level::Level;
use tickcast::{Config, TickServer};

use crate::Plan;
use crate::rules::Pythonville;

/// Units a second: nine strides, and a little more for what comes late and then all at once.
const SPEED_LIMIT: u32 = 240;

/// Starts the server that a plan asks for, on a free port of this machine.
pub(crate) fn open(plan: &Plan) -> Result<TickServer, Box<dyn Error>> {
    let level = Arc::new(Level::load(&plan.map)?);
    let config = Config { enemies: plan.monsters, speed_limit: Some(SPEED_LIMIT), ..Config::default() };
    let config = config.in_level(level);
    let game = Pythonville::on(Standard::new(&config));
    Ok(TickServer::bind_game("127.0.0.1:0".parse()?, config, Box::new(game))?)
}
