//! A batch: entries that come next in the log, with all that they change.
//!
//! The sequencer, the copier of a mirror and the catch-up at a start fill it in one way: for each entry, first the rows that
//! were decided, then the entry itself. Nothing outside a batch changes until it is shown (`Shared::show`) or brought into
//! the index. A group of entries that may yet be undone is a batch of its own, which is then appended or dropped.

use std::sync::Arc;

use super::claims::listed;
use crate::{
    event::{Body, Content, Digest, Event, EventId, FileRef, Position},
    log::{Header, MemoryRows, Row, RowKey, Rows},
    store::{
        index::{Listed, ListedFile},
        journal::Record,
    },
};

/// Words that are given back: the index of their entry, and the words.
pub(crate) type Restored = (u64, Arc<[u8]>);

/// Words withheld or given back: the index of their entry, and the words if they are given back.
pub(crate) type WordsChange = (u64, Option<Arc<[u8]>>);

/// An event of which something is withheld, with the files that its words name. All of these files are to be marked.
pub(crate) struct Withheld {
    pub event: EventId,
    pub files: Vec<FileRef>,
}

impl Withheld {
    /// `words` are those of the event, before anything is withheld. `None` if they can't be read: the files can't be learnt
    /// later, once the words are removed.
    pub fn of(event: EventId, words: Option<Arc<[u8]>>) -> Option<Self> {
        let content = Content::parse(&words?).ok()?;
        Some(Self { event, files: content.files().to_vec() })
    }
}

/// An entry that was decided, and what it does to other entries. Its rows are put before it, by [`Batch::put_rows`].
pub(crate) struct NewEntry<'a> {
    pub header: &'a Header,
    pub event: &'a Event,
    /// The hash of the entry, which the next one names.
    pub hash: Digest,
    /// The files that its words name, and those that it gives back.
    pub files: Vec<ListedFile>,
    /// What is written to the journal and shown. `None` at a start, where the entry is on record already.
    pub record: Option<Record>,
    pub words: Option<WordsChange>,
    pub withheld: Option<Withheld>,
}

/// Entries that come next in the log: see the module's head.
pub(crate) struct Batch {
    /// Index of the first.
    first: u64,
    /// The hash of the last entry, or of the one before the first.
    last_hash: Digest,
    rows: MemoryRows,
    listed: Vec<Listed>,
    records: Vec<Record>,
    words: Vec<WordsChange>,
    withheld: Vec<Withheld>,
}

impl Batch {
    /// An empty batch. Its first entry will have the index `first`; `last_hash` is the hash of the entry before that.
    pub fn new(first: u64, last_hash: Digest) -> Self {
        let (rows, listed, records, words, withheld) = Default::default();
        Self { first, last_hash, rows, listed, records, words, withheld }
    }

    /// The same, with room for `entries` entries.
    pub fn with_room(first: u64, last_hash: Digest, entries: usize) -> Self {
        Self {
            // Each entry has its own row, and that of its thread.
            rows: MemoryRows::with_room(2 * entries),
            listed: Vec::with_capacity(entries),
            records: Vec::with_capacity(entries),
            ..Self::new(first, last_hash)
        }
    }

    /// An empty batch that comes after this one.
    pub fn next(&self) -> Self {
        Self::new(self.end(), self.last_hash)
    }

    /// Adds a batch that comes after this one.
    pub fn append(&mut self, next: Self) {
        debug_assert_eq!(next.first, self.end());
        self.rows.put(next.rows);
        self.listed.extend(next.listed);
        self.records.extend(next.records);
        self.words.extend(next.words);
        self.withheld.extend(next.withheld);
        self.last_hash = next.last_hash;
    }

    /// Puts the rows of the entry that comes next.
    pub fn put_rows(&mut self, rows: Vec<(RowKey, Row)>) {
        self.rows.put(rows);
    }

    /// Adds an entry whose rows were put.
    pub fn push(&mut self, entry: NewEntry<'_>) {
        let NewEntry { header, event, hash, files, record, words, withheld } = entry;
        self.last_hash = hash;
        self.listed.push(listed(header, event, files));
        self.records.extend(record);
        self.words.extend(words);
        self.withheld.extend(withheld);
    }

