//! A client with a pass: it says hello with its ticket, and seals and opens what its session says.

use std::time::Instant;

use super::{Client, Event, Phase};
use crate::seal::{Opener, Pass, Sealer, bearer_tag, keys_of_session};
use crate::wire::{self, Envelope, FromClient, FromServer, Hello, Proof, Sealed, Sender};

/// The client's end of a sealed session.
#[derive(Debug)]
pub(super) struct Sealing {
    pub(super) sealer: Sealer,
    opener: Opener,
}

/// Appends the hello: with the ticket, if there is one, as soon as the address is proven.
pub(super) fn write_hello(hello: &Hello, pass: Option<&Pass>, out: &mut Vec<u8>) {
    match pass {
        Some(pass) if hello.proof != Proof::NONE => {
            let bytes = wire::encode_ticket_hello(hello, pass.ticket());
            out.extend_from_slice(&bytes);
            out.extend_from_slice(&bearer_tag(pass.session_key(), &bytes));
        }
        _ => wire::encode_client(&FromClient::Hello(*hello), out),
    }
}

/// Appends what `write` does, as a datagram of the session. False, and nothing appended, if its key has sealed all that it
/// may.
pub(super) fn write(
    sealing: Option<&mut Sealing>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> bool {
    match sealing {
        Some(sealing) => sealing.sealer.seal(out, write),
        None => {
            write(out);
            true
        }
    }
}

impl Client {
    /// With a pass only answers to a hello may come in clear, and no welcome.
    pub(super) fn on_datagram(&mut self, now: Instant, pass: &Pass, bytes: &[u8]) -> Option<Event> {
        let Some(sealed) = wire::sealed(Sender::Server, bytes) else {
            return match wire::decode_server(bytes) {
                Ok(FromServer::Challenge(_) | FromServer::Refusal(_)) => self.on_message(now, bytes),
                Ok(_) => self.on_ignored(),
                Err(_) => {
                    self.malformed += 1;
                    self.on_ignored()
                }
            };
        };
        let mut opened = std::mem::take(&mut self.opened);
        opened.clear();
        opened.extend_from_slice(bytes);
        let event = match sealed.envelope {
            Envelope::Datagram => self.on_sealed(now, &sealed, &mut opened),
            Envelope::Welcome { nonce, session, epoch } => {
                self.on_sealed_welcome(now, pass, &sealed, [nonce, session, epoch], &mut opened)
            }
        };
        self.opened = opened;
        event
    }

    fn on_sealed(&mut self, now: Instant, sealed: &Sealed, datagram: &mut [u8]) -> Option<Event> {
        let opener = self.sealing.as_mut().map(|sealing| &mut sealing.opener);
        match opener.map(|opener| opener.open(sealed.sequence, sealed.clear, datagram)) {
            Some(Ok(inside)) => self.on_message(now, inside),
            _ => self.on_ignored(),
        }
    }

    fn on_sealed_welcome(
        &mut self,
        now: Instant,
        pass: &Pass,
        sealed: &Sealed,
        [nonce, session, epoch]: [u64; 3],
        datagram: &mut [u8],
    ) -> Option<Event> {
        if self.phase != Phase::Joining || nonce != self.hello.nonce {
            return self.on_ignored();
        }
        let keys = keys_of_session(pass.session_key(), nonce, session, epoch);
        let (sealer, mut opener) = keys.of(Sender::Client);
        let Ok(inside) = opener.open(sealed.sequence, sealed.clear, datagram) else {
            return self.on_ignored();
        };
        let event = self.on_message(now, inside);
        if let Some(Event::Welcomed(_)) = event {
            self.sealing = Some(Box::new(Sealing { sealer, opener }));
        }
        event
    }

    fn on_ignored(&mut self) -> Option<Event> {
        self.ignored += 1;
        None
    }
}
