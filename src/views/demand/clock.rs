//! When the answer falls due, and the state of the clock (domain.md, deadlines).

use std::cmp::Ordering;

use jiff::civil::Date;

use super::{
    answers::{Answer, Item},
    delivery::{Delivery, Grade},
};
use crate::{
    event::{At, ClockStart, Day, Deadline, DeadlineChange, EventId},
    views::{
        dates::days_words,
        deadline::{self, Due, Period},
        instant::{Days, Instant},
    },
};

/// The state of a demand's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClockState {
    /// The demand sets no period.
    #[default]
    NoPeriod,
    /// Nothing that starts the clock is on record.
    NotStarted,
    /// The last day has not passed, and some item has no outcome.
    Running,
    /// Every item had an outcome by the last day.
    Met,
    /// Every item has an outcome; one came after the last day.
    MetLate,
    /// The last day has passed, and some item has no outcome.
    Lapsed,
    /// The last day has passed, some item has no outcome, and there is no evidence that the demand was delivered.
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
    /// The issue of the demand.
    Issued,
    /// Evidence of delivery, at this index.
    Evidence(u64),
    /// A reply that the respondent's own key signed, at this index: it proves receipt by the day it was recorded.
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
    /// The first signer that is petitioner or counsel of the demand; if there is none, the author.
    pub by: EventId,
    /// Whether `by` is petitioner or counsel of the demand.
    pub is_demanders: bool,
    /// The respondent, if a key of its own signed.
    pub respondent: Option<EventId>,
    /// Whether the new last day is later (`Greater`) or earlier than the one in force until then, or the same; none if that
    /// can't be told, since none was known or it can be one of several days.
    pub direction: Option<Ordering>,
    /// Whether it counts. A day earlier than the one in force counts only if the respondent signed; a day before the demand
    /// itself never counts.
    pub counts: bool,
}

impl Adjustment {
    /// Whether the new last day is an earlier one.
    pub fn is_earlier(&self) -> bool {
        self.direction == Some(Ordering::Less)
    }
    /// How it came about, in words that say no more than its signers can: `extended`.
    pub fn words(&self) -> &'static str {
        match (self.change, self.direction, self.respondent) {
            (_, Some(Ordering::Less), _) => "moved to an earlier day",
            (DeadlineChange::Agreed, _, Some(_)) => "agreed",
            (DeadlineChange::Agreed, _, None) => "recorded as agreed",
            (DeadlineChange::Extended, Some(Ordering::Equal), _) => "kept",
            (DeadlineChange::Extended, Some(_), _) if self.is_signed_by_a_side() => "extended",
            (DeadlineChange::Extended, Some(_), _) => "recorded as extended",
            (DeadlineChange::Extended, None, _) => "moved",
        }
    }
    /// The text between those words and the new last day, and the text after that day.
    pub fn around_day(&self) -> (&'static str, &'static str) {
        match (self.change, self.direction) {
            (_, Some(Ordering::Less)) => (", ", ","),
            (DeadlineChange::Agreed, _) => (" to run to ", ""),
            (DeadlineChange::Extended, Some(Ordering::Equal)) => (" at ", ""),
            (DeadlineChange::Extended, _) => (" to ", ""),
        }
    }
    /// Whether a side of the demand signed it.
    fn is_signed_by_a_side(&self) -> bool {
        self.is_demanders || self.respondent.is_some()
    }
    /// Whether it needs the signature of a second side, or of any side, and lacks it.
    pub fn is_alone(&self) -> bool {
        let takes_two = self.is_earlier() || self.change == DeadlineChange::Agreed;
        self.respondent.is_none_or(|respondent| respondent == self.by)
            && (takes_two || !self.is_signed_by_a_side())
    }
}

