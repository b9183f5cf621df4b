//! The part of the log that is held in memory: entries and nodes that are not in full tiles on disk yet.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use crate::log::{Frontier, Hash, SignedCheckpoint, TILE_HEIGHT, TILE_ITEMS, Words, decode_hashes};

/// An entry with its words.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub entry: Arc<[u8]>,
    pub words: ItemWords,
}

/// The words of an entry in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemWords {
    None,
    Withheld,
    Present(Arc<[u8]>),
}

impl ItemWords {
    /// The words, if they are present.
    pub fn present(&self) -> Option<Arc<[u8]>> {
        match self {
            Self::Present(words) => Some(words.clone()),
            Self::None | Self::Withheld => None,
        }
    }
}

impl<'w> From<&'w ItemWords> for Words<'w> {
    fn from(words: &'w ItemWords) -> Self {
        match words {
            ItemWords::None => Self::None,
            ItemWords::Withheld => Self::Withheld,
            ItemWords::Present(words) => Self::Present(words),
        }
    }
}

/// Complete nodes at one height, from an index on.
#[derive(Debug, Default)]
struct Level {
    base: u64,
    hashes: VecDeque<Hash>,
}

/// How far the log, or its publication, has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Entries, from the first of the log on.
    pub entries: u64,
    /// Bytes of their journal frames, from the last start on.
    pub bytes: u64,
}

/// What entries at the end add to the tree.
pub(crate) struct Growth {
    /// Nodes that they complete, by height and index.
    pub nodes: Vec<(u8, u64, Hash)>,
    /// The right edge of the tree after them.
    pub frontier: Frontier,
}

impl Growth {
    /// What `leaves` add to a tree with this right edge.
    pub fn of(mut frontier: Frontier, leaves: impl ExactSizeIterator<Item = Hash>) -> Self {
        let mut nodes = Vec::with_capacity(2 * leaves.len());
        for leaf in leaves {
            frontier.push(leaf, |height, index, hash| nodes.push((height, index, hash)));
        }
        Self { nodes, frontier }
    }
}

/// The recent end of the log.
#[derive(Debug)]
pub(crate) struct Recent {
    pub checkpoint: Arc<SignedCheckpoint>,
    /// Index of the first item. All below are in full bundles on disk. A multiple of 256.
    pub start: u64,
    pub items: VecDeque<Item>,
    pub frontier: Frontier,
    levels: Vec<Level>,
    /// Words that are to be changed on disk, by the index of their entry: withheld (`None`), or given back.
    pub pending: BTreeMap<u64, Option<Arc<[u8]>>>,
    /// The last entry recorded since the start that withholds something or gives it back.
    pub last_withheld: Option<u64>,
    /// Bytes of journal frames committed since the start.
    pub bytes: u64,
}

impl Recent {
    pub fn new(checkpoint: Arc<SignedCheckpoint>, start: u64, frontier: Frontier) -> Self {
        Self {
            checkpoint,
            start,
            items: VecDeque::new(),
            frontier,
            levels: Vec::new(),
            pending: BTreeMap::new(),
            last_withheld: None,
            bytes: 0,
        }
    }

    fn level(&mut self, height: u8) -> &mut Level {
        let at = usize::from(height);
        if self.levels.len() <= at {
            self.levels.resize_with(at + 1, Level::default);
        }
        &mut self.levels[at]
    }

    fn add_node(&mut self, height: u8, index: u64, hash: Hash) {
        let level = self.level(height);
        if level.hashes.is_empty() {
            level.base = index;
        }
        level.hashes.push_back(hash);
    }

    /// Adds the hashes of the partial tile at a level, read from disk, and the complete nodes above them inside that tile.
    pub fn add_tile(&mut self, level: u8, index: u64, bytes: &[u8], width: u16) -> Option<()> {
        let hashes = decode_hashes(bytes, width).ok()?;
        let mut row = hashes;
        for j in 0..TILE_HEIGHT {
            let first = (index * TILE_ITEMS) >> j;
            for (i, hash) in row.iter().enumerate() {
                self.add_node(level * TILE_HEIGHT + j, first + i as u64, *hash);
            }
            row = row.chunks_exact(2).map(|p| crate::log::node_hash(&p[0], &p[1])).collect();
        }
        Some(())
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, item: Item, leaf: Hash) {
        self.extend([item], Growth::of(self.frontier.clone(), [leaf].into_iter()));
    }

