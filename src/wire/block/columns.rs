//! A cluster in columns: what changes at every tick, what changes now and then, and what seldom does.

use super::{MEMBERS_MAX, Member, Motion};
use crate::wire::Position;

/// What a member is, wherever it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// See [`Member::id`].
    pub id: u32,
    /// See [`Member::state`].
    pub state: u32,
    /// See [`Member::kind`].
    pub kind: u8,
}

/// A cluster as a receiver holds it: its members, in order, in columns of the same length.
///
/// Most blocks change the places alone, so that what is kept of many ticks can share the other columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// Who they are.
    pub profiles: &'a [Profile],
    /// Where each is expected to go.
    pub motions: &'a [Motion],
    /// Where each is.
    pub places: &'a [Position],
}

impl<'a> Told<'a> {
    /// All that is told of each.
    pub fn members(self) -> impl ExactSizeIterator<Item = Member> + 'a {
        let columns = self.profiles.iter().zip(self.motions).zip(self.places);
        columns.map(|((&Profile { id, state, kind }, &motion), &at)| Member { id, at, state, motion, kind })
    }

    pub(super) fn is_cluster(&self) -> bool {
        let len = self.places.len();
        len <= MEMBERS_MAX && self.profiles.len() == len && self.motions.len() == len
    }
}

impl Member {
    /// What it is.
    pub fn profile(&self) -> Profile {
        Profile { id: self.id, state: self.state, kind: self.kind }
    }
}

/// Makes `to` what `from` is without those whose bit is set.
pub(super) fn set_without<T: Copy>(to: &mut Vec<T>, from: &[T], left: u64) {
    to.clear();
    if left == 0 {
        return to.extend_from_slice(from);
    }
    let stay = from.iter().enumerate().filter(|(index, _)| left >> index & 1 == 0);
    to.extend(stay.map(|(_, item)| *item));
}
