//! The entries of a case in an order: as they happened, or as they were recorded.

use std::sync::Arc;

use super::{
    EntryLine, Record, Views,
    instant::Days,
    thread::{CaseThread, Placed},
};
use crate::{event::EventType, ledger::ReadError};

/// The order of a timeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// By the first moment that an `at` can mean; entries of the same moment as recorded.
    #[default]
    Occurred,
    /// As the ledger recorded them.
    Recorded,
}

impl Order {
    /// Its name as data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Occurred => "occurred",
            Self::Recorded => "recorded",
        }
    }
    /// The order with this name.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Occurred, Self::Recorded].into_iter().find(|o| o.as_str() == word)
    }
}

/// What kind of event a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// What was said.
    Said,
    /// What was asked, and how it was delivered.
    Asked,
    /// What was told.
    Told,
    /// What was done to the record itself.
    Record,
}

impl Lane {
    /// Every lane, from the top.
    pub const ALL: [Self; 4] = [Self::Said, Self::Asked, Self::Told, Self::Record];

    /// Its name.
    pub fn words(self) -> &'static str {
        match self {
            Self::Said => "Said",
            Self::Asked => "Asked",
            Self::Told => "Told",
            Self::Record => "Record",
        }
    }

    fn of(event_type: EventType) -> Self {
        let name = event_type.as_str();
        match name.split('.').next().unwrap_or_default() {
            "incident" | "statement" | "position" | "link" | "commitment" => Self::Said,
            "collection" | "demand" | "notice" | "delivery" | "receipt" | "deadline" | "answer" => {
                Self::Asked
            }
            "disclosure" => Self::Told,
            _ => Self::Record,
        }
    }
}

/// A mark of the drawn timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The lane it stands in.
    pub lane: Lane,
    /// The day it stands on; all days of the month if only the month is known.
    pub days: Days,
    /// Index of the first entry it stands for.
    pub index: u64,
    /// How many entries it stands for.
    pub entries: usize,
}

/// The place of an entry in an order: the first moment that its `at` can mean, in seconds since 1970, or 0 in the order
/// of recording; then its index. It stays valid when the case grows.
pub type Place = (i64, u64);

/// An entry in a timeline.
#[derive(Debug, Clone)]
pub struct TimelineLine {
    /// The entry.
    pub line: EntryLine,
    /// Whether it counts in no state because it is said to have happened after `asOf`.
    pub after: bool,
}

/// A part of the entries of a case, in an order.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The order.
    pub order: Order,
    /// The entries of this part.
    pub lines: Vec<TimelineLine>,
    /// Number of the first of them among all entries, from 0.
    pub from: usize,
    /// How many entries the case has in all.
    pub all: usize,
    /// Marks for every day with entries that count, for drawing.
    pub marks: Vec<Mark>,
}

/// An entry of a case with its place in an order.
#[derive(Debug, Clone, Copy)]
pub struct InOrder<'t> {
    /// Its place.
    pub place: Place,
    /// The entry.
    pub record: &'t Arc<Record>,
    /// Whether it counts in no state because it is said to have happened after the instant.
    pub after: bool,
    counts: bool,
}

impl CaseThread {
    /// Its entries in an order.
    pub fn in_order<'t>(&'t self, order: Order) -> Vec<InOrder<'t>> {
        let standing = |(record, at): &'t (Arc<Record>, Placed)| {
            let moment = if order == Order::Occurred { at.moment } else { 0 };
            InOrder { place: (moment, record.index()), record, after: at.after, counts: at.counts }
        };
        let mut entries: Vec<_> = self.records.iter().map(standing).collect();
        entries.sort_unstable_by_key(|entry| entry.place);
        entries
    }
}

impl Views {
    /// A part of the timeline of a case: `limit` entries, starting with number `from`.
    pub(super) fn timeline(
        &self,
        thread: &CaseThread,
        order: Order,
        from: usize,
        limit: usize,
    ) -> Result<Timeline, ReadError> {
        let entries = thread.in_order(order);
        let mut marks: Vec<Mark> = Vec::new();
        for entry in entries.iter().filter(|entry| entry.counts) {
            let event = entry.record.event();
            let Some(days) = thread.now.days(event.at()) else { continue };
            let (lane, index) = (Lane::of(event.event_type()), entry.record.index());
            match marks.iter_mut().rev().take(8).find(|m| m.lane == lane && m.days == days) {
                Some(mark) => mark.entries += 1,
                None => marks.push(Mark { lane, days, index, entries: 1 }),
            }
        }
        let all = entries.len();
        let from = from.min(all);
        let mut lines = Vec::new();
        for entry in entries.into_iter().skip(from).take(limit) {
            lines.push(TimelineLine { line: self.line(entry.record)?, after: entry.after });
        }
        Ok(Timeline { order, lines, from, all, marks })
    }
}
