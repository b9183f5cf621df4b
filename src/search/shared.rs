//! The state that searches and the thread that keeps the index share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::ledger::Reader;

pub(super) struct Shared {
    pub reader: Reader,
    /// The number of entries that can be found.
    pub reflects: AtomicU64,
    pub stopping: AtomicBool,
}

impl Shared {
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
