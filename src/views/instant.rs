//! Dates seen from the instant `asOf`, at which clocks are read. It is one of the two that every computed answer takes and
//! shows (domain.md); the other is `knownAt`, the size of the tree that counts.

use jiff::{
    Timestamp,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};

use crate::{event::At, log::Time};

/// How dates are read: in which zone, and up to which instant events count.
#[derive(Debug, Clone)]
pub struct Instant {
    zone: TimeZone,
    as_of: Timestamp,
    /// The local date at the instant.
    date: Date,
}

/// When something is said to have happened, seen from an instant.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The first moment that its `at` can mean, for putting events in order.
    pub moment: Option<Timestamp>,
    /// Whether that moment has come by the instant. A day or a month counts from its first moment: the record says no
    /// more.
    pub reached: bool,
}

/// The days that a date can mean: one, or all of its month. Ordered by the last day, then by the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days {
    /// The last day.
    pub last: Date,
    /// The first day.
    pub first: Date,
}

impl Days {
    /// One day.
    pub fn of(day: Date) -> Self {
        Self { last: day, first: day }
    }
    /// The day, if there is only one.
    pub fn one(self) -> Option<Date> {
        (self.first == self.last).then_some(self.first)
    }
    /// The least and the most days from one of these days to one of `to`.
    pub fn until(self, to: Self) -> (i64, i64) {
        let between = |from: Date, to: Date| i64::from((to - from).get_days());
        (between(self.last, to.first), between(self.first, to.last))
    }
}

impl Instant {
    /// An instant in a zone of the closed list. A zone that is not in the list is read as UTC.
    pub fn new(zone: &str, as_of: Time) -> Self {
        // The rules of zones come with the program, so that two machines compute the same dates.
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap_or(TimeZone::UTC);
        let as_of = Timestamp::from_millisecond(as_of.unix_ms()).unwrap_or(Timestamp::MAX);
        let date = as_of.to_zoned(zone.clone()).date();
        Self { zone, as_of, date }
    }

    /// The local date at the instant.
    pub fn date(&self) -> Date {
        self.date
    }

    /// When something is said to have happened.
    pub fn when(&self, at: &At) -> When {
        if let Some(moment) = moment(at) {
            return When { moment: Some(moment), reached: moment <= self.as_of };
        }
        let day = first_day(at);
        let start = day.and_then(|day| day.to_zoned(self.zone.clone()).ok());
        When {
            moment: start.map(|start| start.timestamp()),
            reached: day.is_some_and(|day| day <= self.date),
        }
    }

    /// Whether something dated `at` has happened by the instant.
    pub fn counts(&self, at: &At) -> bool {
        self.when(at).reached
    }

    /// The local days that an `at` can mean.
    pub fn days(&self, at: &At) -> Option<Days> {
        match self.local(at) {
            Some(day) => Some(Days::of(day)),
            None => first_day(at).map(|first| Days { first, last: first.last_of_month() }),
        }
    }

    /// Whether the last moment that an `at` can mean is over.
    pub fn is_past(&self, at: &At) -> bool {
        match moment(at) {
            Some(t) => t < self.as_of,
            None if at.has_day() => first_day(at).is_some_and(|day| day < self.date),
            None => first_day(at).is_some_and(|day| day.last_of_month() < self.date),
        }
    }

    /// Whether a recorded time is not after the instant.
    pub fn reached(&self, time: Time) -> bool {
        time.unix_ms() <= self.as_of.as_millisecond()
    }

    /// The local date of an `at` that says at least the day.
    pub fn local(&self, at: &At) -> Option<Date> {
        match moment(at) {
            Some(t) => Some(t.to_zoned(self.zone.clone()).date()),
            None if at.has_day() => first_day(at),
            None => None,
        }
    }

    /// The local date of a recorded time.
    pub fn local_time(&self, time: Time) -> Date {
        let t = Timestamp::from_millisecond(time.unix_ms()).unwrap_or(Timestamp::MAX);
        t.to_zoned(self.zone.clone()).date()
    }
}

