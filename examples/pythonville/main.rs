//! Pythonville, a town to play in: `cargo run --example pythonville` in a terminal.
//!
//! It starts a server of its own, with bots and monsters, at `--bind ADDR`; `--server ADDR` joins one that somebody else has
//! started so. The lesson that the project began from, about async programming, has five examples, and each is a part of this:
//!
//! | the lesson's example | where |
//! |---|---|
//! | player and enemies move at the same time | `seat.rs`, `crowd.rs`: loops that wait for whatever comes first |
//! | levels load while the game goes on | `player.rs`, `hall.rs`: maps are read beside the tick |
//! | profiles and leaderboards are fetched side by side | the standard game's, see `hall.rs`; `rules/leaders.rs` is of the evening |
//! | an AI that thinks for seconds | `hall.rs`: monsters' paths are thought out beside the tick |
//! | Pythonville: monsters attack and players trade | `rules/fight.rs`, `rules/trade.rs`: nobody waits for another |

mod app;
mod bot;
mod crowd;
mod hall;
mod player;
mod rules;
mod screen;
mod seat;
mod terminal;
mod tie;
mod town;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

const USAGE: &str =
    "it takes --server ADDR, --bind ADDR, --map FILE, --bots N, --monsters N, --client-id N and --seed N";

/// What is to be played.
#[derive(Clone, Debug)]
struct Plan {
    /// `None`: on a server of its own.
    server: Option<SocketAddr>,
    /// Where its own listens.
    bind: SocketAddr,
    map: PathBuf,
    bots: u32,
    monsters: usize,
    client_id: u32,
    seed: u64,
}

impl Plan {
    fn read(args: &[String]) -> Result<Self, Box<dyn Error>> {
        let map = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/maps/yard.tmx"));
        let bind = (Ipv4Addr::LOCALHOST, 0).into();
        let mut plan = Self { server: None, bind, map, bots: 6, monsters: 4, client_id: 1_000, seed: 1 };
        for pair in args.chunks(2) {
            match pair {
                [flag, value] if flag == "--server" => (plan.server, plan.bots) = (Some(value.parse()?), 0),
                [flag, value] if flag == "--bind" => plan.bind = value.parse()?,
                [flag, value] if flag == "--map" => plan.map = value.into(),
                [flag, value] if flag == "--bots" => plan.bots = value.parse()?,
                [flag, value] if flag == "--monsters" => plan.monsters = value.parse()?,
                [flag, value] if flag == "--client-id" => plan.client_id = value.parse()?,
                [flag, value] if flag == "--seed" => plan.seed = value.parse()?,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(plan)
    }

    /// The folder that the maps are in.
    fn maps(&self) -> &Path {
        self.map.parent().unwrap_or(Path::new(""))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let plan = Plan::read(&args)?;
    let hall = plan.server.is_none().then(|| hall::open(&plan)).transpose()?;
    let server = plan.server.or(hall.as_ref().map(|hall| hall.local_addr())).ok_or(USAGE)?;
    for bot in 1..=plan.bots {
        let seed = plan.seed ^ u64::from(bot) << 32;
        tokio::spawn(crowd::play(from_here(server), bot, plan.maps().to_owned(), seed));
    }
    seat::play(server, &plan).await?;
    if let Some(hall) = hall {
        hall.run_until(std::future::ready(())).await?;
    }
    Ok(())
}

/// A server that listens everywhere is here, too.
fn from_here(server: SocketAddr) -> SocketAddr {
    let ip = match server.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, server.port())
}
