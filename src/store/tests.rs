//! The store on storage that lies in memory, and fails, lingers and fills up as a test says.

mod profiles;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use redb::{Builder, StorageBackend, TableDefinition};

use super::file::{FORMAT, builder, fill};
use super::*;
use crate::config::Config;
use crate::gate::PeerAddr;
use crate::secret::Secret;
use crate::wire::{self, Ack, FromClient, Move, Position, Tick};

/// What is done to storage.
#[derive(Clone, Debug)]
enum Done {
    Written(u64, Vec<u8>),
    Resized(u64),
    Synced,
    /// The store says that a change is on disk.
    Committed,
}

/// Storage that outlives the databases that are opened on it.
#[derive(Debug, Default)]
struct Disk {
    bytes: Mutex<Vec<u8>>,
    /// How long it may become.
    room: AtomicU64,
    /// What was done to it since this was emptied, if anybody wants to know.
    journal: Mutex<Option<Vec<Done>>>,
    is_broken: AtomicBool,
    /// While it is, nothing is synced.
    is_stuck: Mutex<bool>,
    moves_on: Condvar,
}

/// What the database sees of it.
#[derive(Clone, Debug)]
struct Drive(Arc<Disk>);

impl Drive {
    fn new() -> Self {
        let disk = Disk { room: u64::MAX.into(), ..Disk::default() };
        Self(Arc::new(disk))
    }

    fn holding(bytes: Vec<u8>) -> Self {
        let drive = Self::new();
        *drive.bytes() = bytes;
        drive
    }

    /// The bytes as they are at this moment, on a drive of their own.
    fn copy(&self) -> Self {
        Self::holding(self.bytes().clone())
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_stuck(&self, is_stuck: bool) {
        *self.0.is_stuck.lock().unwrap() = is_stuck;
        self.0.moves_on.notify_all();
    }

    fn note(&self, done: Done) {
        if let Some(journal) = self.0.journal.lock().unwrap().as_mut() {
            journal.push(done);
        }
    }

    fn fail(&self) -> io::Result<()> {
        match self.0.is_broken.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the drive is broken")),
            false => Ok(()),
        }
    }

    fn opens(&self) -> file::Opens {
        let drive = self.clone();
        Box::new(move || builder().create_with_backend(drive.clone()))
    }
}

