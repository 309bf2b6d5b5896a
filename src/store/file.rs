//! The file: its tables, its format, and what is wrong with it.
//!
//! The only place that names redb. A commit is on disk or it is not, whenever the machine stops.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, DatabaseError, Error, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, TableDefinition, TableError, Value,
};

use super::StoreError;
use crate::profiles::{Name, Profile, Totals};
use crate::server::Changes;
use crate::wire::{Player, Position};

/// What the file is: whose, and of which format.
const META: TableDefinition<&str, u64> = TableDefinition::new("tickcast");
/// The key of [`META`] under which the format stands.
const FORMAT_KEY: &str = "format";
/// The key of [`META`] under which stands what this store is known by among others, a number drawn when it was made.
const ID_KEY: &str = "id";
/// By client id: x, y, state, and when that was written, in milliseconds since 1970.
pub(super) const PLAYERS: TableDefinition<u32, (i32, i32, u32, u64)> = TableDefinition::new("players");
/// By client id: name, distance, time played in milliseconds, catches, and when that was written, as above.
const PROFILES: TableDefinition<u32, (&str, u64, u64, u64, u64)> = TableDefinition::new("profiles");

/// The format that is written. [`File::open`] makes it of every one before it.
pub(super) const FORMAT: u64 = 2;
/// The oldest that is read: without profiles and without an id.
const FORMAT_OLDEST: u64 = 1;

/// The database's cache: it holds half of a million players, and all of the pages that a commit changes.
const CACHE_BYTES: usize = 32 << 20;

/// How the database is opened, as often as that is needed.
pub(super) type Opens = Box<dyn FnMut() -> Result<Database, DatabaseError> + Send>;

/// Opens a file of the machine's.
pub(super) fn on_disk(path: &Path) -> Opens {
    let path = path.to_owned();
    Box::new(move || builder().open(&path))
}

/// Every checksum is looked at when the file is opened: the database trusts what it reads later.
pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Makes an empty store, known by `id`, unless there is one. It has its name only when it is whole.
pub(super) fn make(path: &Path, id: u64) -> Result<(), StoreError> {
    let unusable = |error: io::Error| StoreError::Unusable { file: path.into(), told: error.to_string() };
    if path.try_exists().map_err(unusable)? {
        return Ok(());
    }
    let new = path.with_extension("new");
    let in_directory = |error| StoreError::Directory { dir: path.parent().unwrap_or(path).into(), error };
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(in_directory(error)),
        _ => {}
    }
    drop(fs::File::create_new(&new).map_err(in_directory)?);
    let made = builder().create(&new).map_err(Error::from).and_then(|database| fill(&database, FORMAT, id));
    made.map_err(|error| what_is_wrong(&new, &error))?;
    fs::rename(&new, path).map_err(in_directory)
}

/// Writes into a new database what it is, or makes of one of an older format what it is today: all of it or nothing.
pub(super) fn fill(database: &Database, format: u64, id: u64) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT_KEY, format)?;
        meta.insert(ID_KEY, id)?;
    }
    transaction.open_table(PLAYERS)?;
    transaction.open_table(PROFILES)?;
    Ok(transaction.commit()?)
}

/// An open store.
pub(super) struct File {
    path: PathBuf,
    opens: Opens,
    /// `None` after a failure: the database must be opened anew then.
    database: Option<Database>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("path", &self.path).finish_non_exhaustive()
    }
}

impl File {
    /// Opens a store and looks whether this version reads it. One of an older format becomes one of today's, known by `id`.
    pub(super) fn open(path: &Path, mut opens: Opens, id: u64) -> Result<Self, StoreError> {
        let database = opens().map_err(|error| what_is_wrong(path, &error.into()))?;
        let format = number(&database, FORMAT_KEY).map_err(|error| what_is_wrong(path, &error))?;
        match format {
            Some(FORMAT) => {}
            Some(FORMAT_OLDEST..FORMAT) => {
                fill(&database, FORMAT, id).map_err(|error| what_is_wrong(path, &error))?;
            }
            Some(found) => return Err(StoreError::Format { file: path.into(), found, known: FORMAT }),
            None => return Err(StoreError::Foreign { file: path.into() }),
        }
        Ok(Self { path: path.into(), opens, database: Some(database) })
    }

    /// What the store is known by.
    pub(super) fn id(&self) -> Result<u64, StoreError> {
        let Some(database) = &self.database else { return Ok(0) };
        let id = number(database, ID_KEY).map_err(|error| what_is_wrong(&self.path, &error))?;
        id.ok_or_else(|| StoreError::Foreign { file: self.path.clone() })
    }

    /// The players in it, those written longest ago first. If there are more than `most`, it keeps the newest of them.
    pub(super) fn read(&mut self, most: usize) -> Result<Vec<Player>, StoreError> {
        let Some(database) = &self.database else { return Ok(Vec::new()) };
        read(database, most).map_err(|error| what_is_wrong(&self.path, &error))
    }

    /// The profiles in it, in the same order and up to the same number.
    pub(super) fn read_profiles(&mut self, most: usize) -> Result<Vec<Profile>, StoreError> {
        let Some(database) = &self.database else { return Ok(Vec::new()) };
        read_profiles(database, most).map_err(|error| what_is_wrong(&self.path, &error))
    }

