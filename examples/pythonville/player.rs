//! A player at its end of a socket, whoever decides what it does.
//!
//! Lesson, levels that load while the game goes on: when the standard game says that all are on another map, that is read on a
//! thread of its own; until it is there, datagrams come and go as before.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tickcast::client::{Client, ClientConfig, Event, Phase};
use tickcast::game::words::Told;
use tickcast::level::{Level, LevelError};
use tickcast::mail::Delivery;
use tickcast::secret::Secret;
use tickcast::wire::{Position, kind_of};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use crate::app::Stride;
use crate::rules::words::{News, Wish};
use crate::screen::Being;
use crate::tie::Tie;
use crate::town::{About, Town};

/// Larger than any datagram of a server with its defaults.
const BUFFER_BYTES: usize = 2_048;

/// Speaks with the server for a player.
///
/// - When something comes in: [`Player::hear`], which waits for it.
/// - Ten times a second or more: [`Player::speak`].
/// - To do something: [`Player::stride`], [`Player::wish`]; it is said with what is spoken next.
#[derive(Debug)]
pub(crate) struct Player {
    socket: UdpSocket,
    client: Client,
    tie: Tie,
    buffer: Vec<u8>,
    /// Where it stands, as far as it knows.
    pub(crate) at: Option<Position>,
    pub(crate) level: Option<Arc<Level>>,
    loading: Option<oneshot::Receiver<Result<Level, LevelError>>>,
    /// The name of the map that is loaded, or is being loaded.
    on_map: Option<String>,
    /// The folder that maps are in.
    maps: PathBuf,
}

impl Player {
    /// `maps`: the folder with the maps of the town.
    pub(crate) async fn join(server: SocketAddr, client_id: u32, maps: &Path) -> std::io::Result<Self> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        Ok(Self {
            socket,
            client: Client::new(ClientConfig::new(client_id), &secret(), now()),
            tie: Tie::default(),
            buffer: vec![0; BUFFER_BYTES],
            at: None,
            level: None,
            loading: None,
            on_map: None,
            maps: maps.to_owned(),
        })
    }

    /// Waits for a datagram, and takes in what it brings.
    pub(crate) async fn hear(&mut self, town: &mut Town) {
        // An error is the answer to something sent: nobody listens there yet, or any more. The client tries again.
        let Ok(length) = self.socket.recv(&mut self.buffer).await else {
            return tokio::task::yield_now().await;
        };
        if let Some(event) = self.client.receive(now(), &self.buffer[..length]) {
            self.tie.on_event(now(), &event);
            self.on_event(&event);
        }
        if let Some(at) = self.client.take_correction() {
            self.at = Some(at);
        }
        while let Some(message) = self.client.take_message() {
            if let Some(news) = News::read(&message) {
                town.on_news(news);
            } else if let Some(told) = Told::read(&message) {
                town.on_told(&told);
            }
        }
        while self.client.take_lost().is_some() {
            town.note(About::Town, "something that you said may not have been heard");
        }
    }

    fn on_event(&mut self, event: &Event) {
        if let Event::Welcomed(welcome) = event
            && welcome.is_placed()
        {
            self.at = Some(welcome.at);
        }
    }

    /// Says where the player is, and all that waits to be said.
    pub(crate) fn speak(&mut self, town: &mut Town) {
        self.change_level(town);
        self.tie.hold(now(), &mut self.client);
        let mut bytes = Vec::new();
        if !self.client.poll(now(), &mut bytes)
            && let Some(at) = self.at
        {
            self.client.move_to(at, 0, &mut bytes);
        }
        self.send(&bytes);
    }

    /// A step to the tile beside, unless there is a wall.
    pub(crate) fn stride(&mut self, stride: Stride) {
        let (Some(level), Some(at)) = (&self.level, self.at) else { return };
        let grid = level.grid();
        let to = grid.tile_at(at).and_then(|tile| {
            let column = tile.column.checked_add_signed(stride.dx)?;
            grid.tile(column, tile.row.checked_add_signed(stride.dy)?)
        });
        if let Some(tile) = to.filter(|tile| !level.is_wall_tile(*tile)) {
            self.at = Some(grid.centre(tile));
        }
    }

    /// Asks the town for something; false if too much waits already.
    pub(crate) fn wish(&mut self, wish: &Wish) -> bool {
        self.client.send(Delivery::Reliable, &wish.bytes()).is_ok()
    }

    /// Tells the server that the player goes.
    pub(crate) fn leave(&mut self) {
        let mut bytes = Vec::new();
        if self.client.leave(&mut bytes) {
            self.send(&bytes);
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.client.phase()
    }

    /// All others that it knows of.
    pub(crate) fn beings(&self, me: u32) -> Vec<Being> {
        let others = self.client.world().players().filter(|known| known.player.client_id != me);
        others
            .map(|known| {
                let id = known.player.client_id;
                Being { id, kind: kind_of(id), at: known.player.at }
            })
            .collect()
    }

    /// What is lost here is said again, as if it had been lost on its way.
    fn send(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let _sent = self.socket.try_send(bytes);
        }
    }

    fn change_level(&mut self, town: &mut Town) {
        if self.on_map != town.level {
            self.on_map = town.level.clone();
            let file = self.on_map.as_deref().and_then(|name| map_file(&self.maps, name));
            self.loading = file.map(load);
            if self.loading.is_none() {
                town.note(About::Town, "that is no name of a map");
            }
        }
        match self.loading.as_mut().and_then(|loading| loading.try_recv().ok()) {
            None => {}
            Some(Ok(level)) => {
                self.at = self.at.or(Some(level.spawn(0)));
                self.level = Some(Arc::new(level));
            }
            Some(Err(why)) => town.note(About::Town, format!("there is no map to see: {why}")),
        }
    }
}

/// The others who play, the nearest first.
pub(crate) fn people_near(at: Position, beings: &[Being]) -> Vec<u32> {
    let mut people: Vec<&Being> = beings.iter().filter(|being| being.kind == 0).collect();
    people.sort_by_key(|being| (at.distance_squared(being.at), being.id));
    people.iter().map(|being| being.id).collect()
}

/// A map of ours. A server may say any name: what is no plain name of a map leads nowhere.
fn map_file(maps: &Path, name: &str) -> Option<PathBuf> {
    let is_plain =
        name.ends_with(".tmx") && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    is_plain.then(|| maps.join(name))
}

/// Reads a map on a thread of its own.
fn load(file: PathBuf) -> oneshot::Receiver<Result<Level, LevelError>> {
    let (done, loading) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let _nobody_waits = done.send(Level::load(&file));
    });
    loading
}

/// Whoever could guess it could take the player over.
#[expect(clippy::disallowed_methods, reason = "the edge, where chance comes in")]
fn secret() -> Secret {
    Secret::from_bytes(rand::random())
}

#[expect(clippy::disallowed_methods, reason = "the edge, where time comes in")]
fn now() -> Instant {
    Instant::now()
}
