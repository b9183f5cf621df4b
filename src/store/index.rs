//! The index: rows of the rules and lists of entries, in one sled tree. A shadow of the log.
//!
//! The position it reflects is written in the same batch as what it adds, so that after any crash it is
//! either whole up to some entry or rebuilt. sled 0.34's `flush` may not survive a power cut; nothing that
//! can't be rebuilt lives here.

use std::{ops::RangeInclusive, path::Path};

use sled::Batch;

use super::StoreError;
use crate::{
    event::{Digest, EventId, EventType},
    log::{MemoryRows, Row, RowKey, Rows, Time},
};

/// Changed when the meaning of what is stored changes; an index of another version is rebuilt.
const VERSION: &[u8] = b"onrecord index 1";

/// Bytes of the index kept in memory.
const CACHE: u64 = 64 << 20;

/// How far the index follows the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexPosition {
    /// Entries reflected.
    pub size: u64,
    /// Chain hash of the last of them.
    pub last: Digest,
}

/// An entry, as far as it can be listed and found.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub index: u64,
    pub time: Time,
    pub event_type: EventType,
    pub case: Option<EventId>,
    pub thread: EventId,
    pub k: u64,
    /// Parties that signed it and events named in its refs, without repeats.
    pub ids: Vec<EventId>,
    pub content: Option<Digest>,
    /// Files its words name: place, digest, SHA-256, size, media type.
    pub files: Vec<ListedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ListedFile {
    pub index: u64,
    pub position: u32,
    pub blake3: Digest,
    pub sha256: Digest,
    pub size: u64,
    pub media: String,
}

/// What a list is read by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    Type(EventType),
    Case(EventId),
    Named(EventId),
}

impl By {
    fn prefix(self) -> Vec<u8> {
        match self {
            By::Type(t) => [b"T", t.as_str().as_bytes(), b"\0"].concat(),
            By::Case(id) => [&b"C"[..], &id.0].concat(),
            By::Named(id) => [&b"P"[..], &id.0].concat(),
        }
    }
    pub fn holds(self, listed: &Listed) -> bool {
        match self {
            By::Type(t) => listed.event_type == t,
            By::Case(id) => listed.case == Some(id),
            By::Named(id) => listed.ids.contains(&id),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Index {
    tree: sled::Tree,
    db: sled::Db,
}

fn broken(e: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(format!("index: {e}"))
}

fn suffix(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|b| u64::from_be_bytes(*b))
}

fn thread_key(thread: &EventId, k: u64) -> Vec<u8> {
    [&b"H"[..], &thread.0, &k.to_be_bytes()].concat()
}

fn time_key(time: Time, index: u64) -> Vec<u8> {
    // Shifted, so that times before 1970 sort before those after.
    let ms = (time.unix_ms() as u64) ^ (1 << 63);
    [&b"M"[..], &ms.to_be_bytes(), &index.to_be_bytes()].concat()
}

fn place_key(index: u64, position: u32) -> Vec<u8> {
    [&b"G"[..], &index.to_be_bytes(), &position.to_be_bytes()].concat()
}

/// Opens sled's files. sled lets go of its lock a moment after its last handle; the ledger's own lock is held
/// by now, so nobody else has them, and waiting is enough.
fn open_db(dir: &Path) -> Result<sled::Db, StoreError> {
    let mut tries = 0;
    loop {
        match sled::Config::new().path(dir).cache_capacity(CACHE).open() {
            Err(sled::Error::Io(e)) if tries < 100 && e.to_string().contains("acquire lock") => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            other => return other.map_err(broken),
        }
    }
}

impl Index {
    /// Opens the index in a folder, emptying one of another version.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let db = open_db(dir)?;
        let tree = db.open_tree("index").map_err(broken)?;
        let this = Self { tree, db };
        if this.tree.get(b"Vversion").map_err(broken)?.as_deref() != Some(VERSION) {
            this.clear()?;
        }
        Ok(this)
    }

    /// Empties the index.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.tree.clear().map_err(broken)?;
        self.tree.insert(b"Vversion", VERSION).map_err(broken)?;
        Ok(())
    }

    pub fn position(&self) -> Result<Option<IndexPosition>, StoreError> {
        let value = self.tree.get(b"Vposition").map_err(broken)?;
        Ok(value.and_then(|v| {
            let (size, last) = v.split_first_chunk::<8>()?;
            Some(IndexPosition { size: u64::from_be_bytes(*size), last: Digest(last.try_into().ok()?) })
        }))
    }

