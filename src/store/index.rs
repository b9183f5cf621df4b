//! The index: rows of the rules and lists of entries. A shadow of the log.
//!
//! Rows of events are written once, so they lie packed in files of their own ([`Events`]). What changes is in one
//! sled tree:
//!
//! ```text
//! row      its key (33 bytes)               -> the row
//! list     letter, id, first entry          -> entries of the list that one flush added, as differences
//! file     F, keyed hash, entry, place      -> nothing;     G, entry, place -> keyed hash of its digest
//! ```
//!
//! The position it reflects is written in the same batch as what it adds, so that after any crash it is
//! either whole up to some entry or rebuilt. sled 0.34's `flush` may not survive a power cut; nothing that
//! can't be rebuilt lives here. A list grows by one key a flush, not one an entry: sled is the slowest thing
//! an entry meets, and under load a flush holds thousands.

mod check;
mod directory;
mod error;
mod events;
mod listed;
mod lists;

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

use sled::Batch;

use self::{
    error::{broken, of_sled},
    events::Events,
    lists::Lists,
};
use super::{
    Doing as _, StoreError, disk,
    held::{self, Held},
};
use crate::{
    event::{Digest, EventId},
    generations::Generations,
    log::{EventRow, MemoryRows, Row, RowKey, Rows},
};

/// Changed when the meaning of what is stored changes; an index of another version is rebuilt.
const VERSION: &[u8] = b"onrecord index 8";

/// Where the key of files' hashes stands.
const FILE_KEY: &[u8] = b"Vfiles";

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

/// Rows and lists read or written lately. Keys of authors, parties and cases are asked for again and again, and of most
/// events there is no fate. Whoever reads from sled waits while a batch is written there.
struct RowCache {
    /// None where there is no row, as of most that are kept: a row stands outside the table.
    rows: Generations<RowKey, Option<Arc<Row>>>,
    /// All words that were ever withheld. The rules ask about the words of every event, and these are few, so that
    /// for others no page is read.
    blobs: HashSet<RowKey, foldhash::fast::RandomState>,
    lists: Lists,
    /// Counts additions to the index, so that nothing read before one is kept after it.
    generation: u64,
}

/// Rows kept in memory, half of them whatever is asked for.
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
    tree: Held<sled::Tree>,
    db: Held<sled::Db>,
    events: Events,
    /// For hashes of files' digests; another in each index.
    file_key: [u8; 32],
    /// Not if it is only looked at.
    is_ours_to_mend: bool,
    cache: Mutex<RowCache>,
    /// Where a copy lies, which goes with it. The last member, so that sled is closed before.
    _copy: Option<Aside>,
}

fn suffix(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|b| u64::from_be_bytes(*b))
}

/// Entries of one flush: the first stands in the key, then the differences.
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

