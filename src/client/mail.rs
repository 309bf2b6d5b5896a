//! What a client says and hears beside places: messages, and corrections of where its player stands.

use std::time::{Duration, Instant};

use super::Client;
use crate::mail::{Delivery, Incoming, Outgoing, Queue, SendError};
use crate::wire::{
    Correction, MOVE_EXTRAS_BYTES_MIN, Messages, Position, SnapshotExtras, Welcome, extras_bytes_max,
    message_bytes_max, put_move_extras,
};

/// The client's end of what is said beside the snapshots.
#[derive(Debug)]
pub(super) struct Mail {
    began: Instant,
    /// How long datagrams are; 0 before the first welcome.
    datagram_bytes: usize,
    outgoing: Outgoing,
    incoming: Incoming,
    /// What has arrived, and waits to be taken.
    inbox: Queue,
    unread: u64,
    /// The newest correction of the streams.
    correction: Option<Correction>,
    /// Whether it waits to be taken.
    is_news: bool,
    /// Whether the server does not know yet that it has arrived.
    is_open: bool,
}

impl Mail {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            datagram_bytes: 0,
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
            inbox: Queue::default(),
            unread: 0,
            correction: None,
            is_news: false,
            is_open: false,
        }
    }

    /// A session begins: the streams go on, or both ends begin anew.
    pub(super) fn on_welcome(&mut self, welcome: &Welcome) {
        self.datagram_bytes = welcome.datagram_bytes as usize;
        if !welcome.is_resumed() {
            self.outgoing.begin_anew(message_bytes_max(self.datagram_bytes));
            self.incoming = Incoming::default();
            (self.correction, self.is_news, self.is_open) = (None, false, false);
        }
    }

    /// A snapshot of the session has come, the first of its tick or not, newer than all before or not.
    pub(super) fn on_snapshot(
        &mut self,
        extras: Option<&SnapshotExtras<'_>>,
        is_first: bool,
        is_newest: bool,
    ) {
        let correction = extras.and_then(|extras| extras.correction);
        if is_newest {
            self.on_correction(correction);
        }
        if let Some(extras) = extras {
            self.outgoing.on_received(extras.received);
            self.on_messages(extras.messages, is_first);
        }
    }

    /// Every snapshot names a correction until a move has echoed it.
    fn on_correction(&mut self, correction: Option<Correction>) {
        self.is_open = correction.is_some();
        if let Some(newest) = correction
            && self.correction.is_none_or(|known| known.number != newest.number)
        {
            (self.correction, self.is_news) = (correction, true);
        }
    }

    fn on_messages(&mut self, messages: Messages<'_>, is_first: bool) {
        for message in messages {
            let is_reliable = message.sequence != 0;
            let is_wanted = if is_reliable { self.incoming.expects(message.sequence) } else { is_first };
            if !is_wanted {
                continue;
            }
            if !self.inbox.has_room(message.bytes.len()) {
                self.unread += u64::from(!is_reliable);
                continue;
            }
            self.inbox.push(message.bytes.into());
            if is_reliable {
                self.incoming.take();
            }
        }
    }

    /// Appends the extras of a move, if there is anything to say.
    pub(super) fn write(&mut self, now: Instant, out: &mut Vec<u8>) {
        let age: Duration = now.saturating_duration_since(self.began);
        let correction = self.correction.filter(|_| self.is_open && !self.is_news);
        let has_due = self.outgoing.has_due(age);
        if correction.is_none() && self.incoming.owed().is_none() && !has_due {
            return;
        }
        let received = self.incoming.owed().unwrap_or(0);
        put_move_extras(correction.map_or(0, |correction| correction.number), received, out);
        self.incoming.on_said();
        if has_due {
            let room = extras_bytes_max(self.datagram_bytes).saturating_sub(MOVE_EXTRAS_BYTES_MIN);
            self.outgoing.write(age, room, out);
        }
    }
}

impl Client {
    /// Says something to the game, with the next moves: at most a quarter of a datagram, see
    /// [`crate::wire::message_bytes_max`].
    ///
    /// # Errors
    /// If the message is empty or too long, if too many wait already, or before the first welcome; then nothing is said.
    pub fn send(&mut self, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        let welcome = self.welcome.as_ref().ok_or(SendError::NobodyThere)?;
        let bytes_max = message_bytes_max(welcome.datagram_bytes as usize);
        self.mail.outgoing.send(delivery, message, bytes_max)
    }

    /// The oldest message of the game's that has not been taken. Take them often: while
    /// [`crate::mail::WAITING_MAX`] wait, reliable ones stay with the server, and others are lost.
    pub fn take_message(&mut self) -> Option<Box<[u8]>> {
        self.mail.inbox.pop()
    }

    /// The oldest reliable message of which nobody knows whether it has arrived: it was on its way when the server forgot
    /// the session. Until they are taken they have their places among what waits.
    pub fn take_lost(&mut self) -> Option<Box<[u8]>> {
        self.mail.outgoing.take_lost()
    }

    /// How many messages wait to be sent, or to be acknowledged.
    pub fn waiting_messages(&self) -> usize {
        self.mail.outgoing.waiting()
    }

    /// How many unreliable messages found no room because those before were not taken.
    pub fn unread_messages(&self) -> u64 {
        self.mail.unread
    }

    /// Where the server has put the player, if that is news. Moves that are made before this is taken count for nothing;
    /// those after it go from there.
    pub fn take_correction(&mut self) -> Option<Position> {
        let correction = self.mail.correction.filter(|_| self.mail.is_news)?;
        self.mail.is_news = false;
        Some(correction.at)
    }
}
