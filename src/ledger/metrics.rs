//! What the ledger counts of its own work.

use std::sync::atomic::AtomicU64;

use crate::metrics::Histogram;

/// What the writer counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Entries in each batch.
    pub batches: Histogram,
    /// How long it took to write each batch to the journal and to sync it.
    pub syncs: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            batches: Histogram::of_numbers(&[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]),
            syncs: Histogram::of_times(&[
                50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
                1_000_000, 5_000_000,
            ]),
        }
    }
}

/// What the scrub, which reads all files again and again, has come to.
#[derive(Debug, Default)]
pub(crate) struct Scrubbed {
    /// Files that were read.
    pub files: AtomicU64,
    /// When the last whole round ended or, during the first, when it began, in seconds since 1970; 0 if nothing is scrubbed.
    pub since: AtomicU64,
}
