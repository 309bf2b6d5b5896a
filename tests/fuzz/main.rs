//! The fuzz targets over the committed corpus: every file as it is, cut short, and with wrong bits.
//!
//! `cargo run --example fuzz` looks for more; a file that it has found something with is kept in the corpus, by a name.

mod seeds;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use targets::{TARGETS, Target};
use tickcast::secret::Secret;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");

/// The committed files of a target, by name.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(FUZZ).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has a corpus");
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("it can be read");
        (path, bytes)
    };
    files.into_iter().map(read).collect()
}

/// So many variants of each file; what plays whole sessions takes longer.
fn variants(name: &str) -> u64 {
    if name.ends_with("sequences") { 1 } else { 8 }
}

/// The bytes cut short, or with some wrong bits.
fn variant(bytes: &[u8], draw: &mut impl FnMut() -> u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if draw().is_multiple_of(2) {
        bytes.truncate(draw() as usize % (bytes.len() + 1));
    } else if !bytes.is_empty() {
        for _ in 0..1 + draw() % 3 {
            let bit = draw() as usize % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    bytes
}

fn run(name: &str, target: Target, draw: &mut impl FnMut() -> u64) {
    for (path, bytes) in corpus(name) {
        println!("{}", path.display());
        target(&bytes);
        for _ in 0..variants(name) {
            let variant = variant(&bytes, draw);
            println!("changed to {variant:?}");
            target(&variant);
        }
    }
}

fn drawn(seed: u64) -> impl FnMut() -> u64 {
    println!("seed {seed}");
    let (secret, mut drawn) = (Secret::from_seed(seed), 0);
    move || {
        drawn += 1;
        secret.number(drawn)
    }
}

/// After a change of the protocol write them anew: `TICKCAST_WRITE_SEEDS=1 cargo test --test fuzz real`.
#[test]
fn real_messages_are_in_the_corpus() {
    for (target, name, bytes) in seeds::seeds() {
        let path = Path::new(FUZZ).join("corpus").join(target).join(name);
        if std::env::var_os("TICKCAST_WRITE_SEEDS").is_some() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            fs::write(&path, &bytes).expect("it can be written");
        }
        let kept = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(kept, bytes, "{}", path.display());
    }
}

#[test]
fn nothing_in_the_corpus_breaks_a_target_nor_does_it_changed() {
    let mut draw = drawn(1);
    TARGETS.iter().for_each(|(name, target)| run(name, *target, &mut draw));
}

#[test]
fn bytes_that_are_drawn_break_no_target() {
    let mut draw = drawn(2);
    for (_, target) in TARGETS {
        for length in 0..100 {
            let bytes: Vec<u8> = (0..length).map(|_| draw() as u8).collect();
            target(&bytes);
        }
    }
}

#[test]
fn the_fuzzer_knows_every_target() {
    let manifest = fs::read_to_string(Path::new(FUZZ).join("Cargo.toml")).expect("a manifest");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml has no {name}");
        assert!(Path::new(FUZZ).join(format!("fuzz_targets/{name}.rs")).is_file(), "no file for {name}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
