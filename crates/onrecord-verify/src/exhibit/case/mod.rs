//! A case file: an exhibit of every entry of a case, in one archive.
//!
//! Whoever has one checks it with [`verify_case`], or takes it apart and checks each exhibit by any of the verifiers. All
//! of its exhibits hold one checkpoint; the `thread` lines of their entries say whether one between the first and the last
//! is missing. That no later entry belongs to the case is never shown.

mod file;
mod report;
mod verify;

pub use file::{CaseFile, CaseWriter, MAX_EXHIBITS};
pub use report::{CaseEntry, CaseReport};
#[cfg(feature = "timestamps")]
pub use verify::verify_case_with_roots;
pub use verify::{verify_case, verify_case_members};