    /// Adds rows and entries, with the position they bring the index to, in one batch.
    pub fn add(&self, rows: &MemoryRows, listed: &[Listed], to: IndexPosition) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for (key, row) in rows.iter() {
            batch.insert(key.as_bytes(), serde_json::to_vec(row).map_err(broken)?);
        }
        for l in listed {
            let at = l.index.to_be_bytes();
            let mut put = |by: By| batch.insert([by.prefix(), at.to_vec()].concat(), &[]);
            put(By::Type(l.event_type));
            if let Some(case) = l.case {
                put(By::Case(case));
            }
            for id in &l.ids {
                put(By::Named(*id));
            }
            batch.insert(thread_key(&l.thread, l.k), &at);
            batch.insert(time_key(l.time, l.index), &[]);
            if let Some(digest) = &l.content {
                batch.insert([&b"D"[..], &digest.0, &at].concat(), &[]);
            }
            for f in &l.files {
                let key = [&b"F"[..], &f.blake3.0, &at, &f.position.to_be_bytes()].concat();
                batch.insert(key, serde_json::to_vec(f).map_err(broken)?);
                batch.insert(place_key(f.index, f.position), &f.blake3.0);
            }
        }
        batch.insert(b"Vposition", [&to.size.to_be_bytes()[..], &to.last.0].concat());
        self.tree.apply_batch(batch).map_err(broken)
    }

    /// Indexes under a list within a range, in order, as many as are asked for.
    pub fn list(
        &self,
        by: By,
        range: RangeInclusive<u64>,
        descending: bool,
    ) -> impl Iterator<Item = Result<u64, StoreError>> {
        let prefix = by.prefix();
        let from = [prefix.as_slice(), &range.start().to_be_bytes()].concat();
        let to = [prefix.as_slice(), &range.end().to_be_bytes()].concat();
        // Two lists of one iterator type: an empty range where start is above end would make sled panic.
        let mut iter =
            if from <= to { self.tree.range(from..=to) } else { self.tree.range(prefix.clone()..prefix) };
        std::iter::from_fn(move || {
            let next = if descending { iter.next_back() } else { iter.next() };
            next.map(|r| r.map_err(broken).and_then(|(k, _)| suffix(&k).ok_or_else(|| broken("a short key"))))
        })
    }

    /// The first index recorded at or after a time; `None` if there is none.
    pub fn first_since(&self, time: Time) -> Result<Option<u64>, StoreError> {
        let found = self.tree.range(time_key(time, 0)..vec![b'M' + 1]).next().transpose().map_err(broken)?;
        Ok(found.and_then(|(k, _)| suffix(&k)))
    }

    /// Indexes of a thread's entries, in order.
    pub fn thread(&self, id: &EventId) -> Result<Vec<u64>, StoreError> {
        self.tree
            .scan_prefix([&b"H"[..], &id.0].concat())
            .map(|r| r.map_err(broken).and_then(|(_, v)| suffix(&v).ok_or_else(|| broken("a short value"))))
            .collect()
    }

    /// Entries whose words have a digest, ascending.
    pub fn with_content(&self, digest: &Digest) -> Result<Vec<u64>, StoreError> {
        self.tree
            .scan_prefix([&b"D"[..], &digest.0].concat())
            .map(|r| r.map_err(broken).and_then(|(k, _)| suffix(&k).ok_or_else(|| broken("a short key"))))
            .collect()
    }

    /// Places in entries that name a file.
    pub fn with_file(&self, digest: &Digest) -> Result<Vec<ListedFile>, StoreError> {
        self.tree
            .scan_prefix([&b"F"[..], &digest.0].concat())
            .map(|r| r.map_err(broken).and_then(|(_, v)| serde_json::from_slice(&v).map_err(broken)))
            .collect()
    }

    /// The file at a place in an entry's words.
    pub fn file_at(&self, index: u64, position: u32) -> Result<Option<Digest>, StoreError> {
        let value = self.tree.get(place_key(index, position)).map_err(broken)?;
        Ok(value.and_then(|v| v.as_ref().try_into().ok().map(Digest)))
    }

    pub fn get(&self, key: &RowKey) -> Option<Row> {
        // A row that can't be read is treated as absent would be a lie; sled's errors are faults of the disk,
        // after which the process must not go on deciding.
        match self.tree.get(key.as_bytes()) {
            Ok(None) => None,
            Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(row) => Some(row),
                Err(e) => fatal(&e),
            },
            Err(e) => fatal(&e),
        }
    }

    /// Writes all to disk.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(broken)
    }
}

/// The index can't be read: nothing decided without it could be trusted. The log is whole, and the index can
/// be rebuilt.
fn fatal(e: &dyn std::fmt::Display) -> ! {
    tracing::error!(error = %e, "the index can't be read; stop, check the disk, then run `onrecord rebuild`");
    std::process::abort()
}

impl Rows for Index {
    fn row(&self, key: &RowKey) -> Option<Row> {
        self.get(key)
    }
}
