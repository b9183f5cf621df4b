//! When something happened, as commands are told it.

use jiff::{
    Timestamp,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};

use crate::{
    cli::{Failure, terminal},
    event::At,
};

/// Where a day begins first. It is a day of the present once it is one there.
const FIRST_ZONE: &str = "Pacific/Kiritimati";

// No doc comment: clap would show it in place of the command's own.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct When {
    /// When it happened: YYYY-MM, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS+HH:MM [default: now, in the zone of its case, or in UTC]
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    /// Take a date that is ahead of now, without asking
    #[arg(long)]
    pub ahead: bool,
}

impl When {
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
        if self.ahead || !is_ahead(&at, zone, now) {
            return Ok(at);
        }
        if !terminal::can_ask() {
            return Err(Failure::Usage(format!(
                "--at {at}: that is ahead of now, when nothing has happened yet; give --ahead if it is meant"
            )));
        }
        match terminal::confirm(&format!("{at} is ahead of now. Is it meant?"))? {
            true => Ok(at),
            false => Err(Failure::Refused("the answer was no: nothing was done".into())),
        }
    }
}

/// Whether even the first moment that a date can mean is still to come.
fn is_ahead(at: &At, zone: Option<&str>, now: Timestamp) -> bool {
    if let Ok(moment) = at.as_str().parse::<Timestamp>() {
        return moment > now;
    }
    let today = now.to_zoned(zone_of(zone.unwrap_or(FIRST_ZONE))).date();
    let day = if at.has_day() { at.date().to_owned() } else { format!("{}-01", at.date()) };
    day.parse::<Date>().is_ok_and(|day| day > today)
}

/// Rules of zones come with the program, so that all machines name the same day.
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
    fn the_usual_time_is_now_where_the_case_is() {
        let when = When { at: None, ahead: false };
        assert!(when.read(Some("Asia/Kuala_Lumpur")).unwrap().as_str().ends_with("+08:00"));
        assert!(when.read(None).unwrap().as_str().ends_with("+00:00"));
    }
}
