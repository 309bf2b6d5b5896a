//! Who of the baseline is still there, and what has changed about each.

use super::numbers::{ones, set_of};
use super::predict::way_between;
use super::{MEMBERS_MAX, Member};

/// Those who were there and still are, in order; x and y apart, which is how processors like it.
pub(super) struct Kept {
    pub(super) len: usize,
    /// Who left, by the order of the baseline.
    pub(super) departed: u64,
    /// Whose motion is another, by the order of now, as all that follows.
    pub(super) new_motion: u64,
    /// Whose state is another.
    pub(super) new_state: u64,
    /// Whether anybody has a motion.
    pub(super) is_moving: bool,
    /// From the baseline to now; zeros after the last.
    pub(super) way: [[i32; MEMBERS_MAX]; 2],
    /// The motion now, widened; zeros after the last.
    pub(super) motion: [[i32; MEMBERS_MAX]; 2],
}

impl Kept {
    pub(super) const NONE: Self = Self {
        len: 0,
        departed: 0,
        new_motion: 0,
        new_state: 0,
        is_moving: false,
        way: [[0; MEMBERS_MAX]; 2],
        motion: [[0; MEMBERS_MAX]; 2],
    };

    /// Finds who stayed and who left. Both lists are in the same order, so one walk along them does.
    pub(super) fn pair_up(&mut self, was: &[Member], is: &[Member]) {
        let is_same = |(was, is): (&Member, &Member)| was.id == is.id && was.kind == is.kind;
        if is.len() >= was.len() && was.iter().zip(is).all(is_same) {
            (self.len, self.departed) = (was.len(), 0);
            return self.compare(was, is);
        }
        (self.len, self.departed) = (0, 0);
        let mut stayed = [Member::default(); MEMBERS_MAX];
        for (index, was) in was.iter().enumerate() {
            let stays = is.get(self.len).is_some_and(|is| is_same((was, is)));
            self.departed |= u64::from(!stays) << index;
            if stays {
                stayed[self.len] = *was;
                self.len += 1;
            }
        }
        self.compare(&stayed[..self.len], is);
    }

    fn compare(&mut self, was: &[Member], is: &[Member]) {
        let (mut new_motion, mut new_state) = ([false; MEMBERS_MAX], [false; MEMBERS_MAX]);
        let mut moving = 0;
        let ([way_x, way_y], [motion_x, motion_y]) = (&mut self.way, &mut self.motion);
        let ways = way_x.iter_mut().zip(way_y);
        let motions = motion_x.iter_mut().zip(motion_y);
        for (index, (((was, is), way), motion)) in was.iter().zip(is).zip(ways).zip(motions).enumerate() {
            [*way.0, *way.1] = way_between(was.at, is.at);
            (*motion.0, *motion.1) = (i32::from(is.motion.x), i32::from(is.motion.y));
            moving |= *motion.0 | *motion.1;
            new_motion[index] = was.motion != is.motion;
            new_state[index] = was.state != is.state;
        }
        (self.new_motion, self.new_state) = (set_of(&new_motion), set_of(&new_state));
        for axis in self.way.iter_mut().chain(&mut self.motion) {
            axis[self.len..].fill(0);
        }
        self.is_moving = moving != 0;
    }

    /// The members of the baseline that stayed.
    pub(super) fn stayed<'a>(&self, was: &'a [Member]) -> impl Iterator<Item = &'a Member> + Clone + use<'a> {
        let staying = !self.departed;
        was.iter().enumerate().filter(move |(index, _)| staying >> index & 1 == 1).map(|(_, member)| member)
    }

    /// The members of the baseline that left, by index.
    pub(super) fn left(&self) -> impl Iterator<Item = usize> + use<> {
        ones(self.departed)
    }
}
