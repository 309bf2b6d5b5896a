//! Levels: the one that is played, and the one that is loaded meanwhile.
//!
//! An exit or an operator's order starts to load a level, beside the tick; everybody plays on. When it is there, all
//! changes at once, in one tick: bounds, walls, and everyone stands at a spawn. A level that cannot be loaded changes
//! nothing, and the log says why, as does the next answer to an operator.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::game::{REFUSED, Realm, Step, Verdict};
use crate::level::{Level, LevelError};
use crate::wire::{Bounds, Position, Tick};
use crate::work::{Busy, Done, Work, WorkId};

/// How long a level may take to load. The largest takes seconds.
const LOAD_TIME_MAX: Duration = Duration::from_secs(60);
/// How long exits lead nowhere after one has led to a level that is none: whoever steps in and out of it shall not have
/// it read, and logged, at every step.
const EXIT_PAUSE: Duration = Duration::from_secs(10);
/// How long a level is played at least before an exit leads on: everybody goes along, and whoever steps in and out of two
/// exits that lead to one another shall not keep all others at the spawns.
const STAY_MIN: Duration = Duration::from_secs(5);
/// Where there is no level, enemies appear so many units around the spawn at the most.
const AROUND: i64 = 1_024;

/// Why a level is not even loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Another is, and one at a time.
    #[error("{} is being loaded", .0.display())]
    Loading(PathBuf),
    /// There is too much work in flight.
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// What came of loading a level.
type Loaded = Result<Arc<Level>, LevelError>;

/// See the module.
#[derive(Debug)]
pub(super) struct Levels {
    level: Option<Arc<Level>>,
    /// Where players appear if there is no level.
    spawn: Option<Position>,
    /// How many have appeared: each at the next spawn.
    appeared: u64,
    loading: Option<(WorkId, PathBuf)>,
    /// Why the last level that was asked for is not played.
    failed: Option<String>,
    /// Whether a game on top says alone which level is played.
    is_without_exits: bool,
    /// When an exit last led somewhere.
    left_at: Option<Tick>,
    /// When the level that is played took the place of another.
    entered_at: Option<Tick>,
}

impl Levels {
    pub(super) fn new(level: Option<Arc<Level>>, spawn: Option<Position>) -> Self {
        Self {
            level,
            spawn,
            appeared: 0,
            loading: None,
            failed: None,
            is_without_exits: false,
            left_at: None,
            entered_at: None,
        }
    }

    /// Exits lead nowhere.
    pub(super) fn close_exits(&mut self) {
        self.is_without_exits = true;
    }

    /// The level that is played.
    pub(super) fn level(&self) -> Option<&Arc<Level>> {
        self.level.as_ref()
    }

    /// Why the last level that was asked for is not played.
    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Where the next player appears, if that is anywhere.
    pub(super) fn appear(&mut self) -> Option<Position> {
        let Some(level) = &self.level else { return self.spawn };
        self.appeared += 1;
        Some(level.spawn(self.appeared - 1))
    }

    /// Somewhere that players can come to.
    pub(super) fn somewhere(&self, realm: &mut Realm<'_>) -> Position {
        match &self.level {
            Some(level) => level.somewhere(realm.random()),
            None => around(realm, self.spawn),
        }
    }

    /// Whether one may stand there, as far as the level is concerned.
    pub(super) fn is_free(&self, at: Position) -> bool {
        self.level.as_ref().is_none_or(|level| !level.is_wall(at))
    }

    /// Up to the first wall one goes, and no further. Whoever has not been seen yet appears at a spawn instead of in a wall.
    pub(super) fn judge(&mut self, step: &Step) -> Verdict {
        let Some(level) = &self.level else { return Verdict::Accept };
        match step.from.map(|from| level.first_wall_on(from, step.to)) {
            Some(Some(wall)) => Verdict::Correct(wall.last_free),
            None if level.is_wall(step.to) => self.appear().map_or(Verdict::Refuse, Verdict::Correct),
            _ => Verdict::Accept,
        }
    }

    /// Starts to load the level that an exit leads to, if the step leads into one.
    pub(super) fn on_step(&mut self, realm: &mut Realm<'_>, step: &Step) {
        let Some(level) = self.level.as_ref().filter(|_| !self.is_without_exits) else { return };
        let Some(exit) = level.exit_at(step.to) else { return };
        let was_there = step.from.and_then(|from| level.exit_at(from)).is_some_and(|before| before == exit);
        if !was_there && self.loading.is_none() && !self.is_pause(realm) {
            let (folder, to) = (level.folder().to_owned(), exit.to.clone());
            self.go_through(realm, step.player, folder, to);
        }
    }

