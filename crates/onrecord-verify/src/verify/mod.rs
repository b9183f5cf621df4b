//! Checks a whole ledger, with the same code that checks each entry before it is recorded.
//!
//! A [`Source`] is where a ledger's public files are read: a folder ([`FolderSource`]) or a server (`HttpSource`).
//! [`verify()`] re-runs every rule over all of them, and its [`Report`] says what was and what was not checked. Nothing here
//! trusts the source: every answer has a size limit. Memory has a bound whatever the ledger's size: bundles are read a few
//! at a time, and rows that the rules ask about go to scratch files if there are many.
//!
//! ```no_run
//! use onrecord_verify::verify::{FolderSource, Options, Verdict, verify};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let source = FolderSource::open("demo-ledger".as_ref())?;
//! let key = "ledger.example.org+b4ce7ea7+ARcQd5dYVGm5FFEcFKiGDiBrqfR7THQGgwnGYtv7/GH0".parse()?;
//! let report = verify(&source, Some(&key), &Options::default(), &|done, total| eprintln!("{done}/{total}"));
//! assert_eq!(report.verdict, Verdict::Valid);
//! # Ok(()) }
//! ```
//!
//! A program that keeps a copy can go on from where it ended: [`verify_from`] begins at a [`Start`], and [`bundle`] fetches
//! and judges entries a bundle at a time.

mod audit;
pub mod bundle;
mod cosigned;
mod evidence;
mod ledger;
mod options;
mod report;
mod rows;
mod scratch;
mod source;
mod step;
mod tally;
mod tile_nodes;

pub use crate::check::{Check, Finding, Name, Outcome};
pub use cosigned::cosigned;
pub use evidence::Evidence;
pub use ledger::{Start, verify, verify_from, verify_told};
pub use options::Options;
pub use report::{Fault, Place, Report, Stop, Verdict, write_faults};
pub use rows::{KeptRows, held_words};
pub use source::{Absent, Bytes, FolderSource, Source, SourceError, read_whole};
#[cfg(feature = "http")]
pub use source::{HttpSource, http};
pub use step::Step;
pub use tile_nodes::{NoNode, TileNodes};
