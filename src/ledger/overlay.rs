//! What was committed but is not in the index yet. Readers look here first, so they always see what was
//! acknowledged.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    log::{MemoryRows, Row, RowKey},
    store::index::Listed,
};

/// Rows and list entries on their way into the index.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub rows: MemoryRows,
    pub listed: Vec<Listed>,
    /// For each entry that withholds something, by index: the number of uploads that had begun when it was recorded.
    pub uploads: BTreeMap<u64, u64>,
}

impl Layer {
    /// An empty layer with room for as much as this one holds, since the next will hold about the same.
    pub fn next(&self) -> Self {
        Self {
            rows: MemoryRows::with_room(self.rows.len()),
            listed: Vec::with_capacity(self.listed.len()),
            uploads: BTreeMap::new(),
        }
    }
}

/// Two layers over the index: one that grows, one that is being written.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pub young: Layer,
    pub old: Option<Arc<Layer>>,
}

impl Overlay {
    /// A row, if it is here. `Some(None)` if it is certain that there is no such row; `None` if the index must be asked.
    pub fn row(&self, key: &RowKey) -> Option<Option<Row>> {
        if let Some(row) = self.get(key) {
            return Some(Some(row.clone()));
        }
        // An event's fate comes from later entries. So if the event is not in the index yet, no fate of it is either.
        self.get(&RowKey::event(&key.fate_of()?)).map(|_| None)
    }
    fn get(&self, key: &RowKey) -> Option<&Row> {
        self.young.rows.get(key).or_else(|| self.old.as_ref()?.rows.get(key))
    }
    /// Entries not in the index yet, ascending.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Listed> {
        self.old.iter().flat_map(|l| l.listed.iter()).chain(&self.young.listed)
    }
}
