//! Where bytes are stored. The log (journal and tiles) is the truth; the index can be rebuilt from it.
//!
//! ```text
//! <folder>/
//!   ledger.toml          origin and log key
//!   lock                 held by the one process that writes
//!   keys/                secrets, mode 0600
//!   journal/<n>          batches as they were committed, from entry n on
//!   journal/acknowledged how many entries were acknowledged
//!   signed               the largest head that was ever signed
//!   clock                the latest time that a server knew to be right
//!   scrub                how far all files have been read again
//!   withheld             marks of withheld files
//!   cosigned/<size>      checkpoints with the cosignatures of witnesses
//!   timestamps/<size>/   a checkpoint and tokens of time-stamping authorities over it
//!   public/              plain static files, all that a copy needs: checkpoint, tile/, content/tile/, file/
//!   upload/              files that no accepted event names yet
//!   tmp/                 files being written, before they are renamed into place
//!   index/               rows and lists; deleting it loses nothing
//! ```

pub(crate) mod disk;
pub(crate) mod head;
mod held;
pub(crate) mod index;
pub(crate) mod journal;
#[cfg(any(test, fuzzing))]
pub(crate) mod recovery;
pub(crate) mod secret;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code, reason = "a fuzz target asks for less than the tests"))]
pub(crate) mod simulated;

/// A fault of the disk, or of what is stored on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// What is stored is not what was written.
    #[error("{0}")]
    Broken(String),
}

impl StoreError {
    /// Whether the disk takes no writes: it is full, this user's quota on it is used up, or it is read-only.
    pub(crate) fn is_of_no_writes(source: &std::io::Error) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(source.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
    }
}

/// Turns an error of the system into a [`StoreError`] that says what was being done.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, StoreError>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { what: what(), source })
    }
}
