//! A server inside another program: `cargo run --example embed`.
//!
//! It serves until Ctrl-C, and says every second who stands where.

use tickcast::{Config, TickRate, TickServer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config { tick_rate: TickRate::from_hz(60.0)?, ..Config::default() };
    let server = TickServer::bind("127.0.0.1:12345".parse()?, config)?;
    println!("listening on {}; Ctrl-C stops", server.local_addr());

    let mut ctrl_c = Box::pin(tokio::signal::ctrl_c());
    let mut every_second = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = &mut ctrl_c => break,
            _ = every_second.tick() => {
                let positions = server.positions().await?;
                let refused = server.drops().total();
                println!("tick {}, {} players, {refused} refused", positions.tick.0, positions.players.len());
                for player in positions.players.iter().take(3) {
                    println!("  {} stands at {}, {}", player.client_id, player.at.x, player.at.y);
                }
            }
        }
    }
    let status = server.run_until(std::future::ready(())).await?;
    println!("stopped after {} ticks", status.report.totals.ticks);
    Ok(())
}
