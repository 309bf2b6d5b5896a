//! Things, and how many of each somebody has.

/// A thing that one can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Apple,
    Egg,
    Lamp,
    Sword,
    Spam,
}

impl Item {
    pub(crate) const ALL: [Item; 5] = [Item::Apple, Item::Egg, Item::Lamp, Item::Sword, Item::Spam];

    /// Its number in messages, from 0.
    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn of_number(number: u8) -> Option<Item> {
        Self::ALL.get(usize::from(number)).copied()
    }

    pub(crate) fn name(self) -> &'static str {
        ["apple", "egg", "lamp", "sword", "spam"][self as usize]
    }
}

/// How many of each thing somebody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pocket(pub(crate) [u8; Item::ALL.len()]);

impl Pocket {
    /// So many of everything.
    pub(crate) fn of_each(count: u8) -> Self {
        Self([count; Item::ALL.len()])
    }

    pub(crate) fn of(&self, item: Item) -> u8 {
        self.0[item as usize]
    }

    /// One more. There is never more of a thing than a byte counts: the town begins with less, and nothing is made.
    pub(crate) fn put(&mut self, item: Item) {
        self.0[item as usize] += 1;
    }

    /// One less; false, and nothing has changed, where there is none.
    pub(crate) fn take(&mut self, item: Item) -> bool {
        let count = &mut self.0[item as usize];
        let has = *count > 0;
        *count -= u8::from(has);
        has
    }

    pub(crate) fn put_all(&mut self, other: &Pocket) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}
