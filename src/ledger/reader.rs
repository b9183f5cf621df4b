//! Reading what is on record. No reader waits for the writer.

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc};

use crate::{
    event::{Digest, Event, EventId, EventType},
    log::{Entry, EventRow, Fate, Hash, KeyRow, PartyRow, SignedCheckpoint, TilePath, Time, TlogProof},
    note::{Origin, VerifyingKey},
};

/// A fault of the store while reading. The cause is logged and not shown to strangers.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// The words of an entry, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredWords {
    /// The event carries none.
    None,
    /// Here they are, raw.
    Present(Arc<[u8]>),
    /// Withheld by the entry at this index.
    Withheld(u64),
    /// Not here, though nothing on the log says they are withheld.
    Missing,
}

/// What is served under a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    /// The bytes.
    Present(Arc<[u8]>),
    /// Withheld by the entry at this index.
    Withheld(u64),
    /// No accepted event names it.
    Unknown,
}

/// Which entries to list. Every condition left out lets all pass.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of one of these types; empty for all.
    pub types: Vec<EventType>,
    /// In this case, the `case.opened` included.
    pub case: Option<EventId>,
    /// Signed by, or naming in a ref, this party; its registration included.
    pub party: Option<EventId>,
    /// Recorded at or after this time.
    pub since: Option<Time>,
    /// Recorded before this time.
    pub until: Option<Time>,
}

/// Reads a ledger. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader(Arc<()>);

impl Reader {
    /// The ledger's origin.
    pub fn origin(&self) -> &Origin {
        todo!()
    }
    /// The log's key.
    pub fn log_key(&self) -> &VerifyingKey {
        todo!()
    }
    /// The latest checkpoint. It covers durable entries only.
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        todo!()
    }
    /// A whole entry, raw; `None` at or above the checkpoint's size.
    pub fn entry(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        let _ = index;
        todo!()
    }
    /// A whole entry, parsed.
    pub fn parsed(&self, index: u64) -> Result<Option<Entry<Event>>, ReadError> {
        let _ = index;
        todo!()
    }
    /// The index of an event.
    pub fn index_of(&self, id: &EventId) -> Result<Option<u64>, ReadError> {
        let _ = id;
        todo!()
    }
    /// The words of an entry.
    pub fn words(&self, index: u64) -> Result<StoredWords, ReadError> {
        let _ = index;
        todo!()
    }
    /// The words with this digest.
    pub fn content(&self, digest: &Digest) -> Result<Blob, ReadError> {
        let _ = digest;
        todo!()
    }
    /// Where the file with this digest lies and how large it is, if an accepted event names it and it is not
    /// withheld.
    pub fn file(&self, digest: &Digest) -> Result<Option<(PathBuf, u64)>, ReadError> {
        let _ = digest;
        todo!()
    }
    /// A tile, bundle or content tile, raw; full ones, and partial ones for every size that was signed.
    pub fn tile(&self, path: &TilePath) -> Result<Option<Arc<[u8]>>, ReadError> {
        let _ = path;
        todo!()
    }
    /// The proof of an entry in the given checkpoint of this log (the latest one, or a receipt's).
    pub fn proof(&self, index: u64, checkpoint: &SignedCheckpoint) -> Result<Option<TlogProof>, ReadError> {
        let _ = (index, checkpoint);
        todo!()
    }
    /// The proof that the tree of one size extends that of another; `None` unless `old <= new <= size`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, ReadError> {
        let _ = (old, new);
        todo!()
    }
    /// Indexes of entries that pass the filter within the range, ascending or descending, at most `limit`.
    /// Entries appear here within moments of their receipt.
    pub fn list(
        &self,
        filter: &Filter,
        range: RangeInclusive<u64>,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let _ = (filter, range, descending, limit);
        todo!()
    }
    /// What the rules know of an event.
    pub fn event_row(&self, id: &EventId) -> Result<Option<EventRow>, ReadError> {
        let _ = id;
        todo!()
    }
    /// What later events did to an event: voided, closed, withheld positions.
    pub fn fate(&self, id: &EventId) -> Result<Fate, ReadError> {
        let _ = id;
        todo!()
    }
    /// What the rules know of a party: kind, fictional, roles.
    pub fn party(&self, id: &EventId) -> Result<Option<PartyRow>, ReadError> {
        let _ = id;
        todo!()
    }
    /// A key, in its whole history.
    pub fn key(&self, key: &[u8; 32]) -> Result<Option<KeyRow>, ReadError> {
        let _ = key;
        todo!()
    }
    /// The operator's party id.
    pub fn operator(&self) -> Result<Option<EventId>, ReadError> {
        todo!()
    }
    /// Indexes of the entries in a thread, in order: the element at position k is entry k of the thread.
    pub fn thread(&self, id: &EventId) -> Result<Vec<u64>, ReadError> {
        let _ = id;
        todo!()
    }
}
