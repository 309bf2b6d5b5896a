//! The game of the binary: whoever joins stands where it is remembered, or at the spawn if there is one, and moves within
//! the bounds, no faster than the speed limit if there is one.

mod speed;

use super::{Admission, Game, Joining, Realm, Step, Verdict};
use crate::config::Config;
use crate::wire::Position;
use speed::SpeedLimit;

/// See the module.
#[derive(Debug)]
pub struct Standard {
    speed_limit: Option<SpeedLimit>,
    spawn: Option<Position>,
}

impl Standard {
    /// The game that `config` describes, which must have been checked.
    pub fn new(config: &Config) -> Self {
        let speed_limit = config.speed_limit.map(|speed| SpeedLimit::new(speed, config.tick_rate));
        Self { speed_limit, spawn: config.spawn }
    }
}

impl Game for Standard {
    fn on_join(&mut self, realm: &mut Realm<'_>, joining: &Joining) -> Admission {
        let is_remembered = joining.remembered.is_some_and(|player| realm.bounds().contains(player.at));
        match self.spawn {
            Some(spawn) if !is_remembered => Admission::Placed(spawn, 0),
            _ => Admission::Waits,
        }
    }

    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        if let Some(limit) = &mut self.speed_limit
            && let Some(from) = step.from
            && !limit.allows(realm.tick(), step, from)
        {
            return Verdict::Correct(from);
        }
        Verdict::Accept
    }
}
