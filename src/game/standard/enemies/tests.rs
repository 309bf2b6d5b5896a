//! What enemies think.

use std::path::Path;
use std::sync::Arc;

use super::think::*;
use crate::level::Level;
use crate::level::maps::{TILE, drawn};
use crate::secret::Secret;
use crate::wire::{Player, Position};

fn level(rows: &[&str]) -> Level {
    let map = drawn(rows, "").into_bytes();
    Level::read(Path::new("test.tmx"), &mut |_, _| Ok(map.clone())).expect("a level")
}

fn middle(column: i32, row: i32) -> Position {
    Position { x: column * TILE + TILE / 2, y: row * TILE + TILE / 2 }
}

fn player(client_id: u32, at: Position) -> Player {
    Player { client_id, at, state: 0 }
}

fn question(level: Option<Level>, enemies: &[Position], players: &[Player]) -> Question {
    let (level, enemies, players) = (level.map(Arc::new), enemies.to_vec(), players.to_vec());
    Question { level, enemies, players, tiles: TILES_PER_THOUGHT_MAX, seed: 0 }
}

#[test]
fn the_nearest_is_chased_and_nobody_if_there_is_nobody() {
    let players = [player(1, middle(9, 0)), player(2, middle(3, 0)), player(3, middle(-9, 0))];
    let plans = think(&question(None, &[middle(0, 0), middle(8, 0)], &players));
    let targets = plans.iter().map(|plan| plan.as_ref().map(|plan| plan.target));
    assert_eq!(targets.collect::<Vec<_>>(), [Some(2), Some(1)]);
    assert_eq!(plans[0].as_ref().map(|plan| &plan.ahead[..]), Some(&[middle(3, 0)][..]));
    assert_eq!(think(&question(None, &[middle(0, 0)], &[])), [None]);
}

#[test]
fn a_way_leads_around_a_wall_by_its_corners() {
    let level = level(&[".#...", ".#.#.", "...#."]);
    let plans = think(&question(Some(level), &[middle(0, 0)], &[player(1, middle(4, 2))]));
    let corners = [middle(4, 2), middle(4, 2), middle(4, 0), middle(2, 0), middle(2, 2), middle(0, 2)];
    assert_eq!(plans[0].as_ref().map(|plan| &plan.ahead[..]), Some(&corners[..]));
}

/// A level of drawn tiles, a third of them walls.
fn drawn_level(key: &Secret) -> Level {
    let tile = |index: u64| if key.number(index).is_multiple_of(3) { '#' } else { '.' };
    let row = |row: u64| (0..20).map(|column| tile(row * 20 + column)).collect::<String>();
    let rows: Vec<String> = (0..15).map(row).collect();
    level(&rows.iter().map(String::as_str).collect::<Vec<_>>())
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
fn tiles_are_looked_at_up_to_the_budget_and_then_one_goes_straight_on() {
    let mut maze = vec![format!("s{}", ".".repeat(29)); 30];
    maze[15] = format!("{}.", "#".repeat(29));
    let level = level(&maze.iter().map(String::as_str).collect::<Vec<_>>());
    let mut question = question(Some(level), &[middle(0, 0); 3], &[player(1, middle(0, 29))]);
    let turns = |question: &Question| {
        let plans = think(question).into_iter().flatten();
        plans.map(|plan| plan.ahead.len() > 1).collect::<Vec<_>>()
    };
    assert_eq!(turns(&question), [true, true, true]);
    question.tiles = 700;
    assert_eq!(turns(&question), [true, false, false]);
    question.seed = 2;
    assert_eq!(turns(&question), [false, false, true], "another is the first");
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
