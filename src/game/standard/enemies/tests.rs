//! What enemies think.

use std::path::Path;
use std::sync::Arc;

use super::field::Field;
use super::think::{Chaser, PLAYERS_BESIDE_MAX, Plan, Question, TILES_PER_THOUGHT_MAX, nearest};
use crate::level::Level;
use crate::level::maps::{TILE, drawn, maze};
use crate::secret::Secret;
use crate::wire::{Player, Position};
use crate::work::Stop;

fn level(rows: &[impl AsRef<str>]) -> Level {
    let rows: Vec<&str> = rows.iter().map(AsRef::as_ref).collect();
    let map = drawn(&rows, "").into_bytes();
    Level::read(Path::new("test.tmx"), &mut |_, _| Ok(map.clone())).expect("a level")
}

fn middle(column: i32, row: i32) -> Position {
    Position { x: column * TILE + TILE / 2, y: row * TILE + TILE / 2 }
}

fn player(client_id: u32, at: Position) -> Player {
    Player { client_id, at, state: 0 }
}

/// Of enemies that have plans.
fn question(level: Option<Level>, enemies: &[Position], players: &[Player]) -> Question {
    let enemies = enemies.iter().map(|at| Chaser { at: *at, is_idle: false }).collect();
    let (level, players) = (level.map(Arc::new), players.to_vec());
    Question { level, enemies, players, tiles: TILES_PER_THOUGHT_MAX, seed: 0 }
}

/// The same, of enemies that have none.
fn idle(mut question: Question) -> Question {
    question.enemies.iter_mut().for_each(|enemy| enemy.is_idle = true);
    question
}

fn think(question: &Question) -> Vec<Option<Plan>> {
    super::think::think(question, &Stop::default())
}

fn plan(target: u32, ahead: &[Position]) -> Option<Plan> {
    Some(Plan { target, ahead: ahead.to_vec() })
}

#[test]
fn the_nearest_is_chased_and_nobody_if_there_is_nobody() {
    let players = [player(1, middle(9, 0)), player(2, middle(3, 0)), player(3, middle(-9, 0))];
    let plans = think(&question(None, &[middle(0, 0), middle(8, 0)], &players));
    assert_eq!(plans, [plan(2, &[middle(3, 0)]), plan(1, &[middle(9, 0)])]);
    assert_eq!(think(&question(None, &[middle(0, 0)], &[])), [None]);
}

#[test]
fn a_way_leads_around_a_wall_by_its_corners() {
    let level = level(&[".#...", ".#.#.", "...#."]);
    let plans = think(&question(Some(level), &[middle(0, 0)], &[player(1, middle(4, 2))]));
    let corners = [middle(4, 2), middle(4, 2), middle(4, 0), middle(2, 0), middle(2, 2), middle(0, 2)];
    assert_eq!(plans, [plan(1, &corners)]);
}

/// A level of drawn tiles, a third of them walls.
fn drawn_level(key: &Secret) -> Level {
    let tile = |index: u64| if key.number(index).is_multiple_of(3) { '#' } else { '.' };
    let row = |row: u64| (0..20).map(|column| tile(row * 20 + column)).collect::<String>();
    let rows: Vec<String> = (0..15).map(row).collect();
    level(&rows)
}

#[test]
fn no_way_goes_through_a_wall_and_who_can_be_reached_is() {
    let mut reached = 0;
    for seed in 0..300 {
        let key = Secret::from_seed(seed).derive("thoughts");
        let level = drawn_level(&key);
        let (from, to) = (level.somewhere(key.number(1_000)), level.somewhere(key.number(1_001)));
        let plans = think(&question(Some(level.clone()), &[from], &[player(1, to)]));
        let ahead = &plans[0].as_ref().expect("somebody to chase").ahead;
        let places: Vec<Position> = std::iter::once(from).chain(ahead.iter().rev().copied()).collect();
        let blocked = places.windows(2).find(|pair| level.first_wall_on(pair[0], pair[1]).is_some());
        assert_eq!(blocked, None, "seed {seed}: from {from:?} to {to:?} by {places:?}");
        assert_eq!(ahead.first(), Some(&to), "seed {seed}: both are on the same ground");
        reached += usize::from(ahead.len() > 1);
    }
    assert!(reached > 50, "some ways have corners: {reached}");
}

#[test]
fn the_nearest_on_foot_is_chased_and_straight_if_nothing_is_in_the_way() {
    let level = level(&[".#.", ".#.", "...", "..."]);
    let players = [player(1, middle(2, 0)), player(2, middle(0, 3))];
    let plans = think(&question(Some(level), &[middle(0, 0)], &players));
    assert_eq!(plans, [plan(2, &[middle(0, 3)])], "the other is nearer only by air");
}

#[test]
fn who_stands_in_a_wall_is_not_gone_to() {
    let level = level(&["..#", "#.#", "..."]);
    let question =
        question(Some(level), &[middle(0, 2)], &[player(1, middle(0, 1)), player(2, middle(2, 0))]);
    assert_eq!(think(&question), [None]);
}

/// Two halves of 30 x 14 and 30 x 15 tiles and a gap on the right; whom they chase is below on the left. One is in the
/// gap's corner above, the others are on the left above.
fn halves() -> Question {
    let mut rows = vec![format!("s{}", ".".repeat(29)); 30];
    rows[15] = format!("{}.", "#".repeat(29));
    let enemies = [middle(28, 14), middle(0, 0), middle(0, 14)];
    question(Some(level(&rows)), &enemies, &[player(1, middle(0, 29))])
}

