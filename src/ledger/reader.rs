//! Reading what is on record. No reader waits for the writer.

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    ops::{Range, RangeInclusive},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use super::{
    LedgerError,
    cosigned::{AskOutcome, Cosigned, Witnessed},
    folder::Folder,
    footprint::{Changes, Footprint},
    offsets::Offsets,
    overlay::Overlay,
    partial_tile::PartialTile,
    recent::{ItemWords, Recent},
    scrub::Scrubbed,
    sound::{Name, Sound, SoundFile},
    timestamped::{self, StampedCheckpoint, Timestamped},
    upload::Uploads,
    withholding::{Marks, is_closed, listed_files},
};
use crate::{
    event::{Act, Content, ContentRef, Digest, Event, EventId, EventType, Position},
    generations::Generations,
    log::{
        Entry, EventRow, Fate, Hash, Header, KeyRow, NodeReader, PartyRow, PathError, Row, RowKey, Rows,
        SignedCheckpoint, TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath, Time, TlogProof, Words,
        consistency_path, decode_bundle, decode_contents, decode_hashes, encode_bundle, encode_contents,
        encode_hashes, inclusion_path, leaf_hash, node_in_tile, tile_of_node,
    },
    note::{Origin, VerifyingKey},
    store::{
        StoreError,
        disk::{AtHand, Disk},
        index::{By, Index, Listed, ListedFile},
    },
};

const WIDTH: u64 = TILE_WIDTH as u64;
/// Full tiles and bundles kept in memory, and bytes of them: a bundle can have 16 MiB.
const CACHED_TILES: usize = 64;
const CACHED_TILE_BYTES: usize = 32 << 20;
/// Bytes of full tiles of hashes kept in memory: those of half a million entries.
const CACHED_HASHES: usize = 16 << 20;

/// Why something was not read. A fault is for the log of the operator, not for strangers.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed, or holds what it must not.
    #[error("{0}")]
    Fault(String),
    /// What lies on the disk is not what was put there.
    #[error("{0}")]
    Damaged(String),
    /// No fault: a request asked for more than one request may read, or took too long.
    #[error("a request has read all that one may read")]
    Spent,
}

impl From<StoreError> for ReadError {
    fn from(e: StoreError) -> Self {
        Self::Fault(e.to_string())
    }
}

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
    /// Signed by this party, or naming it in a ref; its registration included. Any other event's id lists
    /// what names that event.
    pub party: Option<EventId>,
    /// Recorded at or after this time.
    pub since: Option<Time>,
    /// Recorded before this time.
    pub until: Option<Time>,
}

/// Tiles read lately, by path; the oldest goes first.
#[derive(Debug, Default)]
struct TileCache(VecDeque<(TilePath, Arc<[u8]>)>);

impl TileCache {
    fn get(&self, path: &TilePath) -> Option<Arc<[u8]>> {
        self.0.iter().find(|(p, _)| p == path).map(|(_, b)| b.clone())
    }
    fn put(&mut self, path: TilePath, bytes: Arc<[u8]>) {
        self.0.push_back((path, bytes));
        let bytes = |cache: &Self| cache.0.iter().map(|(_, b)| b.len()).sum::<usize>();
        while self.0.len() > CACHED_TILES || bytes(self) > CACHED_TILE_BYTES {
            self.0.pop_front();
        }
    }
}

