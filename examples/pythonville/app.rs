//! What keys do: a state machine without terminal and network.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::rules::items::Item;
use crate::rules::words::{TEXT_MAX, Wish};
use crate::town::{About, Town};

/// A key, as far as the game knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Left,
    Right,
    Up,
    Down,
    Enter,
    Escape,
    Backspace,
    Tab,
    /// Ends the game, whatever is being written.
    Interrupt,
    Char(char),
}

/// A step to the tile beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stride {
    pub(crate) dx: i32,
    pub(crate) dy: i32,
}

/// What the keys of the moment are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Walking,
    /// A line is being written.
    Chatting(String),
    /// An offer is being made up.
    Offering(Draft),
}

/// An offer that is being made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Who could be asked, the nearest first.
    pub(crate) people: Vec<u32>,
    /// Which of the three is being chosen: what is given, what for, of whom.
    pub(crate) field: usize,
    pub(crate) chosen: [usize; 3],
}

impl Draft {
    pub(crate) fn gives(&self) -> Item {
        Item::ALL[self.chosen[0]]
    }

    pub(crate) fn wants(&self) -> Item {
        Item::ALL[self.chosen[1]]
    }

    pub(crate) fn to(&self) -> u32 {
        self.people[self.chosen[2]]
    }

    fn turn(&mut self, by: isize) {
        let many = if self.field == 2 { self.people.len() } else { Item::ALL.len() };
        let chosen = &mut self.chosen[self.field];
        *chosen = (*chosen as isize + by).rem_euclid(many as isize) as usize;
    }

    fn next_field(&mut self, by: isize) {
        self.field = (self.field as isize + by).rem_euclid(3) as usize;
    }
}

/// Strides that wait for their turn: a key held down is not to walk on after it is let go.
const STRIDES_MAX: usize = 2;

/// Wishes that wait until the client takes them: more than anybody has between two pictures.
const WISHES_MAX: usize = 8;
/// An offer is answered that has been on the screen for so long: a key that was meant for another takes nothing.
const LOOKED_AT: Duration = Duration::from_millis(500);

/// The player at the keyboard.
///
/// Keys go in by [`App::on_key`]; [`App::strides`] and [`App::wishes`] are what they have led to, for whoever sends.
/// [`App::on_picture`] with every picture that is shown.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) mode: Mode,
    pub(crate) town: Town,
    pub(crate) strides: VecDeque<Stride>,
    pub(crate) wishes: VecDeque<Wish>,
    pub(crate) has_quit: bool,
    /// The oldest offer that waits for an answer, and since when it is shown.
    asked: Option<(u32, Instant)>,
    /// The same, once the player has had the time to read it.
    pub(crate) answerable: Option<u32>,
}

impl App {
    pub(crate) fn new(me: u32) -> Self {
        let mut town = Town::new(me);
        town.note(About::Town, "welcome to Pythonville");
        Self {
            mode: Mode::Walking,
            town,
            strides: VecDeque::new(),
            wishes: VecDeque::new(),
            has_quit: false,
            asked: None,
            answerable: None,
        }
    }

    /// What is known is shown.
    pub(crate) fn on_picture(&mut self, now: Instant) {
        let asked = self.town.asked().map(|offer| offer.number);
        if self.asked.map(|(number, _)| number) != asked {
            self.asked = asked.map(|number| (number, now));
        }
        let read = self.asked.filter(|(_, since)| now.saturating_duration_since(*since) >= LOOKED_AT);
        self.answerable = read.map(|(number, _)| number);
    }

    /// There is nobody to hear them.
    pub(crate) fn forget_wishes(&mut self) {
        if !self.wishes.is_empty() {
            self.town.note(About::Town, "the town does not hear you");
            self.wishes.clear();
        }
    }

