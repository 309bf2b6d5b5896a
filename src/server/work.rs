//! Work of the game's: handed out between ticks, and told of at the start of one.

use super::Server;
use super::rules::About;
use crate::game::REFUSED;
use crate::work::{Answer, Panicked, Started, WorkId};

impl Server {
    /// What hooks have started since the last time, for whoever runs it. Nothing of it is waited for; when it has ended, say
    /// [`Server::finish`].
    pub fn take_work(&mut self) -> impl Iterator<Item = Started> {
        self.rules.work.take_started()
    }

    /// Work and answers that nobody wants any more, for whoever runs work: to drop them may take long, and may panic. Where
    /// nobody asks, only so many are kept.
    pub fn take_unwanted(&mut self) -> impl Iterator<Item = Answer> {
        self.rules.work.take_unwanted()
    }

    /// Whether some work was told to stop since the last time, by its [`crate::work::Stop`]: its time is up, its owner has left, or
    /// the game has cancelled it.
    pub fn take_stopped(&mut self) -> bool {
        self.rules.work.take_stopped()
    }

    /// Work has ended: the game is told in the next tick, in the order of these calls. What nobody wants any more is thrown
    /// away.
    pub fn finish(&mut self, id: WorkId, result: Result<Answer, Panicked>) {
        self.rules.work.finish(id, result);
    }

    /// Has the game carry out an order of an operator, between two ticks, and gives its answer: see
    /// [`crate::game::Game::on_order`].
    pub fn order(&mut self, order: &str) -> String {
        let about = About { hook: "on_order", player: None };
        let answer = self.ask(about, |game, realm| game.on_order(realm, order));
        answer.unwrap_or_else(|| format!("{REFUSED}the game has panicked"))
    }

    /// After [`Server::close`], and when players are kept: the game ends what it must not leave undone. True while it waits for
    /// work: then [`Server::take_work`], [`Server::finish`], and again. See [`crate::game::Game::on_stop`].
    pub fn wind_up(&mut self) -> bool {
        self.tell_of_work();
        let about = About { hook: "on_stop", player: None };
        self.ask(about, |game, realm| game.on_stop(realm)).unwrap_or(false)
    }

    /// The game hears of all work that has ended before this tick, whatever became of it.
    pub(super) fn tell_of_work(&mut self) {
        self.rules.work.expire(self.now);
        // What ends meanwhile is the next tick's.
        for _ in 0..self.rules.work.waiting() {
            let Some(done) = self.rules.work.next_done() else { continue };
            let about = About { hook: "on_done", player: done.owner };
            self.ask(about, |game, realm| game.on_done(realm, done));
        }
    }

    /// What became of work so far, for the report.
    pub(super) fn count_work(&mut self) {
        let (counts, totals) = (self.rules.work.counts(), &mut self.report.totals);
        totals.work_started = counts.started;
        totals.work_finished = counts.finished;
        totals.work_failed = counts.failed;
        totals.work_timed_out = counts.timed_out;
        totals.work_cancelled = counts.cancelled;
        self.report.work_in_flight = self.rules.work.in_flight();
    }
}
