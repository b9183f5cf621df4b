//! The public files of a log, as the holder of its key would write them.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use std::collections::BTreeMap;

use onrecord_verify::log::{
    MemoryTree, NodeReader as _, TileKind, Words, encode_bundle, encode_contents, encode_hashes, leaf_hash,
    tiles_of,
};

pub type Files = BTreeMap<String, Vec<u8>>;

pub fn tree_of(entries: &[String]) -> MemoryTree {
    entries.iter().map(|entry| leaf_hash(entry.as_bytes())).collect()
}

/// Checkpoint, bundles, hash tiles of every level and content tiles. Whether they are true is not checked.
pub fn public_files(checkpoint: &[u8], entries: &[String], words: &[Words<'_>]) -> Files {
    let tree = tree_of(entries);
    let mut files = Files::from([("checkpoint".into(), checkpoint.to_vec())]);
    for path in tiles_of(tree.size()) {
        let first = path.index() * 256;
        let range = first as usize..first as usize + usize::from(path.width());
        let bytes = match path.kind() {
            TileKind::Hashes { level } => {
                let node = |i| tree.node(level * 8, first + u64::from(i)).unwrap();
                encode_hashes(&(0..path.width()).map(node).collect::<Vec<_>>())
            }
            TileKind::Entries => encode_bundle(&entries[range]),
            TileKind::Contents => encode_contents(&words[range]),
        };
        files.insert(path.to_string(), bytes.unwrap());
    }
    files
}
