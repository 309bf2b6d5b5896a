//! The steps as rows of a table, which people read in a terminal and a page takes as it is.

use super::{CapacityReport, Search, Step};

/// A column: what stands above it, and what of a step stands in it.
struct Column {
    heading: &'static str,
    value: fn(&Step) -> String,
}

const COLUMNS: [Column; 13] = [
    Column { heading: "Hz", value: |step| step.rate_hz.to_string() },
    Column { heading: "clients", value: |step| step.clients.to_string() },
    Column { heading: "CPU us", value: |step| told(step.cpu_us_per_client_tick, 1.0, 2) },
    Column { heading: "core %", value: |step| told(step.core_share, 100.0, 1) },
    Column {
        heading: "tick ms p50/p99/max",
        value: |step| {
            let figures = [step.tick_us_p50, step.tick_us_p99, step.tick_us_max];
            figures.map(|figure| told(figure, 1e-3, 2)).join("/")
        },
    },
    Column {
        heading: "late us p50/p99",
        value: |step| [step.late_us_p50, step.late_us_p99].map(|figure| told(figure, 1.0, 0)).join("/"),
    },
    Column { heading: "delivered %", value: |step| cut(step.delivered) },
    Column { heading: "lost at bots %", value: |step| told(step.lost_at_bots, 100.0, 3) },
    Column { heading: "moves lost %", value: |step| told(step.moves_lost, 100.0, 3) },
    Column { heading: "bots' core %", value: |step| told(step.bots_core_share, 100.0, 1) },
    Column {
        heading: "others %",
        value: |step| {
            let figures = [step.others_on_server_core, step.others_on_bots_core];
            figures.map(|figure| told(figure, 100.0, 0)).join("/")
        },
    },
    Column { heading: "B/s each", value: |step| told(step.bytes_per_client_second, 1.0, 0) },
    Column { heading: "age ms p99", value: |step| told(step.age_ms_p99, 1.0, 0) },
];

const FLOOR_COLUMNS: [Column; 2] = [
    Column { heading: "floor us", value: |step| told(step.floor_cpu_us_per_client_tick, 1.0, 2) },
    Column { heading: "x floor", value: |step| told(step.ratio_to_floor, 1.0, 2) },
];

const VERDICT: Column = Column { heading: "verdict", value: |step| step.verdict.in_words().into() };

/// The columns that a page has no room for.
const NOT_BRIEF: [&str; 4] = ["lost at bots %", "others %", "B/s each", "floor us"];

/// The least width of a column, so that figures of the usual size stand below one another.
const WIDTH_MIN: usize = 6;

fn columns(floor: bool) -> impl Iterator<Item = &'static Column> {
    let floor_columns = if floor { &FLOOR_COLUMNS[..] } else { &[] };
    COLUMNS.iter().chain(floor_columns).chain([&VERDICT])
}

/// The two lines above the rows.
pub fn headings(floor: bool) -> String {
    let cells = columns(floor).map(|column| cell(column, column.heading));
    let rules = columns(floor).map(|column| format!("{}:", "-".repeat(cell(column, "").len() + 1)));
    format!("|{}|\n|{}|\n", join(cells.map(|cell| format!(" {cell} "))), join(rules))
}

/// One step, in a line.
pub fn row(step: &Step, floor: bool) -> String {
    let cells = columns(floor).map(|column| format!(" {} ", cell(column, &(column.value)(step))));
    format!("|{}|\n", join(cells))
}

/// The table of a page, in Markdown: a row for each rate, of the most clients that hold, with what gave way first; where
/// none hold, of the fewest. Of the columns those that say most.
pub fn brief(report: &CapacityReport) -> String {
    let has_floor =
        report.rates.iter().flat_map(|search| &search.steps).any(|step| step.ratio_to_floor.is_some());
    let columns = || columns(has_floor).filter(|column| !NOT_BRIEF.contains(&column.heading));
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let headings = line(columns().map(|column| column.heading.into()).collect());
    let rules = format!("|{}\n", "---:|".repeat(columns().count()));
    let rows = report.rates.iter().filter_map(|search| {
        let (step, verdict) = summed_up(search)?;
        let cells = columns().map(|column| (column.value)(step));
        Some(line(cells.take(columns().count() - 1).chain([verdict]).collect()))
    });
    headings + &rules + &rows.collect::<String>()
}

