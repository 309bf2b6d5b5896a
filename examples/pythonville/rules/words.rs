//! What is said between players and town, in bytes.
//!
//! Each is one message, reliable and in order where nothing else is said. The first byte says what it is; numbers are little-endian. They are short:
//! most take no more than a tenth of the smallest datagram that a server may be set to.

use super::items::{Item, Pocket};
use super::trade::{End, No};

/// What the standard game says has smaller numbers.
const FIRST: u8 = 64;

/// So many bytes of text are the most that one says at a time.
pub(crate) const TEXT_MAX: usize = 100;
/// So many marks on a letter do not reach into the lines above and below.
const MARKS_MAX: usize = 2;

/// What a player asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// All are to hear this.
    Say(String),
    /// One thing for another, from one who has it.
    Offer { to: u32, gives: Item, wants: Item },
    /// Takes what was offered under this number.
    Accept(u32),
    /// Does not want it, or takes its own offer back.
    Decline(u32),
    /// Hits at the nearest monster.
    Strike,
    /// All that is so now: first of all, wherever a stream of messages begins.
    News,
}

/// What the town tells a player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// All that is so now: whatever was told before is void. The answer to [`Wish::News`]; also told after news for which
    /// there was no room, so many of them.
    Anew { health: u8, pocket: Pocket, missed: u8 },
    /// An offer stands, made by the player or to it.
    Offered { number: u32, from: u32, to: u32, gives: Item, wants: Item },
    /// An offer stands no longer, and what the player has now: both at once, so that nobody sees half of a trade.
    Ended { number: u32, how: End, pocket: Pocket },
    /// What the player asked for has not happened.
    No(No),
    /// A monster has hit the player, or time has healed it.
    Health(u8),
    /// Its health was gone; it stands at the start again.
    Died,
    /// A monster was hit, and whether that was its end.
    Struck { ended: bool },
    /// Somebody says something.
    Said { from: u32, text: String },
    /// Who has walked the farthest but for `place` others, and how far, and how many such places there are; of 0 places
    /// nothing but that. Told unreliably: it is told again.
    Leader { place: u8, of: u8, player: u32, walked: u32 },
}

impl Wish {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Wish::Say(text) => with_text(FIRST, &[], text),
            Wish::Offer { to, gives, wants } => {
                let mut bytes = with_number(FIRST + 1, *to);
                bytes.extend([gives.number(), wants.number()]);
                bytes
            }
            Wish::Accept(number) => with_number(FIRST + 2, *number),
            Wish::Decline(number) => with_number(FIRST + 3, *number),
            Wish::Strike => vec![FIRST + 4],
            Wish::News => vec![FIRST + 5],
        }
    }

    /// `None` if it is none of these, to the last byte.
    pub(crate) fn read(bytes: &[u8]) -> Option<Wish> {
        let (tag, rest) = bytes.split_first()?;
        let mut rest = Rest(rest);
        let wish = match tag.checked_sub(FIRST)? {
            0 => Wish::Say(rest.text()?),
            1 => Wish::Offer { to: rest.number()?, gives: rest.item()?, wants: rest.item()? },
            2 => Wish::Accept(rest.number()?),
            3 => Wish::Decline(rest.number()?),
            4 => Wish::Strike,
            5 => Wish::News,
            _ => return None,
        };
        rest.0.is_empty().then_some(wish)
    }
}

impl News {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            News::Anew { health, pocket, missed } => [&[FIRST, *health], &pocket.0[..], &[*missed]].concat(),
            News::Offered { number, from, to, gives, wants } => {
                let mut bytes = with_number(FIRST + 1, *number);
                bytes.extend(from.to_le_bytes());
                bytes.extend(to.to_le_bytes());
                bytes.extend([gives.number(), wants.number()]);
                bytes
            }
            News::Ended { number, how, pocket } => {
                let mut bytes = with_number(FIRST + 2, *number);
                bytes.push(*how as u8);
                bytes.extend(pocket.0);
                bytes
            }
            News::No(why) => vec![FIRST + 3, *why as u8],
            News::Health(health) => vec![FIRST + 4, *health],
            News::Died => vec![FIRST + 5],
            News::Struck { ended } => vec![FIRST + 6, u8::from(*ended)],
            News::Said { from, text } => with_text(FIRST + 7, &from.to_le_bytes(), text),
            News::Leader { place, of, player, walked } => {
                let mut bytes = vec![FIRST + 8, *place, *of];
                bytes.extend(player.to_le_bytes());
                bytes.extend(walked.to_le_bytes());
                bytes
            }
        }
    }

    /// `None` if it is none of these, to the last byte.
    pub(crate) fn read(bytes: &[u8]) -> Option<News> {
        let (tag, rest) = bytes.split_first()?;
        let mut rest = Rest(rest);
        let news = match tag.checked_sub(FIRST)? {
            0 => News::Anew { health: rest.byte()?, pocket: rest.pocket()?, missed: rest.byte()? },
            1 => News::Offered {
                number: rest.number()?,
                from: rest.number()?,
                to: rest.number()?,
                gives: rest.item()?,
                wants: rest.item()?,
            },
            2 => News::Ended { number: rest.number()?, how: rest.one_of(&ENDS)?, pocket: rest.pocket()? },
            3 => News::No(rest.one_of(&NOES)?),
            4 => News::Health(rest.byte()?),
            5 => News::Died,
            6 => News::Struck { ended: rest.byte()? == 1 },
            7 => News::Said { from: rest.number()?, text: rest.text()? },
            8 => News::Leader {
                place: rest.byte()?,
                of: rest.byte()?,
                player: rest.number()?,
                walked: rest.number()?,
            },
            _ => return None,
        };
        rest.0.is_empty().then_some(news)
    }
}

