//! The one door through which readers reach what the ledger shares. Whoever passes must say what the read stands on, and that
//! is noted for the answer that is made of it. A way to read that does not say so does not compile; one that says
//! [`StandsOn::Noted`] answers for it itself.

use std::sync::Arc;

use super::{
    footprint::{Changes, Footprint},
    shared::Shared,
};
use crate::{log::RowKey, store::index::By};

/// Reads a ledger. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
    /// Where is noted what is asked for, if it is.
    footprint: Option<Arc<Footprint>>,
}

/// What a read stands on: what would have to change before it could give something else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StandsOn {
    /// Nothing: no later entry changes it.
    Fixed,
    /// What the caller has noted, or notes as soon as it knows what it read.
    Noted,
    /// What stands beside the entries, or tells that they changed. No answer is kept by it.
    Beside,
    /// A row, whether it is found or not.
    Row(RowKey),
    /// A list, as far as it goes.
    List(By),
    /// Whatever any entry may change.
    Everything,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, footprint: None }
    }
    /// The same, noting what is asked for.
    pub(crate) fn noting(&self, footprint: &Arc<Footprint>) -> Self {
        Self { shared: self.shared.clone(), footprint: Some(footprint.clone()) }
    }
    /// The same, noting nothing: for whoever looks at no entry above a size that never changes.
    pub(crate) fn unnoted(&self) -> Self {
        Self::new(self.shared.clone())
    }
    /// Whether it notes what is asked for.
    pub(crate) fn is_noting(&self) -> bool {
        self.footprint.is_some()
    }
    /// When each thing that readers ask for last changed.
    pub(crate) fn changes(&self) -> &Changes {
        self.shared.changes()
    }
    /// Counts that somebody asked.
    pub(super) fn count(&self) {
        self.shared.count_read();
    }

    /// What the ledger shares, for a read that stands on this.
    pub(crate) fn read(&self, on: StandsOn) -> &Arc<Shared> {
        self.note(on);
        &self.shared
    }

    /// Notes what an answer stands on.
    pub(crate) fn note(&self, on: StandsOn) {
        let Some(footprint) = &self.footprint else { return };
        match on {
            StandsOn::Fixed | StandsOn::Noted | StandsOn::Beside => {}
            StandsOn::Row(key) => footprint.row(self.shared.changes(), key),
            StandsOn::List(by) => footprint.list(self.shared.changes(), by),
            StandsOn::Everything => footprint.everything(),
        }
    }
}
