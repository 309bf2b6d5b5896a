//! Why a service gives no answer, and whether it may give one later.

use std::time::Duration;

use super::{ANSWER_BYTES_MAX, AnswerError};

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

    /// Whether it is what was said that the service does not take, and not who says it, where, or when.
    pub fn is_of_content(&self) -> bool {
        matches!(self, Fault::Status(400 | 409 | 413 | 422))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_is_tried_again_only_if_it_may_pass() {
        let passes = |status| Fault::Status(status).may_pass();
        assert!([500, 502, 503, 504, 429, 408].into_iter().all(passes));
        assert!(![400, 401, 403, 404, 410].into_iter().any(passes));
        assert!([400, 409, 413, 422].into_iter().all(|status| Fault::Status(status).is_of_content()));
        assert!(
            ![401, 403, 404, 405, 429, 500].into_iter().any(|status| Fault::Status(status).is_of_content())
        );
        assert!(!Fault::Elsewhere(302).may_pass() && Fault::TimedOut(Duration::ZERO).may_pass());
    }
}