/// In the order of their numbers.
const ENDS: [End; 7] =
    [End::Taken, End::Declined, End::Withdrawn, End::Left, End::Died, End::GivenAway, End::Expired];
const NOES: [No; 8] =
    [No::Nobody, No::Pointless, No::NotYours, No::NotTheirs, No::TooMany, No::Over, No::TooFast, No::Nothing];

fn with_number(tag: u8, number: u32) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend(number.to_le_bytes());
    bytes
}

fn with_text(tag: u8, before: &[u8], text: &str) -> Vec<u8> {
    [&[tag], before, clean(text).as_bytes()].concat()
}

/// As much as one may say, without what moves a terminal's cursor, or worse.
fn clean(text: &str) -> String {
    let (mut kept, mut marks) = (String::new(), 0);
    for c in text.chars().filter(|c| !c.is_control() && !is_invisible(*c)) {
        if kept.len() + c.len_utf8() > TEXT_MAX {
            break;
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks <= MARKS_MAX {
            kept.push(c);
        }
    }
    kept
}

/// What has no width, or turns the direction of what follows.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// What stands above or below the letter before it, as far as it comes without end: letters have one or two.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
            | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
    )
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    fn item(&mut self) -> Option<Item> {
        Item::of_number(self.byte()?)
    }

    fn pocket(&mut self) -> Option<Pocket> {
        let (counts, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(Pocket(*counts))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::from(self.byte()?)).copied()
    }

    /// All the rest, cleaned: who wrote it may not be one of ours.
    fn text(&mut self) -> Option<String> {
        let text = std::str::from_utf8(std::mem::take(&mut self.0)).ok()?;
        Some(clean(text))
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    fn wishes() -> Vec<Wish> {
        let mut wishes =
            vec![Wish::Say("ni!".into()), Wish::Accept(7), Wish::Decline(u32::MAX), Wish::Strike, Wish::News];
        wishes.push(Wish::Offer { to: 9, gives: Item::Apple, wants: Item::Spam });
        wishes
    }

    fn news() -> Vec<News> {
        let mut news = vec![News::Health(3), News::Died, News::Struck { ended: true }];
        news.push(News::Anew { health: 10, pocket: Pocket([1, 2, 3, 4, 5]), missed: 6 });
        news.push(News::Offered { number: 1, from: 2, to: 3, gives: Item::Egg, wants: Item::Lamp });
        news.push(News::Leader { place: 0, of: 1, player: 2, walked: 3 });
        news.push(News::Said { from: 4, text: "spam, spam".into() });
        news.extend(ENDS.map(|how| News::Ended { number: 1, how, pocket: Pocket::of_each(2) }));
        news.extend(NOES.map(News::No));
        news
    }

    #[test]
    fn what_is_said_is_heard_and_nothing_shorter_or_longer() {
        for wish in wishes() {
            let bytes = wish.bytes();
            assert_eq!(Wish::read(&bytes).as_ref(), Some(&wish));
            let is_text = matches!(wish, Wish::Say(_));
            assert!(is_text || Wish::read(&bytes[..bytes.len() - 1]).is_none(), "{wish:?}");
            assert!(is_text || Wish::read(&[&bytes[..], &[0]].concat()).is_none(), "{wish:?}");
        }
        for news in news() {
            let bytes = news.bytes();
            assert_eq!(News::read(&bytes).as_ref(), Some(&news));
            let is_text = matches!(news, News::Said { .. });
            assert!(is_text || News::read(&bytes[..bytes.len() - 1]).is_none(), "{news:?}");
            assert!(is_text || News::read(&[&bytes[..], &[0]].concat()).is_none(), "{news:?}");
        }
    }

    #[test]
    fn whatever_comes_in_is_read_as_it_would_be_written_or_not_at_all() {
        let mut read = 0;
        for seed in 0..40_000 {
            let mut draw = Xoshiro256PlusPlus::seed_from_u64(seed);
            let length = draw.random_range(0..24);
            let mut bytes: Vec<u8> = (0..length).map(|_| draw.random_range(0..=255)).collect();
            // Most tags are none of ours, and most numbers none of a thing.
            bytes.first_mut().into_iter().for_each(|tag| *tag = FIRST + *tag % 11);
            bytes.iter_mut().skip(1).filter(|byte| **byte < 128).for_each(|byte| *byte %= 8);
            let again = [
                Wish::read(&bytes).map(|wish| Wish::read(&wish.bytes()) == Some(wish)),
                News::read(&bytes).map(|news| News::read(&news.bytes()) == Some(news)),
            ];
            read += again.iter().flatten().count();
            assert!(again.iter().flatten().all(|is_same| *is_same), "seed {seed}: {bytes:?}");
        }
        assert!(read > 2_000, "{read} are too few to say anything");
    }

    #[test]
    fn a_text_moves_no_cursor_and_is_bounded_whoever_wrote_it() {
        let hostile = [&[FIRST][..], "\u{1b}[2Jb\u{202e}oo\u{7}\r\n".as_bytes()].concat();
        assert_eq!(Wish::read(&hostile), Some(Wish::Say("[2Jboo".into())));
        let long = [&[FIRST][..], "ö".repeat(TEXT_MAX).as_bytes()].concat();
        assert_eq!(Wish::read(&long), Some(Wish::Say("ö".repeat(TEXT_MAX / 2))));
        let tall =
            [&[FIRST][..], "o\u{ad}\u{61c}".as_bytes(), "\u{301}".repeat(40).as_bytes(), b"k"].concat();
        assert_eq!(Wish::read(&tall), Some(Wish::Say("o\u{301}\u{301}k".into())));
        assert_eq!(Wish::read(&[FIRST, 0xff]), None);
        assert_eq!(Wish::read(&[]), None);
    }
}
