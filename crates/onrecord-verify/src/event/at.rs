//! When something happened, as the author says (formats.md, section 2).

use std::fmt;

use super::refusal::quote;

/// `YYYY-MM`, `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS+HH:MM`: a real calendar date, kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At(String);

/// `YYYY-MM-DD`, a real date.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(String);

/// What an [`At`] looks like, for messages.
pub const AT_FORMS: &str = "YYYY-MM, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS+HH:MM, a real date, no Z";

fn digits(s: &str) -> Option<i16> {
    if s.is_empty() || !s.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    s.parse().ok()
}

fn real_date(year: &str, month: &str, day: &str) -> bool {
    let (Some(y @ 1..), Some(m), Some(d)) = (digits(year), digits(month), digits(day)) else { return false };
    let (Ok(m), Ok(d)) = (i8::try_from(m), i8::try_from(d)) else { return false };
    jiff::civil::Date::new(y, m, d).is_ok()
}

/// `YYYY-MM-DD`.
fn is_day(s: &str) -> bool {
    let b = s.as_bytes();
    s.is_ascii() && b.len() == 10 && b[4] == b'-' && b[7] == b'-' && real_date(&s[..4], &s[5..7], &s[8..])
}

/// `HH:MM`, below 24 hours.
fn is_clock(s: &str) -> bool {
    s.len() == 5
        && s.as_bytes()[2] == b':'
        && digits(&s[..2]).is_some_and(|h| h < 24)
        && digits(&s[3..]).is_some_and(|m| m < 60)
}

/// `THH:MM:SS+HH:MM`.
fn is_time(s: &str) -> bool {
    let b = s.as_bytes();
    b.len() == 15
        && b[0] == b'T'
        && is_clock(&s[1..6])
        && b[6] == b':'
        && digits(&s[7..9]).is_some_and(|x| x < 60)
        && matches!(b[9], b'+' | b'-')
        && is_clock(&s[10..])
}

impl At {
    /// Reads a date or time.
    ///
    /// # Errors
    /// What was found, quoted, if it has none of the three forms or is not a real date.
    pub fn parse(s: &str) -> Result<Self, String> {
        let good = s.is_ascii()
            && match s.len() {
                7 => s.as_bytes()[4] == b'-' && real_date(&s[..4], &s[5..], "01"),
                10 => is_day(s),
                25 => is_day(&s[..10]) && is_time(&s[10..]),
                _ => false,
            };
        if good { Ok(Self(s.to_owned())) } else { Err(quote(s)) }
    }
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Whether it says at least the day.
    pub fn has_day(&self) -> bool {
        self.0.len() >= 10
    }
    /// Its first ten characters: the local date, or the month where no day is said.
    pub fn date(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

impl Day {
    /// Reads a date.
    ///
    /// # Errors
    /// What was found, quoted.
    pub fn parse(s: &str) -> Result<Self, String> {
        if is_day(s) { Ok(Self(s.to_owned())) } else { Err(quote(s)) }
    }
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_of_real_dates_are_read() {
        for good in
            ["2023-12", "2023-12-08", "2024-02-29", "2023-12-08T23:59:59+08:00", "0001-01-01T00:00:00-11:30"]
        {
            assert_eq!(At::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "2023",
            "2023-13",
            "2023-00",
            "2023-02-29",
            "0000-01",
            "2023-2-01",
            "2023-12-08T10:00:00Z",
            "2023-12-08T10:00:00",
            "2023-12-08T24:00:00+08:00",
            "2023-12-08T10:00:60+08:00",
            "2023-12-08T10:00:00+24:00",
            "2023-12-08t10:00:00+08:00",
            "2023-12-08 10:00:00+08:00",
            "+023-12-08",
            "2023-12-0é",
            "2023-12-08T10:00:00.000+08:00",
            "-001-01-01",
        ] {
            assert!(At::parse(bad).is_err(), "{bad}");
        }
    }
}
