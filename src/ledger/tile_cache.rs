//! Full tiles that were read lately.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    generations::Generations,
    log::{TileKind, TilePath},
};

/// The most full bundles kept in memory, and the most bytes of them: one bundle can have 16 MiB.
const CACHED_TILES: usize = 64;
const CACHED_TILE_BYTES: usize = 32 << 20;
/// The most bytes of full hash tiles kept in memory: enough for those of half a million entries.
const CACHED_HASHES: usize = 16 << 20;

/// Bundles read lately, by path. The oldest is dropped first.
#[derive(Debug, Default)]
struct Bundles(VecDeque<(TilePath, Arc<[u8]>)>);

impl Bundles {
    fn get(&self, path: &TilePath) -> Option<Arc<[u8]>> {
        self.0.iter().find(|(p, _)| p == path).map(|(_, b)| b.clone())
    }
    fn put(&mut self, path: TilePath, bytes: Arc<[u8]>) {
        self.0.push_back((path, bytes));
        let bytes = |cache: &Self| cache.0.iter().map(|(_, b)| b.len()).sum::<usize>();
        while self.0.len() > CACHED_TILES || bytes(self) > CACHED_TILE_BYTES {
            self.0.pop_front();
        }
    }
}

/// Full tiles that were read and checked against the tree. Content tiles change when words are withheld, so none is kept.
pub(crate) struct TileCache {
    bundles: Mutex<Bundles>,
    /// Hash tiles, against which entries are checked.
    hashes: Mutex<Generations<TilePath, Arc<[u8]>>>,
}

impl Default for TileCache {
    fn default() -> Self {
        Self { bundles: Mutex::default(), hashes: Mutex::new(Generations::new(CACHED_HASHES)) }
    }
}

impl TileCache {
    fn bundles(&self) -> MutexGuard<'_, Bundles> {
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hashes(&self) -> MutexGuard<'_, Generations<TilePath, Arc<[u8]>>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tile, if it is kept.
    pub fn get(&self, path: &TilePath) -> Option<Arc<[u8]>> {
        match path.kind() {
            TileKind::Contents => None,
            TileKind::Entries => self.bundles().get(path),
            TileKind::Hashes { .. } => self.hashes().get(path).cloned(),
        }
    }

    /// Keeps a tile that was checked against the tree.
    pub fn put(&self, path: TilePath, bytes: Arc<[u8]>) {
        match path.kind() {
            TileKind::Contents => {}
            TileKind::Entries => self.bundles().put(path, bytes),
            TileKind::Hashes { .. } => {
                let weight = bytes.len();
                self.hashes().put(path, bytes, weight);
            }
        }
    }
}
