//! When the answer falls due, and where the clock stands (domain.md, deadlines).

use jiff::civil::Date;

use super::{
    answers::Item,
    delivery::{Delivery, Grade},
};
use crate::{
    event::{At, ClockStart, Day, Deadline, DeadlineChange},
    views::{
        dates::days_words,
        deadline::{self, Due, Period},
        instant::{Days, Instant},
    },
};

/// Where the clock of a demand stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClockState {
    /// The demand sets no period.
    #[default]
    NoPeriod,
    /// What starts the clock is not on record.
    NotStarted,
    /// The last day has not passed, and some item has no outcome.
    Running,
    /// Every item had an outcome by the last day.
    Met,
    /// Every item has an outcome; one came after the last day.
    MetLate,
    /// The last day has passed, and some item has no outcome.
    Lapsed,
    /// The same, with no evidence that the demand was delivered.
    LapsedUndelivered,
}

impl ClockState {
    /// Its name as data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoPeriod => "no_period",
            Self::NotStarted => "not_started",
            Self::Running => "running",
            Self::Met => "met",
            Self::MetLate => "met_late",
            Self::Lapsed => "lapsed",
            Self::LapsedUndelivered => "lapsed_undelivered",
        }
    }
    fn words(self) -> &'static str {
        match self {
            Self::NoPeriod => "No period",
            Self::NotStarted => "Not started",
            Self::Running => "Running",
            Self::Met => "Met",
            Self::MetLate => "Met late",
            Self::Lapsed => "Lapsed",
            Self::LapsedUndelivered => "Lapsed, with no evidence of delivery",
        }
    }
    /// Whether the last day has passed with an item open.
    pub fn is_lapsed(self) -> bool {
        matches!(self, Self::Lapsed | Self::LapsedUndelivered)
    }
}

/// What started a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The demand was issued.
    Issued,
    /// Evidence of delivery, at this index.
    Evidence(u64),
    /// A reply from the respondent's own key, at this index, proves receipt no later than it was recorded.
    Reply(u64),
}

/// Another date for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Index of its entry.
    pub index: u64,
    /// How it came about.
    pub change: DeadlineChange,
    /// The new last day.
    pub until: Day,
    /// When it was made, as said.
    pub at: At,
    /// The local date on which it was recorded.
    pub recorded: Date,
}

/// The clock of a demand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// Where it stands.
    pub state: ClockState,
    /// Day 0, and what started it. Of a date that says no day, the last day that it can mean.
    pub started: Option<(Date, Started)>,
    /// The first day that day 0 can be, where that is another one.
    pub started_from: Option<Date>,
    /// How the last day was found, where it was computed.
    pub working: Option<Due>,
    /// The last day before any adjustment.
    pub first_due: Option<Date>,
    /// The last day now.
    pub due: Option<Date>,
    /// The first day that this can be, where day 0 can be an earlier one.
    pub due_from: Option<Date>,
    /// Other dates, in the order of the log. The last one counts.
    pub adjustments: Vec<Adjustment>,
    /// The day on which the last item had its outcome, once all have one. Of a date that says no day, the last day that
    /// it can mean: an answer is not taken as earlier than the record shows.
    pub completed: Option<Date>,
    /// The first day that this can be, where that is another one.
    pub completed_from: Option<Date>,
    /// Days since the last day, once it has passed with an item open: 1 is the next day.
    pub days_over: Option<i64>,
    /// Whether it can stand elsewhere too, as far as dates that say no day tell.
    pub unsure: bool,
}

impl Clock {
    /// Where it stands, in words, as a sentence begins.
    pub fn words(&self) -> &'static str {
        match self.state {
            ClockState::Met | ClockState::MetLate if self.unsure => {
                "Met, in time or late: a date says no day"
            }
            ClockState::Running if self.unsure => "Running or lapsed: a date says no day",
            state => state.words(),
        }
    }
    /// How many days it is past the last day, in words: `3 days`, or `between 3 and 33 days`.
    pub fn days_over_words(&self) -> Option<String> {
        let days = self.days_over?;
        let more = self.due.zip(self.due_from).map(|(due, from)| days + i64::from((due - from).get_days()));
        Some(days_words(days, more.unwrap_or(days)))
    }
    /// The date that had passed before the last adjustment was recorded, if it had.
    pub fn ran_out_before(&self) -> Option<(Date, &Adjustment)> {
        let (last, earlier) = self.adjustments.split_last()?;
        let before = match earlier.last() {
            Some(a) => deadline::date(&a.until),
            None => self.first_due,
        }?;
        (last.recorded > before).then_some((before, last))
    }
}

