//! Reading the log from disk when a ledger is opened: what was published, and what only the journal has yet.

use std::{path::Path, sync::Arc};

use rayon::prelude::*;

use super::{
    error::LedgerError,
    folder::Folder,
    recent::{Item, ItemWords, Recent},
};
use crate::{
    event::Digest,
    log::{
        Checkpoint, Entry, Frontier, Hash, NodeReader, SignedCheckpoint, TILE_ITEMS, TILE_WIDTH, TileKind,
        TilePath, Time, Words, decode_bundle, decode_contents, decode_hashes, leaf_hash, node_in_tile,
        tile_of_node,
    },
    note::{Origin, VerifyingKey},
    store::{Doing as _, StoreError, disk::Disk, journal::Recovered},
};

/// What lies in `public/`: `size` entries, with this root. `checkpoint` is of that size, except in a mirror whose entries do not
/// reach up to a checkpoint yet.
pub(super) struct Published {
    pub size: u64,
    pub root: Hash,
    pub checkpoint: SignedCheckpoint,
}

impl Published {
    pub fn at(checkpoint: SignedCheckpoint) -> Self {
        Self { size: checkpoint.checkpoint().size(), root: checkpoint.checkpoint().root(), checkpoint }
    }
}

const PROGRESS: &str = "onrecord mirror progress 1";

/// The text of the file that says how far a mirror has come, if that is not at a checkpoint.
pub(super) fn progress_text(size: u64, root: &Hash) -> String {
    format!("{PROGRESS}\n{size}\n{}\n", root.to_base64())
}

/// Reads that file: size and root of what the mirror has in `public/`. `None` if there is no such file.
pub(super) fn read_progress(disk: &dyn Disk, folder: &Folder) -> Result<Option<(u64, Hash)>, LedgerError> {
    let path = folder.progress();
    let Some(bytes) = disk.read(&path).doing(|| format!("read {}", path.display()))? else { return Ok(None) };
    let parse = || {
        let mut lines = std::str::from_utf8(&bytes).ok()?.lines();
        let (first, size, root) = (lines.next()?, lines.next()?.parse().ok()?, lines.next()?);
        let root = Hash::from_base64(root)?;
        (first == PROGRESS && lines.next().is_none()).then_some((size, root))
    };
    let broken = || LedgerError::Broken(format!("{}: expected what a mirror writes there", path.display()));
    parse().map(Some).ok_or_else(broken)
}

/// Reads a checkpoint of the log with this key. `None` if there is no such file.
pub(super) fn read_checkpoint(
    disk: &dyn Disk,
    path: &Path,
    key: &VerifyingKey,
) -> Result<Option<SignedCheckpoint>, LedgerError> {
    let Some(bytes) = disk.read(path).doing(|| format!("read {}", path.display()))? else { return Ok(None) };
    let opened = Checkpoint::open(&bytes, key);
    opened.map(Some).map_err(|e| LedgerError::Broken(format!("{}: {e}", path.display())))
}

/// Nodes of the published tree, from its tiles on disk.
struct TilesOnDisk<'a> {
    disk: &'a dyn Disk,
    folder: &'a Folder,
    size: u64,
}

impl TilesOnDisk<'_> {
    /// A partial tile, or the full one that took its place.
    fn read(&self, path: TilePath) -> Result<Vec<u8>, StoreError> {
        for path in [path, path.full()] {
            let file = self.folder.tile(&path);
            if let Some(bytes) = self.disk.read(&file).doing(|| format!("read {}", file.display()))? {
                return Ok(bytes);
            }
        }
        Err(StoreError::Broken(format!("{} is missing", self.folder.tile(&path).display())))
    }
}

impl NodeReader for TilesOnDisk<'_> {
    type Error = StoreError;
    fn node(&self, height: u8, index: u64) -> Result<Hash, StoreError> {
        let missing = || StoreError::Broken(format!("node {index} at height {height} is in no tile"));
        let path = tile_of_node(height, index, self.size).ok_or_else(missing)?;
        let bytes = self.read(path)?;
        let width = u16::try_from(bytes.len() / 32).unwrap_or(TILE_WIDTH);
        let hashes = decode_hashes(&bytes, width).map_err(|e| StoreError::Broken(format!("{path}: {e}")))?;
        node_in_tile(&hashes, height, index).ok_or_else(missing)
    }
}