    /// Makes the changes, all of them or none, and waits until they are on disk.
    pub(super) fn write(&mut self, unix_ms: u64, changes: &mut Changes) -> Result<(), Error> {
        // Neighbours of a page one after the other.
        changes.players.sort_unstable_by_key(|player| player.client_id);
        changes.profiles.sort_unstable_by_key(|profile| profile.client_id);
        let database = match &self.database {
            Some(database) => database,
            None => self.database.insert((self.opens)()?),
        };
        let written = write(database, unix_ms, changes);
        if written.is_err() {
            self.database = None;
        }
        written
    }
}

/// `None` if it is no store.
fn number(database: &Database, key: &str) -> Result<Option<u64>, Error> {
    let meta = match database.begin_read()?.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    Ok(meta.get(key)?.map(|number| number.value()))
}

fn read(database: &Database, most: usize) -> Result<Vec<Player>, Error> {
    let table = database.begin_read()?.open_table(PLAYERS)?;
    let mut players = Newest::new(most, table.len()?, |player: &Player| player.client_id);
    for row in table.iter()? {
        let (client_id, row) = row?;
        let (x, y, state, unix_ms) = row.value();
        players.put(unix_ms, Player { client_id: client_id.value(), at: Position { x, y }, state });
    }
    keep_newest(database, PLAYERS, players)
}

fn read_profiles(database: &Database, most: usize) -> Result<Vec<Profile>, Error> {
    let table = database.begin_read()?.open_table(PROFILES)?;
    let mut profiles = Newest::new(most, table.len()?, |profile: &Profile| profile.client_id);
    for row in table.iter()? {
        let (client_id, row) = row?;
        let (name, distance, played_ms, catches, unix_ms) = row.value();
        // Whoever wrote to the file by hand may have written anything.
        let name = Name::new(name).unwrap_or_default();
        let totals = Totals { distance, played_ms, catches };
        profiles.put(unix_ms, Profile { client_id: client_id.value(), name, start: None, totals });
    }
    keep_newest(database, PROFILES, profiles)
}

/// The rows of a table that were written last, however many there are in it; of the others the ids.
struct Newest<T> {
    most: usize,
    id_of: fn(&T) -> u32,
    rows: Vec<(u64, T)>,
    surplus: Vec<u32>,
}

impl<T> Newest<T> {
    fn new(most: usize, in_table: u64, id_of: fn(&T) -> u32) -> Self {
        let room = Self::room(most).min(in_table as usize);
        Self { most, id_of, rows: Vec::with_capacity(room), surplus: Vec::new() }
    }

    /// An eighth more, so that each row is looked at some times, not with every other.
    fn room(most: usize) -> usize {
        most + most / 8 + 1
    }

    fn put(&mut self, unix_ms: u64, row: T) {
        if self.rows.len() >= Self::room(self.most) {
            self.thin_out();
        }
        self.rows.push((unix_ms, row));
    }

    fn thin_out(&mut self) {
        let (id_of, surplus) = (self.id_of, self.rows.len().saturating_sub(self.most));
        if surplus > 0 {
            self.rows.select_nth_unstable_by_key(surplus - 1, |(unix_ms, row)| (*unix_ms, id_of(row)));
            self.surplus.extend(self.rows.drain(..surplus).map(|(_, row)| id_of(&row)));
        }
    }
}

/// In the order in which they were written; the others leave the table.
fn keep_newest<T, V: Value + 'static>(
    database: &Database,
    table: TableDefinition<u32, V>,
    mut newest: Newest<T>,
) -> Result<Vec<T>, Error> {
    newest.thin_out();
    let Newest { id_of, mut rows, surplus, .. } = newest;
    rows.sort_unstable_by_key(|(unix_ms, row)| (*unix_ms, id_of(row)));
    if !surplus.is_empty() {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(table)?;
            for client_id in surplus {
                table.remove(client_id)?;
            }
        }
        transaction.commit()?;
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn write(database: &Database, unix_ms: u64, changes: &Changes) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    {
        let mut players = transaction.open_table(PLAYERS)?;
        let mut profiles = transaction.open_table(PROFILES)?;
        for &client_id in &changes.forgotten {
            players.remove(client_id)?;
            profiles.remove(client_id)?;
        }
        for &client_id in &changes.forgotten_profiles {
            profiles.remove(client_id)?;
        }
        for player in &changes.players {
            players.insert(player.client_id, (player.at.x, player.at.y, player.state, unix_ms))?;
        }
        for profile in &changes.profiles {
            let Totals { distance, played_ms, catches } = profile.totals;
            let row = (profile.name.as_str(), distance, played_ms, catches, unix_ms);
            profiles.insert(profile.client_id, row)?;
        }
    }
    Ok(transaction.commit()?)
}

/// In words for whoever starts the server.
fn what_is_wrong(path: &Path, error: &Error) -> StoreError {
    let (file, told) = (path.to_owned(), error.to_string());
    match error {
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => StoreError::InUse { file },
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => StoreError::Foreign { file },
        Error::Io(_) => StoreError::Unusable { file, told },
        Error::TableDoesNotExist(_) | Error::TableTypeMismatch { .. } => StoreError::Foreign { file },
        _ => StoreError::Damaged { file, told },
    }
}
