//! The follower: a thread that brings index, claimed files, tiles and the checkpoint on disk up to the log, off the commit
//! path.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    cosigned,
    error::{LedgerError, ReadError},
    published::progress_text,
    recent::Extent,
    seen::Seen,
    shared::Shared,
    signals::Signals,
    withholding,
};
use crate::{
    event::{Digest, EventId},
    log::{
        Checkpoint, Hash, SignedCheckpoint, TILE_HEIGHT, TILE_ITEMS, TILE_WIDTH, TileKind, TilePath, Words,
        decode_contents, encode_contents, new_tiles,
    },
    store::{
        Doing as _, StoreError,
        disk::Placing,
        index::IndexPosition,
        journal::{self, Journal},
    },
};

/// A journal segment that is larger than this, in bytes, is left for a new one.
const ROTATE_AT: u64 = 8 << 20;
/// How often an entry that withholds something may overtake a pass. After that, the writer has to wait for one pass.
const MAX_OVERTAKEN: u32 = 3;

pub(crate) struct Follower {
    pub shared: Arc<Shared>,
    pub signals: Arc<Signals>,
    pub journal: Arc<Mutex<Journal>>,
    /// Journal segments that are not written any more, by first entry.
    pub segments: Vec<u64>,
    /// The number of entries in `public/`: the size of the checkpoint there, unless a mirror's tiles are ahead of it.
    pub published: u64,
    /// Events of which withheld files may still be on disk. Each with the number of uploads that had begun when its files were
    /// withheld.
    pub unsettled: BTreeMap<EventId, u64>,
    /// Publications whose partial tiles still lie beside full ones: when it was, the size before and the size after.
    pub grown: VecDeque<(Instant, u64, u64)>,
    /// The number of changes of the cosigned checkpoints ([`Cosigned::changes`](cosigned::Cosigned::changes)) when they were
    /// last written.
    pub cosignatures: u64,
    pub publish_every: Duration,
    pub partials_for: Duration,
    pub max_backlog: u64,
    pub expire_every: Duration,
    /// Keeps the time for the next start. `None` where the clock was not checked at this start.
    pub seen: Option<Seen>,
}

/// The log at one moment: what a pass publishes.
struct Look {
    checkpoint: Arc<SignedCheckpoint>,
    /// Words that are to be changed on disk for this checkpoint, by the index of their entry: withheld (`None`), or given back.
    pending: BTreeMap<u64, Option<Arc<[u8]>>>,
    extent: Extent,
    root: Hash,
}

impl Look {
    /// False for a mirror whose entries do not reach up to a checkpoint yet.
    fn is_at_checkpoint(&self) -> bool {
        self.checkpoint.checkpoint().size() == self.size()
    }
    fn size(&self) -> u64 {
        self.extent.entries
    }
    fn given_back(&self) -> impl Iterator<Item = (u64, &Arc<[u8]>)> {
        self.pending.iter().filter_map(|(index, words)| Some((*index, words.as_ref()?)))
    }
}

/// Checks that the checkpoint in `public/` is the one that was placed there last: `covers` judges its size, 0 if there is none.
/// A folder that was replaced while it is served, or whose disk went away, must not be written to: the tiles placed there would
/// continue another log.
///
/// # Errors
/// [`LedgerError::Broken`] if it is not; [`LedgerError::Io`] if it can't be read.
pub(crate) fn as_it_was_left(shared: &Shared, covers: impl Fn(u64) -> bool) -> Result<(), LedgerError> {
    let path = shared.folder().checkpoint();
    let bytes = shared.disk().read(&path).doing(|| format!("read {}", path.display()))?;
    let found = match bytes {
        None => 0,
        Some(bytes) => match Checkpoint::open(&bytes, shared.log_key()) {
            Ok(found) => found.checkpoint().size(),
            Err(e) => return Err(LedgerError::Broken(format!("{}: {e}", path.display()))),
        },
    };
    // The checkpoint of a mirror may lag behind its tiles.
    if covers(found) || shared.is_mirror() {
        return Ok(());
    }
    Err(LedgerError::Broken(format!(
        "{}: it covers {found} entries and is not the checkpoint that was placed there last: public/ was put back to an earlier \
         state, or its disk is not there",
        path.display()
    )))
}

