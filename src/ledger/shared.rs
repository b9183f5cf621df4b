//! The state that writer, follower and readers share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use super::{
    batch::Batch,
    cosigned::Cosigned,
    folder::Folder,
    footprint::Changes,
    marks::Marks,
    metrics::Scrubbed,
    offsets::Offsets,
    overlay::{Layer, Overlay},
    recent::{Growth, Item, ItemWords, Recent},
    sound::Sound,
    tile_cache::TileCache,
    timestamped::Timestamped,
    upload::Uploads,
};
use crate::{
    event::EventType,
    log::{Row, RowKey, Rows, SignedCheckpoint},
    note::{Origin, VerifyingKey},
    store::{
        disk::Disk,
        index::{Index, Listed},
    },
};

/// The state that writer, follower and readers share. Its fields are private to this file; what may be done with each of them
/// is a method here.
///
/// The *writer* is the sequencer of a ledger, or the copier of a mirror. While a ledger is being opened, the opening thread is
/// the writer. There is one *follower*, and there are any number of *readers*.
///
/// | field | holds | who writes it |
/// | --- | --- | --- |
/// | `origin`, `log_key`, `folder`, `disk`, `lacks_words`, `is_mirror` | values that do not change | nobody, once the ledger is open |
/// | `recent` | the end of the log, in memory | the writer adds to it ([`show`](Self::show)), and the copier shows a checkpoint or gives words; a thread that brings a cosignature puts it below the checkpoint; the follower forgets what is on disk ([`settle`](Self::settle)) |
/// | `overlay` | rows and lists that are not in the index yet | the writer adds to the young layer (`show`); the follower takes that layer, and drops it once it is in the index |
/// | `index` | rows and lists on disk | the follower; the copier adds the files of words that came later; at a start, [`catch_up`](super::catch_up) |
/// | `uploads` | files that no event names yet | the door takes them in and holds them; the follower claims, discards and expires them |
/// | `marks` | keyed hashes of withheld files | the writer, once events are decided and before they are durable; at a start, [`make_good`](super::withholding::make_good) |
/// | `committed` | the number of entries that readers see | the writer |
/// | `published` | the checkpoint in `public/` | the follower |
/// | `cosigned` | checkpoints with cosignatures | the thread that asks witnesses; the follower records what was published |
/// | `timestamped` | checkpoints with tokens | the thread that asks authorities |
/// | `tiles`, `offsets`, `sound` | caches of tiles that were read, and which files were found to be right or damaged | readers, and the scrub |
/// | `changes` | when each row and list last changed | the writer, before anybody can see the change |
/// | `reads` | how often readers asked | readers |
/// | `scrubbed` | how far the scrub has come | the scrub |
/// | `late` | entries whose words came after them | the copier adds; the search takes |
/// | `unconfirmed` | why nobody could be asked at the start whether entries are missing | the opening thread; cleared once somebody was asked |
///
/// # Order of locks
///
/// A thread that holds one of these locks may take one that stands further down, and never one further up:
///
/// 1. the commit, [`Signals::hold`](super::signals::Signals::hold);
/// 2. the journal; the state of `uploads`; the writing of `timestamped`, then what it keeps;
/// 3. what `cosigned` keeps;
/// 4. `overlay`;
/// 5. `recent`.
///
/// The index, marks, caches, `changes`, `late` and `unconfirmed` have locks of their own, under which no other is taken (but by `repair`, which reads the marks of
/// one folder while it writes those of another).
/// A thread never takes `overlay` or `recent` twice at a time: the second take would wait for a writer that waits for the
/// first. What is in the overlay or in the index is looked for in the overlay first: rows that leave it meanwhile are in the
/// index by then.
pub(crate) struct Shared {
    origin: Origin,
    log_key: VerifyingKey,
    folder: Folder,
    disk: Arc<dyn Disk>,
    recent: RwLock<Recent>,
    overlay: RwLock<Overlay>,
    index: Index,
    uploads: Arc<Uploads>,
    marks: Marks,
    committed: watch::Sender<u64>,
    published: watch::Sender<Option<Arc<SignedCheckpoint>>>,
    cosigned: Cosigned,
    timestamped: Timestamped,
    tiles: TileCache,
    sound: Arc<Sound>,
    offsets: Offsets,
    changes: Changes,
    reads: AtomicU64,
    scrubbed: Scrubbed,
    late: Mutex<BTreeSet<u64>>,
    lacks_words: bool,
    is_mirror: bool,
    unconfirmed: Mutex<Option<String>>,
    /// The lock on the folder, held as long as anything of the ledger is in use.
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
        (lacks_words, is_mirror): (bool, bool),
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
            tiles: TileCache::default(),
            sound: Arc::default(),
            offsets: Offsets::default(),
            changes: Changes::default(),
            reads: AtomicU64::new(0),
            scrubbed: Scrubbed::default(),
            late: Mutex::default(),
            lacks_words,
            is_mirror,
            unconfirmed: Mutex::default(),
            _lock: lock,
        }
    }

    /// The origin of the log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
    /// The log's key.
    pub fn log_key(&self) -> &VerifyingKey {
        &self.log_key
    }
    /// The paths in the ledger's folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }
    /// The disk that the folder is on.
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }
    /// Whether words may be missing: see [`Options`](super::Options).
    pub fn lacks_words(&self) -> bool {
        self.lacks_words
    }
    /// Whether this is a mirror: a copy of what another ledger signs.
    pub fn is_mirror(&self) -> bool {
        self.is_mirror
    }
    /// The index on disk. Look at the overlay before asking it.
    pub fn index(&self) -> &Index {
        &self.index
    }
    /// Files that no event names yet.
    pub fn uploads(&self) -> &Arc<Uploads> {
        &self.uploads
    }
    /// Marks of withheld files.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }
    /// Checkpoints with the cosignatures of witnesses.
    pub fn cosigned(&self) -> &Cosigned {
        &self.cosigned
    }
    /// Checkpoints with the tokens of time-stamping authorities.
    pub fn timestamped(&self) -> &Timestamped {
        &self.timestamped
    }
    /// Full tiles that were read lately.
    pub fn tiles(&self) -> &TileCache {
        &self.tiles
    }
    /// Which files in `public/` are known to be as they were put there, and which are damaged.
    pub fn sound_files(&self) -> &Arc<Sound> {
        &self.sound
    }
    /// Where items begin in full tiles.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }
    /// When each thing that readers ask for last changed.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }
    /// How far the scrub has come.
    pub fn scrubbed(&self) -> &Scrubbed {
        &self.scrubbed
    }
    /// Counts one question of a reader.
    pub fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }
    /// How often readers asked.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// The end of the log, for reading. While this is held, the writer can't show anything.
    pub fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }
    /// Rows and lists that are not in the index yet, for reading. While this is held, the writer can't show anything.
    pub fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }
    fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// While this is held, the writer can't show anything.
    #[cfg(test)]
    pub fn hold_recent(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent_mut()
    }

    /// Shows a batch to readers. The batch must be durable already, or be one that can be fetched again.
    ///
    /// `growth` is what it adds to the tree. `bytes` is its size, which counts to the backlog until it is published.
    /// `checkpoint` covers it; without one, its entries are shown with a later batch.
    pub fn show(&self, batch: Batch, growth: Growth, bytes: u64, checkpoint: Option<Arc<SignedCheckpoint>>) {
        let (rows, mut listed, records, words) = batch.into_parts();
        let withholds = listed.iter().filter(|l| l.event_type == EventType::ContentWithheld);
        let begun = self.uploads.begun();
        let uploads: BTreeMap<u64, u64> = withholds.map(|l| (l.index, begun)).collect();
        let changes_words =
            |l: &&Listed| matches!(l.event_type, EventType::ContentWithheld | EventType::ContentReleased);
        let withheld = listed.iter().rfind(changes_words).map(|l| l.index);
        self.changes.remember(rows.iter().map(|(key, _)| key), listed.iter(), growth.frontier.size());
        // Held until the entries are in `recent` too: the follower that takes the rows looks for the last of their entries.
        let mut overlay = self.overlay_mut();
        overlay.young.rows.put(rows);
        overlay.young.listed.append(&mut listed);
        overlay.young.uploads.extend(uploads);
        let mut recent = self.recent_mut();
        let items = records.into_iter().map(|record| Item {
            entry: record.entry,
            words: record.words.map_or(ItemWords::None, ItemWords::Present),
        });
        recent.extend(items, growth);
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

    /// Shows the entries that are here, by a checkpoint over exactly these.
    pub fn show_checkpoint(&self, checkpoint: Arc<SignedCheckpoint>) {
        let size = checkpoint.checkpoint().size();
        self.recent_mut().checkpoint = checkpoint;
        self.committed.send_replace(size);
    }

    /// Shows the latest checkpoint with these cosignatures, if they are for that checkpoint.
    pub fn show_cosigned(&self, cosigned: &Arc<SignedCheckpoint>) {
        let mut recent = self.recent_mut();
        if recent.checkpoint.checkpoint() == cosigned.checkpoint() {
            recent.checkpoint = cosigned.clone();
        }
    }

    /// Withholds words of entries, or gives them back. The disk follows.
    pub fn set_words(&self, changes: impl IntoIterator<Item = (u64, Option<Arc<[u8]>>)>) {
        let mut recent = self.recent_mut();
        for (index, words) in changes {
            recent.set_words(index, words);
        }
    }

    /// Gives an entry its words, which came later than the entry itself.
    pub fn give_words(&self, index: u64, words: Arc<[u8]>) {
        self.set_words([(index, Some(words))]);
        self.late.lock().unwrap_or_else(PoisonError::into_inner).insert(index);
    }

    /// Entries whose words came after the entry itself, since this was last called.
    pub fn take_late(&self) -> BTreeSet<u64> {
        std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the young layer, which is to be written to the index. Readers still see it until [`drop_layer`](Self::drop_layer).
    /// `None` if it is empty.
    pub fn take_layer(&self) -> Option<Arc<Layer>> {
        let mut overlay = self.overlay_mut();
        if overlay.young.listed.is_empty() {
            return None;
        }
        let next = overlay.young.next();
        let layer = Arc::new(std::mem::replace(&mut overlay.young, next));
        overlay.old = Some(layer.clone());
        Some(layer)
    }

    /// Drops the layer that was taken, once it is in the index.
    pub fn drop_layer(&self) {
        self.overlay_mut().old = None;
    }

    /// Forgets what is on disk: the changes of words that a pass of the follower has `written`, and all that is in full tiles of
    /// a log of this size. Words that were withheld or given back meanwhile wait for the next pass.
    pub fn settle(&self, written: &BTreeMap<u64, Option<Arc<[u8]>>>, size: u64) {
        let mut recent = self.recent_mut();
        recent.pending.retain(|index, words| written.get(index) != Some(words));
        recent.trim(size);
    }

    /// The number of entries that readers see, sent after each batch.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    /// Sends the checkpoint that is in `public/` now to those who watch.
    pub fn tell_published(&self, checkpoint: SignedCheckpoint) {
        self.published.send_replace(Some(Arc::new(checkpoint)));
    }

    /// The checkpoint in `public/`, sent after each publication.
    pub fn watch_published(&self) -> watch::Receiver<Option<Arc<SignedCheckpoint>>> {
        self.published.subscribe()
    }

    /// Notes why nobody could be asked at the start whether entries are missing here, or, with `None`, that somebody was.
    pub fn set_unconfirmed(&self, why: Option<String>) {
        *self.unconfirmed.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why nobody could be asked at the start whether entries are missing here. `None` once somebody was.
    pub fn unconfirmed(&self) -> Option<String> {
        self.unconfirmed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Rows for Shared {
    fn row(&self, key: &RowKey) -> Option<Row> {
        // The overlay is asked before the index: a row that leaves it meanwhile is in the index by then.
        let layered = self.overlay().row(key);
        layered.unwrap_or_else(|| self.index.get(key))
    }
}
