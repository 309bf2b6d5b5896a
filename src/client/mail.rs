//! What a client says and hears beside places: messages, and corrections of where its player stands.

use std::time::{Duration, Instant};

use super::Client;
use crate::mail::{Delivery, Incoming, Outgoing, Queue, SendError, Turn};
use crate::wire::{
    Correction, MOVE_EXTRAS_BYTES_MIN, Messages, Position, SnapshotExtras, SnapshotHeader, Welcome,
    extras_bytes_max, message_bytes_max, put_move_extras,
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
    /// A move whose answer is waited for, and its age: one at a time.
    asked: Option<(u32, Duration)>,
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
            asked: None,
        }
    }

    /// A session begins: the streams go on, or both ends begin anew.
    pub(super) fn on_welcome(&mut self, welcome: &Welcome) {
        self.asked = None;
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
        now: Instant,
        extras: Option<&SnapshotExtras<'_>>,
        is_first: bool,
        is_newest: bool,
    ) {
        let correction = extras.and_then(|extras| extras.correction);
        if is_newest {
            self.on_correction(correction);
        }
        if let Some(extras) = extras {
            self.outgoing.on_received(self.age(now), extras.received);
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
            match message.sequence {
                0 if is_first => self.on_unreliable(message.bytes),
                0 => {}
                sequence => self.on_reliable(sequence, message.bytes),
            }
        }
    }

    fn on_unreliable(&mut self, message: &[u8]) {
        if self.inbox.has_room(message.len()) {
            self.inbox.push(message.into());
        } else {
            self.unread += 1;
        }
    }

    fn on_reliable(&mut self, sequence: u32, message: &[u8]) {
        match self.incoming.turn(sequence) {
            Turn::Now if self.inbox.has_room(message.len()) => {
                self.inbox.push(message.into());
                self.incoming.take();
                self.hear_kept();
            }
            Turn::Now | Turn::Later => self.incoming.keep(sequence, message),
            Turn::Never => {}
        }
    }

    /// Those that came before their turn, as far as it has come and there is room.
    fn hear_kept(&mut self) {
        while self.incoming.first_kept().is_some_and(|kept| self.inbox.has_room(kept.len()))
            && let Some(kept) = self.incoming.take()
        {
            self.inbox.push(kept);
        }
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// A snapshot newer than all before says which moves are applied. One that is not, though a later one is, says nothing of
    /// the way there and back.
    pub(super) fn on_applied(&mut self, now: Instant, header: &SnapshotHeader) {
        let behind = |asked: u32| header.applied.wrapping_sub(asked);
        let Some((asked, at)) = self.asked.take_if(|(asked, _)| behind(*asked).cast_signed() >= 0) else {
            return;
        };
        let is_applied = match behind(asked) {
            0 => true,
            behind @ 1..=32 => header.applied_history >> (behind - 1) & 1 == 1,
            _ => false,
        };
        if is_applied {
            self.outgoing.on_answer(self.age(now).saturating_sub(at));
        }
    }

    /// Appends the extras of the move of that sequence, if there is anything to say.
    pub(super) fn write(&mut self, now: Instant, sequence: u32, out: &mut Vec<u8>) {
        let age = self.age(now);
        self.asked.get_or_insert((sequence, age));
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
        let message = self.mail.inbox.pop()?;
        self.mail.hear_kept();
        Some(message)
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
