//! What goes on beside the game of the binary: levels that load, and a service that never answers.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tickcast::config::Config;
use tickcast::level::Level;
use tickcast::profiles::{Service, ServiceConfig};
use tickcast::{Orders, ServeError};

use crate::maps;

type Failure = Box<dyn std::error::Error>;

/// Between two questions whether a level is there.
const PAUSE: Duration = Duration::from_millis(100);

/// Two files with the same level of 50 MB.
pub(crate) struct Levels {
    folder: tempfile::TempDir,
}

impl Levels {
    const NAMES: [&str; 2] = ["one.tmx", "two.tmx"];

    pub(crate) fn write() -> Result<Self, Failure> {
        let (folder, map) = (tempfile::tempdir()?, maps::large());
        for name in Self::NAMES {
            std::fs::write(folder.path().join(name), &map)?;
        }
        Ok(Self { folder })
    }

    /// The game begins in one of them.
    pub(crate) fn begin(&self, config: Config) -> Result<Config, Failure> {
        Ok(config.in_level(Arc::new(Level::load(&self.folder.path().join(Self::NAMES[0]))?)))
    }

    /// Orders the other as soon as one is played, until the server has ended.
    pub(crate) async fn change(&self, orders: &Orders) -> Result<(), ServeError> {
        for name in Self::NAMES.iter().rev().cycle() {
            orders.give(order(self.folder.path(), name)).await?;
            while orders.give("level".into()).await?.starts_with("loading ") {
                pause().await;
            }
        }
        Ok(())
    }
}

fn order(folder: &Path, name: &str) -> String {
    format!("level {}", folder.join(name).display())
}

/// A service that lets everybody in and says nothing.
pub(crate) fn silent_service() -> Result<Service, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = |path| format!("http://{}/{path}", listener.local_addr().expect("it is bound")).parse();
    let (profiles, leaderboard) = (Some(url("players")?), Some(url("board")?));
    let service = Service::new(ServiceConfig { profiles, leaderboard, ..ServiceConfig::default() })?;
    std::thread::spawn(move || {
        let mut held: Vec<TcpStream> = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever has hung up is let go.
            held.retain(is_open);
            held.push(stream);
        }
    });
    Ok(service)
}

fn is_open(stream: &TcpStream) -> bool {
    let _set = stream.set_nonblocking(true);
    // What was asked is never read: it can be looked at until the other side has gone.
    !matches!(stream.peek(&mut [0; 65_536]), Ok(0))
}

#[expect(clippy::disallowed_methods, reason = "the edge: who asks again waits before it does")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}
