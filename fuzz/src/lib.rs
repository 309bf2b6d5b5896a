//! The fuzz targets of `tests/fuzz/targets/`, for libFuzzer. `examples/fuzz.rs` runs them.

#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

/// Runs the target of this name.
///
/// # Panics
/// If there is none, or if it has found something.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = targets::TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    target(bytes);
}