    /// Notes that the words of an entry are missing here.
    pub fn lacks_words(&mut self, index: u64) {
        self.words.push((index, None));
    }

    /// Drops the words that an entry of this same batch withholds, so that they are neither written nor shown.
    pub fn leave_out_withheld(&mut self) {
        for (index, change) in &self.words {
            if let (Some(at), None) = (index.checked_sub(self.first), change)
                && let Some(record) = self.records.get_mut(at as usize)
            {
                record.words = None;
            }
        }
    }

    /// Index of the first entry.
    pub fn first(&self) -> u64 {
        self.first
    }
    /// Index of the entry that comes after the batch.
    pub fn end(&self) -> u64 {
        self.first + self.listed.len() as u64
    }
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
    /// The hash of the last entry, or of the one before the first.
    pub fn last_hash(&self) -> Digest {
        self.last_hash
    }
    pub fn rows(&self) -> &MemoryRows {
        &self.rows
    }
    pub fn listed(&self) -> &[Listed] {
        &self.listed
    }
    pub fn records(&self) -> &[Record] {
        &self.records
    }
    /// Events of which something is withheld. Their files must be marked before the batch is durable.
    pub fn withheld(&self) -> &[Withheld] {
        &self.withheld
    }

    /// The words of an entry of this batch, as they came with it. The outer `None`: the entry is not in this batch.
    pub fn words_at(&self, index: u64) -> Option<Option<Arc<[u8]>>> {
        let at = index.checked_sub(self.first)?;
        (index < self.end()).then(|| self.records.get(at as usize).and_then(|record| record.words.clone()))
    }

    /// Whether the bytes of this digest are a file that this batch withholds. `rows` say what is withheld.
    pub fn withholds(&self, digest: &Digest, rows: &impl Rows) -> bool {
        self.withheld.iter().any(|Withheld { event, files }| {
            let mut named = (0u32..).zip(files).filter(|(_, file)| file.blake3 == *digest);
            named.any(|(position, _)| rows.fate(event).withheld_by(Position::File(position)).is_some())
        })
    }

    /// The parts of the batch: rows, lists, records, and words withheld or given back.
    pub fn into_parts(self) -> (MemoryRows, Vec<Listed>, Vec<Record>, Vec<WordsChange>) {
        (self.rows, self.listed, self.records, self.words)
    }
}

/// The words that an event withholds or gives back.
pub(super) fn words_changed(
    rows: &impl Rows,
    event: &Event,
    restored: Option<&Restored>,
) -> Option<WordsChange> {
    match event.body() {
        Body::ContentWithheld(b) if b.blobs.contains(&Position::Content) => {
            rows.event(&b.entry).map(|row| (row.index, None))
        }
        Body::ContentReleased(_) => restored.map(|(index, words)| (*index, Some(words.clone()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Fate;

    fn withheld(event: EventId, file: &[u8]) -> Withheld {
        let file = FileRef {
            name: "letter.txt".into(),
            blake3: Digest::blake3(file),
            sha256: Digest([7; 32]),
            size: file.len() as u64,
            media: "text/plain".into(),
        };
        Withheld { event, files: vec![file] }
    }

    #[test]
    fn a_file_is_withheld_from_the_moment_that_its_entry_is_decided_and_not_if_that_is_undone() {
        let id = EventId([1; 32]);
        let mut batch = Batch::new(5, Digest([0; 32]));
        let mut group = batch.next();
        group.withheld.push(withheld(id, b"letter"));
        let mut rows = MemoryRows::default();
        assert!(!group.withholds(&Digest::blake3(b"letter"), &rows), "no row says so");
        let fate = Fate { withheld: vec![(Position::File(0).into(), 6)], ..Fate::default() };
        rows.put([(RowKey::fate(&id), Row::Fate(fate))]);
        assert!(group.withholds(&Digest::blake3(b"letter"), &rows));
        assert!(!group.withholds(&Digest::blake3(b"other"), &rows));
        assert!(!batch.withholds(&Digest::blake3(b"letter"), &rows), "the group may yet be undone");
        assert!(batch.withheld().is_empty());
        batch.append(group);
        assert!(batch.withholds(&Digest::blake3(b"letter"), &rows));
        assert_eq!(batch.withheld().len(), 1);
    }
}
