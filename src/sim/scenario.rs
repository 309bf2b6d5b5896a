//! What is played: a game, who plays it, and what must be true of both.

use std::fmt::Debug;
use std::time::Instant;

use rand::Rng;

use crate::client::{Client, Event};
use crate::config::Config;
use crate::game::Game;
use crate::server::Server;
use crate::wire::{Player, Position};

/// A game and its players, to be put on every simulated network by [`super::check_scenario`].
///
/// The simulation makes the networks and the troubles, starts and crashes server and clients, carries datagrams, and calls
/// one scenario in each play:
///
/// - [`Scenario::config`] once, before anything else.
/// - [`Scenario::on_server_start`] for every start of the server, [`Scenario::after_tick`] for every tick that it does.
/// - [`Scenario::on_client_start`] for every start of a client. Then [`Scenario::on_turn`] once a tick period, and
///   [`Scenario::on_datagram`] with everything that arrives, as long as the client lives.
/// - [`Scenario::settled`] once a tick when all trouble is over, until everyone is.
/// - [`Scenario::end`] when everyone is.
///
/// What does not depend on the game, the simulation checks itself: that a client believes of a player only what was true, that
/// every peer has one snapshot a tick, that nobody is sent much who has proven nothing, that no hook panics, and that in
/// the end everyone knows where every player stands. So players must stand still when it is calm.
///
/// The same seed must play the same: what is drawn comes from [`Actor::draw`] and, in the game, from its realm.
///
/// ```
/// use std::time::Instant;
///
/// use tickcast::client::Phase;
/// use tickcast::game::{Game, Realm, Step, Verdict};
/// use tickcast::server::Server;
/// use tickcast::sim::{self, Actor, Scenario, ServerStart, SimConfig};
/// use tickcast::wire::{ClosedReason, Position};
///
/// const FENCE: i32 = 50;
///
/// struct Fence;
///
/// impl Game for Fence {
///     fn on_move(&mut self, _realm: &mut Realm<'_>, step: &Step) -> Verdict {
///         if step.to.x < FENCE { Verdict::Accept } else { Verdict::Refuse }
///     }
/// }
///
/// /// Players who run against the fence.
/// #[derive(Default)]
/// struct Runners(u64);
///
/// impl Scenario for Runners {
///     type Played = u64;
///
///     fn on_server_start(&mut self, _start: &ServerStart<'_>) -> Result<Box<dyn Game>, String> {
///         Ok(Box::new(Fence))
///     }
///
///     fn on_turn(&mut self, actor: &mut Actor<'_>) -> Option<(Position, u32)> {
///         match actor.client.phase() {
///             // Whom the game has removed stays out.
///             Phase::Closed(ClosedReason::Removed(_)) => {}
///             Phase::Refused(_) | Phase::Closed(_) => actor.client.rejoin(actor.now),
///             Phase::Joining | Phase::Playing | Phase::Left => {}
///         }
///         let x = if actor.is_calm { 0 } else { (actor.draw.next_u32() % 100) as i32 };
///         Some((Position { x, y: actor.index as i32 }, 0))
///     }
///
///     fn after_tick(&mut self, server: &Server) -> Result<(), String> {
///         self.0 += 1;
///         match server.players().find(|player| player.at.x >= FENCE) {
///             Some(player) => Err(format!("{player:?} is beyond the fence")),
///             None => Ok(()),
///         }
///     }
///
///     fn end(self) -> u64 {
///         self.0
///     }
/// }
///
/// let config = SimConfig { clients: 4, ticks: 60, ..SimConfig::default() };
/// for seed in 1..=5 {
///     let (report, ticks) = sim::check_scenario(&config, seed, Instant::now(), Runners::default)?;
///     assert_eq!(report.ticks, ticks);
/// }
/// # Ok::<(), sim::Broken>(())
/// ```
pub trait Scenario {
    /// What has happened, for whoever plays: the second time it must be the same.
    type Played: PartialEq + Debug;

    /// How the game is served. How large datagrams are, when a client is timed out, and whether tickets are needed, is drawn or
    /// set by the simulation.
    fn config(&self) -> Config {
        Config::default()
    }

