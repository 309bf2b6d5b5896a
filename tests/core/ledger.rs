//! What goes into a server and comes out of it, and what must always hold of the two.

use std::collections::{HashMap, HashSet};

use tickcast::gate::{DropReason, PeerAddr};
use tickcast::server::Server;
use tickcast::wire::{FromClient, FromServer, Proof, decode_client, decode_server, snapshot_header};

/// Keeps the books of one server.
///
/// [`Ledger::on_received`] before a datagram goes in, [`Ledger::on_sent`] when one comes out: it panics if an
/// address that has not proven itself gets more bytes than it sent. [`Ledger::check`] after a tick.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Whether the server asks nobody for a proof.
    open: bool,
    received: u64,
    challenges: u64,
    welcomes: u64,
    handed_out: HashSet<(PeerAddr, u64, [u64; 2])>,
    proven: HashSet<PeerAddr>,
    /// Bytes received from each address that has not proven itself, less those sent to it.
    owed: HashMap<PeerAddr, usize>,
}

impl Ledger {
    /// `open` as in the server's configuration: where it is, nobody's bytes are weighed.
    pub(crate) fn new(open: bool) -> Self {
        Self { open, ..Self::default() }
    }

    pub(crate) fn on_received(&mut self, from: PeerAddr, bytes: &[u8]) {
        self.received += 1;
        *self.owed.entry(from).or_default() += bytes.len();
        if let Ok(FromClient::Hello(hello)) = decode_client(bytes)
            && self.handed_out.contains(&(from, hello.nonce, hello.proof.mac))
        {
            self.proven.insert(from);
        }
    }

    pub(crate) fn on_sent(&mut self, to: PeerAddr, bytes: &[u8]) {
        if !self.open && !self.proven.contains(&to) {
            let owed = self.owed.entry(to).or_default();
            *owed = owed.checked_sub(bytes.len()).expect("an unproven address gets no more than it sent");
        }
        if snapshot_header(bytes).is_some() {
            return;
        }
        match decode_server(bytes).expect("a server sends messages") {
            FromServer::Challenge(challenge) => self.on_challenge(to, challenge.nonce, &challenge.proof),
            // The welcome of an open join answers a move, which counts by itself.
            FromServer::Welcome(welcome) => self.welcomes += u64::from(welcome.nonce != 0),
            _ => {}
        }
    }

    fn on_challenge(&mut self, to: PeerAddr, nonce: u64, proof: &Proof) {
        self.challenges += 1;
        self.handed_out.insert((to, nonce, proof.mac));
    }

    /// Every datagram was one of: answered by a challenge, answered by a welcome, applied as a move or a
    /// leave, refused under exactly one reason. Holds after every tick.
    pub(crate) fn check(&self, server: &Server) {
        let totals = &server.report().totals;
        let answered = self.challenges + self.welcomes;
        // A message that is not taken came with a move that counts for itself.
        let refused = server.gate().drops().total() - server.gate().drops().of(DropReason::MessageRate);
        let outcomes = answered + totals.moves_applied + totals.left + refused;
        let met: Vec<_> = server.gate().drops().met().collect();
        assert_eq!(self.received, outcomes, "received and outcomes; refused: {met:?}");
    }
}
