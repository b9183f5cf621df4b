//! Counts since the start of what was refused at the edge, and of queries that were given an earlier answer, for those who
//! monitor the server.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that only grow.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections taken in.
    pub accepted: Count,
    /// Connections refused because the limit for all was reached and none could be dropped.
    pub refused_full: Count,
    /// Connections refused because the limit for their address was reached and none of these could be dropped.
    pub refused_address: Count,
    /// Connections dropped while they waited for their peer, to make room for others.
    pub dropped: Count,
    /// Connections closed because their peer brought or took nothing in time.
    pub timed_out: Count,
    /// Times the system could not accept a connection, as without a free file descriptor.
    pub accept_failed: Count,
    /// Requests answered 503, because too much is under way.
    pub busy: Count,
    /// Requests answered 503, because they took too long.
    pub too_long: Count,
    /// Calls refused with `RATE_LIMITED`, because their client puts too many events on record.
    pub rate_limited: Count,
    /// GraphQL queries given the answer to an earlier one, because nothing that they ask for has changed.
    pub answered_again: Count,
}

/// One counter.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Counts one more.
    pub(in crate::serve) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    /// The number counted.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
