//! The tables in `docs/tables`: `cargo run --release --example tables -- bits`, or `-- loss`, prints one. Nothing in
//! them depends on the machine or the time. `loss 1500 5` prints the one row of 1,500 players at 5 %.

mod bits;
mod field;
mod loss;
mod page;
#[path = "../../tests/blocks/walk.rs"]
#[expect(dead_code, reason = "the tests have players move in more ways")]
mod walk;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match (&args[..], args.iter().skip(1).map(|number| number.parse()).collect::<Result<Vec<_>, _>>()) {
        (["bits"], _) => print(&page::bits_head(), bits::ROWS, |(name, movement)| bits::row(name, movement)),
        (["loss"], _) => print(&page::loss_head(), loss::Case::all(), loss::Case::row),
        (["loss", ..], Ok(case)) if case.len() == 2 => {
            println!("{}", loss::Case::new(case[0], case[1] as u64).row());
        }
        _ => {
            eprintln!("which table? `bits` or `loss`, or a row of it: `loss PLAYERS PERCENT`");
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
