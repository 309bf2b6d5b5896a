//! What keeps a client in the town, whoever plays there: people, bots, and the test on bad networks.

use std::time::{Duration, Instant};

use tickcast::client::{Client, Event, Phase};
use tickcast::game::words::Said;
use tickcast::mail::Delivery;
use tickcast::wire::ClosedReason;

use crate::rules::words::Wish;

/// From a refusal, or the end of a session, to the next try.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// What a client owes the town.
///
/// [`Tie::on_event`] with every event of the client, and [`Tie::hold`] whenever it is asked to speak: it comes again where it
/// was refused or its session has ended, unless the game has removed it, and asks for all that is so, the map too, wherever a stream of messages begins.
#[derive(Debug, Default)]
pub(crate) struct Tie {
    tries_again_at: Option<Instant>,
    owes_question: bool,
}

impl Tie {
    pub(crate) fn on_event(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Welcomed(welcome) => self.owes_question |= !welcome.is_resumed(),
            Event::Closed(ClosedReason::Removed(_)) => {}
            Event::Refused(_) | Event::Closed(_) => self.tries_again_at = Some(now + TRY_AGAIN_AFTER),
            Event::Snapshot(_) => {}
        }
    }

    pub(crate) fn hold(&mut self, now: Instant, client: &mut Client) {
        if self.tries_again_at.is_some_and(|at| at <= now) {
            self.tries_again_at = None;
            client.rejoin(now);
        }
        if self.owes_question && client.phase() == Phase::Playing {
            let mut map = Vec::new();
            Said::Level.write(&mut map);
            let mut ask = |question: &[u8]| client.send(Delivery::Reliable, question).is_ok();
            // Where too much waits to be said, it is asked the next time.
            self.owes_question = !(ask(&map) && ask(&Wish::News.bytes()));
        }
    }
}
