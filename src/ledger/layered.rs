//! The rows that an event is decided over.

use super::shared::Shared;
use crate::log::{MemoryRows, Row, RowKey, Rows};

/// Rows of a batch being decided, over what was committed.
pub(crate) struct Layered<'a> {
    /// The innermost first: a group that may yet be undone, then the batch.
    pub layers: [&'a MemoryRows; 2],
    pub committed: &'a Shared,
}

impl Rows for Layered<'_> {
    fn row(&self, key: &RowKey) -> Option<Row> {
        self.layers.iter().find_map(|l| l.get(key).cloned()).or_else(|| self.committed.row(key))
    }
}
