//! Maps, and what they name.

use std::io;
use std::path::Path;

use allocation_counter::measure;
use tickcast::level::Level;
use tickcast::wire::Position;

/// A level of few bytes may say that it is large, as far as its limits go: 2^24 tiles, of which three sets keep a bit and
/// one list eight bytes, while it is made.
const HEAP_MAX: u64 = 512 << 20;

/// Reads a level of which each file is the bytes up to the next zero: its own, then any that it names.
pub(crate) fn maps(bytes: &[u8]) {
    let mut files = bytes.split(|byte| *byte == 0);
    let mut read = |_: &Path, most: usize| match files.next() {
        Some(file) => Ok(file[..file.len().min(most)].to_vec()),
        None => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let mut level = None;
    let cost = measure(|| level = Some(Level::read(Path::new("maps/one.tmx"), &mut read)));
    assert!(cost.bytes_max <= HEAP_MAX, "{} bytes for {}", cost.bytes_max, bytes.len());
    match level.expect("it was read") {
        Ok(level) => walk(&level),
        Err(told) => assert!(!told.to_string().contains(char::is_control)),
    }
}

/// Whatever is asked of a level is answered, and true.
fn walk(level: &Level) {
    let (bounds, last) = (level.bounds(), level.spawns().len() as u64 - 1);
    for n in [0, 1, last, u64::MAX] {
        let (spawn, somewhere) = (level.spawn(n), level.somewhere(n));
        for at in [spawn, somewhere] {
            assert!(bounds.contains(at) && !level.is_wall(at), "{at:?}");
        }
        for to in [somewhere, bounds.min, bounds.max, Position { x: i32::MAX, y: i32::MIN }] {
            let _ = level.first_wall_on(spawn, to);
        }
        _ = level.exit_at(somewhere);
    }
    for exit in level.exits() {
        assert!(bounds.contains(exit.area.min) && bounds.contains(exit.area.max));
    }
}
