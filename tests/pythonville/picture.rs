//! The screen of a terminal, with its colours, as a picture for README.

use std::fmt::Write as _;

/// A character is so wide and so high, in pixels.
const WIDE: usize = 8;
const HIGH: usize = 17;
const MARGIN: usize = 10;

/// What a terminal without settings of its own looks like.
const INK: &str = "#d8dee9";
const PAPER: &str = "#1b1f27";
/// The 16 colours, the bright ones last.
const COLOURS: [&str; 16] = [
    "#3b4252", "#bf616a", "#a3be8c", "#ebcb8b", "#81a1c1", "#b48ead", "#88c0d0", "#d8dee9", "#5b6578",
    "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#ffffff",
];

#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    ink: &'static str,
    paper: &'static str,
    is_bold: bool,
}

const PLAIN: Look = Look { ink: INK, paper: PAPER, is_bold: false };

/// Makes a picture in SVG of what `tmux capture-pane -e` says.
pub(crate) fn svg(screen: &str) -> String {
    let rows: Vec<Vec<(char, Look)>> = rows(screen);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (columns * WIDE + 2 * MARGIN, rows.len() * HIGH + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{PAPER}\"/>\n\
         <g font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for (row, cells) in rows.iter().enumerate() {
        let mut column = 0;
        for run in cells.chunk_by(|(a, look), (b, other)| look == other && is_drawn(*a) == is_drawn(*b)) {
            draw(&mut svg, run, MARGIN + column * WIDE, MARGIN + row * HIGH);
            column += run.len();
        }
    }
    svg + "</g>\n</svg>\n"
}

/// Characters in one look, all of them drawn or none.
fn draw(svg: &mut String, run: &[(char, Look)], x: usize, y: usize) {
    let (first, look) = run[0];
    let width = run.len() * WIDE;
    let mut put = |text: std::fmt::Arguments<'_>| svg.write_fmt(text).expect("a string takes everything");
    if look.paper != PAPER {
        put(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HIGH}\" fill=\"{}\"/>\n",
            look.paper
        ));
    }
    if !is_drawn(first) {
        // Some programs leave out blanks at the ends, and then stretch what is left.
        let is_blank = |cell: &&(char, Look)| cell.0 == ' ';
        let (before, after) =
            (run.iter().take_while(is_blank).count(), run.iter().rev().take_while(is_blank).count());
        if before == run.len() {
            return;
        }
        let (x, shown) = (x + before * WIDE, &run[before..run.len() - after]);
        let (width, text) = (shown.len() * WIDE, shown.iter().map(|(c, _)| *c).collect::<String>());
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let bold = if look.is_bold { " font-weight=\"bold\"" } else { "" };
        return put(format_args!(
            "<text x=\"{x}\" y=\"{}\" textLength=\"{width}\" fill=\"{}\"{bold}>{text}</text>\n",
            y + HIGH - 4,
            look.ink
        ));
    }
    let blocks = run.chunk_by(|(a, _), (b, _)| a == b && "█░─".contains(*a)).scan(x, |x, same| {
        let at = *x;
        *x += same.len() * WIDE;
        Some((at, same[0].0, same.len() * WIDE))
    });
    for (x, c, width) in blocks {
        put(format_args!("{}\n", shape(c, x, y, width, look.ink)));
    }
}

/// What fonts draw with gaps between the rows.
fn is_drawn(c: char) -> bool {
    "█░─│┌┐└┘".contains(c)
}

fn shape(c: char, x: usize, y: usize, width: usize, ink: &str) -> String {
    let (right, bottom) = (x + width, y + HIGH);
    let (middle_x, middle_y) = (x + WIDE / 2, y + HIGH / 2);
    let line = |path: String| format!("<path d=\"{path}\" stroke=\"{ink}\" fill=\"none\"/>");
    let block = |opacity: &str| {
        format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HIGH}\" fill=\"{ink}\"{opacity}/>")
    };
    match c {
        '█' => block(""),
        '░' => block(" opacity=\"0.35\""),
        '─' => line(format!("M{x} {middle_y}H{right}")),
        '│' => line(format!("M{middle_x} {y}V{bottom}")),
        '┌' => line(format!("M{right} {middle_y}H{middle_x}V{bottom}")),
        '┐' => line(format!("M{x} {middle_y}H{middle_x}V{bottom}")),
        '└' => line(format!("M{right} {middle_y}H{middle_x}V{y}")),
        _ => line(format!("M{x} {middle_y}H{middle_x}V{y}")),
    }
}

/// Characters and how they look.
fn rows(screen: &str) -> Vec<Vec<(char, Look)>> {
    let mut look = PLAIN;
    let mut row = |line: &str| {
        let mut cells = Vec::new();
        let mut parts = line.split('\u{1b}');
        cells.extend(parts.next().unwrap_or_default().chars().map(|c| (c, look)));
        for part in parts {
            let (codes, text) = part.trim_start_matches('[').split_once('m').unwrap_or_default();
            look = changed(look, codes);
            cells.extend(text.chars().map(|c| (c, look)));
        }
        cells
    };
    screen.lines().map(&mut row).collect()
}

/// The look after a sequence of codes for it.
fn changed(mut look: Look, codes: &str) -> Look {
    let mut codes = codes.split(';').map(|code| code.parse().unwrap_or(0_usize));
    while let Some(code) = codes.next() {
        match code {
            0 => look = PLAIN,
            1 => look.is_bold = true,
            22 => look.is_bold = false,
            30..=37 => look.ink = COLOURS[code - 30],
            90..=97 => look.ink = COLOURS[code - 82],
            40..=47 => look.paper = COLOURS[code - 40],
            100..=107 => look.paper = COLOURS[code - 92],
            39 => look.ink = INK,
            49 => look.paper = PAPER,
            38 | 48 => {
                let colour = codes.nth(1).and_then(|number| COLOURS.get(number));
                let part = if code == 38 { &mut look.ink } else { &mut look.paper };
                *part = colour.unwrap_or(&INK);
            }
            _ => {}
        }
    }
    look
}

#[test]
fn colours_and_frames_are_drawn() {
    let picture = svg("\u{1b}[90m┌─┐\u{1b}[39m a&b\n\u{1b}[1m\u{1b}[38;5;11m██@\u{1b}[0m\n");
    for part in [
        "width=\"76\" height=\"54\"",
        "<path d=\"M18 18H14V27\" stroke=\"#5b6578\" fill=\"none\"/>",
        "<text x=\"42\" y=\"23\" textLength=\"24\" fill=\"#d8dee9\">a&amp;b</text>",
        "<rect x=\"10\" y=\"27\" width=\"16\" height=\"17\" fill=\"#e5c07b\"/>",
        "fill=\"#e5c07b\" font-weight=\"bold\">@</text>",
    ] {
        assert!(picture.contains(part), "{part} is missing:\n{picture}");
    }
}
