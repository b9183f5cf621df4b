//! Rows of events, packed: they are written once, in the order of the log, and found by a directory in memory.
//!
//! ```text
//! heads     64 bytes an entry, at 64 times its index:
//!           event id 32 | words 8 | same words u32 | row at u64 | row length u32 | row check u32 | head check u32
//! rows      one row after another
//! ```
//!
//! `words` is the beginning of the digest of its words that the event commits to, or zeros. `same words` is the last
//! earlier entry with the same `words`, or all ones. A check is the beginning of a BLAKE3 hash: the row check of the row,
//! the head check of the entry's index and the 60 bytes before. The hash is keyed by the key of the index, so that files
//! of another index are damage too. Integers are big-endian.
//!
//! In the table each row would be written under a random key, and so to a page of its own; here all rows of a flush are
//! one write. Bytes above the position of the index count for nothing and are written over. Opening reads the heads, 64 MB
//! for a million entries, and the last rows, which an accident damages first. Any other row that rots is found when it is
//! asked for.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{
    directory::{Directory, MAX_ENTRIES},
    error::broken,
};
use crate::{
    event::{Digest, EventId},
    log::EventRow,
    store::{Doing as _, StoreError},
};

const HEAD: usize = 64;
/// Bytes kept of the digest of words.
const WORDS: usize = 8;
const NO_WORDS: [u8; WORDS] = [0; WORDS];
const NONE: u32 = u32::MAX;
/// How many heads are read at a time when opening, and how many of the last rows are checked then.
const CHUNK: usize = 16_384;

/// What a head says of an entry.
#[derive(Debug, Clone, Copy)]
struct Head {
    id: [u8; 32],
    words: [u8; WORDS],
    same: u32,
    row_at: u64,
    row_len: u32,
    row_check: [u8; 4],
}

type Key = [u8; 32];

fn check(key: &Key, parts: [&[u8]; 2]) -> [u8; 4] {
    let mut h = blake3::Hasher::new_keyed(key);
    h.update(parts[0]);
    h.update(parts[1]);
    let [a, b, c, d, ..] = *h.finalize().as_bytes();
    [a, b, c, d]
}

impl Head {
    fn encode(&self, key: &Key, index: u32) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        out[..32].copy_from_slice(&self.id);
        out[32..40].copy_from_slice(&self.words);
        out[40..44].copy_from_slice(&self.same.to_be_bytes());
        out[44..52].copy_from_slice(&self.row_at.to_be_bytes());
        out[52..56].copy_from_slice(&self.row_len.to_be_bytes());
        out[56..60].copy_from_slice(&self.row_check);
        let sum = check(key, [&index.to_be_bytes(), &out[..60]]);
        out[60..].copy_from_slice(&sum);
        out
    }

    fn decode(key: &Key, index: u32, bytes: &[u8; HEAD]) -> Result<Self, StoreError> {
        let (id, rest) = bytes.split_first_chunk::<32>().ok_or_else(|| broken("a short head"))?;
        let field = |from: usize| [rest[from], rest[from + 1], rest[from + 2], rest[from + 3]];
        if check(key, [&index.to_be_bytes(), &bytes[..60]]) != field(28) {
            return Err(broken(format!("the head of entry {index} is damaged")));
        }
        let words = [rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6], rest[7]];
        let row_at =
            u64::from(u32::from_be_bytes(field(12))) << 32 | u64::from(u32::from_be_bytes(field(16)));
        Ok(Self {
            id: *id,
            words,
            same: u32::from_be_bytes(field(8)),
            row_at,
            row_len: u32::from_be_bytes(field(20)),
            row_check: field(24),
        })
    }
}

fn words_of(digest: Option<&Digest>) -> [u8; WORDS] {
    digest.and_then(|d| d.0.first_chunk().copied()).unwrap_or_default()
}

/// Which entries may have an id, and which was the last to have words.
#[derive(Debug)]
struct Directories {
    ids: Directory,
    words: Directory,
}

impl Directories {
    fn with_room(n: usize) -> Self {
        Self { ids: Directory::with_room(n), words: Directory::with_room(n) }
    }
    fn add(&mut self, index: u32, head: &Head) {
        self.ids.insert(&head.id, index);
        match (head.words, head.same) {
            (NO_WORDS, _) => {}
            (words, NONE) => self.words.insert(&words, index),
            (words, same) => self.words.replace(&words, same, index),
        }
    }
}

