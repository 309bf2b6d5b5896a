//! What is drawn before a play begins: how bad each client's network is, and what goes wrong when.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;

use crate::path::Impairment;
use crate::sim::SimConfig;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// A client goes on from another address.
    Moved(usize),
    /// A client forgets everything, and begins anew after a while.
    Crashed(usize, Duration),
    /// Nothing gets through to or from a client for a while.
    CutOff(usize, Duration),
    /// The server forgets everything, and is started anew after a while.
    ServerCrashed(Duration),
    /// The server does nothing for a while; what is sent to it waits.
    ServerStalled(Duration),
    /// The server's clock stands still for a while.
    ClockStopped(Duration),
}

/// How long the longest trouble lasts.
const LONGEST: Duration = Duration::from_secs(3);

/// The troubles of a play that lasts so long, with their times, in order.
pub(super) fn troubles(
    draw: &mut Xoshiro256PlusPlus,
    clients: usize,
    lasts: Duration,
) -> Vec<(Duration, Trouble)> {
    let mut troubles: Vec<(Duration, Trouble)> = (0..draw.random_range(0..=clients))
        .map(|_| {
            let at = lasts.mul_f64(draw.random());
            let client = draw.random_range(0..clients);
            let long = LONGEST.mul_f64(draw.random::<f64>().powi(2));
            let trouble = match draw.random_range(0..16) {
                0..5 => Trouble::Moved(client),
                5..9 => Trouble::Crashed(client, long),
                9..12 => Trouble::CutOff(client, long),
                12 => Trouble::ServerCrashed(long),
                13 | 14 => Trouble::ServerStalled(long / 2),
                _ => Trouble::ClockStopped(long / 2),
            };
            (at, trouble)
        })
        .collect();
    troubles.sort_by_key(|(at, _)| *at);
    troubles
}

/// How bad one direction is; every third is good.
pub(super) fn impairment(draw: &mut Xoshiro256PlusPlus, config: &SimConfig) -> Impairment {
    let loss = config.loss.unwrap_or_else(|| 0.4 * draw.random::<f64>().powi(2));
    if draw.random_range(0..3) == 0 {
        return Impairment { loss: config.loss.unwrap_or(0.0), ..Impairment::default() };
    }
    let ms = |draw: &mut Xoshiro256PlusPlus, most: f64| {
        Duration::from_secs_f64(most / 1e3 * draw.random::<f64>().powi(2))
    };
    let some = |draw: &mut Xoshiro256PlusPlus, most: f64| most * draw.random::<f64>().powi(3);
    let shortest = (loss / (1.0 - loss)).max(1.0);
    Impairment {
        loss,
        burst: (loss < 1.0 && draw.random_range(0..2) == 0).then(|| shortest + some(draw, 12.0)),
        delay: ms(draw, 300.0),
        jitter: ms(draw, 100.0),
        reorder: some(draw, 0.3),
        duplicate: some(draw, 0.3),
        corrupt: some(draw, 0.1),
        bits_per_second: (draw.random_range(0..4) == 0).then(|| draw.random_range(60_000..1_000_000)),
        queue: ms(draw, 300.0),
    }
}