    fn go_through(&mut self, realm: &mut Realm<'_>, player: u32, folder: PathBuf, to: PathBuf) {
        self.left_at = Some(realm.tick());
        let name = to.display().to_string();
        match self.load(realm, to.clone(), move || Level::load_within(&folder, &to)) {
            Ok(()) => info!(player, to = name, "a player goes to another level"),
            Err(why) => {
                warn!(player, to = name, %why, "the level stays as it is");
                self.failed = Some(format!("{name}: {why}"));
            }
        }
    }

    fn is_pause(&self, realm: &Realm<'_>) -> bool {
        let is_within = |pause: Duration, since: Option<Tick>| {
            let ticks = (pause.as_secs_f64() * realm.tick_rate().hz()) as u64;
            since.is_some_and(|tick| realm.tick().0 < tick.0 + ticks)
        };
        is_within(STAY_MIN, self.entered_at) || (self.failed.is_some() && is_within(EXIT_PAUSE, self.left_at))
    }

    /// Starts to load a level that somebody chose, if no other is being loaded.
    pub(super) fn go_to(&mut self, realm: &mut Realm<'_>, path: PathBuf) -> Result<(), LoadError> {
        let file = path.clone();
        self.load(realm, path, move || Level::load(&file))
    }

    fn load(
        &mut self,
        realm: &mut Realm<'_>,
        path: PathBuf,
        load: impl FnOnce() -> Result<Level, LevelError> + Send + 'static,
    ) -> Result<(), LoadError> {
        if let Some((_, other)) = &self.loading {
            return Err(LoadError::Loading(other.clone()));
        }
        let work = Work::thread(move |_| -> Loaded { load().map(Arc::new) });
        let id = realm.start(None, LOAD_TIME_MAX, work)?;
        self.loading = Some((id, path));
        self.failed = None;
        Ok(())
    }

    /// An operator's order: the answer says what comes of it.
    pub(super) fn on_order(&mut self, realm: &mut Realm<'_>, path: PathBuf) -> String {
        match self.go_to(realm, path) {
            Ok(()) => self.state(),
            Err(why) => format!("{REFUSED}{why}"),
        }
    }

    /// What is played or loaded, or why the last that was asked for is not.
    pub(super) fn state(&self) -> String {
        let name = |path: &Path| path.display().to_string();
        match (&self.loading, &self.failed, &self.level) {
            (Some((_, path)), _, _) => format!("loading {}", name(path)),
            (_, Some(why), _) => format!("{REFUSED}{why}"),
            (_, _, Some(level)) => format!("playing {}", name(level.source())),
            _ => "no level".to_owned(),
        }
    }

    /// What came of work, if it is the level that is being loaded; else it is given back. True: another level is played
    /// from now on.
    pub(super) fn on_done(&mut self, now: Tick, done: Done) -> Result<bool, Done> {
        match &self.loading {
            Some((id, _)) if *id == done.id => {}
            _ => return Err(done),
        }
        let loaded = done.answer::<Loaded>()?;
        let Some((_, path)) = self.loading.take() else { return Ok(false) };
        let why = match loaded {
            Ok(Ok(level)) => {
                info!(level = %path.display(), "another level");
                self.level = Some(level);
                self.entered_at = Some(now);
                return Ok(true);
            }
            Ok(Err(error)) => error.to_string(),
            Err(failure) => format!("{}: {failure}", path.display()),
        };
        warn!(%why, "the level stays as it is");
        self.failed = Some(why);
        Ok(false)
    }
}

/// Somewhere around a place or, without one, the middle of the world.
fn around(realm: &mut Realm<'_>, place: Option<Position>) -> Position {
    let Bounds { min, max } = realm.bounds();
    let drawn = realm.random();
    let along = |min: i32, max: i32, middle: Option<i32>, drawn: u32| {
        let (min, max) = (i64::from(min), i64::from(max));
        let middle = middle.map_or((min + max) / 2, i64::from);
        (middle - AROUND + i64::from(drawn) % (2 * AROUND)).clamp(min, max) as i32
    };
    let x = along(min.x, max.x, place.map(|place| place.x), drawn as u32);
    Position { x, y: along(min.y, max.y, place.map(|place| place.y), (drawn >> 32) as u32) }
}
