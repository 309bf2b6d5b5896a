//! The files of a level: its own and those that it names, each read whole, and none too large.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use super::LevelError;
use super::tally::{Fault, Tally};

/// Bytes in all files of a level together.
pub const LEVEL_BYTES_MAX: usize = 64 << 20;
/// Files of a level. Templates may name one another in a circle.
const FILES_MAX: u64 = 32;

/// Gives what is in a file, which may be cut off behind so many bytes.
pub type ReadFile<'a> = dyn FnMut(&Path, usize) -> io::Result<Vec<u8>> + 'a;

/// What `tiled` reads files through.
pub(super) struct Files<'a> {
    read: &'a mut ReadFile<'a>,
    /// Where all files are, or below, or beside.
    folder: PathBuf,
    tally: Tally,
    bytes_left: usize,
    opened: u64,
}

impl<'a> Files<'a> {
    pub(super) fn new(map: &Path, read: &'a mut ReadFile<'a>) -> Self {
        let folder = map.parent().unwrap_or(Path::new("")).to_owned();
        Self { read, folder, tally: Tally::default(), bytes_left: LEVEL_BYTES_MAX, opened: 0 }
    }

    fn take(&mut self, path: &Path) -> Result<Vec<u8>, LevelError> {
        let fault = |fault| LevelError::of(path, fault);
        self.opened += 1;
        if self.opened > FILES_MAX {
            return Err(fault(Fault::TooMany("files", FILES_MAX)));
        }
        if !is_beside(&self.folder, path) {
            return Err(fault(Fault::form("it is named by where it is on a machine, not from the map on")));
        }
        let bytes = (self.read)(path, self.bytes_left + 1)
            .map_err(|error| LevelError::Read { file: path.to_owned(), error })?;
        let left = self.bytes_left.checked_sub(bytes.len());
        self.bytes_left = left.ok_or_else(|| fault(Fault::TooMany("bytes", LEVEL_BYTES_MAX as u64)))?;
        self.tally.add(&bytes).map_err(fault)?;
        Ok(bytes)
    }
}

/// Whether the path is one from the folder on, be it upwards.
fn is_beside(folder: &Path, path: &Path) -> bool {
    folder.is_absolute() == path.is_absolute() && path.starts_with(folder)
}

impl tiled::ResourceReader for Files<'_> {
    type Resource = Cursor<Vec<u8>>;
    type Error = LevelError;

    fn read_from(&mut self, path: &Path) -> Result<Self::Resource, LevelError> {
        self.take(path).map(Cursor::new)
    }
}

/// Reads a file of the file system. What is no file, but a pipe or a device, could be waited for forever.
pub(super) fn read_file(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
