//! What is told of a cluster beside the places, shared by all ticks that tell the same.

use std::sync::Arc;

use crate::wire::Position;
use crate::wire::block::{Motion, Profile, Told, Unpacked};

/// Who is in a cluster, in order, and where each is expected to go.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    pub(super) profiles: Arc<[Profile]>,
    pub(super) motions: Arc<[Motion]>,
}

impl Roster {
    /// That of a block which led from the roster `was`. What is new is shared with the newest, should that say the
    /// same: else every age of a baseline would have one of its own.
    pub(super) fn of<'a>(
        block: &Unpacked,
        was: Option<&Self>,
        newest: impl Fn() -> Option<&'a Self>,
    ) -> Self {
        let profiles = was.filter(|_| block.keeps_profiles).map(|was| &was.profiles);
        let motions = was.filter(|_| block.keeps_motions).map(|was| &was.motions);
        Self {
            profiles: shared(profiles, || newest().map(|newest| &newest.profiles), &block.profiles),
            motions: shared(motions, || newest().map(|newest| &newest.motions), &block.motions),
        }
    }

    /// Whether both share their profiles.
    pub(super) fn has_profiles_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.profiles, &other.profiles)
    }

    /// Whether both share all.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.has_profiles_of(other) && Arc::ptr_eq(&self.motions, &other.motions)
    }

    /// The cluster, with the places of its members.
    pub(super) fn with<'a>(&'a self, places: &'a [Position]) -> Told<'a> {
        Told { profiles: &self.profiles, motions: &self.motions, places }
    }
}

fn shared<'a, T: Copy + PartialEq + 'a>(
    kept: Option<&Arc<[T]>>,
    newest: impl Fn() -> Option<&'a Arc<[T]>>,
    items: &[T],
) -> Arc<[T]> {
    match kept {
        Some(kept) => Arc::clone(kept),
        None => newest().filter(|newest| ***newest == *items).map_or_else(|| items.into(), Arc::clone),
    }
}
