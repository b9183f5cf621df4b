//! The index: rows of the rules and lists of entries. A shadow of the log.
//!
//! Rows of events are written once, so they lie packed in files of their own ([`Events`]). What changes is in one
//! [`Table`]:
//!
//! ```text
//! row      its key (33 bytes)               -> the row
//! list     letter, id, first entry          -> entries of the list that one flush added, as differences
//! file     F, keyed hash, entry, place      -> nothing;     G, entry, place -> keyed hash of its digest
//! ```
//!
//! The position that the index reflects is written in the same batch as what it adds, so that after any crash the index
//! is either whole up to some entry or made anew. A power cut may take what was flushed, so nothing that can't be made
//! anew lives here. A list grows by one key a flush, not one an entry: the table is the slowest thing that an entry
//! meets, and under load a flush holds thousands of entries.

mod check;
mod directory;
mod error;
mod events;
mod listed;
mod lists;
mod table;

pub(crate) use listed::{By, Listed, ListedFile};

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    ops::RangeInclusive,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use self::{
    error::broken,
    events::Events,
    lists::Lists,
    table::{Batch, Table},
};
use super::{Doing as _, StoreError, disk};
use crate::{
    event::{Digest, EventId},
    generations::Generations,
    log::{EventRow, MemoryRows, Row, RowKey, Rows},
};

/// Changed when the meaning of what is stored changes; an index of another version is rebuilt.
const VERSION: &[u8] = b"onrecord index 8";

/// Where the key for hashes of files' digests is kept.
const FILE_KEY: &[u8] = b"Vfiles";

/// How far the index has followed the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexPosition {
    /// How many entries it reflects.
    pub size: u64,
    /// Chain hash of the last of them.
    pub last: Digest,
}

/// Rows and lists that were read or written lately. Rows of authors, parties and cases are asked for again and again, and
/// so is the fate of events, of which most have none. A read from the table may have to wait while a batch is written
/// there.
struct RowCache {
    /// `None` if there is no row, which is so for most keys here. Rows are allocated apart, so that such a place stays
    /// small.
    rows: Generations<RowKey, Option<Arc<Row>>>,
    /// Keys of all words that were ever withheld. They are few, and the rules ask about the words of every event: for
    /// other words the table is not asked.
    blobs: HashSet<RowKey, foldhash::fast::RandomState>,
    lists: Lists,
    /// Counts additions to the index. What was read before an addition is not kept after it.
    generation: u64,
}

/// The most rows that are kept in memory. The latest half of them are kept whatever is asked for.
const CACHED_ROWS: usize = 1 << 17;

impl Default for RowCache {
    fn default() -> Self {
        Self {
            rows: Generations::new(CACHED_ROWS),
            blobs: HashSet::default(),
            lists: Lists::default(),
            generation: 0,
        }
    }
}

impl RowCache {
    fn put(&mut self, key: RowKey, row: Option<Row>) {
        self.rows.put(key, row.map(Arc::new), 1);
    }
}

pub(crate) struct Index {
    table: Table,
    events: Events,
    /// The key for hashes of files' digests. Each index has its own.
    file_key: [u8; 32],
    /// False if the index is only looked at.
    is_ours_to_mend: bool,
    cache: Mutex<RowCache>,
    /// The folder of a copy, which is removed with it. The last member, so that the table is closed before.
    _copy: Option<Aside>,
}

/// The number in the last 8 bytes of a key.
fn suffix(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|b| u64::from_be_bytes(*b))
}

/// The entries of a list that one flush added, as differences from one to the next. The first stands in the key.
fn encode_list(entries: &[u64]) -> Result<Vec<u8>, StoreError> {
    let differences: Vec<u64> = entries.windows(2).map(|w| w[1] - w[0]).collect();
    postcard::to_stdvec(&differences).map_err(broken)
}

fn decode_list(key: &[u8], value: &[u8]) -> Result<Vec<u64>, StoreError> {
    let mut at = suffix(key).ok_or_else(|| broken("a short key"))?;
    let differences: Vec<u64> = postcard::from_bytes(value).map_err(broken)?;
    let mut out = Vec::with_capacity(differences.len() + 1);
    out.push(at);
    for d in differences {
        at = at.saturating_add(d);
        out.push(at);
    }
    Ok(out)
}

