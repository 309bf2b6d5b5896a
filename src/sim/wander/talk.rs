//! Messages and corrections in a play: the game that says and hears them, and the books of what must be true of them.

use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::Client;
use crate::game::{Game, Realm, Step, Verdict};
use crate::mail::Delivery;
use crate::secret::Secret;
use crate::wire::{Tick, Welcome};

/// One play in so many has a game that talks.
const ONE_IN: u64 = 3;
/// One move in so many is corrected to where the player stood.
const CORRECTED_ONE_IN: u64 = 40;
/// To each player the game says something in one tick of so many.
const SAID_ONE_IN: u64 = 4;
/// Every message is so long: it fits into the smallest datagrams.
const MESSAGE_BYTES: usize = 24;

/// Whether in the play of this seed clients and game talk. Drawn apart from all else, so that plays without are what they
/// were.
pub(super) fn is_talkative(seed: u64) -> bool {
    Secret::from_seed(seed).derive("talk").number(0).is_multiple_of(ONE_IN)
}

/// A message: how it is sent, in which life of its sender, and its number there.
type Said = (bool, u64, u64);

fn written((is_reliable, life, number): Said) -> [u8; MESSAGE_BYTES] {
    let mut bytes = [0; MESSAGE_BYTES];
    bytes[0] = is_reliable.into();
    bytes[8..16].copy_from_slice(&life.to_le_bytes());
    bytes[16..].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn read(bytes: &[u8]) -> Result<Said, String> {
    let bytes: &[u8; MESSAGE_BYTES] = bytes.try_into().map_err(|_| format!("nobody said {bytes:?}"))?;
    let (words, _) = bytes.as_chunks();
    Ok((bytes[0] == 1, u64::from_le_bytes(words[1]), u64::from_le_bytes(words[2])))
}

fn delivery(is_reliable: bool) -> Delivery {
    if is_reliable { Delivery::Reliable } else { Delivery::Unreliable }
}

/// What the game and the books share.
#[derive(Debug, Default)]
struct Table {
    heard: Vec<(u32, Vec<u8>)>,
    /// By player: the number of the last reliable message in this life of the server, and when it was said.
    said: HashMap<u32, (u64, Tick)>,
    unreliable: u64,
}

/// The game of one life of the server.
struct Talker {
    table: Arc<Mutex<Table>>,
    life: u64,
    /// It says nothing, and corrects nobody, after this tick.
    until: Tick,
}

impl Talker {
    fn say(&self, realm: &mut Realm<'_>, player: u32) {
        let mut table = locked(&self.table);
        let is_reliable = realm.random().is_multiple_of(2);
        let number = match is_reliable {
            true => table.said.get(&player).map_or(1, |said| said.0 + 1),
            false => table.unreliable + 1,
        };
        let message = written((is_reliable, self.life, number));
        match realm.send(player, delivery(is_reliable), &message) {
            Ok(()) if is_reliable => _ = table.said.insert(player, (number, realm.tick())),
            Ok(()) => table.unreliable = number,
            Err(_) => {}
        }
    }
}

impl Game for Talker {
    fn on_move(&mut self, realm: &mut Realm<'_>, step: &Step) -> Verdict {
        let is_drawn = realm.random().is_multiple_of(CORRECTED_ONE_IN);
        match step.from.filter(|_| is_drawn && realm.tick() < self.until) {
            Some(from) => Verdict::Correct(from),
            None => Verdict::Accept,
        }
    }

    fn on_message(&mut self, _realm: &mut Realm<'_>, player: u32, message: &[u8]) {
        locked(&self.table).heard.push((player, message.to_vec()));
    }

    fn on_tick(&mut self, realm: &mut Realm<'_>) {
        if realm.tick() < self.until {
            let players: Vec<u32> = realm.players().map(|player| player.client_id).collect();
            for player in players {
                if realm.random().is_multiple_of(SAID_ONE_IN) {
                    self.say(realm, player);
                }
            }
        }
    }
}

fn locked(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one life of a client has said.
#[derive(Debug, Default)]
struct Spoken {
    reliable: u64,
    unreliable: u64,
    /// The newest reliable one that the game has heard.
    heard: u64,
    /// Those that may have been lost, as the client was told.
    lost: HashSet<u64>,
    heard_unreliable: HashSet<u64>,
}

/// What a client has heard.
#[derive(Debug, Default)]
struct Listened {
    /// The newest reliable message: in which life of the server, and its number.
    last: (u64, u64),
    /// Nothing has come since both ends began anew.
    is_new: bool,
    /// When they did.
    since: Tick,
    unreliable: HashSet<(u64, u64)>,
}

/// The books of a play in which clients and game talk.
#[derive(Debug)]
pub(super) struct Books {
    first_id: u32,
    table: Arc<Mutex<Table>>,
    /// By client and its life.
    spoken: HashMap<(usize, u64), Spoken>,
    /// By client.
    listened: Vec<Listened>,
    /// How many messages have arrived.
    pub(super) arrived: u64,
}

impl Books {
    pub(super) fn new(clients: usize, first_id: u32) -> Self {
        let listened = (0..clients).map(|_| Listened::default()).collect();
        Self { first_id, table: Arc::default(), spoken: HashMap::new(), listened, arrived: 0 }
    }

    /// The game of the next life of the server.
    pub(super) fn game(&mut self, life: u64, until: Tick) -> Box<dyn Game> {
        *locked(&self.table) = Table::default();
        Box::new(Talker { table: self.table.clone(), life, until })
    }

    /// A client says something, if it can.
    pub(super) fn say(&mut self, index: usize, life: u64, client: &mut Client, drawn: u64) {
        let spoken = self.spoken.entry((index, life)).or_default();
        let is_reliable = drawn.is_multiple_of(2);
        let last = if is_reliable { &mut spoken.reliable } else { &mut spoken.unreliable };
        if client.send(delivery(is_reliable), &written((is_reliable, life, *last + 1))).is_ok() {
            *last += 1;
        }
    }

    /// The game has heard something, perhaps.
    pub(super) fn after_tick(&mut self) -> Result<(), String> {
        let heard = take(&mut locked(&self.table).heard);
        heard.into_iter().try_for_each(|(player, message)| self.on_heard(player, read(&message)?))
    }

    fn on_heard(&mut self, player: u32, (is_reliable, life, number): Said) -> Result<(), String> {
        self.arrived += 1;
        let index = (player - self.first_id) as usize;
        let spoken = self.spoken.get_mut(&(index, life)).ok_or(format!("{player} never lived {life}"))?;
        let said = if is_reliable { spoken.reliable } else { spoken.unreliable };
        let is_first = match is_reliable {
            true => number > spoken.heard,
            false => spoken.heard_unreliable.insert(number),
        };
        if number > said || !is_first {
            return Err(format!("{player} is heard with {number} of {said}, after {}", spoken.heard));
        }
        if is_reliable {
            let mut passed_over = spoken.heard + 1..number;
            if let Some(missing) = passed_over.find(|missing| !spoken.lost.contains(missing)) {
                return Err(format!("{player} is heard with {number}, and never with {missing}"));
            }
            spoken.heard = number;
        }
        Ok(())
    }

    /// A client is welcomed.
    pub(super) fn on_welcome(&mut self, index: usize, welcome: &Welcome) {
        if !welcome.is_resumed() {
            let listened = &mut self.listened[index];
            (listened.is_new, listened.since) = (true, welcome.tick);
        }
    }

    /// A client has taken in a datagram: reads what has come, and what is lost.
    pub(super) fn after_datagram(
        &mut self,
        index: usize,
        life: u64,
        client: &mut Client,
    ) -> Result<(), String> {
        while let Some(lost) = client.take_lost() {
            self.spoken.entry((index, life)).or_default().lost.insert(read(&lost)?.2);
        }
        while let Some(message) = client.take_message() {
            self.on_read(index, read(&message)?)?;
        }
        Ok(())
    }

    fn on_read(&mut self, index: usize, (is_reliable, life, number): Said) -> Result<(), String> {
        self.arrived += 1;
        let listened = &mut self.listened[index];
        let (last, next) = (listened.last, (life, number));
        let is_right = match (is_reliable, listened.is_new) {
            (false, _) => listened.unreliable.insert(next),
            (true, true) => next > last,
            (true, false) => next == (last.0, last.1 + 1),
        };
        if !is_right {
            return Err(format!("client {index} reads {next:?} after {last:?}, reliable: {is_reliable}"));
        }
        if is_reliable {
            (listened.last, listened.is_new) = (next, false);
        }
        Ok(())
    }

    /// Whether everything has arrived that was said to and by a client.
    pub(super) fn is_done(&self, index: usize, client: &Client) -> bool {
        let listened = &self.listened[index];
        let said = locked(&self.table).said.get(&(self.first_id + index as u32)).copied();
        let is_read = |(number, at)| number == listened.last.1 || at <= listened.since;
        client.waiting_messages() == 0 && said.is_none_or(is_read)
    }
}