/// Number of the content tile that holds an entry's words.
fn content_tile_of(index: u64) -> u64 {
    index / TILE_ITEMS
}

impl Follower {
    /// Runs until the ledger is closed and all is published.
    pub fn run(mut self) {
        let mut last_expiry = Instant::now();
        loop {
            self.signals.wait(Duration::from_millis(500));
            let closing = self.signals.is_closing();
            if let Err(e) = self.follow() {
                self.signals.stop_because("what was recorded could not be published", &e);
                return;
            }
            if last_expiry.elapsed() >= self.expire_every {
                self.shared.uploads().expire();
                last_expiry = Instant::now();
            }
            if let Some(seen) = &mut self.seen {
                seen.keep(self.shared.disk(), self.shared.folder());
            }
            if closing && self.is_done() {
                if let Err(e) = self.shared.index().flush() {
                    tracing::warn!(error = %e, "the index was not flushed; it will be brought up to date at the next start");
                }
                return;
            }
            if !closing && self.backlog() < self.max_backlog / 2 {
                std::thread::sleep(self.publish_every);
            }
        }
    }

    /// The number of entries that are not published.
    fn backlog(&self) -> u64 {
        self.shared.recent().size().saturating_sub(self.published)
    }

    fn is_done(&self) -> bool {
        let size = self.shared.recent().size();
        let overlay = self.shared.overlay();
        self.published == size && overlay.old.is_none() && overlay.young.listed.is_empty()
    }

    /// One pass: index, claimed files, tiles, checkpoint; then withheld words and files leave the disk.
    pub fn follow(&mut self) -> Result<(), LedgerError> {
        let signals = self.signals.clone();
        for tries in 0.. {
            // If words are withheld during the pass, the tiles that it writes lack them, but its checkpoint does not cover the entry
            // that withholds them. Such a pass publishes nothing, and another one follows. If that happens again and again, the
            // writer is held for one pass.
            let _held = (tries >= MAX_OVERTAKEN).then(|| signals.hold());
            let look = self.look();
            self.index()?;
            if self.publish(&look)? {
                break;
            }
        }
        Ok(())
    }

    fn look(&self) -> Look {
        let recent = self.shared.recent();
        Look {
            checkpoint: recent.checkpoint.clone(),
            pending: recent.pending.clone(),
            extent: recent.extent(),
            root: recent.frontier.root(),
        }
    }

    /// Whether something was withheld by an entry that a checkpoint of this size does not cover.
    fn is_overtaken(&self, size: u64) -> bool {
        self.shared.recent().last_withheld.is_some_and(|index| index >= size)
    }

    /// Brings the index up to date.
    fn index(&mut self) -> Result<(), LedgerError> {
        let Some(layer) = self.shared.take_layer() else { return Ok(()) };
        let named = layer.listed.iter().flat_map(|l| &l.files).map(|f| f.blake3).collect();
        withholding::claim(&self.shared, &named)?;
        let Some(last) = layer.listed.last().map(|l| l.index) else { return Ok(()) };
        let entry =
            self.shared.entry(last)?.ok_or_else(|| ReadError::Fault(format!("entry {last} is missing")))?;
        let to = IndexPosition { size: last + 1, last: Digest::blake3(&entry) };
        self.shared.index().add(&layer.rows, &layer.listed, to)?;
        self.shared.drop_layer();
        for (target, by) in withholding::drop_claims(&self.shared, &layer.listed)? {
            let begun = layer.uploads.get(&by).copied().unwrap_or(0);
            let before = self.unsettled.entry(target).or_default();
            *before = begun.max(*before);
        }
        Ok(())
    }