fn turns(plan: &Option<Plan>) -> bool {
    plan.as_ref().is_some_and(|plan| plan.ahead.len() > 1)
}

#[test]
fn whom_the_tiles_do_not_reach_keeps_the_plan_that_it_has() {
    let all = think(&halves());
    assert!(all.iter().all(turns), "{all:?}");
    let some = think(&Question { tiles: 500, ..halves() });
    assert_eq!(some, [all[0].clone(), None, None]);
}

#[test]
fn whom_the_tiles_do_not_reach_goes_to_the_wall_if_it_has_no_plan_and_from_there_anywhere() {
    let question = idle(Question { tiles: 500, ..halves() });
    let (to_wall, level) =
        (Position { y: 15 * TILE - 1, ..middle(0, 0) }, question.level.clone().expect("one"));
    let plans = think(&question);
    assert!(turns(&plans[0]));
    assert_eq!(plans[1], plan(1, &[to_wall]));
    let from_wall = |seed| think(&Question { seed, ..question.clone() }).remove(2).expect("a plan").ahead;
    let places: Vec<_> = (0..300).map(from_wall).collect();
    assert!(places.iter().all(|ahead| level.first_wall_on(middle(0, 14), ahead[0]).is_none()));
    let far = places.iter().filter(|ahead| ahead[0].distance_squared(middle(0, 14)) > 100 * 100);
    assert!(far.count() > 100, "it leaves the wall, in half of all cases for a place in its half");
}

#[test]
fn five_hundred_in_a_maze_all_find_their_way_in_one_thought() {
    let level = level(&maze(100, 1));
    let key = Secret::from_seed(1).derive("maze");
    let enemies: Vec<Position> = (0..500).map(|n| level.somewhere(key.number(n))).collect();
    let players: Vec<Player> =
        (0..10).map(|n| player(n, level.somewhere(key.number(999 + u64::from(n))))).collect();
    let plans = think(&question(Some(level), &enemies, &players));
    let is_whole =
        |plan: &&Plan| plan.ahead.first() == players.get(plan.target as usize).map(|player| &player.at);
    let (found, whole) = (plans.iter().flatten().count(), plans.iter().flatten().filter(is_whole).count());
    assert!(found == 500 && whole > 400, "of 500 {found} know a way, {whole} to its end");
}

#[test]
fn a_way_that_is_farther_than_one_sees_can_be_joined_from_anywhere_on_its_first_tile() {
    let mut rows = vec![".".repeat(300); 300];
    rows[299] = format!("s{}", ".".repeat(299));
    let level = level(&rows);
    for column in [100, 128, 129, 200, 299] {
        for (x, y) in [(0, 0), (5, 0), (0, TILE - 1)] {
            let from = Position { x, y };
            let asked = idle(question(Some(level.clone()), &[from], &[player(1, middle(column, 299))]));
            let plan = think(&asked).remove(0).expect("a plan");
            let joined = super::joined(asked.level.as_deref(), from, plan.ahead.clone());
            assert!(joined.is_some(), "to column {column} from {from:?}: {:?}", plan.ahead);
        }
    }
}

#[test]
fn nobody_thinks_on_once_all_is_to_stop() {
    let stop = Stop::default();
    stop.ask();
    let near = question(None, &[middle(0, 0)], &[player(1, middle(3, 0))]);
    assert_eq!(super::think::think(&near, &stop), [None]);
    assert_eq!(super::think::think(&idle(halves()), &stop), [None, None, None]);
    let (level, at) = (level(&["..", ".s"]), middle(0, 0));
    let wanted = [level.grid().tile_at(middle(1, 0)).expect("a tile")].into();
    assert_eq!(Field::new(&level, &[player(1, at)], wanted, TILES_PER_THOUGHT_MAX, &stop).plan(at), None);
}

#[test]
fn the_nearest_is_who_it_would_be_if_all_were_looked_at() {
    for seed in 0..200 {
        let key = Secret::from_seed(seed).derive("nearest");
        let place = |n: u64| Position { x: key.number(n) as i32 % 300, y: key.number(n + 500) as i32 % 300 };
        let mut players: Vec<Player> = (0..400).map(|n| player(n, place(n.into()))).collect();
        players.sort_by_key(|player| (player.at.x, player.at.y));
        let at = place(1_000);
        let least = players.iter().map(|player| player.at.distance_squared(at)).min();
        let found = nearest(&players, at).map(|player| player.at.distance_squared(at));
        assert_eq!(found, least, "seed {seed}");
    }
}

#[test]
fn no_more_players_are_looked_at_than_so_many_on_either_side() {
    let beside = |n| Position { x: 1, y: 1_000 + n };
    let mut players: Vec<Player> =
        (0..).map(beside).map(|at| player(1, at)).take(PLAYERS_BESIDE_MAX).collect();
    players.push(player(2, Position { x: 2, y: 0 }));
    let found = |players: &[Player]| nearest(players, Position { x: 0, y: 0 }).map(|player| player.client_id);
    assert_eq!(found(&players), Some(1), "the last is nearer, and one too many");
    assert_eq!(found(&players[1..]), Some(2));
}

#[test]
fn the_same_question_has_the_same_answer() {
    let key = Secret::from_seed(5);
    let level = drawn_level(&key);
    let enemies: Vec<Position> = (0..50).map(|n| level.somewhere(key.number(n))).collect();
    let players: Vec<Player> =
        (0..9).map(|n| player(n, level.somewhere(key.number(99 + u64::from(n))))).collect();
    let question = question(Some(level), &enemies, &players);
    assert_eq!(think(&question), think(&question.clone()));
}