/// The clock of a demand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// Its state.
    pub state: ClockState,
    /// Day 0, and what started the clock. If the date gives only a month, the last day of it.
    pub started: Option<(Date, Started)>,
    /// The first day that day 0 can be, if it is not known to the day.
    pub started_from: Option<Date>,
    /// How the last day was computed, if it was.
    pub working: Option<Due>,
    /// The last day before any adjustment.
    pub first_due: Option<Date>,
    /// The first day that `first_due` can be, if that is another.
    pub first_due_from: Option<Date>,
    /// The last day now.
    pub due: Option<Date>,
    /// The first day that `due` can be, if that is another: `first_due_from`, while no adjustment counts.
    pub due_from: Option<Date>,
    /// Other dates, in the order of the log. The last one that counts is in force.
    pub adjustments: Vec<Adjustment>,
    /// The day by which every item had its first outcome, once all have one. If a date gives only a month, its last day counts:
    /// an answer is not taken to be earlier than the record shows.
    pub completed: Option<Date>,
    /// The first day that `completed` can be, if that is another.
    pub completed_from: Option<Date>,
    /// Days since `due`, once it has passed with an item open: 1 on the next day.
    pub days_over: Option<i64>,
    /// The other state that it can have, since a date gives only a month.
    pub other: Option<ClockState>,
    /// The parties by whose record it is met, if the outcomes that the respondent's own key signed do not say the same.
    pub met_by_record_of: Vec<EventId>,
    /// Whether it is met late by the outcomes that the respondent's own key signed, though in time by the records of others.
    pub is_late_by_own_key: bool,
    /// Whether `first_due` is a day before the demand itself.
    pub is_before_demand: bool,
}

impl Clock {
    /// The state in words, as they begin a sentence.
    pub fn words(&self) -> &'static str {
        match self.state {
            ClockState::Met | ClockState::MetLate if self.other.is_some() => {
                "Met, in time or late: a date says no day"
            }
            ClockState::Running if self.other.is_some() => "Running or lapsed: a date says no day",
            state => state.words(),
        }
    }
    /// The most days that it can be past the last day; `days_over` is the least.
    pub fn most_days_over(&self) -> Option<i64> {
        let more = self.due.zip(self.due_from).map(|(due, from)| i64::from((due - from).get_days()));
        Some(self.days_over? + more.unwrap_or(0))
    }
    /// How many days it is past the last day, in words: `3 days`, or `between 3 and 33 days`.
    pub fn days_over_words(&self) -> Option<String> {
        self.days_over.zip(self.most_days_over()).map(|(least, most)| days_words(least, most))
    }
    /// The adjustment that is in force.
    pub fn in_force(&self) -> Option<&Adjustment> {
        self.adjustments.iter().rfind(|a| a.counts)
    }
    /// The latest adjustment, if it does not count.
    pub fn set_aside(&self) -> Option<&Adjustment> {
        self.adjustments.last().filter(|a| !a.counts)
    }
    /// The last day that the adjustment in force replaced, if it had passed when that was recorded: the first day that it can
    /// be, if that is another, then the day itself, then the adjustment.
    pub fn ran_out_before(&self) -> Option<(Option<Date>, Date, &Adjustment)> {
        let mut counting = self.adjustments.iter().rev().filter(|a| a.counts);
        let last = counting.next()?;
        let (from, before) = match counting.next() {
            Some(a) => (None, deadline::date(&a.until)?),
            None if self.is_before_demand => return None,
            None => (self.first_due_from, self.first_due?),
        };
        (last.recorded > before).then_some((from, before, last))
    }
}

/// Sets `direction` and `counts` of each adjustment. Returns the last day of the adjustment that is in force.
fn weigh(adjustments: &mut [Adjustment], first: Option<Days>, issued: Option<Days>) -> Option<Date> {
    let (mut in_force, mut due) = (first, None);
    for adjustment in adjustments {
        let Some(until) = deadline::date(&adjustment.until) else { continue };
        adjustment.direction = match in_force {
            Some(day) if until > day.last => Some(Ordering::Greater),
            Some(day) if until < day.first => Some(Ordering::Less),
            Some(day) => day.one().map(|_| Ordering::Equal),
            None => None,
        };
        let is_shorter = in_force.is_some_and(|day| until < day.last);
        let is_before = issued.is_some_and(|issued| until < issued.first);
        adjustment.counts = !is_before && (!is_shorter || adjustment.respondent.is_some());
        if adjustment.counts {
            in_force = Some(Days::of(until));
            due = Some(until);
        }
    }
    due
}

