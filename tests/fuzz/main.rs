//! The fuzz targets over the committed corpus: every file, every piece of it from the start, and with wrong bits.

mod targets;

#[test]
fn compiles() {
    for (_, target) in targets::TARGETS {
        target(b"");
    }
}
