//! A batch that is durable, or can be had again, as readers come to see it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use super::{
    reader::Shared,
    recent::{Item, ItemWords},
};
use crate::{
    event::EventType,
    log::{Frontier, Hash, MemoryRows, SignedCheckpoint},
    store::{index::Listed, journal::Record},
};

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

impl Shared {
    /// Shows a batch to readers.
    pub fn show(&self, batch: Shown) {
        let Shown { rows, mut listed, records, words, nodes, frontier, bytes, checkpoint } = batch;
        let withholds = listed.iter().filter(|l| l.event_type == EventType::ContentWithheld);
        let begun = self.uploads.begun();
        let uploads: BTreeMap<u64, u64> = withholds.map(|l| (l.index, begun)).collect();
        let changes_words =
            |l: &&Listed| matches!(l.event_type, EventType::ContentWithheld | EventType::ContentReleased);
        let withheld = listed.iter().rfind(changes_words).map(|l| l.index);
        self.changes.note(rows.iter().map(|(key, _)| key), listed.iter(), frontier.size());
        // Held until the entries are there too: the follower takes rows away, and looks for their last entry.
        let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
        overlay.young.rows.put(rows);
        overlay.young.listed.append(&mut listed);
        overlay.young.uploads.extend(uploads);
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        let items = records.into_iter().map(|record| Item {
            entry: record.entry,
            words: record.words.map_or(ItemWords::None, ItemWords::Present),
        });
        recent.extend(items, nodes, frontier);
        for (index, words) in words {
            recent.set_words(index, words);
        }
        recent.bytes += bytes;
        recent.last_withheld = withheld.or(recent.last_withheld);
        let shown = checkpoint.map(|checkpoint| {
            let size = checkpoint.checkpoint().size();
            recent.checkpoint = checkpoint;
            size
        });
        drop((recent, overlay));
        if let Some(size) = shown {
            self.committed.send_replace(size);
        }
    }
}
