//! The events of one case at two instants: what states are folded from.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    Case, CaseEntries, Record, Views,
    demand::{Demand, Told, demands},
    instant::Instant,
};
use crate::{
    event::{Body, CorrectionEffect, EventId, EventType},
    ledger::{Filter, ReadError},
    log::Time,
};

/// The most entries of a case that its states are computed from: the first ones.
const ENTRIES_READ: usize = 10_000;
/// The most entries of other cases that are read for one record of this one.
const BESIDE_READ: usize = 100;

/// The events of a case at two instants, those of the size that is known. What is shown of the case is folded from
/// it, each part when it is asked for.
#[derive(Debug)]
pub struct CaseThread {
    /// The case in summary.
    pub case: Case,
    /// Where its entries stand.
    pub entries: CaseEntries,
    /// Those that are read, in the order of the log.
    pub(super) records: Vec<Arc<Record>>,
    /// Entries of other cases that bear on demands of this one: their collections, and positions on them.
    beside: Vec<Arc<Record>>,
    authors: HashMap<u64, Vec<EventId>>,
    pub(super) now: Instant,
    /// What is void at the instant, with the index of the correction that says so.
    pub(super) void: HashMap<EventId, u64>,
    /// Of each of its entries, in order, whether it counts.
    counts: Vec<bool>,
}

impl CaseThread {
    /// Whether the case has more entries than are read.
    pub fn cut_short(&self) -> bool {
        self.records.len() < self.entries.indexes.len()
    }

    /// Whether an event counts at the instant: it is not later, and not void.
    pub(super) fn counts(&self, record: &Record) -> bool {
        self.now.counts(record.event().at()) && !self.void.contains_key(&record.event().id())
    }

    /// The case's entries that count, in the order of the log.
    pub(super) fn counting(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.iter().zip(&self.counts).filter_map(|(record, counts)| counts.then_some(record))
    }

    fn told(&self) -> Vec<Told<'_>> {
        let mut all: Vec<&Arc<Record>> = self.records.iter().chain(&self.beside).collect();
        all.sort_by_key(|r| r.index());
        all.into_iter()
            .filter_map(|record| {
                let event = record.event();
                Some(Told {
                    index: record.index(),
                    id: event.id(),
                    at: event.at(),
                    recorded: record.entry.header().time,
                    authors: self.authors.get(&record.index())?,
                    body: event.body(),
                })
            })
            .collect()
    }

    /// The demands of the case.
    pub fn demands(&self) -> Vec<Demand> {
        demands(&self.told(), &self.now)
    }
}

impl Views {
    /// A case with its events at an instant, by the entries that these views know. `None` if it is no case on record.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn case_thread(&self, id: &EventId, as_of: Time) -> Result<Option<Arc<CaseThread>>, ReadError> {
        if let Some(known) = self.memory().threads.get(&(*id, as_of)) {
            return Ok(Some(known.clone()));
        }
        let Some(case) = self.case(id)? else { return Ok(None) };
        let entries = self.case_entries(&case)?;
        let mut records = Vec::with_capacity(entries.indexes.len().min(ENTRIES_READ));
        for index in entries.indexes.iter().take(ENTRIES_READ) {
            records.extend(self.record(*index)?);
        }
        let now = Instant::new(case.timezone, as_of);
        let beside = self.beside(&records)?;
        let void: HashMap<EventId, u64> = records
            .iter()
            .filter(|r| now.counts(r.event().at()))
            .filter_map(|r| match r.event().body() {
                Body::CorrectionIssued(b) if b.effect == CorrectionEffect::Void => {
                    Some((b.corrects, r.index()))
                }
                _ => None,
            })
            .collect();
        let authors = records.iter().chain(&beside).map(|r| (r.index(), r.parties().collect())).collect();
        let counts = records
            .iter()
            .map(|r| now.counts(r.event().at()) && !void.contains_key(&r.event().id()))
            .collect();
        let thread = Arc::new(CaseThread { case, entries, records, beside, authors, now, void, counts });
        self.memory().threads.insert((*id, as_of), thread.clone());
        Ok(Some(thread))
    }

    /// What stands in other cases and bears on demands of this one. A collection may be of another case, and a
    /// position may be taken from one.
    fn beside(&self, records: &[Arc<Record>]) -> Result<Vec<Arc<Record>>, ReadError> {
        let mut have: HashSet<u64> = records.iter().map(|r| r.index()).collect();
        let mut beside = Vec::new();
        for record in records {
            let Body::DemandIssued(demand) = record.event().body() else { continue };
            let mut take = |record: Arc<Record>| {
                if have.insert(record.index()) {
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
            // A count, and so a correction that declares it void.
            let counts = [EventType::CollectionCounted, EventType::CollectionClosed];
            for record in self.naming(&collection, &counts)? {
                if !self.fate(&record.event().id())?.voided {
                    take(record);
                }
            }
        }
        Ok(beside)
    }

    /// The entries of these types that name an event in a ref.
    pub(super) fn naming(&self, id: &EventId, types: &[EventType]) -> Result<Vec<Arc<Record>>, ReadError> {
        // What names an event is looked at for other reasons too, so its type is asked of entries that are kept.
        let filter = Filter { party: Some(*id), ..Filter::default() };
        let mut found = Vec::new();
        for index in self.list(&filter, 0..=u64::MAX, false, usize::MAX)? {
            let record = self.record(index)?.filter(|r| types.contains(&r.event().event_type()));
            found.extend(record);
            if found.len() == BESIDE_READ {
                break;
            }
        }
        Ok(found)
    }
}
