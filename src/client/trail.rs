//! Where players are between the ticks that they were told for.

use super::known::KnownPlayer;
use crate::wire::block::Motion;
use crate::wire::{Position, Tick};

/// A time on the server's tick clock: so much of the way from one tick to the next.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct RenderTime {
    /// The tick before.
    pub tick: Tick,
    /// The part of a tick since then: 0 to below 1.
    pub fraction: f64,
}

impl RenderTime {
    /// The ticks from `tick`, which is not later, to this time.
    fn since(self, tick: Tick) -> f64 {
        self.tick.since(tick) as f64 + self.fraction
    }
}

/// So many places are kept of a player.
const SAMPLES: usize = 8;

/// Who makes more than so many times the way that its motion leads it, or that of one unit a tick, has jumped.
/// Wide, because a motion may be told four ticks late, and a game may let players start fast.
const JUMP_STEPS: f64 = 64.0;

/// What a place is worked out from: where a player was told to be, and where it was expected to go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    tick: Tick,
    at: Position,
    motion: Motion,
}

impl From<&KnownPlayer> for Sample {
    fn from(known: &KnownPlayer) -> Self {
        Self { tick: known.told, at: known.player.at, motion: known.motion }
    }
}

/// Places that a player was told to be at before the newest, which is not among them.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// A ring.
    samples: [Sample; SAMPLES - 1],
    /// How many have been kept so far.
    kept: usize,
}

/// A trail and the newest place, ascending by their ticks.
pub(super) struct Samples {
    all: [Sample; SAMPLES],
    len: usize,
}

impl Trail {
    /// How far apart samples must be, in ticks, so that they reach back twice as far as the picture trails.
    pub(super) fn spacing(delay_ns: u64, period_ns: u64) -> u64 {
        (2 * delay_ns).div_ceil(period_ns.max(1)).div_ceil(SAMPLES as u64 - 2).max(1)
    }

    /// Keeps what was the newest place, now that there is a newer one, unless it is too near to the one before.
    pub(super) fn push(&mut self, was: &KnownPlayer, spacing: u64) {
        let last = self.kept.checked_sub(1).map(|last| self.samples[last % self.samples.len()].tick);
        if last.is_none_or(|last| was.told.since(last) >= spacing) {
            self.samples[self.kept % self.samples.len()] = Sample::from(was);
            self.kept += 1;
        }
    }

    /// With the newest place.
    pub(super) fn and(&self, newest: &KnownPlayer) -> Samples {
        let (mut all, len) = ([Sample::from(newest); SAMPLES], self.kept.min(self.samples.len()));
        for (sample, kept) in all.iter_mut().zip(self.kept - len..self.kept) {
            *sample = self.samples[kept % self.samples.len()];
        }
        Samples { all, len: len + 1 }
    }
}

impl Samples {
    pub(super) fn as_slice(&self) -> &[Sample] {
        &self.all[..self.len]
    }
}

/// The place at a time, from samples of ascending ticks; see [`super::KnownWorld::position_at`]. Past the newest
/// it goes onward for so many ticks at most.
pub(super) fn position_at(samples: &[Sample], time: RenderTime, onward_ticks_max: f64) -> [f64; 2] {
    let (before, after) = samples.split_at(samples.partition_point(|sample| sample.tick <= time.tick));
    match (before.last(), after.first()) {
        (Some(from), Some(to)) => between(from, to, time),
        (Some(newest), None) => onward(newest, time.since(newest.tick).min(onward_ticks_max)),
        (None, Some(oldest)) => exact(oldest.at),
        (None, None) => [0.0; 2],
    }
}

/// On the line from one to the other; but who jumps stays where it is until it has jumped.
fn between(from: &Sample, to: &Sample, time: RenderTime) -> [f64; 2] {
    let ([x, y], ticks) = (way(from.at, to.at), to.tick.since(from.tick) as f64);
    let pace = pace(from.motion).max(pace(to.motion)).max(1.0);
    if x.abs().max(y.abs()) > JUMP_STEPS * pace * ticks {
        return exact(from.at);
    }
    let part = time.since(from.tick) / ticks;
    [f64::from(from.at.x) + x * part, f64::from(from.at.y) + y * part]
}

/// So many ticks onward, as its motion leads it, and no farther than to the end of the world.
fn onward(from: &Sample, ticks: f64) -> [f64; 2] {
    let along = |at: i32, motion: i16| f64::from(at) + f64::from(motion) / 16.0 * ticks;
    [along(from.at.x, from.motion.x), along(from.at.y, from.motion.y)]
        .map(|place| place.clamp(i32::MIN.into(), i32::MAX.into()))
}

fn exact(at: Position) -> [f64; 2] {
    [at.x.into(), at.y.into()]
}

fn way(from: Position, to: Position) -> [f64; 2] {
    [f64::from(to.x) - f64::from(from.x), f64::from(to.y) - f64::from(from.y)]
}

