//! Passes for everyone who plays, where the server wants tickets.

use std::error::Error;

use rand::TryRng as _;
use tickcast::TicketConfig;
use tickcast::client::ClientConfig;
use tickcast::seal::{Mint, TicketKey, TicketKeys};

/// Mints with the newest key of a file, or not at all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passes(Option<TicketKey>);

impl Passes {
    pub(crate) fn of(file: &str) -> Result<Self, Box<dyn Error>> {
        let keys: TicketKeys = std::fs::read_to_string(file)?.parse()?;
        Ok(Self(Some(*keys.newest())))
    }

    pub(crate) fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// How a client of this id plays.
    pub(crate) fn config(&self, client_id: u32) -> Result<ClientConfig, rand::rngs::SysError> {
        let Some(key) = &self.0 else { return Ok(ClientConfig::new(client_id)) };
        let mut random = [0; 56];
        rand::rngs::SysRng.try_fill_bytes(&mut random)?;
        let mint = Mint { client_id, expires: u64::MAX, server: TicketConfig::SERVER };
        Ok(ClientConfig::with_pass(mint.pass(key, random)))
    }
}
