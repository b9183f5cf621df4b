//! What follows the log off the commit path: the index, claimed files, tiles and the checkpoint on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    reader::{ReadError, Shared},
    sequencer::{Signals, content_tile_of},
    withholding,
};
use crate::{
    event::{Digest, EventId},
    log::{SignedCheckpoint, TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath, new_tiles},
    store::{
        Doing as _, StoreError,
        disk::Placing,
        index::IndexPosition,
        journal::{self, Journal},
    },
};

const WIDTH: u64 = TILE_WIDTH as u64;
/// A journal segment is left for a new one when it is this large and all it holds is in tiles.
const ROTATE_AT: u64 = 8 << 20;

pub(crate) struct Follower {
    pub shared: Arc<Shared>,
    pub signals: Arc<Signals>,
    pub journal: Arc<Mutex<Journal>>,
    /// Journal segments that are not written any more, by first entry.
    pub segments: Vec<u64>,
    /// Size of the checkpoint on disk.
    pub published: u64,
    /// Events of which withheld files may still be on disk.
    pub unsettled: BTreeSet<EventId>,
    pub publish_every: Duration,
    pub expire_every: Duration,
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Follower {
    /// Runs until the ledger is closed and all is published.
    pub fn run(mut self) {
        let mut last_expiry = Instant::now();
        loop {
            self.signals.wait(Duration::from_millis(500));
            let closing = self.signals.is_closing();
            if let Err(e) = self.follow() {
                self.signals.stop(format!("what was recorded could not be published: {e}"));
                return;
            }
            if last_expiry.elapsed() >= self.expire_every {
                self.shared.uploads.expire();
                last_expiry = Instant::now();
            }
            if closing && self.is_done() {
                if let Err(e) = self.shared.index.flush() {
                    tracing::warn!(error = %e, "the index was not flushed; it will be brought up to date at the next start");
                }
                return;
            }
            if !closing {
                std::thread::sleep(self.publish_every);
            }
        }
    }

    fn is_done(&self) -> bool {
        let size = self.shared.recent().checkpoint.checkpoint().size();
        let overlay = self.shared.overlay();
        self.published == size && overlay.old.is_none() && overlay.young.listed.is_empty()
    }

    fn follow(&mut self) -> Result<(), FollowError> {
        // Looked at first: what is published is in the index by then, its files are in place, and those it
        // withholds are gone. What came in between waits for the next pass.
        let (checkpoint, pending) = {
            let recent = self.shared.recent();
            (recent.checkpoint.clone(), recent.pending.clone())
        };
        self.index()?;
        let unsettled = std::mem::take(&mut self.unsettled);
        self.unsettled = withholding::remove_withheld(&self.shared, unsettled)?;
        self.publish(&checkpoint, &pending)
    }

    /// Brings the index up to date.
    fn index(&mut self) -> Result<(), FollowError> {
        let layer = {
            let mut overlay = self.shared.overlay.write().unwrap_or_else(PoisonError::into_inner);
            if overlay.young.listed.is_empty() {
                return Ok(());
            }
            let layer = Arc::new(std::mem::take(&mut overlay.young));
            overlay.old = Some(layer.clone());
            layer
        };
        let named = layer.listed.iter().flat_map(|l| &l.files).map(|f| f.blake3).collect();
        withholding::claim(&self.shared, &named)?;
        let Some(last) = layer.listed.last().map(|l| l.index) else { return Ok(()) };
        let entry = self.shared.entry(last)?.ok_or_else(|| ReadError(format!("entry {last} is missing")))?;
        let to = IndexPosition { size: last + 1, last: Digest::blake3(&entry) };
        self.shared.index.add(&layer.rows, &layer.listed, to)?;
        self.shared.overlay.write().unwrap_or_else(PoisonError::into_inner).old = None;
        self.unsettled.extend(withholding::drop_claims(&self.shared, &layer.listed)?);
        Ok(())
    }

    /// Writes tiles and the checkpoint, forgets what is then on disk, and drops journal that is not needed.
    fn publish(
        &mut self,
        checkpoint: &SignedCheckpoint,
        pending: &BTreeMap<u64, Option<Arc<[u8]>>>,
    ) -> Result<(), FollowError> {
        let size = checkpoint.checkpoint().size();
        if size == self.published && pending.is_empty() {
            return self.drop_journal(size);
        }
        let mut placing = Placing::new(&*self.shared.disk, self.shared.folder.tmp());
        // All of them, published or not: a publication cut short may have left a tile that no checkpoint covers.
        let tiles: BTreeSet<u64> = pending.keys().map(|i| content_tile_of(*i)).collect();
        for tile in &tiles {
            self.rewrite_contents(*tile, &mut placing)?;
        }
        for path in new_tiles(self.published, size) {
            let bytes = self
                .shared
                .tile(&path)?
                .ok_or_else(|| ReadError(format!("{path} is not in a log of {size}")))?;
            placing.place(&self.shared.folder.tile(&path), &bytes)?;
        }
        // The checkpoint comes last: a copy that holds it holds all its tiles.
        placing.sync()?;
        if size > self.published {
            placing.place(&self.shared.folder.checkpoint(), checkpoint.note().as_bytes())?;
            placing.sync()?;
        }
        let before = std::mem::replace(&mut self.published, size);
        self.signals.published.store(size, Ordering::Release);
        {
            let mut recent = self.shared.recent.write().unwrap_or_else(PoisonError::into_inner);
            // Only what this pass saw; words withheld or given back meanwhile wait for the next.
            recent.pending.retain(|index, words| pending.get(index) != Some(words));
            recent.trim(size);
        }
        self.remove_partials(before, size)?;
        if !pending.is_empty() {
            self.rotate_journal()?;
        }
        self.drop_journal(size)
    }

    /// Writes a content tile anew, full and partial, with what is withheld left out.
    fn rewrite_contents(&self, tile: u64, placing: &mut Placing<'_>) -> Result<(), FollowError> {
        let path =
            |width| TilePath::new(TileKind::Contents, tile, width).map_err(|e| ReadError(e.to_string()));
        let full = path(TILE_WIDTH)?;
        let partials = self.partials(&full)?;
        let whole = self.shared.disk.read(&self.shared.folder.tile(&full));
        let mut paths: Vec<TilePath> = partials.into_iter().map(path).collect::<Result<_, _>>()?;
        if whole.doing(|| format!("read {full}"))?.is_some() {
            paths.push(full);
        }
        for path in paths {
            placing.place(&self.shared.folder.tile(&path), &self.shared.contents(&path)?)?;
        }
        Ok(())
    }

    /// Widths of the partial tiles on disk beside a full tile's path.
    fn partials(&self, full: &TilePath) -> Result<Vec<u16>, StoreError> {
        let mut dir = self.shared.folder.tile(full).into_os_string();
        dir.push(".p");
        let names = self.shared.disk.list(dir.as_ref()).doing(|| format!("list partial tiles of {full}"))?;
        Ok(names.iter().filter_map(|n| n.parse().ok()).collect())
    }

    /// Removes partial tiles whose full ones exist since a while: since the tile after them was begun, so that
    /// a copy being made of the smaller log still finds them.
    fn remove_partials(&self, before: u64, size: u64) -> Result<(), StoreError> {
        let mut placing = Placing::new(&*self.shared.disk, self.shared.folder.tmp());
        let mut kinds = vec![(TileKind::Entries, 0), (TileKind::Contents, 0)];
        kinds.extend((0..8).map(|level| (TileKind::Hashes { level }, u32::from(level * TILE_HEIGHT))));
        for (kind, shift) in kinds {
            let (from, to) = ((before >> shift) / WIDTH, (size >> shift) / WIDTH);
            for tile in from.saturating_sub(1)..to.saturating_sub(1) {
                let Ok(full) = TilePath::new(kind, tile, TILE_WIDTH) else { continue };
                for width in self.partials(&full)? {
                    if let Ok(path) = TilePath::new(kind, tile, width) {
                        placing.remove(&self.shared.folder.tile(&path))?;
                    }
                }
            }
        }
        placing.sync()
    }

    fn rotate_journal(&mut self) -> Result<(), StoreError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is appended while the lock is held. What was appended may not be shown to readers yet.
        let next = journal.next;
        if next == journal.first {
            return Ok(());
        }
        let fresh = Journal::start(&*self.shared.disk, &self.shared.folder.journal(), next)?;
        self.segments.push(journal.first);
        *journal = fresh;
        Ok(())
    }

    /// Removes segments whose entries are all in tiles.
    fn drop_journal(&mut self, published: u64) -> Result<(), FollowError> {
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
        let dir = self.shared.folder.journal();
        let mut placing = Placing::new(&*self.shared.disk, self.shared.folder.tmp());
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