/// The step that stands for a search, and its verdict.
fn summed_up(search: &Search) -> Option<(&Step, String)> {
    let most = search.steps.iter().find(|step| Some(step.clients) == search.holds);
    let step = most.or(search.steps.first())?;
    let beyond = search.first_beyond().filter(|beyond| beyond.clients > step.clients);
    let beyond = beyond
        .map_or(String::new(), |beyond| format!("; with {} {}", beyond.clients, beyond.verdict.in_words()));
    Some((step, step.verdict.in_words().to_owned() + &beyond))
}

fn cell(column: &Column, text: &str) -> String {
    format!("{text:>width$}", width = column.heading.len().max(WIDTH_MIN))
}

fn join(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join("|")
}

fn told(figure: Option<f64>, times: f64, digits: usize) -> String {
    figure.map_or_else(|| "-".into(), |figure| format!("{:.digits$}", figure * times))
}

/// In percent, cut, never rounded up: 100 % means all.
fn cut(share: Option<f64>) -> String {
    told(share.map(|share| (share * 1e5).floor() / 1e3), 1.0, 3)
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, tests::config};
    use super::*;

    #[test]
    fn a_page_has_a_row_for_each_rate_that_says_what_gave_way_first() {
        let mut report = CapacityReport::new(&config(&[], 1, 1));
        for (rate_hz, clients, verdict) in [
            (30.0, 1_000, Verdict::Holds),
            (30.0, 2_000, Verdict::Bots),
            (30.0, 1_500, Verdict::Failed),
            (128.0, 9, Verdict::Tick),
        ] {
            if report.rates.last().is_none_or(|search| search.rate_hz != rate_hz) {
                report.rates.push(Search::new(rate_hz));
            }
            report.add(Step { rate_hz, clients, verdict, delivered: Some(1.0), ..Step::default() });
        }
        let page = brief(&report);
        let lines: Vec<&str> = page.lines().collect();
        let headings = "| Hz | clients | CPU us | core % | tick ms p50/p99/max | late us p50/p99 | delivered % | \
            moves lost % | bots' core % | age ms p99 | verdict |";
        assert_eq!((lines.len(), lines[0]), (4, headings));
        assert_eq!(lines[1], "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        assert_eq!(
            lines[2],
            "| 30 | 1000 | - | - | -/-/- | -/- | 100.000 | - | - | - | holds; with 2000 the bots are too slow |"
        );
        assert!(lines[3].starts_with("| 128 | 9 | ") && lines[3].ends_with(" | tick too long |"), "{page}");
        report.add(Step { ratio_to_floor: Some(1.2), ..Step::default() });
        assert!(brief(&report).contains("| age ms p99 | x floor | verdict |"));
    }

    #[test]
    fn rows_stand_below_their_headings() {
        let step = Step {
            rate_hz: 30.0,
            clients: 1_000,
            cpu_us_per_client_tick: Some(3.456),
            delivered: Some(0.999_999_9),
            ratio_to_floor: Some(1.2),
            ..Step::default()
        };
        for floor in [false, true] {
            let table = headings(floor) + &row(&step, floor);
            let lines: Vec<&str> = table.lines().collect();
            let bars =
                |line: &str| line.char_indices().filter(|(_, c)| *c == '|').map(|(at, _)| at).collect();
            let places: Vec<Vec<usize>> = lines.iter().map(|line| bars(line)).collect();
            assert!(places.iter().all(|place| *place == places[0]), "{table}");
            assert_eq!(lines[0].contains("x floor"), floor);
            assert!(lines[2].contains(" 3.46 ") && lines[2].contains(" 99.999 "), "{table}");
            assert!(lines[2].contains(" -/-/- ") && lines[2].ends_with("holds |"), "{table}");
        }
    }
}
