//! What is asked of the service, and what is reported to it: what is on its way, and what is tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tracing::warn;

use crate::game::Realm;
use crate::profiles::{Book, Fault, Leaderboard, Outbox, Profile, Score, Service, Totals};
use crate::wire::Position;
use crate::work::{Done, Failure, Work, WorkId};

/// A leaderboard is asked for so often at the most, however many want it.
const BOARD_EVERY: Duration = Duration::from_secs(5);
/// How often all players are looked at for scores.
const SCORES_EVERY: Duration = Duration::from_secs(10);
/// At how many of them in a tick: some microseconds.
const SCORES_PER_TICK: usize = 64;
/// How long the same is not said again.
const WARN_EVERY: Duration = Duration::from_secs(10);
/// Longer than all attempts of a question take together: what it is given up by is its own.
const QUESTION_MAX: Duration = Duration::from_secs(600);

/// What is on its way.
#[derive(Clone, Copy, Debug)]
enum Question {
    Profile(u32),
    Board,
    Report,
}

/// Where a player is until its profile has come.
#[derive(Clone, Copy, Debug, Default)]
struct Newcomer {
    put: Option<Position>,
    is_back: bool,
    /// What it waits for: a player who has left and come back waits for another answer than before.
    question: Option<WorkId>,
}

/// What somebody may want to hear of.
pub(super) enum Answer {
    Profile(Profile),
    Nothing,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Asking {
    service: Service,
    /// Under which number scores are reported; drawn when the first are, unless it is remembered.
    run: Option<u64>,
    outbox: Option<Outbox>,
    /// Whose profile has not been asked for yet.
    to_ask: BTreeSet<u32>,
    newcomers: BTreeMap<u32, Newcomer>,
    /// What the service knows of those who play.
    served: BTreeMap<u32, Totals>,
    on_their_way: BTreeMap<WorkId, Question>,
    board: Option<Leaderboard>,
    board_asked: Option<Duration>,
    is_board_wanted: bool,
    is_board_on_its_way: bool,
    next_round: Duration,
    is_in_round: bool,
    next_warning: Duration,
}

impl Asking {
    pub(super) fn new(service: Service) -> Self {
        Self {
            service,
            run: None,
            outbox: None,
            to_ask: BTreeSet::new(),
            newcomers: BTreeMap::new(),
            served: BTreeMap::new(),
            on_their_way: BTreeMap::new(),
            board: None,
            board_asked: None,
            is_board_wanted: false,
            is_board_on_its_way: false,
            next_round: Duration::ZERO,
            is_in_round: false,
            next_warning: Duration::ZERO,
        }
    }

    pub(super) fn set_run(&mut self, run: u64) {
        self.run = Some(run);
    }

    pub(super) fn has_profiles(&self) -> bool {
        self.service.has_profiles()
    }

    /// Whether a player's profile is not there yet, and may come.
    pub(super) fn awaits_profile(&self, player: u32) -> bool {
        self.newcomers.contains_key(&player)
    }

    /// What the service knows of a player.
    pub(super) fn served(&self, player: u32) -> Option<Totals> {
        self.served.get(&player).copied()
    }

    /// Whether a newer leaderboard may come.
    pub(super) fn awaits_board(&self) -> bool {
        self.is_board_wanted || self.is_board_on_its_way
    }

    /// The service's leaderboard.
    pub(super) fn board(&self) -> Option<&Leaderboard> {
        self.board.as_ref()
    }

    pub(super) fn on_join(&mut self, player: u32, put: Option<Position>, is_back: bool, now: Duration) {
        if self.service.has_profiles() {
            self.newcomers.insert(player, Newcomer { put, is_back, question: None });
            self.to_ask.insert(player);
        }
        self.want_board(now);
    }

    /// Somebody wants the leaderboard: another one is asked for, unless this one is new.
    pub(super) fn want_board(&mut self, now: Duration) {
        let is_old = self.board_asked.is_none_or(|asked| now >= asked + BOARD_EVERY);
        self.is_board_wanted |= self.service.has_leaderboard() && is_old && !self.is_board_on_its_way;
    }

    /// The player has gone, and with it its question. What it has done since its last score is reported.
    pub(super) fn on_leave(&mut self, player: u32, left: Option<Profile>) {
        self.to_ask.remove(&player);
        self.newcomers.remove(&player);
        self.served.remove(&player);
        if let (Some(outbox), Some(Profile { client_id, totals, .. })) = (&mut self.outbox, left) {
            outbox.put(Score { client_id, totals });
        }
    }