fn file_key(hash: &[u8], index: u64, position: u32) -> Vec<u8> {
    [&b"F"[..], hash, &index.to_be_bytes(), &position.to_be_bytes()].concat()
}

fn place_key(index: u64, position: u32) -> Vec<u8> {
    [&b"G"[..], &index.to_be_bytes(), &position.to_be_bytes()].concat()
}

/// Refuses a clock before 1970, for which the table's engine may have no number. Its files are as good as they were.
fn check_clock(dir: &Path) -> Result<(), StoreError> {
    if SystemTime::now() < UNIX_EPOCH {
        let source = io::Error::other("the clock shows a time before 1970; set it right (NTP)");
        return Err(StoreError::Io { what: format!("open {}", dir.display()), source });
    }
    Ok(())
}

/// A folder that is removed when dropped.
struct Aside(PathBuf);

impl Aside {
    /// Copies an index into a new folder, which only this user can read.
    fn copy_of(dir: &Path, place: &Path) -> Result<Self, StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(broken)?;
        let this = Self(place.join(format!("onrecord-index-{:016x}", u64::from_be_bytes(random))));
        let copied =
            fs::DirBuilder::new().mode(0o700).create(&this.0).and_then(|()| copy_folder(dir, &this.0));
        copied.doing(|| format!("copy the index to {}", this.0.display()))?;
        Ok(this)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Nobody misses it. If it can't be removed, nothing can be done about that here.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies what a folder holds. One that is missing holds nothing.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            disk::create_dir_all(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

impl Index {
    /// Opens the index in a folder, and empties it if it is damaged or of another version: a shadow can be made anew. A kill
    /// of the process may be enough to damage it.
    ///
    /// # Errors
    /// [`StoreError`]. Nothing is removed if the system said no.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        match Self::open_whole(dir) {
            Err(StoreError::Broken(why)) => {
                tracing::warn!(why, "the index is damaged; it is made anew");
                fs::remove_dir_all(dir).doing(|| format!("remove {}", dir.display()))?;
                Self::open_whole(dir)
            }
            other => other,
        }
    }

    /// Opens a copy of an index that lies on a disk which takes no writes. The copy is made in memory, or else in the folder
    /// for temporary files. It holds what the index holds, and so nothing that anybody wrote.
    ///
    /// # Errors
    /// [`StoreError`] of the last place that was tried.
    pub fn open_copy(dir: &Path) -> Result<Self, StoreError> {
        let places = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
        let mut tried = Err(broken("there is no place for a copy"));
        for place in places {
            tried = Aside::copy_of(dir, &place).and_then(|copy| {
                let this = Self::open(&copy.0)?;
                Ok(Self { _copy: Some(copy), ..this })
            });
            match &tried {
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, place = %place.display(), "no copy of the index can be made here")
                }
            }
        }
        tried
    }

    fn open_whole(dir: &Path) -> Result<Self, StoreError> {
        check_clock(dir)?;
        let table = Table::create(dir)?;
        let file_key = match table.get(FILE_KEY)?.and_then(|key| (*key).try_into().ok()) {
            Some(key) => key,
            None => {
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(broken)?;
                key
            }
        };
        let events = Events::open(
            dir,
            fs::OpenOptions::new().read(true).write(true).create(true).mode(0o640),
            &file_key,
        )?;
        let this =
            Self { table, events, file_key, is_ours_to_mend: true, cache: Mutex::default(), _copy: None };
        if this.table.get(b"Vversion")?.as_deref() != Some(VERSION) {
            this.clear()?;
        }
        this.load()?;
        Ok(this)
    }

    /// Reads what is kept in memory: the directory of events, and the keys of words that were withheld.
    fn load(&self) -> Result<(), StoreError> {
        self.events.load(self.position()?.map_or(0, |p| p.size))?;
        let blobs = self.table.with_prefix(b"b").map(|pair| {
            let (key, _) = pair?;
            RowKey::from_bytes(&key).ok_or_else(|| broken("a key of a wrong length"))
        });
        self.cache().blobs = blobs.collect::<Result<_, StoreError>>()?;
        Ok(())
    }

    /// Empties the index, and keeps its key.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.table.clear()?;
        self.events.clear()?;
        *self.cache() = RowCache::default();
        let mut batch = Batch::default();
        batch.put(FILE_KEY, &self.file_key);
        batch.put(b"Vversion", VERSION);
        self.table.apply(batch)
    }

    /// How far the index has followed the log; `None` if it is empty.
    pub fn position(&self) -> Result<Option<IndexPosition>, StoreError> {
        let value = self.table.get(b"Vposition")?;
        Ok(value.and_then(|v| {
            let (size, last) = v.split_first_chunk::<8>()?;
            Some(IndexPosition { size: u64::from_be_bytes(*size), last: Digest(last.try_into().ok()?) })
        }))
    }

    fn cache(&self) -> MutexGuard<'_, RowCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows and entries together with the position that they bring the index to, all or nothing. The entries are the
    /// next ones, each with the row of its event.
    pub fn add(&self, rows: &MemoryRows, listed: &[Listed], to: IndexPosition) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let mut events: Vec<(EventId, &EventRow)> = Vec::with_capacity(listed.len());
        for (key, row) in rows.iter() {
            match (row, key.event_id()) {
                (Row::Event(row), Some(id)) => events.push((id, row)),
                _ => batch.put(key.as_bytes(), &postcard::to_stdvec(row).map_err(broken)?),
            }
        }
        events.sort_unstable_by_key(|(_, row)| row.index);
        let mut lists: HashMap<By, Vec<u64>, foldhash::fast::RandomState> = HashMap::default();
        for l in listed {
            for by in By::all_of(l) {
                lists.entry(by).or_default().push(l.index);
            }
            self.insert_files(&mut batch, &l.files);
        }
        for l in listed {
            for id in l.speaks_of() {
                if self.is_first(&lists, &id, l)? {
                    lists.entry(By::Firsts(id)).or_default().push(l.index);
                }
            }
            for by in By::first_of(l) {
                if !lists.contains_key(&by) && self.whole(by)?.is_some_and(|list| list.is_empty()) {
                    lists.insert(by, vec![l.index]);
                }
            }
        }
        for (by, entries) in &lists {
            let Some(first) = entries.first() else { continue };
            batch.put(&[by.prefix().as_slice(), &first.to_be_bytes()].concat(), &encode_list(entries)?);
        }
        batch.put(b"Vposition", &[&to.size.to_be_bytes()[..], &to.last.0].concat());
        self.events.append(&events, || {
            self.cache().generation += 1;
            let added = self.table.apply(batch);
            let mut cache = self.cache();
            cache.generation += 1;
            // After an error, nobody knows whether the batch is there.
            if added.is_err() {
                (cache.lists, cache.rows) = (Lists::default(), Generations::new(CACHED_ROWS));
                return added;
            }
            lists.iter().for_each(|(by, entries)| cache.lists.add(by, entries));
            // An event has no fate yet: what happens to it is recorded after it.
            for (id, _) in &events {
                cache.put(RowKey::fate(id), None);
            }
            for (key, row) in rows.iter().filter(|(_, row)| !matches!(row, Row::Event(_))) {
                if matches!(row, Row::Blob(_)) {
                    cache.blobs.insert(*key);
                }
                cache.put(*key, Some(row.clone()));
            }
            added
        })
    }

    /// Whether no earlier entry by the same author, added before or in `adding`, mentions or rechecks the event.
    fn is_first(
        &self,
        adding: &HashMap<By, Vec<u64>, foldhash::fast::RandomState>,
        id: &EventId,
        listed: &Listed,
    ) -> Result<bool, StoreError> {
        for by in [By::Mention(*id, listed.author), By::Recheck(*id, listed.author)] {
            let before = adding.get(&by).and_then(|entries| entries.first());
            if before.is_some_and(|first| *first < listed.index)
                || self.list(by, 0..=listed.index, false)?.next().transpose()?.is_some()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn insert_files(&self, batch: &mut Batch, files: &[ListedFile]) {
        for f in files {
            let hash = self.file_hash(&f.blake3);
            batch.put(&file_key(&hash, f.index, f.position), &[]);
            batch.put(&place_key(f.index, f.position), &hash);
        }
    }

    /// Adds files named by words that arrived after their entry.
    pub fn add_files(&self, files: &[ListedFile]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        self.insert_files(&mut batch, files);
        self.table.apply(batch)
    }

    /// All entries of a list, in order; `None` if there are too many to be kept in memory.
    pub fn whole(&self, by: By) -> Result<Option<Arc<Vec<u64>>>, StoreError> {
        let generation = {
            let mut cache = self.cache();
            if let Some(kept) = cache.lists.get(&by) {
                return Ok(kept);
            }
            cache.generation
        };
        let read = self.list(by, 0..=u64::MAX, false)?.take(Lists::asked());
        let list = read.collect::<Result<Vec<u64>, _>>()?;
        let mut cache = self.cache();
        if cache.generation == generation {
            return Ok(cache.lists.put(by, list));
        }
        Ok((list.len() < Lists::asked()).then(|| Arc::new(list)))
    }

    /// Entries of a list within a range, in order. They are read as the iterator goes on.
    pub fn list(
        &self,
        by: By,
        range: RangeInclusive<u64>,
        descending: bool,
    ) -> Result<impl Iterator<Item = Result<u64, StoreError>> + use<>, StoreError> {
        let prefix = by.prefix();
        let key = |n: u64| [prefix.as_slice(), &n.to_be_bytes()].concat();
        // The range may begin in the middle of a flush, whose key is that of its first entry.
        let before = self.table.range(&key(0), &key(*range.start())).next_back().transpose()?;
        let from = before.map_or_else(|| key(*range.start()), |(k, _)| k.to_vec());
        let mut flushes = self.table.range(&from, &key(*range.end()));
        let mut entries = Vec::new().into_iter();
        Ok(std::iter::from_fn(move || {
            loop {
                if let Some(n) = entries.next() {
                    return Some(Ok(n));
                }
                let next = if descending { flushes.next_back() } else { flushes.next() }?;
                match next.and_then(|(k, v)| decode_list(&k, &v)) {
                    Err(e) => return Some(Err(e)),
                    Ok(mut flush) => {
                        flush.retain(|n| range.contains(n));
                        if descending {
                            flush.reverse();
                        }
                        entries = flush.into_iter();
                    }
                }
            }
        }))
    }

    /// Entries whose words may have this digest, ascending. Only the beginning of the digest is compared.
    pub fn with_content(&self, digest: &Digest) -> Result<Vec<u64>, StoreError> {
        self.events.with_words(digest)
    }

    fn file_hash(&self, digest: &Digest) -> [u8; 32] {
        *blake3::keyed_hash(&self.file_key, &digest.0).as_bytes()
    }

    /// Where words name a file: the entry's index, and the number of the file there.
    pub fn with_file(&self, digest: &Digest) -> Result<Vec<(u64, u32)>, StoreError> {
        let place = |key: &[u8]| {
            let (rest, position) = key.split_last_chunk::<4>()?;
            Some((suffix(rest)?, u32::from_be_bytes(*position)))
        };
        self.table
            .with_prefix(&[&b"F"[..], &self.file_hash(digest)].concat())
            .map(|pair| pair.and_then(|(k, _)| place(&k).ok_or_else(|| broken("a short key"))))
            .collect()
    }

    /// Forgets the files of an entry for whose number `is_gone` says so.
    pub fn drop_files(&self, index: u64, is_gone: impl Fn(u32) -> bool) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for place in self.table.with_prefix(&[&b"G"[..], &index.to_be_bytes()].concat()) {
            let (key, hash) = place?;
            let position = key.last_chunk::<4>().map(|b| u32::from_be_bytes(*b));
            let position = position.ok_or_else(|| broken("a short key"))?;
            if is_gone(position) {
                batch.remove(&file_key(&hash, index, position));
                batch.remove(&key);
            }
        }
        self.table.apply(batch)
    }

    /// A row. Rows in memory are not looked at.
    pub fn read_row(&self, key: &RowKey) -> Result<Option<Row>, StoreError> {
        if let Some(id) = key.event_id() {
            return Ok(self.events.find(&id)?.map(|row| Row::Event(Arc::new(row))));
        }
        let value = self.table.get(key.as_bytes())?;
        value.map(|v| postcard::from_bytes(&v).map_err(broken)).transpose()
    }

    /// A row, from memory or from disk. If it can't be read, the program ends.
    pub fn get(&self, key: &RowKey) -> Option<Row> {
        let generation = {
            let mut cache = self.cache();
            if key.is_blob() && !cache.blobs.contains(key) {
                return None;
            }
            if let Some(known) = cache.rows.get(key) {
                return known.as_deref().cloned();
            }
            cache.generation
        };
        // A row that can't be read must not be taken for one that is not there.
        let row = self.read_row(key).unwrap_or_else(|e| self.give_up(&e));
        let mut cache = self.cache();
        // That an event is not there is known from the directory in memory, and changes: it is not kept.
        if cache.generation == generation && (row.is_some() || key.event_id().is_none()) {
            cache.put(*key, row.clone());
        }
        row
    }

    /// Ends the program, since the index can't be read and nothing decided without it could be trusted. The log is whole,
    /// and the next start makes a damaged index anew.
    fn give_up(&self, e: &StoreError) -> ! {
        if matches!(e, StoreError::Broken(_)) && self.is_ours_to_mend {
            self.events.unlink();
        }
        tracing::error!(error = %e, "the index can't be read; the program stops. Check the disk. A damaged index is made anew at the next start");
        std::process::abort()
    }

    /// Writes all that was added to disk.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.table.flush()
    }
}

