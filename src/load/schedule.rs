//! Whose turn is it? Bots take turns, each at its own phase of the period of moves.

use std::time::{Duration, Instant};

/// Every bot is visited at least this often, whatever its rate: its queue holds about 90 small snapshots.
const VISIT_AFTER_MAX: Duration = Duration::from_millis(50);
/// The loop sleeps no shorter: a bot's turn comes so much late at most, and the loop wakes up no more often.
const SLEEP_MIN: Duration = Duration::from_micros(200);

/// Says whose turn it is; [`Schedule::next`] again and again.
#[derive(Debug)]
pub(super) struct Schedule {
    began: Instant,
    bots: usize,
    move_period: Duration,
    /// Visits of a bot for each of its moves.
    visits_per_move: u64,
    /// How many rounds of visits have been made.
    round: u64,
    /// The bot whose turn comes next.
    bot: usize,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Visit a bot. Where it is to make a move too, the number of its round stands with it.
    Visit { bot: usize, moves: Option<u64> },
    /// Nobody is due for so long.
    Sleep(Duration),
}

impl Schedule {
    pub(super) fn new(began: Instant, bots: usize, rate_hz: f64) -> Self {
        let move_period = Duration::from_secs_f64(1.0 / rate_hz);
        let visits_per_move = move_period.as_nanos().div_ceil(VISIT_AFTER_MAX.as_nanos()) as u64;
        Self { began, bots, move_period, visits_per_move, round: 0, bot: 0 }
    }

    /// The time between two visits of one bot.
    pub(super) fn visit_after(&self) -> Duration {
        self.move_period / self.visits_per_move as u32
    }

    pub(super) fn next(&mut self, now: Instant) -> Turn {
        let visit_after = self.visit_after();
        let phase = visit_after.mul_f64(self.bot as f64 / self.bots as f64);
        let due = self.began + duration_of(visit_after, self.round) + phase;
        if due > now {
            return Turn::Sleep((due - now).max(SLEEP_MIN));
        }
        // Where the loop is late by more than a round, it skips whole rounds, and everyone keeps its phase.
        self.round += ((now - due).as_nanos() as u64) / visit_after.as_nanos() as u64;
        let moves =
            self.round.is_multiple_of(self.visits_per_move).then_some(self.round / self.visits_per_move);
        let bot = self.bot;
        self.bot = (bot + 1) % self.bots;
        self.round += u64::from(self.bot == 0);
        Turn::Visit { bot, moves }
    }
}

/// How long so many rounds take.
fn duration_of(round: Duration, rounds: u64) -> Duration {
    Duration::from_nanos((round.as_nanos() as u64).saturating_mul(rounds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine;

    fn turns(schedule: &mut Schedule, now: Instant) -> Vec<(usize, Option<u64>)> {
        let visit = |turn| match turn {
            Turn::Visit { bot, moves } => Some((bot, moves)),
            Turn::Sleep(_) => None,
        };
        std::iter::from_fn(|| visit(schedule.next(now))).collect()
    }

    #[test]
    fn visits_are_spread_evenly_over_the_period() {
        let began = machine::now();
        let mut schedule = Schedule::new(began, 4, 25.0);
        assert_eq!(turns(&mut schedule, began), [(0, Some(0))]);
        assert_eq!(schedule.next(began), Turn::Sleep(Duration::from_millis(10)));
        assert_eq!(turns(&mut schedule, began + Duration::from_millis(20)), [(1, Some(0)), (2, Some(0))]);
        assert_eq!(
            schedule.next(began + Duration::from_micros(29_999)),
            Turn::Sleep(SLEEP_MIN),
            "no shorter sleep"
        );
        let next_round = turns(&mut schedule, began + Duration::from_millis(40));
        assert_eq!(next_round, [(3, Some(0)), (0, Some(1))]);
    }

    #[test]
    fn a_slow_bot_is_visited_between_its_moves() {
        let began = machine::now();
        let mut schedule = Schedule::new(began, 1, 5.0);
        assert_eq!(schedule.visit_after(), Duration::from_millis(50));
        let mut moves = Vec::new();
        for ms in (0..=400).step_by(50) {
            moves.extend(turns(&mut schedule, began + Duration::from_millis(ms)));
        }
        let rounds: Vec<_> = moves.iter().map(|(_, round)| *round).collect();
        let (none, round) = ([None; 3], |round| [Some(round)]);
        assert_eq!(rounds, [&round(0)[..], &none, &round(1), &none, &round(2)].concat());
    }

    #[test]
    fn a_late_loop_skips_whole_rounds_and_everyone_keeps_its_phase() {
        let began = machine::now();
        let mut schedule = Schedule::new(began, 4, 25.0);
        turns(&mut schedule, began);
        let late = turns(&mut schedule, began + Duration::from_millis(205));
        assert_eq!(late.first(), Some(&(1, Some(4))));
        assert_eq!(late.last(), Some(&(0, Some(5))));
    }
}
