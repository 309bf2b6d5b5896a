//! `tickcast send`: the quickest look at a server.

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::CommandError;
use super::bots::{drawn_secret, parse_server};
use super::tickets::read_pass;
use crate::load::send::{self, Seen, SendConfig, SendError};
use crate::wire::Position;

/// So many players are printed for people, nearest first; `--json` prints all.
const PLAYERS_SHOWN: usize = 20;

/// Join, make one move, print what the server then says, and leave.
#[derive(Args, Clone, Debug)]
pub(super) struct SendArgs {
    /// The server
    #[arg(long, env = "TICKCAST_SERVER", value_name = "ADDR:PORT", default_value = "127.0.0.1:12345",
          value_parser = parse_server)]
    server: SocketAddr,
    /// The number to be known by [default: that of the ticket]
    #[arg(
        long,
        env = "TICKCAST_CLIENT_ID",
        value_name = "N",
        required_unless_present = "ticket",
        allow_negative_numbers = true
    )]
    client_id: Option<u32>,
    /// A file with what `tickcast ticket` has made, for a server that wants tickets
    #[arg(long, env = "TICKCAST_TICKET", value_name = "FILE")]
    ticket: Option<PathBuf>,
    /// Where to move on the first axis
    #[arg(long, env = "TICKCAST_X", value_name = "UNITS", allow_negative_numbers = true)]
    x: i32,
    /// Where to move on the second axis
    #[arg(long, env = "TICKCAST_Y", value_name = "UNITS", allow_negative_numbers = true)]
    y: i32,
    /// The game's own word about the player, passed on to everyone
    #[arg(long, env = "TICKCAST_STATE", value_name = "N", default_value = "0")]
    state: u32,
    /// How many snapshots to print, from the one on that shows the move
    #[arg(long, env = "TICKCAST_SNAPSHOTS", value_name = "K", default_value = "1",
          value_parser = clap::value_parser!(u32).range(1..))]
    snapshots: u32,
    /// Print each snapshot as one JSON object on a line
    #[arg(long, env = "TICKCAST_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
}

/// Sends, and prints what comes back.
pub(super) fn run(args: SendArgs) -> Result<(), CommandError> {
    let at = Position { x: args.x, y: args.y };
    let pass = args.ticket.as_deref().map(read_pass).transpose()?;
    let client_id = args.client_id.or(pass.map(|pass| pass.client_id())).unwrap_or_default();
    let SendArgs { server, state, snapshots, json, .. } = args;
    let config = SendConfig { server, client_id, pass, at, state, snapshots };
    let shown = send::run(&config, &drawn_secret(), &mut |seen| {
        let mut out = std::io::stdout();
        if json {
            writeln!(out, "{}", serde_json::to_string(seen)?)
        } else {
            write!(out, "{}", table(seen, at))
        }
    });
    match shown {
        // Whoever reads has seen enough.
        Err(SendError::Print(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn table(seen: &Seen, from: Position) -> String {
    let Seen { tick, players_visible, bytes, .. } = seen;
    let mut table = format!("tick {}: {players_visible} players, {bytes} bytes\n", tick.0);
    let mut players = seen.players.clone();
    players.sort_by_key(|player| from.distance_squared(Position { x: player.x, y: player.y }));
    table += &format!("{:>12} {:>12} {:>12} {:>12} {:>10}\n", "client id", "x", "y", "state", "ticks old");
    for player in players.iter().take(PLAYERS_SHOWN) {
        let (id, x, y, state) = (player.client_id, player.x, player.y, player.state);
        let age = tick.since(player.told);
        table += &format!("{id:>12} {x:>12} {y:>12} {state:>12} {age:>10}\n");
    }
    if players.len() > PLAYERS_SHOWN {
        table += &format!("{:>12} more, farther away\n", players.len() - PLAYERS_SHOWN);
    }
    table
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::load::send::SeenPlayer;
    use crate::wire::Tick;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SendArgs,
    }

    fn parsed(line: &str) -> Result<SendArgs, String> {
        let words = std::iter::once("send").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn places_may_be_negative_and_the_rest_has_defaults() {
        let args = parsed("--client-id 7 --x -2147483648 --y 5").expect("a whole line");
        assert_eq!((args.client_id, args.x, args.y, args.state), (Some(7), i32::MIN, 5, 0));
        assert_eq!((args.snapshots, args.json, args.server.port()), (1, false, 12345));
    }

    #[test]
    fn a_refused_value_names_its_flag_and_bound() {
        for (line, flag, bound) in [
            ("--x 1 --y 1", "--client-id", "required"),
            ("--client-id 1 --x 1 --y 1 --snapshots 0", "--snapshots", "1..=4294967295"),
            ("--client-id 1 --x 2147483648 --y 1", "--x", "-2147483648..=2147483647"),
            ("--client-id -1 --x 1 --y 1", "--client-id", "-1"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(flag) && error.contains(bound), "{line}: {error}");
        }
    }

    #[test]
    fn people_see_the_nearest_first_and_how_many_more_there_are() {
        let player =
            |client_id| SeenPlayer { client_id, x: -(client_id as i32), y: 0, state: 0, told: Tick(9) };
        let players = (1..=25).map(player).collect();
        let seen = Seen { tick: Tick(10), applied: 1, bytes: 432, players_visible: 25, players };
        let table = table(&seen, Position { x: -25, y: 0 });
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!((lines[0], lines.len()), ("tick 10: 25 players, 432 bytes", 23));
        assert!(lines[2].contains("25          -25"), "{table}");
        assert!(lines[22].contains("5 more"), "{table}");
    }
}