/// How far the files are written: entries, and bytes of rows.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    entries: u64,
    rows: u64,
}

#[derive(Debug)]
pub(super) struct Events {
    heads: fs::File,
    rows: fs::File,
    directories: RwLock<Directories>,
    /// Held while writing.
    ends: Mutex<Ends>,
    path: PathBuf,
    key: Key,
}

/// Fills `buffer` from byte `at` of a file. If the file ends before, it is damaged: an accident took its end.
fn read_at(file: &fs::File, buffer: &mut [u8], at: u64, what: impl Fn() -> String) -> Result<(), StoreError> {
    match file.read_exact_at(buffer, at) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Err(broken(format!("{} ends before byte {}", what(), at + buffer.len() as u64)))
        }
        read => read.doing(|| format!("read {}", what())),
    }
}

impl Events {
    /// Opens the files in the folder of the index whose key is `key`, and makes them if `mode` says so. No entry is found
    /// before [`load`](Self::load).
    ///
    /// # Errors
    /// [`StoreError`]. A file that is missing counts as damage.
    pub fn open(dir: &Path, mode: &fs::OpenOptions, key: &Key) -> Result<Self, StoreError> {
        let open = |name: &str| {
            let path = dir.join(name);
            match mode.open(&path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => Err(broken(format!("{name} is missing"))),
                opened => opened.doing(|| format!("open {}", path.display())),
            }
        };
        let (heads, rows) = (open("heads")?, open("rows")?);
        // Their names must be durable before any position that counts their rows in.
        let synced = fs::File::open(dir).and_then(|dir| dir.sync_all());
        synced.doing(|| format!("sync {}", dir.display()))?;
        Ok(Self {
            heads,
            rows,
            directories: RwLock::new(Directories::with_room(0)),
            ends: Mutex::default(),
            path: dir.to_owned(),
            key: *key,
        })
    }

    /// Reads the heads of the first `entries` entries, and checks the last rows of these.
    ///
    /// # Errors
    /// [`StoreError`], also if there are fewer entries, or one is not as it was written.
    pub fn load(&self, entries: u64) -> Result<(), StoreError> {
        let mut directories = Directories::with_room(usize::try_from(entries).map_err(broken)?);
        let mut buffer = vec![0; CHUNK * HEAD];
        let mut ends = Ends::default();
        while ends.entries < entries {
            let n = CHUNK.min((entries - ends.entries) as usize);
            let chunk = &mut buffer[..n * HEAD];
            read_at(&self.heads, chunk, ends.entries * HEAD as u64, || "heads".into())?;
            for bytes in chunk.as_chunks::<HEAD>().0 {
                let index = number(ends.entries)?;
                let head = Head::decode(&self.key, index, bytes)?;
                directories.add(index, &head);
                ends = Ends { entries: ends.entries + 1, rows: head.row_at + u64::from(head.row_len) };
            }
        }
        let there = self.rows.metadata().doing(|| format!("look at rows in {}", self.path.display()))?.len();
        if there < ends.rows {
            return Err(broken(format!("expected {} bytes of rows, found {there}", ends.rows)));
        }
        for index in entries.saturating_sub(CHUNK as u64)..entries {
            let index = number(index)?;
            self.row(index, &self.head(index)?)?;
        }
        *self.directories_mut() = directories;
        *self.ends() = ends;
        Ok(())
    }

    /// Forgets all entries.
    pub fn clear(&self) -> Result<(), StoreError> {
        *self.directories_mut() = Directories::with_room(0);
        let mut ends = self.ends();
        *ends = Ends::default();
        let cut = self.heads.set_len(0).and_then(|()| self.rows.set_len(0));
        cut.doing(|| format!("empty {}", self.path.display()))
    }

    /// Removes the heads, so that the next start makes the index anew.
    pub fn unlink(&self) {
        // If that fails, the next start finds the same damage.
        let _ = fs::remove_file(self.path.join("heads"));
    }

