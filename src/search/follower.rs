//! The follower: brings the log into the index of search, on a thread of its own.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    document::{Document, Documents},
    engine::Writer,
    shared::Shared,
};
use crate::{
    event::{Body, EventId},
    ledger::{Filter, ReadError},
    log::TILE_ITEMS,
    views::{Record, Views},
};

/// Entries read at a time.
const BATCH: u64 = 1_024;
/// Entries that are added before a commit makes them findable. While the index is first made, half the number of entries that
/// are in it already is added to this, since both threads stop for a commit.
const COMMIT_AT: u64 = 16 * BATCH;
/// Entries after which the names of parties that were read are forgotten while the index is first made, so that they are bounded.
const REMEMBER: u64 = 64 * BATCH;
/// How often the log is looked at.
const PAUSE: Duration = Duration::from_millis(40);
/// While the log grows by more entries a second than this, search leaves the cores to it and waits.
const BUSY: f64 = 4_000.0;
/// How long search waits for that, at most, between one batch and the next.
const AT_MOST: Duration = Duration::from_secs(1);
/// The time over which the growth is measured: a call or two at once are no load.
const WINDOW: Duration = Duration::from_millis(200);
/// How long after a fault the follower tries again.
const AFTER_FAULT: Duration = Duration::from_secs(5);

pub(super) struct Follower {
    shared: Arc<Shared>,
    writer: Writer,
    pace: Pace,
    /// Index of the entry that is read next.
    next: u64,
    /// The size of the log at the start. Entries below it are read with views of that size.
    read_at: u64,
    /// Entries to be read again, because later entries changed their text.
    again: BTreeSet<u64>,
    /// The number of entries that can't be read, because they are damaged on the disk. They are not found.
    passed_over: u64,
    /// Whether entries are read one by one, since one of the next ones can't be read.
    one_by_one: bool,
}

impl Follower {
    /// A follower that begins at the first entry.
    pub fn new(shared: Arc<Shared>, writer: Writer) -> Self {
        let read_at = shared.reader.checkpoint().checkpoint().size();
        let pace = Pace::from(read_at, Instant::now());
        let again = BTreeSet::new();
        Self { shared, writer, pace, next: 0, read_at, again, passed_over: 0, one_by_one: false }
    }

    pub fn run(mut self) {
        while !self.shared.is_stopping() {
            if self.must_wait() {
                continue;
            }
            let step = if self.next < self.read_at { self.make() } else { self.follow() };
            let pause = match step {
                Ok(true) => continue,
                Ok(false) => PAUSE,
                Err(ReadError::Damaged(_)) => {
                    // The damage was logged when it was found. Only the damaged entry is passed over: the bundle is read again
                    // entry by entry.
                    let passed_over = std::mem::replace(&mut self.one_by_one, true);
                    self.next += u64::from(passed_over);
                    self.passed_over += u64::from(passed_over);
                    continue;
                }
                Err(cause) => {
                    tracing::error!(%cause, "search could not follow the log");
                    AFTER_FAULT
                }
            };
            std::thread::park_timeout(pause);
        }
    }

    /// Waits a moment if the log grows too fast. Returns whether it did.
    fn must_wait(&mut self) -> bool {
        let waits = self.pace.waits(self.shared.reader.checkpoint().checkpoint().size(), Instant::now());
        if waits {
            std::thread::park_timeout(PAUSE);
        }
        waits
    }

    /// Takes in the entries that were on record at the start, or a part of them. Returns whether to go on at once.
    fn make(&mut self) -> Result<bool, ReadError> {
        let Some(views) = Views::new(&self.shared.reader).at(self.read_at) else { return Ok(false) };
        let mut documents = Documents::new(&views);
        let end = self.read_at.min(self.next + REMEMBER);
        while self.next < end {
            if self.shared.is_stopping() {
                return Ok(false);
            }
            if self.must_wait() {
                continue;
            }
            let ahead = views.read_ahead(self.next..self.ahead(end.min(self.next + BATCH)))?;
            while self.next < ahead {
                self.put(documents.read(self.next)?, false)?;
                self.next += 1;
                self.read_one();
                self.commit_if_full()?;
            }
            if self.next == self.read_at || self.uncommitted() >= COMMIT_AT + self.next / 2 {
                self.commit()?;
            }
        }
        if self.next == self.read_at {
            self.writer.merge_small();
        }
        Ok(true)
    }

    /// Takes in a batch of the entries that came since, and reads changed ones again. Returns whether there is more.
    fn follow(&mut self) -> Result<bool, ReadError> {
        let views = Views::new(&self.shared.reader);
        let size = views.size();
        for index in self.shared.reader.take_late() {
            // Entries from `next` on will be read with their words anyway.
            if index < self.next
                && let Some(record) = views.record(index)?
            {
                self.reread_words_of(&views, &record)?;
            }
        }
        if self.next >= size && self.again.is_empty() {
            return Ok(false);
        }
        let mut documents = Documents::new(&views);
        let end = size.min(self.next + BATCH);
        while self.next < end {
            let ahead = views.read_ahead(self.next..self.ahead(end))?;
            while self.next < ahead {
                if self.shared.is_stopping() {
                    return Ok(false);
                }
                self.reread_changed(&views, self.next)?;
                self.put(documents.read(self.next)?, false)?;
                self.next += 1;
                self.read_one();
                self.commit_if_full()?;
            }
        }
        // New entries go first. Those to be read again may be very many, so a part of them is taken at a time.
        for _ in 0..BATCH {
            let Some(index) = self.again.pop_first() else { break };
            match documents.read(index) {
                Err(ReadError::Damaged(_)) => continue,
                read => self.put(read?, true)?,
            }
            self.commit_if_full()?;
        }
        let more = self.next < size || !self.again.is_empty();
        if !more || self.uncommitted() >= COMMIT_AT {
            self.commit()?;
        }
        Ok(more)
    }

