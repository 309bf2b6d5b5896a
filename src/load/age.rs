//! How old is what the bots have been told? The bots know where everyone truly is.

use hdrhistogram::Histogram;

use super::report::histogram;
use crate::wire::{Position, Tick};

/// So many players, by true position, are near.
const NEAR: usize = 200;

/// A player as the bots know it to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// Where it was in its last move.
    pub(super) at: Position,
    /// While it plays: the place of its epoch, and the tick in which it joined.
    pub(super) since: Option<(usize, Tick)>,
}

/// Who looks at the others, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Viewer {
    /// Its place among the bots.
    pub(super) index: usize,
    /// The place of its epoch.
    pub(super) epoch: usize,
    /// The tick in which it joined.
    pub(super) joined: Tick,
    /// The tick of its newest snapshot.
    pub(super) now: Tick,
}

/// The ages of all that has been sampled, in ticks.
///
/// Age = the tick of the viewer's newest snapshot less the tick that the position was told for. A player that
/// it was never told of ages from when both had joined. Its own player does not count.
#[derive(Debug)]
pub(super) struct Ages {
    all: Histogram<u64>,
    near: Histogram<u64>,
    told: Vec<Option<Tick>>,
    /// The square of the distance, and the age.
    others: Vec<(u64, u64)>,
}

impl Ages {
    pub(super) fn new() -> Self {
        Self { all: histogram(), near: histogram(), told: Vec::new(), others: Vec::new() }
    }

    /// Of all players, and of the near ones.
    pub(super) fn histograms(&self) -> (&Histogram<u64>, &Histogram<u64>) {
        (&self.all, &self.near)
    }

    /// Takes the age of every player that plays in the viewer's epoch. `told` names players by their place
    /// among the bots.
    pub(super) fn sample(
        &mut self,
        viewer: Viewer,
        told: impl Iterator<Item = (usize, Tick)>,
        bots: &[Standing],
    ) {
        self.told.clear();
        self.told.resize(bots.len(), None);
        for (index, tick) in told {
            if let Some(place) = self.told.get_mut(index) {
                *place = Some(tick);
            }
        }
        self.collect(viewer, bots);
        if self.others.len() > NEAR {
            self.others.select_nth_unstable(NEAR - 1);
        }
        self.others.iter().for_each(|(_, age)| self.all.saturating_record(*age));
        self.others.iter().take(NEAR).for_each(|(_, age)| self.near.saturating_record(*age));
    }

    fn collect(&mut self, viewer: Viewer, bots: &[Standing]) {
        let own = bots[viewer.index].at;
        self.others.clear();
        for (index, (bot, told)) in bots.iter().zip(&self.told).enumerate() {
            let Some((epoch, joined)) = bot.since else { continue };
            if epoch == viewer.epoch && index != viewer.index {
                let told = told.unwrap_or_else(|| joined.max(viewer.joined));
                self.others.push((own.distance_squared(bot.at), viewer.now.since(told)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEWER: Viewer = Viewer { index: 0, epoch: 0, joined: Tick(10), now: Tick(100) };

    fn standing(x: i32, since: Option<(usize, u64)>) -> Standing {
        let since = since.map(|(epoch, tick)| (epoch, Tick(tick)));
        Standing { at: Position { x, y: 0 }, since }
    }

    #[test]
    fn a_player_never_told_of_ages_from_when_both_had_joined() {
        let bots = [10, 5, 40].map(|joined| standing(0, Some((0, joined))));
        let mut ages = Ages::new();
        ages.sample(VIEWER, [].into_iter(), &bots);
        let (all, near) = ages.histograms();
        assert_eq!((all.len(), near.len(), all.min(), all.max()), (2, 2, 60, 90));
    }

    #[test]
    fn who_does_not_play_and_the_viewer_itself_have_no_age() {
        let bots = [standing(0, Some((0, 10))), standing(1, None), standing(2, Some((1, 5)))];
        let mut ages = Ages::new();
        ages.sample(VIEWER, [(0, Tick(1)), (1, Tick(1)), (2, Tick(1)), (77, Tick(1))].into_iter(), &bots);
        assert_eq!(ages.histograms().0.len(), 0);
    }

    #[test]
    fn near_are_the_nearest_two_hundred() {
        let bots: Vec<Standing> = (0..=500).rev().map(|x| standing(x, Some((0, 1)))).collect();
        let viewer = Viewer { index: 500, ..VIEWER };
        // Whoever stands at x was told of x ticks ago.
        let told = (0..=500).map(|index| (index, Tick(100 - (500 - index as u64).min(100))));
        let mut ages = Ages::new();
        ages.sample(viewer, told, &bots);
        let (all, near) = ages.histograms();
        assert_eq!((all.len(), all.max(), near.len(), near.min(), near.max()), (500, 100, 200, 1, 100));
        assert_eq!(near.iter_recorded().next().map(|step| step.count_at_value()), Some(1));
    }
}
