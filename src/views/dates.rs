//! Dates and times in English words, as they were written: nothing is moved to another zone.

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

/// The date of an `at` alone, without its time of day.
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
        let time = Time::parse("2026-11-23T05:06:10.123Z").unwrap();
        assert_eq!(time_words(time), "23 November 2026, 05:06:10 UTC");
    }
}
