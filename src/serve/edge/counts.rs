//! What was turned away at the edge since the start, and what was answered as before, for whoever watches the server.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that only grow.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections taken in.
    pub accepted: Count,
    /// Connections refused because all there may be were at work.
    pub refused_full: Count,
    /// Connections refused because all that their address may hold were at work.
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
    /// GraphQL queries answered as before, because nothing that they ask for has changed.
    pub answered_again: Count,
}

/// One counter.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub(in crate::serve) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
