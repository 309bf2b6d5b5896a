//! Values that are written the same way in a flag, an environment variable and a file.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::config::parse_world;
use crate::wire::{Bounds, Position};

/// A duration, written with its unit: `10s`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Span(pub(super) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map(Self).map_err(|error| format!("{error}; write 10s or 500ms"))
    }
}

/// The bounds of a world, written `X0,Y0,X1,Y1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct World(pub(super) Bounds);

impl FromStr for World {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_world(text).map(Self).map_err(|error| error.to_string())
    }
}

/// A place in the world, written `X,Y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Place(pub(super) Position);

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a place is X,Y: two whole numbers from -2147483648 to 2147483647".to_string();
        let (x, y) = text.split_once(',').ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse().map_err(|_| wrong());
        Ok(Self(Position { x: number(x)?, y: number(y)? }))
    }
}

/// A range of client ids, written `FIRST-LAST`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ClientIds(pub(super) RangeInclusive<u32>);

impl FromStr for ClientIds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "client ids are FIRST-LAST, such as 1-1000".to_string();
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse().map_err(|_| wrong());
        Ok(Self(number(first)?..=number(last)?))
    }
}

macro_rules! read_from_text {
    ($($value:ty),+) => {
        $(impl TryFrom<String> for $value {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        })+
    };
}

read_from_text!(Span, World, Place, ClientIds);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        assert_eq!("500ms".parse(), Ok(Span(Duration::from_millis(500))));
        assert_eq!("1-1000".parse(), Ok(ClientIds(1..=1000)));
        assert_eq!("-5, 7".parse(), Ok(Place(Position { x: -5, y: 7 })));
        assert!("5".parse::<Place>().is_err() && "5,6,7".parse::<Place>().is_err());
        assert!("10".parse::<Span>().is_err_and(|error| error.contains("write 10s")));
        assert!("1..5".parse::<ClientIds>().is_err());
        assert!("0,0,-1,5".parse::<World>().is_err_and(|error| error.contains("X0 <= X1")));
    }
}
