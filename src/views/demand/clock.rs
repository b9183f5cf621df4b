//! When the answer falls due, and where the clock stands (domain.md, deadlines).

use jiff::civil::Date;

use super::{
    answers::Item,
    delivery::{Delivery, Grade},
};
use crate::{
    event::{At, ClockStart, Day, Deadline, DeadlineChange},
    views::{
        deadline::{self, Due, Period},
        instant::Instant,
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
    /// In words, as a sentence begins.
    pub fn words(self) -> &'static str {
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
    /// Day 0, and what started it.
    pub started: Option<(Date, Started)>,
    /// How the last day was found, where it was computed.
    pub working: Option<Due>,
    /// The last day before any adjustment.
    pub first_due: Option<Date>,
    /// The last day now.
    pub due: Option<Date>,
    /// Other dates, in the order of the log. The last one counts.
    pub adjustments: Vec<Adjustment>,
    /// The day on which the last item had its outcome, once all have one.
    pub completed: Option<Date>,
    /// Days since the last day, once it has passed with an item open: 1 is the next day.
    pub days_over: Option<i64>,
}

impl Clock {
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
fn start(from: ClockStart, facts: &Facts<'_>, now: &Instant) -> Option<(Date, Started)> {
    let grade = match from {
        ClockStart::Issue => return now.local(facts.issued).map(|date| (date, Started::Issued)),
        ClockStart::Relayed => Grade::Relayed,
        ClockStart::Available => Grade::Available,
        ClockStart::HandedOver => Grade::HandedOver,
        ClockStart::Accepted => Grade::Accepted,
    };
    let evidence = facts.delivery.earliest(grade);
    let evidence = evidence.and_then(|e| Some((e.date?, Started::Evidence(e.index))));
    let reply = facts.reply.map(|(date, index)| (date, Started::Reply(index)));
    // Of one day, the evidence is named.
    evidence.into_iter().chain(reply).min_by_key(|(date, _)| *date)
}

pub(super) fn clock(facts: Facts<'_>, now: &Instant) -> Clock {
    let mut clock = Clock { completed: completed(facts.items, now), ..Clock::default() };
    match facts.deadline {
        None => {}
        Some(Deadline::By(day)) => clock.first_due = deadline::date(day),
        Some(Deadline::Period { days, rule, from, weekly, holidays }) => {
            clock.state = ClockState::NotStarted;
            clock.started = start(*from, &facts, now);
            let holidays = holidays.iter().filter_map(deadline::date).collect();
            let period = Period { days: *days, rule: *rule, weekly: *weekly, holidays };
            clock.working = clock.started.and_then(|(date, _)| period.due(date));
            clock.first_due = clock.working.as_ref().map(|due| due.last);
        }
    }
    clock.adjustments = facts.adjustments;
    let adjusted = clock.adjustments.last().and_then(|a| deadline::date(&a.until));
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
    clock.days_over = clock.state.is_lapsed().then(|| i64::from((today - due).get_days()));
    clock
}

/// The day on which the last item had its first outcome; none while an item has none.
fn completed(items: &[Item], now: &Instant) -> Option<Date> {
    let first = |item: &Item| item.first().and_then(|a| now.local(&a.at).or_else(|| month_end(&a.at)));
    items.iter().map(first).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The last day that an `at` without a day can mean: an answer is not taken as earlier than the record shows.
fn month_end(at: &At) -> Option<Date> {
    format!("{at}-01").parse::<Date>().ok().map(Date::last_of_month)
}
