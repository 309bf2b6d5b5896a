//! Which clusters are near, and how wide one is.

use super::geometry::{repulsion, spread_of, square_distance};
use super::{Clusters, NEIGHBOURS_MAX, NOWHERE};
use crate::wire::Position;

impl Clusters {
    /// Takes the centre and the spread anew.
    pub(super) fn measure(&mut self, id: u16, places: &[Position]) {
        let cluster = &mut self.clusters[usize::from(id)];
        let (center, spread) = spread_of(cluster.members(), places);
        cluster.spread = spread;
        let site = &mut self.sites[usize::from(id)];
        site.center = center;
        site.repulsion = repulsion(cluster.len);
    }

    /// Lists the nearest clusters. A wide one counts as nearer, by half its spread.
    pub(super) fn seek(&mut self, id: u16) {
        let own = self.sites[usize::from(id)].center;
        let mut nearest = [(f64::INFINITY, NOWHERE); NEIGHBOURS_MAX];
        for (other, site) in self.sites.iter().enumerate() {
            if site.is_live && other != usize::from(id) {
                let distance = square_distance(own, site.center).sqrt() - self.clusters[other].spread / 2.0;
                sort_in(&mut nearest, (distance, other as u16));
            }
        }
        let len = nearest.iter().filter(|(_, other)| *other != NOWHERE).count();
        let last = nearest[..len].last().map_or(own, |(_, other)| self.sites[usize::from(*other)].center);
        let cluster = &mut self.clusters[usize::from(id)];
        cluster.neighbours = nearest.map(|(_, other)| other);
        cluster.neighbours_len = len;
        cluster.reach = square_distance(own, last).sqrt();
    }
}

/// Keeps the least, in order.
fn sort_in(kept: &mut [(f64, u16)], new: (f64, u16)) {
    let at = kept.partition_point(|one| one.0 <= new.0);
    if at < kept.len() {
        kept[at..].rotate_right(1);
        kept[at] = new;
    }
}
