//! Blocks, decoded from and to whole members.

use tickcast::wire::Position;
use tickcast::wire::block::{BlockError, Head, Member, Motion, Profile, Told, Unpacked, decode};

/// Decodes a block that leads from these members, if they are held; gives the members now too.
pub(crate) fn decoded(
    bytes: &[u8],
    cluster_bits: u32,
    was: Option<&[Member]>,
    out: &mut Unpacked,
) -> Result<(Head, usize, Vec<Member>), BlockError> {
    let members = was.unwrap_or_default();
    let profiles: Vec<Profile> = members.iter().map(Member::profile).collect();
    let motions: Vec<Motion> = members.iter().map(|member| member.motion).collect();
    let places: Vec<Position> = members.iter().map(|member| member.at).collect();
    let told = Told { profiles: &profiles, motions: &motions, places: &places };
    let (head, len) = decode(bytes, cluster_bits, |_| was.map(|_| told), out)?;
    let profiles = if out.keeps_profiles { &profiles } else { &out.profiles };
    let motions = if out.keeps_motions { &motions } else { &out.motions };
    assert_eq!((profiles.len(), motions.len()), (out.places.len(), out.places.len()));
    Ok((head, len, Told { profiles, motions, places: &out.places }.members().collect()))
}
