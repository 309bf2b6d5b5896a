//! Proof that both ends hold the same.

use std::borrow::Borrow;

use super::Member;

/// The checksum of what a block tells of a cluster: the sum of one hash for each member, of all that is told of it but
/// its motion. That of a datagram is the sum over its blocks. Sums go around at 2^64.
pub fn checksum<M: Borrow<Member>>(cluster: u16, members: impl IntoIterator<Item = M>) -> u64 {
    members.into_iter().fold(0, |sum, member| sum.wrapping_add(hash_of(cluster, member.borrow())))
}

fn hash_of(cluster: u16, member: &Member) -> u64 {
    let place = u64::from(member.at.x as u32) | u64::from(member.at.y as u32) << 32;
    let rest = u64::from(member.state) | u64::from(member.kind) << 32 | u64::from(cluster) << 40;
    [u64::from(member.id), place, rest].into_iter().fold(0, |hash, part| mix(hash ^ part))
}

/// SplitMix64's output function, of the state after one step (Steele, Lea, Flood: Fast splittable pseudorandom number
/// generators, 2014).
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Position;

    #[test]
    fn a_checksum_depends_on_everything_but_the_order_and_the_motion() {
        let member = |id| Member { id, at: Position { x: -3, y: 4 }, state: 5, kind: 1, ..Member::default() };
        let both = [member(1), member(2)];
        let sum = checksum(7, both);
        assert_eq!(sum, checksum(7, [member(2), member(1)]));
        assert_eq!((checksum::<Member>(7, []), mix(0)), (0, 0xe220_a839_7b1d_cdaf));
        let at = |x, y| Member { at: Position { x, y }, ..member(1) };
        let others =
            [at(-2, 4), at(-3, 5), Member { state: 6, ..member(1) }, Member { kind: 0, ..member(1) }];
        assert!(others.iter().all(|other| checksum(7, [*other, member(2)]) != sum));
        assert_ne!(checksum(8, both), sum);
    }
}
