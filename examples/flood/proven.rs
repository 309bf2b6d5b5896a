//! Addresses that prove themselves, and say hello with that again and again.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tickcast::wire::{FromClient, FromServer, Hello, PROTOCOL_VERSION, Proof, decode_server, encode_client};

use super::program::now;
use super::volley::{self, Gun};

/// A proof is good for 10 s.
const PROVES_EVERY: Duration = Duration::from_secs(5);
/// What has come in is looked at so far, each time.
const LOOKS: usize = 64;

pub(crate) struct Proven {
    gun: Gun,
    nonce: u64,
    proof: Option<(Proof, Instant)>,
}

impl Proven {
    pub(crate) fn new(ip: IpAddr, server: SocketAddr, nonce: u64) -> std::io::Result<Self> {
        let gun = Gun::new(ip, server)?;
        gun.socket.set_nonblocking(true)?;
        Ok(Self { gun, nonce, proof: None })
    }

    /// Says a volley of hellos for these client ids, once its address is proven. Gives how many the system took.
    pub(crate) fn fire(&mut self, mut client_id: impl FnMut() -> u32, bytes: &mut Vec<u8>) -> usize {
        let time = now();
        self.listen(time);
        let mut sent = 0;
        if self.proof.is_none_or(|(_, proven)| time - proven > PROVES_EVERY) {
            bytes.clear();
            self.say(client_id(), Proof::NONE, bytes);
            sent += usize::from(self.gun.socket.send(bytes).is_ok());
        }
        let Some((proof, _)) = self.proof else { return sent };
        bytes.clear();
        (0..volley::LENGTH).for_each(|_| self.say(client_id(), proof, bytes));
        sent + self.gun.fire(bytes, bytes.len() / volley::LENGTH)
    }

    fn listen(&mut self, time: Instant) {
        let mut buffer = [0; 2_048];
        for _ in 0..LOOKS {
            let Ok(length) = self.gun.socket.recv(&mut buffer) else { return };
            if let Ok(FromServer::Challenge(challenge)) = decode_server(&buffer[..length]) {
                self.proof = Some((challenge.proof, time));
            }
        }
    }

    fn say(&self, client_id: u32, proof: Proof, out: &mut Vec<u8>) {
        let (version, nonce) = (PROTOCOL_VERSION, self.nonce);
        let hello = Hello { version, nonce, client_id, encoding: 1, session: 0, proof };
        encode_client(&FromClient::Hello(hello), out);
    }
}
