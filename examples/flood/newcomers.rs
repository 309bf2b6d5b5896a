//! Who joins while there is a flood, and how long that takes.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tickcast::client::{Client, Phase};
use tickcast::secret::Secret;

use super::passes::Passes;
use super::program::{now, rest};

/// Their client ids begin here.
const FIRST_ID: u32 = 2_000_000;
/// One comes so often.
const EVERY: Duration = Duration::from_millis(50);

struct Newcomer {
    socket: UdpSocket,
    client: Client,
    came: Instant,
}

/// Lets one after the other join, and leave again, until it should stop; gives how long each waited for its welcome. Those
/// who wait when it stops count as far as they waited.
pub(crate) fn run(
    server: SocketAddr,
    passes: Passes,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (mut here, mut waited, mut next_id) = (Vec::<Newcomer>::new(), Vec::new(), FIRST_ID);
    let mut due = now();
    while !stop.load(Ordering::Acquire) {
        if now() >= due {
            due += EVERY;
            here.push(Newcomer::new(next_id, server, passes)?);
            next_id += 1;
        }
        here.retain_mut(|newcomer| match newcomer.go_on() {
            None => true,
            Some(time) => {
                waited.push(time);
                false
            }
        });
        rest(Duration::from_millis(2));
    }
    let time = now();
    waited.extend(
        here.iter().map(|newcomer| time - newcomer.came).filter(|waited| *waited > Duration::from_secs(1)),
    );
    Ok(waited)
}

impl Newcomer {
    fn new(client_id: u32, server: SocketAddr, passes: Passes) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let came = now();
        let client = Client::new(passes.config(client_id)?, &Secret::from_seed(client_id.into()), came);
        Ok(Self { socket, client, came })
    }

    /// Gives how long it waited, when it plays.
    fn go_on(&mut self) -> Option<Duration> {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 2_048]);
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.client.receive(now(), &buffer[..length]);
        }
        if self.client.phase() == Phase::Playing {
            self.client.leave(&mut bytes);
            let _lost_at_worst = self.socket.send(&bytes);
            return Some(now() - self.came);
        }
        if self.client.poll(now(), &mut bytes) {
            let _lost_at_worst = self.socket.send(&bytes);
        }
        None
    }
}
