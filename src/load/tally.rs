//! What is counted of a bot: snapshots, moves and gaps. Arithmetic over ticks and times, without sockets.
//!
//! Time is the time since the run began. A snapshot belongs to the duration by its tick, whenever it is read
//! from the socket: ticks that fell due within the duration, by the bots' own clock.

use std::time::Duration;

use super::epoch::{Epoch, Epochs};
use crate::wire::Tick;

/// The snapshots of one session of one bot.
#[derive(Debug)]
pub(super) struct SessionTally {
    /// The place of its epoch.
    pub(super) epoch: usize,
    /// The tick in which it was admitted.
    pub(super) joined: Tick,
    first: Option<Tick>,
    newest: Tick,
    /// Bit `i` stands for the tick `newest - i`.
    window: u64,
    received: u64,
}

impl SessionTally {
    fn new(epoch: usize, joined: Tick) -> Self {
        Self { epoch, joined, first: None, newest: joined, window: 0, received: 0 }
    }

    /// Whether this is one of the duration that was not there yet.
    fn on_snapshot(&mut self, tick: Tick, epoch: &Epoch) -> bool {
        let ahead = tick.since(self.newest);
        let bit = bit_at(self.newest.since(tick));
        if ahead > 0 {
            self.window = shifted(self.window, ahead) | 1;
            self.newest = tick;
        } else if bit == 0 || self.window & bit != 0 {
            return false;
        } else {
            self.window |= bit;
        }
        let counts = epoch.holds(tick) && tick >= *self.first.get_or_insert(tick);
        self.received += u64::from(counts);
        counts
    }

    /// How many should have come up to `last`. A session that received none in the duration should have had
    /// them all.
    fn expected(&self, epoch: &Epoch, last: Tick) -> u64 {
        let first = self.first.unwrap_or_else(|| self.joined.max(epoch.from));
        let last = last.min(epoch.until);
        if first > last { 0 } else { last.since(first).saturating_add(1) }
    }
}

/// Which of the moves of a session have been acknowledged, of those sent in the duration.
#[derive(Debug, Default)]
struct MoveTally {
    /// The sequences sent in the duration, from the first to the last; 0 = none.
    first: u32,
    last: u32,
    newest: u32,
    /// Bit `i` stands for the sequence `newest - i`.
    known: u64,
    applied: u64,
}

impl MoveTally {
    fn on_sent(&mut self, sequence: u32) {
        if self.first == 0 {
            self.first = sequence;
        }
        self.last = sequence;
    }

    fn on_applied(&mut self, applied: u32, history: u32) {
        if applied == 0 {
            return;
        }
        let told = 1 | u64::from(history) << 1;
        let told = if applied >= self.newest {
            self.known = shifted(self.known, u64::from(applied - self.newest));
            self.newest = applied;
            told
        } else {
            shifted(told, u64::from(self.newest - applied))
        };
        self.applied += u64::from((told & !self.known & self.counted()).count_ones());
        self.known |= told;
    }

    /// The bits of the sequences that count.
    fn counted(&self) -> u64 {
        if self.first == 0 || self.newest < self.first {
            return 0;
        }
        let reach = u64::from(self.newest - self.first) + 1;
        let not_before_first = !shifted(u64::MAX, reach);
        let not_after_last = shifted(u64::MAX, u64::from(self.newest.saturating_sub(self.last)));
        not_before_first & not_after_last
    }
}

fn shifted(bits: u64, by: u64) -> u64 {
    u32::try_from(by).ok().and_then(|by| bits.checked_shl(by)).unwrap_or(0)
}

fn bit_at(place: u64) -> u64 {
    shifted(1, place)
}

/// Everything that is counted of one bot.
///
/// [`Tally::start`] and [`Tally::stop`] at both ends of the duration, the `on_*` with what happens.
#[derive(Debug, Default)]
pub(super) struct Tally {
    session: Option<SessionTally>,
    moves: MoveTally,
    /// The round of its last move that was due.
    round: Option<u64>,
    counts: Counts,
    has_started: bool,
    has_come_back: bool,
    /// When the last snapshot came in, or the duration began, or the bot joined; whatever was last.
    heard: Option<Duration>,
    outage: Duration,
}

/// Sums over sessions, and over bots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) expected: u64,
    pub(super) received: u64,
    pub(super) moves_sent: u64,
    pub(super) moves_applied: u64,
    pub(super) moves_skipped: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Counts) {
        self.expected += other.expected;
        self.received += other.received;
        self.moves_sent += other.moves_sent;
        self.moves_applied += other.moves_applied;
        self.moves_skipped += other.moves_skipped;
    }
}

impl Tally {
    pub(super) fn start(&mut self, now: Duration) {
        self.has_started = true;
        self.heard = self.heard.map(|_| now);
        self.outage = Duration::ZERO;
        self.round = None;
    }

