//! `Clock`: when the answer to a demand falls due, and how that was found.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result, SimpleObject};
use jiff::civil::Date;

use super::{event, fact_word::FactWord};
use crate::{
    event::{At, DeadlineChange},
    serve::graphql::{
        scalars::{event_date::EventDate, index::Index},
        types::event::Event,
    },
    views::{self, DemandView, Started, Views},
};

/// Where the clock of a demand stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::views::ClockState")]
pub enum ClockState {
    /// The demand sets no period.
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

/// The clock of a demand.
#[derive(Debug)]
pub struct Clock {
    view: Arc<DemandView>,
    views: Arc<Views>,
}

impl Clock {
    /// Of a demand.
    pub fn new(view: &Arc<DemandView>, views: &Arc<Views>) -> Self {
        Self { view: view.clone(), views: views.clone() }
    }
    fn clock(&self) -> &views::Clock {
        &self.view.demand.clock
    }
}

/// A local date of the case; a computed date has four digits of the year.
fn date(date: Date) -> Option<EventDate> {
    At::parse(&date.to_string()).ok().map(EventDate)
}

/// When the answer falls due, read at `asOf`. Dates are those of the case's zone; the last day counts whole.
#[Object]
impl Clock {
    /// Where it stands. Where a date says no day, at its latest; `otherState` is where else it can.
    async fn state(&self) -> ClockState {
        self.clock().state.into()
    }
    /// Where else it can stand, as far as dates that say no day tell; else null.
    async fn other_state(&self) -> Option<ClockState> {
        self.clock().other.map(Into::into)
    }
    /// Where it stands, in words, and where else: `Running or lapsed: a date says no day`; and by whose record, where the
    /// respondent's own key did not sign what it takes: `Met, by the record of Example Desk`.
    async fn state_words(&self) -> &str {
        &self.view.clock_words
    }
    /// The same in one sentence, with whose rule it is; empty where no period is set.
    async fn sentence(&self) -> String {
        self.view.clock.to_string()
    }
    /// What every computed date is to be read with.
    async fn note(&self) -> &str {
        DemandView::PERIOD_NOTE
    }
    /// Day 0, which is not counted; null while the clock has not started. Where a date says no day, the last that it can
    /// mean.
    async fn started(&self) -> Option<EventDate> {
        self.clock().started.and_then(|(day, _)| date(day))
    }
    /// Day 0 at the earliest, where a date says no day; else null.
    async fn started_from(&self) -> Option<EventDate> {
        self.clock().started_from.and_then(date)
    }
    /// On whose word it is day 0, where evidence of delivery started the clock: `on the sender's word`. Else null.
    async fn started_on_word_of(&self) -> Option<String> {
        self.view.started_on_word_of()
    }
    /// The event that day 0 is taken from: the demand, evidence of delivery, or a reply.
    async fn started_by(&self) -> Result<Option<Event>> {
        let index = match self.clock().started {
            None => return Ok(None),
            Some((_, Started::Issued)) => self.view.demand.index,
            Some((_, Started::Evidence(index) | Started::Reply(index))) => index,
        };
        event(&self.views, index).map(Some)
    }
    /// The last day before any adjustment, at the latest.
    async fn first_due(&self) -> Option<EventDate> {
        self.clock().first_due.and_then(date)
    }
    /// The same day at the earliest, where day 0 is known by its month alone; else null.
    async fn first_due_from(&self) -> Option<EventDate> {
        self.clock().first_due_from.and_then(date)
    }
    /// The last day now, at the latest.
    async fn due(&self) -> Option<EventDate> {
        self.clock().due.and_then(date)
    }
    /// The last day at the earliest, where day 0 is known by its month alone; else null.
    async fn due_from(&self) -> Option<EventDate> {
        self.clock().due_from.and_then(date)
    }
    /// Other dates, in the order of the log. The last one that counts is in force.
    async fn adjustments(&self) -> Vec<Adjustment> {
        let adjustment = |a: &views::Adjustment| Adjustment {
            change: FactWord(a.change),
            until: At::parse(a.until.as_str()).ok().map(EventDate),
            recorded: date(a.recorded),
            counts: a.counts,
            index: Index(a.index),
        };
        self.clock().adjustments.iter().map(adjustment).collect()
    }
    /// The day on which the last item had its first outcome, once all have one; at the latest, where a date says no day.
    async fn completed(&self) -> Option<EventDate> {
        self.clock().completed.and_then(date)
    }
    /// The same day at the earliest, where a date says no day; else null.
    async fn completed_from(&self) -> Option<EventDate> {
        self.clock().completed_from.and_then(date)
    }
    /// At the least, the days since the last day, once it has passed with an item open: 1 is the next day.
    async fn days_over(&self) -> Option<i64> {
        self.clock().days_over
    }
    /// The most days that this can be, where a date says no day; else the same.
    async fn most_days_over(&self) -> Option<i64> {
        self.clock().most_days_over()
    }
    /// How the date was found, step by step.
    async fn working(&self) -> Vec<WorkingLine> {
        let line = |w: &views::Working| WorkingLine {
            label: w.label,
            value: w.value.clone(),
            index: w.index.map(Index),
        };
        self.view.working.iter().map(line).collect()
    }
}

/// Another date for the answer.
#[derive(Debug, SimpleObject)]
pub struct Adjustment {
    /// How it came about.
    pub change: FactWord<DeadlineChange>,
    /// The new last day.
    pub until: Option<EventDate>,
    /// The local date on which it was recorded: later than the old last day, both count for what they are.
    pub recorded: Option<EventDate>,
    /// Whether it counts. An earlier day than the one in force does only where a key of the respondent signed too, and one
    /// before the demand itself never does.
    pub counts: bool,
    /// Index of its entry.
    pub index: Index,
}

/// A step of how a date was found.
#[derive(Debug, SimpleObject)]
pub struct WorkingLine {
    /// What it is.
    pub label: &'static str,
    /// Its value.
    pub value: String,
    /// Index of the entry it is taken from, if it is taken from one.
    pub index: Option<Index>,
}
