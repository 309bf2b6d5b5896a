//! What a session seals and opens, one key for each direction.

use super::aead::{Cipher, KEY_BYTES, derive, first_number};
use super::window::Window;
use crate::wire::{SEAL_TAG_BYTES, SEALED_HEADER_BYTES, Sender, sealed_header, sealed_welcome_header};

/// No key seals more datagrams: 2^28 of them keep the odds of AES-GCM for QUIC (RFC 9001, appendix B.1), and are 24 days
/// at 128 Hz. Then a session sends nothing more, and its client joins anew.
const SEQUENCE_MAX: u64 = 1 << 28;

/// The secret of a ticket: what its bearer and the server share. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionKey([u8; KEY_BYTES]);

impl SessionKey {
    pub(crate) fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Tells it from others, and nothing else of it.
    pub(crate) fn mark(&self) -> u64 {
        first_number(&derive(&self.0, &[], "tickcast mark"))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// The keys of one session, to the server and to the client. Both ends have drawn a part of the salt for this handshake, so
/// no two sessions have the same, whichever end has forgotten everything.
pub(crate) struct SessionKeys {
    to_server: [u8; KEY_BYTES],
    to_client: [u8; KEY_BYTES],
}

/// Makes the keys of a session.
pub(crate) fn keys_of_session(key: &SessionKey, nonce: u64, session: u64, epoch: u64) -> SessionKeys {
    let mut salt = [0; 24];
    for (part, number) in salt.chunks_exact_mut(8).zip([nonce, session, epoch]) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    SessionKeys {
        to_server: derive(&key.0, &salt, "tickcast to server"),
        to_client: derive(&key.0, &salt, "tickcast to client"),
    }
}

impl SessionKeys {
    /// What one end seals and opens with.
    pub(crate) fn of(&self, end: Sender) -> (Sealer, Opener) {
        match end {
            Sender::Client => (Sealer::new(&self.to_server, end), Opener::new(&self.to_client)),
            Sender::Server => (Sealer::new(&self.to_client, end), Opener::new(&self.to_server)),
        }
    }
}

/// Seals what goes out in one direction; every datagram under a sequence of its own.
#[derive(Debug)]
pub(crate) struct Sealer {
    cipher: Cipher,
    sender: Sender,
    /// The sequence of the last datagram.
    sequence: u64,
}

impl Sealer {
    fn new(key: &[u8; KEY_BYTES], sender: Sender) -> Self {
        Self { cipher: Cipher::new(key), sender, sequence: 0 }
    }

    /// Appends the datagram that has in it what `write` appends. False, and nothing appended, when the key has sealed
    /// all that it may.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(sequence) = self.next() else { return false };
        let start = out.len();
        out.extend_from_slice(&sealed_header(self.sender, sequence));
        write(out);
        self.close(sequence, out, start, SEALED_HEADER_BYTES);
        true
    }

    /// The same for a welcome to a session.
    pub(crate) fn seal_welcome(
        &mut self,
        out: &mut Vec<u8>,
        [nonce, session, epoch]: [u64; 3],
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let Some(sequence) = self.next() else { return false };
        let start = out.len();
        let header = sealed_welcome_header(nonce, session, epoch, sequence);
        out.extend_from_slice(&header);
        write(out);
        self.close(sequence, out, start, header.len());
        true
    }

    /// Whether it has sealed all that it may.
    pub(crate) fn is_spent(&self) -> bool {
        self.sequence >= SEQUENCE_MAX
    }

    fn next(&mut self) -> Option<u64> {
        if self.is_spent() {
            return None;
        }
        self.sequence += 1;
        Some(self.sequence)
    }

    fn close(&self, sequence: u64, out: &mut Vec<u8>, start: usize, clear: usize) {
        let (header, body) = out[start..].split_at_mut(clear);
        let tag = self.cipher.seal(sequence, header, body);
        out.extend_from_slice(&tag);
    }
}

/// Why a sealed datagram was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// Its sequence has come before, or is too old to know.
    Replayed,
    /// It is not what the other end sealed for this session.
    Forged,
}

/// Opens what comes in from one direction, each datagram once.
#[derive(Debug)]
pub(crate) struct Opener {
    cipher: Cipher,
    window: Window,
}

