//! `tickcast key` and `tickcast ticket`, and the files that keys and passes are read from.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rand::TryRng as _;
use tracing::warn;

use super::CommandError;
use super::values::Span;
use crate::config::TicketConfig;
use crate::machine;
use crate::seal::{Mint, Pass, TicketKey, TicketKeys};

/// Make a key for tickets, for --ticket-key.
#[derive(Args, Clone, Debug)]
pub(super) struct KeyArgs {
    /// Write it into this new file, which only its owner can read [default: standard output]
    #[arg(long, env = "TICKCAST_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Prints a key, or writes it into a file.
pub(super) fn make_key(args: KeyArgs) -> Result<(), CommandError> {
    hand_out(&TicketKey::from_bytes(random()?).to_text(), args.out.as_deref())
}

/// As a line, on standard output or in a file of its own.
fn hand_out(secret: &str, out: Option<&Path>) -> Result<(), CommandError> {
    let line = format!("{secret}\n");
    match out {
        None => Ok(std::io::stdout().write_all(line.as_bytes())?),
        Some(path) => {
            write_secret(path, &line).map_err(|error| format!("--out {}: {error}", path.display()).into())
        }
    }
}

/// A file that was not there before: nobody has it open, and no other secret is lost.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Make a pass: what the game's backend hands to a player, on a way that nobody else reads.
#[derive(Args, Clone, Debug)]
pub(super) struct TicketArgs {
    /// The file of keys that the server has too; the first makes the ticket
    #[arg(long, env = "TICKCAST_TICKET_KEY", value_name = "FILE")]
    ticket_key: PathBuf,
    /// Who may play with it
    #[arg(long, env = "TICKCAST_CLIENT_ID", value_name = "N")]
    client_id: u32,
    /// For how long from now one may join with it; who plays by then plays on
    #[arg(long, env = "TICKCAST_EXPIRES", value_name = "TIME", default_value = "1h")]
    expires: Span,
    /// The name of the server that it is for
    #[arg(long, env = "TICKCAST_TICKET_SERVER", value_name = "NAME", default_value = TicketConfig::SERVER)]
    ticket_server: String,
    /// Write it into this new file, which only its owner can read [default: standard output]
    #[arg(long, env = "TICKCAST_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Prints a pass, or writes it into a file.
pub(super) fn make_ticket(args: TicketArgs) -> Result<(), CommandError> {
    let minting = Minting::new(&args.ticket_key, args.ticket_server, args.expires.0)?;
    hand_out(&minting.pass(args.client_id)?.to_text(), args.out.as_deref())
}

/// Makes passes with the newest key of a file.
pub(super) struct Minting {
    key: TicketKey,
    server: String,
    expires: u64,
}

impl Minting {
    pub(super) fn new(keys: &Path, server: String, lasts: Duration) -> Result<Self, CommandError> {
        let expires = machine::unix_seconds().saturating_add(lasts.as_secs());
        Ok(Self { key: *read_keys(keys)?.newest(), server, expires })
    }

    pub(super) fn pass(&self, client_id: u32) -> Result<Pass, CommandError> {
        let mint = Mint { client_id, expires: self.expires, server: &self.server };
        Ok(mint.pass(&self.key, random()?))
    }
}

/// Bytes that nobody can guess, from the operating system.
fn random<const N: usize>() -> Result<[u8; N], CommandError> {
    let mut bytes = [0; N];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

/// The keys in a file.
pub(super) fn read_keys(path: &Path) -> Result<TicketKeys, CommandError> {
    let read = || -> Result<TicketKeys, CommandError> { Ok(std::fs::read_to_string(path)?.parse()?) };
    warn_if_others_can_read(path);
    read().map_err(|error| format!("--ticket-key {}: {error}", path.display()).into())
}

fn warn_if_others_can_read(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
            warn!(file = %path.display(), "the file of ticket keys is no secret: others than its owner can read it");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// The pass in a file.
pub(super) fn read_pass(path: &Path) -> Result<Pass, CommandError> {
    let read = || -> Result<Pass, CommandError> { Ok(std::fs::read_to_string(path)?.parse()?) };
    read().map_err(|error| format!("--ticket {}: {error}", path.display()).into())
}