    /// Writes tiles and the checkpoint. Then removes from the disk what that checkpoint withholds, drops from memory what is now
    /// on disk, and removes journal segments that are not needed. Returns whether it came to its end, which it does not if
    /// something was withheld meanwhile.
    ///
    /// At every moment the files in `public/` are a whole ledger: the tiles of a checkpoint are placed before it, and
    /// what it withholds is removed after it.
    fn publish(&mut self, look: &Look) -> Result<bool, LedgerError> {
        let (before, size) = (self.published, look.size());
        if size > before || !look.pending.is_empty() {
            let shared = self.shared.clone();
            let mut placing = Placing::new(shared.disk(), shared.folder().tmp());
            for path in new_tiles(before, size) {
                let bytes = shared
                    .tile(&path)?
                    .ok_or_else(|| ReadError::Fault(format!("{path} is not in a log of {size}")))?;
                placing.place(&shared.folder().tile(&path), &bytes)?;
            }
            let given_back = look.given_back().map(|(index, words)| (index, Words::Present(words)));
            self.rewrite_contents(&given_back.collect(), &mut placing)?;
            placing.sync()?;
            if self.is_overtaken(size) {
                return Ok(false);
            }
            if size > before {
                as_it_was_left(&shared, |found| found == before)?;
                if look.is_at_checkpoint() {
                    placing.place(&shared.folder().checkpoint(), look.checkpoint.note().as_bytes())?;
                } else {
                    let text = progress_text(size, &look.root);
                    placing.place(&shared.folder().progress(), text.as_bytes())?;
                }
                placing.sync()?;
                self.published = size;
                if look.is_at_checkpoint() {
                    let bare = cosigned::bare(&look.checkpoint, shared.log_key())
                        .map_err(|e| ReadError::Fault(e.to_string()))?;
                    shared.tell_published(bare);
                    shared.cosigned().set_published(size);
                }
                self.grown.push_back((Instant::now(), before, size));
            }
            let withheld = look.pending.iter().filter(|(_, words)| words.is_none());
            self.rewrite_contents(
                &withheld.map(|(index, _)| (*index, Words::Withheld)).collect(),
                &mut placing,
            )?;
            placing.sync()?;
            shared.settle(&look.pending, size);
        }
        if !self.remove_files(size)? {
            return Ok(false);
        }
        self.place_cosigned()?;
        self.signals.set_published(look.extent);
        self.remove_partials()?;
        if !look.pending.is_empty() {
            self.rotate_journal()?;
        }
        self.drop_journal(size)?;
        Ok(true)
    }

    /// Writes cosignatures that came: to the checkpoint in `public/`, and to the checkpoints in `cosigned/`.
    fn place_cosigned(&mut self) -> Result<(), LedgerError> {
        let shared = &self.shared;
        let (changes, kept) = shared.cosigned().to_keep();
        if changes == self.cosignatures {
            return Ok(());
        }
        let mut placing = Placing::new(shared.disk(), shared.folder().tmp());
        let dir = shared.folder().cosigned();
        let names: Vec<String> = kept.iter().map(|c| c.checkpoint().size().to_string()).collect();
        for (name, checkpoint) in names.iter().zip(&kept) {
            placing.place(&dir.join(name), checkpoint.note().as_bytes())?;
        }
        let there = shared.disk().list(&dir).doing(|| format!("list {}", dir.display()))?;
        for name in there.iter().filter(|name| !names.contains(name)) {
            placing.remove(&dir.join(name))?;
        }
        if let Some(checkpoint) = shared.cosigned().of_size(self.published) {
            as_it_was_left(shared, |found| found == self.published)?;
            placing.place(&shared.folder().checkpoint(), checkpoint.note().as_bytes())?;
        }
        placing.sync()?;
        self.cosignatures = changes;
        Ok(())
    }

    /// Removes withheld files. Returns whether that was done. It is not done while an entry that is not published yet withholds
    /// something: a file could then be removed for that entry alone.
    fn remove_files(&mut self, size: u64) -> Result<bool, LedgerError> {
        let covered = || !self.is_overtaken(size);
        let later = withholding::remove_withheld(&self.shared, &self.unsettled, &covered)?;
        let done = later.is_some();
        self.unsettled = later.unwrap_or_else(|| std::mem::take(&mut self.unsettled));
        Ok(done)
    }