    /// `people`: who else is known, the nearest first.
    pub(crate) fn on_key(&mut self, key: Key, people: &[u32]) {
        if key == Key::Interrupt {
            self.has_quit = true;
            return;
        }
        match std::mem::replace(&mut self.mode, Mode::Walking) {
            Mode::Walking => self.on_walking(key, people),
            Mode::Chatting(line) => self.on_chatting(key, line),
            Mode::Offering(draft) => self.on_offering(key, draft),
        }
    }

    fn on_walking(&mut self, key: Key, people: &[u32]) {
        match key {
            Key::Left => self.walk(-1, 0),
            Key::Right => self.walk(1, 0),
            Key::Up => self.walk(0, -1),
            Key::Down => self.walk(0, 1),
            Key::Char(' ') => self.wish(Wish::Strike),
            Key::Char('c') => self.mode = Mode::Chatting(String::new()),
            Key::Char('o') => self.begin_offer(people),
            Key::Char('y') => self.answer(Wish::Accept),
            Key::Char('n') => self.answer(Wish::Decline),
            Key::Char('q') => self.has_quit = true,
            _ => {}
        }
    }

    fn walk(&mut self, dx: i32, dy: i32) {
        if self.strides.len() < STRIDES_MAX {
            self.strides.push_back(Stride { dx, dy });
        }
    }

    fn wish(&mut self, wish: Wish) {
        if self.wishes.len() < WISHES_MAX {
            self.wishes.push_back(wish);
        }
    }

    fn begin_offer(&mut self, people: &[u32]) {
        if people.is_empty() {
            self.town.note(About::Trade, "nobody is here to trade with");
            return;
        }
        let first = |is_it: &dyn Fn(Item) -> bool| Item::ALL.iter().position(|item| is_it(*item));
        let gives = first(&|item| self.town.pocket.of(item) > 0).unwrap_or(0);
        let wants = first(&|item| self.town.pocket.of(item) == 0).unwrap_or((gives + 1) % Item::ALL.len());
        self.mode = Mode::Offering(Draft { people: people.to_vec(), field: 0, chosen: [gives, wants, 0] });
    }

    /// To the oldest offer that waits for an answer, as far as the player can have read it.
    fn answer(&mut self, wish: fn(u32) -> Wish) {
        let Some(number) = self.town.asked().map(|offer| offer.number) else {
            return self.town.note(About::Trade, "nobody has offered you anything");
        };
        if self.answerable == Some(number) {
            self.wish(wish(number));
        } else {
            self.town.note(About::Trade, "that is another offer: look at it first");
        }
    }

    fn on_chatting(&mut self, key: Key, mut line: String) {
        match key {
            Key::Escape => return,
            Key::Enter if line.trim().is_empty() => return,
            Key::Enter => return self.wish(Wish::Say(line)),
            Key::Backspace => drop(line.pop()),
            Key::Char(c) if line.len() + c.len_utf8() <= TEXT_MAX => line.push(c),
            _ => {}
        }
        self.mode = Mode::Chatting(line);
    }