impl Opener {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { cipher: Cipher::new(key), window: Window::new() }
    }

    /// Opens `datagram` in its place: `clear` of its bytes are not encrypted, the tag is its end. Gives what is inside.
    /// The window moves only if it is authentic.
    pub(crate) fn open<'a>(
        &mut self,
        sequence: u64,
        clear: usize,
        datagram: &'a mut [u8],
    ) -> Result<&'a [u8], Unopened> {
        if !self.window.is_new(sequence) {
            return Err(Unopened::Replayed);
        }
        let sealed = datagram.split_last_chunk_mut::<SEAL_TAG_BYTES>();
        let (rest, tag) = sealed.filter(|(rest, _)| rest.len() >= clear).ok_or(Unopened::Forged)?;
        let (header, body) = rest.split_at_mut(clear);
        if !self.cipher.open(sequence, header, body, *tag) {
            return Err(Unopened::Forged);
        }
        self.window.note(sequence);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::hex;
    use super::*;
    use crate::secret::Secret;
    use crate::wire::{SEALED_EXTRA_BYTES, sealed};

    fn ends() -> ((Sealer, Opener), (Sealer, Opener)) {
        let keys = keys_of_session(&SessionKey::new([9; 32]), 1, 2, 3);
        (keys.of(Sender::Client), keys.of(Sender::Server))
    }

    fn opened(opener: &mut Opener, sender: Sender, bytes: &[u8]) -> Result<Vec<u8>, Unopened> {
        let envelope = sealed(sender, bytes).expect("sealed");
        opener.open(envelope.sequence, envelope.clear, &mut bytes.to_vec()).map(<[u8]>::to_vec)
    }

    fn said(sealer: &mut Sealer, text: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert!(sealer.seal(&mut bytes, |out| out.extend_from_slice(text)));
        bytes
    }

    #[test]
    fn what_one_end_seals_the_other_opens_once() {
        let ((mut client, _), (_, mut server)) = ends();
        let datagram = said(&mut client, b"to the server");
        assert_eq!(datagram.len(), 13 + SEALED_EXTRA_BYTES);
        assert_eq!(opened(&mut server, Sender::Client, &datagram).as_deref(), Ok(&b"to the server"[..]));
        assert_eq!(opened(&mut server, Sender::Client, &datagram), Err(Unopened::Replayed));
    }

    #[test]
    fn what_is_not_authentic_moves_no_window() {
        let ((mut client, _), (_, mut server)) = ends();
        let first = said(&mut client, b"first");
        let mut forged = first.clone();
        forged[4..12].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(opened(&mut server, Sender::Client, &forged), Err(Unopened::Forged));
        assert!(opened(&mut server, Sender::Client, &first).is_ok());
    }

    #[test]
    fn a_key_seals_so_much_and_no_more() {
        let ((mut client, _), _) = ends();
        client.sequence = SEQUENCE_MAX - 1;
        assert!(!client.is_spent() && said(&mut client, b"last").len() > 4);
        let mut out = vec![7];
        assert!(client.is_spent() && !client.seal(&mut out, |out| out.push(1)) && out == [7]);
    }

    /// The vectors of PROTOCOL-SEALED.md are of a handshake that `tests/protocol` plays; here are the keys in it.
    #[test]
    fn the_page_names_every_key_that_is_made() {
        let [ticket_key, session_key] = [0, 0x38].map(|first| std::array::from_fn(|at| first + at as u8));
        let salt: [u8; 24] = std::array::from_fn(|at| 0x20 + at as u8);
        let (server, client) = (Secret::from_seed(1), Secret::from_seed(2));
        let drawn = [
            client.derive("nonces").number(1),
            server.derive("sessions").number(1),
            server.derive("epoch").number(0),
        ];
        let keys = keys_of_session(&SessionKey::new(session_key), drawn[0], drawn[1], drawn[2]);
        let made = [
            ("key of the ticket", derive(&ticket_key, &salt, "tickcast ticket")),
            ("session key", session_key),
            ("key of the bearer tag", derive(&session_key, &[], "tickcast hello")),
            ("key to the server", keys.to_server),
            ("key to the client", keys.to_client),
        ];
        let rows: String =
            made.map(|(what, bytes)| format!("| {what} | {} |\n", hex::write(&bytes))).concat();
        assert!(
            include_str!("../../PROTOCOL-SEALED.md").contains(&rows),
            "PROTOCOL-SEALED.md must say\n{rows}"
        );
    }

    #[test]
    fn each_drawn_number_makes_other_keys() {
        let key = SessionKey::new([9; 32]);
        let keys = |nonce, session, epoch| keys_of_session(&key, nonce, session, epoch);
        let one = keys(1, 2, 3);
        assert_ne!(one.to_server, one.to_client);
        for other in [keys(2, 2, 3), keys(1, 3, 3), keys(1, 2, 4)] {
            assert!(other.to_server != one.to_server && other.to_client != one.to_client);
        }
    }
}
