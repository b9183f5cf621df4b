//! When an answer falls due: dates computed from a period and its rule (domain.md, deadlines).
//!
//! Pure arithmetic on dates. The holidays come with the demand, so that anyone computes the same date.

use std::fmt;

use jiff::{
    ToSpan as _,
    civil::{Date, Weekday},
};

use crate::event::{Day, DeadlineRule, Weekly};

/// Under the Interpretation Acts, periods of up to this many days skip excluded days; longer ones count them.
const SHORT_PERIOD: u16 = 6;

/// How long somebody has to answer, and how the days are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its length in days, 1 to 3650.
    pub days: u16,
    /// How days are counted.
    pub rule: DeadlineRule,
    /// The weekly holiday, under `my-interpretation-act-54` alone.
    pub weekly: Option<Weekly>,
    /// Holidays, ascending.
    pub holidays: Vec<Date>,
}

/// Why a day is not counted, or can't be the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excluded {
    /// A Saturday, a Sunday or the weekly holiday.
    Weekday(Weekday),
    /// A day of the list that came with the demand.
    Holiday,
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holiday => "holiday",
            Self::Weekday(Weekday::Saturday) => "Saturday",
            Self::Weekday(Weekday::Sunday) => "Sunday",
            Self::Weekday(Weekday::Friday) => "Friday",
            // No rule excludes any other weekday.
            Self::Weekday(_) => "weekly holiday",
        })
    }
}

/// The last day of a period, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Day 0, which is not counted.
    pub start: Date,
    /// The last day on which an answer is in time, until its end.
    pub last: Date,
    /// If the rule counts every day: the day on which the period ends, before it rolls on to one that is not excluded.
    pub counted_to: Option<Date>,
    /// The days that were passed over, in order, with the reason: those not counted, and those that the last
    /// day rolled over.
    pub passed: Vec<(Date, Excluded)>,
}

impl Period {
    /// The last day of the period that begins after `start`, which is day 0. `None` if it lies beyond the year 9999.
    pub fn due(&self, start: Date) -> Option<Due> {
        let skips = match self.rule {
            DeadlineRule::Working => true,
            DeadlineRule::Calendar => false,
            DeadlineRule::InterpretationAct54 => self.days <= SHORT_PERIOD,
        };
        let mut passed = Vec::new();
        let mut day = start;
        let counted_to = if skips {
            let mut left = self.days;
            while left > 0 {
                day = day.tomorrow().ok()?;
                match self.excluded(day) {
                    None => left -= 1,
                    Some(why) => passed.push((day, why)),
                }
            }
            None
        } else {
            day = start.checked_add(i64::from(self.days).days()).ok()?;
            let counted_to = day;
            while let Some(why) = self.excluded(day) {
                passed.push((day, why));
                day = day.tomorrow().ok()?;
            }
            Some(counted_to)
        };
        Some(Due { start, last: day, counted_to, passed })
    }

    /// Why a day is excluded under the rule, if it is. If it is both a weekly holiday and a listed one, the weekly one is
    /// named.
    fn excluded(&self, day: Date) -> Option<Excluded> {
        let weekday = day.weekday();
        let off = match (self.rule, self.weekly) {
            (DeadlineRule::InterpretationAct54, Some(Weekly::Friday)) => weekday == Weekday::Friday,
            (DeadlineRule::InterpretationAct54, _) => weekday == Weekday::Sunday,
            _ => matches!(weekday, Weekday::Saturday | Weekday::Sunday),
        };
        if off {
            Some(Excluded::Weekday(weekday))
        } else {
            self.holidays.binary_search(&day).is_ok().then_some(Excluded::Holiday)
        }
    }
}

