//! Names and deeds in the store, and stores of before there were any.

use redb::TableDefinition;

use super::*;
use crate::profiles::{Name, Totals};
use crate::wire::ClosedReason;

fn profile(client_id: u32, name: &str, distance: u64) -> Profile {
    let totals = Totals { distance, played_ms: 2 * distance, catches: 3 };
    Profile { client_id, name: Name::new(name).expect("a name"), start: None, totals }
}

fn kept_profiles(drive: &Drive) -> Vec<Profile> {
    let mut profiles = open(drive).expect("a store").read_profiles(REMEMBERED_MAX).expect("it is read");
    profiles.sort_unstable_by_key(|profile| profile.client_id);
    profiles
}

#[test]
fn names_and_deeds_are_on_disk_with_the_commit_that_says_so() {
    let drive = made();
    let mut file = open(&drive).expect("a store");
    let (anna, bo) = (profile(7, "Anna", 5), profile(8, "Bo 🐍", u64::MAX >> 1));
    let profiles = vec![bo, anna];
    file.write(1, &mut Changes { profiles, ..changes([(7, 1)]) }).expect("it is written");
    let later = profile(7, "Anna", 9);
    file.write(2, &mut Changes { profiles: vec![later], ..Changes::default() }).expect("it is written");
    let crashed = drive.copy();
    assert_eq!(kept_profiles(&crashed), [later, bo]);
    file.write(3, &mut Changes { forgotten: vec![8], ..Changes::default() }).expect("it is written");
    assert_eq!(kept_profiles(&drive.copy()), [later], "who is forgotten is so in all");
    let (forgotten_profiles, profiles) = (vec![7, 9], vec![profile(9, "Cy", 1)]);
    let changed = Changes { forgotten_profiles, profiles, ..changes([(7, 2)]) };
    file.write(4, &mut { changed }).expect("it is written");
    assert_eq!(kept_profiles(&drive.copy()), [profile(9, "Cy", 1)], "one may be known again at once");
    assert_eq!(
        kept(&drive.copy()).expect("it is read"),
        [(7, 2)],
        "where it stood is remembered all the same"
    );
}

#[test]
fn of_too_many_profiles_the_newest_stay() {
    let drive = made();
    let mut file = open(&drive).expect("a store");
    for unix_ms in 1..=10 {
        let profiles = vec![profile(100 - unix_ms as u32, "", unix_ms)];
        file.write(unix_ms, &mut Changes { profiles, ..Changes::default() }).expect("it is written");
    }
    let ids = |profiles: Vec<Profile>| profiles.iter().map(|profile| profile.client_id).collect::<Vec<_>>();
    assert_eq!(ids(file.read_profiles(3).expect("it is read")), [92, 91, 90], "longest ago first");
    assert_eq!(ids(file.read_profiles(10).expect("it is read")), [92, 91, 90], "in the file too");
}

#[test]
fn whoever_does_nothing_takes_no_room_in_the_store() {
    let drive = made();
    let mut game = Game::new(&drive);
    game.tick(20, 5);
    game.now += Duration::from_secs(60);
    game.tick(0, 0);
    game.wait();
    game.server.close(ClosedReason::ShuttingDown);
    assert_eq!(game.store.finish(&mut game.server).lag_ms, 0);
    assert_eq!(kept_profiles(&drive), []);
}

#[test]
fn of_a_table_that_has_grown_far_too_long_the_newest_are_read() {
    let drive = made();
    let mut file = open(&drive).expect("a store");
    let profiles = (0..5_000).map(|id| profile(id, "", 1)).collect();
    file.write(5, &mut Changes { profiles, ..Changes::default() }).expect("it is written");
    let later = [4_000, 17, 2].map(|id| profile(id, "", 2));
    file.write(6, &mut Changes { profiles: later.to_vec(), ..Changes::default() }).expect("it is written");
    let ids: Vec<u32> = file.read_profiles(5).expect("it is read").iter().map(|who| who.client_id).collect();
    assert_eq!(ids, [4_998, 4_999, 2, 17, 4_000]);
    assert_eq!(kept_profiles(&drive).len(), 5);
}

