//! Who plays and changes its address while there is a flood, and how long it takes until its moves count again.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tickcast::client::{Client, Phase};
use tickcast::secret::Secret;
use tickcast::wire::Position;

use super::passes::Passes;
use super::program::{now, rest};

/// Their client ids begin here.
const FIRST_ID: u32 = 3_000_000;
/// So many, each of which stays for so long where it moves again.
const MOVERS: u32 = 20;
const STAYS: Duration = Duration::from_millis(1_500);
const MOVES_EVERY: Duration = Duration::from_millis(33);

struct Mover {
    socket: UdpSocket,
    client: Client,
    /// When it came to its address, if none of its moves from there has counted yet.
    came: Option<Instant>,
    has_joined: bool,
    goes: Instant,
    moves: Instant,
}

/// Lets clients change their addresses until it should stop; gives how long each waited until a move counted again. Those who
/// wait when it stops count as far as they waited.
pub(crate) fn run(
    server: SocketAddr,
    passes: Passes,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let movers = (FIRST_ID..FIRST_ID + MOVERS).map(|client_id| Mover::new(client_id, server, passes));
    let (mut movers, mut waited) = (movers.collect::<Result<Vec<_>, _>>()?, Vec::new());
    while !stop.load(Ordering::Acquire) {
        for mover in &mut movers {
            waited.extend(mover.go_on(server)?);
        }
        rest(Duration::from_millis(2));
    }
    let time = now();
    let waiting = movers.iter().filter_map(|mover| mover.came).map(|came| time - came);
    waited.extend(waiting.filter(|waited| *waited > Duration::from_secs(1)));
    Ok(waited)
}

impl Mover {
    fn new(client_id: u32, server: SocketAddr, passes: Passes) -> Result<Self, Box<dyn Error>> {
        let time = now();
        let client = Client::new(passes.config(client_id)?, &Secret::from_seed(client_id.into()), time);
        let socket = elsewhere(server)?;
        Ok(Self { socket, client, came: Some(time), has_joined: false, goes: time, moves: time })
    }

    /// Gives how long it waited, when a move counts again at an address that it has changed to.
    fn go_on(&mut self, server: SocketAddr) -> Result<Option<Duration>, Box<dyn Error>> {
        let (time, mut bytes, mut buffer) = (now(), Vec::new(), [0; 2_048]);
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.client.receive(time, &buffer[..length]);
        }
        match self.client.phase() {
            Phase::Joining => {}
            Phase::Playing if time >= self.moves => {
                self.moves = time + MOVES_EVERY;
                self.client.move_to(Position { x: 1, y: 1 }, 0, &mut bytes);
            }
            Phase::Playing => {}
            _ => self.client.rejoin(time),
        }
        if !bytes.is_empty() || self.client.poll(time, &mut bytes) {
            let _lost_at_worst = self.socket.send(&bytes);
        }
        let counts = self.client.phase() == Phase::Playing && self.client.applied() > 0;
        if counts && let Some(came) = self.came.take() {
            self.goes = time + STAYS;
            return Ok(std::mem::replace(&mut self.has_joined, true).then_some(time - came));
        }
        if self.came.is_none() && time >= self.goes {
            self.socket = elsewhere(server)?;
            self.came = Some(time);
            self.client.rejoin(time);
        }
        Ok(None)
    }
}

/// A port that nobody has used.
fn elsewhere(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
