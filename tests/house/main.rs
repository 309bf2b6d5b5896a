//! The rules of the house, read off the sources: which room may know which, where each outside thing is named,
//! and what no file may hold.

mod markdown;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use source::{Source, is_word, line_of, sources, texts};

/// The rooms, and which others each may import. Whatever is not listed here is no room.
const ROOMS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("secret", &[]),
    ("level", &["wire", "secret"]),
    ("machine", &[]),
    ("path", &[]),
    ("work", &[]),
    ("away", &["wire", "secret"]),
    ("profiles", &["away", "wire", "secret"]),
    ("seal", &["wire"]),
    ("config", &["level", "profiles", "wire", "seal"]),
    ("mail", &["wire", "secret"]),
    ("gate", &["wire", "config", "seal", "secret"]),
    ("world", &["wire", "config", "secret"]),
    ("snapshot", &["world", "wire", "config", "secret"]),
    ("client", &["mail", "wire", "config", "seal", "secret"]),
    ("game", &["profiles", "world", "level", "mail", "work", "wire", "config", "secret"]),
    (
        "server",
        &[
            "away", "profiles", "game", "work", "gate", "world", "snapshot", "mail", "wire", "config",
            "seal", "secret",
        ],
    ),
    (
        "net",
        &[
            "machine", "profiles", "store", "server", "game", "gate", "world", "snapshot", "client", "work",
            "wire", "config", "seal", "secret",
        ],
    ),
    (
        "load",
        &[
            "path", "machine", "server", "gate", "world", "snapshot", "client", "wire", "config", "seal",
            "secret",
        ],
    ),
    (
        "sim",
        &[
            "path", "mail", "game", "work", "server", "gate", "world", "snapshot", "client", "wire",
            "config", "seal", "secret",
        ],
    ),
    ("store", &["machine", "profiles", "server", "gate", "wire", "config", "secret"]),
    (
        "cli",
        &[
            "level", "profiles", "path", "machine", "net", "load", "sim", "store", "server", "game", "world",
            "client", "wire", "config", "seal", "secret",
        ],
    ),
    ("main", &["cli"]),
];

/// What comes from outside, and the only places that may name it.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("bincode", &["src/wire/"]),
    ("siphasher", &["src/secret.rs"]),
    ("tiled", &["src/level/"]),
    ("pathfinding", &["src/game/"]),
    ("quick_xml", &["src/level/"]),
    ("base64", &["src/level/"]),
    ("flate2", &["src/level/"]),
    ("ring", &["src/seal/"]),
    ("dashmap", &["src/gate/shared.rs"]),
    ("crossbeam_queue", &["src/gate/shared.rs", "src/net/work/"]),
    ("loom", &["src/gate/"]),
    ("nix", &["src/machine/", "src/net/", "src/load/", "src/level/files.rs"]),
    ("thread_priority", &["src/machine/"]),
    ("socket2", &["src/net/", "src/load/"]),
    ("clap", &["src/cli/", "src/main.rs"]),
    ("indicatif", &["src/load/", "src/cli/"]),
    ("toml", &["src/cli/"]),
    ("humantime", &["src/cli/"]),
    ("tokio", &["src/net/", "src/profiles/", "src/cli/"]),
    ("hyper", &["src/net/http/"]),
    ("hyper_util", &["src/net/http/"]),
    ("prometheus_client", &["src/net/http/"]),
    ("rand", &["src/net/", "src/path/", "src/sim/", "src/load/", "src/cli/"]),
    ("mio", &["src/load/"]),
    ("redb", &["src/store/"]),
    ("reqwest", &["src/profiles/"]),
    ("rustls", &["src/profiles/"]),
    ("hdrhistogram", &["src/net/", "src/load/"]),
    ("serde_json", &["src/cli/", "src/load/", "src/net/http/", "src/profiles/"]),
    ("tracing_subscriber", &["src/cli/"]),
];

/// A file that one reads at a sitting.
const LINES_MAX: usize = 500;

/// What every repository of ours has at its root.
const PAGES: &[&str] =
    &["README.md", "ARCHITECTURE.md", "PROTOCOL.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Gathers what breaks a rule, each with its file and line, and fails with all of it.
fn assert_kept(rule: &str, broken: impl Iterator<Item = String>) {
    let broken: Vec<String> = broken.collect();
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn imports_point_one_way() {
    assert_kept("imports point one way (see ARCHITECTURE.md)", sources("src").iter().flat_map(wrong_imports));
}

fn wrong_imports(source: &Source) -> Vec<String> {
    let room = source.room();
    if room == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{}: the house test knows no room \"{room}\"", source.path)];
    };
    let wrong = |import: &source::Import| import.room != room && !allowed.contains(&import.room.as_str());
    let say = |import: source::Import| {
        format!("{}:{}: {room} may not import {}", source.path, import.line, import.room)
    };
    source.imports().into_iter().filter(wrong).map(say).collect()
}

#[test]
fn each_outside_thing_is_named_in_its_own_place() {
    let sources = sources("src");
    let broken = sources.iter().flat_map(|source| OUTSIDE.iter().map(move |thing| (source, thing)));
    let broken = broken.filter(|(source, (_, places))| !places.iter().any(|p| source.path.starts_with(p)));
    let broken = broken.flat_map(|(source, (name, places))| {
        let lines = source.names(name).into_iter();
        lines.map(move |line| format!("{}:{line}: {name} belongs in {}", source.path, places.join(", ")))
    });
    assert_kept("each outside thing has one place", broken);
}

