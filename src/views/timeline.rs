//! The entries of a case in an order: as they happened, or as they were recorded.

use std::sync::Arc;

use jiff::civil::Date;

use super::{EntryLine, Record, Views, thread::CaseThread};
use crate::{event::EventType, ledger::ReadError};

/// In what order a timeline stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// As it is said to have happened; of one moment, as recorded.
    #[default]
    Occurred,
    /// As the ledger recorded it.
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
    /// The order of a name.
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
    /// Where it stands.
    pub lane: Lane,
    /// On which day.
    pub day: Date,
    /// Index of the first entry it stands for.
    pub index: u64,
    /// For how many entries it stands.
    pub entries: usize,
}

/// Where an entry stands in an order: the first moment that its `at` can mean, in seconds since 1970, or 0 in the order
/// of recording; then its index. It stays valid however the case grows.
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
    /// Number of the first of them in the whole, from 0.
    pub from: usize,
    /// How many entries there are in all.
    pub all: usize,
    /// Every day with entries, for drawing.
    pub marks: Vec<Mark>,
}

impl CaseThread {
    /// Its entries in an order, each with its place.
    pub fn in_order(&self, order: Order) -> Vec<(Place, &Arc<Record>)> {
        let moment = |r: &Record| match order {
            Order::Occurred => self.now.moment(r.event().at()).map_or(i64::MIN, |m| m.as_second()),
            Order::Recorded => 0,
        };
        let mut entries: Vec<_> = self.records.iter().map(|r| ((moment(r), r.index()), r)).collect();
        entries.sort_unstable_by_key(|(place, _)| *place);
        entries
    }

    /// Whether an entry counts in no state because it is said to have happened after the instant.
    pub fn is_after(&self, record: &Record) -> bool {
        !self.now.counts(record.event().at())
    }
}

impl Views {
    /// A part of the timeline of a case.
    pub(super) fn timeline(
        &self,
        thread: &CaseThread,
        order: Order,
        from: usize,
        limit: usize,
    ) -> Result<Timeline, ReadError> {
        let day = |r: &Record| thread.now.first_day(r.event().at());
        let records: Vec<_> = thread.in_order(order).into_iter().map(|(_, record)| record).collect();
        let mut marks: Vec<Mark> = Vec::new();
        for record in &records {
            let Some(day) = day(record).filter(|_| thread.counts(record)) else { continue };
            let lane = Lane::of(record.event().event_type());
            let index = record.index();
            match marks.iter_mut().rev().take(8).find(|m| m.lane == lane && m.day == day) {
                Some(mark) => mark.entries += 1,
                None => marks.push(Mark { lane, day, index, entries: 1 }),
            }
        }
        let all = records.len();
        let from = from.min(all);
        let mut lines = Vec::new();
        for record in records.into_iter().skip(from).take(limit) {
            lines.push(TimelineLine { line: self.line(record)?, after: thread.is_after(record) });
        }
        Ok(Timeline { order, lines, from, all, marks })
    }
}
