//! Lists of public holidays that come with the program, for the period that a demand leaves.
//!
//! A list is offered and never taken unasked. The days that are taken travel with the event, as typed ones do.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{
    ToSpan as _,
    civil::{Date, Weekday},
};
use serde::Deserialize;

use crate::{
    cli::Failure,
    event::{ClockStart, DeadlineRule, Weekly},
    views::Period,
};

/// The lists of Malaysia, made by the script beside the JSON file.
static MALAYSIA: LazyLock<Result<Lists, String>> = LazyLock::new(|| {
    let text = include_str!("../../../data/holidays/malaysia.json");
    serde_json::from_str(text).map_err(|e| format!("data/holidays/malaysia.json: {e}"))
});
/// How far a last day can roll over holidays and weekly holidays, in days, with room to spare.
const ROLLS: i64 = 14;

/// The lists of one country.
#[derive(Debug, Deserialize)]
pub(super) struct Lists {
    source: String,
    retrieved: String,
    note: String,
    first_year: i16,
    last_year: i16,
    pub places: Vec<Place>,
}

/// The holidays of one place.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    /// Its code in ISO 3166-2, or the country's own code.
    pub code: String,
    pub name: String,
    weekly: Vec<Since>,
    days: BTreeMap<String, String>,
}

/// A weekly holiday, from the first day of a year on.
#[derive(Debug, Deserialize)]
struct Since {
    from: i16,
    day: String,
}

/// The period that a demand leaves, as far as it is known before anything is delivered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The date of the demand.
    pub start: Date,
    pub days: u16,
    pub rule: DeadlineRule,
    pub from: ClockStart,
}

/// What a place's list holds for a period.
#[derive(Debug)]
pub(super) struct Listed {
    /// Days as they stand in an event, with their names.
    pub days: Vec<(&'static str, &'static str)>,
    /// `None` where it changes within the period.
    pub weekly: Option<Weekly>,
    /// What is shown before the event is signed.
    said: String,
    /// Days that may be holidays in lieu and are not listed, each with what is shown about it.
    in_lieu: Vec<(String, String)>,
}

/// The lists of Malaysia, federal and by state.
pub(super) fn malaysia() -> Result<&'static Lists, Failure> {
    MALAYSIA.as_ref().map_err(|e| Failure::Undecided(e.clone()))
}

impl Lists {
    /// The place of a code, such as `MY-14`.
    pub fn place(&self, code: &str) -> Option<&Place> {
        self.places.iter().find(|p| p.code.eq_ignore_ascii_case(code))
    }

    /// All codes, for messages.
    pub fn codes(&self) -> String {
        self.places.iter().map(|p| format!("{} ({})", p.code, p.name)).collect::<Vec<_>>().join(", ")
    }

    /// The first and last listed year that a period can touch. `None` if there is none.
    pub fn years(&self, span: Span) -> Option<(i16, i16)> {
        let years = (span.start.year().max(self.first_year), span.until().year().min(self.last_year));
        (years.0 <= years.1).then_some(years)
    }

    /// The heading of the list: what is listed, and by whom.
    pub fn head(&self, (first, last): (i16, i16)) -> String {
        let years = if first == last { first.to_string() } else { format!("{first} to {last}") };
        format!(
            "Public holidays of Malaysia, {years}, by {}, as of {}. {}",
            self.source, self.retrieved, self.note
        )
    }

    /// The years that are listed, for messages.
    pub fn reach(&self) -> String {
        format!("the lists hold {} to {}", self.first_year, self.last_year)
    }

