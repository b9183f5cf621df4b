//! What the index and the thread that keeps it have in common.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::ledger::Reader;

pub(super) struct Shared {
    pub reader: Reader,
    /// Entries that are found.
    pub reflects: AtomicU64,
    pub stopping: AtomicBool,
}

impl Shared {
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
