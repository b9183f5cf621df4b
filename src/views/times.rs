//! The three times of an entry, kept apart: when it happened, when it was published, when it was recorded.

use jiff::{civil::Date, tz::TimeZone};

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

    /// The least and the most days that can lie between the event and its recording; `None` unless they are more than 24 hours
    /// apart. If the author gave a moment, whole days are counted. If a day or month, days are counted from date to date, as
    /// the two dates beside it show.
    pub fn days_late(&self) -> Option<(i64, i64)> {
        let (first, last) = ends_of(&self.occurred)?;
        let late = |end: i64| self.recorded.unix_ms().saturating_sub(end);
        if late(last) <= 24 * HOUR {
            return None;
        }
        let whole = |end: i64| late(end) / (24 * HOUR);
        // Whole days from the end of one day to a moment of another are one less than from date to date.
        let more = i64::from(self.occurred.as_str().len() != 25);
        Some((whole(last) + more, whole(first) + more))
    }

    /// What an entry's page says where the date and the recording differ: `dated 2 December 2023 by its author; recorded
    /// 1,093 days after that`, or that it is dated ahead of its recording.
    pub fn difference_words(&self) -> Option<String> {
        let dated = dates::at_words(&self.occurred);
        if self.is_ahead() {
            return Some(format!("dated {dated} by its author, ahead of its recording"));
        }
        let (least, most) = self.days_late()?;
        Some(format!("dated {dated} by its author; recorded {} after that", dates::days_words(least, most)))
    }

    /// Whether it is dated ahead of its recording.
    pub fn is_ahead(&self) -> bool {
        !dates::ahead_words(&self.occurred, self.recorded).is_empty()
    }

    /// The day on which it was recorded, if that was more than 24 hours later.
    pub fn recorded_later(&self) -> Option<String> {
        self.days_late().map(|_| dates::time_day_words(self.recorded))
    }

    /// When it happened, in words; they say so if that lies ahead of the recording.
    pub fn occurred_words(&self) -> String {
        self.words(&self.occurred)
    }
    /// When it was published, likewise.
    pub fn published_words(&self) -> Option<String> {
        self.published.as_ref().map(|at| self.words(at))
    }
    /// Another date that the entry gives, likewise.
    pub fn words(&self, at: &At) -> String {
        format!("{}{}", dates::at_words(at), dates::ahead_words(at, self.recorded))
    }
    /// When it was recorded, in words.
    pub fn recorded_words(&self) -> String {
        dates::time_words(self.recorded)
    }
}

/// The ends of the first and of the last day that an `at` can mean, in milliseconds since 1970; for a moment, that moment
/// twice. Days have no zone and are read as UTC.
fn ends_of(at: &At) -> Option<(i64, i64)> {
    let text = at.as_str();
    if text.len() == 25 {
        let instant = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
        return Some((instant, instant));
    }
    let (first, last): (Date, Date) = match text.len() {
        7 => {
            let first: Date = format!("{text}-01").parse().ok()?;
            (first, first.last_of_month())
        }
        _ => (text.parse().ok()?, text.parse().ok()?),
    };
    let end =
        |day: Date| Some(day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond());
    Some((end(first)?, end(last)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(occurred: &str, recorded: &str) -> Option<(i64, i64)> {
        let occurred = At::parse(occurred).unwrap();
        Times { occurred, published: None, recorded: Time::parse(recorded).unwrap() }.days_late()
    }

    #[test]
    fn a_recording_is_late_after_more_than_a_day() {
        assert_eq!(late("2023-12-08T10:00:00+08:00", "2023-12-09T02:00:00.000Z"), None);
        assert_eq!(late("2023-12-08T10:00:00+08:00", "2023-12-09T02:00:00.001Z"), Some((1, 1)));
        assert_eq!(late("2023-12-08", "2023-12-09T23:00:00.000Z"), None);
        assert_eq!(late("2023-12-08", "2023-12-12T01:00:00.000Z"), Some((4, 4)));
        assert_eq!(late("2023-12", "2024-01-03T00:00:00.000Z"), Some((3, 33)));
        assert_eq!(late("2024-12", "2024-01-03T00:00:00.000Z"), None);
    }

    #[test]
    fn the_difference_is_said_of_the_date_and_not_of_the_recording() {
        let words = |occurred: &str, recorded: &str| {
            let occurred = At::parse(occurred).unwrap();
            Times { occurred, published: None, recorded: Time::parse(recorded).unwrap() }.difference_words()
        };
        let recorded = "2026-11-29T12:00:00.000Z";
        let day = "dated 2 December 2023 by its author; recorded 1,093 days after that";
        assert_eq!(words("2023-12-02", recorded).as_deref(), Some(day));
        let month = "dated December 2023 by its author; recorded between 1,064 and 1,094 days after that";
        assert_eq!(words("2023-12", recorded).as_deref(), Some(month));
        assert_eq!(words("2026-11-29", recorded), None);
        let ahead = "dated 1 May 2027 by its author, ahead of its recording";
        assert_eq!(words("2027-05-01", recorded).as_deref(), Some(ahead));
    }
}
