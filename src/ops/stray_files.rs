//! What lies in `public/` that should not.

use std::{collections::HashSet, fs, io, path::Path};

use super::{Doing as _, OpsError};
use crate::{
    event::Digest,
    log::{
        NodeReader, TILE_WIDTH, TileKind, TilePath, decode_bundle, decode_contents, decode_hashes,
        node_in_tile, tile_of_node, tiles_of,
    },
    verify::{Fault, Place},
};

/// Paths of all files under a folder, relative to it, with slashes; sorted.
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

/// A tile under its own path, or cut from the full one that took its place.
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

/// The bytes of the first items of a tile that holds `of` items; `None` if it does not.
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

/// What nothing on the log names: other files, tiles beyond its end (a publication that was cut short may have placed some of
/// entries that the journal alone has so far), and partial tiles of smaller sizes that do not begin the wider ones. `named` are the files that words name, if that is known. What partial tiles hold is
/// not compared below `since`.
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

/// A partial tile of a smaller size stays until a while after the full one exists, and must hold what that holds.
fn stale(public: &Path, path: TilePath, (since, size): (u64, u64)) -> Result<Option<String>, OpsError> {
    let level = match path.kind() {
        TileKind::Hashes { level } => u32::from(level) * 8,
        TileKind::Entries | TileKind::Contents => 0,
    };
    if (path.index() + 1) * u64::from(TILE_WIDTH) <= since >> level {
        return Ok(None);
    }
    let items = (size >> level) - path.index() * u64::from(TILE_WIDTH);
    let width = items.min(u64::from(TILE_WIDTH)) as u16; // At most 256.
    let Ok(wide) = TilePath::new(path.kind(), path.index(), width) else { return Ok(None) };
    let file = public.join(path.to_string());
    let found = fs::read(&file).doing("read", &file)?;
    let expected =
        read_tile(public, wide)?.and_then(|bytes| first_items(path.kind(), &bytes, width, path.width()));
    Ok((expected != Some(found))
        .then(|| format!("it does not hold the first {} items of {wide}", path.width())))
}
