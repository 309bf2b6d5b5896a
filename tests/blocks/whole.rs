//! Blocks, decoded from and to whole members.

use tickcast::wire::Position;
use tickcast::wire::block::{BlockError, Head, Member, Roster, Told, Unpacked, decode};

/// Decodes a block that leads from these members, if they are held; gives the members now too.
pub(crate) fn decoded(
    bytes: &[u8],
    cluster_bits: u32,
    was: Option<&[Member]>,
    out: &mut Unpacked,
) -> Result<(Head, usize, Vec<Member>), BlockError> {
    let roster: Roster = was.unwrap_or_default().iter().copied().collect();
    let places: Vec<Position> = was.unwrap_or_default().iter().map(|member| member.at).collect();
    let told = was.map(|_| Told { roster: &roster, places: &places });
    let (head, len) = decode(bytes, cluster_bits, |_| told, out)?;
    let roster = if out.is_same { &roster } else { &out.roster };
    assert!(roster.len() == out.places.len(), "everyone is at some place");
    let members = Told { roster, places: &out.places }.members().collect();
    Ok((head, len, members))
}
