//! What is asked of the service, and what is reported to it: what is on its way, and what is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::warn;

use super::newcomers::Newcomers;
use super::reporting::{Reported, Reporting};
use crate::game::Realm;
use crate::profiles::{Book, Fault, IN_FLIGHT_MAX, Leaderboard, Profile, Score, Scores, Service, Totals};
use crate::wire::Position;
use crate::work::{Done, Failure, Work, WorkId};

/// So many profiles are asked for at once. The leaderboard has a turn of its own, so that nothing waits within the service,
/// and other work finds its place however many join.
const PROFILES_ASKED_MAX: usize = IN_FLIGHT_MAX - 1;
/// For so long after the end of a question for the leaderboard there is no other, however many want it: meanwhile those who
/// waited are told what there is.
const BOARD_PAUSE: Duration = Duration::from_secs(5);
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

/// What somebody may want to hear of.
pub(super) enum Answer {
    Profile(Profile),
    /// There is no profile of this player for now.
    Missing(u32),
    Nothing,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Asking {
    service: Service,
    /// Under which number scores are reported; drawn when the first are, unless it is remembered.
    run: Option<u64>,
    reporting: Option<Reporting>,
    newcomers: Newcomers,
    /// What the service knows of those who play.
    served: BTreeMap<u32, Totals>,
    on_their_way: BTreeMap<WorkId, Question>,
    profiles_on_their_way: usize,
    board: Option<Leaderboard>,
    next_board: Duration,
    is_board_wanted: bool,
    is_board_on_its_way: bool,
    /// The last report has failed: when the server stops, there is no time for another.
    has_given_up: bool,
    next_warning: Duration,
}

impl Asking {
    pub(super) fn new(service: Service) -> Self {
        Self {
            service,
            run: None,
            reporting: None,
            newcomers: Newcomers::default(),
            served: BTreeMap::new(),
            on_their_way: BTreeMap::new(),
            profiles_on_their_way: 0,
            board: None,
            next_board: Duration::ZERO,
            is_board_wanted: false,
            is_board_on_its_way: false,
            has_given_up: false,
            next_warning: Duration::ZERO,
        }
    }

    pub(super) fn set_run(&mut self, run: u64) {
        self.run = Some(run);
    }

    pub(super) fn has_profiles(&self) -> bool {
        self.service.has_profiles()
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
            self.newcomers.join(player, put, is_back, now);
        }
        self.want_board(now);
    }

    /// Somebody wants the leaderboard: another one is asked for, unless this one is new.
    pub(super) fn want_board(&mut self, now: Duration) {
        let is_old = now >= self.next_board;
        self.is_board_wanted |= self.service.has_leaderboard() && is_old && !self.is_board_on_its_way;
    }

    /// The player has gone, and with it its question. What it has done since its last score is reported.
    pub(super) fn on_leave(&mut self, realm: &mut Realm<'_>, player: u32, left: Option<Profile>) {
        self.newcomers.leave(player);
        self.served.remove(&player);
        if let (Some(reporting), Some(Profile { client_id, totals, .. })) = (self.reporting(realm), left) {
            reporting.put_last(Score { client_id, totals });
        }
    }

    /// Asks what is to be asked, as far as there is room for it.
    pub(super) fn ask(&mut self, realm: &mut Realm<'_>, now: Duration) {
        while self.profiles_on_their_way < PROFILES_ASKED_MAX
            && let Some(player) = self.newcomers.next(now)
        {
            let work = Work::task(self.service.profile(player, realm.random()));
            let Some(question) = self.start(realm, Some(player), work, Question::Profile(player)) else {
                return;
            };
            self.profiles_on_their_way += 1;
            self.newcomers.on_asked(player, question);
        }
        if self.is_board_wanted {
            let work = Work::task(self.service.leaderboard(realm.random()));
            self.is_board_on_its_way = self.start(realm, None, work, Question::Board).is_some();
            self.is_board_wanted = !self.is_board_on_its_way;
        }
    }

    /// The next player who has waited for its profile long enough to be told what is known here.
    pub(super) fn next_impatient(&mut self, now: Duration) -> Option<u32> {
        self.newcomers.next_impatient(now)
    }

    /// Looks at some players for scores, and reports them.
    pub(super) fn report(&mut self, realm: &mut Realm<'_>, now: Duration, book: &mut Book) {
        if let Some(reporting) = self.reporting(realm) {
            reporting.look(now, book);
            self.send_report(realm, now);
            self.note_scores(book);
        }
    }

