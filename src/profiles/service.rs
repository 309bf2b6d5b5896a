//! The HTTP service: what is asked of it, and everything that may be wrong with it.
//!
//! Each attempt has a time for all of it, from its turn to the last byte of the answer; an answer has a size; is followed anywhere else and nothing is unpacked. What may pass is tried again, after a pause.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Serialize;
use tokio::sync::Semaphore;

use super::{AnswerError, Batch, Fault, Leaderboard, Profile, Scores, ServiceUrl, answers, backoff};

/// How long an answer may be, in bytes: a leaderboard with all its names takes an eighth of it.
pub const ANSWER_BYTES_MAX: usize = 65_536;
/// How often the same is asked for, with all attempts.
pub const ATTEMPTS_MAX: u32 = 4;
/// How many questions are on their way at once; others wait for their turn. Reports are apart, one at a time.
pub const IN_FLIGHT_MAX: usize = 16;

/// The shortest time for an attempt.
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// The longest: who waits longer has left.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// How many headers an answer may have.
const HEADERS_MAX: usize = 64;
/// How long it may take to reach the service at all.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long a connection is kept for the next question.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// How much is told of what went wrong, in characters.
const TOLD_CHARS_MAX: usize = 200;

/// Whom to ask, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    /// Where profiles are: that of a player under its client id, `{profiles}/{client_id}`.
    pub profiles: Option<ServiceUrl>,
    /// Where the leaderboard is, and where scores are reported to.
    pub leaderboard: Option<ServiceUrl>,
    /// How long one attempt may take: 100 ms to 60 s.
    pub timeout: Duration,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self { profiles: None, leaderboard: None, timeout: Duration::from_secs(5) }
    }
}

/// Why nobody can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A timeout that is none.
    #[error("must be {} to {} ms, not {given_ms}", TIMEOUT_MIN.as_millis(), TIMEOUT_MAX.as_millis())]
    Timeout {
        /// What it was to be, in milliseconds.
        given_ms: u128,
    },
    /// No certificates, most of all.
    #[error("cannot ask a service by HTTPS: {0}")]
    Client(String),
}

/// What was asked so far. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Attempts, the first of each question and all others.
    pub attempts: u64,
    /// Attempts that came after a failure.
    pub retries: u64,
    /// Questions and reports without an answer, after all attempts.
    pub failures: u64,
}

/// What has gone to and fro so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// Questions and reports.
    pub asked: Asked,
    /// What was in the reports, and what waits to be.
    pub scores: Scores,
}

#[derive(Debug, Default)]
struct Counters {
    attempts: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
    scores_waiting: AtomicU64,
    scores_delivered: AtomicU64,
    scores_refused: AtomicU64,
    scores_lost: AtomicU64,
    players_forgotten: AtomicU64,
}

#[derive(Debug)]
struct Limits {
    questions: Semaphore,
    reports: Semaphore,
    counters: Counters,
}

/// Asks the service. Clones ask the same one, within the same limits.
///
/// What its methods give are futures for a tokio runtime with time and I/O. Dropping one ends its question. What is
/// `drawn` spreads the pauses of those who failed together.
#[derive(Clone, Debug)]
pub struct Service {
    client: Client,
    config: ServiceConfig,
    limits: Arc<Limits>,
}

/// Two are equal that ask the same.
impl PartialEq for Service {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl Service {
    /// For the services of `config`. Reads the system's certificates if one of them is asked by HTTPS; asks nobody yet.
    ///
    /// # Errors
    /// If the timeout is out of bounds, or if there are no certificates to tell whom to trust.
    pub fn new(config: ServiceConfig) -> Result<Self, ServiceError> {
        if !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(&config.timeout) {
            return Err(ServiceError::Timeout { given_ms: config.timeout.as_millis() });
        }
        let client = client(&config).map_err(|error| ServiceError::Client(words(&error)))?;
        let limits = Limits {
            questions: Semaphore::new(IN_FLIGHT_MAX),
            reports: Semaphore::new(1),
            counters: Counters::default(),
        };
        Ok(Self { client, config, limits: Arc::new(limits) })
    }

    /// Whether there is somebody to ask for profiles.
    pub fn has_profiles(&self) -> bool {
        self.config.profiles.is_some()
    }

    /// Whether there is somebody to ask for the leaderboard, and to report to.
    pub fn has_leaderboard(&self) -> bool {
        self.config.leaderboard.is_some()
    }

    /// Asks for the profile of a player. One of whom the service does not know, by status 404, has an empty one.
    pub fn profile(
        &self,
        client_id: u32,
        drawn: u64,
    ) -> impl Future<Output = Result<Profile, Fault>> + Send + use<> {
        let service = self.clone();
        async move {
            let url = service.config.profiles.as_ref().map(|url| url.of_player(client_id));
            let read = |bytes: &[u8]| Profile::from_answer(client_id, bytes);
            let profile = match service.ask(url, drawn, read).await {
                Err(Fault::Status(404)) => Ok(Profile { client_id, ..Profile::default() }),
                other => other,
            };
            service.note_end(profile)
        }
    }

    /// Asks for the leaderboard.
    pub fn leaderboard(&self, drawn: u64) -> impl Future<Output = Result<Leaderboard, Fault>> + Send + use<> {
        let service = self.clone();
        async move {
            let url = service.config.leaderboard.as_ref().map(ServiceUrl::whole);
            let board = service.ask(url, drawn, Leaderboard::from_answer).await;
            service.note_end(board)
        }
    }

