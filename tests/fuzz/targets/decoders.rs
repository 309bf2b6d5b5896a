//! What reads bytes and keeps nothing: messages, headers of snapshots, blocks.

use allocation_counter::measure;
use tickcast::secret::Secret;
use tickcast::wire::block::{
    BlockError, Encoder, Head, MEMBERS_MAX, Member, Motion, Profile, Told, Unpacked, decode,
};
use tickcast::wire::{
    FromClient, FromServer, Position, SnapshotExtras, compact_snapshot, decode_client, decode_move,
    decode_plain, decode_server, encode_client, encode_plain, encode_server, put_message, put_move_extras,
    put_snapshot_extras, snapshot_extras, snapshot_header,
};

use super::script::Script;

/// What a client sends is read without the heap, and is written as it was read.
pub(crate) fn client_messages(bytes: &[u8]) {
    let mut message = None;
    let cost = measure(|| message = decode_client(bytes).ok());
    assert_eq!(cost.count_total, 0, "a message of a client takes nothing from the heap");
    if let Some(message) = message {
        let mut again = Vec::new();
        encode_client(&message, &mut again);
        assert_eq!(again, bytes);
    }
    long_move(bytes);
}

/// The same for moves with extras.
fn long_move(bytes: &[u8]) {
    let mut read = None;
    let cost = measure(|| read = decode_move(bytes).ok());
    assert_eq!(cost.count_total, 0, "a move takes nothing from the heap");
    let Some((step, extras)) = read else { return };
    let mut again = Vec::new();
    encode_client(&FromClient::Move(step), &mut again);
    if let Some(extras) = extras {
        put_move_extras(extras.correction, extras.received, &mut again);
        extras.messages.for_each(|message| put_message(&message, &mut again));
    }
    assert_eq!(again, bytes);
}

/// What a server sends takes no more from the heap than its bytes, and is written as it was read. All that look at the
/// beginning of it agree.
pub(crate) fn server_messages(bytes: &[u8]) {
    let mut message = None;
    let cost = measure(|| message = decode_server(bytes).ok());
    assert!(cost.bytes_total <= bytes.len() as u64, "{} bytes for {}", cost.bytes_total, bytes.len());
    let header = snapshot_header(bytes);
    if let Some(message) = message {
        let mut again = Vec::new();
        encode_server(&message, &mut again);
        assert_eq!(again, bytes);
        let FromServer::Plain(plain) = message else { return assert_eq!(header, None) };
        assert_eq!(header, Some(plain.header));
    }
    if let Some(compact) = compact_snapshot(bytes) {
        assert_eq!(Some(compact.header), header);
        assert!(bytes.ends_with(compact.blocks));
        assert_eq!(snapshot_extras(bytes), Ok(compact.extras));
        if let Some(extras) = compact.extras {
            let (said, start) = (again(&extras), bytes.len() - compact.blocks.len());
            // Where no correction is named, the place of one means nothing.
            assert!(extras.correction.is_none() || bytes[..start].ends_with(&said));
        }
    }
    plain_with_extras(bytes);
}

/// The same for plain snapshots with extras.
fn plain_with_extras(bytes: &[u8]) {
    let mut read = None;
    let cost = measure(|| read = decode_plain(bytes).ok());
    assert!(cost.bytes_total <= bytes.len() as u64, "{} bytes for {}", cost.bytes_total, bytes.len());
    let Some((snapshot, Some(extras))) = read else { return };
    assert_eq!((snapshot_header(bytes), snapshot_extras(bytes)), (Some(snapshot.header), Ok(Some(extras))));
    let mut written = Vec::new();
    encode_plain(&snapshot, &again(&extras), &mut written);
    assert_eq!(written.len(), bytes.len());
    assert!(extras.correction.is_none() || written == bytes);
}

/// Extras as they are written.
fn again(extras: &SnapshotExtras<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_snapshot_extras(extras.correction, extras.received, &mut bytes, |out| {
        extras.messages.for_each(|message| put_message(&message, out));
    });
    bytes
}

/// A block leads to a cluster that leads on: what was read is written, and read again.
///
/// The first bytes say how wide clusters are, and from whom the block leads.
pub(crate) fn blocks(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let cluster_bits = u32::from(script.byte());
    let was = script.is_set().then(|| members(&mut script));
    let (rest, mut out) = (script.rest(), Unpacked::new());
    let mut read = Err(BlockError::Short);
    let cost = measure(|| read = decoded(rest, cluster_bits, was.as_deref(), &mut out));
    assert!(cost.bytes_max <= 16 * 1024, "{} bytes for a block", cost.bytes_max);
    let Ok((head, length, is)) = read else { return };
    assert!(length <= rest.len() && is.len() <= MEMBERS_MAX && out.departed.len() <= MEMBERS_MAX);
    let was = if head.age == 0 { Vec::new() } else { was.expect("it was asked for") };
    let (mut again, departed) = (Vec::new(), out.departed.clone());
    let moved_to = |index: usize| {
        let id = was[index].id;
        departed.iter().find(|gone| gone.id == id).and_then(|gone| gone.to)
    };
    Encoder::new().encode(head, cluster_bits, &was, &is, moved_to, &mut again);
    let held = (head.age > 0).then_some(&was[..]);
    assert_eq!(decoded(&again, cluster_bits, held, &mut out), Ok((head, again.len(), is)));
}

/// The members of a baseline: how many, how far from one another, and how they differ.
fn members(script: &mut Script) -> Vec<Member> {
    let (count, drawn) = (script.below(MEMBERS_MAX + 1), Secret::from_seed(script.byte().into()));
    let (reach, kinds) = (script.below(32), script.byte());
    let member = |index: u64| {
        let number = drawn.number(index);
        let place = |shift: u32| (number.rotate_left(shift) as i32) >> reach;
        let motion = |shift: u32| (number.rotate_left(shift) as i16) >> (reach / 2);
        Member {
            id: (index as u32) << (kinds & 15) | u32::from(kinds >> 7),
            at: Position { x: place(0), y: place(32) },
            state: if kinds & 16 == 0 { 0 } else { number as u32 >> reach },
            motion: if kinds & 32 == 0 { Motion::REST } else { Motion { x: motion(7), y: motion(21) } },
            kind: if kinds & 64 == 0 { 0 } else { number as u8 & 3 },
        }
    };
    (0..count as u64).map(member).collect()
}

/// Decodes a block that leads from these members, if they are held; gives the members now too.
fn decoded(
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
    let (head, length) = decode(bytes, cluster_bits, |_| was.map(|_| told), out)?;
    let profiles = if out.keeps_profiles { &profiles } else { &out.profiles };
    let motions = if out.keeps_motions { &motions } else { &out.motions };
    assert_eq!((profiles.len(), motions.len()), (out.places.len(), out.places.len()));
    Ok((head, length, Told { profiles, motions, places: &out.places }.members().collect()))
}
