//! The page: `docs/counts.md`.

use std::collections::BTreeMap;
use std::process::Command;

/// Where it is.
pub(crate) const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/counts.md");

/// What counts as worse, in percent.
const WORSE_PERCENT: f64 = 3.0;

/// Instructions by the title of the case.
pub(crate) type Counts = BTreeMap<String, f64>;

/// The whole page.
pub(crate) fn written(counts: &Counts, compiler: &str) -> String {
    let rows: String =
        counts.iter().map(|(title, instructions)| format!("| {title} | {instructions:.1} |\n")).collect();
    format!(
        "# Instruction counts

What the hot paths take, in instructions as callgrind counts them, whatever the machine does meanwhile. What compares
the code with the page, and fails if a row takes over {WORSE_PERCENT} % more:

```sh
cargo run --release --example counts
```

It needs valgrind, and takes a minute or two, without building. With `-- --write` behind it, it remakes the page: for a change that is meant
to take more, or takes less.

Players are on the reference walk, spread over 16,384 x 16,384 units. Everything is drawn from fixed seeds; clients
acknowledge every snapshot a tick later. The counts are those of one compiler, and in a small part of the C library and
of the kind of processor, which choose how memory is copied: on another machine, count the code as it was before you
compare.

Counted with {compiler}.

| what | instructions |
|---|---|
{rows}"
    )
}

/// The rows of a page.
pub(crate) fn parse(page: &str) -> Counts {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        Some((cells.next()?.to_owned(), cells.next()?.parse().ok()?))
    };
    page.lines().filter_map(row).collect()
}

/// The compiler as it names itself.
pub(crate) fn compiler() -> Result<String, String> {
    let said = Command::new("rustc").arg("--version").output();
    let said = said.map_err(|error| format!("cannot ask rustc for its version: {error}"))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// What stands above the rows of [`comparison`].
pub(crate) fn comparison_head() -> String {
    format!("{:<52} {:>10} {:>10} {:>8}", "instructions", "committed", "now", "change")
}

/// One row of the comparison, and whether it is worse than it may be.
pub(crate) fn comparison(title: &str, committed: Option<&f64>, now: f64) -> (String, bool) {
    let Some(committed) = committed else {
        return (format!("{title:<52} {:>10} {now:>10.1}           not in the page: --write", "-"), true);
    };
    let change = (now / committed - 1.0) * 100.0;
    let verdict = match change {
        _ if change > WORSE_PERCENT => "WORSE",
        _ if change < -WORSE_PERCENT => "better: --write",
        _ => "",
    };
    let row = format!("{title:<52} {committed:>10.1} {now:>10.1} {change:>+7.1}% {verdict}");
    (row.trim_end().to_owned(), change > WORSE_PERCENT)
}