impl Rows for Index {
    fn row(&self, key: &RowKey) -> Option<Row> {
        self.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventType;

    #[test]
    fn a_row_that_was_not_there_is_found_once_it_is() {
        let tmp = tempfile::tempdir().unwrap();
        let index = Index::open(&tmp.path().join("index")).unwrap();
        let (id, other) = (EventId([1; 32]), EventId([2; 32]));
        let row = EventRow {
            index: 0,
            event_type: EventType::StatementMade,
            case: None,
            authors: Vec::new(),
            subjects: Vec::new(),
            content: None,
            detail: crate::log::Detail::None,
        };
        let keys = [RowKey::event(&id), RowKey::fate(&id), RowKey::thread(&id), RowKey::fate(&other)];
        let found = || keys.map(|key| index.get(&key).is_some());
        assert_eq!(found(), [false; 4]);
        let mut rows = MemoryRows::default();
        rows.put([(keys[0], Row::Event(Arc::new(row))), (keys[2], Row::Thread(1))]);
        index.add(&rows, &[], IndexPosition { size: 1, last: Digest([7; 32]) }).unwrap();
        assert_eq!(found(), [true, false, true, false]);
        let mut rows = MemoryRows::default();
        rows.put([(keys[1], Row::Fate(crate::log::Fate::default()))]);
        index.add(&rows, &[], IndexPosition { size: 1, last: Digest([7; 32]) }).unwrap();
        assert_eq!(found(), [true, true, true, false]);
    }

    #[test]
    fn a_damaged_index_is_emptied_and_one_that_cant_be_read_is_left_alone() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("index");
        let to = IndexPosition { size: 0, last: Digest([7; 32]) };
        let filled = || {
            let index = Index::open(&dir).unwrap();
            index.add(&MemoryRows::default(), &[], to).unwrap();
            index.flush().unwrap();
        };
        filled();
        assert_eq!(Index::open(&dir).unwrap().position().unwrap(), Some(to));
        for (name, bytes) in table::GARBLED {
            filled();
            fs::write(dir.join(name), bytes).unwrap();
            let index = Index::open(&dir).unwrap_or_else(|e| panic!("{name}, {} bytes: {e}", bytes.len()));
            assert_eq!(index.position().unwrap(), None, "{name}, {} bytes", bytes.len());
        }
        fs::remove_dir_all(&dir).unwrap();
        fs::write(&dir, "no folder").unwrap();
        assert!(matches!(Index::open(&dir), Err(StoreError::Io { .. })));
        assert_eq!(fs::read_to_string(&dir).unwrap(), "no folder");
    }
}
