//! Who is in which cluster, while players walk, crowd, jump, come and go.

use tickcast::snapshot::clusters::{Clusters, changes_max};
use tickcast::wire::block::MEMBERS_MAX;
use tickcast::wire::{Position, Tick};
use tickcast::world::PlayerSlot;

use crate::walk::{Draw, Movement, Walk};

const REST_TICKS: u64 = 64;

/// Clusters that follow a movement, checked at every tick.
struct Field {
    walk: Walk,
    clusters: Clusters,
    tick: Tick,
    players: usize,
}

impl Field {
    fn new(movement: Movement, players: usize) -> Self {
        let walk = Walk::new(movement, players, 5);
        let mut clusters = Clusters::new(REST_TICKS);
        slots(players).for_each(|slot| clusters.insert(slot, Tick(0), &walk.places));
        Self { walk, clusters, tick: Tick(0), players }
    }

    fn run(&mut self, ticks: u64) -> &mut Self {
        for _ in 0..ticks {
            self.walk.step();
            self.update();
        }
        self
    }

    fn update(&mut self) {
        self.tick.0 += 1;
        let (changes, count) = (self.clusters.changes(), self.clusters.len());
        self.clusters.update(self.tick, &self.walk.places);
        let changed = self.clusters.changes() - changes;
        assert!(changed <= changes_max(count) as u64, "{changed} changes in a tick");
        self.check();
    }

    /// Everybody is in exactly one cluster, and it knows.
    fn check(&self) {
        let mut seen = 0;
        for id in self.clusters.ids() {
            let members = self.clusters.members(id);
            assert!(!members.is_empty() && members.len() <= MEMBERS_MAX);
            assert!(members.iter().all(|&slot| self.clusters.home(slot) == Some(id)));
            assert!(u32::from(id) >> self.clusters.id_bits() == 0);
            seen += members.len();
        }
        assert_eq!(seen, self.players);
    }

    fn remove(&mut self, slot: PlayerSlot) {
        self.clusters.remove(slot, self.tick);
        self.players -= 1;
    }

    fn insert(&mut self, slot: PlayerSlot) {
        self.clusters.insert(slot, self.tick, &self.walk.places);
        self.players += 1;
    }

    fn fill(&self) -> f64 {
        self.players as f64 / (self.clusters.len() * MEMBERS_MAX) as f64
    }

    /// The share of the nearest 200 that are in the own cluster or a neighbour, for every 37th player.
    fn recall(&self) -> f64 {
        let players = slots(self.players).step_by(37);
        players.clone().map(|slot| self.recall_of(slot)).sum::<f64>() / players.count() as f64
    }

    fn home(&self, slot: PlayerSlot) -> u16 {
        self.clusters.home(slot).expect("everyone is at home somewhere")
    }

    fn recall_of(&self, slot: PlayerSlot) -> f64 {
        let own = self.walk.places[slot.index()];
        let mut order: Vec<PlayerSlot> = slots(self.players).collect();
        order.select_nth_unstable_by_key(200, |other| own.distance_squared(self.walk.places[other.index()]));
        let home = self.home(slot);
        let is_told = |id: u16| id == home || self.clusters.neighbours(home).contains(&id);
        let told = order[..200].iter().filter(|&&other| is_told(self.home(other)));
        told.count() as f64 / 200.0
    }
}

fn slots(players: usize) -> impl Iterator<Item = PlayerSlot> + Clone {
    (0..players as u32).map(PlayerSlot)
}

#[test]
fn spread_out_clusters_are_full_and_know_the_nearest_200() {
    let mut field = Field::new(Movement::Waypoints(5.0), 3_000);
    let changes = field.run(400).clusters.changes();
    field.run(200);
    assert!(field.fill() >= 0.75, "fill {}", field.fill());
    assert!(field.recall() >= 0.99, "recall {}", field.recall());
    let per_tick = (field.clusters.changes() - changes) as f64 / 200.0 / 3_000.0;
    assert!(per_tick < 0.002_8, "{per_tick} changes per player and tick");
}

#[test]
fn all_on_one_tile_are_split_and_stay() {
    let mut field = Field::new(Movement::OneTile, 10_000);
    let changes = field.run(100).clusters.changes();
    assert!(field.fill() >= 0.75, "fill {}", field.fill());
    assert_eq!(field.run(50).clusters.changes(), changes);
}

#[test]
fn walking_together_changes_nothing() {
    let mut field = Field::new(Movement::Rest, 2_000);
    let changes = field.run(1_000).clusters.changes();
    for _ in 0..200 {
        let step = |at: &mut Position| *at = Position { x: at.x + 50, y: at.y - 30 };
        field.walk.places.iter_mut().for_each(step);
        field.update();
    }
    assert_eq!(field.clusters.changes(), changes);
}