/// All that a clock depends on.
pub(super) struct Facts<'a> {
    pub deadline: Option<&'a Deadline>,
    pub issued: &'a At,
    pub delivery: &'a Delivery,
    /// The earliest reply from the respondent's own key: the local date on which it was recorded, and its index.
    pub reply: Option<(Date, u64)>,
    pub adjustments: Vec<Adjustment>,
    pub items: &'a [Item],
}

/// Day 0 of a period and what it is taken from.
fn start(from: ClockStart, facts: &Facts<'_>, now: &Instant) -> Option<(Days, Started)> {
    let grade = match from {
        ClockStart::Issue => return now.days(facts.issued).map(|days| (days, Started::Issued)),
        ClockStart::Relayed => Grade::Relayed,
        ClockStart::Available => Grade::Available,
        ClockStart::HandedOver => Grade::HandedOver,
        ClockStart::Accepted => Grade::Accepted,
    };
    let mut evidence: Vec<_> = facts.delivery.reaching(grade).collect();
    evidence.sort_by_key(|e| (e.days, e.index));
    let evidence = evidence.into_iter().filter_map(|e| Some((e.days?, Started::Evidence(e.index))));
    let reply = facts.reply.map(|(date, index)| (Days::of(date), Started::Reply(index)));
    let all: Vec<_> = evidence.chain(reply).collect();
    let first = all.iter().map(|(days, _)| days.first).min()?;
    // Of one day, the evidence is named.
    let (days, started) = all.into_iter().min_by_key(|(days, _)| days.last)?;
    Some((Days { first, ..days }, started))
}

pub(super) fn clock(facts: Facts<'_>, now: &Instant) -> Clock {
    let completed = completed(facts.items, now);
    let mut clock = Clock {
        completed: completed.map(|days| days.last),
        completed_from: completed.filter(|days| days.one().is_none()).map(|days| days.first),
        ..Clock::default()
    };
    match facts.deadline {
        None => {}
        Some(Deadline::By(day)) => clock.first_due = deadline::date(day),
        Some(Deadline::Period { days, rule, from, weekly, holidays }) => {
            clock.state = ClockState::NotStarted;
            let started = start(*from, &facts, now);
            clock.started = started.map(|(days, started)| (days.last, started));
            clock.started_from = started.map(|(days, _)| days).filter(|d| d.one().is_none()).map(|d| d.first);
            let holidays = holidays.iter().filter_map(deadline::date).collect();
            let period = Period { days: *days, rule: *rule, weekly: *weekly, holidays };
            clock.working = clock.started.and_then(|(date, _)| period.due(date));
            clock.first_due = clock.working.as_ref().map(|due| due.last);
            let from = clock.started_from.and_then(|date| period.due(date)).map(|due| due.last);
            clock.due_from = from.filter(|from| Some(*from) != clock.first_due);
        }
    }
    clock.adjustments = facts.adjustments;
    let adjusted = clock.adjustments.last().and_then(|a| deadline::date(&a.until));
    if adjusted.is_some() {
        clock.due_from = None;
    }
    clock.due = adjusted.or(clock.first_due);
    let Some(due) = clock.due else { return clock };
    let today = now.date();
    clock.state = match clock.completed {
        Some(date) if date <= due => ClockState::Met,
        Some(_) => ClockState::MetLate,
        None if today <= due => ClockState::Running,
        None if facts.delivery.best().is_none() && facts.reply.is_none() => ClockState::LapsedUndelivered,
        None => ClockState::Lapsed,
    };
    let earliest = clock.due_from.unwrap_or(due);
    clock.unsure = match completed {
        Some(days) => days.first <= due && days.last > earliest,
        None => today <= due && today > earliest,
    };
    clock.days_over = clock.state.is_lapsed().then(|| i64::from((today - due).get_days()));
    clock
}

/// The days on which the last item can have had its first outcome; none while an item has none.
fn completed(items: &[Item], now: &Instant) -> Option<Days> {
    let first = |item: &Item| item.first().and_then(|a| now.days(&a.at));
    let each = items.iter().map(first).collect::<Option<Vec<_>>>()?;
    let (first, last) = (each.iter().map(|d| d.first).max()?, each.iter().map(|d| d.last).max()?);
    Some(Days { first, last })
}