    /// Reports scores, once: an [`super::Outbox`] reports them again where that failed. A status that says that they are taken
    /// is enough, whatever comes behind it.
    pub fn report(&self, batch: Batch) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let service = self.clone();
        async move {
            let url = service.config.leaderboard.as_ref().ok_or(Fault::NoService)?.whole();
            let body = answers::report(&batch);
            let request = service.client.post(url).header(CONTENT_TYPE, "application/json").body(body);
            let is_taken = async |response: Response| check_status(&response);
            let reported = service.attempt(request, &service.limits.reports, is_taken).await;
            service.note_end(reported)
        }
    }

    /// What was asked so far.
    pub fn asked(&self) -> Asked {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { attempts, retries, failures, .. } = &self.limits.counters;
        Asked { attempts: count(attempts), retries: count(retries), failures: count(failures) }
    }

    /// What was asked so far, and how the scores of whoever reports them stood when it last said so.
    pub fn status(&self) -> ServiceStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.limits.counters;
        let scores = Scores {
            waiting: count(&counters.scores_waiting),
            delivered: count(&counters.scores_delivered),
            refused: count(&counters.scores_refused),
            lost: count(&counters.scores_lost),
            forgotten: count(&counters.players_forgotten),
        };
        ServiceStatus { asked: self.asked(), scores }
    }

    /// So the scores stand that are reported here, for [`Service::status`].
    pub fn note_scores(&self, scores: Scores) {
        let counters = &self.limits.counters;
        counters.scores_waiting.store(scores.waiting, Ordering::Relaxed);
        counters.scores_delivered.store(scores.delivered, Ordering::Relaxed);
        counters.scores_refused.store(scores.refused, Ordering::Relaxed);
        counters.scores_lost.store(scores.lost, Ordering::Relaxed);
        counters.players_forgotten.store(scores.forgotten, Ordering::Relaxed);
    }

    /// Asks until there is an answer, or a fault that will not pass, or it has been tried often enough.
    async fn ask<T>(
        &self,
        url: Option<Url>,
        drawn: u64,
        read: impl Fn(&[u8]) -> Result<T, AnswerError>,
    ) -> Result<T, Fault> {
        let url = url.ok_or(Fault::NoService)?;
        let mut failures = 0;
        loop {
            let request = self.client.get(url.clone()).header(ACCEPT, "application/json");
            let bytes = self.attempt(request, &self.limits.questions, bytes_of).await;
            let answer = bytes.and_then(|bytes| read(&bytes).map_err(Fault::Malformed));
            failures += 1;
            if answer.as_ref().err().is_some_and(Fault::may_pass) && failures < ATTEMPTS_MAX {
                pause(backoff(failures, drawn.rotate_left(16 * failures))).await;
                self.limits.counters.retries.fetch_add(1, Ordering::Relaxed);
            } else {
                return answer;
            }
        }
    }

    /// One question, and of its answer what `read` makes of it. Its time begins when it has its turn.
    async fn attempt<T>(
        &self,
        request: RequestBuilder,
        turns: &Semaphore,
        read: impl AsyncFnOnce(Response) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let _turn = turns.acquire().await.expect("nobody closes it");
        self.limits.counters.attempts.fetch_add(1, Ordering::Relaxed);
        let whole = async { read(request.send().await.map_err(fault)?).await };
        let timeout = self.config.timeout;
        match tokio::time::timeout(timeout, whole).await {
            Err(_) | Ok(Err(Fault::TimedOut(_))) => Err(Fault::TimedOut(timeout)),
            Ok(answer) => answer,
        }
    }

    fn note_end<T>(&self, answer: Result<T, Fault>) -> Result<T, Fault> {
        self.limits.counters.failures.fetch_add(answer.is_err().into(), Ordering::Relaxed);
        answer
    }
}

/// A client that goes nowhere but where it is sent, and tells only of itself.
fn client(config: &ServiceConfig) -> Result<Client, reqwest::Error> {
    // For the whole process, as there is no other way; if it has one already, that is taken.
    let _had_one = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("tickcast/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(config.timeout.min(CONNECT_MAX))
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IN_FLIGHT_MAX)
        .http1_max_headers(HEADERS_MAX);
    let is_secure = [&config.profiles, &config.leaderboard].into_iter().flatten().any(ServiceUrl::is_secure);
    // Who asks nobody by HTTPS needs no certificates, and a small image may have none.
    if is_secure { builder } else { builder.tls_certs_only([]) }.build()
}

fn check_status(response: &Response) -> Result<(), Fault> {
    match response.status() {
        status if status.is_redirection() => Err(Fault::Elsewhere(status.as_u16())),
        status if status.is_success() => Ok(()),
        status => Err(Fault::Status(status.as_u16())),
    }
}

/// All of an answer, if it is one.
async fn bytes_of(mut response: Response) -> Result<Vec<u8>, Fault> {
    check_status(&response)?;
    if response.content_length().is_some_and(|length| length > ANSWER_BYTES_MAX as u64) {
        return Err(Fault::TooLong);
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(fault)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Fault::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn fault(error: reqwest::Error) -> Fault {
    match error {
        error if error.is_timeout() => Fault::TimedOut(Duration::ZERO),
        error if error.is_connect() => Fault::Unreachable(words(&error)),
        error => Fault::Broken(words(&error)),
    }
}

/// The innermost reason: those around it only say that there is one, and may name the address with its password.
fn words(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().chars().take(TOLD_CHARS_MAX).flat_map(char::escape_debug).collect()
}

#[expect(clippy::disallowed_methods, reason = "the edge: what failed is not asked again at once")]
async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}