/// What writer and readers share.
pub(crate) struct Shared {
    pub origin: Origin,
    pub log_key: VerifyingKey,
    pub folder: Folder,
    pub disk: Arc<dyn Disk>,
    pub recent: RwLock<Recent>,
    pub overlay: RwLock<Overlay>,
    pub index: Index,
    pub uploads: Arc<Uploads>,
    pub marks: Marks,
    /// How many entries readers see, told after each batch.
    pub committed: watch::Sender<u64>,
    /// The checkpoint in `public/`, told after each publication.
    pub published: watch::Sender<Option<Arc<SignedCheckpoint>>>,
    pub cosigned: Cosigned,
    pub timestamped: Timestamped,
    cache: Mutex<TileCache>,
    /// Full tiles of hashes, by which entries are known.
    hashes: Mutex<Generations<TilePath, Arc<[u8]>>>,
    pub(super) sound: Arc<Sound>,
    offsets: Offsets,
    /// When each thing that readers ask for last changed.
    pub changes: Changes,
    /// How often readers asked.
    pub reads: AtomicU64,
    pub scrubbed: Scrubbed,
    /// Entries whose words came later, for those who keep something of words.
    pub late: Mutex<BTreeSet<u64>>,
    /// Whether words may be missing: see [`Options`](super::Options).
    pub lacks_words: bool,
    /// Whether this is a copy of what another signs.
    pub is_mirror: bool,
    /// Who could not be asked at the start whether entries are missing here.
    pub unconfirmed: Mutex<Option<String>>,
    /// Held as long as anything of the ledger is in use.
    _lock: std::fs::File,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Shared {
    pub fn new(
        (origin, log_key): (Origin, VerifyingKey),
        (folder, disk, lock): (Folder, Arc<dyn Disk>, std::fs::File),
        recent: Recent,
        index: Index,
        (uploads, marks): (Arc<Uploads>, Marks),
        cosigned: Cosigned,
    ) -> Self {
        let (committed, _) = watch::channel(recent.size());
        Self {
            origin,
            log_key,
            folder,
            disk,
            committed,
            published: watch::Sender::new(None),
            cosigned,
            timestamped: Timestamped::default(),
            recent: RwLock::new(recent),
            overlay: RwLock::default(),
            index,
            uploads,
            marks,
            cache: Mutex::default(),
            hashes: Mutex::new(Generations::new(CACHED_HASHES)),
            sound: Arc::default(),
            offsets: Offsets::default(),
            changes: Changes::default(),
            reads: AtomicU64::new(0),
            scrubbed: Scrubbed::default(),
            late: Mutex::default(),
            lacks_words: false,
            is_mirror: false,
            unconfirmed: Mutex::default(),
            _lock: lock,
        }
    }

    pub fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A full tile from disk, or from memory. Of hashes and entries it is the one that the tree has. Words are as they lie
    /// there: whoever reads them holds them against what their entries commit to. They change when words are withheld, so
    /// their tiles are not kept.
    pub fn full_tile(&self, path: TilePath) -> Result<Arc<[u8]>, ReadError> {
        let cache = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let hashes = || self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match path.kind() {
            TileKind::Contents => None,
            TileKind::Entries => cache().get(&path),
            TileKind::Hashes { .. } => hashes().get(&path).cloned(),
        };
        if let Some(bytes) = kept {
            return Ok(bytes);
        }
        let file = self.folder.tile(&path);
        let bytes: Arc<[u8]> = match self.disk.read(&file) {
            Ok(Some(bytes)) => bytes.into(),
            Ok(None) => return Err(self.damaged(&path.to_string(), "missing")),
            Err(e) => return Err(ReadError::Fault(format!("read {}: {e}", file.display()))),
        };
        match path.kind() {
            TileKind::Contents => {}
            TileKind::Entries => {
                self.check_tile(&path, &bytes)?;
                cache().put(path, bytes.clone());
            }
            TileKind::Hashes { .. } => {
                self.check_tile(&path, &bytes)?;
                hashes().put(path, bytes.clone(), bytes.len());
            }
        }
        Ok(bytes)
    }

    pub fn entry(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        {
            let recent = self.recent();
            if index >= recent.size() {
                return Ok(None);
            }
            if let Some(item) = recent.item(index) {
                return Ok(Some(item.entry.clone()));
            }
        }
        let (path, item) = (full(TileKind::Entries, index / WIDTH)?, index % WIDTH);
        // A bundle never changes, but it may rot: then it is looked at as a whole, and what is wrong is told.
        if let Some(bytes) = self.item(&path, item)?
            && let Some(entry) = bytes.get(2..)
            && self.node(0, index)? == leaf_hash(entry)
        {
            return Ok(Some(Arc::from(entry)));
        }
        let bytes = self.full_tile(path)?;
        let entries =
            decode_bundle(&bytes, TILE_WIDTH).map_err(|e| self.damaged(&path.to_string(), &e.to_string()))?;
        self.offsets.put_entries(path, &entries);
        Ok(entries.get(item as usize).map(|e| Arc::from(*e)))
    }

    /// An item of a full tile with its length before it, read by where such tiles had it; `None` if that is not known,
    /// or nothing is there any more.
    fn item(&self, path: &TilePath, item: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(range) = self.offsets.range(path, item) else { return Ok(None) };
        let file = self.folder.tile(path);
        let read = self.disk.read_range(&file, range);
        read.map_err(|e| ReadError::Fault(format!("read {}: {e}", file.display())))
    }

    /// Words that are stored, if the entry committed to them. They are read by where they were, then by taking apart
    /// their tile, which may have been written anew since.
    fn committed_words(&self, index: u64, committed: &ContentRef) -> Result<Option<Arc<[u8]>>, ReadError> {
        // One guard: whoever holds one and asks for another waits for a writer that waits for it.
        let settled = {
            let recent = self.recent();
            index < recent.start && !recent.pending.contains_key(&index)
        };
        if settled {
            let path = full(TileKind::Contents, index / WIDTH)?;
            let item = self.item(&path, index % WIDTH)?;
            if let Some(words) = item.as_deref().and_then(|i| i.get(4..)).filter(|w| committed.matches(w)) {
                return Ok(Some(words.into()));
            }
        }
        Ok(self.stored_words(index)?.filter(|words| committed.matches(words)))
    }

    /// The words of an entry as they are stored, whatever the log says about them.
    pub fn stored_words(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        {
            let recent = self.recent();
            if let Some(Some(words)) = recent.pending.get(&index) {
                return Ok(Some(words.clone()));
            }
            if let Some(item) = recent.item(index) {
                return Ok(match &item.words {
                    ItemWords::Present(words) => Some(words.clone()),
                    _ => None,
                });
            }
        }
        let path = full(TileKind::Contents, index / WIDTH)?;
        let bytes = self.full_tile(path)?;
        let words = decode_contents(&bytes, TILE_WIDTH)
            .map_err(|e| self.damaged(&path.to_string(), &e.to_string()))?;
        self.offsets.put_words(path, &words);
        Ok(match words.get((index % WIDTH) as usize) {
            Some(Words::Present(words)) => Some(Arc::from(*words)),
            _ => None,
        })
    }

    /// Gives entries of one bundle, each with its words as they are stored, whatever the log says about them. Reads
    /// and takes apart each tile once.
    pub fn each_stored(
        &self,
        range: Range<u64>,
        mut each: impl FnMut(u64, &[u8], Option<&[u8]>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let bundle = range.start / WIDTH;
        let (start, pending) = {
            let recent = self.recent();
            (recent.start, recent.pending.range(range.clone()).next().is_some())
        };
        if pending || range.end > start {
            for index in range {
                let missing = || ReadError::Fault(format!("entry {index} is missing"));
                let (entry, words) = (self.entry(index)?.ok_or_else(missing)?, self.stored_words(index)?);
                each(index, &entry, words.as_deref())?;
            }
            return Ok(());
        }
        let (entries_at, words_at) = (full(TileKind::Entries, bundle)?, full(TileKind::Contents, bundle)?);
        let (entries, words) = (self.full_tile(entries_at)?, self.full_tile(words_at)?);
        let entries = decode_bundle(&entries, TILE_WIDTH)
            .map_err(|e| self.damaged(&entries_at.to_string(), &e.to_string()))?;
        let words = decode_contents(&words, TILE_WIDTH)
            .map_err(|e| self.damaged(&words_at.to_string(), &e.to_string()))?;
        for (index, (entry, words)) in (bundle * WIDTH..).zip(entries.iter().zip(words)) {
            if range.contains(&index) {
                let words = match words {
                    Words::Present(words) => Some(words),
                    _ => None,
                };
                each(index, entry, words)?;
            }
        }
        Ok(())
    }

    pub fn words(&self, index: u64) -> Result<StoredWords, ReadError> {
        let Some(entry) = self.entry(index)? else { return Ok(StoredWords::None) };
        let entry = self.parse(index, &entry)?;
        self.words_of(index, entry.event())
    }

    /// The words of an event that stands at an index.
    pub fn words_of(&self, index: u64, event: &Event) -> Result<StoredWords, ReadError> {
        let Some(committed) = event.content() else { return Ok(StoredWords::None) };
        let withheld = || self.fate(&event.id()).withheld_by(Position::Content).map(StoredWords::Withheld);
        if let Some(withheld) = withheld() {
            return Ok(withheld);
        }
        if let Some(words) = self.committed_words(index, committed)? {
            return Ok(StoredWords::Present(words));
        }
        // They may have been withheld since the first look: what says so comes before they leave.
        match withheld() {
            Some(withheld) => Ok(withheld),
            None if self.lacks_words => Ok(StoredWords::Missing),
            // An answer without them would say less than was recorded, and look whole.
            None => Err(self.lost_words(index)),
        }
    }

    /// Takes note that words are not here though nothing withholds them.
    fn lost_words(&self, index: u64) -> ReadError {
        let path =
            full(TileKind::Contents, index / WIDTH).map_or_else(|e| e.to_string(), |path| path.to_string());
        self.damaged(&path, &format!("the words of entry {index} are not those it commits to"))
    }

    pub fn parse(&self, index: u64, entry: &[u8]) -> Result<Entry<Event>, ReadError> {
        Entry::parse(entry, &self.origin).map_err(|e| ReadError::Fault(format!("entry {index}: {e}")))
    }

    /// The words of some entries. They may have 64 MiB, so they are held once beside what is given.
    pub fn contents(&self, path: &TilePath) -> Result<Vec<u8>, ReadError> {
        let first = path.index() * WIDTH;
        let fault = |e: &dyn std::fmt::Display| ReadError::Fault(format!("{path}: {e}"));
        let recent = self.recent();
        if first >= recent.start {
            let items = (first..first + u64::from(path.width())).map(|i| recent.item(i));
            let owned: Vec<ItemWords> = items.flatten().map(|i| i.words.clone()).collect();
            drop(recent);
            let words: Vec<Words<'_>> = owned.iter().map(Words::from).collect();
            return encode_contents(&words).map_err(|e| fault(&e));
        }
        let pending: Vec<_> =
            recent.pending.range(first..first + WIDTH).map(|(i, w)| (*i, w.clone())).collect();
        drop(recent);
        let tile = self.full_tile(path.full())?;
        self.check_tile(&path.full(), &tile)?;
        let mut words = decode_contents(&tile, TILE_WIDTH).map_err(|e| fault(&e))?;
        words.truncate(usize::from(path.width()));
        for (index, pending) in &pending {
            if let Some(slot) = words.get_mut((index - first) as usize) {
                *slot = pending.as_deref().map_or(Words::Withheld, Words::Present);
            }
        }
        encode_contents(&words).map_err(|e| fault(&e))
    }

    /// A full tile of words that is on disk as it is given, if it can be read a part at a time.
    fn contents_at_hand(&self, path: &TilePath) -> Option<AtHand> {
        let first = path.index() * WIDTH;
        let recent = self.recent();
        let settled = path.kind() == TileKind::Contents
            && path.is_full()
            && first + WIDTH <= recent.start
            && recent.pending.range(first..first + WIDTH).next().is_none();
        drop(recent);
        if settled { self.disk.open_at_hand(&self.folder.tile(path)) } else { None }
    }

    /// A full tile of hashes or entries that is on disk, if it can be read a part at a time.
    fn tile_at_hand(&self, path: &TilePath) -> Option<AtHand> {
        let start = self.recent().start;
        if is_settled(path, start) { self.disk.open_at_hand(&self.folder.tile(path)) } else { None }
    }

    pub fn tile(&self, path: &TilePath) -> Result<Option<Arc<[u8]>>, ReadError> {
        let (size, start) = {
            let recent = self.recent();
            (recent.size(), recent.start)
        };
        if !path.is_within(size) {
            return Ok(None);
        }
        if is_settled(path, start) {
            return self.full_tile(*path).map(Some);
        }
        let first = path.index() * WIDTH;
        let fault = |e: &dyn std::fmt::Display| ReadError::Fault(format!("{path}: {e}"));
        let bytes: Vec<u8> = match path.kind() {
            TileKind::Contents => return Ok(Some(self.contents(path)?.into())),
            TileKind::Entries if first < start => {
                let tile = self.full_tile(path.full())?;
                let entries = decode_bundle(&tile, TILE_WIDTH).map_err(|e| fault(&e))?;
                encode_bundle(&entries[..usize::from(path.width())]).map_err(|e| fault(&e))?
            }
            TileKind::Entries => {
                let recent = self.recent();
                let entries: Vec<Arc<[u8]>> = (first..first + u64::from(path.width()))
                    .filter_map(|i| recent.item(i).map(|item| item.entry.clone()))
                    .collect();
                if entries.len() != usize::from(path.width()) {
                    // Trimmed between the two looks: by now the full bundle is on disk.
                    drop(recent);
                    return self.tile(path);
                }
                encode_bundle(&entries).map_err(|e| fault(&e))?
            }
            TileKind::Hashes { level } => {
                let height = level * TILE_HEIGHT;
                let hashes = (first..first + u64::from(path.width()))
                    .map(|i| self.node(height, i))
                    .collect::<Result<Vec<Hash>, _>>()?;
                encode_hashes(&hashes).map_err(|e| fault(&e))?
            }
        };
        Ok(Some(bytes.into()))
    }

    /// Places that name a file and that these rows do not withhold, nor the words there.
    pub fn claims_under(&self, digest: &Digest, rows: &impl Rows) -> Result<Vec<ListedFile>, ReadError> {
        // The overlay first: what leaves it meanwhile is in the index by then.
        let mut claims: Vec<ListedFile> = {
            let overlay = self.overlay();
            overlay.listed().flat_map(|l| &l.files).filter(|f| f.blake3 == *digest).cloned().collect()
        };
        let layered: Vec<(u64, u32)> = claims.iter().map(|c| (c.index, c.position)).collect();
        for place in self.index.with_file(digest)?.into_iter().filter(|p| !layered.contains(p)) {
            // What the index does not say of a file stands in the words.
            let Some(entry) = self.entry(place.0)? else { continue };
            let entry = self.parse(place.0, &entry)?;
            let Some(committed) = entry.event().content() else { continue };
            let Some(words) = self.committed_words(place.0, committed)? else {
                let is_withheld = rows.fate(&entry.event().id()).withheld_by(Position::Content).is_some();
                if is_withheld || self.lacks_words {
                    continue;
                }
                return Err(self.lost_words(place.0));
            };
            let Ok(content) = Content::parse(&words) else { continue };
            let files = listed_files(place.0, content.files());
            claims.extend(files.into_iter().filter(|f| f.position == place.1 && f.blake3 == *digest));
        }
        let mut open = Vec::new();
        for claim in claims {
            let Some(entry) = self.entry(claim.index)? else { continue };
            let id = self.parse(claim.index, &entry)?.event().id();
            if !is_closed(&rows.fate(&id), claim.position) {
                open.push(claim);
            }
        }
        Ok(open)
    }

    /// Places that name a file and do not withhold it.
    pub fn open_claims(&self, digest: &Digest) -> Result<Vec<ListedFile>, ReadError> {
        self.claims_under(digest, self)
    }
}

fn full(kind: TileKind, index: u64) -> Result<TilePath, ReadError> {
    TilePath::new(kind, index, TILE_WIDTH).map_err(|e| ReadError::Fault(e.to_string()))
}

impl Shared {
    /// The index of the last entry in a thread, of all that were committed.
    pub fn last_of_thread(&self, thread: &EventId) -> Result<Option<u64>, ReadError> {
        let by = By::Thread(*thread);
        // The overlay is read before the index: what leaves it is in the index by then.
        let layered = self.overlay().listed().rev().find(|l| by.holds(l)).map(|l| l.index);
        let indexed = || self.index.list(by, 0..=u64::MAX, true)?.next().transpose();
        Ok(match layered {
            Some(index) => Some(index),
            None => indexed()?,
        })
    }
}

impl Rows for Shared {
    fn row(&self, key: &RowKey) -> Option<Row> {
        // Taken before the index is asked: a row that leaves the overlay is in the index by then.
        let layered = self.overlay().row(key);
        layered.unwrap_or_else(|| self.index.get(key))
    }
}

impl NodeReader for Shared {
    type Error = ReadError;
    fn node(&self, height: u8, index: u64) -> Result<Hash, ReadError> {
        {
            let recent = self.recent();
            if let Some(hash) = recent.node(height, index) {
                return Ok(hash);
            }
        }
        let missing = || ReadError::Fault(format!("node {index} at height {height} is in no tile"));
        // Any size that makes the tile full will do; nodes that are not in memory are in full tiles.
        let path = tile_of_node(height, index, crate::log::MAX_SIZE).ok_or_else(missing)?;
        let tile = self.full_tile(path)?;
        let hashes =
            decode_hashes(&tile, TILE_WIDTH).map_err(|e| self.damaged(&path.to_string(), &e.to_string()))?;
        node_in_tile(&hashes, height, index).ok_or_else(missing)
    }
}

/// Whether a tile is full and on disk, never to change, where all entries below `start` are in full bundles there.
fn is_settled(path: &TilePath, start: u64) -> bool {
    let height = match path.kind() {
        TileKind::Hashes { level } => (u32::from(level) + 1) * u32::from(TILE_HEIGHT),
        TileKind::Entries => u32::from(TILE_HEIGHT),
        TileKind::Contents => return false,
    };
    path.is_full() && path.index() < start.checked_shr(height).unwrap_or(0)
}

/// Reads a ledger. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader(Arc<Shared>, Option<Arc<Footprint>>);

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared, None)
    }
    /// The same, noting what is asked for.
    pub(crate) fn noting(&self, footprint: &Arc<Footprint>) -> Self {
        Self(self.0.clone(), Some(footprint.clone()))
    }
    /// The same, noting nothing: for whoever looks at no entry above a size that never changes.
    pub(crate) fn unnoted(&self) -> Self {
        Self(self.0.clone(), None)
    }
    /// Whether it notes what is asked for.
    pub(crate) fn is_noting(&self) -> bool {
        self.1.is_some()
    }
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
    /// When each thing that readers ask for last changed.
    pub(crate) fn changes(&self) -> &Changes {
        &self.0.changes
    }
    fn count(&self) {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
    }
    fn note_row(&self, key: RowKey) {
        if let Some(footprint) = &self.1 {
            footprint.row(&self.0.changes, key);
        }
    }
    fn note_list(&self, by: By) {
        if let Some(footprint) = &self.1 {
            footprint.list(&self.0.changes, by);
        }
    }
    /// Notes that the answer may change with any entry.
    pub(crate) fn note_everything(&self) {
        if let Some(footprint) = &self.1 {
            footprint.everything();
        }
    }

    /// The ledger's origin.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }
    /// The log's key.
    pub fn log_key(&self) -> &VerifyingKey {
        &self.0.log_key
    }
    /// The latest checkpoint. It covers durable entries only.
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        self.note_everything();
        self.0.recent().checkpoint.clone()
    }
    /// The root of the tree of the first entries.
    ///
    /// # Errors
    /// [`ReadError`], also where there are not so many.
    pub(crate) fn root_of(&self, size: u64) -> Result<Hash, ReadError> {
        self.note_everything();
        crate::log::root(size, &*self.0)
    }
    /// The checkpoint to prove an entry by: of those that witnesses have cosigned, and that cover as many entries, the
    /// one with most cosignatures; the latest, if there is none.
    pub fn witnessed_checkpoint(&self, entries: u64) -> Arc<SignedCheckpoint> {
        self.note_everything();
        self.0.cosigned.covering(entries).unwrap_or_else(|| self.checkpoint())
    }
    /// The checkpoint to prove an entry by to somebody who keeps the proof, and tokens over it: as
    /// [`witnessed_checkpoint`](Self::witnessed_checkpoint), but of those with as many cosignatures the earliest that
    /// an authority has stamped, if one has. A token says "not later than", so an earlier one says more.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn stamped_checkpoint(&self, entries: u64) -> Result<StampedCheckpoint, ReadError> {
        let witnessed = self.witnessed_checkpoint(entries);
        let most = witnessed.note().signatures().len().saturating_sub(1);
        let stamped = timestamped::covering(&self.0, entries, most)?;
        Ok(stamped.unwrap_or_else(|| (witnessed, Vec::new())))
    }
    /// The checkpoint that most witnesses have cosigned, of those that cover so many entries.
    pub(crate) fn cosigned_checkpoint(&self, entries: u64) -> Option<Arc<SignedCheckpoint>> {
        self.0.cosigned.covering(entries)
    }
    /// The checkpoint of a size that an authority has stamped.
    ///
    /// # Errors
    /// [`LedgerError`] if it can't be read.
    pub(crate) fn stamped_of(&self, size: u64) -> Result<Option<SignedCheckpoint>, LedgerError> {
        timestamped::checkpoint(&self.0, size)
    }
    /// What authorities have stamped.
    pub(crate) fn timestamped(&self) -> &Timestamped {
        &self.0.timestamped
    }
    /// The witnesses that this ledger asks, each with what it cosigned last.
    pub fn witnessed(&self) -> Vec<Witnessed> {
        self.note_everything();
        self.0.cosigned.witnessed()
    }
    /// How often cosignatures came.
    pub(crate) fn cosignatures(&self) -> u64 {
        self.0.cosigned.changes()
    }
    /// Counts what came of asking a witness.
    pub(crate) fn note_asked(&self, outcome: AskOutcome) {
        self.0.cosigned.note(outcome);
    }
    /// The checkpoint in `public/` with the log's own signature, told anew after each publication. Whoever looks rarely sees
    /// the latest only.
    pub fn watch_published(&self) -> watch::Receiver<Option<Arc<SignedCheckpoint>>> {
        self.0.published.subscribe()
    }
    /// Entries whose words came later than they, since this was asked last.
    pub(crate) fn take_late(&self) -> BTreeSet<u64> {
        std::mem::take(&mut *self.0.late.lock().unwrap_or_else(PoisonError::into_inner))
    }
    /// How many entries are on record, told anew after each batch that was made durable. Whoever looks rarely
    /// sees the latest number only.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.committed.subscribe()
    }
    /// Index of the latest entry that withholds something or gives it back, of those put on record since the ledger
    /// was opened.
    /// What was read when the log was larger knows all that is withheld.
    pub fn last_withheld(&self) -> Option<u64> {
        self.0.recent().last_withheld
    }
    /// A whole entry, raw; `None` at or above the checkpoint's size.
    ///
    /// # Errors
    /// [`ReadError`], as everywhere here, if the store fails.
    pub fn entry(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.count();
        // A mirror on its way has more than it shows.
        let is_shown = index < self.0.recent().checkpoint.checkpoint().size();
        let entry = if is_shown { self.0.entry(index)? } else { None };
        if entry.is_none() {
            self.note_everything();
        }
        Ok(entry)
    }
    /// A whole entry, parsed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn parsed(&self, index: u64) -> Result<Option<Entry<Event>>, ReadError> {
        self.entry(index)?.map(|e| self.0.parse(index, &e)).transpose()
    }
    /// The index of an event.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn index_of(&self, id: &EventId) -> Result<Option<u64>, ReadError> {
        self.count();
        Ok(self.event_row(id)?.map(|row| row.index))
    }
    /// The words of an entry.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn words(&self, index: u64) -> Result<StoredWords, ReadError> {
        self.count();
        self.note_everything();
        self.0.words(index)
    }
    /// Gives entries in order, each with its words as they are now, as long as more are wanted. Reads
    /// each bundle once, so whoever goes through the log asks here.
    pub(crate) fn each(
        &self,
        range: Range<u64>,
        mut each: impl FnMut(Entry<Event>, StoredWords) -> bool,
    ) -> Result<(), ReadError> {
        self.count();
        self.note_everything();
        let (mut from, mut wanted) = (range.start, true);
        while from < range.end && wanted {
            let to = range.end.min((from / WIDTH + 1) * WIDTH);
            self.0.each_stored(from..to, |index, raw, stored| {
                if !wanted {
                    return Ok(());
                }
                let entry = self.0.parse(index, raw)?;
                let id = entry.event().id();
                let words = match (entry.event().content(), stored) {
                    (None, _) => StoredWords::None,
                    // What withholds them comes before they leave the disk, so it is asked for after they were read.
                    (Some(committed), Some(words))
                        if committed.matches(words)
                            && self.0.fate(&id).withheld_by(Position::Content).is_none() =>
                    {
                        StoredWords::Present(words.into())
                    }
                    _ => self.0.words(index)?,
                };
                wanted = each(entry, words);
                Ok(())
            })?;
            from = to;
        }
        Ok(())
    }
    /// The words of an event that was read at an index.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn words_of(&self, index: u64, event: &Event) -> Result<StoredWords, ReadError> {
        self.count();
        self.note_row(RowKey::fate(&event.id()));
        self.0.words_of(index, event)
    }
    /// The words with this digest.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn content(&self, digest: &Digest) -> Result<Blob, ReadError> {
        self.note_everything();
        let mut found: Vec<u64> =
            self.0.overlay().listed().filter(|l| l.content == Some(*digest)).map(|l| l.index).collect();
        found.extend(self.0.index.with_content(digest)?);
        // Withheld in one place, it is served from none (formats.md, section 7).
        if let Some(id) = self.0.withheld_blob(digest).first()
            && let Some(by) = self.0.fate(id).withheld_by(Position::Content)
        {
            return Ok(Blob::Withheld(by));
        }
        for index in found {
            if let StoredWords::Present(words) = self.0.words(index)?
                && Digest::blake3(&words) == *digest
            {
                return Ok(Blob::Present(words));
            }
        }
        Ok(Blob::Unknown)
    }
    /// Indexes of the entries that name the file with this digest and do not withhold it, in order. While there is one it is
    /// served.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn file_named_by(&self, digest: &Digest) -> Result<Vec<u64>, ReadError> {
        self.note_everything();
        let mut indexes: Vec<u64> = self.0.open_claims(digest)?.iter().map(|claim| claim.index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        Ok(indexes)
    }
    /// Where the file with this digest lies, how large it is and its media type as its author gave it, if an
    /// accepted event names it and it is not withheld.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn file(&self, digest: &Digest) -> Result<Option<(PathBuf, u64, String)>, ReadError> {
        self.note_everything();
        let Some(claim) = self.0.open_claims(digest)?.into_iter().next() else { return Ok(None) };
        let (placed, waiting) = (self.0.folder.file(digest), self.0.folder.upload(digest));
        let disk = &self.0.disk;
        let path = if disk.exists(&placed) || !disk.exists(&waiting) { placed } else { waiting };
        Ok(Some((path, claim.size, claim.media)))
    }
    /// A tile, bundle or content tile, raw; full ones, and partial ones for every size that was signed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tile(&self, path: &TilePath) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.note_everything();
        // A mirror on its way has more than it shows.
        if !path.is_within(self.0.recent().checkpoint.checkpoint().size()) {
            return Ok(None);
        }
        self.0.tile(path)
    }
    /// A full tile of hashes or entries that is known to be sound. `None` says nothing of the tile.
    pub(crate) fn tile_at_hand(&self, path: &TilePath) -> Option<SoundFile> {
        let file = self.0.tile_at_hand(path)?;
        self.0.known_sound(Name::Tile(*path), file).ok()
    }
    /// A full tile, to be read a part at a time, once it is known to be sound. `None` says nothing of the tile.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn tile_in_parts(&self, path: &TilePath) -> Result<Option<SoundFile>, ReadError> {
        self.note_everything();
        let within = path.is_within(self.0.recent().checkpoint.checkpoint().size());
        let open = || self.0.tile_at_hand(path).or_else(|| self.0.contents_at_hand(path));
        let file = if within { open() } else { None };
        file.map(|file| self.0.sound(Name::Tile(*path), file)).transpose()
    }
    /// A bundle or content tile that is not on disk as it is asked for, to be read a part at a time. `None` says nothing of
    /// the tile.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn partial_tile(&self, path: &TilePath) -> Result<Option<PartialTile>, ReadError> {
        self.note_everything();
        let first = path.index() * WIDTH;
        let range = first..first + u64::from(path.width());
        let full = {
            let recent = self.0.recent();
            let is_hashes = matches!(path.kind(), TileKind::Hashes { .. });
            if is_hashes || !path.is_within(recent.checkpoint.checkpoint().size()) {
                return Ok(None);
            }
            if first >= recent.start {
                let items = range.map(|index| recent.item(index)).collect::<Option<Vec<_>>>();
                return Ok(items.map(|items| PartialTile::of_items(path.kind(), items)));
            }
            // What withholds words or gives them back is on its way to the disk.
            if path.kind() == TileKind::Contents && recent.pending.range(range).next().is_some() {
                return Ok(None);
            }
            path.full()
        };
        let Some(file) = self.0.disk.open_at_hand(&self.0.folder.tile(&full)) else { return Ok(None) };
        let sound = self.0.sound(Name::Tile(full), file)?;
        let tile = PartialTile::beginning(path.kind(), sound, path.width());
        tile.map(Some).map_err(|e| ReadError::Fault(format!("{path}: {e}")))
    }
    /// A file of this digest that was opened, once it is known to be sound.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn sound_file(&self, digest: &Digest, file: AtHand) -> Result<SoundFile, ReadError> {
        let name = Name::File(*digest);
        match self.0.known_sound(name, file) {
            Ok(known) => Ok(known),
            Err(file) => self.0.sound(name, file),
        }
    }
    /// Takes note of what is damaged, or missing, in `public/`.
    pub(crate) fn note_damaged(&self, name: &str, why: &str) {
        self.0.sound.note(name, why);
    }
    /// What was found damaged or missing in `public/`, with why; it is not served.
    pub fn damaged(&self) -> Vec<(String, String)> {
        self.0.sound.damaged()
    }
    /// The proof of an entry in the given checkpoint of this log (the latest one, or a receipt's).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn proof(&self, index: u64, checkpoint: &SignedCheckpoint) -> Result<Option<TlogProof>, ReadError> {
        match inclusion_path(index, checkpoint.checkpoint().size(), &*self.0) {
            Ok(path) => TlogProof::new(index, path, checkpoint.note().clone())
                .map(Some)
                .map_err(|e| ReadError::Fault(e.to_string())),
            Err(PathError::Read(e)) => Err(e),
            Err(_) => Ok(None),
        }
    }
    /// The proof that the tree of one size extends that of another; `None` unless `old <= new <= size`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, ReadError> {
        if new > self.checkpoint().checkpoint().size() {
            return Ok(None);
        }
        match consistency_path(old, new, &*self.0) {
            Ok(path) => Ok(Some(path)),
            Err(PathError::Read(e)) => Err(e),
            Err(_) => Ok(None),
        }
    }
    /// Indexes of entries that pass the filter within the range, ascending or descending, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn list(
        &self,
        filter: &Filter,
        range: RangeInclusive<u64>,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        let size = self.0.recent().checkpoint.checkpoint().size();
        let (mut from, mut to) = (*range.start(), *range.end());
        if filter.since.is_some() || filter.until.is_some() || size == 0 {
            self.note_everything();
        }
        let Some(last) = size.checked_sub(1) else { return Ok(Vec::new()) };
        to = to.min(last);
        if let Some(since) = filter.since {
            match self.first_since(since)? {
                Some(first) => from = from.max(first),
                None => return Ok(Vec::new()),
            }
        }
        if let Some(until) = filter.until
            && let Some(first) = self.first_since(until)?
        {
            match first.checked_sub(1) {
                Some(before) => to = to.min(before),
                None => return Ok(Vec::new()),
            }
        }
        // A case's entries are its thread; the thread of anything else is no case.
        if let Some(id) = &filter.case
            && !self.is_case(id)?
        {
            return Ok(Vec::new());
        }
        // One list to walk (the narrowest kind), the rest of the filter asked of each entry.
        let mut walks: Vec<By> = match (filter.case, filter.party) {
            (Some(case), _) => vec![By::Thread(case)],
            (None, Some(party)) => vec![By::Named(party)],
            (None, None) => filter.types.iter().map(|t| By::Type(*t)).collect(),
        };
        walks.dedup_by_key(|b| format!("{b:?}"));
        // More entries change nothing where as many as are wanted come before them.
        let note = |found: usize| match walks.as_slice() {
            _ if found == limit && !descending => {}
            [] => self.note_everything(),
            walks => walks.iter().for_each(|by| self.note_list(*by)),
        };
        if from > to {
            note(0);
            return Ok(Vec::new());
        }
        let rest = |index: u64| -> Result<bool, ReadError> {
            let by_case_and_party = filter.case.is_some() && filter.party.is_some();
            let by_type = !filter.types.is_empty() && (filter.case.is_some() || filter.party.is_some());
            if !by_case_and_party && !by_type {
                return Ok(true);
            }
            let Some(entry) = self.parsed(index)? else { return Ok(false) };
            let listed = listed(entry.header(), entry.event(), Vec::new());
            Ok((filter.types.is_empty() || filter.types.contains(&listed.event_type))
                && filter.party.is_none_or(|p| listed.ids.contains(&p)))
        };
        let mut out = Vec::new();
        if walks.is_empty() {
            let all = from..=to;
            let found: Vec<u64> =
                if descending { all.rev().take(limit).collect() } else { all.take(limit).collect() };
            note(found.len());
            return Ok(found);
        }
        for by in walks.iter().copied() {
            let mut taken = 0;
            for index in self.walk(by, from..=to, descending)? {
                let index = index?;
                if !rest(index)? {
                    continue;
                }
                out.push(index);
                taken += 1;
                if taken == limit {
                    break;
                }
            }
        }
        out.sort_unstable();
        out.dedup();
        if descending {
            out.reverse();
        }
        out.truncate(limit);
        note(out.len());
        Ok(out)
    }

    /// Entries of a list in a range, in order.
    fn walk(
        &self,
        by: By,
        range: RangeInclusive<u64>,
        descending: bool,
    ) -> Result<impl Iterator<Item = Result<u64, ReadError>> + use<>, ReadError> {
        // The overlay is read before the index: what moves between the two is then seen twice at most.
        let layered: Vec<u64> = {
            let overlay = self.0.overlay();
            let fits = |l: &&Listed| range.contains(&l.index) && by.holds(l);
            overlay.listed().filter(fits).map(|l| l.index).collect()
        };
        // Few stand in a thread, or name one event; of a type there are many.
        let whole = if matches!(by, By::Type(_)) { None } else { self.0.index.whole(by)? };
        type Indexes = Box<dyn Iterator<Item = Result<u64, ReadError>>>;
        let indexed: Indexes = match whole {
            Some(list) => {
                let low = list.partition_point(|index| index < range.start());
                let high = list.partition_point(|index| index <= range.end()).max(low);
                let mut part = list[low..high].to_vec();
                if descending {
                    part.reverse();
                }
                Box::new(part.into_iter().map(Ok))
            }
            None => {
                let listed = self.0.index.list(by, range, descending)?;
                Box::new(listed.map(|r| r.map_err(ReadError::from)))
            }
        };
        let merged: Indexes = if descending {
            Box::new(layered.into_iter().rev().map(Ok).chain(indexed))
        } else {
            Box::new(indexed.chain(layered.into_iter().map(Ok)))
        };
        let mut last = None;
        Ok(merged.filter(move |next| {
            let Ok(index) = *next else { return true };
            let in_order = last.is_none_or(|l| if descending { index < l } else { index > l });
            if in_order {
                last = Some(index);
            }
            in_order
        }))
    }

    /// The first entries of a type that name an event, in order, at most so many. The type is a position's, or one of a count.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn bearing(&self, of: EventType, id: &EventId, most: usize) -> Result<Vec<u64>, ReadError> {
        debug_assert!(By::BEARING.contains(&of), "there is no such list");
        self.count();
        let by = By::Bearing(of, *id);
        self.note_list(by);
        self.walk(by, 0..=u64::MAX, false)?.take(most).collect()
    }

    /// Indexes in a range of the entries that did something to an event, the newest first, at most so many: one act, or
    /// any.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn acts(
        &self,
        act: Option<Act>,
        on: &EventId,
        range: Range<u64>,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.note_list(By::Acts(*on));
        self.newest(act.map_or(By::Acts(*on), |act| By::Act(act, *on)), range, most)
    }

    /// The rechecks of an exhibit by a party in a range, the newest first, at most so many.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn rechecks(
        &self,
        exhibit: &EventId,
        by: &EventId,
        range: Range<u64>,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let list = By::Recheck(*exhibit, *by);
        self.note_list(list);
        self.newest(list, range, most)
    }

    /// The links to or from an event, and positions on it, by a party below a size, the newest first, at most so many.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn mentions(
        &self,
        of: &EventId,
        by: &EventId,
        below: u64,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let list = By::Mention(*of, *by);
        self.note_list(list);
        self.newest(list, 0..below, most)
    }

    /// Whether an entry below a size fills a case that this party opened, so that it was not opened by mistake.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn is_filled(&self, case: &EventId, opener: &EventId, below: u64) -> Result<bool, ReadError> {
        Ok(self.has_one(By::Fills(*case), below)? || self.has_one(By::Adds(*case, *opener), below)?)
    }

    /// Whether an entry below a size rests on a party, so that it was not registered by mistake.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn is_rested_on(&self, party: &EventId, below: u64) -> Result<bool, ReadError> {
        self.has_one(By::Rests(*party), below)
    }

    fn has_one(&self, by: By, below: u64) -> Result<bool, ReadError> {
        self.count();
        let Some(last) = below.checked_sub(1) else { return Ok(false) };
        let found = self.walk(by, 0..=last, false)?.next().transpose()?.is_some();
        // What comes first stays the first.
        if !found {
            self.note_list(by);
        }
        Ok(found)
    }

    /// The first demands of a case below a size, at most so many.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn first_demands(
        &self,
        case: &EventId,
        below: u64,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        let by = By::Demands(*case);
        self.note_list(by);
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        self.walk(by, 0..=last, false)?.take(most).collect()
    }

    fn newest(&self, by: By, range: Range<u64>, most: usize) -> Result<Vec<u64>, ReadError> {
        self.count();
        let Some(last) = range.end.checked_sub(1).filter(|last| range.start <= *last) else {
            return Ok(Vec::new());
        };
        self.walk(by, range.start..=last, true)?.take(most).collect()
    }

    /// Of each party that linked an event, took a position on it or looked at its source again below a size, the first
    /// entry that did: the newest first, at most so many.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn first_mentions(
        &self,
        of: &EventId,
        below: u64,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        self.note_list(By::Firsts(*of));
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        // What is not in the index yet comes first if nothing of its author is.
        let mut young = Vec::new();
        let mut seen = HashSet::new();
        {
            let overlay = self.0.overlay();
            let speaks = |l: &&Listed| l.index < below && By::Firsts(*of).holds(l);
            young.extend(
                overlay
                    .listed()
                    .filter(speaks)
                    .filter(|l| seen.insert(l.author))
                    .map(|l| (l.index, l.author)),
            );
        }
        let mut firsts = Vec::new();
        for (index, author) in young {
            let mut is_first = true;
            for by in [By::Mention(*of, author), By::Recheck(*of, author)] {
                is_first &=
                    self.0.index.list(by, 0..=index, false)?.next().transpose()?.is_none_or(|i| i == index);
            }
            if is_first {
                firsts.push(index);
            }
        }
        match self.0.index.whole(By::Firsts(*of))? {
            Some(list) => firsts.extend(list.iter().filter(|index| **index < below)),
            None => {
                let listed = self.0.index.list(By::Firsts(*of), 0..=last, true)?.take(most);
                firsts.extend(listed.collect::<Result<Vec<u64>, _>>()?);
            }
        }
        firsts.sort_unstable_by(|a, b| b.cmp(a));
        firsts.dedup();
        firsts.truncate(most);
        Ok(firsts)
    }

    /// The first entry recorded at or after a time. Times do not run backwards, so halving finds it.
    fn first_since(&self, time: Time) -> Result<Option<u64>, ReadError> {
        let size = self.checkpoint().checkpoint().size();
        let (mut from, mut to) = (0, size);
        while from < to {
            let middle = from + (to - from) / 2;
            let entry =
                self.parsed(middle)?.ok_or_else(|| ReadError::Fault(format!("entry {middle} is missing")))?;
            if entry.header().time < time {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        Ok((from < size).then_some(from))
    }

    /// What the rules know of an event.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn event_row(&self, id: &EventId) -> Result<Option<Arc<EventRow>>, ReadError> {
        self.count();
        let row = self.0.event(id);
        // It never changes once it is there.
        if row.is_none() {
            self.note_row(RowKey::event(id));
        }
        Ok(row)
    }
    /// What later events did to an event: voided, closed, withheld positions.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn fate(&self, id: &EventId) -> Result<Fate, ReadError> {
        self.count();
        self.note_row(RowKey::fate(id));
        Ok(self.0.fate(id))
    }
    /// What the rules know of a party: kind, fictional, roles.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn party(&self, id: &EventId) -> Result<Option<PartyRow>, ReadError> {
        self.count();
        self.note_row(RowKey::party(id));
        Ok(Rows::party(&*self.0, id))
    }
    /// Whether an id is that of an event that opens a case.
    pub(crate) fn is_case(&self, id: &EventId) -> Result<bool, ReadError> {
        Ok(self.event_row(id)?.is_some_and(|row| row.event_type == EventType::CaseOpened))
    }
    /// How many entries a thread has.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn thread_len(&self, id: &EventId) -> Result<u64, ReadError> {
        self.count();
        self.note_row(RowKey::thread(id));
        Ok(Rows::thread_len(&*self.0, id))
    }
    /// A key, in its whole history.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn key(&self, key: &[u8; 32]) -> Result<Option<KeyRow>, ReadError> {
        self.count();
        self.note_row(RowKey::key(key));
        Ok(Rows::key(&*self.0, key))
    }
    /// The operator's party id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn operator(&self) -> Result<Option<EventId>, ReadError> {
        self.note_row(RowKey::ledger());
        Ok(self.0.ledger().map(|(operator, _)| operator))
    }
    /// Indexes of the entries in a thread, in order: the element at position k is entry k of the thread.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn thread(&self, id: &EventId) -> Result<Vec<u64>, ReadError> {
        self.count();
        let by = By::Thread(*id);
        self.note_list(by);
        let layered: Vec<u64> = self.0.overlay().listed().filter(|l| by.holds(l)).map(|l| l.index).collect();
        let mut all = match self.0.index.whole(by)? {
            Some(list) => list.to_vec(),
            None => self.0.index.list(by, 0..=u64::MAX, false)?.collect::<Result<Vec<u64>, _>>()?,
        };
        let last = all.last().copied();
        all.extend(layered.into_iter().filter(|i| last.is_none_or(|l| *i > l)));
        Ok(all)
    }
}

/// How an entry is listed.
pub(crate) fn listed(header: &Header, event: &Event, files: Vec<ListedFile>) -> Listed {
    let mut ids: Vec<EventId> = header.signers.iter().map(|(party, _)| *party).collect();
    if matches!(event.event_type(), EventType::PartyRegistered | EventType::LedgerOpened) {
        ids.push(event.id());
    }
    ids.extend(event.body().refs().into_iter().flat_map(|(_, ids)| ids));
    ids.sort_unstable();
    ids.dedup();
    Listed {
        index: header.index,
        event_type: event.event_type(),
        thread: header.thread,
        ids,
        author: header.signers.first().map_or(event.id(), |(party, _)| *party),
        act: event.body().act(),
        mentions: event.body().mentions(),
        recheck: event.body().recheck().map(|(exhibit, _)| exhibit),
        content: event.content().map(|c| c.blake3),
        files,
    }
}
