//! The one writer of a ledger: admission, sequencing, commit, publication.
//!
//! A submission is checked in parallel (shape, signatures, words), numbered by one sequencer, written to the
//! journal with the rest of its batch and one `fdatasync`, and only then acknowledged. The log is truth: tiles
//! and indexes are shadows of it that can be written again.
//!
//! ```no_run
//! use onrecord::ledger::{Ledger, Options, Submission};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = Ledger::open("ledger-data".as_ref(), Options::default())?;
//! let note = std::fs::read("event.note")?;
//! let answer = ledger.record_blocking(vec![Submission::new(note, None)], false);
//! match &answer[0] {
//!     Ok(receipt) => println!("on record at index {}", receipt.index),
//!     Err(refusal) => println!("{refusal}"),
//! }
//! ledger.close();
//! # Ok(()) }
//! ```

mod reader;
mod submission;

pub use reader::{Blob, Filter, ReadError, Reader, StoredWords};
pub use submission::{Receipt, Submission};

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use crate::{
    event::Refusal,
    note::{Origin, SigningKey},
};

/// A ledger that can't be made, opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The disk said no.
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
    /// What is stored is not a ledger of this origin, or is broken at the place named.
    #[error("{0}")]
    Broken(String),
    /// The first event was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most submissions in one batch.
    pub max_batch: usize,
    /// How often tiles and the checkpoint on disk follow the log, at most.
    pub publish_every: Duration,
    /// The largest file taken, in bytes.
    pub max_file: u64,
    /// The most unclaimed bytes one address may have uploaded.
    pub upload_quota: u64,
    /// How long an upload waits for an event that names it.
    pub upload_expiry: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_batch: 1_024,
            publish_every: Duration::from_millis(100),
            max_file: 64 << 20,
            upload_quota: 256 << 20,
            upload_expiry: Duration::from_secs(3_600),
        }
    }
}

/// An open ledger. Cloning gives another handle to the same one.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<()>);

/// A file on its way in, from [`Ledger::upload`].
#[derive(Debug)]
pub struct Upload(());

impl Ledger {
    /// Makes a ledger in a folder that holds none: the keys (mode 0600), the settings, and entry 0, signed by
    /// the operator.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing is left behind that a second try would stumble over.
    pub fn init(
        dir: &Path,
        origin: Origin,
        checkpoint_key: SigningKey,
        operator_key: &SigningKey,
        words: serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), LedgerError> {
        let _ = (dir, origin, checkpoint_key, operator_key, words);
        todo!()
    }

    /// Opens the ledger in a folder: recovers the journal, checks its tail, brings indexes up to date.
    ///
    /// # Errors
    /// [`LedgerError`], naming the entry where what is stored does not verify.
    pub fn open(dir: &Path, options: Options) -> Result<Self, LedgerError> {
        let _ = (dir, options);
        todo!()
    }

    /// Records submissions, one by one or (`atomic`) all or none. Gives one answer each, in order. With
    /// `atomic`, one refusal refuses all: the faulty ones say why, the others that they were held back.
    pub async fn record(&self, submissions: Vec<Submission>, atomic: bool) -> Vec<Result<Receipt, Refusal>> {
        let _ = (submissions, atomic);
        todo!()
    }

    /// As [`record`](Self::record), for callers outside an async runtime.
    pub fn record_blocking(
        &self,
        submissions: Vec<Submission>,
        atomic: bool,
    ) -> Vec<Result<Receipt, Refusal>> {
        let _ = (submissions, atomic);
        todo!()
    }

    /// Reads what is on record.
    pub fn reader(&self) -> &Reader {
        todo!()
    }

    /// Begins to take in a file. The address is for the quota alone.
    ///
    /// # Errors
    /// `RATE_LIMITED` or `UNAVAILABLE`.
    pub fn upload(&self, digest: crate::event::Digest, from: IpAddr) -> Result<Upload, Refusal> {
        let _ = (digest, from);
        todo!()
    }

    /// Whether the writer takes events: `None`, or why not.
    pub fn fault(&self) -> Option<String> {
        todo!()
    }

    /// Ends the writer: what was accepted is committed and published; other handles then refuse to record.
    pub fn close(&self) {
        todo!()
    }
}

impl Upload {
    /// Takes the next bytes (blocking I/O).
    ///
    /// # Errors
    /// `TOO_LARGE`, `RATE_LIMITED` or `UNAVAILABLE`; the upload is then dropped.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let _ = bytes;
        todo!()
    }
    /// Checks the digest and syncs the file. It is kept for an event that names it.
    ///
    /// # Errors
    /// `FILE_DIGEST` or `UNAVAILABLE`.
    pub fn finish(self) -> Result<(), Refusal> {
        todo!()
    }
}
