//! The HTTP service: what is asked of it, and everything that may be wrong with it.
//!
//! Each attempt has a time for all of it, from waiting for its turn to the last byte of the answer; an answer has a size;
//! nothing is followed anywhere else and nothing is unpacked. What may pass is tried again, after a pause.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{AnswerError, Batch, Leaderboard, Profile, answers, backoff};

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
/// The longest address that is taken.
const URL_BYTES_MAX: usize = 2_048;
/// How much is told of what went wrong, in characters.
const TOLD_CHARS_MAX: usize = 200;

/// Where a service is: `http://` or `https://`. It may hold a name and a password, and is shown without.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ServiceUrl(Url);

/// Why something is not the address of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be read.
    #[error("an address of a service reads https://host/path: {0}")]
    Form(String),
    /// It is something else than HTTP.
    #[error("a service is asked by http:// or https://, not by {0}://")]
    Scheme(String),
    /// It ends in `#` and more, which is never sent.
    #[error("an address of a service has no # in it")]
    Fragment,
}

impl FromStr for ServiceUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlError::Form(format!("it has more than {URL_BYTES_MAX} bytes")));
        }
        let url = Url::parse(text).map_err(|error| UrlError::Form(error.to_string()))?;
        match url.scheme() {
            "http" | "https" if url.fragment().is_some() => Err(UrlError::Fragment),
            "http" | "https" => Ok(Self(url)),
            other => Err(UrlError::Scheme(other.to_owned())),
        }
    }
}

impl TryFrom<String> for ServiceUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        text.parse()
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceUrl({self}/..)")
    }
}

impl ServiceUrl {
    fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address of one player's profile: one more part of the path, before a query.
    fn of_player(&self, client_id: u32) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&client_id.to_string());
        }
        url
    }
}

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

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody answers there.
    #[error("the service cannot be reached: {0}")]
    Unreachable(String),
    /// The answer was not whole in time.
    #[error("the service did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The answer ended before its end, or is no HTTP.
    #[error("the answer of the service broke off: {0}")]
    Broken(String),
    /// It answered, and not with what was asked for.
    #[error("the service answers with status {0}")]
    Status(u16),
    /// It sends whoever asks elsewhere.
    #[error("the service sends elsewhere, with status {0}, and nobody goes there")]
    Elsewhere(u16),
    /// It answered more than is taken.
    #[error("the answer of the service is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// It answered something else.
    #[error("the answer of the service is wrong: {0}")]
    Malformed(AnswerError),
    /// No such service was named.
    #[error("there is no such service")]
    NoService,
}

impl Fault {
    /// Whether the same question may have an answer a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Fault::Unreachable(_) | Fault::TimedOut(_) | Fault::Broken(_) => true,
            Fault::Status(status) => *status >= 500 || matches!(status, 408 | 425 | 429),
            Fault::Elsewhere(_) | Fault::TooLong | Fault::Malformed(_) | Fault::NoService => false,
        }
    }
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

