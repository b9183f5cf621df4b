//! One pass of a mirror over its source: what the mirror keeps, what the pass did, and why it failed.

use std::time::Duration;

use serde::Serialize;

use super::removed::Removed;
use crate::{
    ledger::{CopyError, LedgerError},
    log::Policy,
    proof_file::Kept,
    verify::{Fault, Place, SourceError, Stop},
};

/// What a mirror keeps, and when.
#[derive(Debug, Clone)]
pub struct Keeps {
    /// Whether words are kept.
    pub words: bool,
    /// The largest file that is kept, in bytes; `None` to keep no files. Files need `words`.
    pub files: Option<u64>,
    /// How old an entry must be before its words are fetched, so that a mistake can be withheld before.
    pub hold: Duration,
    /// Which witnesses must have cosigned a checkpoint before anything under it is copied.
    pub policy: Option<Policy>,
}

impl Default for Keeps {
    fn default() -> Self {
        Self { words: true, files: Some(64 << 20), hold: Duration::ZERO, policy: None }
    }
}

/// Why a pass failed. What was verified before is kept and can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// The source can't be read now.
    #[error("{0}")]
    Unreachable(String),
    /// The source gives something that is not under its checkpoint, or breaks a rule.
    #[error("refused at {}: {}", .0.place, .0.what)]
    Refused(Fault),
    /// The log signed two histories. The report proves it to anybody.
    #[error("the log signed two histories; {0}")]
    Forked(Kept),
    /// The caller stopped the pass.
    #[error("stopped")]
    Stopped,
    /// The copy's disk failed.
    #[error("{0}")]
    Disk(String),
    /// The copy's folder can't be opened as a ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<Stop> for MirrorError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Fault(_, fault) => Self::Refused(fault),
            Stop::Undecided(why) => Self::Unreachable(why),
        }
    }
}

impl From<SourceError> for MirrorError {
    fn from(e: SourceError) -> Self {
        Stop::from(e).into()
    }
}

impl From<CopyError> for MirrorError {
    fn from(e: CopyError) -> Self {
        match e {
            CopyError::Entry { index, error } => {
                Self::Refused(Fault { place: Place::Entry(index), what: error.to_string() })
            }
            CopyError::Stopped(why) => Self::Disk(format!("the disk here, as the log says: {why}")),
        }
    }
}

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pass {
    /// Entries in the copy before the pass.
    pub from: u64,
    /// Entries in the copy after the pass.
    pub size: u64,
    /// What was removed because the origin withheld it.
    pub removed: Vec<Removed>,
    /// Entries whose words are not here though nothing withholds them: too young, or not given by the source.
    pub wanting: u64,
    /// Files that are not here though nothing withholds them: too large, or not given by the source.
    pub files_wanting: u64,
    /// The entries among `wanting` that are old enough, and whose words the source was asked for and did not give.
    pub missing: u64,
    /// The files among `files_wanting` that are not too large, and that the source was asked for and did not give.
    pub files_missing: u64,
    /// The HTTP status with which the source last refused words or a file, if it was not 404.
    pub answer: Option<u16>,
    /// Entries of the latest checkpoint that wait for the policy's witnesses.
    pub waiting: u64,
}
