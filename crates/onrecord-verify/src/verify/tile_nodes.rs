//! Nodes of a log's tree, according to a source's tiles.

use std::{cell::RefCell, collections::VecDeque};

use super::{Source, bundle::hashes};
use crate::log::{Hash, NodeReader, TileKind, TilePath, node_in_tile, tile_of_node};

/// The most tiles that are kept: 512 KiB. A path in a log of any size asks for two of each level, and the next path for
/// nearly the same ones.
const KEPT: usize = 64;

/// Nodes of the tree, according to the source's tiles. Nothing is known to be true until a path leads to the signed root.
///
/// A tile is asked for once, even if the source does not give it, and is kept while it is among the last that were used. So
/// memory does not grow with the log.
pub struct TileNodes<'a> {
    source: &'a dyn Source,
    size: u64,
    /// The tile that was used last comes first; `None` if the source does not give it.
    tiles: RefCell<VecDeque<(TilePath, Option<Vec<Hash>>)>>,
}

impl<'a> TileNodes<'a> {
    /// The nodes of a log of `size` entries.
    pub fn new(source: &'a dyn Source, size: u64) -> Self {
        Self { source, size, tiles: RefCell::default() }
    }

    /// Takes `hashes` for the tile at `path`, whatever the source says.
    pub fn know(&self, path: TilePath, hashes: Vec<Hash>) {
        let mut tiles = self.tiles.borrow_mut();
        tiles.retain(|(known, _)| *known != path);
        keep(&mut tiles, path, Some(hashes));
    }
}

/// Keeps a tile as the one that was used last, and drops the one that was used longest ago.
fn keep(tiles: &mut VecDeque<(TilePath, Option<Vec<Hash>>)>, path: TilePath, hashes: Option<Vec<Hash>>) {
    tiles.truncate(KEPT - 1);
    tiles.push_front((path, hashes));
}

/// A node that the source's tiles do not give.
#[derive(Debug)]
pub struct NoNode;

impl NodeReader for TileNodes<'_> {
    type Error = NoNode;
    fn node(&self, height: u8, index: u64) -> Result<Hash, NoNode> {
        let path = tile_of_node(height, index, self.size).ok_or(NoNode)?;
        let TileKind::Hashes { level } = path.kind() else { return Err(NoNode) };
        let mut tiles = self.tiles.borrow_mut();
        let (_, tile) = match tiles.iter().position(|(known, _)| *known == path) {
            Some(at) => tiles.remove(at).ok_or(NoNode)?,
            None => (path, hashes(self.source, level, path.index(), self.size).ok().and_then(Result::ok)),
        };
        let node = tile.as_ref().and_then(|hashes| node_in_tile(hashes, height, index));
        keep(&mut tiles, path, tile);
        node.ok_or(NoNode)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read, sync::Mutex};

    use super::*;
    use crate::{
        log::{MemoryTree, encode_hashes, inclusion_path, leaf_hash, tiles_of, verify_inclusion},
        verify::SourceError,
    };

    /// The hash tiles of a log, and how often each was asked for.
    struct Tiles {
        files: BTreeMap<String, Vec<u8>>,
        asked: Mutex<BTreeMap<String, usize>>,
    }

    impl Tiles {
        fn of(tree: &MemoryTree) -> Self {
            let paths = tiles_of(tree.size()).filter_map(|path| match path.kind() {
                TileKind::Hashes { level } => Some((path, level * 8)),
                _ => None,
            });
            let files = paths.map(|(path, height)| {
                let first = path.index() * 256;
                let nodes = first..first + u64::from(path.width());
                let hashes: Vec<Hash> = nodes.map(|i| tree.node(height, i).unwrap()).collect();
                (path.to_string(), encode_hashes(&hashes).unwrap())
            });
            Self { files: files.collect(), asked: Mutex::default() }
        }

        fn asked(&self) -> BTreeMap<String, usize> {
            std::mem::take(&mut *self.asked.lock().unwrap())
        }
    }

    impl Source for Tiles {
        fn open(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, SourceError> {
            *self.asked.lock().unwrap().entry(path.to_owned()).or_default() += 1;
            let bytes = self.files.get(path).cloned();
            Ok(bytes.map(|bytes| Box::new(std::io::Cursor::new(bytes)) as Box<dyn Read + Send>))
        }
        fn describe(&self) -> String {
            "tiles".into()
        }
    }

    #[test]
    fn however_many_tiles_a_log_has_few_are_kept_and_each_is_fetched_once_on_the_way_through_it() {
        let size = 20_000;
        let tree: MemoryTree = (0..size).map(|i| leaf_hash(format!("{i}").as_bytes())).collect();
        let source = Tiles::of(&tree);
        assert!(source.files.len() > KEPT);
        let nodes = TileNodes::new(&source, size);
        for index in (0..size).step_by(100) {
            let path = inclusion_path(index, size, &nodes).unwrap();
            let leaf = leaf_hash(format!("{index}").as_bytes());
            verify_inclusion(&leaf, index, size, &tree.root(), &path).unwrap();
            assert!(nodes.tiles.borrow().len() <= KEPT);
        }
        let asked = source.asked();
        assert_eq!(asked.len(), source.files.len(), "every tile was needed");
        assert!(asked.values().all(|times| *times == 1), "{asked:?}");
    }

    #[test]
    fn a_tile_that_is_not_there_is_asked_for_once() {
        let size = 600;
        let tree: MemoryTree = (0..size).map(|i| leaf_hash(format!("{i}").as_bytes())).collect();
        let mut source = Tiles::of(&tree);
        source.files.remove("tile/0/001");
        let nodes = TileNodes::new(&source, size);
        for index in 256..512 {
            assert!(inclusion_path(index, size, &nodes).is_err());
        }
        assert_eq!(source.asked().get("tile/0/001"), Some(&1));
        assert!(inclusion_path(3, size, &nodes).is_ok(), "by the tiles that are there");
    }
}
