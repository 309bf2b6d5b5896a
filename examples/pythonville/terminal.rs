//! The terminal: keys in, pictures out. The only place that names crossterm.
//!
//! A terminal may take its time: somebody has stopped it, or the line to it is slow. So a thread of its own waits for it, and
//! is given the newest picture; whoever plays and the bots go on.

use std::io::{Result, Write as _, stderr, stdout};
use std::sync::mpsc as channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use ratatui::layout::Rect;
use ratatui::{DefaultTerminal, Terminal};
use tokio::sync::mpsc;

use crate::app::Key;

/// Keys that wait: more than anybody types between two pictures.
const KEYS_MAX: usize = 64;
/// How long a terminal that takes nothing any more is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(1);
/// What panics have said that waits until the terminal is as it was.
const PANICS_MAX: usize = 16;

/// The terminal as the game wants it, until this is dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    next: Arc<Next>,
    /// What came of drawing: once, when nothing is drawn any more.
    ended: channel::Receiver<Result<()>>,
    area: Rect,
}

/// The picture to be drawn next.
#[derive(Debug, Default)]
struct Next {
    order: Mutex<Order>,
    given: Condvar,
}

#[derive(Debug, Default)]
enum Order {
    #[default]
    Wait,
    Draw(Buffer),
    End,
}

impl Screen {
    pub(crate) fn open() -> Result<Self> {
        let (columns, rows) = size()?;
        enable_raw_mode()?;
        let next = Arc::new(Next::default());
        let (ending, ended) = channel::channel();
        let screen = Self { next: Arc::clone(&next), ended, area: Rect::new(0, 0, columns, rows) };
        keep_panics();
        std::thread::spawn(move || {
            let drawn = draw(&next);
            let restored = execute!(stdout(), LeaveAlternateScreen);
            let _nobody_waits = ending.send(drawn.and(restored));
        });
        Ok(screen)
    }

    /// Where there is place to draw.
    pub(crate) fn area(&mut self) -> Rect {
        if let Ok((columns, rows)) = size() {
            self.area = Rect::new(0, 0, columns, rows);
        }
        self.area
    }

    /// Draws a picture as soon as the terminal takes it, unless there is a newer one by then.
    ///
    /// # Errors
    /// If the terminal takes no pictures any more.
    pub(crate) fn show(&self, picture: Buffer) -> Result<()> {
        if let Ok(ended) = self.ended.try_recv() {
            return ended;
        }
        self.next.give(Order::Draw(picture));
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.next.give(Order::End);
        let _may_wait_for_ever = self.ended.recv_timeout(PATIENCE);
        let _nothing_helps = disable_raw_mode();
        say_panics();
    }
}

impl Next {
    fn give(&self, order: Order) {
        *lock(&self.order) = order;
        self.given.notify_one();
    }

    /// Waits for a picture; `None` when there will be no more.
    fn take(&self) -> Option<Buffer> {
        let order = lock(&self.order);
        let is_none = |order: &mut Order| matches!(order, Order::Wait);
        let mut order = self.given.wait_while(order, is_none).unwrap_or_else(PoisonError::into_inner);
        match std::mem::take(&mut *order) {
            Order::Draw(picture) => Some(picture),
            Order::Wait | Order::End => None,
        }
    }
}

fn draw(next: &Next) -> Result<()> {
    execute!(stdout(), EnterAlternateScreen)?;
    let mut terminal: DefaultTerminal = Terminal::new(CrosstermBackend::new(stdout()))?;
    while let Some(picture) = next.take() {
        terminal.draw(|frame| copy(&picture, frame.buffer_mut()))?;
    }
    terminal.show_cursor()
}

/// As much of a picture as there is place for: the terminal may be smaller by now.
fn copy(picture: &Buffer, to: &mut Buffer) {
    for place in picture.area.intersection(to.area).positions() {
        to[place] = picture[place].clone();
    }
}

/// What panics have said while there is a picture; `None` while they may say it at once.
static PANICS: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Panics of hooks and tasks are caught, and the game goes on: what they say is not to stand in its pictures.
fn keep_panics() {
    *lock(&PANICS) = Some(Vec::new());
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let mut kept = lock(&PANICS);
        match &mut *kept {
            Some(kept) if kept.len() < PANICS_MAX => kept.push(panic.to_string()),
            Some(_) => {}
            None => {
                drop(kept);
                say(panic);
            }
        }
    }));
}

/// Whoever has lost the terminal cannot be told: a panic for that would be one more.
fn say_panics() {
    let kept = lock(&PANICS).take();
    for panic in kept.unwrap_or_default() {
        let _nobody_hears = writeln!(stderr(), "{panic}");
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The keys that are pressed. Reading them blocks, so a thread does it, and the game waits for keys beside all else.
pub(crate) fn keys() -> mpsc::Receiver<Key> {
    let (pressed, keys) = mpsc::channel(KEYS_MAX);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if let Some(key) = key(&event)
                && pressed.blocking_send(key).is_err()
            {
                return;
            }
        }
    });
    keys
}

/// Waits until somebody ends the program from outside: then too the terminal is to be as it was.
#[cfg(unix)]
pub(crate) async fn end_is_asked_for() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

/// Where there are no such signals, nobody does.
#[cfg(not(unix))]
pub(crate) async fn end_is_asked_for() -> Result<()> {
    std::future::pending().await
}

fn key(event: &Event) -> Option<Key> {
    let key = event.as_key_event().filter(|key| key.kind != KeyEventKind::Release)?;
    let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        _ if is_interrupt => Key::Interrupt,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        KeyCode::Char(c) => Key::Char(c),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_terminal_is_given_the_newest_picture_and_nobody_waits_for_it() {
        let next = Next::default();
        let picture = |text| Buffer::with_lines([text]);
        for text in ["one", "two", "six"] {
            next.give(Order::Draw(picture(text)));
        }
        assert_eq!(next.take(), Some(picture("six")));
        next.give(Order::Draw(picture("ten")));
        next.give(Order::End);
        assert_eq!(next.take(), None);
    }

    #[test]
    fn a_picture_that_is_larger_than_the_terminal_is_cut() {
        let mut small = Buffer::empty(Rect::new(0, 0, 2, 2));
        copy(&Buffer::with_lines(["one"]), &mut small);
        assert_eq!(small, Buffer::with_lines(["on", "  "]));
    }
}