    /// Moves sent from now on do not count; those sent before may still be acknowledged.
    pub(super) fn stop(&mut self, now: Duration) {
        self.note_gap(now);
        self.has_started = false;
    }

    pub(super) fn on_welcome(&mut self, now: Duration, epochs: &Epochs, epoch: usize, joined: Tick) {
        self.has_come_back |= self.has_started && self.session.is_some();
        self.heard = self.heard.or(Some(now));
        self.end_session(epochs, Some((epoch, joined)));
        self.session = Some(SessionTally::new(epoch, joined));
    }

    /// Whether the snapshot counts.
    pub(super) fn on_snapshot(&mut self, now: Duration, epochs: &Epochs, tick: Tick) -> bool {
        self.note_gap(now);
        self.heard = Some(now);
        let Some(session) = &mut self.session else { return false };
        session.on_snapshot(tick, epochs.at(session.epoch))
    }

    pub(super) fn on_applied(&mut self, applied: u32, history: u32) {
        self.moves.on_applied(applied, history);
    }

    /// Its move of this round is due, and none was made in the rounds between the last one and this: whoever visits the
    /// bots had no time. That counts where the bot would have moved.
    pub(super) fn on_move_due(&mut self, round: u64, is_playing: bool) {
        let next = self.round.map_or(round, |last| last + 1);
        self.round = Some(round);
        if self.has_started && is_playing {
            self.counts.moves_skipped += round.saturating_sub(next);
        }
    }

    pub(super) fn on_sent(&mut self, sequence: u32) {
        if self.has_started {
            self.counts.moves_sent += 1;
            self.moves.on_sent(sequence);
        }
    }

    /// The session that the bot has, or had last.
    pub(super) fn session(&self) -> Option<&SessionTally> {
        self.session.as_ref()
    }

    /// Whether it had fallen out in the duration and came back.
    pub(super) fn has_come_back(&self) -> bool {
        self.has_come_back
    }

    /// The longest time without a snapshot in the duration; `None` for a bot that never joined.
    pub(super) fn outage(&self) -> Option<Duration> {
        self.heard.map(|_| self.outage)
    }

    /// The sums up to the end of the duration. Call it once, when no more is to come.
    pub(super) fn finish(&mut self, epochs: &Epochs) -> Counts {
        self.end_session(epochs, None);
        self.counts
    }

    /// A session counts until the next one of its epoch begins, so that a dead tail shows.
    fn end_session(&mut self, epochs: &Epochs, next: Option<(usize, Tick)>) {
        let moves = std::mem::take(&mut self.moves);
        self.counts.moves_applied += moves.applied;
        let Some(session) = self.session.take() else { return };
        let last = match next {
            Some((epoch, joined)) if epoch == session.epoch => Tick(joined.0.saturating_sub(1)),
            _ => epochs.last(session.epoch),
        };
        self.counts.expected += session.expected(epochs.at(session.epoch), last);
        self.counts.received += session.received;
    }