/// Opens sled's files. sled lets go of its lock a moment after its last handle; the ledger's own lock is held
/// by now, so nobody else has them, and waiting is enough.
fn open_db(dir: &Path) -> Result<Held<sled::Db>, StoreError> {
    if SystemTime::now() < UNIX_EPOCH {
        // sled has no number for it. Its files are as good as they were.
        let source = io::Error::other("the clock shows a time before 1970; set it right (NTP)");
        return Err(StoreError::Io { what: format!("open {}", dir.display()), source });
    }
    let mut tries = 0;
    loop {
        let open = || sled::Config::new().path(dir).cache_capacity(CACHE).open();
        match held::caught(open).map_err(broken)? {
            Err(sled::Error::Io(e)) if tries < 100 && e.to_string().contains("acquire lock") => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(sled::Error::Io(source)) => {
                return Err(StoreError::Io { what: format!("open {}", dir.display()), source });
            }
            other => return other.map(Held::new).map_err(broken),
        }
    }
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
        // Nobody misses it, and nothing can be done about one that stays.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies what is in a folder; nothing if there is none.
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
    /// Opens the index in a folder. One that is damaged, or of another version, is emptied: a shadow is made anew. sled
    /// 0.34 can damage its files when the process is killed.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is removed where the system said no.
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

    /// Opens a copy of an index that lies on a disk which takes no writes: in memory, or else where programs keep what
    /// they need for a while. It holds what the index holds, and nothing that anybody wrote.
    ///
    /// # Errors
    /// [`StoreError`], of the last place that was tried.
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
        // sled would make its folders as the umask says.
        disk::create_dir_all(&dir.join("blobs")).doing(|| format!("create {}", dir.display()))?;
        let db = open_db(dir)?;
        let tree = Held::new(db.open_tree("index").map_err(of_sled)?);
        let file_key = match tree.get(FILE_KEY).map_err(of_sled)?.and_then(|k| k.as_ref().try_into().ok()) {
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
            Self { tree, db, events, file_key, is_ours_to_mend: true, cache: Mutex::default(), _copy: None };
        if this.tree.get(b"Vversion").map_err(of_sled)?.as_deref() != Some(VERSION) {
            this.clear()?;
        }
        this.load()?;
        Ok(this)
    }

    /// Takes into memory what is looked up there.
    fn load(&self) -> Result<(), StoreError> {
        self.events.load(self.position()?.map_or(0, |p| p.size))?;
        let blobs = self.tree.scan_prefix(b"b").keys().map(|key| {
            let key = key.map_err(of_sled)?;
            RowKey::from_bytes(&key).ok_or_else(|| broken("a key of a wrong length"))
        });
        self.cache().blobs = blobs.collect::<Result<_, StoreError>>()?;
        Ok(())
    }

    /// Empties the index.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.tree.clear().map_err(of_sled)?;
        self.events.clear()?;
        *self.cache() = RowCache::default();
        self.tree.insert(FILE_KEY, &self.file_key).map_err(of_sled)?;
        self.tree.insert(b"Vversion", VERSION).map_err(of_sled)?;
        Ok(())
    }

    pub fn position(&self) -> Result<Option<IndexPosition>, StoreError> {
        let value = self.tree.get(b"Vposition").map_err(of_sled)?;
        Ok(value.and_then(|v| {
            let (size, last) = v.split_first_chunk::<8>()?;
            Some(IndexPosition { size: u64::from_be_bytes(*size), last: Digest(last.try_into().ok()?) })
        }))
    }

    fn cache(&self) -> MutexGuard<'_, RowCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows and entries, with the position they bring the index to, all or nothing. The entries are those
    /// that come next, each with the row of its event.
    pub fn add(&self, rows: &MemoryRows, listed: &[Listed], to: IndexPosition) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let mut events: Vec<(EventId, &EventRow)> = Vec::with_capacity(listed.len());
        for (key, row) in rows.iter() {
            match (row, key.event_id()) {
                (Row::Event(row), Some(id)) => events.push((id, row)),
                _ => batch.insert(key.as_bytes(), postcard::to_stdvec(row).map_err(broken)?),
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
            batch.insert([by.prefix(), first.to_be_bytes().to_vec()].concat(), encode_list(entries)?);
        }
        batch.insert(b"Vposition", [&to.size.to_be_bytes()[..], &to.last.0].concat());
        self.events.append(&events, || {
            self.cache().generation += 1;
            let added = self.tree.apply_batch(batch).map_err(of_sled);
            let mut cache = self.cache();
            cache.generation += 1;
            // If it failed, nobody knows what of the batch is there.
            if added.is_err() {
                (cache.lists, cache.rows) = (Lists::default(), Generations::new(CACHED_ROWS));
                return added;
            }
            lists.iter().for_each(|(by, entries)| cache.lists.add(by, entries));
            // What happens to an event is on record after it.
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

    /// Whether no entry before this one, added or being added, is of the same author and speaks of the event.
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
            batch.insert(file_key(&hash, f.index, f.position), &[]);
            batch.insert(place_key(f.index, f.position), &hash);
        }
    }

    /// Adds files that are named by words which came after their entry.
    pub fn add_files(&self, files: &[ListedFile]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        self.insert_files(&mut batch, files);
        self.tree.apply_batch(batch).map_err(of_sled)
    }

    /// All entries of a list, in order; nothing if there are many.
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

    /// Entries of a list within a range, in order, as many as are asked for.
    pub fn list(
        &self,
        by: By,
        range: RangeInclusive<u64>,
        descending: bool,
    ) -> Result<impl Iterator<Item = Result<u64, StoreError>> + use<>, StoreError> {
        let prefix = by.prefix();
        let key = |n: u64| [prefix.as_slice(), &n.to_be_bytes()].concat();
        // The flush in which the range begins may have begun before it.
        let before =
            self.tree.range(key(0)..=key(*range.start())).next_back().transpose().map_err(of_sled)?;
        let from = before.map_or_else(|| key(*range.start()), |(k, _)| k.to_vec());
        let to = key(*range.end());
        // An empty range whose start is above its end would make sled panic.
        let mut flushes = (from <= to).then(|| self.tree.range(from..=to));
        let mut entries = Vec::new().into_iter();
        Ok(std::iter::from_fn(move || {
            loop {
                if let Some(n) = entries.next() {
                    return Some(Ok(n));
                }
                let flushes = flushes.as_mut()?;
                let next = if descending { flushes.next_back() } else { flushes.next() }?;
                match next.map_err(of_sled).and_then(|(k, v)| decode_list(&k, &v)) {
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

    /// Entries whose words may have a digest, ascending: of the digest, the head alone is compared.
    pub fn with_content(&self, digest: &Digest) -> Result<Vec<u64>, StoreError> {
        self.events.with_words(digest)
    }

    fn file_hash(&self, digest: &Digest) -> [u8; 32] {
        *blake3::keyed_hash(&self.file_key, &digest.0).as_bytes()
    }

    /// Places in entries whose words name a file: index and number.
    pub fn with_file(&self, digest: &Digest) -> Result<Vec<(u64, u32)>, StoreError> {
        let place = |key: &[u8]| {
            let (rest, position) = key.split_last_chunk::<4>()?;
            Some((suffix(rest)?, u32::from_be_bytes(*position)))
        };
        self.tree
            .scan_prefix([&b"F"[..], &self.file_hash(digest)].concat())
            .map(|r| r.map_err(of_sled).and_then(|(k, _)| place(&k).ok_or_else(|| broken("a short key"))))
            .collect()
    }

    /// Forgets those files of an entry of which that is asked, by number.
    pub fn drop_files(&self, index: u64, is_gone: impl Fn(u32) -> bool) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for place in self.tree.scan_prefix([&b"G"[..], &index.to_be_bytes()].concat()) {
            let (key, hash) = place.map_err(of_sled)?;
            let position = key.last_chunk::<4>().map(|b| u32::from_be_bytes(*b));
            let position = position.ok_or_else(|| broken("a short key"))?;
            if is_gone(position) {
                batch.remove(file_key(&hash, index, position));
                batch.remove(key);
            }
        }
        self.tree.apply_batch(batch).map_err(of_sled)
    }

    /// A row, or why it can't be read.
    pub fn read_row(&self, key: &RowKey) -> Result<Option<Row>, StoreError> {
        if let Some(id) = key.event_id() {
            return Ok(self.events.find(&id)?.map(|row| Row::Event(Arc::new(row))));
        }
        let value = self.tree.get(key.as_bytes()).map_err(of_sled)?;
        value.map(|v| postcard::from_bytes(&v).map_err(broken)).transpose()
    }

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
        // A row that can't be read must not be taken as absent.
        let row = self.read_row(key).unwrap_or_else(|e| self.give_up(&e));
        let mut cache = self.cache();
        // That an event is not there is known without asking sled, and changes.
        if cache.generation == generation && (row.is_some() || key.event_id().is_none()) {
            cache.put(*key, row.clone());
        }
        row
    }

    /// The index can't be read: nothing decided without it could be trusted. The log is whole, and the next start makes
    /// a damaged index anew.
    fn give_up(&self, e: &StoreError) -> ! {
        if matches!(e, StoreError::Broken(_)) && self.is_ours_to_mend {
            self.events.unlink();
        }
        tracing::error!(error = %e, "the index can't be read; the program stops. Check the disk. A damaged index is made anew at the next start");
        std::process::abort()
    }

    /// Writes all to disk.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(of_sled)
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
        let garbled =
            [("db", vec![0xa5; 4_096]), ("db", Vec::new()), ("conf", b"another program's".to_vec())];
        for (name, bytes) in garbled {
            filled();
            fs::write(dir.join(name), &bytes).unwrap();
            let index = Index::open(&dir).unwrap_or_else(|e| panic!("{name}, {} bytes: {e}", bytes.len()));
            assert_eq!(index.position().unwrap(), None, "{name}, {} bytes", bytes.len());
        }
        fs::remove_dir_all(&dir).unwrap();
        fs::write(&dir, "no folder").unwrap();
        assert!(matches!(Index::open(&dir), Err(StoreError::Io { .. })));
        assert_eq!(fs::read_to_string(&dir).unwrap(), "no folder");
    }
}
