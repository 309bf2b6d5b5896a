//! Everyone's mailboxes, at a server.

use std::time::Duration;

use super::{Allowance, Delivery, Incoming, Outgoing, SendError, Turn};
use crate::wire::{
    Correction, MESSAGE_HEADER_BYTES, Message, SNAPSHOT_EXTRAS_BYTES_MIN, Tick, message_bytes_max,
    put_snapshot_extras,
};

/// One player's streams of messages, both ways.
#[derive(Debug, Default)]
pub struct Mailbox {
    outgoing: Outgoing,
    incoming: Incoming,
    /// A snapshot with messages whose answer is waited for, and when it was sent: one at a time.
    asked: Option<(Tick, Duration)>,
}

/// What becomes of a message that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is for whoever reads; [`Mailbox::take_kept`] may have more.
    Now,
    /// One before it is missing: it is kept, unless too much is.
    Later,
    /// It has come before, or too far ahead.
    OutOfTurn,
    /// There were too many lately. A reliable one comes again.
    TooMuch,
}

impl Mailbox {
    fn has_something(&self, now: Duration) -> bool {
        self.incoming.owed().is_some() || self.outgoing.has_due(now)
    }

    /// Takes a message of the player's, who may say so many bytes in a second, and has said some.
    pub fn take(
        &mut self,
        now: Duration,
        message: &Message<'_>,
        said: &mut Allowance,
        bytes_per_second: u32,
    ) -> Taken {
        let is_reliable = message.sequence != 0;
        let turn = if is_reliable { self.incoming.turn(message.sequence) } else { Turn::Now };
        if turn == Turn::Never {
            return Taken::OutOfTurn;
        }
        if !said.charge(now, MESSAGE_HEADER_BYTES + message.bytes.len(), bytes_per_second) {
            return Taken::TooMuch;
        }
        match turn {
            Turn::Now if is_reliable => drop(self.incoming.take()),
            Turn::Later => self.incoming.keep(message.sequence, message.bytes),
            Turn::Now | Turn::Never => {}
        }
        if turn == Turn::Now { Taken::Now } else { Taken::Later }
    }

    /// A message that has been kept, and whose turn has come.
    pub fn take_kept(&mut self) -> Option<Box<[u8]>> {
        self.incoming.first_kept()?;
        self.incoming.take()
    }
}

#[derive(Debug, Default)]
enum Row {
    /// Nobody is there, or nobody who reads messages.
    #[default]
    Nobody,
    /// A reader to whom nothing was said yet, and who has said nothing.
    Reader,
    Open(Box<Mailbox>),
}

/// The mailboxes of all players, each in the row that its player has in the world.
///
/// [`Office::admit`] who reads messages, [`Office::dismiss`] who goes; a player who only changes its address keeps what
/// waits. [`Office::send`] from one side; [`Office::of_sender`], [`Office::on_received`] and [`Office::write_extras`] for
/// what comes from the other and goes there. A mailbox is made when it is first needed.
#[derive(Debug)]
pub struct Office {
    rows: Vec<Row>,
    message_bytes_max: usize,
}

impl Office {
    /// For messages that fit into datagrams of this size.
    pub fn new(datagram_bytes: usize) -> Self {
        Self { rows: Vec::new(), message_bytes_max: message_bytes_max(datagram_bytes) }
    }

    /// A player begins to read. What waited in its row is gone.
    pub fn admit(&mut self, row: usize) {
        if row >= self.rows.len() {
            self.rows.resize_with(row + 1, Row::default);
        }
        self.rows[row] = Row::Reader;
    }

    /// Nobody in that row reads.
    pub fn dismiss(&mut self, row: usize) {
        if let Some(row) = self.rows.get_mut(row) {
            *row = Row::Nobody;
        }
    }

    /// Says something to a player.
    ///
    /// # Errors
    /// If the message is empty or too long, if too many wait, or if nobody reads there; then nothing has changed.
    pub fn send(&mut self, row: usize, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
        let bytes_max = self.message_bytes_max;
        let mailbox = self.of_sender(row).ok_or(SendError::NobodyThere)?;
        mailbox.outgoing.send(delivery, message, bytes_max)
    }

    /// The mailbox of a player who has said something; `None` if nobody reads there.
    pub fn of_sender(&mut self, row: usize) -> Option<&mut Mailbox> {
        let row = self.rows.get_mut(row)?;
        if matches!(row, Row::Reader) {
            *row = Row::Open(Box::default());
        }
        match row {
            Row::Open(mailbox) => Some(mailbox),
            Row::Nobody | Row::Reader => None,
        }
    }

    fn opened(&mut self, row: usize) -> Option<&mut Mailbox> {
        match self.rows.get_mut(row)? {
            Row::Open(mailbox) => Some(mailbox),
            Row::Nobody | Row::Reader => None,
        }
    }

    /// How many messages wait for the player, to be sent or to be acknowledged.
    pub fn waiting(&self, row: usize) -> usize {
        match self.rows.get(row) {
            Some(Row::Open(mailbox)) => mailbox.outgoing.waiting(),
            Some(Row::Nobody | Row::Reader) | None => 0,
        }
    }

    /// Whether the player has said something, or was said something. Else [`Office::write_extras`] has no message to write.
    pub fn has_mailbox(&self, row: usize) -> bool {
        matches!(self.rows.get(row), Some(Row::Open(_)))
    }

    /// The player has all reliable messages up to this one, and a snapshot as new as that of `answered`.
    pub fn on_received(&mut self, row: usize, now: Duration, received: u32, answered: Tick) {
        let Some(mailbox) = self.opened(row) else { return };
        mailbox.outgoing.on_received(now, received);
        if let Some((_, at)) = mailbox.asked.take_if(|(asked, _)| *asked <= answered) {
            mailbox.outgoing.on_answer(now.saturating_sub(at));
        }
    }

    /// Appends the extras of the player's snapshot of a tick, at most `bytes_max`, if there is anything to say: a correction or
    /// messages.
    pub fn write_extras(
        &mut self,
        row: usize,
        (tick, now): (Tick, Duration),
        correction: Option<Correction>,
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) {
        let mailbox = self.opened(row).filter(|mailbox| mailbox.has_something(now));
        if correction.is_none() && mailbox.is_none() {
            return;
        }
        let received = mailbox.as_ref().and_then(|mailbox| mailbox.incoming.owed()).unwrap_or(0);
        put_snapshot_extras(correction, received, out, |out| {
            if let Some(mailbox) = mailbox {
                mailbox.incoming.on_said();
                if mailbox.outgoing.has_due(now) {
                    mailbox.asked.get_or_insert((tick, now));
                    mailbox.outgoing.write(now, bytes_max - SNAPSHOT_EXTRAS_BYTES_MIN, out);
                }
            }
        });
    }
}