    fn note_gap(&mut self, now: Duration) {
        if let (true, Some(heard)) = (self.has_started, self.heard) {
            self.outage = self.outage.max(now.saturating_sub(heard));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Bounds, Position, Welcome};

    const PERIOD: Duration = Duration::from_millis(100);

    fn welcome(epoch: u64, tick: u64) -> Welcome {
        Welcome {
            nonce: 1,
            session: 2,
            epoch,
            tick: Tick(tick),
            period_ns: PERIOD.as_nanos() as u64,
            timeout_ms: 10_000,
            datagram_bytes: 1_200,
            moves_per_second: 250,
            bounds: Bounds::ALL,
            client_id: 3,
            placed: 0,
            at: Position::default(),
        }
    }

    /// One bot, its epochs, and a server that started five periods before the run began.
    #[derive(Default)]
    struct One {
        epochs: Epochs,
        tally: Tally,
    }

    impl One {
        /// Shortly after tick `tick` of the first epoch has fallen due.
        fn at(tick: u64) -> Duration {
            PERIOD * (tick as u32) + Duration::from_millis(1)
        }

        fn join(&mut self, epoch: u64, tick: u64, now: Duration) {
            let index = self.epochs.on_welcome(now, &welcome(epoch, tick));
            self.tally.on_welcome(now, &self.epochs, index, Tick(tick));
        }

        fn snapshot(&mut self, tick: u64, now: Duration) -> bool {
            let epoch = self.tally.session().map_or(0, |session| session.epoch);
            self.epochs.on_snapshot(now, epoch, Tick(tick));
            self.tally.on_snapshot(now, &self.epochs, Tick(tick))
        }

        fn snapshots(&mut self, ticks: std::ops::RangeInclusive<u64>) {
            ticks.for_each(|tick| _ = self.snapshot(tick, Self::at(tick)));
        }

        fn start(&mut self, now: Duration) {
            self.epochs.start(now);
            self.tally.start(now);
        }

        fn stop(&mut self, now: Duration) -> Counts {
            self.epochs.stop(now);
            self.tally.stop(now);
            self.tally.finish(&self.epochs)
        }
    }

    fn joined_and_started() -> One {
        let mut one = One::default();
        one.join(9, 1, One::at(1));
        one.snapshots(1..=10);
        one.start(One::at(10));
        one
    }

    #[test]
    fn every_tick_of_the_duration_is_expected_once() {
        let mut one = joined_and_started();
        one.snapshots(11..=30);
        assert!(!one.snapshot(30, One::at(30)), "a duplicate");
        let counts = one.stop(One::at(30));
        assert_eq!((counts.expected, counts.received, one.epochs.ticks_seen()), (20, 20, 20));
    }

    #[test]
    fn a_snapshot_counts_by_its_tick_and_not_by_when_it_is_read() {
        let mut one = joined_and_started();
        assert!(!one.snapshot(9, One::at(11)), "it fell due before the duration");
        one.snapshots(11..=29);
        one.epochs.stop(One::at(30));
        assert!(one.snapshot(30, One::at(31)), "it was on its way when the duration ended");
        assert!(!one.snapshot(31, One::at(31)));
        assert_eq!(one.tally.finish(&one.epochs).received, 20);
    }

    #[test]
    fn a_lost_snapshot_a_slow_server_and_a_dead_tail_show() {
        let mut one = joined_and_started();
        (11..=20).filter(|tick| *tick != 15).for_each(|tick| _ = one.snapshot(tick, One::at(tick)));
        let counts = one.stop(One::at(30));
        assert_eq!((counts.expected, counts.received, one.epochs.ticks_seen()), (20, 9, 9));
        assert_eq!(one.tally.outage(), Some(PERIOD * 10));
    }

    #[test]
    fn a_server_that_is_dead_all_the_time_owes_every_tick() {
        let counts = joined_and_started().stop(One::at(30));
        assert_eq!((counts.expected, counts.received), (20, 0));
    }

    #[test]
    fn expected_begins_with_the_first_snapshot_of_the_duration() {
        let mut one = joined_and_started();
        one.snapshots(13..=30);
        assert!(!one.snapshot(12, One::at(30)), "late, and before the first");
        let counts = one.stop(One::at(30));
        assert_eq!((counts.expected, counts.received), (18, 18));
    }

    #[test]
    fn a_restart_counts_anew_and_its_gap_is_an_outage() {
        let mut one = joined_and_started();
        one.snapshots(11..=20);
        let back = One::at(35);
        one.join(10, 3, back);
        (4..=8).for_each(|tick| _ = one.snapshot(tick, back + PERIOD * (tick as u32 - 3)));
        let counts = one.stop(back + PERIOD * 5);
        assert_eq!((counts.expected, counts.received), (15, 15));
        assert!(one.tally.has_come_back());
        assert_eq!(one.tally.outage(), Some(PERIOD * 16));
    }

    #[test]
    fn who_falls_out_and_comes_back_owes_what_it_missed() {
        let mut one = joined_and_started();
        one.snapshots(11..=15);
        one.join(9, 20, One::at(20));
        one.snapshots(20..=30);
        let counts = one.stop(One::at(30));
        assert_eq!((counts.expected, counts.received), (20, 16));
    }

    #[test]
    fn a_move_is_skipped_where_its_round_went_by_while_the_bot_played() {
        let mut one = joined_and_started();
        (7..=8).for_each(|round| one.tally.on_move_due(round, true));
        one.tally.on_move_due(11, true);
        one.tally.on_move_due(20, false);
        one.tally.on_move_due(21, true);
        assert_eq!(one.stop(One::at(30)).moves_skipped, 2, "9 and 10; in the others it did not play");
    }

    #[test]
    fn moves_are_acknowledged_once_and_within_the_duration() {
        let mut moves = MoveTally::default();
        moves.on_applied(3, 0b11);
        assert_eq!(moves.applied, 0, "sent before the duration");
        (4..=40).for_each(|sequence| moves.on_sent(sequence));
        moves.on_applied(5, 0b1111);
        assert_eq!(moves.applied, 2);
        moves.on_applied(5, 0b1111);
        assert_eq!(moves.applied, 2);
        moves.on_applied(38, u32::MAX);
        assert_eq!(moves.applied, 2 + 33);
        moves.on_applied(37, u32::MAX);
        assert_eq!(moves.applied, 2 + 33, "5 is told of again");
        moves.on_applied(42, 0b1);
        assert_eq!(moves.applied, 35, "41 and 42 came after the duration");
        moves.on_applied(42, 0b111);
        assert_eq!(moves.applied, 37);
        moves.on_applied(u32::MAX, u32::MAX);
        assert_eq!(moves.applied, 37);
    }
}
