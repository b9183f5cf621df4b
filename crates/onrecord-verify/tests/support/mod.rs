//! What the tests of the floor share.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

pub mod authority;
pub mod ml_dsa_witness;
pub mod said;

pub use said::*;

/// A signed event as it is sent to a ledger.
pub struct Submission {
    pub note: Vec<u8>,
    pub content: Option<Vec<u8>>,
}

impl Submission {
    pub fn new(note: Vec<u8>, content: Option<Vec<u8>>) -> Self {
        Self { note, content }
    }
}
