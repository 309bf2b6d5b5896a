//! A terminal that nobody looks at but the test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Long enough for a machine that does much else; only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long no word of a change is trusted.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A tmux server of its own with one pane; both end with it.
pub(crate) struct Tmux {
    socket: String,
    /// A client without a terminal, which says when the screen changes.
    watcher: Child,
    changes: Receiver<()>,
}

impl Tmux {
    pub(crate) fn is_installed() -> bool {
        Command::new("tmux").arg("-V").output().is_ok_and(|said| said.status.success())
    }

    /// Runs a command of the shell in a pane of so many columns and rows.
    pub(crate) fn start(command: &str, (columns, rows): (u16, u16)) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let socket = format!("tickcast-{}-{number}", std::process::id());
        let size = ["-x", &columns.to_string(), "-y", &rows.to_string()].map(String::from);
        let mut start = tmux(&socket);
        start.args(["-f", "/dev/null", "start-server", ";"]);
        start.args(["set-option", "-g", "remain-on-exit", "on", ";"]);
        start.args(["set-option", "-g", "default-size", &format!("{columns}x{rows}"), ";"]);
        start.args(["new-session", "-d", "-s", "game"]).args(size);
        start.arg(format!("{command}; echo \"status $?\"; exec cat"));
        succeed(start.output().expect("tmux starts"));
        // Not before there is a window: tmux 3.3 would end.
        succeed(
            tmux(&socket).args(["set-option", "-g", "window-size", "manual"]).output().expect("tmux runs"),
        );
        let mut watcher = tmux(&socket);
        watcher.args(["-C", "attach-session", "-t", "game"]);
        watcher.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut watcher = watcher.spawn().expect("tmux starts");
        let said = BufReader::new(watcher.stdout.take().expect("it is piped"));
        let (changed, changes) = mpsc::channel();
        std::thread::spawn(move || {
            // Bytes, for tmux tells of changes also in the midst of a character.
            let lines = said.split(b'\n').map_while(Result::ok);
            let _nobody_waits = lines.map(drop).try_for_each(|()| changed.send(()));
        });
        Self { socket, watcher, changes }
    }

    /// Presses a key, as tmux names it.
    pub(crate) fn press(&self, key: &str) {
        self.ask(&["send-keys", "-t", "game", key]);
    }

    /// The screen, as soon as it is as it should be.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        self.wait(what, || Some(self.screen()).filter(|screen| is_so(screen)))
    }

    /// The exit status of the command, as the shell says it: of a pane that has ended tmux does not always tell.
    pub(crate) fn wait_for_end(&self) -> String {
        self.wait("it ends", || {
            let screen = self.screen();
            let (_, status) = screen.rsplit_once("status ")?;
            Some(status.lines().next()?.trim().to_owned())
        })
    }

    /// What is on the screen now.
    pub(crate) fn screen(&self) -> String {
        self.ask(&["capture-pane", "-p", "-t", "game"])
    }

    /// The screen with its colours, as escape sequences.
    pub(crate) fn coloured(&self) -> String {
        self.ask(&["capture-pane", "-p", "-e", "-t", "game"])
    }

    /// Looks again whenever something has changed, and now and then besides: of the end of a command tmux says nothing.
    fn wait<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let deadline = now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            let left = deadline.saturating_duration_since(now());
            assert!(!left.is_zero(), "waited in vain until {what}:\n{}", self.screen());
            let _none_yet = self.changes.recv_timeout(left.min(LOOK_EVERY));
            while self.changes.try_recv().is_ok() {}
        }
    }

    fn ask(&self, args: &[&str]) -> String {
        succeed(tmux(&self.socket).args(args).output().expect("tmux runs"))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _already_gone = tmux(&self.socket).arg("kill-server").output();
        let _already_gone = self.watcher.kill();
        let _already_gone = self.watcher.wait();
    }
}

fn tmux(socket: &str) -> Command {
    let mut tmux = Command::new("tmux");
    tmux.args(["-u", "-L", socket]).env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color").env_remove("TMUX");
    tmux
}

fn succeed(said: Output) -> String {
    assert!(said.status.success(), "tmux: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
fn now() -> Instant {
    Instant::now()
}