    fn directories(&self) -> RwLockReadGuard<'_, Directories> {
        self.directories.read().unwrap_or_else(PoisonError::into_inner)
    }
    fn directories_mut(&self) -> RwLockWriteGuard<'_, Directories> {
        self.directories.write().unwrap_or_else(PoisonError::into_inner)
    }
    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the rows of the entries that come next, in order, and makes them durable. Then it runs `then`, which makes
    /// them count by writing the position. If that succeeds, the rows can be found.
    pub fn append(
        &self,
        events: &[(EventId, &EventRow)],
        then: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut ends = self.ends();
        let mut next = *ends;
        let mut heads = Vec::with_capacity(events.len() * HEAD);
        let mut rows = Vec::with_capacity(events.len() * 256);
        let mut added: Vec<(u32, Head)> = Vec::with_capacity(events.len());
        // The last entry with the same words, if it is in this flush.
        let mut young: HashMap<[u8; WORDS], u32, foldhash::fast::RandomState> = HashMap::default();
        for (id, row) in events {
            if row.index != next.entries {
                return Err(broken(format!(
                    "expected entry {} to come next, found {}",
                    next.entries, row.index
                )));
            }
            let index = number(row.index)?;
            let from = rows.len();
            rows = postcard::to_extend(row, rows).map_err(broken)?;
            let bytes = &rows[from..];
            let words = words_of(row.content.as_ref());
            let same = match young.insert(words, index) {
                _ if words == NO_WORDS => NONE,
                Some(same) => same,
                None => self.last_with(&words)?.unwrap_or(NONE),
            };
            let row_len = u32::try_from(bytes.len()).map_err(broken)?;
            let row_check = check(&self.key, [bytes, &[]]);
            let head = Head { id: id.0, words, same, row_at: next.rows, row_len, row_check };
            next = Ends { entries: next.entries + 1, rows: next.rows + u64::from(row_len) };
            heads.extend_from_slice(&head.encode(&self.key, index));
            added.push((index, head));
        }
        self.rows
            .write_all_at(&rows, ends.rows)
            .and_then(|()| self.heads.write_all_at(&heads, ends.entries * HEAD as u64))
            // `then` writes the position that counts the rows in, which may become durable at any time after.
            .and_then(|()| self.rows.sync_data())
            .and_then(|()| self.heads.sync_data())
            .doing(|| format!("write rows of events in {}", self.path.display()))?;
        then()?;
        // They grow aside while readers go on. Nobody else writes while `ends` is locked.
        let (ids, words) = {
            let now = self.directories();
            (now.ids.grown_for(added.len()), now.words.grown_for(added.len()))
        };
        let mut directories = self.directories_mut();
        if let Some(ids) = ids {
            directories.ids = ids;
        }
        if let Some(words) = words {
            directories.words = words;
        }
        for (index, head) in &added {
            directories.add(*index, head);
        }
        *ends = next;
        Ok(())
    }

    fn head(&self, index: u32) -> Result<Head, StoreError> {
        let mut bytes = [0; HEAD];
        read_at(&self.heads, &mut bytes, u64::from(index) * HEAD as u64, || "heads".into())?;
        Head::decode(&self.key, index, &bytes)
    }

    /// The bytes of a row.
    fn row(&self, index: u32, head: &Head) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; usize::try_from(head.row_len).map_err(broken)?];
        read_at(&self.rows, &mut bytes, head.row_at, || "rows".into())?;
        if check(&self.key, [&bytes, &[]]) != head.row_check {
            return Err(broken(format!("the row of entry {index} is damaged")));
        }
        Ok(bytes)
    }

    /// The row of an event.
    pub fn find(&self, id: &EventId) -> Result<Option<EventRow>, StoreError> {
        // There is mostly none, and hardly ever more than one.
        let candidates: Vec<u32> = self.directories().ids.candidates(&id.0).collect();
        for index in candidates {
            let head = self.head(index)?;
            if head.id != id.0 {
                continue;
            }
            let bytes = self.row(index, &head)?;
            return postcard::from_bytes(&bytes).map(Some).map_err(broken);
        }
        Ok(None)
    }

    fn last_with(&self, words: &[u8; WORDS]) -> Result<Option<u32>, StoreError> {
        if *words == NO_WORDS {
            return Ok(None);
        }
        let candidates: Vec<u32> = self.directories().words.candidates(words).collect();
        for index in candidates {
            if self.head(index)?.words == *words {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Entries whose words may have this digest, ascending. Only the beginning of the digest is compared.
    pub fn with_words(&self, digest: &Digest) -> Result<Vec<u64>, StoreError> {
        let mut found = Vec::new();
        let mut next = self.last_with(&words_of(Some(digest)))?;
        while let Some(index) = next {
            found.push(u64::from(index));
            let same = self.head(index)?.same;
            // It must be an earlier entry, so that this ends.
            next = Some(same).filter(|same| *same < index);
        }
        found.reverse();
        Ok(found)
    }

    /// Ids of all events, in the order of the log.
    pub fn ids(&self) -> impl Iterator<Item = Result<EventId, StoreError>> {
        let entries = self.ends().entries;
        (0..entries).map(|index| Ok(EventId(self.head(number(index)?)?.id)))
    }
}

fn number(index: u64) -> Result<u32, StoreError> {
    if index >= MAX_ENTRIES {
        return Err(broken(format!("it can't hold more than {MAX_ENTRIES} entries")));
    }
    u32::try_from(index).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::EventType, log::Detail};

    fn id(n: u64) -> EventId {
        EventId(*blake3::hash(&n.to_be_bytes()).as_bytes())
    }

    /// Every third event has no words; one in five commits to the same.
    fn row(n: u64) -> EventRow {
        let words = Digest(id(if n.is_multiple_of(5) { 7_000_000 } else { n + 1_000_000 }).0);
        EventRow {
            index: n,
            event_type: EventType::StatementMade,
            case: Some(id(0)),
            authors: vec![id(1); (n % 4) as usize],
            subjects: Vec::new(),
            content: (!n.is_multiple_of(3)).then_some(words),
            detail: Detail::None,
        }
    }

    fn open(dir: &Path) -> Events {
        Events::open(dir, fs::OpenOptions::new().read(true).write(true).create(true), &[7; 32]).unwrap()
    }

    fn add(events: &Events, from: u64, to: u64) {
        let rows: Vec<_> = (from..to).map(row).collect();
        let rows: Vec<_> = rows.iter().map(|r| (id(r.index), r)).collect();
        events.append(&rows, || Ok(())).unwrap();
    }

    fn holds(events: &Events, n: u64) {
        for i in 0..n {
            assert_eq!(events.find(&id(i)).unwrap(), Some(row(i)), "{i}");
            if let Some(words) = row(i).content {
                let same: Vec<u64> = (0..n).filter(|j| row(*j).content == Some(words)).collect();
                assert_eq!(events.with_words(&words).unwrap(), same, "{i}");
            }
        }
        for i in n..2 * n {
            assert_eq!(events.find(&id(i)).unwrap(), None, "{i}");
        }
        assert_eq!(events.with_words(&Digest([9; 32])).unwrap(), [] as [u64; 0]);
    }

    #[test]
    fn rows_of_events_are_found_at_once_and_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let events = open(dir.path());
        // Flushes of one and of many; directories grow from room for none.
        for (from, to) in [(0, 1), (1, 2), (2, 900), (900, 2_500)] {
            add(&events, from, to);
        }
        holds(&events, 2_500);
        let again = open(dir.path());
        again.load(2_500).unwrap();
        holds(&again, 2_500);
    }

    #[test]
    fn what_is_above_the_position_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        add(&open(dir.path()), 0, 40);
        let again = open(dir.path());
        again.load(25).unwrap();
        holds(&again, 25);
        add(&again, 25, 60);
        holds(&again, 60);
    }

    #[test]
    fn a_flush_that_does_not_count_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let events = open(dir.path());
        add(&events, 0, 10);
        let late = row(10);
        assert!(events.append(&[(id(10), &late)], || Err(broken("no"))).is_err());
        holds(&events, 10);
        add(&events, 10, 12);
        holds(&events, 12);
        let gap = row(13);
        assert!(events.append(&[(id(13), &gap)], || Ok(())).is_err(), "an entry is missing");
    }

    #[test]
    fn no_byte_of_it_is_read_as_something_else() {
        let dir = tempfile::tempdir().unwrap();
        add(&open(dir.path()), 0, 8);
        for name in ["heads", "rows"] {
            let path = dir.path().join(name);
            let good = fs::read(&path).unwrap();
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 1;
                fs::write(&path, &bad).unwrap();
                let events = open(dir.path());
                let found = events.load(8).and_then(|()| {
                    (0..8).map(|i| Ok(events.find(&id(i))? == Some(row(i)))).collect::<Result<Vec<_>, _>>()
                });
                assert!(found.is_err(), "{name}, byte {at}: {found:?}");
            }
            fs::write(&path, &good[..good.len() - 1]).unwrap();
            assert!(open(dir.path()).load(8).is_err(), "{name} cut short");
            fs::write(&path, &good).unwrap();
        }
    }
}
