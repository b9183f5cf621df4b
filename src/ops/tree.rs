//! The tree of a signed checkpoint, known from its root down: a tile of hashes is in the tree if their root is a hash in the
//! tile above, which is in the tree.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use super::offers::{Offers, Took, top, width_at};
use crate::log::{
    Checkpoint, Frontier, Hash, NodeReader, TILE_HEIGHT, TILE_ITEMS, TileKind, TilePath, frontier_nodes,
    node_in_tile, tile_of_node,
};

/// The number of levels of tiles that a tree can have.
pub(super) const LEVELS: u8 = 8;
/// The number of tiles that are kept. A path needs one tile of each level, and the next path nearly the same ones.
const KEPT: usize = 64;
/// At most this many combinations of the tiles at the edge are tried. There are few such tiles, and few sources.
const TRIES: usize = 10_000;

/// The hashes of a tile.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    pub hashes: Rc<[Hash]>,
    /// The source that gave them.
    pub from: Rc<str>,
}

/// A tile of hashes that neither the folder nor any source has, by its path.
#[derive(Debug, Clone)]
pub(super) struct Lost(pub String);

/// A tile that was looked for lately, by level and index; `None` if it is lost.
type Kept = ((u8, u64), Option<Tile>);

pub(super) struct Tree<'a> {
    offers: &'a Offers<'a>,
    size: u64,
    /// The last tile of each level that is not full.
    edge: BTreeMap<u8, Tile>,
    kept: RefCell<VecDeque<Kept>>,
}

impl<'a> Tree<'a> {
    /// The tree under a checkpoint, if the tiles at its edge can be found: those that are not full. The root is made of them
    /// alone.
    pub fn find(offers: &'a Offers<'a>, checkpoint: &Checkpoint) -> Option<Self> {
        let size = checkpoint.size();
        let mut offered: Vec<(u8, Vec<Tile>)> = Vec::new();
        for level in 0..LEVELS {
            let items = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
            if items.is_multiple_of(TILE_ITEMS) {
                continue;
            }
            let mut tiles: Vec<Tile> = Vec::new();
            offers.each_hashes((level, items / TILE_ITEMS), size, &mut |hashes, from| {
                if tiles.iter().all(|tile| *tile.hashes != *hashes) {
                    tiles.push(Tile { hashes: hashes.into(), from: from.into() });
                }
                Took::More
            });
            offered.push((level, tiles));
        }
        let ways: usize = offered.iter().map(|(_, tiles)| tiles.len()).product();
        (0..ways.min(TRIES)).find_map(|mut way| {
            let mut edge = BTreeMap::new();
            for (level, tiles) in &offered {
                edge.insert(*level, tiles.get(way % tiles.len())?.clone());
                way /= tiles.len();
            }
            let node =
                |(height, index)| node_in_tile(&edge.get(&(height / TILE_HEIGHT))?.hashes, height, index);
            let nodes = frontier_nodes(size).into_iter().map(node).collect::<Option<_>>()?;
            let leads = Frontier::from_nodes(size, nodes).is_ok_and(|tree| tree.root() == checkpoint.root());
            leads.then(|| Self { offers, size, edge, kept: RefCell::default() })
        })
    }

    /// The tile of the tree at a level and index.
    pub fn tile(&self, level: u8, index: u64) -> Result<Tile, Lost> {
        let kind = TileKind::Hashes { level };
        let width = width_at(kind, index, self.size);
        if u64::from(width) < TILE_ITEMS
            && let Some(tile) = self.edge.get(&level)
        {
            return Ok(tile.clone());
        }
        let lost = || {
            Lost(TilePath::new(kind, index, width).map_or_else(|e| e.to_string(), |path| path.to_string()))
        };
        let known = |kept: &VecDeque<Kept>| kept.iter().position(|(at, _)| *at == (level, index));
        let at = known(&self.kept.borrow());
        let found = match at.and_then(|at| self.kept.borrow_mut().remove(at)) {
            Some((_, tile)) => tile,
            None => {
                let above = self.tile(level + 1, index / TILE_ITEMS)?;
                let above = *above.hashes.get((index % TILE_ITEMS) as usize).ok_or_else(lost)?;
                let mut found = None;
                self.offers.each_hashes((level, index), self.size, &mut |hashes, from| {
                    if top(hashes) != above {
                        return Took::Wrong;
                    }
                    found = Some(Tile { hashes: hashes.into(), from: from.into() });
                    Took::Enough
                });
                found
            }
        };
        let mut kept = self.kept.borrow_mut();
        kept.truncate(KEPT - 1);
        kept.push_front(((level, index), found.clone()));
        found.ok_or_else(lost)
    }
}

impl NodeReader for Tree<'_> {
    type Error = Lost;
    fn node(&self, height: u8, index: u64) -> Result<Hash, Lost> {
        let lost = || Lost(format!("node {index} at height {height}"));
        let path = tile_of_node(height, index, self.size).ok_or_else(lost)?;
        let tile = self.tile(height / TILE_HEIGHT, path.index())?;
        node_in_tile(&tile.hashes, height, index).ok_or_else(lost)
    }
}
