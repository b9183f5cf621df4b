//! Full tiles that were read lately.

use std::{collections::VecDeque, sync::Arc};

use crate::log::TilePath;

/// Full tiles and bundles kept in memory, and bytes of them: a bundle can have 16 MiB.
const CACHED_TILES: usize = 64;
const CACHED_TILE_BYTES: usize = 32 << 20;

/// Tiles read lately, by path; the oldest goes first.
#[derive(Debug, Default)]
pub(super) struct TileCache(VecDeque<(TilePath, Arc<[u8]>)>);

impl TileCache {
    pub fn get(&self, path: &TilePath) -> Option<Arc<[u8]>> {
        self.0.iter().find(|(p, _)| p == path).map(|(_, b)| b.clone())
    }
    pub fn put(&mut self, path: TilePath, bytes: Arc<[u8]>) {
        self.0.push_back((path, bytes));
        let bytes = |cache: &Self| cache.0.iter().map(|(_, b)| b.len()).sum::<usize>();
        while self.0.len() > CACHED_TILES || bytes(self) > CACHED_TILE_BYTES {
            self.0.pop_front();
        }
    }
}
