//! The floor: notes, events, the log, its rules and its readers of foreign bytes, compared with what others say of them.

#[path = "../support/mod.rs"]
mod support;

mod differential;
mod ed25519_speccheck;
mod ed25519_strict;
mod exhibits;
mod fuzz_corpus;
mod log_vectors;
mod properties;
mod rules;
mod schema;
mod timestamps;
mod vectors;
