//! Follows the log into the index, on a thread of its own.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{Shared, document::Documents, engine::Writer};
use crate::{
    event::{Body, EventId},
    ledger::{Filter, ReadError},
    views::Views,
};

/// Entries read at a time.
const BATCH: u64 = 1_024;
/// Entries that wait, at most, until what was added can be found.
const COMMIT_AT: u64 = 16 * BATCH;
/// How often the log is looked at.
const PAUSE: Duration = Duration::from_millis(40);
/// A log that grows by more entries a second has no core to spare for search, which then waits, so long at most between
/// one batch and the next.
const BUSY: f64 = 4_000.0;
const AT_MOST: Duration = Duration::from_secs(1);
/// How long after a fault it is tried again.
const AFTER_FAULT: Duration = Duration::from_secs(5);

pub(super) struct Follower {
    shared: Arc<Shared>,
    writer: Writer,
    /// Entries put in, found or not.
    next: u64,
    /// The size of the log at the start: whatever is read, is read as these entries leave it.
    read_at: u64,
    /// Entries to be read again, because what can be said of them changed.
    again: BTreeSet<u64>,
}

impl Follower {
    /// From the first entry on.
    pub fn new(shared: Arc<Shared>, writer: Writer) -> Self {
        let read_at = shared.reader.checkpoint().checkpoint().size();
        Self { shared, writer, next: 0, read_at, again: BTreeSet::new() }
    }

    pub fn run(mut self) {
        let mut pace = Pace { size: self.read_at, at: Instant::now(), waited: Duration::ZERO };
        while !self.shared.is_stopping() {
            if pace.waits(self.shared.reader.checkpoint().checkpoint().size(), Instant::now()) {
                std::thread::park_timeout(PAUSE);
                continue;
            }
            let pause = match self.follow() {
                Ok(true) => continue,
                Ok(false) => PAUSE,
                Err(cause) => {
                    tracing::error!(%cause, "search could not follow the log");
                    AFTER_FAULT
                }
            };
            std::thread::park_timeout(pause);
        }
    }

    /// Takes in a batch. Whether there is more.
    fn follow(&mut self) -> Result<bool, ReadError> {
        let views = Views::new(&self.shared.reader);
        let size = views.size();
        if self.next >= size && self.again.is_empty() {
            return Ok(false);
        }
        let mut documents = Documents::new(&views);
        let end = size.min(self.next + BATCH);
        for index in self.next..end {
            if self.shared.is_stopping() {
                return Ok(false);
            }
            if index >= self.read_at {
                self.note_changes(&views, index)?;
            }
            if let Some(document) = documents.read(index)? {
                self.writer.put(&document, false).map_err(fault)?;
            }
            self.next = index + 1;
        }
        // What is new goes first; what changes is a few entries, or very many.
        for _ in 0..BATCH {
            let Some(index) = self.again.pop_first() else { break };
            if let Some(document) = documents.read(index)? {
                self.writer.put(&document, true).map_err(fault)?;
            }
        }
        let more = self.next < size || !self.again.is_empty();
        if !more || self.next - self.shared.reflects.load(Ordering::Acquire) >= COMMIT_AT {
            self.writer.commit().map_err(fault)?;
            self.shared.reflects.store(self.next, Ordering::Release);
        }
        Ok(more)
    }

    /// Notes which entries read otherwise since this one.
    fn note_changes(&mut self, views: &Views, index: u64) -> Result<(), ReadError> {
        let Some(record) = views.record(index)? else { return Ok(()) };
        let changed = match record.event().body() {
            Body::ContentWithheld(b) => b.entry,
            Body::ContentReleased(b) => b.entry,
            Body::PartyUpdated(b) => return self.note_all_that_name(views, &b.party),
            _ => return Ok(()),
        };
        let Some(target) = views.record_of(&changed)? else { return Ok(()) };
        self.again.insert(target.index());
        // Sentences quote others: titles of cases, names of parties.
        self.note_all_that_name(views, &changed)?;
        match target.event().body() {
            Body::PartyUpdated(b) => self.note_all_that_name(views, &b.party),
            Body::CaseOpened(_) => {
                self.again.extend(views.thread(&changed)?.into_iter().filter(|i| *i < self.next));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn note_all_that_name(&mut self, views: &Views, id: &EventId) -> Result<(), ReadError> {
        let filter = Filter { party: Some(*id), ..Filter::default() };
        let Some(last) = self.next.checked_sub(1) else { return Ok(()) };
        let list = views.list(&filter, 0..=last, false, usize::MAX)?;
        self.again.extend(list);
        Ok(())
    }
}

/// How fast the log grows.
struct Pace {
    /// Its size, and when that was seen.
    size: u64,
    at: Instant,
    /// How long search has waited for it.
    waited: Duration,
}

impl Pace {
    /// Whether to wait for a quieter moment.
    fn waits(&mut self, size: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at);
        let grown = size.saturating_sub(self.size);
        let busy = grown as f64 > BUSY * passed.as_secs_f64() && grown > 0;
        (self.size, self.at) = (size, now);
        let waits = busy && self.waited < AT_MOST;
        self.waited = if waits { self.waited + PAUSE } else { Duration::ZERO };
        waits
    }
}

fn fault(e: tantivy::TantivyError) -> ReadError {
    ReadError(format!("search: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_waits_while_the_log_grows_fast_and_not_for_ever() {
        let start = Instant::now();
        let mut pace = Pace { size: 0, at: start, waited: Duration::ZERO };
        let mut waits = |size, ms| pace.waits(size, start + Duration::from_millis(ms));
        assert!(!waits(0, 40), "nothing came");
        assert!(!waits(160, 80), "as fast as it can follow");
        let busy: Vec<bool> = (1..=60).map(|i| waits(160 + i * 161, 80 + i * 40)).collect();
        assert!(busy[..25].iter().all(|waits| *waits) && !busy[25] && busy[26], "{busy:?}");
        assert!(!waits(160 + 60 * 161, 10_000), "it is quiet again");
        assert!(!waits(160 + 60 * 161 + 100, 10_000 + 40), "and stays so");
    }
}
