//! What an operator does with a ledger's folder: [`fsck`], [`restore`] and [`repair`] while no process writes to it,
//! [`backup`] also while it is served.
//!
//! ```no_run
//! use onrecord::ops;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let done = ops::backup("ledger-data".as_ref(), "backup".as_ref(), false)?;
//! println!("{} entries, {} files written", done.size, done.written);
//! let found = ops::fsck("ledger-data".as_ref(), None, &|_, _| {})?;
//! assert!(found.faults.is_empty(), "{found}");
//! # Ok(()) }
//! ```

mod backup;
mod finding;
mod fsck;
mod marks;
mod offers;
mod repair;
mod rows_below;
mod stray_files;
mod strip_withheld;
mod timestamps;
mod tree;

pub use backup::{Backup, Restored, backup, restore};
pub use finding::{Finding, FolderFault, Name, Remedy};
pub use fsck::{Fsck, fsck};
pub use marks::{Marked, repair_marks};
pub use offers::Trouble;
pub use repair::{Mended, Repair, repair};

use crate::{ledger::LedgerError, proof_file::Kept, verify::Report};

/// Why a folder was not backed up, restored, checked or repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpsError {
    /// The ledger can't be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A call to the system failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The log does not verify. The report says where.
    #[error("{0}")]
    NotValid(Box<Report>),
    /// A folder, file or flag that was given can't be used; the text says which and why.
    #[error("{0}")]
    Unusable(String),
    /// The log signed two histories, and nothing was changed.
    #[error("{what}; {proof}")]
    Forked {
        /// Which source has which history.
        what: String,
        /// The proof, and where it is kept.
        proof: Kept,
    },
    /// No source could be read; the text says why.
    #[error("{0}")]
    Unreachable(String),
}

/// Adds to an error of the system what was being done, and the path.
trait Doing<T> {
    fn doing(self, what: &str, path: &std::path::Path) -> Result<T, OpsError>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, what: &str, path: &std::path::Path) -> Result<T, OpsError> {
        self.map_err(|source| OpsError::Io { what: format!("{what} {}", path.display()), source })
    }
}
