//! How many instructions the hot paths take: `cargo run --release --example counts` counts them under valgrind and
//! compares with `docs/counts.md`; it fails if one takes over 3 % more, or if the hooks of the standard game take over 3 %
//! of the tick. With `--write` it remakes the page.

mod callgrind;
mod cases;
#[path = "../tables/field.rs"]
mod field;
mod page;
#[path = "../../tests/allocations/room.rs"]
mod room;
#[path = "../../tests/blocks/walk.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod walk;

use std::process::ExitCode;

use cases::{CASES, Case, HOOKS_PERCENT_MAX, IDLE, LIMITED, STANDARD};
use page::{Counts, PAGE};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        [] => compare(),
        ["--write"] => write(),
        // What callgrind is asked to run.
        ["case", name] => run(name),
        _ => Err("without arguments it compares, with `--write` it remakes the page".into()),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<ExitCode, String> {
    let page = std::fs::read_to_string(PAGE).map_err(|error| format!("{PAGE}: {error}"))?;
    if !page.contains(&page::compiler()?) {
        eprintln!(
            "{PAGE} was made with another compiler; compare with what it counts for the code as it was"
        );
    }
    println!("{}", page::comparison_head());
    let committed = page::parse(&page);
    let (mut counts, mut is_worse) = (Counts::new(), false);
    for case in CASES {
        let count = callgrind::count(case)?;
        let (row, worse) = page::comparison(case.title, committed.get(case.title), count);
        println!("{row}");
        counts.insert(case.title.to_owned(), count);
        is_worse |= worse;
    }
    let over_idle = |title: &str| (counts[title] / counts[IDLE] - 1.0) * 100.0;
    println!(
        "{:+.1} % for the hooks of the standard game, {HOOKS_PERCENT_MAX} at the most",
        over_idle(STANDARD)
    );
    is_worse |= over_idle(STANDARD) > HOOKS_PERCENT_MAX;
    // Each move is measured and paid for: that is work of the rule's own, and no more is asked than that it does not grow.
    println!("{:+.1} % with a speed limit", over_idle(LIMITED));
    Ok(if is_worse { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn write() -> Result<ExitCode, String> {
    let count = |case: &Case| Ok((case.title.to_owned(), callgrind::count(case)?));
    let counts = CASES.iter().map(count).collect::<Result<Counts, String>>()?;
    let page = page::written(&counts, &page::compiler()?);
    std::fs::write(PAGE, page).map_err(|error| format!("{PAGE}: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs one case and prints how many units of work that was.
fn run(name: &str) -> Result<ExitCode, String> {
    let case =
        CASES.iter().find(|case| case.name == name).ok_or_else(|| format!("no case is named {name}"))?;
    println!("{}", (case.run)());
    Ok(ExitCode::SUCCESS)
}
