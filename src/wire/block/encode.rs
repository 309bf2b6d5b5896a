//! Writing a block.

use super::bits::BitWriter;
use super::kept::Kept;
use super::numbers::{ones, width_of, zigzag};
use super::predict::{origin_of, way_between};
use super::residuals::Residuals;
use super::{AGE_TICKS_MAX, BLOCK_BYTES_MAX, CLUSTER_BITS, Head, MEMBERS_MAX, Member, Motion};
use crate::wire::Position;

/// Writes blocks.
///
/// It holds only space to work in: the same input gives the same block. It allocates nothing; `out` may.
pub struct Encoder {
    bytes: Box<[u8; BLOCK_BYTES_MAX + BitWriter::SPARE_BYTES]>,
    kept: Kept,
    residuals: Residuals,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder {
    /// An encoder that has written nothing yet.
    pub fn new() -> Self {
        let bytes = Box::new([0; BLOCK_BYTES_MAX + BitWriter::SPARE_BYTES]);
        Self { bytes, kept: Kept::NONE, residuals: Residuals::NONE }
    }

    /// Appends to `out` the block that leads from `was`, the members at the baseline (none if the age is 0), to
    /// `is`, in at most [`BLOCK_BYTES_MAX`].
    ///
    /// `cluster_bits` is the width of cluster ids in the datagram, one of [`CLUSTER_BITS`]. For each that left,
    /// `moved_to` is asked once, by its index in `was`, which cluster it is in now.
    ///
    /// # Panics
    /// If there are more than [`MEMBERS_MAX`] members, if an age of 0 comes with a baseline, and if the age or a
    /// cluster id is too great for its width.
    pub fn encode(
        &mut self,
        head: Head,
        cluster_bits: u32,
        was: &[Member],
        is: &[Member],
        moved_to: impl FnMut(usize) -> Option<u16>,
        out: &mut Vec<u8>,
    ) {
        assert!(
            was.len() <= MEMBERS_MAX && is.len() <= MEMBERS_MAX,
            "a block has at most {MEMBERS_MAX} members"
        );
        assert!(head.age <= AGE_TICKS_MAX && (head.age > 0 || was.is_empty()), "a baseline has an age");
        assert!(CLUSTER_BITS.contains(&cluster_bits), "{cluster_bits} bits are no width of a cluster id");
        self.kept.pair_up(was, is);
        let (stay, enter) = is.split_at(self.kept.len);
        let mut bits = BitWriter::new(&mut self.bytes[..]);
        put_head(&mut bits, head, cluster_bits, &self.kept, !enter.is_empty());
        if self.kept.departed != 0 {
            put_departed(&mut bits, &self.kept, was.len(), cluster_bits, moved_to);
        }
        if self.kept.new_motion != 0 {
            put_motions(&mut bits, self.kept.stayed(was), stay, self.kept.new_motion);
        }
        if self.kept.new_state != 0 {
            put_states(&mut bits, stay, self.kept.new_state);
        }
        if !stay.is_empty() {
            self.residuals.put(&mut bits, &self.kept, i32::from(head.age));
        }
        if !enter.is_empty() {
            put_entered(&mut bits, was, enter);
        }
        let len = bits.finish();
        out.extend_from_slice(&self.bytes[..len]);
    }
}

fn put_head(bits: &mut BitWriter, head: Head, cluster_bits: u32, kept: &Kept, has_entered: bool) {
    put_cluster(bits, head.cluster, cluster_bits);
    bits.put(u32::from(head.age), 6);
    for flag in [kept.departed != 0, has_entered, kept.new_motion != 0, kept.new_state != 0] {
        bits.put_flag(flag);
    }
}

fn put_cluster(bits: &mut BitWriter, cluster: u16, cluster_bits: u32) {
    let cluster = u32::from(cluster);
    assert!(cluster >> cluster_bits == 0, "cluster {cluster} does not fit into {cluster_bits} bits");
    bits.put(cluster, cluster_bits);
}

fn put_departed(
    bits: &mut BitWriter,
    kept: &Kept,
    n: usize,
    cluster_bits: u32,
    mut moved_to: impl FnMut(usize) -> Option<u16>,
) {
    bits.put_subset(kept.departed, n);
    for index in kept.left() {
        let to = moved_to(index);
        bits.put_flag(to.is_some());
        if let Some(cluster) = to {
            put_cluster(bits, cluster, cluster_bits);
        }
    }
}

fn put_motions<'a>(
    bits: &mut BitWriter,
    was: impl Iterator<Item = &'a Member> + Clone,
    is: &[Member],
    changed: u64,
) {
    let pairs = was.zip(is).enumerate().filter(|(index, _)| changed >> index & 1 == 1);
    let changes = pairs.map(|(_, (was, is))| Motion {
        x: is.motion.x.wrapping_sub(was.motion.x),
        y: is.motion.y.wrapping_sub(was.motion.y),
    });
    bits.put_subset(changed, is.len());
    let width = motion_width(changes.clone());
    bits.put(width, 5);
    changes.for_each(|change| put_motion(bits, change, width));
}

fn put_states(bits: &mut BitWriter, is: &[Member], changed: u64) {
    bits.put_subset(changed, is.len());
    let width = width_of(ones(changed).map(|index| is[index].state)).max(1);
    bits.put(width - 1, 5);
    ones(changed).for_each(|index| bits.put(is[index].state, width));
}

/// The bits of the widest component, 0 to 16.
fn motion_width(motions: impl Iterator<Item = Motion>) -> u32 {
    width_of(motions.flat_map(folded))
}

fn put_motion(bits: &mut BitWriter, motion: Motion, width: u32) {
    folded(motion).iter().for_each(|&component| bits.put(component, width));
}

fn folded(motion: Motion) -> [u32; 2] {
    [zigzag(motion.x.into()), zigzag(motion.y.into())]
}

fn put_entered(bits: &mut BitWriter, was: &[Member], enter: &[Member]) {
    let origin = origin_of(was.iter().map(|member| member.at)).unwrap_or_else(|| middle_of(enter));
    let offset = |member: &Member| way_between(origin, member.at).map(zigzag);
    let id_width = width_of(enter.iter().map(|member| member.id)).max(1);
    let place_width = width_of(enter.iter().flat_map(offset)).max(1);
    let motion_width = motion_width(enter.iter().map(|member| member.motion));
    let is_special = enter.iter().any(|member| member.kind != 0 || member.state != 0);
    bits.put_gamma(enter.len() as u32);
    bits.put(id_width - 1, 5);
    bits.put(place_width - 1, 5);
    bits.put(motion_width, 5);
    bits.put_flag(is_special);
    if was.is_empty() {
        bits.put(origin.x as u32, 32);
        bits.put(origin.y as u32, 32);
    }
    for member in enter {
        bits.put(member.id, id_width);
        offset(member).iter().for_each(|&part| bits.put(part, place_width));
        put_motion(bits, member.motion, motion_width);
        if is_special {
            bits.put(member.kind.into(), 8);
            bits.put(member.state, 32);
        }
    }
}

/// From where the places are told when there is no baseline: the middle of their extent.
fn middle_of(members: &[Member]) -> Position {
    let middle = |coordinate: fn(&Member) -> i32| {
        let low = members.iter().map(coordinate).min().unwrap_or_default();
        let high = members.iter().map(coordinate).max().unwrap_or_default();
        ((i64::from(low) + i64::from(high)) >> 1) as i32
    };
    Position { x: middle(|member| member.at.x), y: middle(|member| member.at.y) }
}
