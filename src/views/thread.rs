//! The events of one case, as known at one size and seen from one instant. Its states are folded from them.

use std::{collections::HashSet, sync::Arc};

use super::{
    Case, CaseEntries, Map, Record, Views,
    demand::{Demand, Told, demands, void},
    instant::{Instant, When},
};
use crate::{
    event::{Body, EventId, EventType},
    ledger::ReadError,
    log::Time,
};

/// The states of a case are computed from at most this many of its entries: the first ones.
const ENTRIES_READ: usize = 10_000;
/// For one demand or collection, at most this many entries of each type are read that name it: the first ones.
const BESIDE_READ: usize = 100;

/// The events of a case, as known at the size of the views and seen from one instant. What is shown of the case is folded
/// from it, each part when it is asked for.
#[derive(Debug)]
pub struct CaseThread {
    /// The case in summary.
    pub case: Case,
    /// The indexes of all its entries.
    pub entries: CaseEntries,
    /// The entries that are read, in the order of the log, each with its time.
    pub(super) records: Vec<(Arc<Record>, Placed)>,
    /// Entries of other cases that bear on demands of this one: their collections, and positions on them.
    beside: Vec<Arc<Record>>,
    pub(super) now: Instant,
    /// The events that are void at the instant, each with the index of the correction that says so.
    pub(super) void: Map<EventId, u64>,
}

/// When an entry of a case is said to have happened, seen from an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// The first moment that its `at` can mean, in seconds since 1970; `i64::MIN` if there is no such moment.
    pub moment: i64,
    /// Whether it is said to have happened after the instant.
    pub after: bool,
    /// Whether it counts: it is not after the instant, and not void.
    pub counts: bool,
}

impl CaseThread {
    /// Whether the case has more entries than are read.
    pub fn cut_short(&self) -> bool {
        self.records.len() < self.entries.indexes.len()
    }

    /// Whether an event counts at the instant: it is not after it, and not void.
    pub(super) fn counts(&self, record: &Record) -> bool {
        self.now.counts(record.event().at()) && !self.void.contains_key(&record.event().id())
    }

    /// The case's entries that count, in the order of the log.
    pub(super) fn counting(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.iter().filter_map(|(record, at)| at.counts.then_some(record))
    }

    /// The demands of the case.
    pub fn demands(&self) -> Vec<Demand> {
        let beside = self.beside.iter().filter(|record| self.counts(record));
        let mut told: Vec<Told<'_>> = self.counting().chain(beside).map(|record| told(record)).collect();
        told.sort_by_key(|told| told.index);
        demands(told.into_iter(), &self.now)
    }
}

fn told(record: &Record) -> Told<'_> {
    let (header, event) = (record.entry.header(), record.event());
    Told {
        index: header.index,
        id: event.id(),
        at: event.at(),
        recorded: header.time,
        signers: &header.signers,
        body: event.body(),
    }
}

impl Views {
    /// A case with its events at the instant `as_of`, by the entries that these views know. `None` if `id` is no case on
    /// record.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn case_thread(&self, id: &EventId, as_of: Time) -> Result<Option<Arc<CaseThread>>, ReadError> {
        if let Some(known) = self.memory().threads.get(&(*id, as_of)) {
            return Ok(Some(known.clone()));
        }
        let Some(case) = self.case(id)? else { return Ok(None) };
        let entries = self.case_entries(&case)?;
        let read = entries.indexes.len().min(ENTRIES_READ);
        let records = self.records(&entries.indexes[..read])?;
        let now = Instant::new(case.timezone, as_of);
        let beside = self.beside(&records)?;
        let times: Vec<_> = records.iter().map(|record| now.when(record.event().at())).collect();
        let reached = records.iter().zip(&times).filter(|(_, when)| when.reached);
        let void: Map<EventId, u64> = void(reached.map(|(r, _)| (r.index(), r.event().body())));
        let placed = |(record, when): (Arc<Record>, When)| {
            let moment = when.moment.map_or(i64::MIN, |moment| moment.as_second());
            let counts = when.reached && !void.contains_key(&record.event().id());
            (record, Placed { moment, after: !when.reached, counts })
        };
        let records = records.into_iter().zip(times).map(placed).collect();
        let thread = Arc::new(CaseThread { case, entries, records, beside, now, void });
        self.memory().threads.insert((*id, as_of), thread.clone());
        Ok(Some(thread))
    }

    /// The entries of other cases that bear on demands of this one. The collection that a demand names may belong to another
    /// case, and a position on a demand may be taken from another.
    fn beside(&self, records: &[Arc<Record>]) -> Result<Vec<Arc<Record>>, ReadError> {
        let mut beside = Vec::<Arc<Record>>::new();
        let mut have = HashSet::new();
        for record in records {
            let Body::DemandIssued(demand) = record.event().body() else { continue };
            let mut take = |record: Arc<Record>| {
                // The case's own entries are sorted by index.
                let own = records.binary_search_by_key(&record.index(), |r| r.index()).is_ok();
                if !own && have.insert(record.index()) {
                    beside.push(record);
                }
            };
            for record in self.naming(&record.event().id(), &[EventType::PositionTaken])? {
                take(record);
            }
            let Some(collection) = demand.collection else { continue };
            let Some(opened) = self.record_of(&collection)? else { continue };
            if opened.event().case() == record.event().case() {
                continue;
            }
            take(opened);
            // A correction of a count stands in that other case too, so the void ones are not known from this thread.
            let counts = [EventType::CollectionCounted, EventType::CollectionClosed];
            for record in self.naming(&collection, &counts)? {
                if !self.fate(&record.event().id())?.voided {
                    take(record);
                }
            }
        }
        Ok(beside)
    }

    /// The first entries of each of these types that name an event in a ref, in the order of the log. The index keeps such
    /// lists for positions and counts alone.
    pub(super) fn naming(&self, id: &EventId, types: &[EventType]) -> Result<Vec<Arc<Record>>, ReadError> {
        let mut indexes = Vec::new();
        for of in types {
            indexes.extend(self.bearing(*of, id, BESIDE_READ)?);
        }
        indexes.sort_unstable();
        self.records(&indexes)
    }
}
