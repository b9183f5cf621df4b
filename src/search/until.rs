//! The limit on a search: time, and processor time.

use std::time::{Duration, Instant};

use crate::processor::processor_time;

/// When a search on this thread must end, even if it has not found all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    worked: Duration,
    time: Instant,
}

impl Until {
    /// Ends when this thread has used `work` of processor time, or when `time` has passed, whichever is first.
    pub fn in_work(work: Duration, time: Duration) -> Self {
        Self { worked: processor_time().saturating_add(work), time: Instant::now() + time }
    }

    /// Whether the search is to end.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.time || processor_time() >= self.worked
    }
}
