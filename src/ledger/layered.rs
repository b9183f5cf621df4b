//! The rows and words over which an event is decided: batches that are being put together, over what is on record.

use std::sync::Arc;

use super::{batch::Batch, shared::Shared, stored::StoredWords};
use crate::{
    event::{Digest, EventId, Position},
    log::{Row, RowKey, Rows},
};

/// Batches that are being put together, over what is on record.
pub(crate) struct Layered<'a, const N: usize> {
    /// The newest first: a group that may yet be undone, then the batch that it comes after.
    pub batches: [&'a Batch; N],
    pub committed: &'a Shared,
}

impl<const N: usize> Rows for Layered<'_, N> {
    fn row(&self, key: &RowKey) -> Option<Row> {
        self.batches
            .iter()
            .find_map(|batch| batch.rows().get(key).cloned())
            .or_else(|| self.committed.row(key))
    }
}

impl<const N: usize> Layered<'_, N> {
    /// The words of a record unless they are withheld.
    pub fn words_of(&self, id: &EventId) -> Option<Arc<[u8]>> {
        let row = self.event(id)?;
        if self.fate(id).withheld_by(Position::Content).is_some() {
            return None;
        }
        match self.batches.iter().find_map(|batch| batch.words_at(row.index)) {
            Some(words) => words,
            None => match self.committed.words(row.index) {
                Ok(StoredWords::Present(words)) => Some(words),
                _ => None,
            },
        }
    }

    /// Whether the bytes of this digest are withheld as a file of some event.
    pub fn withholds(&self, digest: &Digest) -> bool {
        self.committed.marks().withholds(digest, self)
            || self.batches.iter().any(|batch| batch.withholds(digest, self))
    }
}
