//! The targets: plain functions that take any bytes and panic if something is wrong. The tests here run them over the
//! committed corpus; `fuzz/` runs them under libFuzzer, which looks for bytes that reach new code.

mod answers;
mod client;
mod decoders;
mod gate;
mod maps;
mod play;
pub(crate) mod scene;
mod script;
pub(crate) mod seal;
mod sequences;
mod texts;

/// Takes any bytes; what it checks stands on it.
pub(crate) type Target = fn(&[u8]);

/// Every target and its name.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("client_messages", decoders::client_messages),
    ("server_messages", decoders::server_messages),
    ("blocks", decoders::blocks),
    ("gate", gate::gate),
    ("sealed_gate", gate::sealed_gate),
    ("client", client::client),
    ("sealed_client", client::sealed_client),
    ("sequences", sequences::sequences),
    ("sealed_sequences", sequences::sealed_sequences),
    ("texts", texts::texts),
    ("answers", answers::answers),
    ("maps", maps::maps),
];