/// An instant as people and programs write it: RFC 3339, or a date alone, which means its first moment in UTC. `None` if
/// `text` is neither.
pub fn read_instant(text: &str) -> Option<Time> {
    if text.len() > 40 {
        return None;
    }
    let date = |t: &str| t.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    let timestamp = match text.len() {
        10 => date(text)?.timestamp(),
        _ => text.parse::<Timestamp>().ok()?,
    };
    Time::from_unix_ms(timestamp.as_millisecond())
}

/// The moment of an `at` that gives one. Text no longer than a day is not parsed: a case has thousands of these.
fn moment(at: &At) -> Option<Timestamp> {
    let text = at.as_str();
    if text.len() > 10 { text.parse().ok() } else { None }
}

/// The day of an `at`, or the first of its month.
pub fn first_day(at: &At) -> Option<Date> {
    let text = at.as_str();
    if at.has_day() { at.date().parse().ok() } else { format!("{text}-01").parse().ok() }
}

/// The day of an `at`, or the last of its month.
pub(super) fn last_day(at: &At) -> Option<Date> {
    let first = first_day(at)?;
    Some(if at.has_day() { first } else { first.last_of_month() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Zone;
    use jiff::civil::date;

    fn at(text: &str) -> At {
        At::parse(text).unwrap()
    }

    fn kuching(as_of: &str) -> Instant {
        Instant::new("Asia/Kuching", Time::parse(as_of).unwrap())
    }

    #[test]
    fn every_zone_of_the_list_is_known_to_the_program() {
        for zone in Zone::ALL {
            assert!(TimeZoneDatabase::bundled().get(zone).is_ok(), "{zone}");
        }
    }

    #[test]
    fn an_event_counts_from_the_first_moment_it_can_mean() {
        let now = kuching("2023-12-15T16:00:00.000Z");
        assert_eq!(now.date(), date(2023, 12, 16));
        for (text, counts) in [
            ("2023-12", true),
            ("2024-01", false),
            ("2023-12-16", true),
            ("2023-12-17", false),
            ("2023-12-16T00:00:00+08:00", true),
            ("2023-12-16T00:00:01+08:00", false),
        ] {
            assert_eq!(now.counts(&at(text)), counts, "{text}");
        }
    }

    #[test]
    fn a_date_is_past_when_all_of_it_is_over() {
        let now = kuching("2023-12-15T16:00:00.000Z");
        for (text, past) in [
            ("2023-11", true),
            ("2023-12", false),
            ("2023-12-15", true),
            ("2023-12-16", false),
            ("2023-12-15T23:59:59+08:00", true),
            ("2023-12-16T00:00:00+08:00", false),
        ] {
            assert_eq!(now.is_past(&at(text)), past, "{text}");
        }
    }

    fn time(text: &str) -> Option<Time> {
        Some(Time::parse(text).unwrap())
    }

    #[test]
    fn instants_are_read_in_any_offset_and_dates_as_their_first_moment_in_utc() {
        let midnight = time("2024-01-01T00:00:00.000Z");
        for text in
            ["2024-01-01", "2024-01-01T00:00:00Z", "2024-01-01T08:00:00+08:00", "2024-01-01T00:00:00.000Z"]
        {
            assert_eq!(read_instant(text), midnight, "{text}");
        }
        for bad in ["", "now", "2024-13-01", "2024-01-01T25:00:00Z", "2024-01-01T00:00:00", "01/01/2024"] {
            assert_eq!(read_instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_are_those_of_the_zone() {
        let now = kuching("2024-01-01T00:00:00.000Z");
        assert_eq!(now.local(&at("2023-12-15T23:30:00+00:00")), Some(date(2023, 12, 16)));
        assert_eq!(now.local(&at("2023-12-15")), Some(date(2023, 12, 15)));
        assert_eq!(now.local(&at("2023-12")), None);
        let december = Days { first: date(2023, 12, 1), last: date(2023, 12, 31) };
        assert_eq!(now.days(&at("2023-12")), Some(december));
        assert_eq!(december.until(Days::of(date(2024, 1, 2))), (2, 32));
        let utc = Instant::new("UTC", Time::parse("2024-01-01T00:00:00.000Z").unwrap());
        assert_eq!(utc.local(&at("2023-12-15T23:30:00+00:00")), Some(date(2023, 12, 15)));
    }
}
