//! Checks every rule again, over entries in order. `verify`, mirrors and the server's own start rely on it.

use super::{
    Frontier, Hash, NoDoor, SignedEntry, Time,
    entry::EntryError,
    rows::{Row, RowKey, Rows},
    rules::decide,
};
use crate::{
    event::{Digest, Refusal},
    note::Origin,
};

/// Why an entry can't stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Not an entry, or its event is not signed by its signers.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The index is not the entry's place.
    #[error("index: expected {expected}, found {found}")]
    Index {
        /// Its place.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// `prev` is not the hash of the entry before.
    #[error("prev: expected {expected}, the BLAKE3 of the entry before, found {found}")]
    Prev {
        /// The hash of the entry before.
        expected: Digest,
        /// What it says.
        found: Digest,
    },
    /// Time runs backwards.
    #[error("time: {found} is before {last}, the time of the entry before")]
    Time {
        /// The time of the entry before.
        last: Time,
        /// What it says.
        found: Time,
    },
    /// Its event is on record already.
    #[error("event: the same event stands at index {first}")]
    Twice {
        /// Where it stood first.
        first: u64,
    },
    /// The event breaks a rule at this index.
    #[error("rules: {0}")]
    Rule(Refusal),
    /// A `thread` line that is not what the entries before it give.
    #[error("thread: expected {expected}, found {found}")]
    Thread {
        /// What it should be.
        expected: String,
        /// What it says.
        found: String,
    },
    /// A `signer` line that is not what the entries before it give.
    #[error("signer line {line}: expected {expected}, found {found}")]
    Signer {
        /// Number of the line among the signer lines, from 1.
        line: usize,
        /// What it should be.
        expected: String,
        /// What it says.
        found: String,
    },
}

/// A store of rows, into which the auditor puts those that each entry changes.
pub trait PutRows: Rows {
    /// Puts rows. A later row replaces an earlier one with the same key.
    fn put_rows(&mut self, rows: Vec<(RowKey, Row)>);
}

impl PutRows for super::MemoryRows {
    fn put_rows(&mut self, rows: Vec<(RowKey, Row)>) {
        self.put(rows);
    }
}

/// Follows a log entry by entry. After an error it has not moved.
#[derive(Debug)]
pub struct Auditor<R> {
    origin: Origin,
    rows: R,
    frontier: Frontier,
    prev: Digest,
    time: Option<Time>,
}

impl<R: PutRows> Auditor<R> {
    /// Starts at the beginning of a log.
    pub fn new(origin: Origin, rows: R) -> Self {
        Self { origin, rows, frontier: Frontier::new(), prev: Digest([0; 32]), time: None }
    }

    /// Starts in the middle of a log, trusting what is known of the entries before: their rows, the edge of their tree,
    /// and the hash and time of the last.
    pub fn resume(origin: Origin, rows: R, frontier: Frontier, prev: Digest, time: Option<Time>) -> Self {
        Self { origin, rows, frontier, prev, time }
    }

    /// Checks the next entry against everything before it. `leaf` is its leaf hash, which the caller computes
    /// where it checks the signatures, in parallel.
    ///
    /// # Errors
    /// [`AuditError`]: the first rule that the entry breaks.
    pub fn push(&mut self, entry: &SignedEntry, leaf: Hash) -> Result<(), AuditError> {
        let header = entry.header();
        let index = self.frontier.size();
        if header.index != index {
            return Err(AuditError::Index { expected: index, found: header.index });
        }
        if header.prev != self.prev {
            return Err(AuditError::Prev { expected: self.prev, found: header.prev });
        }
        if let Some(last) = self.time.filter(|last| header.time < *last) {
            return Err(AuditError::Time { last, found: header.time });
        }
        if let Some(row) = self.rows.event(&entry.event().id()) {
            return Err(AuditError::Twice { first: row.index });
        }
        let placement =
            decide(&self.rows, index, entry.event(), &self.origin, &NoDoor).map_err(AuditError::Rule)?;
        if (placement.thread, placement.k) != (header.thread, header.k) {
            return Err(AuditError::Thread {
                expected: format!("{} {}", placement.thread, placement.k),
                found: format!("{} {}", header.thread, header.k),
            });
        }
        for (i, (expected, found)) in placement.signers.iter().zip(&header.signers).enumerate() {
            if expected != found {
                return Err(AuditError::Signer {
                    line: i + 1,
                    expected: format!("{} {}", expected.0, expected.1),
                    found: format!("{} {}", found.0, found.1),
                });
            }
        }
        self.rows.put_rows(placement.rows);
        self.frontier.push(leaf, |_, _, _| {});
        self.prev = entry.hash();
        self.time = Some(header.time);
        Ok(())
    }

    /// How many entries passed.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }
    /// The root of the tree of those entries.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
    /// The tree's edge.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }
    /// The chain hash of the last entry.
    pub fn last_hash(&self) -> Digest {
        self.prev
    }
    /// The time of the last entry.
    pub fn last_time(&self) -> Option<Time> {
        self.time
    }
    /// The rows of all entries that passed, which the rules read.
    pub fn rows(&self) -> &R {
        &self.rows
    }
    /// Gives the rows back.
    pub fn into_rows(self) -> R {
        self.rows
    }
}
