//! Removes words and files that the log withholds from a copy. The folder that was copied may still have held them: a
//! process that was killed left them there, or a running one was just about to remove them.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
};

use super::{
    Doing as _, OpsError,
    stray_files::{files_under, read_tile},
};
use crate::{
    event::{Body, Content, Digest, EventId, Position},
    ledger::{LedgerError, claims::is_closed, folder::Folder},
    log::{
        Entry, Fate, TILE_ITEMS, TileKind, TilePath, Words, decode_bundle, decode_contents, encode_contents,
    },
    note::Origin,
    store::disk::{Placing, RealDisk},
};

/// The entries of a bundle in a log of `size` entries.
fn entries(public: &Path, origin: &Origin, size: u64, bundle: u64) -> Result<Vec<Entry>, OpsError> {
    let unusable = |why: &dyn std::fmt::Display| OpsError::Unusable(format!("bundle {bundle}: {why}"));
    let width = size.saturating_sub(bundle * TILE_ITEMS).min(TILE_ITEMS) as u16; // At most 256.
    let path = TilePath::new(TileKind::Entries, bundle, width).map_err(|e| unusable(&e))?;
    let bytes = read_tile(public, path)?.ok_or_else(|| unusable(&"missing"))?;
    let raw = decode_bundle(&bytes, width).map_err(|e| unusable(&e))?;
    raw.into_iter().map(|raw| Entry::parse(raw, origin).map_err(|e| unusable(&e))).collect()
}

/// The fates of the events of which some words or files are withheld.
fn fates(public: &Path, origin: &Origin, size: u64) -> Result<HashMap<EventId, Fate>, OpsError> {
    let mut fates: HashMap<EventId, Fate> = HashMap::new();
    for bundle in 0..size.div_ceil(TILE_ITEMS) {
        for entry in entries(public, origin, size, bundle)? {
            match entry.event().body() {
                Body::ContentWithheld(b) => {
                    let index = entry.header().index;
                    let held = b.blobs.iter().map(|p| ((*p).into(), index));
                    fates.entry(b.entry).or_default().withheld.extend(held);
                }
                Body::ContentReleased(b) => {
                    let fate = fates.entry(b.entry).or_default();
                    fate.withheld.retain(|(p, _)| !b.blobs.iter().any(|q| *p == (*q).into()));
                }
                _ => {}
            }
        }
    }
    fates.retain(|_, fate| !fate.withheld.is_empty());
    Ok(fates)
}

/// The content tile `bytes`, with the words added that it withholds and that `other`, a tile of the same path, has. Added words
/// are checked against their entries in `public`: the other tile may be damaged. If entries or tiles can't be read, `bytes` are
/// returned unchanged.
pub(super) fn keep_words(
    public: &Path,
    origin: &Origin,
    size: u64,
    path: TilePath,
    bytes: Vec<u8>,
    other: &[u8],
) -> Vec<u8> {
    let tiles = (decode_contents(&bytes, path.width()), decode_contents(other, path.width()));
    let ((Ok(mut words), Ok(others)), Ok(entries)) = (tiles, entries(public, origin, size, path.index()))
    else {
        return bytes;
    };
    for ((entry, words), other) in entries.iter().zip(&mut words).zip(others) {
        if let (Words::Withheld, Words::Present(present)) = (*words, other)
            && entry.event().content().is_some_and(|content| content.matches(present))
        {
            *words = other;
        }
    }
    encode_contents(&words).unwrap_or(bytes)
}

/// Removes words that the log withholds, and files that no words name, from a folder that verifies. Returns the number of
/// files that were changed or removed.
pub(super) fn remove(folder: &Folder, origin: &Origin, size: u64) -> Result<u64, OpsError> {
    let public = folder.public();
    let fates = fates(&public, origin, size)?;
    let names = files_under(&public)?;
    if fates.is_empty() && !names.iter().any(|name| name.starts_with("file/")) {
        return Ok(0);
    }
    let mut placing = Placing::new(&RealDisk, folder.tmp());
    let mut changed = 0;
    let mut named: HashSet<Digest> = HashSet::new();
    let tiles = names.iter().filter_map(|name| name.parse::<TilePath>().ok());
    let mut tiles: Vec<TilePath> =
        tiles.filter(|path| path.kind() == TileKind::Contents && path.is_within(size)).collect();
    tiles.sort_by_key(|path| path.index());
    for tiles in tiles.chunk_by(|a, b| a.index() == b.index()) {
        let Some(bundle) = tiles.first().map(|path| path.index()) else { continue };
        let entries = entries(&public, origin, size, bundle)?;
        for path in tiles {
            let file = folder.tile(path);
            let bytes = fs::read(&file).doing("read", &file)?;
            let broken = |e: crate::log::TileError| OpsError::Unusable(format!("{path}: {e}"));
            let mut words = decode_contents(&bytes, path.width()).map_err(broken)?;
            for (entry, words) in entries.iter().zip(&mut words) {
                let Words::Present(present) = *words else { continue };
                let fate = fates.get(&entry.event().id());
                if fate.is_some_and(|f| f.withheld_by(Position::Content).is_some()) {
                    *words = Words::Withheld;
                    continue;
                }
                let Ok(content) = Content::parse(present) else { continue };
                let files = (0u32..).zip(content.files());
                let open = files.filter(|(i, _)| fate.is_none_or(|fate| !is_closed(fate, *i)));
                named.extend(open.map(|(_, file)| file.blake3));
            }
            let cleaned = encode_contents(&words).map_err(broken)?;
            if cleaned != bytes {
                placing.place(&file, &cleaned).map_err(LedgerError::from)?;
                changed += 1;
            }
        }
    }
    for digest in names.iter().filter_map(|name| name.strip_prefix("file/")?.parse::<Digest>().ok()) {
        if !named.contains(&digest) {
            placing.remove(&folder.file(&digest)).map_err(LedgerError::from)?;
            changed += 1;
        }
    }
    placing.sync().map_err(LedgerError::from)?;
    Ok(changed)
}