    fn on_offering(&mut self, key: Key, mut draft: Draft) {
        match key {
            Key::Escape => return,
            Key::Enter => {
                let (to, gives, wants) = (draft.to(), draft.gives(), draft.wants());
                return self.wish(Wish::Offer { to, gives, wants });
            }
            Key::Up => draft.turn(-1),
            Key::Down => draft.turn(1),
            Key::Left => draft.next_field(-1),
            Key::Right | Key::Tab => draft.next_field(1),
            _ => {}
        }
        self.mode = Mode::Offering(draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::items::Pocket;
    use crate::rules::trade::End;
    use crate::rules::words::News;

    fn press(app: &mut App, keys: &[Key]) {
        keys.iter().for_each(|key| app.on_key(*key, &[5, 6]));
    }

    #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; only differences count")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn arrows_walk_and_no_more_than_two_strides_wait() {
        let mut app = App::new(1);
        press(&mut app, &[Key::Left, Key::Down, Key::Up]);
        assert_eq!(app.strides, [Stride { dx: -1, dy: 0 }, Stride { dx: 0, dy: 1 }]);
    }

    #[test]
    fn a_line_is_written_corrected_and_said() {
        let mut app = App::new(1);
        press(&mut app, &[Key::Char('c'), Key::Char('n'), Key::Char('q'), Key::Backspace, Key::Char('i')]);
        assert_eq!(app.mode, Mode::Chatting("ni".into()));
        press(&mut app, &[Key::Left, Key::Enter]);
        assert_eq!((&app.mode, app.wishes.pop_front()), (&Mode::Walking, Some(Wish::Say("ni".into()))));
        press(&mut app, &[Key::Char('c'), Key::Char('x'), Key::Escape, Key::Char('c'), Key::Enter]);
        assert_eq!((&app.mode, app.wishes.len(), app.has_quit), (&Mode::Walking, 0, false));
    }

    #[test]
    fn an_offer_is_made_up_of_what_one_has_and_what_one_lacks() {
        let mut app = App::new(1);
        app.town.on_news(News::Anew { health: 9, pocket: Pocket([0, 1, 0, 2, 1]), missed: 0 });
        press(&mut app, &[Key::Char('o'), Key::Enter]);
        assert_eq!(app.wishes.pop_front(), Some(Wish::Offer { to: 5, gives: Item::Egg, wants: Item::Apple }));
        press(
            &mut app,
            &[Key::Char('o'), Key::Up, Key::Up, Key::Right, Key::Down, Key::Tab, Key::Up, Key::Enter],
        );
        assert_eq!(app.wishes.pop_front(), Some(Wish::Offer { to: 6, gives: Item::Spam, wants: Item::Egg }));
        app.on_key(Key::Char('o'), &[]);
        assert_eq!(app.mode, Mode::Walking, "nobody is there");
    }

    #[test]
    fn the_oldest_offer_is_answered_and_none_where_none_is() {
        let mut app = App::new(1);
        press(&mut app, &[Key::Char('y')]);
        assert_eq!(app.wishes, []);
        for number in [7, 8] {
            app.town.on_news(News::Offered { number, from: 5, to: 1, gives: Item::Egg, wants: Item::Lamp });
        }
        let now = now();
        app.on_picture(now);
        app.on_picture(now + LOOKED_AT);
        press(&mut app, &[Key::Char('y'), Key::Char('n')]);
        assert_eq!(app.wishes, [Wish::Accept(7), Wish::Decline(7)]);
    }

    #[test]
    fn an_offer_that_has_just_come_to_the_place_of_another_is_not_answered() {
        let mut app = App::new(1);
        let now = now();
        for number in [7, 8] {
            app.town.on_news(News::Offered { number, from: 5, to: 1, gives: Item::Egg, wants: Item::Lamp });
        }
        app.on_picture(now);
        app.on_picture(now + LOOKED_AT / 2);
        press(&mut app, &[Key::Char('y')]);
        assert_eq!(app.wishes, [], "nobody reads so fast");
        app.on_picture(now + LOOKED_AT);
        app.town.on_news(News::Ended { number: 7, how: End::Withdrawn, pocket: Pocket::default() });
        press(&mut app, &[Key::Char('y')]);
        app.on_picture(now + LOOKED_AT);
        press(&mut app, &[Key::Char('y'), Key::Char('n')]);
        assert_eq!(app.wishes, [], "7 was meant");
        app.on_picture(now + 2 * LOOKED_AT);
        press(&mut app, &[Key::Char('y')]);
        assert_eq!(app.wishes, [Wish::Accept(8)]);
    }

    #[test]
    fn no_more_wishes_wait_than_may_and_none_where_nobody_hears_them() {
        let mut app = App::new(1);
        press(&mut app, &[Key::Char(' '); 100]);
        assert_eq!(app.wishes.len(), WISHES_MAX);
        app.forget_wishes();
        assert_eq!(app.wishes, []);
        press(&mut app, &[Key::Char('q')]);
        assert!(app.has_quit);
    }
}
