//! Reads PROTOCOL.md: sections, tables, vectors, and measures in running text.

const PAGE: &str = include_str!("../../PROTOCOL.md");

/// The cells of a table's row.
pub(crate) type Row = Vec<String>;

/// A datagram as the page shows it, field by field.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) lines: Vec<Line>,
}

/// A field: its bytes, its name, and its value as a person reads it.
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    pub(crate) field: String,
    pub(crate) value: String,
}

impl Vector {
    /// All of its bytes: the datagram.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.bytes.iter().copied()).collect()
    }
}

/// The whole page.
pub(crate) fn text() -> &'static str {
    PAGE
}

/// What stands under a heading, up to the next one of its level or above.
pub(crate) fn section(title: &str) -> &'static str {
    let is_title = |line: &str| line.trim_start_matches('#').trim() == title && line.starts_with("##");
    let start = line_starts().find(|&at| is_title(line_at(at)));
    let start = start.unwrap_or_else(|| panic!("PROTOCOL.md has no section \"{title}\""));
    let level = |line: &str| line.bytes().take_while(|&byte| byte == b'#').count();
    let ends = |&at: &usize| at > start && (1..=level(line_at(start))).contains(&level(line_at(at)));
    &PAGE[start..line_starts().find(ends).unwrap_or(PAGE.len())]
}

fn line_starts() -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(PAGE.match_indices('\n').map(|(at, _)| at + 1))
}

fn line_at(start: usize) -> &'static str {
    PAGE[start..].lines().next().unwrap_or_default()
}

/// The rows of each table, without the two lines that head it.
pub(crate) fn tables(text: &str) -> Vec<Vec<Row>> {
    let blocks = text.split("\n\n").filter(|block| block.starts_with('|'));
    blocks
        .map(|block| block.lines().skip(2).filter(|line| line.starts_with('|')).map(row).collect())
        .collect()
}

fn row(line: &str) -> Row {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// Every vector: a fenced block, with its name in the line before it.
pub(crate) fn vectors() -> Vec<Vector> {
    let parts: Vec<&str> = PAGE.split("\n```vector\n").collect();
    let vectors: Vec<Vector> = parts.windows(2).map(|pair| vector(pair[0], pair[1])).collect();
    assert_eq!(vectors.len(), PAGE.matches("```vector").count());
    vectors
}

fn vector(before: &str, behind: &str) -> Vector {
    let name = before.trim_end().lines().next_back().unwrap_or_default().trim_matches('`').to_owned();
    let lines = behind.lines().take_while(|line| !line.starts_with("```")).map(|line| {
        let parts = line.split_once("  ").and_then(|(hex, rest)| Some((hex, rest.trim().split_once(" = ")?)));
        let (hex, (field, value)) = parts.unwrap_or_else(|| panic!("vector {name}: {line}"));
        Line { bytes: bytes(hex), field: field.to_owned(), value: value.to_owned() }
    });
    Vector { lines: lines.collect(), name: name.clone() }
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits a byte");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Every number that a unit stands behind.
pub(crate) fn measures(text: &str) -> Vec<(u64, String)> {
    const UNITS: [&str; 7] = ["ms", "s", "Hz", "bytes", "periods", "moves", "datagrams"];
    let words: Vec<&str> = text.split_whitespace().collect();
    let measure = |pair: &[&str]| {
        let number = pair[0].trim_start_matches('(').replace(',', "").parse().ok()?;
        let unit = pair[1].trim_end_matches(|c: char| !c.is_alphabetic());
        UNITS.contains(&unit).then(|| (number, unit.to_owned()))
    };
    words.windows(2).filter_map(measure).collect()
}
