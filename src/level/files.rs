//! The files of a level: its own and those that it names, each read whole, none too large, and none elsewhere.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Component, Path, PathBuf};

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
    /// Where all files are, or below.
    folder: &'a Path,
    tally: Tally,
    bytes_left: usize,
    opened: u64,
}

impl<'a> Files<'a> {
    pub(super) fn new(folder: &'a Path, read: &'a mut ReadFile<'a>) -> Self {
        Self { read, folder, tally: Tally::default(), bytes_left: LEVEL_BYTES_MAX, opened: 0 }
    }

    fn take(&mut self, path: &Path) -> Result<Vec<u8>, LevelError> {
        let fault = |fault| LevelError::of(path, fault);
        self.opened += 1;
        if self.opened > FILES_MAX {
            return Err(fault(Fault::TooMany("files", FILES_MAX)));
        }
        let outside = || fault(Fault::form("it is outside of the folder that levels may be in"));
        let inside = within(self.folder, path).ok_or_else(outside)?;
        let bytes = (self.read)(&inside, self.bytes_left + 1)
            .map_err(|error| LevelError::Read { file: path.to_owned(), error })?;
        let left = self.bytes_left.checked_sub(bytes.len());
        self.bytes_left = left.ok_or_else(|| fault(Fault::TooMany("bytes", LEVEL_BYTES_MAX as u64)))?;
        self.tally.add(&bytes).map_err(fault)?;
        Ok(bytes)
    }
}

/// The path without `..`, if it leads to what is in the folder, or below it. What a map names could be any file of the machine
/// otherwise; links that stand in the folder are followed, for it is its owner who has made them.
pub(super) fn within(folder: &Path, path: &Path) -> Option<PathBuf> {
    let mut inside = folder.to_owned();
    let mut depth = 0;
    for part in path.strip_prefix(folder).ok()?.components() {
        match part {
            Component::Normal(name) => {
                inside.push(name);
                depth += 1;
            }
            Component::ParentDir if depth > 0 => {
                inside.pop();
                depth -= 1;
            }
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(inside)
}

impl tiled::ResourceReader for Files<'_> {
    type Resource = Cursor<Vec<u8>>;
    type Error = LevelError;

    fn read_from(&mut self, path: &Path) -> Result<Self::Resource, LevelError> {
        self.take(path).map(Cursor::new)
    }
}

/// Reads a file of the file system. What is no file, but a pipe or a device, could be waited for forever; so could what says that
/// it is an empty file, as those do in which a system tells of itself.
pub(super) fn read_file(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(no_file());
    }
    read_open(open(path)?, bytes_max)
}

/// Another file may have taken the place of the one that was looked at: only what is open is known.
fn read_open(file: File, bytes_max: usize) -> io::Result<Vec<u8>> {
    let is = file.metadata()?;
    if !is.is_file() {
        return Err(no_file());
    }
    if is.len() == 0 {
        return Err(io::Error::other("it is empty"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn no_file() -> io::Error {
    io::Error::other("it is no file")
}

/// Waits for nobody, not for the other end of a pipe either.
#[cfg(target_os = "linux")]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
}

#[cfg(not(target_os = "linux"))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_map_names_stays_in_the_folder() {
        let inside = |folder: &str, path: &str| within(Path::new(folder), Path::new(path));
        for (folder, path, expected) in [
            ("maps", "maps/a.tmx", "maps/a.tmx"),
            ("maps", "maps/deep/../../maps/a.tmx", ""),
            ("maps", "maps/deep/.././a.tmx", "maps/a.tmx"),
            ("maps", "maps/deep/er/../../b/a.tmx", "maps/b/a.tmx"),
            ("maps", "maps/../a.tmx", ""),
            ("maps", "other/a.tmx", ""),
            ("maps", "/etc/passwd", ""),
            ("", "a.tmx", "a.tmx"),
            ("", "../a.tmx", ""),
            ("", "/etc/passwd", ""),
            (".", "./a.tmx", "./a.tmx"),
            ("../maps", "../maps/deep/../a.tmx", "../maps/a.tmx"),
            ("..", "../../a.tmx", ""),
            ("/maps", "/maps/a.tmx", "/maps/a.tmx"),
            ("/maps", "/maps/../a.tmx", ""),
        ] {
            let expected = (!expected.is_empty()).then(|| PathBuf::from(expected));
            assert_eq!(inside(folder, path), expected, "{path:?} in {folder:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_that_takes_the_place_of_a_file_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe.tmx");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        let (done, waited) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(open(&pipe).and_then(|file| read_open(file, 10))));
        let told = waited.recv_timeout(std::time::Duration::from_secs(20)).expect("it waits for nobody");
        assert_eq!(told.expect_err("no file").to_string(), "it is no file");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_says_that_it_is_empty_is_not_read() {
        // It is not: there are files of this kind that one waits for.
        let told = read_file(Path::new("/proc/version"), 1_000).expect_err("it has no length");
        assert_eq!(told.to_string(), "it is empty");
    }
}
