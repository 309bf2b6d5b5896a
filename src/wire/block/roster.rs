//! A cluster with what seldom changes apart from what changes at every tick.

use super::{MEMBERS_MAX, Member, Motion};
use crate::wire::Position;

/// Who is in a cluster, in order, and what is told of each but the place. Most blocks leave it as it is, so that what
/// is kept of many ticks can share one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Who they are.
    pub profiles: Vec<Profile>,
    /// Where each is expected to go.
    pub motions: Vec<Motion>,
}

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

/// A cluster as a receiver holds it: a baseline.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Who is in it.
    pub roster: &'a Roster,
    /// Where each of them is, in the same order.
    pub places: &'a [Position],
}

impl Roster {
    /// Room for any cluster.
    pub fn new() -> Self {
        Self { profiles: Vec::with_capacity(MEMBERS_MAX), motions: Vec::with_capacity(MEMBERS_MAX) }
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.profiles.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// Appends a member.
    pub fn push(&mut self, member: &Member) {
        let Member { id, state, motion, kind, .. } = *member;
        self.profiles.push(Profile { id, state, kind });
        self.motions.push(motion);
    }

    /// Becomes what another is without those who `left` it.
    pub(super) fn set_from(&mut self, was: &Self, left: u64) {
        set_without(&mut self.profiles, &was.profiles, left);
        set_without(&mut self.motions, &was.motions, left);
    }
}

impl<'a> Told<'a> {
    /// All that is told of each.
    pub fn members(self) -> impl ExactSizeIterator<Item = Member> + 'a {
        let both = self.roster.profiles.iter().zip(&self.roster.motions);
        both.zip(self.places).map(|((&Profile { id, state, kind }, &motion), &at)| Member {
            id,
            at,
            state,
            motion,
            kind,
        })
    }
}

impl FromIterator<Member> for Roster {
    fn from_iter<T: IntoIterator<Item = Member>>(members: T) -> Self {
        let mut roster = Self::default();
        members.into_iter().for_each(|member| roster.push(&member));
        roster
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
