//! The three times of an entry, kept apart: when it happened, when it was published, when it was recorded.

use super::{Record, dates};
use crate::{
    event::{At, Body},
    log::Time,
};

/// When an entry's event happened, was published and was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// `at`: when it happened, on the author's word.
    pub occurred: At,
    /// When it was published, if the source shows it.
    pub published: Option<At>,
    /// When the ledger recorded it.
    pub recorded: Time,
}

const HOUR: i64 = 3_600_000;

impl Times {
    /// The times of an entry.
    pub fn of(record: &Record) -> Self {
        let published = match record.event().body() {
            Body::StatementMade(b) => b.published.clone(),
            Body::DisclosureMade(b) => b.published.clone(),
            _ => None,
        };
        Self { occurred: record.event().at().clone(), published, recorded: record.entry.header().time }
    }

    /// The whole days between what is said to have happened and its recording, where that is more than 24
    /// hours. Where the author names no time of day, the end of the day or month counts.
    pub fn days_late(&self) -> Option<i64> {
        let late = self.recorded.unix_ms().saturating_sub(end_of(&self.occurred)?);
        (late > 24 * HOUR).then_some(late / (24 * HOUR))
    }

    /// When it happened, in words.
    pub fn occurred_words(&self) -> String {
        dates::at_words(&self.occurred)
    }
    /// When it was published, in words.
    pub fn published_words(&self) -> Option<String> {
        self.published.as_ref().map(dates::at_words)
    }
    /// When it was recorded, in words.
    pub fn recorded_words(&self) -> String {
        dates::time_words(self.recorded)
    }
}

/// The last instant an `at` can mean, in milliseconds since 1970; days without a zone are read as UTC.
fn end_of(at: &At) -> Option<i64> {
    let text = at.as_str();
    if text.len() == 25 {
        return Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond());
    }
    let last: jiff::civil::Date = match text.len() {
        7 => format!("{text}-01").parse::<jiff::civil::Date>().ok()?.last_of_month(),
        _ => text.parse().ok()?,
    };
    let next = last.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(next.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(occurred: &str, recorded: &str) -> Option<i64> {
        let occurred = At::parse(occurred).unwrap();
        Times { occurred, published: None, recorded: Time::parse(recorded).unwrap() }.days_late()
    }

    #[test]
    fn a_recording_is_late_after_more_than_a_day() {
        assert_eq!(late("2023-12-08T10:00:00+08:00", "2023-12-09T02:00:00.000Z"), None);
        assert_eq!(late("2023-12-08T10:00:00+08:00", "2023-12-09T02:00:00.001Z"), Some(1));
        assert_eq!(late("2023-12-08", "2023-12-09T23:00:00.000Z"), None);
        assert_eq!(late("2023-12-08", "2023-12-12T01:00:00.000Z"), Some(3));
        assert_eq!(late("2023-12", "2024-01-03T00:00:00.000Z"), Some(2));
        assert_eq!(late("2024-12", "2024-01-03T00:00:00.000Z"), None);
    }
}
