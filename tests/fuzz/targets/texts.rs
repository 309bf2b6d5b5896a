//! Text that people write: settings, keys, passes, and single values.

use tickcast::TickRate;
use tickcast::cli::check_settings;
use tickcast::config::parse_world;
use tickcast::seal::{Pass, TicketKey, TicketKeys};

/// Reads the bytes, if they are text, as everything that is written in text; what was read is written and read again.
///
/// The first byte says as what.
pub(crate) fn texts(bytes: &[u8]) {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match kind % 6 {
        0 => _ = check_settings(text),
        1 => world(text),
        2 => tick_rate(text),
        3 => again(text.parse::<TicketKey>(), TicketKey::to_text),
        4 => again(text.parse::<Pass>(), Pass::to_text),
        _ => keys(text),
    }
}

fn again<T: std::str::FromStr + PartialEq, E>(read: Result<T, E>, write: impl Fn(&T) -> String) {
    if let Ok(read) = read {
        assert!(write(&read).parse::<T>().is_ok_and(|again| again == read));
    }
}

fn world(text: &str) {
    if let Ok(world) = parse_world(text) {
        assert!(world.contains(world.min) && world.contains(world.max));
    }
}

fn tick_rate(text: &str) {
    if let Ok(rate) = text.parse::<TickRate>() {
        assert!((0.99..=1_000.01).contains(&rate.hz()) && !rate.period().is_zero());
    }
}

fn keys(text: &str) {
    if let Ok(keys) = text.parse::<TicketKeys>() {
        assert!((1..=16).contains(&keys.iter().count()));
        let lines: Vec<String> = keys.iter().map(TicketKey::to_text).collect();
        assert!(lines.join("\n").parse::<TicketKeys>().is_ok_and(|again| again == keys));
    }
}