#[test]
fn a_crowd_that_bursts_apart_is_sorted_out() {
    let mut field = Field::new(Movement::Burst, 2_500);
    field.run(2_500);
    assert!(field.recall() > 0.99, "recall {}", field.recall());
}

#[test]
fn who_jumps_is_soon_at_home_there() {
    let mut field = Field::new(Movement::Rest, 5_000);
    field.run(200);
    let here = field.walk.places[17];
    let far = slots(5_000).max_by_key(|slot| here.distance_squared(field.walk.places[slot.index()]));
    let far = far.expect("there are players");
    field.walk.places[17] = field.walk.places[far.index()];
    (0..5).for_each(|_| field.update());
    let [home, near] = [field.home(PlayerSlot(17)), field.home(far)];
    assert!(home == near || field.clusters.neighbours(near).contains(&home));
}

#[test]
fn everyone_may_jump_at_once_and_at_every_tick() {
    let (mut field, mut draw) = (Field::new(Movement::Rest, 1_000), Draw::new(8));
    for _ in 0..100 {
        let jump = |at: &mut Position| *at = Position { x: draw.number() as i32, y: draw.number() as i32 };
        field.walk.places.iter_mut().for_each(jump);
        field.update();
    }
}

#[test]
fn the_ends_of_the_world_and_comings_and_goings_are_borne() {
    let (mut field, mut draw) = (Field::new(Movement::Rest, 1_500), Draw::new(9));
    for _ in 0..400 {
        for _ in 0..30 {
            let slot = PlayerSlot(draw.below(1_500) as u32);
            let ends = [i32::MIN, i32::MAX, 0, draw.number() as i32];
            let mut end = || ends[draw.below(4) as usize];
            field.walk.places[slot.index()] = Position { x: end(), y: end() };
            match field.clusters.home(slot) {
                Some(_) => field.remove(slot),
                None => field.insert(slot),
            }
        }
        field.update();
    }
    slots(1_500).for_each(|slot| field.clusters.remove(slot, field.tick));
    assert!(field.clusters.is_empty());
}

#[test]
fn clusters_dissolve_as_players_leave() {
    let mut field = Field::new(Movement::Waypoints(5.0), 2_000);
    for slot in slots(1_900) {
        field.remove(slot);
        field.run(u64::from(slot.0.is_multiple_of(4)));
    }
    field.run(100);
    assert!(field.clusters.len() <= 3, "{} clusters for 100 players", field.clusters.len());
}

#[test]
fn skipped_ticks_leave_no_cluster_unvisited() {
    let mut field = Field::new(Movement::Rest, 3_000);
    field.run(200);
    let there = field.walk.places[1_500];
    (0..40).for_each(|slot| field.walk.places[slot * 70] = there);
    for _ in 0..64 {
        field.tick.0 += 3;
        field.update();
    }
    let near = field.home(PlayerSlot(1_500));
    let is_near = |id: u16| id == near || field.clusters.neighbours(near).contains(&id);
    let arrived = (0..40).filter(|slot| is_near(field.home(PlayerSlot(slot * 70)))).count();
    assert_eq!(arrived, 40, "with a tick in four, all have been looked after");
}

#[test]
fn an_id_rests_before_it_is_used_again() {
    let places = [Position::default(); 2];
    let mut clusters = Clusters::new(REST_TICKS);
    let player = PlayerSlot(0);
    clusters.insert(player, Tick(10), &places);
    let first = clusters.home(player);
    clusters.remove(player, Tick(10));
    clusters.insert(player, Tick(73), &places);
    assert_ne!(clusters.home(player), first);
    clusters.remove(player, Tick(73));
    clusters.insert(player, Tick(74), &places);
    assert_eq!(clusters.home(player), first);
}

#[test]
fn who_stays_keeps_its_order_and_who_enters_is_appended() {
    let mut field = Field::new(Movement::Waypoints(5.0), 2_000);
    for _ in 0..300 {
        let members = |field: &Field, id| field.clusters.members(id).to_vec();
        let before: Vec<_> = field.clusters.ids().map(|id| (id, members(&field, id))).collect();
        field.run(1);
        for (id, was) in before {
            let is = members(&field, id);
            let stayed: Vec<PlayerSlot> = was.into_iter().filter(|slot| is.contains(slot)).collect();
            assert_eq!(is[..stayed.len()], stayed);
        }
    }
}
