//! What the standard game and its clients say to one another, beside moves and snapshots: docs/MESSAGES.md, byte by byte.
//!
//! A message is a byte that says its kind, and fields, little endian. Kinds below [`KINDS_FROM`] are those here; a game that
//! builds on this one has the others for its own.

use crate::profiles::{Entry, Name, Profile, Totals};
use crate::wire::{Bounds, Position};

/// The first kind that is not the standard game's: for chat, trade, attacks.
pub const KINDS_FROM: u8 = 16;
/// How many entries of the leaderboard are told.
pub const BOARD_TOLD_MAX: usize = 10;

const PROFILE: u8 = 1;
const BOARD: u8 = 2;
const WHO: u8 = 3;
const LEVEL: u8 = 4;

/// Bytes of what is said of a level, less its name.
const LEVEL_BYTES: usize = 18;
/// Bytes of an entry of the leaderboard, less its name: client id, score, and the length of the name.
const ENTRY_BYTES: usize = 13;

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// What its player is called.
    Name(Name),
    /// It wants the leaderboard.
    Board,
    /// It wants to know what another is called.
    Who(u32),
    /// It wants to know which level is played.
    Level,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Who its player is: its name and what it has done, as of now.
    Profile {
        /// Its name, empty if nobody has said.
        name: Name,
        /// What it has done.
        totals: Totals,
    },
    /// A part of the leaderboard.
    Board {
        /// The place of the first entry here; 0, and the leaderboard begins anew.
        first: u8,
        /// How many places are told in all.
        places: u8,
        /// The entries, in order.
        entries: Vec<Entry>,
    },
    /// What a player is called.
    Who {
        /// The player.
        client_id: u32,
        /// Its name, empty if nobody has said.
        name: Name,
    },
    /// Which level is played from now on, and where one may stand.
    Level {
        /// The file of the level, without its folder; empty if there is none, or if that is no name.
        name: Name,
        /// All places.
        bounds: Bounds,
    },
}

impl Said {
    /// Writes it, after what is in `bytes`.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Said::Name(name) => {
                bytes.push(PROFILE);
                put_name(bytes, name);
            }
            Said::Board => bytes.push(BOARD),
            Said::Who(client_id) => {
                bytes.push(WHO);
                bytes.extend(client_id.to_le_bytes());
            }
            Said::Level => bytes.push(LEVEL),
        }
    }

    /// Reads it. `None` for what is not of this page: another game's, or wrong.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&kind, mut rest) = bytes.split_first()?;
        let said = match kind {
            PROFILE => Said::Name(take_name(&mut rest)?),
            BOARD => Said::Board,
            WHO => Said::Who(u32::from_le_bytes(take(&mut rest)?)),
            LEVEL => Said::Level,
            _ => return None,
        };
        rest.is_empty().then_some(said)
    }
}

impl Told {
    /// Reads it. `None` for what is not of this page: another game's, or wrong.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&kind, mut rest) = bytes.split_first()?;
        let told = match kind {
            PROFILE => {
                let name = take_name(&mut rest)?;
                let mut number = || take(&mut rest).map(u64::from_le_bytes);
                let (distance, played_ms, catches) = (number()?, number()?, number()?);
                Told::Profile { name, totals: Totals { distance, played_ms, catches } }
            }
            BOARD => {
                let [first, places] = take(&mut rest)?;
                let mut entries = Vec::new();
                while !rest.is_empty() {
                    entries.push(take_entry(&mut rest)?);
                }
                Told::Board { first, places, entries }
            }
            WHO => {
                let client_id = u32::from_le_bytes(take(&mut rest)?);
                Told::Who { client_id, name: take_name(&mut rest)? }
            }
            LEVEL => {
                let name = take_name(&mut rest)?;
                let bounds = Bounds { min: take_place(&mut rest)?, max: take_place(&mut rest)? };
                Told::Level { name, bounds }
            }
            _ => return None,
        };
        rest.is_empty().then_some(told)
    }
}