    /// Reports all that is left, as long as nothing fails. True while a report is on its way.
    pub(super) fn stop(&mut self, realm: &mut Realm<'_>, now: Duration, book: &Book) -> bool {
        let Some(reporting) = self.reporting(realm) else { return false };
        if reporting.look_at_all(now, book) {
            // Whatever failed before, there is one more report.
            self.has_given_up = false;
        }
        if !self.has_given_up {
            self.send_report(realm, now);
        }
        self.note_scores(book);
        self.reporting.as_ref().is_some_and(Reporting::is_on_its_way)
    }

    /// What has come of a question. Gives back what was not asked here.
    pub(super) fn on_done(
        &mut self,
        realm: &mut Realm<'_>,
        now: Duration,
        done: Done,
        is_free: impl Fn(Position) -> bool,
    ) -> Result<Answer, Done> {
        let Some(question) = self.on_their_way.remove(&done.id) else { return Err(done) };
        match question {
            Question::Profile(player) => {
                self.profiles_on_their_way -= 1;
                Ok(self.on_profile(realm, now, player, done, is_free))
            }
            Question::Board => {
                (self.is_board_on_its_way, self.next_board) = (false, now + BOARD_PAUSE);
                if let Ok(board) = self.heard(now, "leaderboard", answer(done)) {
                    self.board = Some(board);
                }
                Ok(Answer::Nothing)
            }
            Question::Report => {
                let reported = match self.heard(now, "scores", answer::<()>(done)) {
                    Ok(()) => Reported::Taken,
                    Err(Why::Fault(fault)) if fault.is_of_content() => Reported::Refused,
                    Err(_) => Reported::Failed,
                };
                self.on_report(realm, now, reported);
                Ok(Answer::Nothing)
            }
        }
    }

    fn on_profile(
        &mut self,
        realm: &mut Realm<'_>,
        now: Duration,
        player: u32,
        done: Done,
        is_free: impl Fn(Position) -> bool,
    ) -> Answer {
        if !self.newcomers.awaits(player, done.id) {
            return Answer::Nothing;
        }
        let profile: Profile = match self.heard(now, "profile", answer(done)) {
            Ok(profile) => profile,
            Err(Why::Fault(fault)) if fault.may_pass() => {
                let is_to_be_told = self.newcomers.on_failed(player, now, realm.random());
                return if is_to_be_told { Answer::Missing(player) } else { Answer::Nothing };
            }
            Err(_) => {
                self.newcomers.leave(player);
                return Answer::Missing(player);
            }
        };
        self.served.insert(player, profile.totals);
        let stands = realm.player(player).map(|player| player.at);
        if let Some(newcomer) = self.newcomers.leave(player)
            && let Some(start) = profile.start
            && !newcomer.is_back
            && stands == newcomer.put
            && is_free(start)
        {
            let _is_a_place = realm.relocate(player, start);
        }
        Answer::Profile(profile)
    }

    fn on_report(&mut self, realm: &mut Realm<'_>, now: Duration, reported: Reported) {
        self.has_given_up = reported != Reported::Taken;
        if let Some(reporting) = &mut self.reporting {
            reporting.on_done(realm, now, reported);
        }
    }

    /// Who reports, if there is somebody to report to.
    fn reporting(&mut self, realm: &mut Realm<'_>) -> Option<&mut Reporting> {
        if !self.service.has_leaderboard() {
            return None;
        }
        let run = self.run;
        Some(self.reporting.get_or_insert_with(|| Reporting::new(run.unwrap_or_else(|| realm.random()))))
    }

    fn send_report(&mut self, realm: &mut Realm<'_>, now: Duration) {
        let Some(batch) = self.reporting.as_mut().and_then(|reporting| reporting.next(now)) else { return };
        let work = Work::task(self.service.report(batch));
        if self.start(realm, None, work, Question::Report).is_none() {
            self.on_report(realm, now, Reported::Failed);
        }
    }

    fn note_scores(&self, book: &Book) {
        if let Some(reporting) = &self.reporting {
            self.service.note_scores(Scores { forgotten: book.forgotten(), ..reporting.counts() });
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
    fn heard<T>(&mut self, now: Duration, what: &str, answer: Result<T, Why>) -> Result<T, Why> {
        if let Err(why) = &answer
            && !matches!(why, Why::Failure(Failure::Cancelled))
            && now >= self.next_warning
        {
            self.next_warning = now + WARN_EVERY;
            let scores_waiting = self.reporting.as_ref().map_or(0, |reporting| reporting.counts().waiting);
            warn!(what, %why, scores_waiting, "the service has failed; everyone plays on");
        }
        answer
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
