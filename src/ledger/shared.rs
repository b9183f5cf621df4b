//! What writer and readers share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, atomic::AtomicU64},
};

use tokio::sync::watch;

use super::{
    batch::Shown,
    cosigned::Cosigned,
    folder::Folder,
    footprint::Changes,
    marks::Marks,
    metrics::Scrubbed,
    offsets::Offsets,
    overlay::Overlay,
    recent::{Item, ItemWords, Recent},
    sound::Sound,
    tile_cache::TileCache,
    timestamped::Timestamped,
    upload::Uploads,
};
use crate::{
    event::EventType,
    generations::Generations,
    log::{Row, RowKey, Rows, SignedCheckpoint, TilePath},
    note::{Origin, VerifyingKey},
    store::{
        disk::Disk,
        index::{Index, Listed},
    },
};

/// Bytes of full tiles of hashes kept in memory: those of half a million entries.
const CACHED_HASHES: usize = 16 << 20;

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
    pub cache: Mutex<TileCache>,
    /// Full tiles of hashes, by which entries are known.
    pub hashes: Mutex<Generations<TilePath, Arc<[u8]>>>,
    pub(super) sound: Arc<Sound>,
    pub offsets: Offsets,
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

    /// Shows a batch to readers.
    pub fn show(&self, batch: Shown) {
        let Shown { rows, mut listed, records, words, nodes, frontier, bytes, checkpoint } = batch;
        let withholds = listed.iter().filter(|l| l.event_type == EventType::ContentWithheld);
        let begun = self.uploads.begun();
        let uploads: BTreeMap<u64, u64> = withholds.map(|l| (l.index, begun)).collect();
        let changes_words =
            |l: &&Listed| matches!(l.event_type, EventType::ContentWithheld | EventType::ContentReleased);
        let withheld = listed.iter().rfind(changes_words).map(|l| l.index);
        self.changes.note(rows.iter().map(|(key, _)| key), listed.iter(), frontier.size());
        // Held until the entries are there too: the follower takes rows away, and looks for their last entry.
        let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
        overlay.young.rows.put(rows);
        overlay.young.listed.append(&mut listed);
        overlay.young.uploads.extend(uploads);
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        let items = records.into_iter().map(|record| Item {
            entry: record.entry,
            words: record.words.map_or(ItemWords::None, ItemWords::Present),
        });
        recent.extend(items, nodes, frontier);
        for (index, words) in words {
            recent.set_words(index, words);
        }
        recent.bytes += bytes;
        recent.last_withheld = withheld.or(recent.last_withheld);
        let shown = checkpoint.map(|checkpoint| {
            let size = checkpoint.checkpoint().size();
            recent.checkpoint = checkpoint;
            size
        });
        drop((recent, overlay));
        if let Some(size) = shown {
            self.committed.send_replace(size);
        }
    }
}

impl Rows for Shared {
    fn row(&self, key: &RowKey) -> Option<Row> {
        // Taken before the index is asked: a row that leaves the overlay is in the index by then.
        let layered = self.overlay().row(key);
        layered.unwrap_or_else(|| self.index.get(key))
    }
}
