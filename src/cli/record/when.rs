//! `--at`: when something happened, as it is typed on the command line.

use jiff::{
    Timestamp,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};

use crate::{
    cli::{Failure, terminal},
    event::At,
    views::first_day,
};

/// The zone in which a day begins first. Without a zone of its own, a day is ahead of now until it begins there.
const FIRST_ZONE: &str = "Pacific/Kiritimati";

// No doc comment: clap would show it in place of the command's own.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct When {
    /// When it happened: YYYY-MM, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS+HH:MM [default: now, in the zone of its case, or in UTC]
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    /// Take a date that is ahead of now, or before 1900, without asking
    #[arg(long)]
    pub ahead: bool,
}

impl When {
    /// The day on which it happened. Unlike `read`, asks nothing. None if `--at` can't be read.
    pub(super) fn day(&self, zone: Option<&str>) -> Option<Date> {
        match &self.at {
            Some(given) => At::parse(given).ok().and_then(|at| first_day(&at)),
            None => Some(Timestamp::now().to_zoned(zone_of(zone.unwrap_or("UTC"))).date()),
        }
    }

    /// The date or time. `zone` is that of the case, if there is one.
    pub fn read(&self, zone: Option<&str>) -> Result<At, Failure> {
        let now = Timestamp::now();
        let Some(given) = &self.at else {
            let time = now.to_zoned(zone_of(zone.unwrap_or("UTC"))).strftime("%Y-%m-%dT%H:%M:%S%:z");
            return At::parse(&time.to_string())
                .map_err(|found| Failure::Undecided(format!("this machine's clock shows {found}")));
        };
        let at = At::parse(given).map_err(|found| {
            let forms = "YYYY-MM, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS+HH:MM, a real date";
            Failure::Usage(format!("--at: expected {forms}, found {found}"))
        })?;
        self.refuse_ahead("--at", &at, zone)?;
        Ok(at)
    }

    /// Refuses a date that is ahead of now or long ago, unless it is meant. `place` is the flag that gave it.
    pub fn refuse_ahead(&self, place: &str, at: &At, zone: Option<&str>) -> Result<(), Failure> {
        let (what, why) = match () {
            _ if self.ahead => return Ok(()),
            _ if is_ahead(at, zone, Timestamp::now()) => (
                "ahead of now",
                "ahead of now, when nothing has happened yet; give --ahead if it is meant".to_owned(),
            ),
            // `--ahead` is named after dates in the future, so the message first says what is odd about an old one.
            _ if is_long_ago(at) => (
                "before 1900",
                format!(
                    "before 1900: is the year {} mistyped? If it is meant, --ahead takes it, as it takes dates ahead of now",
                    at.as_str().get(..4).unwrap_or_default()
                ),
            ),
            _ => return Ok(()),
        };
        if !terminal::can_ask() {
            return Err(Failure::Usage(format!("{place} {at}: that is {why}")));
        }
        match terminal::confirm(&format!("{place} {at} is {what}. Is it meant?"))? {
            true => Ok(()),
            false => Err(terminal::no()),
        }
    }
}

/// Whether even the first moment that a date can mean is still to come.
fn is_ahead(at: &At, zone: Option<&str>, now: Timestamp) -> bool {
    if let Ok(moment) = at.as_str().parse::<Timestamp>() {
        return moment > now;
    }
    let today = now.to_zoned(zone_of(zone.unwrap_or(FIRST_ZONE))).date();
    first_day(at).is_some_and(|day| day > today)
}

/// Whether a date is before anything that a case of today is about.
fn is_long_ago(at: &At) -> bool {
    first_day(at).is_some_and(|day| day.year() < 1900)
}

/// A time zone by its name, UTC if there is none. Its rules come with the program, so that all machines name the same day.
fn zone_of(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_ahead_until_it_begins_where_the_case_is() {
        let now = "2026-11-29T22:30:00Z".parse().unwrap();
        for (at, zone, ahead) in [
            ("2026-11-30", Some("Asia/Kuala_Lumpur"), false),
            ("2026-12-01", Some("Asia/Kuala_Lumpur"), true),
            ("2026-11-30", Some("Europe/London"), true),
            ("2026-11-30", None, false),
            ("2026-12-01", None, true),
            ("2026-11", Some("UTC"), false),
            ("2026-12", Some("UTC"), true),
            ("2026-11-30T06:30:00+08:00", Some("UTC"), false),
            ("2026-11-30T06:30:01+08:00", None, true),
        ] {
            assert_eq!(is_ahead(&At::parse(at).unwrap(), zone, now), ahead, "{at} {zone:?}");
        }
    }

    #[test]
    fn a_year_that_was_mistyped_is_long_ago() {
        for (at, long_ago) in [
            ("0001-01-01", true),
            ("1899-12-31", true),
            ("1899-12-31T23:59:59+08:00", true),
            ("1900-01", false),
            ("2026-11-29", false),
        ] {
            assert_eq!(is_long_ago(&At::parse(at).unwrap()), long_ago, "{at}");
        }
    }

    #[test]
    fn the_usual_time_is_now_where_the_case_is() {
        let when = When { at: None, ahead: false };
        assert!(when.read(Some("Asia/Kuala_Lumpur")).unwrap().as_str().ends_with("+08:00"));
        assert!(when.read(None).unwrap().as_str().ends_with("+00:00"));
    }
}