/// Everything that a clock depends on, besides the instant.
pub(super) struct Facts<'a> {
    pub deadline: Option<&'a Deadline>,
    pub issued: &'a At,
    pub delivery: &'a Delivery,
    /// The earliest reply that the respondent's own key signed: the local date on which it was recorded, and its index.
    pub reply: Option<(Date, u64)>,
    pub adjustments: Vec<Adjustment>,
    pub items: &'a [Item],
}

/// Day 0 of a period, and what started it. `None` if nothing has.
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
    // If evidence and the reply are of one day, `min_by_key` takes the evidence: it stands first.
    let (days, started) = all.into_iter().min_by_key(|(days, _)| days.last)?;
    Some((Days { first, ..days }, started))
}

pub(super) fn clock(facts: Facts<'_>, now: &Instant) -> Clock {
    let completed = completed(facts.items, now, |item| item.outcomes().next());
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
            clock.first_due_from = from.filter(|from| Some(*from) != clock.first_due);
        }
    }
    let issued = now.days(facts.issued);
    clock.is_before_demand = clock.first_due.zip(issued).is_some_and(|(due, issued)| due < issued.first);
    let first = clock.first_due.map(|last| Days { last, first: clock.first_due_from.unwrap_or(last) });
    clock.adjustments = facts.adjustments;
    let adjusted = weigh(&mut clock.adjustments, first, issued);
    clock.due_from = clock.first_due_from.filter(|_| adjusted.is_none());
    clock.due = adjusted.or(clock.first_due);
    let Some(due) = clock.due else { return clock };
    let today = now.date();
    let undelivered = facts.delivery.best().is_none() && facts.reply.is_none();
    let lapsed = if undelivered { ClockState::LapsedUndelivered } else { ClockState::Lapsed };
    let earliest = clock.due_from.unwrap_or(due);
    let met = |days: Days| if days.last <= due { ClockState::Met } else { ClockState::MetLate };
    (clock.state, clock.other) = match completed {
        Some(days) => {
            let is_either = days.first <= due && days.last > earliest;
            let other = if days.last <= due { ClockState::MetLate } else { ClockState::Met };
            (met(days), is_either.then_some(other))
        }
        None if today <= due => (ClockState::Running, (today > earliest).then_some(lapsed)),
        None => (lapsed, None),
    };
    if completed.is_some() {
        let own = self::completed(facts.items, now, |item| item.own().next()).map(met);
        if own != Some(clock.state) {
            clock.is_late_by_own_key = own == Some(ClockState::MetLate);
            let first = facts.items.iter().filter_map(|item| item.outcomes().next()?.recorded_by);
            for by in first {
                if !clock.met_by_record_of.contains(&by) {
                    clock.met_by_record_of.push(by);
                }
            }
        }
    }
    clock.days_over = clock.state.is_lapsed().then(|| i64::from((today - due).get_days()));
    clock
}

/// The days on which the last item to be answered can have had its first outcome. `first` gives that outcome of an item;
/// `None` while an item has none.
fn completed<'i>(
    items: &'i [Item],
    now: &Instant,
    first: impl Fn(&'i Item) -> Option<&'i Answer>,
) -> Option<Days> {
    let first = |item| first(item).and_then(|a| now.days(&a.at));
    let each = items.iter().map(first).collect::<Option<Vec<_>>>()?;
    let (first, last) = (each.iter().map(|d| d.first).max()?, each.iter().map(|d| d.last).max()?);
    Some(Days { first, last })
}
