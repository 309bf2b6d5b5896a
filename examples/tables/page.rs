//! The two pages: what stands before the rows.

use crate::{bits, loss};

/// The commands that make them.
pub(crate) const BITS_COMMAND: &str = "cargo run --release --example tables -- bits > docs/tables/bits.md";
pub(crate) const LOSS_COMMAND: &str = "cargo run --release --example tables -- loss > docs/tables/loss.md";

/// All of `docs/tables/bits.md` before its rows.
pub(crate) fn bits_head() -> String {
    let [players, warmup, measured, every] =
        [bits::PLAYERS as u64, bits::WARMUP_TICKS, bits::MEASURED, bits::MEASURED_EVERY].map(grouped);
    format!(
        "# Bits per player

`cargo test --test tables` measures some of the rows again. What makes the page:

```sh
{BITS_COMMAND}
```

{players} players, by the age of the baseline in ticks. Before the slash: all bytes of all blocks x 8 / players told, with
the heads of blocks, padding, motions, and who leaves and enters clusters. Behind it: the entropy of the movement.

- The entropy is that of the pairs (x, y) by which players are away from where they were (`s`), or from where their
  motion leads (`m`), whichever is less, in bits. It leaves out what it costs to tell motions, and who is in which
  cluster. Of jumps no two are alike, so that they seem to have 14 to 17 bits instead of 28.
- Measured after {warmup} ticks, {measured} times, every {every} ticks.
- Players are spread over 16,384 x 16,384 units. `random` changes x and y by up to so many units at every tick; the
  `reference walk` leads to one waypoint after the other, 5 units a tick. A `crowd` is all of them within 1,000 x
  1,000 units: that square goes to waypoints, 5 units a tick, and each strays in it by up to 1 on each axis, or not at
  all (`in step`); or it stays, and each goes to waypoints in it (`milling`). While it is measured, a crowd walks in
  one direction only; another may take a bit more or less. `teleport`: 5 % jump anywhere at every tick, and
  all others stand.

| movement | age 1 | 2 | 4 | 6 | 12 |
|---|---|---|---|---|---|
"
    )
}

/// All of `docs/tables/loss.md` before its rows.
pub(crate) fn loss_head() -> String {
    let (down, up, decoding, near) = (loss::DOWN_TICKS, loss::UP_TICKS, loss::DECODING, loss::NEAR);
    let (whole, short) = (loss::Case::new(0, 0), loss::Case::SHORT);
    format!(
        "# Bytes and ages, by players and loss

`cargo test --test tables` measures some of the rows again. What makes the page:

```sh
{LOSS_COMMAND}
```

Compact snapshots at 30 Hz, {bytes} bytes at the most, of players on the reference walk: spread over 16,384 x 16,384
units, each to one waypoint after the other, 5 units a tick. Each moves once a tick. A snapshot takes {down} ticks to its
client, a move {up} to the server, which so knows after {ticks}, 100 ms, what has arrived. Loss is that of every datagram,
both ways.

- Bytes: UDP payload of the snapshots sent, for each client and second; 36,000 at the most.
- Age: the snapshot's tick less the tick that a position was told for, in ticks, taken with every snapshot that
  arrives. Who is not known, never told or forgotten since, ages from the start. `near` are the nearest {near} by true
  position, `all` is everyone else, near and far.
- Measured for {measured} ticks, {warmup} after all have joined. {decoding} clients, spread evenly, decode, and ages are theirs;
  the others acknowledge what arrives.
- The `short` row is for the test: {short_measured} ticks after {short_warmup}, in datagrams of {short_bytes} bytes.

| players | loss | bytes per client and second | near p50 | near p99 | all p50 | all p99 | all max |
|---|---|---|---|---|---|---|---|
",
        bytes = grouped(whole.datagram_bytes as u64),
        ticks = down + up,
        measured = whole.measured_ticks,
        warmup = whole.warmup_ticks,
        short_measured = short.measured_ticks,
        short_warmup = short.warmup_ticks,
        short_bytes = short.datagram_bytes,
    )
}

/// With a comma before every three digits.
pub(crate) fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}
