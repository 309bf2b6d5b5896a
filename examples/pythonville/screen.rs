//! The picture of a moment. It is made of what is known and nothing else: the same knowledge gives the same picture.

use std::net::SocketAddr;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Widget};
use tickcast::level::{Level, Tile};
use tickcast::wire::Position;

use crate::app::{App, Draft, Mode};
use crate::rules::MONSTER;
use crate::rules::fight::HEALTH;
use crate::rules::items::Item;
use crate::rules::trade::OFFERS_MAX;
use crate::town::{About, Heard, Town};

/// A tile is so wide, in characters, that it looks square.
const TILE_WIDTH: u16 = 2;
const SIDE_WIDTH: u16 = 34;
const LINES_HEIGHT: u16 = 8;

/// Somebody, or something, that stands in the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Being {
    pub(crate) id: u32,
    /// 0 is a player.
    pub(crate) kind: u8,
    pub(crate) at: Position,
}

/// All that is shown.
pub(crate) struct Scene<'a> {
    pub(crate) app: &'a App,
    pub(crate) level: Option<&'a Level>,
    /// Where the player at the keyboard is.
    pub(crate) me: Position,
    /// All others that are known.
    pub(crate) beings: &'a [Being],
    /// How it stands with the server.
    pub(crate) status: &'a str,
    /// Where that is.
    pub(crate) server: SocketAddr,
}

/// Draws a scene over the whole of a buffer.
pub(crate) fn draw(scene: &Scene<'_>, buffer: &mut Buffer) {
    let [above, lines, keys] =
        Layout::vertical([Constraint::Min(8), Constraint::Length(LINES_HEIGHT), Constraint::Length(1)])
            .areas(buffer.area);
    let [map, side] = Layout::horizontal([Constraint::Min(12), Constraint::Length(SIDE_WIDTH)]).areas(above);
    draw_map(scene, map, buffer);
    draw_side(scene, side, buffer);
    draw_lines(&scene.app.town, lines, buffer);
    Paragraph::new(bottom_line(scene.app)).render(keys, buffer);
}

fn frame(title: impl Into<Line<'static>>) -> Block<'static> {
    Block::bordered().border_style(Color::DarkGray).title(title.into().fg(Color::Gray))
}

/// Walls, exits, and everyone within sight of the player, who is in the middle where the map is larger than the screen.
fn draw_map(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let place = scene.level.and_then(|level| level.grid().tile_at(scene.me));
    let here = place.map_or_else(String::new, |tile| format!(" at {},{} ", tile.column, tile.row));
    let name = scene.app.town.level.as_deref().unwrap_or("no map yet").trim_end_matches(".tmx");
    let block = frame(format!(" Pythonville: {name} ")).title_bottom(here);
    let inside = block.inner(area);
    block.render(area, buffer);
    let Some(level) = scene.level else { return };
    let view = View::new(level, scene.me, inside);
    view.draw_ground(level, buffer);
    for being in scene.beings {
        let (symbol, style) = look(&scene.app.town, being);
        view.put(level, being.at, symbol, style, buffer);
    }
    view.put(level, scene.me, '@', Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD), buffer);
}

fn look(town: &Town, being: &Being) -> (char, Style) {
    match being.kind {
        0 => {
            let initial = town.name(being.id).chars().next().unwrap_or('?').to_ascii_uppercase();
            (initial, Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD))
        }
        MONSTER => ('&', Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)),
        _ => ('*', Style::new().fg(Color::Magenta)),
    }
}

/// The part of the map that fits into an area.
struct View {
    area: Rect,
    /// The tile in the upper left corner.
    first: Tile,
}

impl View {
    fn new(level: &Level, me: Position, area: Rect) -> Self {
        let grid = level.grid();
        let middle = grid.tile_at(me).unwrap_or(Tile { column: 0, row: 0 });
        let (wide, high) = (u32::from(area.width / TILE_WIDTH), u32::from(area.height));
        let first =
            |middle: u32, seen: u32, all: u32| middle.saturating_sub(seen / 2).min(all.saturating_sub(seen));
        let first = Tile {
            column: first(middle.column, wide, grid.columns),
            row: first(middle.row, high, grid.rows),
        };
        // A map that is smaller than the screen stands in the middle.
        let used = [grid.columns.min(wide) as u16 * TILE_WIDTH, grid.rows.min(high) as u16];
        let area = Rect {
            x: area.x + (area.width - used[0]) / 2,
            y: area.y + (area.height - used[1]) / 2,
            width: used[0],
            height: used[1],
        };
        Self { area, first }
    }

    fn draw_ground(&self, level: &Level, buffer: &mut Buffer) {
        for (row, y) in (self.first.row..).zip(self.area.top()..self.area.bottom()) {
            let columns = (self.area.left()..self.area.right()).step_by(usize::from(TILE_WIDTH));
            for (column, x) in (self.first.column..).zip(columns) {
                let (text, style) = ground(level, Tile { column, row });
                buffer.set_string(x, y, text, style);
            }
        }
    }

    fn put(&self, level: &Level, at: Position, symbol: char, style: Style, buffer: &mut Buffer) {
        let Some(tile) = level.grid().tile_at(at) else { return };
        let place =
            |tile: u32, first: u32| tile.checked_sub(first).and_then(|offset| u16::try_from(offset).ok());
        let (Some(column), Some(row)) =
            (place(tile.column, self.first.column), place(tile.row, self.first.row))
        else {
            return;
        };
        if column < self.area.width / TILE_WIDTH && row < self.area.height {
            let (x, y) = (self.area.x + column * TILE_WIDTH, self.area.y + row);
            buffer[(x, y)].set_char(symbol).set_style(style);
        }
    }
}