/// Reads the end of the published log: the right edge of its tree, and all that is not in full tiles. It is checked against
/// the root.
pub(super) fn read_published(
    disk: &dyn Disk,
    folder: &Folder,
    origin: &Origin,
    published: &Published,
) -> Result<Recent, LedgerError> {
    let broken = |why: String| LedgerError::Broken(why);
    let Published { size, root, checkpoint } = published;
    let (size, root) = (*size, *root);
    let tiles = TilesOnDisk { disk, folder, size };
    let frontier = Frontier::read(size, &tiles)?;
    if frontier.root() != root {
        return Err(broken(match changed_in_tail(&tiles) {
            Some(index) => format!(
                "entry {index}: its bytes and its hash in the tile tile/0 differ, and the tiles on disk do not give \
                 the root of the checkpoint of size {size}"
            ),
            None => format!("the tiles on disk do not give the root of the checkpoint of size {size}"),
        }));
    }
    let start = size / TILE_ITEMS * TILE_ITEMS;
    let mut recent = Recent::new(Arc::new(checkpoint.clone()), start, frontier);
    let mut level = 0;
    let mut nodes = size;
    while nodes > 0 {
        let width = (nodes % TILE_ITEMS) as u16;
        if width > 0 {
            let path = TilePath::new(TileKind::Hashes { level }, nodes / TILE_ITEMS, width)
                .map_err(|e| broken(e.to_string()))?;
            let bytes = tiles.read(path)?;
            let part = bytes.get(..usize::from(width) * 32).unwrap_or(&bytes);
            recent
                .add_tile(level, nodes / TILE_ITEMS, part, width)
                .ok_or_else(|| broken(format!("{path} is not a tile of {width} hashes")))?;
        }
        nodes /= TILE_ITEMS;
        level += 1;
    }
    let width = (size % TILE_ITEMS) as u16;
    if width > 0 {
        let path = |kind| TilePath::new(kind, size / TILE_ITEMS, width).map_err(|e| broken(e.to_string()));
        let (entries, contents) = (path(TileKind::Entries)?, path(TileKind::Contents)?);
        let entry_bytes = tiles.read(entries)?;
        let content_bytes = tiles.read(contents)?;
        let decoded = decode_bundle(&entry_bytes, width).map_err(|e| broken(format!("{entries}: {e}")))?;
        let words = decode_contents(&content_bytes, width).map_err(|e| broken(format!("{contents}: {e}")))?;
        // It was checked before it was published, and is checked again, since the tail is short.
        let parsed: Vec<_> =
            decoded.par_iter().map(|raw| Entry::parse(raw, origin).and_then(Entry::verify)).collect();
        let mut prev = last_of_bundle(&tiles, start, origin)?;
        for (i, ((entry, words), parsed)) in decoded.iter().zip(words).zip(parsed).enumerate() {
            let index = start + i as u64;
            let at = |why: &dyn std::fmt::Display| broken(format!("entry {index}: {why}"));
            if recent.node(0, index) != Some(leaf_hash(entry)) {
                return Err(at(&format!("its bytes in {entries} do not give its hash in the tile tile/0")));
            }
            let parsed = parsed.map_err(|e| at(&e))?;
            follows(prev, index, &parsed).map_err(|why| at(&why))?;
            prev = Some((parsed.hash(), parsed.header().time));
            let words = match words {
                Words::None => ItemWords::None,
                Words::Withheld => ItemWords::Withheld,
                Words::Present(words) => ItemWords::Present(words.into()),
            };
            recent.items.push_back(Item { entry: Arc::from(*entry), words });
        }
    }
    Ok(recent)
}

/// The first entry after the last full bundle whose hash is not the one in its tile.
fn changed_in_tail(tiles: &TilesOnDisk<'_>) -> Option<u64> {
    let (start, width) = (tiles.size / TILE_ITEMS * TILE_ITEMS, (tiles.size % TILE_ITEMS) as u16);
    let bundle = tiles.read(TilePath::new(TileKind::Entries, start / TILE_ITEMS, width).ok()?).ok()?;
    let entries = decode_bundle(&bundle, width).ok()?;
    let differs = |(i, raw): &(u64, &&[u8])| tiles.node(0, *i).ok() != Some(leaf_hash(raw));
    (start..).zip(&entries).find(differs).map(|(i, _)| i)
}

