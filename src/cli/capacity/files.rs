//! Where the figures go. A file has the old ones until there are new ones, and is never half written.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::CommandError;
use crate::load::capacity::{self, CapacityReport};

/// What a file says of the figures.
type Text = fn(&CapacityReport) -> String;

/// A file to be written, and the flag that named it.
struct Target {
    flag: &'static str,
    path: PathBuf,
    text: Text,
}

/// All files that are asked for.
pub(super) struct Files(Vec<Target>);

impl Files {
    /// Nothing is written yet, and whatever cannot be written shows at once.
    pub(super) fn new(
        json: Option<&Path>,
        svg: Option<&Path>,
        table: Option<&Path>,
    ) -> Result<Self, CommandError> {
        let texts: [Text; 3] = [in_json, capacity::svg, capacity::brief];
        let asked = [("--json", json), ("--svg", svg), ("--table", table)];
        let mut targets: Vec<Target> = Vec::new();
        for ((flag, path), text) in asked.into_iter().zip(texts) {
            let Some(path) = path else { continue };
            let path = checked(path).map_err(|error| format!("{flag} {}: {error}", path.display()))?;
            if let Some(other) = targets.iter().find(|other| other.path == path) {
                return Err(format!("{} and {flag} are the same file, {}", other.flag, path.display()).into());
            }
            targets.push(Target { flag, path, text });
        }
        Ok(Self(targets))
    }

    /// Writes all of them, unless there is nothing to say: then what was measured earlier stays.
    pub(super) fn write(&self, report: &CapacityReport) -> Result<(), CommandError> {
        for Target { flag, path, text } in self.0.iter().filter(|_| report.has_figures()) {
            replace(path, &text(report)).map_err(|error| format!("{flag} {}: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn in_json(report: &CapacityReport) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

/// The path as it is without links and dots, if it can be written, and so can a file beside it.
fn checked(path: &Path) -> io::Result<PathBuf> {
    if path.exists() {
        OpenOptions::new().append(true).open(path)?;
    }
    if is_special(path) {
        return Ok(path.to_owned());
    }
    let path = without_links(path)?;
    let beside = beside(&path);
    fs::write(&beside, "")?;
    fs::remove_file(&beside)?;
    Ok(path)
}

fn without_links(path: &Path) -> io::Result<PathBuf> {
    if path.exists() {
        return path.canonicalize();
    }
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(folder.unwrap_or(Path::new(".")).canonicalize()?.join(name))
}

/// Whether this is a device or a pipe: there is nothing to be kept, and nothing may take its place.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|known| !known.is_file() && !known.is_dir())
}

/// Puts a new file in the place of the old one, as whoever may read and write that may.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if is_special(path) {
        return fs::write(path, text);
    }
    let beside = beside(path);
    let written = fs::write(&beside, text).and_then(|()| {
        fs::metadata(path).map_or(Ok(()), |old| fs::set_permissions(&beside, old.permissions()))?;
        fs::rename(&beside, path)
    });
    written.inspect_err(|_| _ = fs::remove_file(&beside))
}

/// A hidden file in the same folder, which no other process has.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &Path, svg: &Path) -> String {
        Files::new(Some(json), Some(svg), None).err().map_or(String::new(), |error| error.to_string())
    }

    #[test]
    fn a_file_stays_as_it_is_until_there_is_a_new_one_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "kept").expect("written");
        Files::new(Some(&old), Some(&new), None).expect("both can be written");
        assert_eq!(fs::read_to_string(&old).expect("there"), "kept");
        replace(&checked(&old).expect("writable"), "now").expect("written");
        assert_eq!(fs::read_to_string(&old).expect("there"), "now");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "the other has not been written");
    }

    #[test]
    fn two_names_of_one_file_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("figures");
        let same = folder.path().join(".").join("figures");
        assert!(
            error(&file, &same).contains("--json and --svg are the same file"),
            "{}",
            error(&file, &same)
        );
        fs::write(&file, "").expect("written");
        assert!(
            error(&file, &same).contains("--json and --svg are the same file"),
            "{}",
            error(&file, &same)
        );
        assert_eq!(error(&file, &folder.path().join("other")), "");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_followed_and_a_device_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        assert!(error(&file, &link).contains("the same file"));
        replace(&checked(&link).expect("writable"), "new").expect("written");
        assert_eq!(fs::read_to_string(&file).expect("there"), "new");
        let null = Path::new("/dev/null");
        replace(&checked(null).expect("writable"), "gone").expect("written");
        assert!(is_special(null));
    }

    #[test]
    fn what_cannot_be_written_is_said_at_once_with_its_flag() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().join("none").join("file");
        let told = error(&nowhere, &folder.path().join("svg"));
        assert!(told.starts_with("--json ") && told.contains("none"), "{told}");
        assert!(error(folder.path(), &nowhere).starts_with("--json "), "a folder is no file");
    }
}