/// As the version before wrote it: neither profiles nor an id.
fn of_format_1(players: impl IntoIterator<Item = (u32, i32)>) -> Drive {
    let drive = Drive::new();
    let database = drive.opens()().expect("an empty drive");
    let transaction = database.begin_write().expect("it can be written");
    let meta = TableDefinition::<&str, u64>::new("tickcast");
    transaction.open_table(meta).expect("a table").insert("format", 1).expect("there is room");
    {
        let table = TableDefinition::<u32, (i32, i32, u32, u64)>::new("players");
        let mut table = transaction.open_table(table).expect("a table");
        for (client_id, x) in players {
            table.insert(client_id, (x, -x, 7, 1)).expect("there is room");
        }
    }
    transaction.commit().expect("it is written");
    drop(database);
    drive
}

#[test]
fn a_store_of_format_1_is_read_and_becomes_one_of_today() {
    let drive = of_format_1([(1, 10), (2, 20)]);
    assert_eq!(kept(&drive).expect("it is read"), [(1, 10), (2, 20)]);
    assert_eq!(kept_profiles(&drive), []);
    let mut file = File::open(Path::new("drive"), drive.opens(), 99).expect("a store");
    assert_eq!(file.id().expect("it has one"), ID, "as drawn when it was upgraded, and never again");
    let profiles = vec![profile(2, "Bo", 5)];
    file.write(2, &mut Changes { profiles, ..changes([(2, 21)]) }).expect("it is written");
    drop(file);
    assert_eq!(kept(&drive).expect("it is read"), [(1, 10), (2, 21)]);
    assert_eq!(kept_profiles(&drive), [profile(2, "Bo", 5)]);
}

#[test]
fn whenever_the_power_goes_in_an_upgrade_the_store_is_of_one_format() {
    for seed in 0..10_u64 {
        let (draw, drive) = (Secret::from_seed(seed), of_format_1((0..300).map(|id| (id, 5))));
        let before = drive.bytes().clone();
        *drive.0.journal.lock().expect("nobody panicked") = Some(Vec::new());
        drop(open(&drive).expect("it is upgraded"));
        let journal = drive.0.journal.lock().expect("nobody panicked").take().expect("it was kept");
        assert!(journal.len() > 3, "something is written");
        for cut in 0..journal.len() {
            let disk = Drive::holding(after_power_loss(&before, &journal[..cut], &draw, cut as u64));
            let kept = kept(&disk).unwrap_or_else(|error| panic!("seed {seed}, cut {cut}: {error}"));
            assert!(kept.into_iter().eq((0..300).map(|id| (id, 5))), "seed {seed}, cut {cut}");
        }
    }
}

#[test]
fn what_players_have_done_survives_a_crash_and_goes_on() {
    let drive = made();
    let mut game = Game::new(&drive);
    for x in 1..=50 {
        game.tick(3, x);
        game.wait();
    }
    let crashed = drive.copy();
    let distances = |drive: &Drive| -> Vec<u64> {
        kept_profiles(drive).iter().map(|profile| profile.totals.distance).collect()
    };
    let before = distances(&crashed);
    assert!(
        before.len() == 3 && before.iter().all(|far| (29..=49).contains(far)),
        "{before:?}: two seconds old"
    );
    let played_ms = kept_profiles(&crashed)[0].totals.played_ms;
    // 50 ticks, of which the game knows that there are 30 in a second.
    assert!((600..1_700).contains(&played_ms), "{played_ms} of 1,667 ms");
    let stood = kept(&crashed).expect("it is read");
    let mut again = Game::new(&crashed);
    // From where it is remembered to stand.
    again.tick(2, stood[0].1 + 100);
    again.server.close(ClosedReason::ShuttingDown);
    assert_eq!(again.store.finish(&mut again.server).lag_ms, 0);
    assert_eq!(distances(&crashed), [before[0] + 100, before[1] + 100, before[2]]);
    game.server.close(ClosedReason::ShuttingDown);
    assert_eq!(game.store.finish(&mut game.server).lag_ms, 0);
    assert_eq!(distances(&drive), [49, 49, 49], "all of it, where nothing crashes");
}

#[test]
fn who_leaves_and_comes_back_is_who_it_was() {
    let drive = made();
    let mut game = Game::new(&drive);
    game.tick(1, 10);
    game.tick(1, 30);
    // It times out, and comes again, to another place.
    game.now += Duration::from_secs(60);
    game.tick(0, 0);
    assert_eq!(game.server.report().players, 0);
    game.tick(1, 90);
    game.wait();
    game.server.close(ClosedReason::ShuttingDown);
    assert_eq!(game.store.finish(&mut game.server).lag_ms, 0);
    let totals = kept_profiles(&drive)[0].totals;
    assert_eq!(totals.distance, 80, "it stood at 30");
    assert!(totals.played_ms < 1_000, "who is away does not play: {totals:?}");
}
