//! What a player is called: short, and nothing that a terminal or a log would take for a command.

use std::fmt;

/// The most bytes of a name, in UTF-8.
pub const NAME_BYTES_MAX: usize = 32;

/// A name of up to [`NAME_BYTES_MAX`] bytes without control characters and others that are not seen. It may be empty: nobody has said.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; NAME_BYTES_MAX],
    length: u8,
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is too long.
    #[error("a name has {NAME_BYTES_MAX} bytes at the most, not {0}")]
    TooLong(usize),
    /// It holds what is not to be seen.
    #[error("a name has no control characters, nor others that are not seen")]
    Control,
    /// It is no text.
    #[error("a name is text in UTF-8")]
    NoText,
}

impl Name {
    /// Reads a name, be it from a file, a service or a player: none of them is trusted.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong(text.len()));
        }
        if text.chars().any(is_unseen) {
            return Err(NameError::Control);
        }
        let mut bytes = [0; NAME_BYTES_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length: text.len() as u8 })
    }

    /// The same of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NameError> {
        let most = &bytes[..bytes.len().min(NAME_BYTES_MAX + 1)];
        match std::str::from_utf8(most) {
            Ok(text) => Self::new(text),
            Err(_) if bytes.len() > NAME_BYTES_MAX => Err(NameError::TooLong(bytes.len())),
            Err(_) => Err(NameError::NoText),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length.into()]).expect("it was made of a text")
    }

    /// Whether nobody has said what the player is called.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Control characters, those that turn the direction of what stands around them, and those that take no room: two names that
/// look the same shall be the same.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
        )
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_text_that_can_be_shown() {
        assert_eq!(Name::new("Zoë 🐍").map(|name| name.to_string()), Ok("Zoë 🐍".to_owned()));
        assert!(Name::default().is_empty() && Name::new("") == Ok(Name::default()));
        assert_eq!(Name::new(&"ö".repeat(16)).map(|name| name.as_str().len()), Ok(NAME_BYTES_MAX));
        assert_eq!(Name::new(&"ö".repeat(17)), Err(NameError::TooLong(34)));
        let unseen = ["\u{61C}", "\u{AD}", "\u{200B}", "\u{200D}", "\u{2060}", "\u{FEFF}", "\u{E0041}"];
        for text in ["a\nb", "\u{1b}[2J", "a\u{202E}b", "\0"].into_iter().chain(unseen) {
            assert_eq!(Name::new(text), Err(NameError::Control), "{text:?}");
        }
    }

    #[test]
    fn bytes_of_any_kind_are_a_name_or_not() {
        assert_eq!(Name::from_bytes(b"Anna"), Name::new("Anna"));
        assert_eq!(Name::from_bytes(&[0xFF]), Err(NameError::NoText));
        assert_eq!(Name::from_bytes(&[b'a'; 40]), Err(NameError::TooLong(33)));
        assert_eq!(Name::from_bytes("ö".repeat(40).as_bytes()), Err(NameError::TooLong(80)));
    }
}
