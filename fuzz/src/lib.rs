//! What must hold of every parser of foreign bytes, whatever the bytes are. Each parser has a module that is named as its
//! fuzz target, with a function `holds` that panics if the property does not hold.
//!
//! Most of what a fuzzer makes of a good input dies at a signature or a checksum. Where code behind these would not be
//! reached, a property also makes the signatures or checksums good again, with the keys of the vectors, and goes on.
//!
//! `tests/floor/fuzz_corpus.rs` of the crate checks the same properties on the kept corpus, with the stable compiler.

#![allow(dead_code, reason = "the fuzz targets and the test each use a part")]

pub mod add_checkpoint;
pub mod bundle;
pub mod checkpoint;
pub mod content;
pub mod content_tile;
pub mod contradiction;
pub mod cosignature;
pub mod entry;
pub mod event;
pub mod exhibit;
pub mod fork;
mod honest;
pub mod ledger;
pub mod note;
pub mod policy;
mod resigned;
pub mod seeds;
pub mod tile_path;
pub mod tlog_proof;
pub mod tlog_size;
pub mod vkey;

/// A target's name, and what holds of it. It says whether the bytes were read, so that a corpus in which none are is
/// noticed.
pub type Property = (&'static str, fn(&[u8]) -> bool);

/// Every property but those of `journal`, `document` and `json`, which stand beside their parsers in the whole package.
pub const PROPERTIES: &[Property] = &[
    ("add_checkpoint", add_checkpoint::holds),
    ("bundle", bundle::holds),
    ("checkpoint", checkpoint::holds),
    ("content", content::holds),
    ("content_tile", content_tile::holds),
    ("contradiction", contradiction::holds),
    ("cosignature", cosignature::holds),
    ("entry", entry::holds),
    ("event", event::holds),
    ("exhibit", exhibit::holds),
    ("fork", fork::holds),
    ("ledger", ledger::holds),
    ("note", note::holds),
    ("policy", policy::holds),
    ("tile_path", tile_path::holds),
    ("tlog_proof", tlog_proof::holds),
    ("tlog_size", tlog_size::holds),
    ("vkey", vkey::holds),
];

/// An error is one short line, whatever was read: it ends in a log, an answer or a report, where a second line could pass
/// for the report's own.
fn is_short(error: &impl std::fmt::Display) {
    let text = error.to_string();
    assert!(
        !text.is_empty() && text.len() <= 1_000 && !text.contains('\n'),
        "{} bytes: {text:.300?}",
        text.len()
    );
}
