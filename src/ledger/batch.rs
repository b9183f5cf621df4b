//! A batch that is durable, or can be had again, as readers come to see it.

use std::sync::Arc;

use crate::{
    event::{Body, Position, SignedEvent},
    log::{Frontier, Hash, MemoryRows, Rows, SignedCheckpoint},
    store::{index::Listed, journal::Record},
};

/// Words that are given back, and the index of the entry whose they are.
pub(super) type Restored = (u64, Arc<[u8]>);

/// What a batch adds.
pub(crate) struct Shown {
    pub rows: MemoryRows,
    pub listed: Vec<Listed>,
    pub records: Vec<Record>,
    /// Words withheld or given back: the entry, and the words if given back.
    pub words: Vec<(u64, Option<Arc<[u8]>>)>,
    /// Nodes of the tree that it completes, and the edge of the tree after it.
    pub nodes: Vec<(u8, u64, Hash)>,
    pub frontier: Frontier,
    /// Bytes that wait to be published.
    pub bytes: u64,
    /// The checkpoint over it; none if its entries are shown with a later batch.
    pub checkpoint: Option<Arc<SignedCheckpoint>>,
}

/// Which words an event takes from the record or gives back.
pub(crate) fn words_changed(
    rows: &impl Rows,
    event: &SignedEvent,
    restored: Option<&Restored>,
) -> Option<(u64, Option<Arc<[u8]>>)> {
    match event.body() {
        Body::ContentWithheld(b) if b.blobs.contains(&Position::Content) => {
            rows.event(&b.entry).map(|row| (row.index, None))
        }
        Body::ContentReleased(_) => restored.map(|(index, words)| (*index, Some(words.clone()))),
        _ => None,
    }
}