#[derive(Debug, Default)]
struct Counters {
    attempts: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
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
            match service.ask(url, drawn, read).await {
                Err(Fault::Status(404)) => Ok(Profile { client_id, ..Profile::default() }),
                other => other,
            }
        }
    }

    /// Asks for the leaderboard.
    pub fn leaderboard(&self, drawn: u64) -> impl Future<Output = Result<Leaderboard, Fault>> + Send + use<> {
        let service = self.clone();
        async move {
            let url = service.config.leaderboard.as_ref().map(|url| url.0.clone());
            service.ask(url, drawn, Leaderboard::from_answer).await
        }
    }

    /// Reports scores, once: an [`super::Outbox`] reports them again where that failed.
    pub fn report(&self, batch: &Batch) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let (service, body) = (self.clone(), answers::report(batch));
        async move {
            let url = service.config.leaderboard.as_ref().ok_or(Fault::NoService)?.0.clone();
            let request = service.client.post(url).header(CONTENT_TYPE, "application/json").body(body);
            let reported = service.attempt(request, &service.limits.reports).await;
            service.note_end(&reported);
            reported.map(|_| ())
        }
    }

    /// What was asked so far.
    pub fn asked(&self) -> Asked {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { attempts, retries, failures } = &self.limits.counters;
        Asked { attempts: count(attempts), retries: count(retries), failures: count(failures) }
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
            let bytes = self.attempt(request, &self.limits.questions).await;
            let answer = bytes.and_then(|bytes| read(&bytes).map_err(Fault::Malformed));
            failures += 1;
            if answer.as_ref().err().is_some_and(Fault::may_pass) && failures < ATTEMPTS_MAX {
                pause(backoff(failures, drawn.rotate_left(16 * failures))).await;
                self.limits.counters.retries.fetch_add(1, Ordering::Relaxed);
            } else {
                self.note_end(&answer);
                return answer;
            }
        }
    }

    /// One question within its time, with the answer's bytes.
    async fn attempt(&self, request: RequestBuilder, turns: &Semaphore) -> Result<Vec<u8>, Fault> {
        let whole = async {
            let _turn = turns.acquire().await.expect("nobody closes it");
            self.limits.counters.attempts.fetch_add(1, Ordering::Relaxed);
            bytes_of(request.send().await.map_err(fault)?).await
        };
        let timeout = self.config.timeout;
        match tokio::time::timeout(timeout, whole).await {
            Err(_) | Ok(Err(Fault::TimedOut(_))) => Err(Fault::TimedOut(timeout)),
            Ok(answer) => answer,
        }
    }

    fn note_end<T>(&self, answer: &Result<T, Fault>) {
        let is_failure = answer.as_ref().err().is_some_and(|fault| *fault != Fault::Status(404));
        self.limits.counters.failures.fetch_add(is_failure.into(), Ordering::Relaxed);
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

/// All of an answer, if it is one.
async fn bytes_of(mut response: Response) -> Result<Vec<u8>, Fault> {
    let status = response.status();
    if status.is_redirection() {
        return Err(Fault::Elsewhere(status.as_u16()));
    }
    if !status.is_success() {
        return Err(Fault::Status(status.as_u16()));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<ServiceUrl, UrlError> {
        text.parse()
    }

    #[test]
    fn a_player_is_one_more_part_of_the_path() {
        let of = |text| url(text).expect("an address").of_player(7).to_string();
        assert_eq!(of("http://a"), "http://a/7");
        assert_eq!(of("https://a/b/"), "https://a/b/7");
        assert_eq!(of("http://a:81/b?key=c"), "http://a:81/b/7?key=c");
    }

    #[test]
    fn an_address_is_of_http_and_shown_without_what_is_secret() {
        let secret = url("https://anna:hush@host:8443/path?key=hush").expect("an address");
        assert_eq!(secret.to_string(), "https://host:8443");
        assert!(!format!("{secret:?}").contains("hush"));
        assert!(matches!(url("ftp://a"), Err(UrlError::Scheme(_))));
        assert!(matches!(url("file:///a"), Err(UrlError::Scheme(_))));
        assert_eq!(url("http://a/#b"), Err(UrlError::Fragment));
        for wrong in ["", "a", "/a", "http://", "http://a b/", &format!("http://a/{}", "b".repeat(3_000))] {
            assert!(matches!(url(wrong), Err(UrlError::Form(_))), "{wrong}");
        }
    }

    #[test]
    fn what_a_service_says_is_tried_again_only_if_it_may_pass() {
        let passes = |status| Fault::Status(status).may_pass();
        assert!([500, 502, 503, 504, 429, 408].into_iter().all(passes));
        assert!(![400, 401, 403, 404, 410].into_iter().any(passes));
        assert!(!Fault::Elsewhere(302).may_pass() && Fault::TimedOut(Duration::ZERO).may_pass());
    }
}
