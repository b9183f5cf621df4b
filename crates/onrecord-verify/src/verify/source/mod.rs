//! Sources of a ledger's public files.
//!
//! The paths are those under which a ledger serves them: `checkpoint`, `tile/0/000`, `tile/entries/000.p/28`,
//! `content/tile/000`, `file/<blake3>`.

mod folder;
#[cfg(feature = "http")]
pub mod http;

use std::{fmt, io::Read};

pub use folder::FolderSource;
#[cfg(feature = "http")]
pub use http::HttpSource;

/// Why a source can't be read. A file that is merely not there is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The folder does not exist, or holds no ledger's files.
    #[error("{0} holds no ledger: there is no public/checkpoint and no checkpoint in it")]
    NoLedger(String),
    /// No ledger can have this address.
    #[error("{found}: {expected}")]
    Address {
        /// What was given.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The disk or the network failed, or refused.
    #[error("{path}: {cause}")]
    Io {
        /// What was asked for.
        path: String,
        /// The reason.
        cause: String,
    },
    /// Something other than the file or "not found" was answered.
    #[error("{path}: the server answered {status}{}", hint(*.status))]
    Status {
        /// What was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer in a content coding that was not asked for.
    #[error("{path}: the server sent it with Content-Encoding: {found}; expected gzip or none")]
    Coding {
        /// What was asked for.
        path: String,
        /// The coding.
        found: String,
    },
    /// Longer than any file of this kind may be.
    #[error("{path}: longer than {limit} bytes, the most it may have")]
    TooLong {
        /// What was asked for.
        path: String,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// What a status other than "ok" and "not found" means, if it helps to say so.
fn hint(status: u16) -> &'static str {
    match status {
        301 | 302 | 303 | 307 | 308 => ", a redirect; give the address it leads to",
        304 => ", not modified, though nothing was asked for of that kind",
        _ => "",
    }
}

impl SourceError {
    /// An error of the disk or the network.
    pub fn io(path: &str, cause: impl fmt::Display) -> Self {
        Self::Io { path: path.to_owned(), cause: cause.to_string() }
    }
}

/// A reader of the bytes of a file.
pub type Bytes = Box<dyn Read + Send>;

/// A file that a source does not give. The reason is the source's word alone, and nothing follows from it: only the log says
/// what is withheld.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Absent {
    /// The HTTP status of the answer, if it was not 404.
    pub status: Option<u16>,
}

impl Absent {
    /// This one, or `other` if only that has a status.
    pub fn or(self, other: Self) -> Self {
        Self { status: self.status.or(other.status) }
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.map_or(Ok(()), |status| write!(f, " (the server answered {status})"))
    }
}

/// Reads a ledger's public files. Nothing it gives is trusted.
pub trait Source: Sync {
    /// Opens the file under a path; `None` if there is none.
    ///
    /// # Errors
    /// [`SourceError`] if the source can't be read.
    fn open(&self, path: &str) -> Result<Option<Bytes>, SourceError>;

    /// As [`open`](Self::open), but gives the status of the answer if there is no file.
    ///
    /// # Errors
    /// [`SourceError`] if the source can't be read.
    fn look(&self, path: &str) -> Result<Result<Bytes, Absent>, SourceError> {
        Ok(self.open(path)?.ok_or_else(Absent::default))
    }

    /// The source in a few words, for reports: the folder or address.
    fn describe(&self) -> String;

    /// Whether reading is mostly waiting, so that many files are better asked for at once.
    fn is_far(&self) -> bool {
        false
    }

    /// The whole file under a path, of at most `limit` bytes; `None` if there is none.
    ///
    /// # Errors
    /// [`SourceError`], also if the file is longer.
    fn get(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, SourceError> {
        self.open(path)?.map(|reader| read_whole(path, reader, limit)).transpose()
    }
}

/// Reads a file of at most `limit` bytes to its end.
///
/// # Errors
/// [`SourceError::TooLong`] if there is more; [`SourceError::Io`] if it can't be read.
pub fn read_whole(path: &str, reader: impl Read, limit: usize) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let most = (limit as u64).saturating_add(1);
    reader.take(most).read_to_end(&mut bytes).map_err(|e| SourceError::io(path, e))?;
    if bytes.len() > limit {
        return Err(SourceError::TooLong { path: path.to_owned(), limit });
    }
    Ok(bytes)
}
