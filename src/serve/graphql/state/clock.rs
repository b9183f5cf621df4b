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

/// The state of the clock of a demand.
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
    /// Like `LAPSED`, and there is no evidence that the demand was delivered.
    LapsedUndelivered,
}

/// The clock of a demand.
#[derive(Debug)]
pub struct Clock {
    view: Arc<DemandView>,
    views: Arc<Views>,
}

impl Clock {
    /// The clock of a demand.
    pub fn new(view: &Arc<DemandView>, views: &Arc<Views>) -> Self {
        Self { view: view.clone(), views: views.clone() }
    }
    fn clock(&self) -> &views::Clock {
        &self.view.demand.clock
    }
}

/// A computed date in the case's time zone. It can be written, since its year has four digits.
fn date(date: Date) -> Option<EventDate> {
    At::parse(&date.to_string()).ok().map(EventDate)
}

/// When the answer falls due, as seen at `asOf`. Dates are in the time zone of the case. The last day counts to its end.
///
/// Some dates on record are a month without a day. What is computed from them may have an earliest and a latest value.
#[Object]
impl Clock {
    /// Its state. If a date says no day, the state for the latest day that it can mean.
    async fn state(&self) -> ClockState {
        self.clock().state.into()
    }
    /// The state that is also possible because a date says no day; else null.
    async fn other_state(&self) -> Option<ClockState> {
        self.clock().other.map(Into::into)
    }
    /// The state in words, with the one that is also possible: `Running or lapsed: a date says no day`. If the respondent's own
    /// key did not sign what the state rests on, with whose record it is: `Met, by the record of Example Desk`.
    async fn state_words(&self) -> &str {
        &self.view.clock_words
    }
    /// The state in one sentence, with whose rule it is. Empty if no period is set.
    async fn sentence(&self) -> String {
        self.view.clock.to_string()
    }
    /// A note that must be read with every computed date.
    async fn note(&self) -> &str {
        DemandView::PERIOD_NOTE
    }
    /// Day 0, which is not counted. Null while the clock has not started. If a date says no day, the latest day that it can mean.
    async fn started(&self) -> Option<EventDate> {
        self.clock().started.and_then(|(day, _)| date(day))
    }
    /// The earliest day that day 0 can be, if a date says no day; else null.
    async fn started_from(&self) -> Option<EventDate> {
        self.clock().started_from.and_then(date)
    }
    /// Whose word day 0 rests on, if evidence of delivery started the clock: `on the sender's word`. Else null.
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
    /// The last day before any adjustment; the latest that it can be.
    async fn first_due(&self) -> Option<EventDate> {
        self.clock().first_due.and_then(date)
    }
    /// The earliest that `firstDue` can be, if only the month of day 0 is known; else null.
    async fn first_due_from(&self) -> Option<EventDate> {
        self.clock().first_due_from.and_then(date)
    }
    /// The last day, adjustments included; the latest that it can be.
    async fn due(&self) -> Option<EventDate> {
        self.clock().due.and_then(date)
    }
    /// The earliest that `due` can be, if only the month of day 0 is known; else null.
    async fn due_from(&self) -> Option<EventDate> {
        self.clock().due_from.and_then(date)
    }
    /// Adjustments of the last day, in the order of the log. The last one that counts is in force.
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
    /// The day on which the last item got its first outcome, once all have one. If a date says no day, the latest day that it can
    /// be.
    async fn completed(&self) -> Option<EventDate> {
        self.clock().completed.and_then(date)
    }
    /// The earliest that `completed` can be, if a date says no day; else null.
    async fn completed_from(&self) -> Option<EventDate> {
        self.clock().completed_from.and_then(date)
    }
    /// The days since the last day, once it has passed with an item open: 1 is the next day. If a date says no day, the fewest days
    /// that it can be.
    async fn days_over(&self) -> Option<i64> {
        self.clock().days_over
    }
    /// The most days that `daysOver` can be, if a date says no day; else the same number.
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

/// An adjustment of the last day for the answer.
#[derive(Debug, SimpleObject)]
pub struct Adjustment {
    /// How it came about.
    pub change: FactWord<DeadlineChange>,
    /// The new last day.
    pub until: Option<EventDate>,
    /// The date on which it was recorded, in the time zone of the case. It may be later than the old last day.
    pub recorded: Option<EventDate>,
    /// Whether it counts. A day earlier than the one in force only counts if a key of the respondent signed too. A day before the
    /// demand itself never counts.
    pub counts: bool,
    /// Index of its entry.
    pub index: Index,
}

/// A step in the computation of a date.
#[derive(Debug, SimpleObject)]
pub struct WorkingLine {
    /// What the value is.
    pub label: &'static str,
    /// The value.
    pub value: String,
    /// Index of the entry it is taken from, if it is taken from one.
    pub index: Option<Index>,
}
