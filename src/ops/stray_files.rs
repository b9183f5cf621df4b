//! Finds files in `public/` that should not be there.

use std::{collections::HashSet, fs, io, path::Path};

use super::{Doing as _, OpsError};
use crate::{
    event::Digest,
    log::{
        NodeReader, TILE_ITEMS, TILE_WIDTH, TileKind, TilePath, decode_bundle, decode_contents,
        decode_hashes, node_in_tile, tile_of_node, tiles_of,
    },
    verify::{Fault, Place},
};

/// Paths of all files under a folder, relative to it, with slashes, sorted. Empty if there is no such folder.
pub(super) fn files_under(dir: &Path) -> Result<Vec<String>, OpsError> {
    let mut out = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let path = dir.join(&folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e).doing("read", &path),
        };
        for entry in entries {
            let entry = entry.doing("read", &path)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match entry.file_type().doing("look at", &path)?.is_dir() {
                true => folders.push(name),
                false => out.push(name),
            }
        }
    }
    out.sort();
    Ok(out)
}

/// The bytes of a tile: from its own path, or the first items of the full tile that replaced it.
pub(super) fn read_tile(public: &Path, path: TilePath) -> Result<Option<Vec<u8>>, OpsError> {
    let read = |path: TilePath| {
        let file = public.join(path.to_string());
        match fs::read(&file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).doing("read", &file),
        }
    };
    if let Some(bytes) = read(path)? {
        return Ok(Some(bytes));
    }
    let full = if path.is_full() { None } else { read(path.full())? };
    Ok(full.and_then(|bytes| first_items(path.kind(), &bytes, TILE_WIDTH, path.width())))
}

/// Nodes of the tree from the tiles of a folder.
pub(super) struct Tiles<'a> {
    pub public: &'a Path,
    pub size: u64,
}

impl NodeReader for Tiles<'_> {
    type Error = OpsError;
    fn node(&self, height: u8, index: u64) -> Result<crate::log::Hash, OpsError> {
        let missing = || OpsError::Unusable(format!("node {index} at height {height} is in no tile"));
        let path = tile_of_node(height, index, self.size).ok_or_else(missing)?;
        let bytes = read_tile(self.public, path)?.ok_or_else(missing)?;
        let hashes = decode_hashes(&bytes, path.width()).map_err(|_| missing())?;
        node_in_tile(&hashes, height, index).ok_or_else(missing)
    }
}

/// The bytes of a tile with the first `items` items of another; `None` if that does not hold `of` items.
pub(super) fn first_items(kind: TileKind, bytes: &[u8], of: u16, items: u16) -> Option<Vec<u8>> {
    let items = usize::from(items);
    match kind {
        TileKind::Hashes { .. } => (bytes.len() == usize::from(of) * 32)
            .then(|| bytes.get(..items * 32).map(<[u8]>::to_vec))
            .flatten(),
        TileKind::Entries => {
            let decoded = decode_bundle(bytes, of).ok()?;
            crate::log::encode_bundle(decoded.get(..items)?).ok()
        }
        TileKind::Contents => {
            let decoded = decode_contents(bytes, of).ok()?;
            crate::log::encode_contents(decoded.get(..items)?).ok()
        }
    }
}

/// Finds files that nothing on the log names: files that are none of a ledger's, tiles beyond the log's end, and partial tiles
/// of smaller sizes whose items are not the first ones of the wider tile. Returns the number of all other files, and the faults.
///
/// `size` is the published size. `end` counts the journal too: a publication that was cut short may have placed tiles of
/// entries that only the journal has so far. `named` are the files that words name, if they are known. Partial tiles of entries
/// below `since` are not read.
pub(super) fn find(
    public: &Path,
    (since, size, end): (u64, u64, u64),
    named: Option<&HashSet<Digest>>,
) -> Result<(u64, Vec<Fault>), OpsError> {
    let expected: HashSet<TilePath> = tiles_of(size).collect();
    let mut faults = Vec::new();
    let mut known = 0;
    for name in files_under(public)? {
        let what = if name == "checkpoint" {
            None
        } else if let Some(digest) = name.strip_prefix("file/") {
            match (digest.parse::<Digest>(), named) {
                (Ok(_), None) => None,
                (Ok(digest), Some(named)) if named.contains(&digest) => None,
                _ => Some("no words on the log name it".to_owned()),
            }
        } else {
            match name.parse::<TilePath>() {
                Ok(path) if expected.contains(&path) => None,
                Ok(path) if !path.is_full() && path.is_within(size) => stale(public, path, (since, size))?,
                Ok(path) if path.is_within(end) => None,
                Ok(_) => Some(format!("no log of {end} entries has it")),
                Err(_) => Some("not a file of a ledger".to_owned()),
            }
        };
        match what {
            None => known += 1,
            Some(what) => faults.push(Fault { place: Place::Path(format!("public/{name}")), what }),
        }
    }
    Ok((known, faults))
}

/// What is wrong with a partial tile of a smaller size. Such tiles stay for a while after the wider one exists, and must hold
/// its first items.
fn stale(public: &Path, path: TilePath, (since, size): (u64, u64)) -> Result<Option<String>, OpsError> {
    let level = match path.kind() {
        TileKind::Hashes { level } => u32::from(level) * 8,
        TileKind::Entries | TileKind::Contents => 0,
    };
    if (path.index() + 1) * TILE_ITEMS <= since >> level {
        return Ok(None);
    }
    let items = (size >> level) - path.index() * TILE_ITEMS;
    let width = items.min(TILE_ITEMS) as u16; // At most 256.
    let Ok(wide) = TilePath::new(path.kind(), path.index(), width) else { return Ok(None) };
    let file = public.join(path.to_string());
    let found = fs::read(&file).doing("read", &file)?;
    let expected =
        read_tile(public, wide)?.and_then(|bytes| first_items(path.kind(), &bytes, width, path.width()));
    Ok((expected != Some(found))
        .then(|| format!("it does not hold the first {} items of {wide}", path.width())))
}