    /// The holidays of a place that a period can touch. `None` if no year of it is listed.
    pub fn listed(&'static self, place: &'static Place, span: Span) -> Option<Listed> {
        let (first, last) = self.years(span)?;
        let after = span.start.to_string();
        let until = span.until();
        let (end, beyond) = (until.to_string(), until.year() > last);
        let days: Vec<(&str, &str)> = place
            .days
            .iter()
            .filter(|(day, _)| **day > after)
            // At least one, since the rule of the Interpretation Acts can't be without holidays.
            .enumerate()
            .take_while(|(n, (day, _))| *n == 0 || **day <= end)
            .map(|(_, (day, name))| (day.as_str(), name.as_str()))
            .collect();
        let mut said =
            vec![format!("Holidays of {} ({}) that travel with the demand:", place.name, place.code)];
        said.extend(days.iter().map(|(day, name)| format!("  {day}  {name}")));
        if span.start.year() < self.first_year {
            said.push(format!("Holidays before 1 January {first} are not in it."));
        }
        if beyond {
            said.push(format!("Holidays after 31 December {last} are not in it."));
        }
        let (weekly, to) = (place.weekly(span.start.year()), place.weekly(last));
        if span.rule == DeadlineRule::InterpretationAct54 && weekly != to {
            said.push(format!("The weekly holiday of {} changes within the period.", place.name));
        }
        if span.rule != DeadlineRule::InterpretationAct54 && weekly == Some(Weekly::Friday) {
            said.push(format!(
                "The rule {} passes over Saturdays and Sundays, though the weekly holiday of {} is Friday.",
                span.rule, place.name
            ));
        }
        let mut in_lieu = place.in_lieu(span.start, until);
        in_lieu.retain(|missing| matters(*missing, span, weekly, &days));
        let in_lieu = in_lieu.into_iter().map(|(fell, name, missing)| {
            let full = |day: Date| day.strftime("%a %-d %B %Y").to_string();
            let said = format!(
                "{name} falls on {}, the weekly holiday of {}: {} may be a holiday in its place, and is not in the list. See the \
                 Gazette; if it is one, add it: {missing}, with --deadline-holiday or at the next question.",
                full(fell),
                place.name,
                full(missing),
            );
            (missing.to_string(), said)
        });
        let in_lieu = in_lieu.collect();
        Some(Listed { days, weekly: weekly.filter(|_| weekly == to), said: said.join("\n"), in_lieu })
    }
}