#[test]
fn no_file_is_too_long_to_read() {
    let long = sources("src").into_iter().filter(|source| source.text.lines().count() > LINES_MAX);
    assert_kept(
        "a file has 500 lines at most",
        long.map(|s| format!("{}: {}", s.path, s.text.lines().count())),
    );
}

#[test]
fn nothing_is_unsafe_or_left_for_later() {
    let broken = all_sources().into_iter().flat_map(|source| {
        let in_code = ["unsafe", "unimplemented", concat!("to", "do")];
        let in_text = [concat!("TO", "DO"), concat!("FIX", "ME")];
        let code = in_code.iter().flat_map(|word| lines_with(&source.code, word));
        let text = in_text.iter().flat_map(|word| lines_with(&source.text, word));
        code.chain(text).map(|(line, word)| format!("{}:{line}: {word}", source.path)).collect::<Vec<_>>()
    });
    assert_kept("no unsafe code, and nothing left for later", broken);
}

/// The lines in which `word` stands, as a whole word.
fn lines_with<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let at = text.match_indices(word).filter(move |(at, _)| is_word(text, *at, word.len()));
    at.map(move |(at, _)| (line_of(text, at), word))
}

#[test]
fn every_lint_exception_has_a_reason() {
    let broken = all_sources().into_iter().flat_map(|source| {
        let without: Vec<usize> = source.lint_exceptions_without_reason();
        without.into_iter().map(move |line| format!("{}:{line}", source.path))
    });
    assert_kept("an allow or expect says why: reason = \"...\"", broken);
}

fn all_sources() -> Vec<Source> {
    ["src", "tests", "benches", "examples", "fuzz"].into_iter().flat_map(sources).collect()
}

#[test]
fn every_page_is_there() {
    let missing = PAGES.iter().filter(|page| !root().join(page).is_file());
    assert_kept("every repository of ours has these pages", missing.map(|page| format!("{page} is missing")));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_link_leads_somewhere() {
    let broken = texts().into_iter().filter(|text| text.path.ends_with(".md")).flat_map(|page| {
        let dead =
            markdown::links(&page.text).into_iter().filter(|link| !leads_somewhere(&page.path, &link.to));
        dead.map(|link| format!("{}:{}: {}", page.path, link.line, link.to)).collect::<Vec<_>>()
    });
    assert_kept("every link between our pages leads somewhere", broken);
}

fn leads_somewhere(page: &str, link: &str) -> bool {
    if link.contains("://") || link.starts_with("mailto:") {
        return true;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let here = root().join(page);
    let there = if file.is_empty() { here } else { here.with_file_name("").join(file) };
    match std::fs::read_to_string(&there) {
        Ok(text) => anchor.is_empty() || markdown::anchors(&text).any(|known| known == anchor),
        Err(_) => there.exists() && anchor.is_empty(),
    }
}

#[test]
fn pythonvilles_table_names_the_files_that_show_a_part_of_the_lesson() {
    let folder = "examples/pythonville/";
    let sources = sources("examples");
    let head = |source: &Source| {
        source.text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n")
    };
    let town = sources.iter().filter_map(|source| Some((source.path.strip_prefix(folder)?, head(source))));
    let (main, others): (Vec<_>, Vec<_>) = town.partition(|(path, _)| *path == "main.rs");
    let named: BTreeSet<&str> = main[0].1.split('`').filter(|word| word.ends_with(".rs")).collect();
    let shows = others.iter().filter(|(_, head)| head.contains("Lesson,")).map(|(path, _)| *path);
    assert_eq!(named, shows.collect());
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    let temporary = at_the_root(TEMPORARY);
    let everywhere: Vec<String> = HOMES.map(at_the_root).into_iter().chain(place_of_copies()).collect();
    let broken = texts().into_iter().flat_map(|text| {
        let is_test = text.path.starts_with("tests/");
        let mut found: Vec<String> = Vec::new();
        for place in everywhere.iter().chain((!is_test).then_some(&temporary)) {
            let at =
                text.text.match_indices(place).filter(|(at, _)| !text.text[..*at].ends_with(is_path_part));
            found.extend(at.map(|(at, _)| format!("{}:{}: {place}", text.path, line_of(&text.text, at))));
        }
        found
    });
    assert_kept("what is written here is true on every machine", broken);
}

/// Where people, and those who build for them, have their files: folders at the root of a machine.
const HOMES: [&str; 2] = ["home", "root"];
/// Where tests may have theirs.
const TEMPORARY: &str = "tmp";

fn at_the_root(name: &str) -> String {
    format!("/{name}/")
}

/// Where this copy of the repository is, beside others; none where all that is temporary is.
fn place_of_copies() -> Option<String> {
    let folder = root().parent().filter(|folder| folder.file_name().is_some())?;
    Some(format!("{}/", folder.display())).filter(|place| *place != at_the_root(TEMPORARY))
}

/// A folder deep in a repository may have the name that another has at the root of a machine.
fn is_path_part(c: char) -> bool {
    c.is_alphanumeric() || "-_.)}>".contains(c)
}
