//! A case file: an exhibit of every entry of a case, in one archive.
//!
//! It is checked with [`verify_case`], or taken apart and each exhibit checked by any of the verifiers. All of its exhibits
//! hold the same checkpoint. The `thread` lines of their entries show whether an entry between the first and the last is
//! missing. Nothing shows that no later entry belongs to the case.

mod file;
mod report;
mod verify;

pub use file::{CaseFile, CaseWriter, MAX_EXHIBITS};
pub use report::{CaseEntry, CaseReport};
#[cfg(feature = "timestamps")]
pub use verify::verify_case_with_roots;
pub use verify::{verify_case, verify_case_members};
