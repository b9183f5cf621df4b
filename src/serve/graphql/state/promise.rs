//! `Promise` and `PromiseState`: a promise and what became of it.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result};

use super::{event, party, text::Text};
use crate::{
    event::CommitmentOutcome,
    serve::graphql::{
        scalars::event_date::EventDate,
        types::{event::Event, party::Party},
    },
    views::{self, PromiseView, Views},
};

/// The state of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum PromiseState {
    /// Its date has not passed, or it has none.
    Open,
    /// It is said to be done.
    Done,
    /// It is said to be taken back.
    Withdrawn,
    /// It is said that another promise replaced it.
    Superseded,
    /// Its date has passed, and nothing more is on record.
    PastDate,
}

/// A promise.
#[derive(Debug)]
pub struct Promise {
    view: PromiseView,
    views: Arc<Views>,
}

impl Promise {
    /// Wraps a promise.
    pub fn new(view: PromiseView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
}

/// A promise.
#[Object]
impl Promise {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.index)
    }
    /// The party that made it.
    async fn party(&self) -> Result<Party> {
        party(&self.views, &self.view.party.id)
    }
    /// The party that recorded it. Null if the party's own key signed it.
    async fn recorded_by(&self) -> Result<Option<Party>> {
        self.view.recorded_by.as_ref().map(|by| party(&self.views, &by.id)).transpose()
    }
    /// What was promised.
    async fn text(&self) -> Text {
        Text::from(&self.view.text)
    }
    /// The date by which it is to be kept. Null if it names none.
    async fn due(&self) -> Option<EventDate> {
        self.view.due.clone().map(EventDate)
    }
    /// Its state.
    async fn state(&self) -> PromiseState {
        match self.view.state {
            views::PromiseState::Open => PromiseState::Open,
            views::PromiseState::Closed(CommitmentOutcome::Done, _) => PromiseState::Done,
            views::PromiseState::Closed(CommitmentOutcome::Withdrawn, _) => PromiseState::Withdrawn,
            views::PromiseState::Closed(CommitmentOutcome::Superseded, _) => PromiseState::Superseded,
            views::PromiseState::PastDate => PromiseState::PastDate,
        }
    }
    /// The state in words. If the party's own key did not sign the event that closed it, also whose record that is: `done, by the
    /// record of Example Desk`.
    async fn state_words(&self) -> &str {
        &self.view.state_words
    }
    /// The event that closed it. Null while none did.
    async fn closed_by(&self) -> Result<Option<Event>> {
        match self.view.state {
            views::PromiseState::Closed(_, index) => event(&self.views, index).map(Some),
            _ => Ok(None),
        }
    }
}