    /// Writes content tiles on disk anew, with `changes` to the words of entries. Full and partial tiles, and even those that no
    /// checkpoint covers: a publication that was cut short may have left some.
    fn rewrite_contents(
        &self,
        changes: &BTreeMap<u64, Words<'_>>,
        placing: &mut Placing<'_>,
    ) -> Result<(), LedgerError> {
        let tiles: BTreeSet<u64> = changes.keys().map(|i| content_tile_of(*i)).collect();
        for tile in tiles {
            let path = |width| {
                TilePath::new(TileKind::Contents, tile, width).map_err(|e| ReadError::Fault(e.to_string()))
            };
            let full = path(TILE_WIDTH)?;
            for width in self.partials(&full)?.into_iter().chain([TILE_WIDTH]) {
                let path = path(width)?;
                let file = self.shared.folder().tile(&path);
                let bytes = self.shared.disk().read(&file).doing(|| format!("read {}", file.display()))?;
                let Some(bytes) = bytes else { continue };
                let broken = |e| ReadError::Fault(format!("{path}: {e}"));
                let mut words = decode_contents(&bytes, width).map_err(broken)?;
                let first = tile * TILE_ITEMS;
                for (index, changed) in changes.range(first..first + u64::from(width)) {
                    words[(index - first) as usize] = *changed;
                }
                let changed = encode_contents(&words).map_err(broken)?;
                if changed != bytes {
                    placing.place(&file, &changed)?;
                }
            }
        }
        Ok(())
    }

    /// Widths of the partial tiles on disk beside a full tile's path.
    fn partials(&self, full: &TilePath) -> Result<Vec<u16>, StoreError> {
        let mut dir = self.shared.folder().tile(full).into_os_string();
        dir.push(".p");
        let names =
            self.shared.disk().list(dir.as_ref()).doing(|| format!("list partial tiles of {full}"))?;
        Ok(names.iter().filter_map(|n| n.parse().ok()).collect())
    }

    /// Removes partial tiles whose full tile has existed for `partials_for`. Until then, somebody who copies the folder still
    /// finds them: the folder may have been listed before the full tile was there.
    fn remove_partials(&mut self) -> Result<(), StoreError> {
        let mut placing = Placing::new(self.shared.disk(), self.shared.folder().tmp());
        while let Some((since, before, size)) = self.grown.front().copied() {
            if since.elapsed() < self.partials_for {
                break;
            }
            let mut kinds = vec![(TileKind::Entries, 0), (TileKind::Contents, 0)];
            kinds.extend((0..8).map(|level| (TileKind::Hashes { level }, u32::from(level * TILE_HEIGHT))));
            for (kind, shift) in kinds {
                for tile in (before >> shift) / TILE_ITEMS..(size >> shift) / TILE_ITEMS {
                    let Ok(full) = TilePath::new(kind, tile, TILE_WIDTH) else { continue };
                    for width in self.partials(&full)? {
                        if let Ok(path) = TilePath::new(kind, tile, width) {
                            placing.remove(&self.shared.folder().tile(&path))?;
                        }
                    }
                }
            }
            placing.sync()?;
            self.grown.pop_front();
        }
        Ok(())
    }

    fn rotate_journal(&mut self) -> Result<(), StoreError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is appended while the lock is held. Batches that were appended before may not be shown to readers yet.
        self.segments.extend(journal.rotate(self.shared.disk())?);
        Ok(())
    }

    /// Removes segments whose entries are all in tiles. Begins a new segment where the current one is too large.
    fn drop_journal(&mut self, published: u64) -> Result<(), StoreError> {
        let (first, bytes) = {
            let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
            (journal.first, journal.bytes)
        };
        if bytes > ROTATE_AT {
            self.rotate_journal()?;
        }
        if first > published || self.segments.is_empty() {
            return Ok(());
        }
        let dir = self.shared.folder().journal();
        let mut placing = Placing::new(self.shared.disk(), self.shared.folder().tmp());
        // A segment ends where the next begins; all of these end at or below the one being written.
        let old: Vec<u64> = self.segments.iter().copied().filter(|s| *s < first).collect();
        for segment in &old {
            placing.remove(&journal::segment_path(&dir, *segment))?;
        }
        placing.sync()?;
        self.segments.retain(|s| *s >= first);
        Ok(())
    }
}