/// Writes who a player is.
pub(super) fn write_profile(profile: &Profile, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.push(PROFILE);
    put_name(bytes, &profile.name);
    let Totals { distance, played_ms, catches } = profile.totals;
    [distance, played_ms, catches].into_iter().for_each(|number| bytes.extend(number.to_le_bytes()));
}

/// Writes what a player is called.
pub(super) fn write_who(client_id: u32, name: &Name, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.push(WHO);
    bytes.extend(client_id.to_le_bytes());
    put_name(bytes, name);
}

/// Writes as many entries of a leaderboard, from place `first` on, as there is room for in `most` bytes, and gives the place
/// of the next one. Nothing fits into less than 48 bytes.
pub(super) fn write_board(entries: &[Entry], first: usize, most: usize, bytes: &mut Vec<u8>) -> usize {
    bytes.clear();
    bytes.extend([BOARD, first as u8, entries.len() as u8]);
    let mut next = first;
    while let Some(entry) = entries.get(next)
        && bytes.len() + ENTRY_BYTES + entry.name.as_str().len() <= most
    {
        bytes.extend(entry.client_id.to_le_bytes());
        bytes.extend(entry.score.to_le_bytes());
        put_name(bytes, &entry.name);
        next += 1;
    }
    next
}

/// Writes which level is played. Where its name does not fit into `most` bytes, it is left out.
pub(super) fn write_level(name: &Name, bounds: Bounds, most: usize, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.push(LEVEL);
    let fits = LEVEL_BYTES + name.as_str().len() <= most;
    put_name(bytes, &if fits { *name } else { Name::default() });
    for unit in [bounds.min.x, bounds.min.y, bounds.max.x, bounds.max.y] {
        bytes.extend(unit.to_le_bytes());
    }
}

fn put_name(bytes: &mut Vec<u8>, name: &Name) {
    let text = name.as_str().as_bytes();
    bytes.push(text.len() as u8);
    bytes.extend_from_slice(text);
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn take_name(rest: &mut &[u8]) -> Option<Name> {
    let [length] = take(rest)?;
    let (name, behind) = rest.split_at_checked(length.into())?;
    *rest = behind;
    Name::from_bytes(name).ok()
}

fn take_place(rest: &mut &[u8]) -> Option<Position> {
    let (x, y) = (i32::from_le_bytes(take(rest)?), i32::from_le_bytes(take(rest)?));
    Some(Position { x, y })
}

fn take_entry(rest: &mut &[u8]) -> Option<Entry> {
    let (client_id, score) = (u32::from_le_bytes(take(rest)?), u64::from_le_bytes(take(rest)?));
    Some(Entry { client_id, score, name: take_name(rest)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_told_by_its_name_and_bounds_byte_by_byte() {
        let bounds = Bounds { min: Position { x: 0, y: -1 }, max: Position { x: 511, y: 2 } };
        let (name, mut bytes) = (Name::new("yard.tmx").expect("a name"), vec![9]);
        write_level(&name, bounds, 26, &mut bytes);
        let places = [0, 0, 0, 0, 255, 255, 255, 255, 255, 1, 0, 0, 2, 0, 0, 0];
        assert_eq!(bytes, [&[4, 8][..], b"yard.tmx", &places].concat());
        assert_eq!(Told::read(&bytes), Some(Told::Level { name, bounds }));
        for wrong in [&bytes[..25], &[&bytes[..], &[0]].concat()] {
            assert_eq!(Told::read(wrong), None);
        }
        write_level(&name, bounds, 25, &mut bytes);
        assert_eq!(Told::read(&bytes), Some(Told::Level { name: Name::default(), bounds }));
    }

    #[test]
    fn who_asks_for_the_level_says_one_byte() {
        let mut bytes = Vec::new();
        Said::Level.write(&mut bytes);
        assert_eq!(
            (&bytes[..], Said::read(&bytes), Said::read(&[4, 0])),
            (&[4][..], Some(Said::Level), None)
        );
    }
}
