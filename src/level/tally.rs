//! What is in a file, counted before anything is made of it.
//!
//! `tiled` believes what a file says of itself: how many tiles a tileset has, how deep groups are nested, how much
//! comes out of what is compressed. So each file is read here first, by the same XML reader, and what is too much is
//! refused. What passes takes less than a gigabyte for a moment, and no stack to speak of.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Tiles in all layers together: 4,096 x 4,096, which `tiled` keeps in 16 bytes each.
pub const TILES_MAX: u64 = 1 << 24;
/// Objects, in all layers and files together.
pub const OBJECTS_MAX: u64 = 65_536;
/// Tilesets, named in all files together; each tile is looked for in all of them.
pub const TILESETS_MAX: u64 = 64;
/// Tiles in all tilesets together.
pub const TILESET_TILES_MAX: u64 = 262_144;
/// Elements of XML in all files together.
pub const ELEMENTS_MAX: u64 = 1_000_000;
/// How deep elements may stand in one another: `tiled` calls itself for each.
const DEPTH_MAX: u64 = 32;
/// Attributes of an element: each is compared with all before it.
const ATTRIBUTES_MAX: usize = 64;

/// Why a file is refused.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// There is more of it than so many.
    TooMany(&'static str, u64),
    /// It is not what a map should be.
    Form(String),
}

impl Fault {
    pub(super) fn form(why: impl ToString) -> Self {
        Self::Form(why.to_string())
    }
}

/// Counts what is in all the files of a level; each goes through [`Tally::add`] before it is used.
#[derive(Debug, Default)]
pub(super) struct Tally {
    tiles: u64,
    objects: u64,
    tilesets: u64,
    tileset_tiles: u64,
    elements: u64,
}

/// Where in a file the reader is.
#[derive(Default)]
struct Place {
    depth: u64,
    /// How many tiles the layer says it has, and has not held yet: it holds them once.
    layer_tiles: u64,
    /// How the text to come is encoded, if it is tiles.
    coding: Option<Coding>,
}

#[derive(Clone, Copy)]
enum Coding {
    Csv,
    Base64,
    Zlib,
    Gzip,
}

impl Tally {
    /// Counts a file, up to the first thing that there is too much of.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut xml = Reader::from_reader(bytes);
        let mut place = Place::default();
        loop {
            match xml.read_event().map_err(Fault::form)? {
                Event::Start(tag) => {
                    place.depth += 1;
                    up_to("elements nested in one another", place.depth, DEPTH_MAX)?;
                    self.on_element(&tag, &mut place)?;
                }
                Event::Empty(tag) => self.on_element(&tag, &mut place)?,
                Event::End(_) => {
                    place.depth = place.depth.saturating_sub(1);
                    place.coding = None;
                }
                Event::Text(text) => check_tiles(&text, &mut place)?,
                Event::CData(text) => check_tiles(&text, &mut place)?,
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn on_element(&mut self, tag: &BytesStart<'_>, place: &mut Place) -> Result<(), Fault> {
        add("elements", &mut self.elements, 1, ELEMENTS_MAX)?;
        let attributes = tag.attributes().with_checks(false).take(ATTRIBUTES_MAX + 1).count();
        up_to("attributes of an element", attributes as u64, ATTRIBUTES_MAX as u64)?;
        match tag.local_name().as_ref() {
            b"map" if attribute(tag, "infinite").as_deref() == Some("1") => Err(infinite()),
            b"chunk" => Err(infinite()),
            b"object" => add("objects", &mut self.objects, 1, OBJECTS_MAX),
            b"tileset" => {
                let tiles = number(tag, "tilecount").unwrap_or(0);
                add("tiles in tilesets", &mut self.tileset_tiles, tiles, TILESET_TILES_MAX)?;
                add("tilesets", &mut self.tilesets, 1, TILESETS_MAX)
            }
            b"layer" => {
                let (width, height) = (number(tag, "width"), number(tag, "height"));
                place.layer_tiles = width.unwrap_or(0).saturating_mul(height.unwrap_or(0));
                add("tiles", &mut self.tiles, place.layer_tiles, TILES_MAX)
            }
            b"data" => {
                place.coding = Some(coding(tag)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn add(what: &'static str, count: &mut u64, more: u64, max: u64) -> Result<(), Fault> {
    *count = count.saturating_add(more);
    up_to(what, *count, max)
}

fn up_to(what: &'static str, count: u64, max: u64) -> Result<(), Fault> {
    if count > max { Err(Fault::TooMany(what, max)) } else { Ok(()) }
}

fn infinite() -> Fault {
    Fault::form("the map is infinite; switch that off in Tiled, in the properties of the map")
}

/// The value that `tiled` takes: the last of that name, whatever its namespace.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut all = tag.attributes();
    let named =
        all.with_checks(false).flatten().filter(|one| one.key.local_name().as_ref() == name.as_bytes());
    Some(named.last()?.unescape_value().ok()?.into_owned())
}

fn number(tag: &BytesStart<'_>, name: &str) -> Option<u64> {
    attribute(tag, name)?.parse().ok()
}

fn coding(tag: &BytesStart<'_>) -> Result<Coding, Fault> {
    let (encoding, compression) = (attribute(tag, "encoding"), attribute(tag, "compression"));
    match (encoding.as_deref(), compression.as_deref()) {
        (Some("csv"), None) => Ok(Coding::Csv),
        (Some("base64"), None) => Ok(Coding::Base64),
        (Some("base64"), Some("zlib")) => Ok(Coding::Zlib),
        (Some("base64"), Some("gzip")) => Ok(Coding::Gzip),
        _ => Err(Fault::form(
            "the tiles are encoded in another way than CSV or base64 (alone, with zlib or with gzip); choose one of these \
             in Tiled, in the properties of the map",
        )),
    }
}

/// A layer must hold as many tiles as it says: `tiled` looks them up without asking.
fn check_tiles(text: &[u8], place: &mut Place) -> Result<(), Fault> {
    let Some(coding) = place.coding.take() else { return Ok(()) };
    let said = std::mem::take(&mut place.layer_tiles);
    let tiles = match coding {
        Coding::Csv => 1 + text.iter().filter(|byte| **byte == b',').count() as u64,
        Coding::Base64 => decoded(text)?.len() as u64 / 4,
        Coding::Zlib => inflated(ZlibDecoder::new(&decoded(text)?[..]))?,
        Coding::Gzip => inflated(GzDecoder::new(&decoded(text)?[..]))?,
    };
    if tiles == said {
        return Ok(());
    }
    let held = tiles.min(TILES_MAX + 1);
    Err(Fault::Form(format!("a layer of {said} tiles holds {held}")))
}

fn decoded(text: &[u8]) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(text.trim_ascii()).map_err(Fault::form)
}

/// How many tiles come out, up to one more than there may be.
fn inflated(from: impl Read) -> Result<u64, Fault> {
    let bytes = io::copy(&mut from.take((TILES_MAX + 1) * 4), &mut io::sink()).map_err(Fault::form)?;
    Ok(bytes / 4)
}
