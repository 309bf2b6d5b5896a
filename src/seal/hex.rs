//! Bytes as digits, two each.

use std::fmt::Write as _;

pub(super) fn write(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _a_string_takes_it = write!(text, "{byte:02x}");
        text
    })
}

/// Exactly `N` bytes. `None` if the text is anything else.
pub(super) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let digit = |at: usize| (digits[at] as char).to_digit(16).map(|digit| digit as u8);
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = digit(2 * at)? << 4 | digit(2 * at + 1)?;
    }
    Some(bytes)
}