impl Listed {
    /// All that is shown about the list before the event is signed. `added` are the days that were given beside the list.
    pub fn said(&self, added: &[String]) -> String {
        let in_lieu = self.in_lieu.iter().filter(|(day, _)| !added.contains(day));
        std::iter::once(&self.said)
            .chain(in_lieu.map(|(_, said)| said))
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A holiday that falls on a weekly holiday, its name, and the day in lieu of it.
type InLieu = (Date, &'static str, Date);

/// Whether a day could move the last day of a period if it were a holiday. If it is not known yet when the clock starts, any
/// day could that the rule counts.
fn matters((.., missing): InLieu, span: Span, weekly: Option<Weekly>, listed: &[(&str, &str)]) -> bool {
    let is_weekend = matches!(missing.weekday(), Weekday::Saturday | Weekday::Sunday);
    if span.rule != DeadlineRule::InterpretationAct54 && is_weekend {
        return false;
    }
    if span.from != ClockStart::Issue {
        return true;
    }
    let weekly = weekly.filter(|_| span.rule == DeadlineRule::InterpretationAct54);
    let mut holidays: Vec<Date> = listed.iter().filter_map(|(day, _)| day.parse().ok()).collect();
    let due = |holidays: &[Date]| {
        let holidays = holidays.to_vec();
        Period { days: span.days, rule: span.rule, weekly, holidays }.due(span.start).map(|due| due.last)
    };
    let without = due(&holidays);
    holidays.push(missing);
    holidays.sort_unstable();
    due(&holidays) != without
}

impl Place {
    /// The weekly holiday in a year.
    fn weekly(&self, year: i16) -> Option<Weekly> {
        let since = self.weekly.iter().filter(|s| s.from <= year).max_by_key(|s| s.from);
        Weekly::from_word(&since.or(self.weekly.first())?.day)
    }

    /// Holidays after a day and up to another that fall on the weekly holiday, each with the next day that is no holiday of the
    /// list. Those for which the list names a day in lieu are left out.
    fn in_lieu(&'static self, after: Date, until: Date) -> Vec<InLieu> {
        let mut out: Vec<InLieu> = Vec::new();
        for (day, name) in &self.days {
            let Ok(fell) = day.parse::<Date>() else { continue };
            let is_weekly = |day: Date| self.weekly(day.year()).is_some_and(|weekly| is_on(weekly, day));
            // A day in lieu comes within `ROLLS` days after its holiday.
            if fell > until || fell.saturating_add(ROLLS.days()) <= after || !is_weekly(fell) {
                continue;
            }
            let of_it = |observed: &str| {
                name.split("; ").any(|name| observed.contains(&format!("{name} (observed)")))
            };
            let (mut next, mut is_named) = (fell, false);
            loop {
                let Ok(day) = next.tomorrow() else { break };
                next = day;
                match self.days.get(&day.to_string()) {
                    Some(listed) => is_named |= of_it(listed),
                    None if is_weekly(day) || out.iter().any(|(.., taken)| *taken == day) => {}
                    None => break,
                }
            }
            if !is_named && next > after && next <= until {
                out.push((fell, name, next));
            }
        }
        out
    }

    /// Its line in the list of places.
    pub fn line(&self) -> String {
        let weekly: Vec<String> = self
            .weekly
            .iter()
            .enumerate()
            .map(|(n, since)| match n {
                0 => since.day.clone(),
                _ => format!("{} from {} on", since.day, since.from),
            })
            .collect();
        format!("{:<6} {} (weekly holiday {})", self.code, self.name, weekly.join(", "))
    }
}

/// Whether a day is a weekly holiday.
fn is_on(weekly: Weekly, day: Date) -> bool {
    match weekly {
        Weekly::Friday => day.weekday() == Weekday::Friday,
        Weekly::Sunday => day.weekday() == Weekday::Sunday,
    }
}

impl Span {
    /// The last day whose holidays can matter. If the clock does not start with the issue, the letter may be handed over late,
    /// so this is the end of the year after.
    fn until(&self) -> Date {
        let period =
            Period { days: self.days, rule: self.rule, weekly: Some(Weekly::Sunday), holidays: Vec::new() };
        let due = period.due(self.start).map(|due| due.last);
        let until = due.and_then(|last| match self.from {
            ClockStart::Issue => last.checked_add(ROLLS.days()).ok(),
            _ => Date::new(last.year().checked_add(1)?, 12, 31).ok(),
        });
        until.unwrap_or(Date::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Day;
    use jiff::civil::date;

    fn span(start: Date, days: u16, from: ClockStart) -> Span {
        Span { start, days, rule: DeadlineRule::InterpretationAct54, from }
    }

    #[test]
    fn what_ships_is_well_formed() {
        let lists = malaysia().unwrap();
        assert!(
            !lists.source.is_empty()
                && Day::parse(&lists.retrieved).is_ok()
                && lists.note.contains("Gazette")
        );
        let codes: Vec<&str> = lists.places.iter().map(|p| p.code.as_str()).collect();
        let states = (1..=16).map(|n| format!("MY-{n:02}"));
        assert_eq!(codes, std::iter::once("MY".to_owned()).chain(states).collect::<Vec<_>>());
        for place in &lists.places {
            for year in lists.first_year..=lists.last_year {
                let of_year: Vec<_> =
                    place.days.iter().filter(|(day, _)| day.starts_with(&format!("{year}-"))).collect();
                assert!((12..=30).contains(&of_year.len()), "{} {year}: {}", place.code, of_year.len());
                let friday = matches!(
                    (place.code.as_str(), year),
                    ("MY-02" | "MY-03" | "MY-11", _) | ("MY-01", ..=2024)
                );
                let weekly = if friday { Weekly::Friday } else { Weekly::Sunday };
                assert_eq!(place.weekly(year), Some(weekly), "{} {year}", place.code);
            }
            for (day, name) in &place.days {
                let year = Day::parse(day).map(|d| d.as_str()[..4].parse::<i16>().unwrap()).unwrap();
                assert!((lists.first_year..=lists.last_year).contains(&year), "{} {day}", place.code);
                assert!(
                    !name.trim().is_empty() && !name.contains("estimated"),
                    "{} {day}: {name}",
                    place.code
                );
            }
        }
        // The days ascend in the JSON text itself, so that its changes are easy to read.
        let text = include_str!("../../../data/holidays/malaysia.json");
        let days: Vec<&str> = text.lines().filter_map(|l| l.trim().strip_prefix('"')?.get(..10)).collect();
        let days: Vec<&str> = days.into_iter().filter(|d| Day::parse(d).is_ok()).collect();
        assert_eq!(days.len(), lists.places.iter().map(|p| p.days.len()).sum::<usize>());
        let falls = days.windows(2).filter(|w| w[0] >= w[1]).count();
        assert_eq!(falls, lists.places.len() - 1, "each list is ascending");
    }

    #[test]
    fn days_that_a_gazette_named_are_in_the_list_of_their_place_alone() {
        let lists = malaysia().unwrap();
        for (code, day, there) in [
            ("MY-14", "2023-12-25", true),
            ("MY-14", "2024-01-01", true),
            ("MY-14", "2024-02-01", true),
            ("MY-01", "2024-01-01", false),
            ("MY-12", "2026-05-30", true),
            ("MY-13", "2026-06-01", true),
            ("MY-13", "2026-11-08", false),
            ("MY-10", "2026-11-08", true),
            ("MY", "2026-08-31", true),
        ] {
            assert_eq!(lists.place(code).unwrap().days.contains_key(day), there, "{code} {day}");
        }
    }

    #[test]
    fn a_list_holds_what_the_period_can_touch_and_says_where_it_ends() {
        let lists = malaysia().unwrap();
        let days = |code, span| lists.listed(lists.place(code).unwrap(), span);
        let issue = days("MY-14", span(date(2023, 12, 8), 14, ClockStart::Issue)).unwrap();
        let issue: Vec<&str> = issue.days.iter().map(|(day, _)| *day).collect();
        assert_eq!(issue, ["2023-12-25", "2024-01-01"], "two weeks of room to roll over");
        let autumn = days("MY-14", span(date(2026, 11, 10), 14, ClockStart::Issue)).unwrap();
        assert_eq!(autumn.days, [("2026-12-25", "Christmas Day")]);
        assert!(!autumn.said(&[]).contains("not in it"));
        let served = days("MY-14", span(date(2026, 11, 10), 14, ClockStart::HandedOver)).unwrap();
        assert_eq!(served.days.last().unwrap().0, "2027-12-25");
        let late = days("MY-14", span(date(2027, 11, 10), 14, ClockStart::HandedOver)).unwrap();
        assert!(late.said(&[]).contains("Holidays after 31 December 2027 are not in it."), "{}", late.said);
        let early = days("MY-14", span(date(2022, 12, 20), 14, ClockStart::Issue)).unwrap();
        assert!(early.said(&[]).contains("Holidays before 1 January 2023 are not in it."), "{}", early.said);
        assert!(days("MY-14", span(date(2028, 1, 1), 14, ClockStart::Issue)).is_none());
        assert!(days("MY-14", span(date(2020, 1, 1), 14, ClockStart::HandedOver)).is_none());
        assert!(days("MY-14", span(date(9999, 12, 1), 3650, ClockStart::HandedOver)).is_none());
    }

    #[test]
    fn a_day_in_lieu_that_is_not_listed_is_said_where_it_could_move_the_end() {
        let lists = malaysia().unwrap();
        let missing = |code, span| -> Vec<String> {
            let listed = lists.listed(lists.place(code).unwrap(), span).unwrap();
            listed.in_lieu.iter().map(|(day, _)| day.clone()).collect()
        };
        let june = span(date(2024, 6, 24), 14, ClockStart::Issue);
        assert_eq!(missing("MY-14", june), ["2024-07-08"]);
        let listed = lists.listed(lists.place("MY-14").unwrap(), june).unwrap();
        let said = listed.said(&[]);
        for part in
            ["Islamic New Year falls on Sun 7 July 2024", "Mon 8 July 2024 may be", "--deadline-holiday"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        let added = listed.said(&["2024-07-08".to_owned()]);
        assert!(!added.contains("may be a holiday"), "{added}");
        // Listed there; not after the start; of no effect on a shorter period; or of another weekly holiday.
        assert!(missing("MY-07", june).is_empty());
        assert!(missing("MY-14", span(date(2024, 7, 8), 14, ClockStart::Issue)).is_empty());
        assert!(missing("MY-14", span(date(2024, 6, 24), 8, ClockStart::Issue)).is_empty());
        assert!(missing("MY-03", june).is_empty());
        // The next day is a holiday of its own; the one after it is not.
        let june = span(date(2027, 5, 24), 14, ClockStart::Issue);
        assert_eq!(missing("MY", june), ["2027-06-08"]);
        assert_eq!(missing("MY-02", span(date(2025, 6, 13), 14, ClockStart::Issue)), ["2025-06-28"]);
        // The day in lieu is listed, after a day that is a holiday of its own.
        assert!(missing("MY", span(date(2026, 5, 18), 14, ClockStart::Issue)).is_empty());
        // If the start is not known yet, any day can matter but those that the rule passes over anyway.
        let open =
            Span { rule: DeadlineRule::Working, ..span(date(2025, 6, 13), 14, ClockStart::HandedOver) };
        assert!(!missing("MY-02", open).contains(&"2025-06-28".to_owned()));
        assert!(
            missing("MY-14", span(date(2024, 1, 1), 14, ClockStart::HandedOver))
                .contains(&"2024-07-08".to_owned())
        );
    }

    #[test]
    fn a_weekly_holiday_that_changes_is_not_guessed() {
        let lists = malaysia().unwrap();
        let weekly = |code, start| {
            lists.listed(lists.place(code).unwrap(), span(start, 14, ClockStart::Issue)).unwrap().weekly
        };
        assert_eq!(weekly("MY-01", date(2024, 3, 1)), Some(Weekly::Friday));
        assert_eq!(weekly("MY-01", date(2024, 12, 20)), None);
        assert_eq!(weekly("MY-01", date(2025, 1, 1)), Some(Weekly::Sunday));
        assert_eq!(weekly("MY-03", date(2024, 12, 20)), Some(Weekly::Friday));
        let place = lists.place("my-03").unwrap();
        let working = Span { rule: DeadlineRule::Working, ..span(date(2026, 1, 5), 14, ClockStart::Issue) };
        assert!(lists.listed(place, working).unwrap().said(&[]).contains("Kelantan is Friday"));
    }
}
