//! What an operator does with a ledger's folder while nobody writes to it, or beside whoever does: [`fsck`],
//! [`backup`], [`restore`], [`repair`].
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

/// Why a folder was not backed up, restored or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpsError {
    /// The ledger can't be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The disk said no.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// What was to be copied does not verify. The report says where.
    #[error("{0}")]
    NotValid(Box<Report>),
    /// What was given can't be used, and why.
    #[error("{0}")]
    Unusable(String),
    /// The log signed two histories, and nothing was changed.
    #[error("{what}; {proof}")]
    Forked {
        /// Who has which.
        what: String,
        /// What proves it.
        proof: Kept,
    },
    /// No source could be read, and why.
    #[error("{0}")]
    Unreachable(String),
}

/// Adds what was being done to what the system answered.
trait Doing<T> {
    fn doing(self, what: &str, path: &std::path::Path) -> Result<T, OpsError>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, what: &str, path: &std::path::Path) -> Result<T, OpsError> {
        self.map_err(|source| OpsError::Io { what: format!("{what} {}", path.display()), source })
    }
}
