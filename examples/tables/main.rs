//! The tables in `docs/tables`: `cargo run --release --example tables -- bits`, or `-- loss`, prints one. Nothing in
//! them depends on the machine or the time.

mod bits;
mod field;
mod loss;
mod page;
#[path = "../../tests/blocks/walk.rs"]
#[expect(dead_code, reason = "the tests have players move in more ways")]
mod walk;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("bits") => print(&page::bits_head(), bits::ROWS, |(name, movement)| bits::row(name, movement)),
        Some("loss") => print(&page::loss_head(), loss::Case::all(), loss::Case::row),
        _ => {
            eprintln!("which table? `bits` or `loss`");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Prints each row as soon as it is measured.
fn print<T>(head: &str, rows: impl IntoIterator<Item = T>, measure: impl Fn(T) -> String) {
    print!("{head}");
    rows.into_iter().for_each(|row| println!("{}", measure(row)));
}