impl StorageBackend for Drive {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (bytes, offset) = (self.bytes(), offset as usize);
        let found = bytes.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.0.room.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes().resize(len as usize, 0);
        self.note(Done::Resized(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let stuck = self.0.is_stuck.lock().unwrap();
        drop(self.0.moves_on.wait_while(stuck, |is_stuck| *is_stuck).unwrap());
        self.note(Done::Synced);
        self.fail()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fail()?;
        let (mut bytes, offset) = (self.bytes(), offset as usize);
        let place = bytes.get_mut(offset..offset + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(data);
        drop(bytes);
        self.note(Done::Written(offset as u64, data.to_vec()));
        Ok(())
    }
}

/// What stores are known by here.
const ID: u64 = 77;

/// A drive with an empty store.
fn made() -> Drive {
    let drive = Drive::new();
    let database = drive.opens()().expect("an empty drive");
    fill(&database, FORMAT, ID).expect("there is room");
    drive
}

fn open(drive: &Drive) -> Result<File, StoreError> {
    File::open(Path::new("drive"), drive.opens(), ID)
}

/// Where players stand by what is on the drive, by client id.
fn kept(drive: &Drive) -> Result<Vec<(u32, i32)>, StoreError> {
    let mut players = open(drive)?.read(REMEMBERED_MAX)?;
    players.sort_unstable_by_key(|player| player.client_id);
    Ok(players.into_iter().map(|player| (player.client_id, player.at.x)).collect())
}

fn changes(players: impl IntoIterator<Item = (u32, i32)>) -> Changes {
    let player = |(client_id, x)| Player { client_id, at: Position { x, y: -x }, state: 7 };
    Changes { players: players.into_iter().map(player).collect(), ..Changes::default() }
}

/// A server whose players move, and its store.
struct Game {
    server: Server,
    store: Store,
    now: Instant,
    moves: u32,
}

const PERIOD: Duration = Duration::from_millis(100);

impl Game {
    fn new(drive: &Drive) -> Self {
        let now = machine::now();
        let config = Config { open: true, max_peers: 100, ..Config::default() };
        let mut server = Server::new(config, &Secret::from_seed(1), now).expect("it can be served");
        let mut file = open(drive).expect("a store");
        server.remember(file.read(REMEMBERED_MAX).expect("a store"));
        let profiles = file.read_profiles(REMEMBERED_MAX).expect("a store");
        server.remember_profiles(profiles, file.id().expect("a store"));
        Self { server, store: Store::start(file).expect("a thread"), now, moves: 0 }
    }

    /// A tick in which `players` players move to `x`.
    fn tick(&mut self, players: u32, x: i32) {
        self.now += PERIOD;
        self.moves += 1;
        for client_id in 0..players {
            let (session, sequence, at) = (0, self.moves, Position { x, y: 0 });
            let step = Move { client_id, session, sequence, at, state: 0, ack: Ack::default() };
            let mut bytes = Vec::new();
            wire::encode_client(&FromClient::Move(step), &mut bytes);
            let from = ([127, 0, 0, 1], 1 + client_id as u16).into();
            let from = PeerAddr::udp(from, None).expect("a good address");
            self.server.gate().receive(self.now, from, &bytes);
        }
        self.server.tick(self.now, Tick(self.moves.into()));
        self.store.after_tick(self.now, &mut self.server);
    }

    /// Until the writer has given back what it has.
    fn wait(&mut self) {
        let deadline = machine::now() + Duration::from_secs(30);
        assert!(self.store.wait_for_buffer(deadline), "the writer is done at last");
    }

    fn wait_for_failure(&self) {
        let deadline = machine::now() + Duration::from_secs(30);
        while self.store.status().failures == 0 {
            assert!(machine::now() < deadline, "the writer tries");
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_was_handed_over_and_given_back_survives_a_crash() {
    let drive = made();
    let mut game = Game::new(&drive);
    game.tick(3, 10);
    game.tick(3, 20);
    game.wait();
    let crashed = drive.copy();
    assert_eq!(kept(&crashed).expect("it is read"), [(0, 10), (1, 10), (2, 10)], "four times a second");
    game.tick(1, 30);
    game.wait();
    assert_eq!(game.store.status().commits, 1);
    game.tick(0, 0);
    game.wait();
    assert_eq!(kept(&drive.copy()).expect("it is read"), [(0, 30), (1, 20), (2, 20)]);
    assert_eq!((game.store.status().commits, game.store.status().written), (2, 6), "each change once");
    game.tick(0, 0);
    assert_eq!(game.store.status().lag_ms, 0);
}

#[test]
fn a_store_that_is_finished_has_everything() {
    let drive = made();
    let mut game = Game::new(&drive);
    (1..=20).for_each(|x| game.tick(50, x));
    let status = game.store.finish(&mut game.server);
    assert_eq!((status.lag_ms, status.failures), (0, 0));
    assert!(kept(&drive).expect("it is read").iter().copied().eq((0..50).map(|id| (id, 20))));
}

#[test]
fn a_disk_that_fails_loses_nothing_in_memory() {
    let drive = made();
    let mut game = Game::new(&drive);
    game.tick(4, 10);
    game.wait();
    drive.0.is_broken.store(true, Ordering::Relaxed);
    (11..=30).for_each(|x| game.tick(4, x));
    game.wait_for_failure();
    game.tick(2, 31);
    assert_eq!(game.store.status().commits, 1);
    assert_eq!(game.store.status().lag_ms, 20 * 100, "since the first move that is not on disk");
    drive.0.is_broken.store(false, Ordering::Relaxed);
    game.wait();
    game.tick(0, 0);
    game.wait();
    assert_eq!(kept(&drive.copy()).expect("it is read"), [(0, 31), (1, 31), (2, 30), (3, 30)]);
    game.tick(0, 0);
    assert_eq!((game.store.status().commits, game.store.status().lag_ms), (3, 0));
}

#[test]
fn a_full_disk_keeps_what_is_on_it_and_takes_the_rest_when_there_is_room() {
    let drive = made();
    let mut file = open(&drive).expect("a store");
    let mut many = changes((0..50_000).map(|id| (id, 1)));
    file.write(1, &mut changes([(7, 70)])).expect("there is room");
    drive.0.room.store(drive.bytes().len() as u64, Ordering::Relaxed);
    let full = file.write(2, &mut many).expect_err("no room").to_string();
    assert!(full.contains("no storage space"), "{full}");
    assert!(file.write(3, &mut many).is_err(), "it tries anew");
    assert_eq!(kept(&drive.copy()).expect("it is read"), [(7, 70)]);
    drive.0.room.store(u64::MAX, Ordering::Relaxed);
    file.write(4, &mut many).expect("there is room again");
    assert_eq!(kept(&drive.copy()).expect("it is read").len(), 50_000);
}

#[test]
fn a_slow_disk_makes_lag_and_no_tick_waits() {
    let drive = made();
    let mut game = Game::new(&drive);
    drive.set_stuck(true);
    (1..=50).for_each(|x| game.tick(5, x));
    assert_eq!((game.store.status().commits, game.store.status().lag_ms), (0, 4_900));
    drive.set_stuck(false);
    game.wait();
    game.tick(0, 0);
    game.wait();
    assert_eq!(game.store.status().commits, 2, "what changed fifty times is written twice");
    assert!(kept(&drive.copy()).expect("it is read").iter().all(|(_, x)| *x == 50));
}

#[test]
fn a_disk_that_never_comes_back_is_told_of_at_the_end() {
    let drive = made();
    let mut game = Game::new(&drive);
    drive.0.is_broken.store(true, Ordering::Relaxed);
    game.tick(1, 10);
    game.wait_for_failure();
    let began = machine::now();
    assert!(game.store.finish(&mut game.server).lag_ms > 0);
    assert!(began.elapsed() < 2 * FINISH_MAX, "it does not wait forever");
}

/// After the power has gone: what was synced is there, and of what came after it any part.
#[test]
fn whenever_the_power_goes_the_store_is_one_that_was_committed() {
    for seed in 0..3_u64 {
        let (draw, drive) = (Secret::from_seed(seed), made());
        let before = drive.bytes().clone();
        *drive.0.journal.lock().unwrap() = Some(Vec::new());
        let mut file = open(&drive).expect("a store");
        for x in 1..=6 {
            file.write(1, &mut changes((0..400).map(|id| (id, x)))).expect("it is written");
            drive.note(Done::Committed);
        }
        drop(file);
        let journal = drive.0.journal.lock().unwrap().take().expect("it was kept");
        for cut in 0..journal.len() {
            let disk = Drive::holding(after_power_loss(&before, &journal[..cut], &draw, cut as u64));
            let kept = kept(&disk).unwrap_or_else(|error| panic!("seed {seed}, cut {cut}: {error}"));
            let committed = journal[..cut].iter().filter(|done| matches!(done, Done::Committed)).count();
            let newest = kept.first().map_or(0, |(_, x)| *x);
            let is_whole = kept.len() == if newest > 0 { 400 } else { 0 };
            assert!(
                newest >= committed as i32,
                "seed {seed}, cut {cut}: {committed} were on disk, not {newest}"
            );
            let is_whole = is_whole && kept.iter().all(|(_, x)| *x == newest);
            assert!(is_whole, "seed {seed}, cut {cut}: {kept:?}");
        }
    }
}

fn after_power_loss(before: &[u8], done: &[Done], draw: &Secret, salt: u64) -> Vec<u8> {
    let synced = done.iter().rposition(|done| matches!(done, Done::Synced)).unwrap_or(0);
    let mut bytes = before.to_vec();
    for (index, done) in done.iter().enumerate() {
        match done {
            Done::Resized(len) => bytes.resize(*len as usize, 0),
            Done::Written(offset, data)
                if index < synced || draw.number(salt << 32 | index as u64).is_multiple_of(2) =>
            {
                bytes[*offset as usize..][..data.len()].copy_from_slice(data);
            }
            _ => {}
        }
    }
    bytes
}

#[test]
fn a_damaged_store_is_refused_or_whole_never_wrong() {
    let drive = made();
    let right: Vec<(u32, i32)> = (0..2_000).map(|id| (id, id as i32 * 3)).collect();
    open(&drive).expect("a store").write(1, &mut changes(right.clone())).expect("it is written");
    let (bytes, draw) = (drive.bytes().clone(), Secret::from_seed(5));
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("it holds something") + 1;
    let mut refused = 0;
    for number in 0..600 {
        let mut bytes = bytes.clone();
        let at = draw.number(2 * number) as usize % used;
        match number % 3 {
            0 => bytes[at] ^= 1 << (draw.number(2 * number + 1) % 8),
            1 => bytes[at / 4096 * 4096..].iter_mut().take(4096).for_each(|byte| *byte = 0),
            _ => bytes.truncate(at),
        }
        match kept(&Drive::holding(bytes)) {
            Ok(kept) => assert!(kept == right, "change {number} at {at} is read, and wrong"),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().starts_with("drive is ") || error.to_string().contains(" drive: "));
            }
        }
    }
    assert!(refused > 300, "{refused} of 600 are noticed");
}

#[test]
fn a_store_of_another_format_is_refused_with_both_numbers() {
    for (format, told) in
        [(FORMAT + 1, "a newer version has written it"), (0, "no version that was released")]
    {
        let drive = Drive::new();
        fill(&drive.opens()().expect("an empty drive"), format, ID).expect("there is room");
        let error = open(&drive).expect_err("not ours to read").to_string();
        let numbers = format!("drive is of format {format}, and this version reads 1 to {FORMAT} only");
        assert!(error.contains(told) && error.contains(&numbers), "{error}");
    }
}

#[test]
fn beyond_its_limit_those_written_longest_ago_are_forgotten() {
    let drive = made();
    let mut file = open(&drive).expect("a store");
    for unix_ms in 1..=10 {
        file.write(unix_ms, &mut changes([(100 - unix_ms as u32, 0)])).expect("it is written");
    }
    let ids = |players: Vec<Player>| -> Vec<u32> { players.iter().map(|player| player.client_id).collect() };
    assert_eq!(ids(file.read(3).expect("it is read")), [92, 91, 90], "longest ago first");
    assert_eq!(ids(file.read(10).expect("it is read")), [92, 91, 90], "in the file too");
    let forgotten = Changes { forgotten: vec![91, 90], ..changes([(90, 5)]) };
    file.write(11, &mut { forgotten }).expect("it is written");
    assert_eq!(kept(&drive.copy()).expect("it is read"), [(90, 5), (92, 0)]);
}

#[test]
fn what_cannot_be_a_store_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = |dir: &Path| Store::open(dir, ID).expect_err("refused").to_string();
    let store = Store::open(&dir.path().join("a").join("b"), ID).expect("directories are made");
    let in_use = told(&dir.path().join("a").join("b"));
    assert!(in_use.contains("players.redb is in use by another server"), "{in_use}");
    drop(store);
    fs::write(dir.path().join(FILE), b"something else").expect("written");
    let foreign = told(dir.path());
    assert!(foreign.contains("players.redb is no store of tickcast"), "{foreign}");
    let no_directory = told(&dir.path().join(FILE));
    assert!(no_directory.contains("cannot use the directory"), "{no_directory}");
    let other = TableDefinition::<&str, u32>::new("tickcast");
    fs::remove_file(dir.path().join(FILE)).expect("removed");
    let database = Builder::new().create(dir.path().join(FILE)).expect("another's database");
    let transaction = database.begin_write().expect("it can be written");
    transaction.open_table(other).expect("a table");
    transaction.commit().expect("it is written");
    drop(database);
    assert!(told(dir.path()).contains("is no store of tickcast"));
}
