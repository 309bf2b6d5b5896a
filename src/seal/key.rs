//! The keys that backend and server share, and the file that they are kept in.

use std::str::FromStr;

use super::aead::{KEY_BYTES, derive, first_number};
use super::hex;

/// What a key begins with as text.
const PREFIX: &str = "tickcast-key-1:";
/// Most keys of a server: one in use, the next, and some that still run out.
const KEYS_MAX: usize = 16;

/// Seals tickets, and opens them. Whoever has it decides who plays as whom.
///
/// As text: `tickcast-key-1:` and 64 hexadecimal digits. `Debug` shows its id only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TicketKey {
    bytes: [u8; KEY_BYTES],
    id: u64,
}

impl TicketKey {
    /// A key of 32 random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes, id: first_number(&derive(&bytes, &[], "tickcast key id")) }
    }

    /// By what tickets name it; tells nothing of it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The key as text, to be kept where few can read it.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", hex::write(&self.bytes))
    }

    /// The key that seals the one ticket with this salt.
    pub(super) fn of_ticket(&self, salt: &[u8; 24]) -> [u8; KEY_BYTES] {
        derive(&self.bytes, salt, "tickcast ticket")
    }
}

impl FromStr for TicketKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let digits = text.strip_prefix(PREFIX).ok_or(KeyError::Form)?;
        hex::read(digits).map(Self::from_bytes).ok_or(KeyError::Form)
    }
}

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TicketKey({:016x})", self.id)
    }
}

/// The keys of a server, at least one: all of them open tickets, the first mints.
///
/// As text, one a line, the newest first; empty lines and those that begin with `#` say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketKeys(Vec<TicketKey>);

impl TicketKeys {
    /// One key alone.
    pub fn one(key: TicketKey) -> Self {
        Self(vec![key])
    }

    /// The key that mints.
    pub fn newest(&self) -> &TicketKey {
        &self.0[0]
    }

    /// All of them, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &TicketKey> {
        self.0.iter()
    }

    /// The key with this id.
    pub(super) fn by_id(&self, id: u64) -> Option<&TicketKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl FromStr for TicketKeys {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(str::parse).collect::<Result<Vec<TicketKey>, _>>()?;
        match keys.len() {
            0 => Err(KeyError::None),
            1..=KEYS_MAX => Ok(Self(keys)),
            _ => Err(KeyError::TooMany),
        }
    }
}

/// Why text holds no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A line is something else. It is not shown: it may be a key with a slip in it.
    #[error("a key is {PREFIX} and 64 hexadecimal digits, one a line, as `tickcast key` makes it")]
    Form,
    /// No key at all.
    #[error("there is no key in it; `tickcast key` makes one")]
    None,
    /// More than a server looks through.
    #[error("there are more than {KEYS_MAX} keys in it")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_never_shown() {
        let key = TicketKey::from_bytes([0xab; 32]);
        assert_eq!(key.to_text().parse(), Ok(key));
        assert!(!format!("{key:?}").contains("abab"), "{key:?}");
        assert_eq!(format!("{key:?}"), format!("TicketKey({:016x})", key.id()));
        for wrong in ["", "tickcast-key-1:", "tickcast-key-2:00", &key.to_text()[1..], &key.to_text()[..78]] {
            assert_eq!(wrong.parse::<TicketKey>(), Err(KeyError::Form), "{wrong}");
        }
    }

    #[test]
    fn a_file_of_keys_has_the_newest_first() {
        let [new, old] = [1, 2].map(|byte| TicketKey::from_bytes([byte; 32]));
        let text = format!("# since May\n{}\n\n  {}  \n", new.to_text(), old.to_text());
        let keys: TicketKeys = text.parse().expect("two keys");
        assert_eq!((keys.newest(), keys.by_id(old.id()), keys.iter().count()), (&new, Some(&old), 2));
        assert_eq!("# nothing".parse::<TicketKeys>(), Err(KeyError::None));
        assert_eq!("no key".parse::<TicketKeys>(), Err(KeyError::Form));
        assert_eq!(format!("{}\n", new.to_text()).repeat(17).parse::<TicketKeys>(), Err(KeyError::TooMany));
    }
}
