//! Follows the log into the index, on a thread of its own.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
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
        while !self.shared.is_stopping() {
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

fn fault(e: tantivy::TantivyError) -> ReadError {
    ReadError(format!("search: {e}"))
}