/// Units a tick along the longer axis.
fn pace(motion: Motion) -> f64 {
    f64::from(motion.x.unsigned_abs().max(motion.y.unsigned_abs())) / 16.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Player;

    fn known(tick: u64, x: i32, motion_x: i16) -> KnownPlayer {
        let player = Player { client_id: 1, at: Position { x, y: -x.wrapping_mul(2) }, state: 0 };
        let motion = Motion { x: motion_x, y: motion_x.saturating_mul(-2) };
        KnownPlayer { player, told: Tick(tick), motion, kind: 0 }
    }

    fn trail(spacing: u64, told: &[KnownPlayer]) -> Samples {
        let (newest, before) = told.split_last().expect("some");
        let mut trail = Trail::default();
        before.iter().for_each(|known| trail.push(known, spacing));
        trail.and(newest)
    }

    fn at(samples: &Samples, tick: u64, fraction: f64) -> [f64; 2] {
        position_at(samples.as_slice(), RenderTime { tick: Tick(tick), fraction }, 7.5)
    }

    #[test]
    fn a_straight_walk_is_shown_exactly_whatever_was_lost() {
        for spacing in [1, 2, 5] {
            let ticks = [100, 101, 104, 105, 106, 111, 112, 113, 114, 115];
            let told = ticks.map(|tick| known(tick, 5 * tick as i32, 80));
            let trail = trail(spacing, &told);
            for quarter in 4 * 106..4 * 122_u64 {
                let time = quarter as f64 / 4.0;
                let shown = at(&trail, quarter / 4, time.fract());
                assert_eq!(shown, [5.0 * time, -10.0 * time], "spacing {spacing}, at {time}");
            }
        }
    }

    #[test]
    fn samples_reach_back_twice_as_far_as_the_picture_trails() {
        for (delay_ms, period_ms) in [(100, 33), (100, 8), (1_000, 33), (100, 1_000), (0, 33)] {
            let spacing = Trail::spacing(delay_ms * 1_000_000, period_ms * 1_000_000);
            let told: Vec<KnownPlayer> = (1_000..3_000).map(|tick| known(tick, 7, 0)).collect();
            for end in 2_000..2_100 {
                let trail = trail(spacing, &told[..end - 1_000]);
                let (oldest, newest) = (trail.all[0].tick, trail.all[SAMPLES - 1].tick);
                assert_eq!(newest, Tick(end as u64 - 1), "the newest is always there");
                assert!(newest.since(oldest) * period_ms >= 2 * delay_ms, "{delay_ms} at {period_ms}");
            }
        }
    }

    #[test]
    fn past_the_newest_it_goes_on_for_a_while_and_before_the_oldest_it_stands() {
        let trail = trail(1, &[known(10, 50, 80), known(12, 60, 80)]);
        assert_eq!(at(&trail, 3, 0.5), [50.0, -100.0]);
        assert_eq!(at(&trail, 14, 0.5), [72.5, -145.0]);
        assert_eq!(at(&trail, 19, 0.5), [97.5, -195.0]);
        assert_eq!(at(&trail, u64::MAX, 0.99), at(&trail, 19, 0.5));
    }

    #[test]
    fn who_jumps_does_not_glide() {
        let jump = trail(1, &[known(10, 0, 80), known(12, 2 * 5 * 64 + 1, 80)]);
        assert_eq!(at(&jump, 11, 0.9), [0.0, 0.0], "it stays until it has jumped");
        assert_eq!(at(&jump, 12, 0.0)[0], 641.0);
        let fast = trail(1, &[known(10, 0, 80), known(12, 2 * 5 * 64, 80)]);
        assert_eq!(at(&fast, 11, 0.0)[0], 320.0, "it may be that fast: {:?}", fast.as_slice());
        let starts = trail(1, &[known(10, 0, 0), known(11, 30, 0)]);
        assert_eq!(at(&starts, 10, 0.5)[0], 15.0, "nor has one who starts from rest");
    }

    #[test]
    fn the_ends_of_the_world_are_no_trouble() {
        let ends = [i32::MIN, i32::MIN + 1, -1, 0, i32::MAX - 1, i32::MAX];
        let motions = [i16::MIN, 0, i16::MAX];
        let told = |tick| ends.iter().flat_map(move |&x| motions.map(|motion| known(tick, x, motion)));
        for (from, to) in told(10).flat_map(|from| told(u64::MAX).map(move |to| (from, to))) {
            let trail = trail(1, &[from, to]);
            for (tick, fraction) in [(0, 0.0), (10, 0.5), (1 << 40, 0.1), (u64::MAX, 0.9)] {
                let world = f64::from(i32::MIN)..=f64::from(i32::MAX);
                let shown = at(&trail, tick, fraction);
                assert!(shown.iter().all(|place| world.contains(place)), "{shown:?}");
            }
        }
        let edge = trail(1, &[known(10, i32::MAX - 1, 160)]);
        assert_eq!(at(&edge, 11, 0.0)[0], f64::from(i32::MAX));
        let around = trail(1, &[known(10, i32::MAX, 80), known(11, i32::MIN, 80)]);
        assert_eq!(at(&around, 10, 0.5)[0], f64::from(i32::MAX), "to the other end is a jump");
    }
}
