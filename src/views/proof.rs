//! Merkle proofs at any size the log has had, made from its tiles.

use crate::{
    ledger::{ReadError, Reader},
    log::{
        Hash, NodeReader, PathError, decode_hashes, inclusion_path, leaf_hash, node_in_tile, tile_of_node,
    },
};

/// An entry's place in the tree of a given size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Index of the entry.
    pub index: u64,
    /// Size of the tree.
    pub size: u64,
    /// SHA-256(0x00 || entry).
    pub leaf: Hash,
    /// The sibling hashes on the way from the leaf to the root, the lowest first.
    pub path: Vec<Hash>,
}

struct Tiles<'r> {
    reader: &'r Reader,
    size: u64,
}

impl NodeReader for Tiles<'_> {
    type Error = ReadError;
    fn node(&self, height: u8, index: u64) -> Result<Hash, ReadError> {
        let missing =
            || ReadError::Fault(format!("node {height}/{index} is in no tile of size {}", self.size));
        let path = tile_of_node(height, index, self.size).ok_or_else(missing)?;
        let bytes = self.reader.tile(&path)?.ok_or_else(missing)?;
        let hashes =
            decode_hashes(&bytes, path.width()).map_err(|e| ReadError::Fault(format!("{path}: {e}")))?;
        node_in_tile(&hashes, height, index).ok_or_else(missing)
    }
}

/// The proof that an entry is in the tree of `size`; `None` unless `index < size <=` the latest size.
///
/// # Errors
/// [`ReadError`] if the store fails.
pub fn inclusion(reader: &Reader, index: u64, size: u64) -> Result<Option<Inclusion>, ReadError> {
    let latest = reader.checkpoint().checkpoint().size();
    if index >= size || size > latest {
        return Ok(None);
    }
    let Some(entry) = reader.entry(index)? else { return Ok(None) };
    match inclusion_path(index, size, &Tiles { reader, size: latest }) {
        Ok(path) => Ok(Some(Inclusion { index, size, leaf: leaf_hash(&entry), path })),
        Err(PathError::Read(e)) => Err(e),
        Err(_) => Ok(None),
    }
}
