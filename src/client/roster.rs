//! What is told of a cluster beside the places, shared by all ticks that tell the same.

use std::sync::Arc;

use crate::wire::Position;
use crate::wire::block::{MEMBERS_MAX, Motion, Profile, Told, Unpacked};

/// Who is in a cluster, in order, and where each is expected to go.
///
/// Motions lie beside the count of the references, as both are needed for every block.
#[derive(Debug)]
pub(super) struct Roster {
    motions: [Motion; MEMBERS_MAX],
    profiles: Arc<[Profile]>,
}

impl Roster {
    /// That of a block which led from the roster `was`. What is new is shared with the newest, should that say the
    /// same: else every age of a baseline would have one of its own.
    pub(super) fn of<'a>(
        block: &Unpacked,
        was: Option<&Arc<Self>>,
        newest: impl FnOnce() -> Option<&'a Arc<Self>>,
    ) -> Arc<Self> {
        match (was, newest) {
            (Some(was), _) if block.keeps_profiles && block.keeps_motions => Arc::clone(was),
            (_, newest) => Self::changed(block, was, newest()),
        }
    }

    fn changed(block: &Unpacked, was: Option<&Arc<Self>>, newest: Option<&Arc<Self>>) -> Arc<Self> {
        let kept = was.filter(|_| block.keeps_profiles).map(|was| &was.profiles);
        let same = newest.map(|newest| &newest.profiles).filter(|profiles| ***profiles == *block.profiles);
        let profiles = kept.or(same).map_or_else(|| block.profiles.as_slice().into(), Arc::clone);
        let mut motions = [Motion::REST; MEMBERS_MAX];
        let known = was.filter(|_| block.keeps_motions).map_or(&*block.motions, |was| was.motions());
        motions.iter_mut().zip(known).for_each(|(to, from)| *to = *from);
        let is_same =
            |newest: &&Arc<Self>| Arc::ptr_eq(&newest.profiles, &profiles) && newest.motions == motions;
        newest
            .filter(is_same)
            .map_or_else(|| Arc::new(Self { motions, profiles: Arc::clone(&profiles) }), Arc::clone)
    }

    pub(super) fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    pub(super) fn motions(&self) -> &[Motion] {
        &self.motions[..self.profiles.len()]
    }

    /// Whether both share their profiles.
    pub(super) fn has_profiles_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.profiles, &other.profiles)
    }

    /// The cluster, with the places of its members.
    pub(super) fn with<'a>(&'a self, places: &'a [Position]) -> Told<'a> {
        Told { profiles: &self.profiles, motions: self.motions(), places }
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self { motions: [Motion::REST; MEMBERS_MAX], profiles: Arc::default() }
    }
}