    /// Asks what is to be asked, as far as there is room for it.
    pub(super) fn ask(&mut self, realm: &mut Realm<'_>, now: Duration) {
        while let Some(&player) = self.to_ask.first() {
            let work = Work::task(self.service.profile(player, realm.random()));
            let question = self.start(realm, Some(player), work, Question::Profile(player));
            if question.is_none() {
                return;
            }
            self.to_ask.remove(&player);
            if let Some(newcomer) = self.newcomers.get_mut(&player) {
                newcomer.question = question;
            }
        }
        if self.is_board_wanted {
            let work = Work::task(self.service.leaderboard(realm.random()));
            self.is_board_on_its_way = self.start(realm, None, work, Question::Board).is_some();
            self.is_board_wanted = !self.is_board_on_its_way;
            self.board_asked = Some(now);
        }
    }

    /// Looks at some players for scores, and reports them.
    pub(super) fn report(&mut self, realm: &mut Realm<'_>, now: Duration, book: &mut Book) {
        if !self.service.has_leaderboard() {
            return;
        }
        let run = self.run;
        let outbox = self.outbox.get_or_insert_with(|| Outbox::new(run.unwrap_or_else(|| realm.random())));
        if !self.is_in_round && now >= self.next_round {
            (self.is_in_round, self.next_round) = (true, now + SCORES_EVERY);
        }
        if self.is_in_round {
            self.is_in_round = !book.scores(now, SCORES_PER_TICK, |score| _ = outbox.put(score));
        }
        if let Some(batch) = outbox.next(now) {
            let work = Work::task(self.service.report(&batch));
            if self.start(realm, None, work, Question::Report).is_none() {
                self.on_report(realm, now, false);
            }
        }
    }

    /// What has come of a question. Gives back what was not asked here.
    pub(super) fn on_done(
        &mut self,
        realm: &mut Realm<'_>,
        now: Duration,
        done: Done,
    ) -> Result<Answer, Done> {
        let Some(question) = self.on_their_way.remove(&done.id) else { return Err(done) };
        let is_awaited = |newcomer: &Newcomer| newcomer.question == Some(done.id);
        Ok(match question {
            Question::Profile(player) if !self.newcomers.get(&player).is_some_and(is_awaited) => {
                Answer::Nothing
            }
            Question::Profile(player) => match self.heard(now, "profile", answer(done)) {
                Some(profile) => self.on_profile(realm, profile),
                None => {
                    self.newcomers.remove(&player);
                    Answer::Nothing
                }
            },
            Question::Board => {
                self.is_board_on_its_way = false;
                if let Some(board) = self.heard(now, "leaderboard", answer(done)) {
                    self.board = Some(board);
                }
                Answer::Nothing
            }
            Question::Report => {
                let is_taken = self.heard(now, "scores", answer::<()>(done)).is_some();
                self.on_report(realm, now, is_taken);
                Answer::Nothing
            }
        })
    }

    fn on_profile(&mut self, realm: &mut Realm<'_>, profile: Profile) -> Answer {
        let player = profile.client_id;
        let Some(newcomer) = self.newcomers.remove(&player) else { return Answer::Nothing };
        self.served.insert(player, profile.totals);
        let stands = realm.player(player).map(|player| player.at);
        if let Some(start) = profile.start
            && !newcomer.is_back
            && stands == newcomer.put
        {
            let _is_a_place = realm.relocate(player, start);
        }
        Answer::Profile(profile)
    }

    fn on_report(&mut self, realm: &mut Realm<'_>, now: Duration, is_taken: bool) {
        let Some(outbox) = &mut self.outbox else { return };
        if is_taken {
            outbox.on_delivered();
        } else {
            outbox.on_failed(now, realm.random());
        }
    }

    /// `None` where there is no place for it.
    fn start(
        &mut self,
        realm: &mut Realm<'_>,
        owner: Option<u32>,
        work: Work,
        question: Question,
    ) -> Option<WorkId> {
        let id = realm.start(owner, QUESTION_MAX, work).ok()?;
        self.on_their_way.insert(id, question);
        Some(id)
    }

    /// The answer; without one the log says why, now and then.
    fn heard<T>(&mut self, now: Duration, what: &str, answer: Result<T, Why>) -> Option<T> {
        let why = match answer {
            Ok(answer) => return Some(answer),
            Err(Why::Failure(Failure::Cancelled)) => return None,
            Err(why) => why,
        };
        if now >= self.next_warning {
            self.next_warning = now + WARN_EVERY;
            let scores_waiting = self.outbox.as_ref().map_or(0, Outbox::len);
            warn!(what, %why, scores_waiting, "the service has failed; everyone plays on");
        }
        None
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Failure(#[from] Failure),
}

fn answer<T: 'static>(done: Done) -> Result<T, Why> {
    match done.answer::<Result<T, Fault>>() {
        Ok(answer) => Ok(answer??),
        Err(_) => unreachable!("a question is started with an answer of its kind"),
    }
}
