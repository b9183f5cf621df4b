//! How much one request may read, and until when. A request that asks for more is ended: not only its answer, its work too.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

use crate::ledger::ReadError;

/// How much one request may still read. All views that the request makes share it.
#[derive(Debug)]
pub struct Allowance {
    until: Instant,
    /// Entries that may still be looked at.
    entries: AtomicU64,
    spent: AtomicBool,
}

impl Allowance {
    /// Permits `entries` reads of entries, until an instant.
    pub fn new(entries: u64, until: Instant) -> Self {
        Self { until, entries: AtomicU64::new(entries), spent: AtomicBool::new(false) }
    }

    /// Takes `entries` from what is left.
    ///
    /// # Errors
    /// [`ReadError::Spent`] if fewer are left or the time is up, and at every call after that.
    pub fn take(&self, entries: usize) -> Result<(), ReadError> {
        let less = |left: u64| left.checked_sub(entries as u64);
        let enough = self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if enough && !self.spent.load(Ordering::Relaxed) && Instant::now() < self.until {
            return Ok(());
        }
        self.spent.store(true, Ordering::Relaxed);
        Err(ReadError::Spent)
    }

    /// Whether more was asked for than there was, or the time was up.
    pub fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_spent_stays_spent() {
        let later = Instant::now() + Duration::from_secs(3_600);
        let allowance = Allowance::new(5, later);
        assert!(allowance.take(3).is_ok() && allowance.take(2).is_ok() && !allowance.is_spent());
        assert!(allowance.take(1).is_err() && allowance.is_spent());
        assert!(allowance.take(0).is_err(), "the request ends, whatever it asks for next");
        assert!(Allowance::new(5, Instant::now()).take(0).is_err(), "the time is up");
    }
}
