//! How long a search goes on.

use std::time::{Duration, Instant};

use crate::processor::processor_time;

/// Where a search on this thread ends, whether or not it has all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    worked: Duration,
    time: Instant,
}

impl Until {
    /// After so much work of a processor, and so much time at most.
    pub fn in_work(work: Duration, time: Duration) -> Self {
        Self { worked: processor_time().saturating_add(work), time: Instant::now() + time }
    }

    /// Whether the search is to end.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.time || processor_time() >= self.worked
    }
}