    /// The server starts: the game that it serves from now on.
    ///
    /// # Errors
    /// What it remembers, and should not, or the other way round.
    fn on_server_start(&mut self, start: &ServerStart<'_>) -> Result<Box<dyn Game>, String>;

    /// A client has started, and knows nothing.
    #[expect(unused_variables, reason = "the names say what a hook is given")]
    fn on_client_start(&mut self, actor: &mut Actor<'_>) {}

    /// A client may do something: what it says, and where it moves, with which state; `None` if it does not. It says hello when
    /// that is due, but whether it tries again when it was refused is up to the scenario.
    fn on_turn(&mut self, actor: &mut Actor<'_>) -> Option<(Position, u32)>;

    /// A client has taken in a datagram, which was this event, perhaps; messages may wait to be taken.
    ///
    /// # Errors
    /// What the client was told, and should not have been.
    #[expect(unused_variables, reason = "the names say what a hook is given")]
    fn on_datagram(&mut self, actor: &mut Actor<'_>, event: Option<Event>) -> Result<(), String> {
        Ok(())
    }

    /// The server has done a tick, and its datagrams are not sent yet.
    ///
    /// # Errors
    /// What should be true, and is not.
    #[expect(unused_variables, reason = "the names say what a hook is given")]
    fn after_tick(&mut self, server: &Server) -> Result<(), String> {
        Ok(())
    }

    /// The client of this index plays, and knows where everyone stands; does it know all that it should in the end?
    ///
    /// # Errors
    /// What it does not know yet. If it never does, that is what is broken.
    #[expect(unused_variables, reason = "the names say what a hook is given")]
    fn settled(&self, index: usize, client: &Client, server: &Server) -> Result<(), String> {
        Ok(())
    }

    /// All are settled, and the play is over.
    fn end(self) -> Self::Played;
}

/// A start of the server.
#[derive(Clone, Copy, Debug)]
pub struct ServerStart<'a> {
    /// The configuration that it serves.
    pub config: &'a Config,
    /// How often it has started, this time included.
    pub number: u64,
    /// What its store has kept of players, by client id. `None` in plays without one.
    pub remembered: Option<&'a [Player]>,
}

/// A client that does something, or something is done to.
pub struct Actor<'a> {
    /// Which it is, from 0 on.
    pub index: usize,
    /// The id that its player has.
    pub client_id: u32,
    /// How often it has started, this time included: each time it has forgotten everything.
    pub start: u64,
    /// What time it is.
    pub now: Instant,
    /// Whether all trouble is over: players stand still, and say nothing new.
    pub is_calm: bool,
    /// The client itself.
    pub client: &'a mut Client,
    /// What is drawn in the play comes from here.
    pub draw: &'a mut dyn Rng,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Phase;
    use crate::game::{Realm, Standard, Step, Verdict};
    use crate::sim::{Broken, SimConfig, SimReport, check_scenario};
    use crate::wire::Tick;

    /// Players who stand still, and one thing that is wrong.
    struct Still {
        wrong: Wrong,
        config: Config,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Wrong {
        Nothing,
        /// The game panics.
        Panic,
        /// What is seen after this tick.
        Seen(Tick),
        /// What this client never comes to know.
        Unsettled(usize),
        /// What happens depends on this.
        Happened(u64),
    }

    /// A game that panics at every move.
    struct Panics;

    impl Game for Panics {
        fn on_move(&mut self, _realm: &mut Realm<'_>, _step: &Step) -> Verdict {
            std::panic::resume_unwind(Box::new("wrong"))
        }
    }

    impl Scenario for Still {
        type Played = u64;

        fn config(&self) -> Config {
            self.config.clone()
        }

        fn on_server_start(&mut self, start: &ServerStart<'_>) -> Result<Box<dyn Game>, String> {
            match self.wrong {
                Wrong::Panic => Ok(Box::new(Panics)),
                _ => Ok(Box::new(Standard::new(start.config))),
            }
        }

        fn on_turn(&mut self, actor: &mut Actor<'_>) -> Option<(Position, u32)> {
            if matches!(actor.client.phase(), Phase::Refused(_) | Phase::Closed(_)) {
                actor.client.rejoin(actor.now);
            }
            Some((Position { x: 1_000 * actor.index as i32, y: 0 }, 0))
        }

        fn after_tick(&mut self, server: &Server) -> Result<(), String> {
            match self.wrong {
                Wrong::Seen(tick) if server.report().tick >= tick => Err("a ghost".into()),
                _ => Ok(()),
            }
        }

        fn settled(&self, index: usize, _client: &Client, _server: &Server) -> Result<(), String> {
            if self.wrong == Wrong::Unsettled(index) { Err("it waits for Godot".into()) } else { Ok(()) }
        }

        fn end(self) -> u64 {
            if let Wrong::Happened(what) = self.wrong { what } else { 0 }
        }
    }

    fn check(config: &Config, mut wrong: impl FnMut() -> Wrong) -> Result<SimReport, Broken> {
        #[expect(clippy::disallowed_methods, reason = "the tests stand at the edge, where time comes in")]
        let origin = Instant::now();
        let sim = SimConfig { clients: 3, ticks: 30, ..SimConfig::default() };
        let begin = || Still { wrong: wrong(), config: config.clone() };
        check_scenario(&sim, 1, origin, begin).map(|(report, _)| report)
    }

    fn broken(wrong: impl FnMut() -> Wrong) -> Broken {
        check(&Config::default(), wrong).expect_err("something is wrong")
    }

    #[test]
    fn what_a_scenario_finds_wrong_is_told_with_its_tick() {
        let seen = broken(|| Wrong::Seen(Tick(7)));
        assert_eq!(seen.to_string(), "seed 1, tick 7: a ghost");
    }

    #[test]
    fn a_hook_that_panics_is_noticed() {
        let panicked = broken(|| Wrong::Panic).what;
        assert_eq!(panicked, "a hook of the game has panicked");
    }

    #[test]
    fn who_never_settles_is_named() {
        let waits = broken(|| Wrong::Unsettled(2)).what;
        assert!(waits.contains("client 2: it waits for Godot") && !waits.contains("client 1"), "{waits}");
    }

    #[test]
    fn what_happens_only_once_is_noticed() {
        let mut plays = 0;
        let other = broken(|| {
            plays += 1;
            Wrong::Happened(plays)
        });
        assert!(other.what.contains("played differently"), "{other}");
    }

    #[test]
    fn a_game_may_have_rates_views_and_things_of_its_own() {
        let tick_rate = "20".parse().expect("a rate");
        let config = Config { tick_rate, enemies: 5, view: Some(500), ..Config::default() };
        let report = check(&config, || Wrong::Nothing).expect("nothing is wrong");
        assert!(report.works > 0, "enemies think: {report:?}");
        let wrong = Config { max_peers: 0, ..Config::default() };
        let refused = check(&wrong, || Wrong::Nothing).expect_err("nobody may play");
        assert!(refused.what.starts_with("nobody can serve that"), "{refused}");
    }
}