    /// Adds entries at the end, with the nodes that they complete and the edge of the tree after them.
    pub fn extend(&mut self, items: impl IntoIterator<Item = Item>, growth: Growth) {
        for (height, index, hash) in growth.nodes {
            self.add_node(height, index, hash);
        }
        self.items.extend(items);
        self.frontier = growth.frontier;
    }

    /// The number of entries in the log, in full tiles on disk and here.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// How far the log has come.
    pub fn extent(&self) -> Extent {
        Extent { entries: self.size(), bytes: self.bytes }
    }

    pub fn item(&self, index: u64) -> Option<&Item> {
        let at = index.checked_sub(self.start)?;
        self.items.get(usize::try_from(at).ok()?)
    }

    /// Withholds the words of an entry, or gives them back. The disk follows.
    pub fn set_words(&mut self, index: u64, words: Option<Arc<[u8]>>) {
        let at = index.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        if let Some(item) = at.and_then(|at| self.items.get_mut(at)) {
            item.words = words.clone().map_or(ItemWords::Withheld, ItemWords::Present);
        }
        self.pending.insert(index, words);
    }

    pub fn node(&self, height: u8, index: u64) -> Option<Hash> {
        let level = self.levels.get(usize::from(height))?;
        let at = index.checked_sub(level.base)?;
        level.hashes.get(usize::try_from(at).ok()?).copied()
    }

    /// Forgets what is in the full tiles of the first `on_disk` entries, which are on disk.
    pub fn trim(&mut self, on_disk: u64) {
        let start = on_disk / TILE_ITEMS * TILE_ITEMS;
        while self.start < start && self.items.pop_front().is_some() {
            self.start += 1;
        }
        for (height, level) in self.levels.iter_mut().enumerate() {
            let (tile, inside) =
                (height as u32 / u32::from(TILE_HEIGHT), height as u32 % u32::from(TILE_HEIGHT));
            let nodes = on_disk >> (tile * u32::from(TILE_HEIGHT));
            let keep = (nodes / TILE_ITEMS * TILE_ITEMS) >> inside;
            while level.base < keep && level.hashes.pop_front().is_some() {
                level.base += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{Checkpoint, MemoryTree, NodeReader as _, leaf_hash},
        note::SigningKey,
    };

    #[test]
    fn every_node_that_is_not_in_a_full_tile_stays() {
        let key = SigningKey::from_seed("a.example".parse().unwrap(), &[1; 32]);
        let empty = Checkpoint::new("a.example".parse().unwrap(), 0, Hash::EMPTY_ROOT).unwrap();
        let mut recent = Recent::new(Arc::new(empty.sign(&key).unwrap()), 0, Frontier::new());
        let mut tree = MemoryTree::new();
        for i in 0..70_000u32 {
            let leaf = leaf_hash(&i.to_be_bytes());
            tree.push(leaf);
            let entry: Arc<[u8]> = Arc::from(&i.to_be_bytes()[..]);
            recent.push(Item { entry, words: ItemWords::None }, leaf);
            if i % 999 == 0 {
                recent.trim(u64::from(i) + 1);
            }
        }
        recent.trim(70_000);
        assert_eq!(recent.start, 69_888);
        assert_eq!(&*recent.item(69_888).unwrap().entry, 69_888u32.to_be_bytes());
        assert!(recent.item(69_887).is_none() && recent.item(70_000).is_none());
        for (height, first) in [(0, 69_888), (3, 69_888 >> 3), (8, 256), (9, 128), (16, 0)] {
            for index in first..(70_000 >> height) {
                assert_eq!(recent.node(height, index).unwrap(), tree.node(height, index).unwrap());
            }
            assert!(first == 0 || recent.node(height, first - 1).is_none(), "height {height}");
        }
    }
}
