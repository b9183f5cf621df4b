//! Dates and times in English words, as they were written: none is converted to another zone.

use crate::{
    event::{At, Day},
    log::Time,
};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn date(text: &str) -> String {
    let part = |range| text.get(range).and_then(|t: &str| t.parse::<usize>().ok());
    let year = text.get(..4).unwrap_or(text);
    match (part(5..7).and_then(|m| MONTHS.get(m.wrapping_sub(1))), part(8..10)) {
        (Some(month), Some(day)) => format!("{day} {month} {year}"),
        (Some(month), None) => format!("{month} {year}"),
        _ => text.to_owned(),
    }
}

/// `8 December 2023`, `December 2023`, or `8 December 2023, 09:30 (+08:00)`.
pub fn at_words(at: &At) -> String {
    let text = at.as_str();
    match (text.get(11..16), text.get(19..25)) {
        (Some(clock), Some(offset)) => format!("{}, {clock} ({offset})", date(text)),
        _ => date(text),
    }
}

/// `8 December 2023`.
pub fn day_words(day: &Day) -> String {
    date(day.as_str())
}

/// `23 November 2026, 05:06:10 UTC`.
pub fn time_words(time: Time) -> String {
    let text = time.to_string();
    format!("{}, {} UTC", date(&text), text.get(11..19).unwrap_or_default())
}

/// The day of a recorded time, in UTC.
pub(super) fn time_day_words(time: Time) -> String {
    date(&time.to_string())
}

/// `1 day`, `1,093 days`, or `between 14 and 44 days` if `least` and `most` differ. A range from below 0 to above it
/// begins at 0.
pub(super) fn days_words(least: i64, most: i64) -> String {
    let least = if most > least { least.max(0).min(most) } else { least };
    match (least, most) {
        (1, 1) => "1 day".to_owned(),
        _ if least == most => format!("{} days", thousands(least)),
        _ => format!("between {} and {} days", thousands(least), thousands(most)),
    }
}

/// `1,093`.
fn thousands(n: i64) -> String {
    match n / 1_000 {
        more if more <= 0 => n.to_string(),
        more => format!("{},{:03}", thousands(more), n % 1_000),
    }
}

/// A clock may be this far ahead of the ledger's before a date counts as ahead of its recording, in milliseconds.
const SLACK: i64 = 15 * 60 * 1_000;
/// How far the zones of the earth are ahead of UTC, in milliseconds.
const EASTMOST: i64 = 14 * 3_600_000;

/// A note that follows a date of an entry if it lies ahead of the entry's recording in every zone, so that nobody can have
/// seen it; else empty.
pub(super) fn ahead_words(at: &At, recorded: Time) -> &'static str {
    let first = match at.as_str().len() {
        25 => at.as_str().parse::<jiff::Timestamp>().ok().map(|moment| moment.as_millisecond() - SLACK),
        _ => super::first_day(at)
            .and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map(|day| day.timestamp().as_millisecond() - EASTMOST),
    };
    if first.is_some_and(|first| first > recorded.unix_ms()) { " (dated ahead of its recording)" } else { "" }
}

/// The date of an `at` without its time of day, with a note if it lies ahead of the entry's recording.
pub(super) fn dated_words(at: &At, recorded: Time) -> String {
    format!("{}{}", date_words(at), ahead_words(at, recorded))
}

/// The same, as it follows what happened: `on 8 December 2023`, or `in December 2023`.
pub(super) fn on_dated_words(at: &At, recorded: Time) -> String {
    format!("{} {}", if at.has_day() { "on" } else { "in" }, dated_words(at, recorded))
}

/// The date of an `at`, without its time of day.
pub(super) fn date_words(at: &At) -> String {
    date(at.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_said_as_they_were_written() {
        let words = |s: &str| at_words(&At::parse(s).unwrap());
        assert_eq!(words("2023-12"), "December 2023");
        assert_eq!(words("2023-12-08"), "8 December 2023");
        assert_eq!(words("2023-12-08T09:30:00+08:00"), "8 December 2023, 09:30 (+08:00)");
        let recorded = Time::parse("2026-11-30T22:00:00.000Z").unwrap();
        for (at, is_ahead) in [
            ("2026-11-30", false),
            // It is 1 December in Kuala Lumpur.
            ("2026-12-01", false),
            ("2026-12-01T06:00:00+08:00", false),
            ("2026-12-01T06:10:00+08:00", false),
            ("2026-12-01T07:00:00+08:00", true),
            ("2026-12-02", true),
            ("2026-12", false),
            ("2027-01", true),
        ] {
            assert_eq!(!ahead_words(&At::parse(at).unwrap(), recorded).is_empty(), is_ahead, "{at}");
        }
        assert_eq!(days_words(1, 1), "1 day");
        assert_eq!(days_words(1_093, 1_093), "1,093 days");
        assert_eq!(days_words(-16, 1_000_014), "between 0 and 1,000,014 days");
        let time = Time::parse("2026-11-23T05:06:10.123Z").unwrap();
        assert_eq!(time_words(time), "23 November 2026, 05:06:10 UTC");
    }
}
