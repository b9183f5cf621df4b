//! What goes wrong in a ledger: it can't be opened or written, or something can't be read.

use crate::{event::Refusal, store::StoreError};

/// A ledger that can't be made, opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The disk refused.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Another process has the folder open.
    #[error("{0} is open in another process")]
    Locked(String),
    /// There is a ledger in the folder already.
    #[error("{0} holds a ledger already")]
    Exists(String),
    /// There is no ledger in the folder.
    #[error("{0} holds no ledger; make one with `onrecord init`")]
    NotALedger(String),
    /// The folder is a mirror, which nobody writes to but its origin.
    #[error("{dir} is a mirror of {of}; follow it with `onrecord mirror`")]
    Mirror {
        /// The folder.
        dir: String,
        /// Where it reads.
        of: String,
    },
    /// What is stored is not a ledger of this origin, or is broken at the place named.
    #[error("{0}")]
    Broken(String),
    /// No other reader could be asked whether entries are missing here, and `require_peer` demands that one is.
    #[error(
        "nobody could be asked whether entries are missing here, and somebody must be (require_peer): {0}"
    )]
    Unconfirmed(String),
    /// Others have access to a secret in the folder. The message names the command that mends it.
    #[error("{0}")]
    Exposed(String),
    /// The first event was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<StoreError> for LedgerError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Io { what, source } => Self::Io { what, source },
            StoreError::Broken(why) => Self::Broken(why),
        }
    }
}

impl From<ReadError> for LedgerError {
    fn from(e: ReadError) -> Self {
        Self::Broken(e.to_string())
    }
}

/// Why something was not read. A fault is told to the operator's log, not to strangers.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed, or holds what must not be there.
    #[error("{0}")]
    Fault(String),
    /// The bytes on disk are not those that were put there.
    #[error("{0}")]
    Damaged(String),
    /// No fault: a request asked for more than one request may read, or took too long.
    #[error("a request has read as much as one request may")]
    Spent,
}

impl From<StoreError> for ReadError {
    fn from(e: StoreError) -> Self {
        Self::Fault(e.to_string())
    }
}
