//! The only way for readers to what the ledger shares: [`Reader::read`]. Each call must say what the read stands on, and that
//! is observed for the answer that is made of it. Code that does not say so does not compile. Where only the result tells what
//! it stands on, [`Reader::read_then`] asks for it afterwards.

use std::sync::Arc;

use super::{
    error::ReadError,
    footprint::{Changes, Footprint},
    shared::Shared,
};
use crate::{log::RowKey, store::index::By};

/// Reads a ledger. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
    /// Where what is asked for is recorded; `None` if it is not.
    footprint: Option<Arc<Footprint>>,
}

/// What a read stands on: what would have to change before it could give something else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StandsOn {
    /// Nothing: no later entry changes it.
    Fixed,
    /// Something that lies beside the entries (cosignatures, timestamps, files), or news of changes. No kept answer depends on
    /// it.
    Beside,
    /// A row, whether it is found or not.
    Row(RowKey),
    /// A list, up to its end.
    List(By),
    /// Something that any entry may change.
    Everything,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, footprint: None }
    }
    /// A reader of the same ledger that records in `footprint` what is asked for.
    pub(crate) fn observed_by(&self, footprint: &Arc<Footprint>) -> Self {
        Self { shared: self.shared.clone(), footprint: Some(footprint.clone()) }
    }
    /// A reader of the same ledger that records nothing: for answers that look at no entry above a fixed size.
    pub(crate) fn unobserved(&self) -> Self {
        Self::new(self.shared.clone())
    }
    /// Whether it records what is asked for.
    pub(crate) fn is_observed(&self) -> bool {
        self.footprint.is_some()
    }
    /// When each thing that readers ask for last changed.
    pub(crate) fn changes(&self) -> &Changes {
        self.shared.changes()
    }
    /// Counts a read, for the metrics.
    pub(super) fn count(&self) {
        self.shared.count_read();
    }

    /// What the ledger shares, for a read that stands on `on`.
    pub(crate) fn read(&self, on: StandsOn) -> &Arc<Shared> {
        self.observe(on);
        &self.shared
    }

    /// Reads, and then observes what the result stands on: an entry that was found stays as it is, for one, and a list may get
    /// one that was not found.
    pub(super) fn read_then<T, I: IntoIterator<Item = StandsOn>>(
        &self,
        read: impl FnOnce(&Arc<Shared>) -> Result<T, ReadError>,
        stands_on: impl FnOnce(&T) -> I,
    ) -> Result<T, ReadError> {
        let found = read(&self.shared)?;
        stands_on(&found).into_iter().for_each(|on| self.observe(on));
        Ok(found)
    }

    /// Records what an answer stands on.
    pub(crate) fn observe(&self, on: StandsOn) {
        let Some(footprint) = &self.footprint else { return };
        match on {
            StandsOn::Fixed | StandsOn::Beside => {}
            StandsOn::Row(key) => footprint.row(self.shared.changes(), key),
            StandsOn::List(by) => footprint.list(self.shared.changes(), by),
            StandsOn::Everything => footprint.everything(),
        }
    }
}