/// The date of a [`Day`]; never `None`, since a [`Day`] was checked when it was parsed.
pub(super) fn date(day: &Day) -> Option<Date> {
    day.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn period(days: u16, rule: DeadlineRule, weekly: Option<Weekly>) -> Period {
        Period { days, rule, weekly, holidays: vec![date(2023, 12, 25), date(2024, 1, 1)] }
    }

    fn last(days: u16, rule: DeadlineRule, weekly: Option<Weekly>) -> Date {
        period(days, rule, weekly).due(date(2023, 12, 15)).unwrap().last
    }

    /// Every vector of domain.md, day 0 Friday 15 December 2023.
    #[test]
    fn the_vectors_hold() {
        use DeadlineRule::{Calendar, InterpretationAct54 as Act54, Working};
        let sunday = [
            (3, date(2023, 12, 19)),
            (6, date(2023, 12, 22)),
            (7, date(2023, 12, 22)),
            (8, date(2023, 12, 23)),
            (9, date(2023, 12, 26)),
            (10, date(2023, 12, 26)),
            (14, date(2023, 12, 29)),
            (15, date(2023, 12, 30)),
            (16, date(2024, 1, 2)),
            (30, date(2024, 1, 15)),
        ];
        for (days, expected) in sunday {
            assert_eq!(last(days, Act54, Some(Weekly::Sunday)), expected, "{days}, weekly sunday");
        }
        let friday = [
            (3, date(2023, 12, 18)),
            (6, date(2023, 12, 21)),
            (7, date(2023, 12, 23)),
            (14, date(2023, 12, 30)),
        ];
        for (days, expected) in friday {
            assert_eq!(last(days, Act54, Some(Weekly::Friday)), expected, "{days}, weekly friday");
        }
        assert_eq!(last(8, Calendar, None), date(2023, 12, 26));
        assert_eq!(last(15, Calendar, None), date(2024, 1, 2));
        assert_eq!(last(20, Working, None), date(2024, 1, 16));
    }

    #[test]
    fn under_act_54_a_week_may_end_before_six_days() {
        let due = |days| {
            let period = period(days, DeadlineRule::InterpretationAct54, Some(Weekly::Sunday));
            period.due(date(2023, 12, 19)).unwrap().last
        };
        assert_eq!((due(6), due(7)), (date(2023, 12, 27), date(2023, 12, 26)));
    }

    #[test]
    fn the_working_names_each_day_passed_over() {
        let due = period(9, DeadlineRule::InterpretationAct54, Some(Weekly::Sunday)).due(date(2023, 12, 15));
        let due = due.unwrap();
        assert_eq!(due.counted_to, Some(date(2023, 12, 24)));
        let sunday = (date(2023, 12, 24), Excluded::Weekday(Weekday::Sunday));
        assert_eq!(due.passed, [sunday, (date(2023, 12, 25), Excluded::Holiday)]);
        let short =
            period(3, DeadlineRule::InterpretationAct54, Some(Weekly::Sunday)).due(date(2023, 12, 15));
        assert_eq!(short.unwrap().passed, [(date(2023, 12, 17), Excluded::Weekday(Weekday::Sunday))]);
    }

    #[test]
    fn a_period_beyond_the_calendar_has_no_last_day() {
        for rule in DeadlineRule::ALL {
            assert_eq!(period(3650, *rule, Some(Weekly::Sunday)).due(date(9999, 12, 30)), None);
        }
    }

    fn any_date() -> impl Strategy<Value = Date> {
        (1900i16..2200, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| date(y, m, d))
    }

    fn any_period() -> impl Strategy<Value = (Date, Period)> {
        let rule = prop::sample::select(DeadlineRule::ALL);
        let weekly = prop::sample::select(Weekly::ALL);
        (any_date(), 1u16..=3650, rule, weekly, prop::collection::btree_set(0i64..4000, 0..20)).prop_map(
            |(start, days, rule, weekly, holidays)| {
                let holidays = holidays.into_iter().map(|n| start + n.days()).collect();
                let weekly = (rule == DeadlineRule::InterpretationAct54).then_some(weekly);
                (start, Period { days, rule, weekly, holidays })
            },
        )
    }

    proptest! {
        /// Under Act 54 a period of 7 days may end before one of 6; two of at most 6 days, or two of more, keep their order.
        #[test]
        fn a_longer_period_never_ends_earlier((start, period) in any_period(), more in 1u16..40) {
            let longer = Period { days: period.days.saturating_add(more).min(3650), ..period.clone() };
            let same_side = (period.days <= SHORT_PERIOD) == (longer.days <= SHORT_PERIOD);
            if same_side || period.rule != DeadlineRule::InterpretationAct54 {
                prop_assert!(period.due(start).unwrap().last <= longer.due(start).unwrap().last);
            }
        }

        /// The last day is never excluded, and the working explains it: the days from day 0 to the last day are those of the
        /// period and those that were passed over.
        #[test]
        fn the_last_day_is_a_day_that_counts((start, period) in any_period()) {
            let due = period.due(start).unwrap();
            prop_assert_eq!(period.excluded(due.last), None);
            let length = i64::from((due.last - start).get_days());
            prop_assert_eq!(length, i64::from(period.days) + due.passed.len() as i64);
            prop_assert!(due.passed.iter().all(|(day, why)| period.excluded(*day) == Some(*why)));
        }

        /// A later start never gives an earlier last day.
        #[test]
        fn serving_later_never_ends_earlier((start, period) in any_period(), later in 1i64..30) {
            let then = period.due(start + later.days()).unwrap();
            prop_assert!(period.due(start).unwrap().last <= then.last);
        }
    }
}
