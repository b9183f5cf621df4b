//! Follows and checks somebody's ledger, with the same code that checks our own.
//!
//! A [`Source`] is where a ledger's public files are read: a folder ([`FolderSource`]) or a server
//! ([`HttpSource`]). [`verify()`] re-runs every rule over all of them and says what was and what was not checked.
//! Nothing here trusts the source: every answer has a size limit, and memory has a bound whatever the ledger's
//! size, since bundles are read a few at a time and what the rules ask about goes to scratch files above one.
//!
//! ```no_run
//! use onrecord::mirror::{FolderSource, Options, Verdict, verify};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let source = FolderSource::open("demo-ledger".as_ref())?;
//! let key = "ledger.example.org+b4ce7ea7+ARcQd5dYVGm5FFEcFKiGDiBrqfR7THQGgwnGYtv7/GH0".parse()?;
//! let report = verify(&source, Some(&key), &Options::default(), &|done, total| eprintln!("{done}/{total}"));
//! assert_eq!(report.verdict, Verdict::Valid);
//! # Ok(()) }
//! ```

mod audit;
mod bundle;
mod cosigned;
mod evidence;
mod follow;
mod lacking;
mod removed;
mod report;
mod rows;
mod scratch;
mod source;
mod status;
mod tally;
mod tile_nodes;
mod verify;

pub(crate) use crate::check::write_checks;
pub use crate::check::{Check, Outcome};
pub(crate) use bundle::tile_bytes;
pub use follow::{Keeps, Mirror, MirrorError, Pass};
pub use removed::Removed;
pub(crate) use report::write_faults;
pub use report::{Fault, Place, Report, Verdict};
pub(crate) use rows::{KeptRows, held_words};
pub(crate) use source::{ACCEPTED, agent, base_address, body_of, read_whole};
pub use source::{Absent, Bytes, FolderSource, HttpSource, Source, SourceError};
pub use status::{Standing, Status};
pub use verify::{Options, Step, verify, verify_told};
pub(crate) use verify::{Start, verify_from};