fn ground(level: &Level, tile: Tile) -> (&'static str, Style) {
    if level.is_wall_tile(tile) {
        ("██", Style::new().fg(Color::DarkGray))
    } else if level.exit_at(level.grid().centre(tile)).is_some() {
        ("░░", Style::new().fg(Color::Green))
    } else {
        ("· ", Style::new().fg(Color::DarkGray))
    }
}

fn draw_side(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    // Where there is no place for all, offers matter more than who leads.
    let you_height = 2 + 3 + Item::ALL.len() as u16;
    let offers_height = (2 + 2 * OFFERS_MAX as u16).min(area.height.saturating_sub(you_height));
    let [you, offers, leaders] = Layout::vertical([
        Constraint::Length(you_height),
        Constraint::Length(offers_height),
        Constraint::Min(0),
    ])
    .areas(area);
    let town = &scene.app.town;
    Paragraph::new(about_you(town, scene)).block(frame(" You ")).render(you, buffer);
    Paragraph::new(open_offers(scene.app)).block(frame(" Offers ")).render(offers, buffer);
    Paragraph::new(leading(town)).block(frame(" Farthest walked ")).render(leaders, buffer);
}

fn about_you(town: &Town, scene: &Scene<'_>) -> Vec<Line<'static>> {
    let lost = HEALTH.saturating_sub(town.health);
    let hearts = "♥".repeat(usize::from(town.health.min(HEALTH)));
    let health = Line::from_iter([hearts.fg(Color::Red), "♡".repeat(usize::from(lost)).fg(Color::DarkGray)]);
    let things = Item::ALL.iter().map(|item| {
        let count = town.pocket.of(*item);
        let line = Line::from(format!("{count:>2} {}", item.name()));
        if count == 0 { line.fg(Color::DarkGray) } else { line }
    });
    let server = [scene.status.to_owned(), format!("at {}", scene.server)];
    let server = server.map(|line| Line::from(line).fg(Color::DarkGray));
    std::iter::once(health).chain(things).chain(server).collect()
}

/// The one that is to be answered first; the mark says when it can be.
fn open_offers(app: &App) -> Vec<Line<'static>> {
    let town = &app.town;
    let asked = town.asked().map(|offer| offer.number);
    let line = |offer: &Heard| {
        let (gives, wants) = (offer.gives.name(), offer.wants.name());
        let (mark, other) = match offer.to == town.me {
            true if Some(offer.number) == app.answerable => ("y/n", offer.from),
            true => ("  <", offer.from),
            false => ("  >", offer.to),
        };
        let line = Line::from(format!("{mark} {}: {gives} for {wants}", town.name(other)));
        if mark == "y/n" { line.fg(Color::Yellow) } else { line }
    };
    let (first, others): (Vec<&Heard>, Vec<&Heard>) =
        town.offers.iter().partition(|offer| Some(offer.number) == asked);
    first.into_iter().chain(others).map(line).collect()
}

fn leading(town: &Town) -> Vec<Line<'static>> {
    let line = |(place, (player, score)): (usize, &(u32, u32))| {
        let line = Line::from(format!("{}. {:<16} {score:>10}", place + 1, town.name(*player)));
        if *player == town.me { line.fg(Color::Yellow) } else { line }
    };
    town.leaders.iter().enumerate().map(line).collect()
}

/// The newest that fit, the newest last.
fn draw_lines(town: &Town, area: Rect, buffer: &mut Buffer) {
    let block = frame(" What happens ");
    let height = usize::from(block.inner(area).height);
    let colour = |about: About| match about {
        About::Chat => Color::White,
        About::Trade => Color::Yellow,
        About::Fight => Color::Red,
        About::Town => Color::Green,
    };
    let skipped = town.lines.len().saturating_sub(height);
    let lines: Vec<Line<'_>> = town
        .lines
        .iter()
        .skip(skipped)
        .map(|(about, line)| Line::from(&line[..]).fg(colour(*about)))
        .collect();
    Paragraph::new(lines).block(block).render(area, buffer);
}

fn bottom_line(app: &App) -> Line<'static> {
    match &app.mode {
        Mode::Walking => Line::from(" arrows walk · space strikes · c chat · o offers · y/n answer · q quit")
            .fg(Color::Gray),
        Mode::Chatting(line) => {
            Line::from_iter([" say: ".fg(Color::Gray), line.clone().fg(Color::White), "█".fg(Color::Gray)])
        }
        Mode::Offering(draft) => offering(&app.town, draft),
    }
}

fn offering(town: &Town, draft: &Draft) -> Line<'static> {
    let field = |number: usize, text: String| {
        let style = if draft.field == number {
            Style::new().fg(Color::Black).bg(Color::Yellow)
        } else {
            Style::new()
        };
        Span::styled(format!("[{text}]"), style)
    };
    Line::from_iter([
        Span::raw(" offer "),
        field(0, draft.gives().name().into()),
        Span::raw(" for "),
        field(1, draft.wants().name().into()),
        Span::raw(" to "),
        field(2, town.name(draft.to())),
        Span::raw("  (arrows choose, enter offers, escape does not)").fg(Color::DarkGray),
    ])
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
