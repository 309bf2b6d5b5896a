//! The tables in `docs/tables`: some of their rows measured again, and the goals that they reach.
//!
//! Nothing in them depends on the machine or the time, so the rows are the same to the last digit. Whoever changes
//! what is told, and how, makes the tables again and sees in the difference what has come of it.

#[path = "../../examples/tables/bits.rs"]
mod bits;
#[path = "../../examples/tables/field.rs"]
mod field;
#[path = "../../examples/tables/loss.rs"]
mod loss;
#[path = "../../examples/tables/page.rs"]
mod page;
#[path = "../blocks/walk.rs"]
#[expect(dead_code, reason = "the tests have players move in more ways")]
mod walk;

use loss::Case;

/// Compares what a page has with what is `measured`.
fn assert_on(page: &str, measured: &str, command: &str) {
    let found = page.replace("\r\n", "\n").contains(measured);
    assert!(found, "the page has not what is measured now; `{command}` makes it again:\n{measured}");
}

fn bits_page() -> String {
    page_of("bits.md")
}

fn loss_page() -> String {
    page_of("loss.md")
}

fn page_of(name: &str) -> String {
    let path = format!("{}/docs/tables/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of the row that begins with these, as far as they begin with a number.
fn row(page: &str, first: &str) -> Vec<f64> {
    let row = page.lines().find_map(|line| line.strip_prefix(first));
    let row = row.unwrap_or_else(|| panic!("a row begins with {first:?}"));
    let number = |cell: &str| cell.split_whitespace().next()?.replace(',', "").parse().ok();
    row.split('|').filter_map(number).collect()
}

/// Bits per player, by age of the baseline.
fn bits_at(movement: &str, age: u8) -> f64 {
    let column = bits::AGES.iter().position(|known| *known == age).expect("a column");
    row(&bits_page(), &format!("| {movement} |"))[column]
}

/// What clients get.
#[derive(Debug)]
struct Got {
    bytes_per_second: f64,
    near_p99: f64,
    all_p99: f64,
}

fn got(players: &str, loss_percent: u64) -> Got {
    match row(&loss_page(), &format!("| {players} | {loss_percent} % |"))[..] {
        [bytes_per_second, _, near_p99, _, all_p99, _] => Got { bytes_per_second, near_p99, all_p99 },
        ref cells => panic!("{cells:?}"),
    }
}

#[test]
fn pages_say_what_is_measured() {
    assert_on(&bits_page(), &page::bits_head(), page::BITS_COMMAND);
    assert_on(&loss_page(), &page::loss_head(), page::LOSS_COMMAND);
    let rows = |page: String| page.lines().filter(|line| line.starts_with("| ")).count() - 1;
    assert_eq!(rows(bits_page()), bits::ROWS.len(), "{}", page::BITS_COMMAND);
    assert_eq!(rows(loss_page()), Case::all().count(), "{}", page::LOSS_COMMAND);
}

#[test]
fn bits_of_the_reference_walk_are_those_of_the_page() {
    assert_bits("reference walk");
}

#[test]
fn bits_of_a_crowd_are_those_of_the_page() {
    assert_bits("one crowd, +-1");
}

fn assert_bits(movement: &str) {
    let row = bits::ROWS.into_iter().find(|row| row.0 == movement).expect("a row");
    assert_on(&bits_page(), &bits::row(row.0, row.1), page::BITS_COMMAND);
}

#[test]
fn what_a_hundred_get_is_what_the_page_says() {
    for loss_percent in [0, 20] {
        assert_on(&loss_page(), &Case::new(100, loss_percent).row(), page::LOSS_COMMAND);
    }
}

#[test]
fn what_more_get_than_fit_into_a_datagram_is_what_the_page_says() {
    assert_on(&loss_page(), &Case::SHORT.row(), page::LOSS_COMMAND);
}

#[test]
fn goals_for_bits_are_reached() {
    assert!(bits_at("reference walk", 2) <= 5.0);
    assert!(bits_at("reference walk", 6) <= 6.0);
    assert!(bits_at("one crowd, in step", 6) <= 8.0);
    assert!(bits_at("one crowd, milling", 6) <= 8.0);
}

#[test]
fn fifteen_hundred_are_told_fresh_in_every_datagram() {
    let got = got("1,500", 0);
    assert!(got.all_p99 == 0.0 && got.bytes_per_second <= 36_000.0, "{got:?}");
}

#[test]
fn more_than_fit_are_told_in_turn_within_a_second() {
    for players in ["3,000", "10,000"] {
        let got = got(players, 0);
        assert!(got.near_p99 == 0.0 && got.all_p99 <= 30.0, "{players}: {got:?}");
    }
}

#[test]
fn loss_costs_the_near_little_freshness() {
    for players in ["100", "1,000", "1,500", "3,000", "10,000"] {
        let (none, some) = (got(players, 0), got(players, 5));
        assert!(some.near_p99 <= none.near_p99 + 2.0, "{players}: {some:?} after {none:?}");
    }
}
