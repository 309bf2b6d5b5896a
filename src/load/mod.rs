//! What can it hold? Clients that play by themselves, counted, and the quick look.
//!
//! [`bots`] runs many clients in one process and says what they saw; [`send`] is one client that makes one
//! move; [`capacity`] starts servers and bots until it knows what the machine holds. All are libraries: the command
//! line only asks and prints.
//!
//! [`impair`] is a relay that makes a bad network of a good one.

mod age;
mod bot;
pub mod bots;
pub mod capacity;
mod epoch;
pub mod impair;
mod report;
mod schedule;
pub mod send;
mod tally;
mod walk;

pub use report::BotsReport;
pub use walk::{Area, AreaError, Walk, Walks};

use crate::wire::{ClosedReason, Refusal, RefusalReason, TicketFault};

/// Why the server does not let a client play, in words.
pub fn refusal_in_words(refusal: &Refusal) -> String {
    let detail = refusal.detail;
    match refusal.reason {
        RefusalReason::Version => format!("the server speaks version {detail} of the protocol"),
        RefusalReason::Full => "the server is full".into(),
        RefusalReason::ClientIdInUse => {
            format!("another client plays as this client id; if it stays silent, it is gone in {detail} s")
        }
        RefusalReason::ClientIdNotAllowed => "the server does not let this client id play".into(),
        RefusalReason::Encoding => "the server does not know this encoding".into(),
        RefusalReason::ShuttingDown => "the server is about to stop".into(),
        RefusalReason::TicketNeeded => "the server wants a ticket".into(),
        RefusalReason::Game => format!("the game does not let this client play: its reason {detail}"),
        RefusalReason::Ticket => {
            TicketFault::from_number(detail).map_or("the ticket is not good here", fault_in_words).into()
        }
    }
}

/// What is wrong with a ticket, in words.
fn fault_in_words(fault: TicketFault) -> &'static str {
    match fault {
        TicketFault::Unreadable => "none of the server's keys opens the ticket",
        TicketFault::Expired => "the ticket has expired",
        TicketFault::OtherServer => "the ticket is for another server",
        TicketFault::OtherClient => "the ticket is for another client id",
        TicketFault::NotItsBearer => "the ticket needs the session key that was made with it",
    }
}

/// Why the server ended a session, in words.
pub fn closed_in_words(reason: ClosedReason) -> &'static str {
    match reason {
        ClosedReason::ShuttingDown => "the server has stopped",
        ClosedReason::TimedOut => "the server had heard nothing for too long",
        ClosedReason::Replaced => "its player is played from another address now",
        ClosedReason::Left => "it has left",
        ClosedReason::Removed(_) => "the game has removed it",
    }
}
