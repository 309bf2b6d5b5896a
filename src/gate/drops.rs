//! What is refused at the gate or in the tick, and how often.

use std::time::Duration;

use serde::Serialize;

use super::shared::{AtomicU64, Ordering};

/// Declares the reasons once: the enum, their number, their names.
macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $reason:ident = $name:literal,)+) => {
        /// Why a datagram, or what it asked for, was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DropReason {
            $($(#[doc = $doc])+ $reason,)+
        }

        impl DropReason {
            /// Every reason, in the order of their counters.
            pub const ALL: &[DropReason] = &[$(DropReason::$reason,)+];

            /// The name of its counter.
            pub fn name(self) -> &'static str {
                match self {
                    $(DropReason::$reason => $name,)+
                }
            }
        }
    };
}

drop_reasons! {
    /// From an address that can be nobody's: port 0, multicast, unspecified.
    Source = "source",
    /// Of a length that no message of a client has.
    Length = "length",
    /// Of a right length, but no message.
    Malformed = "malformed",
    /// From an address that does not play, and not a hello.
    UnknownPeer = "unknown_peer",
    /// From a peer, but with another session than its own.
    Session = "session",
    /// From a peer, but with another client id than its own.
    ClientId = "client_id",
    /// A move that is not newer than the last: replayed, duplicated or overtaken.
    Sequence = "sequence",
    /// More datagrams than a peer may send.
    Rate = "rate",
    /// A first hello, one of another version, or one whose ticket is missing or wrong, that got no answer: there were too many.
    Unanswered = "unanswered",
    /// A hello with a proof that this server did not hand out to its address.
    Proof = "proof",
    /// A hello with a proof that is too old.
    ProofExpired = "proof_expired",
    /// A hello that is older than the one its peer plays by, or than the end of the session that it asked for.
    StaleHello = "stale_hello",
    /// A hello of another version of the protocol; answered with a refusal.
    Version = "version",
    /// The queue to the tick was full, or had no place left for hellos.
    QueueFull = "queue_full",
    /// A command for a peer that had gone by the time of the tick.
    PeerGone = "peer_gone",
    /// A move to a place outside the world; the player stays where it is.
    OutsideWorld = "outside_world",
    /// A move that the game refused; the player stays where it is.
    MoveRefused = "move_refused",
    /// A move that the game corrected: the player is where the game has put it.
    Corrected = "corrected",
    /// A move made before its client knew of the newest correction; the player stays where it is.
    Superseded = "superseded",
    /// A hello answered with a refusal: the server was full.
    Full = "full",
    /// A hello answered with a refusal: another peer plays as its client id.
    ClientIdInUse = "client_id_in_use",
    /// A hello answered with a refusal: its client id may not play.
    ClientIdNotAllowed = "client_id_not_allowed",
    /// A hello answered with a refusal: it asks for an encoding that does not exist.
    Encoding = "encoding",
    /// A hello answered with a refusal: the server was stopping.
    ShuttingDown = "shutting_down",
    /// A hello without a ticket, answered with a refusal: the server wants one.
    TicketNeeded = "ticket_needed",
    /// A hello answered with a refusal: no key of the server opens its ticket.
    TicketUnreadable = "ticket_unreadable",
    /// A hello answered with a refusal: its ticket has expired.
    TicketExpired = "ticket_expired",
    /// A hello answered with a refusal: its ticket is for another server.
    TicketServer = "ticket_server",
    /// A hello answered with a refusal: its ticket is for another client id.
    TicketClient = "ticket_client",
    /// A hello whose ticket was not looked at: there were too many.
    NotLookedAt = "not_looked_at",
    /// A hello answered with a refusal: it was not made with the session key of its ticket.
    TicketBearer = "ticket_bearer",
    /// A hello answered with a refusal: the game does not let the client play.
    Game = "game",
    /// A move or leave in clear, where the server wants tickets.
    Unsealed = "unsealed",
    /// A sealed datagram that its peer has not sealed, or not for this session.
    Forged = "forged",
    /// A sealed datagram that has come before, or so late that nobody knows.
    Replayed = "replayed",
    /// A move with extras from a peer whose hello did not say that it sends them.
    Extras = "extras",
    /// A message above the rate, not taken; the move that carried it counts for itself. A reliable one comes again.
    MessageRate = "message_rate",
}

/// How often each [`DropReason`] was met. Shared by whoever receives, ticks and reports.
#[derive(Debug)]
pub struct Drops {
    counts: [AtomicU64; DropReason::ALL.len()],
}

impl Default for Drops {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl Drops {
    /// Counts one.
    pub(crate) fn count(&self, reason: DropReason) {
        self.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often so far.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.counts[reason as usize].load(Ordering::Relaxed)
    }

    /// All together.
    pub fn total(&self) -> u64 {
        DropReason::ALL.iter().map(|&reason| self.of(reason)).sum()
    }

    /// The reasons that were met, with their counts.
    pub fn met(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.iter().map(|&reason| (reason, self.of(reason))).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for Drops {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(DropReason::ALL.iter().map(|&reason| (reason.name(), self.of(reason))))
    }
}

/// Lets one refusal a second through to the log, for each reason: a flood fills counters, not disks.
#[derive(Debug)]
pub(super) struct Sampler {
    /// The second after the one in which the last was let through, by the server's age.
    seconds: [AtomicU64; DropReason::ALL.len()],
}

impl Default for Sampler {
    fn default() -> Self {
        Self { seconds: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl Sampler {
    pub(super) fn is_due(&self, age: Duration, reason: DropReason) -> bool {
        let next = age.as_secs() + 1;
        self.seconds[reason as usize].fetch_max(next, Ordering::Relaxed) < next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_a_second_is_logged_for_each_reason() {
        let sampler = Sampler::default();
        let at = Duration::from_millis;
        assert!(sampler.is_due(at(10), DropReason::Length));
        assert!(!sampler.is_due(at(990), DropReason::Length));
        assert!(sampler.is_due(at(990), DropReason::Session));
        assert!(sampler.is_due(at(1000), DropReason::Length));
    }
}