    fn put(&mut self, document: Option<Document>, again: bool) -> Result<(), ReadError> {
        document.map_or(Ok(()), |document| self.writer.put(&document, again)).map_err(fault)
    }

    fn commit_if_full(&mut self) -> Result<(), ReadError> {
        if self.writer.is_full() { self.commit() } else { Ok(()) }
    }

    /// Notes that an entry was read. At the end of a bundle, entries are read together again.
    fn read_one(&mut self) {
        self.one_by_one &= !self.next.is_multiple_of(TILE_ITEMS);
    }

    /// The end of the entries that are read together now, `end` at most.
    fn ahead(&self, end: u64) -> u64 {
        if self.one_by_one { end.min(self.next + 1) } else { end }
    }

    fn uncommitted(&self) -> u64 {
        self.next - self.shared.reflects.load(Ordering::Acquire)
    }

    /// Makes all that was put findable.
    fn commit(&mut self) -> Result<(), ReadError> {
        self.writer.commit().map_err(fault)?;
        self.shared.reflects.store(self.next - self.passed_over, Ordering::Release);
        Ok(())
    }

    /// Has those earlier entries read again that have other text because of this entry.
    fn reread_changed(&mut self, views: &Views, index: u64) -> Result<(), ReadError> {
        let Some(record) = views.record(index)? else { return Ok(()) };
        let changed = match record.event().body() {
            Body::ContentWithheld(b) => b.entry,
            Body::ContentReleased(b) => b.entry,
            Body::PartyUpdated(b) => return self.reread_all_that_name(views, &b.party),
            _ => return Ok(()),
        };
        match views.record_of(&changed)? {
            Some(target) => self.reread_words_of(views, &target),
            None => Ok(()),
        }
    }

    /// Has those entries read again that have other text because the words of `target` came or went.
    fn reread_words_of(&mut self, views: &Views, target: &Record) -> Result<(), ReadError> {
        self.again.insert(target.index());
        let id = target.event().id();
        // The sentences of other entries have titles of cases and names of parties in them.
        self.reread_all_that_name(views, &id)?;
        match target.event().body() {
            Body::PartyUpdated(b) => self.reread_all_that_name(views, &b.party),
            Body::CaseOpened(_) => {
                self.again.extend(views.thread(&id)?.into_iter().filter(|i| *i < self.next));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn reread_all_that_name(&mut self, views: &Views, id: &EventId) -> Result<(), ReadError> {
        let filter = Filter { party: Some(*id), ..Filter::default() };
        let Some(last) = self.next.checked_sub(1) else { return Ok(()) };
        let list = views.list(&filter, 0..=last, false, usize::MAX)?;
        self.again.extend(list);
        Ok(())
    }
}

/// Measures how fast the log grows, and says when search must wait.
struct Pace {
    /// The size of the log when the window began, and when that was.
    size: u64,
    at: Instant,
    /// Whether the last window was busy.
    busy: bool,
    /// How long search has waited since the last batch.
    waited: Duration,
}

impl Pace {
    fn from(size: u64, at: Instant) -> Self {
        Self { size, at, busy: false, waited: Duration::ZERO }
    }

    /// Whether to wait for a quieter moment.
    fn waits(&mut self, size: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at);
        if passed >= WINDOW {
            let grown = size.saturating_sub(self.size);
            self.busy = grown as f64 > BUSY * passed.as_secs_f64();
            (self.size, self.at) = (size, now);
        }
        let waits = self.busy && self.waited < AT_MOST;
        self.waited = if waits { self.waited + PAUSE } else { Duration::ZERO };
        waits
    }
}

fn fault(e: tantivy::TantivyError) -> ReadError {
    ReadError::Fault(format!("search: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_waits_while_the_log_grows_fast_and_not_for_ever() {
        let start = Instant::now();
        let mut pace = Pace::from(0, start);
        let mut waits = |size, ms| pace.waits(size, start + Duration::from_millis(ms));
        let busy: Vec<bool> = (1..=60).map(|i| waits(i * 161, i * 40)).collect();
        let said = busy.iter().position(|waits| *waits);
        assert_eq!(said, Some(4), "once it has gone on for the whole of a window");
        assert!(busy[4..29].iter().all(|waits| *waits) && !busy[29] && busy[30], "{busy:?}");
        assert!(!waits(60 * 161, 10_000), "it is quiet again");
        assert!(!waits(60 * 161 + 100, 10_000 + 40), "and stays so");
    }

    #[test]
    fn search_waits_for_no_load_that_it_can_follow_nor_for_what_comes_at_once() {
        let start = Instant::now();
        let mut pace = Pace::from(0, start);
        for i in 1..=60 {
            assert!(!pace.waits(i * 160, start + Duration::from_millis(i * 40)));
        }
        let mut pace = Pace::from(0, start);
        for i in 1..=60 {
            // 400 entries at once, then none for a while.
            assert!(!pace.waits(i / 6 * 400, start + Duration::from_millis(i * 40)));
        }
    }
}