/// Adds entries that were committed and not published. `last`: hash and time of the last published entry. Returns those of the
/// last of all.
pub(super) fn replay_journal(
    recent: &mut Recent,
    recovered: &Recovered,
    origin: &Origin,
    mut last: Option<(Digest, Time)>,
) -> Result<Option<(Digest, Time)>, LedgerError> {
    let broken = |index: u64, why: String| LedgerError::Broken(format!("journal, entry {index}: {why}"));
    let published = recent.size();
    if !recovered.records.is_empty() && recovered.first > published {
        return Err(broken(published, format!("missing: the journal begins at entry {}", recovered.first)));
    }
    let fresh = recovered.above(published);
    // Signatures were checked before the entries went to the journal, and are checked again, since there are few.
    let parsed: Vec<_> = fresh
        .par_iter()
        .map(|r| Entry::parse(&r.entry, origin).and_then(Entry::verify).map(|e| (e, leaf_hash(&r.entry))))
        .collect();
    for (record, parsed) in fresh.iter().zip(parsed) {
        let index = recent.size();
        let (entry, leaf) = parsed.map_err(|e| broken(index, e.to_string()))?;
        follows(last, index, &entry).map_err(|why| broken(index, why.into()))?;
        let words = match (&record.words, entry.event().content()) {
            (Some(words), Some(committed)) if committed.matches(words) => ItemWords::Present(words.clone()),
            // Left out of the journal, because an entry of the same batch withholds them. What the log says of them is checked
            // after this.
            (None, Some(_)) => ItemWords::Withheld,
            (None, None) => ItemWords::None,
            _ => return Err(broken(index, "its words are not those it commits to".into())),
        };
        recent.push(Item { entry: record.entry.clone(), words }, leaf);
        last = Some((entry.hash(), entry.header().time));
    }
    Ok(last)
}

/// Checks that an entry's header fits its place: index, hash of the entry before, and time. `before` has hash and time of
/// the entry before.
fn follows(
    before: Option<(Digest, Time)>,
    index: u64,
    entry: &crate::log::SignedEntry,
) -> Result<(), &'static str> {
    let header = entry.header();
    if header.index != index {
        return Err("its index is not that of its place in the log");
    }
    if header.prev != before.map_or(Digest([0; 32]), |(hash, _)| hash) {
        return Err("prev: it does not name the BLAKE3 of the entry before");
    }
    if before.is_some_and(|(_, time)| header.time < time) {
        return Err("time: it is before that of the entry before");
    }
    Ok(())
}

/// Hash and time of the last published entry.
pub(super) fn last_published(
    disk: &dyn Disk,
    folder: &Folder,
    recent: &Recent,
    origin: &Origin,
) -> Result<Option<(Digest, Time)>, LedgerError> {
    let Some(item) = recent.items.back() else {
        return last_of_bundle(&TilesOnDisk { disk, folder, size: recent.size() }, recent.size(), origin);
    };
    let last = recent.size() - 1;
    let broken = |e| LedgerError::Broken(format!("entry {last}: {e}"));
    let entry = Entry::parse(&item.entry, origin).map_err(broken)?;
    Ok(Some((entry.hash(), entry.header().time)))
}

/// Hash and time of the last entry in the full bundle that ends below the index `end`.
fn last_of_bundle(
    tiles: &TilesOnDisk<'_>,
    end: u64,
    origin: &Origin,
) -> Result<Option<(Digest, Time)>, LedgerError> {
    let Some(last) = end.checked_sub(1) else { return Ok(None) };
    let broken = |why: &dyn std::fmt::Display| LedgerError::Broken(format!("entry {last}: {why}"));
    let path = TilePath::new(TileKind::Entries, last / TILE_ITEMS, TILE_WIDTH).map_err(|e| broken(&e))?;
    let bundle = tiles.read(path)?;
    let entries = decode_bundle(&bundle, TILE_WIDTH).map_err(|e| broken(&format!("{path}: {e}")))?;
    let bytes = entries.last().ok_or_else(|| broken(&"an empty bundle"))?;
    let leaf = tiles.node(0, last)?;
    if leaf != leaf_hash(bytes) {
        return Err(broken(&format!("its bytes in {path} do not give its hash in the tile tile/0")));
    }
    let entry = Entry::parse(bytes, origin).map_err(|e| broken(&e))?;
    Ok(Some((entry.hash(), entry.header().time)))
}
