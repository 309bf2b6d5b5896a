//! `tickcast order`: tells a running server something, and says what it answers.

use std::path::PathBuf;

use clap::Args;

use super::CommandError;

/// Give the game of a running server an order.
///
/// Prints the answer. Where the order is refused, it says why, and the exit code is 1.
#[derive(Args, Clone, Debug)]
pub(super) struct OrderArgs {
    /// Where the server takes orders: its own --control
    #[arg(long, env = "TICKCAST_CONTROL", value_name = "PATH")]
    control: PathBuf,
    /// The order: what there is to order, the game says
    #[arg(required = true, value_name = "WORDS", trailing_var_arg = true)]
    words: Vec<String>,
}

/// Says the order, waits for the answer, prints it.
#[cfg(unix)]
pub(super) fn run(args: OrderArgs) -> Result<(), CommandError> {
    let (path, order) = (args.control, args.words.join(" "));
    if order.contains(['\n', '\r']) {
        return Err("an order is one line".into());
    }
    let answer = ask(&path, &order).map_err(|error| format!("--control {}: {error}", path.display()))?;
    match answer.strip_prefix(crate::game::REFUSED) {
        Some(why) => Err(why.into()),
        None => {
            use std::io::Write as _;
            Ok(writeln!(std::io::stdout(), "{answer}")?)
        }
    }
}

/// There are no such sockets.
#[cfg(not(unix))]
pub(super) fn run(_args: OrderArgs) -> Result<(), CommandError> {
    Err("--control: this system has no sockets in the file system".into())
}

#[cfg(unix)]
fn ask(path: &std::path::Path, order: &str) -> std::io::Result<String> {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    /// Longer than the server takes for anything.
    const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(15);
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    // Of an order that is too long the server does not read all: it answers, and the rest is an error, as is the end.
    let said = stream.write_all(format!("{order}\n").as_bytes());
    let mut answer = Vec::new();
    let heard = stream.take(crate::net::ANSWER_BYTES_MAX as u64).read_to_end(&mut answer);
    if answer.pop_if(|last| *last == b'\n').is_none() {
        said.and(heard)?;
        return Err(std::io::Error::other("it has closed without an answer"));
    }
    String::from_utf8(answer).map_err(std::io::Error::other)
}
