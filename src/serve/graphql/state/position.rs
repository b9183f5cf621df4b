//! `Position`: a party's position on something on record.

use std::sync::Arc;

use async_graphql::{Object, Result};

use super::{event, fact_word::FactWord, party, text::Text};
use crate::{
    event::Stance,
    serve::graphql::types::{event::Event, party::Party},
    views::{PositionView, Views},
};

/// A party's position on something on record.
#[derive(Debug)]
pub struct Position {
    view: PositionView,
    views: Arc<Views>,
}

impl Position {
    /// Wraps a position.
    pub fn new(view: PositionView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
}

/// A party's position on something on record.
#[Object]
impl Position {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.index)
    }
    /// The party whose position it is.
    async fn party(&self) -> Result<Party> {
        party(&self.views, &self.view.party.id)
    }
    /// The stance that it takes.
    async fn stance(&self) -> FactWord<Stance> {
        FactWord(self.view.stance)
    }
    /// The party that recorded it. Null if the party's own key signed it.
    async fn recorded_by(&self) -> Result<Option<Party>> {
        self.view.recorded_by.as_ref().map(|by| party(&self.views, &by.id)).transpose()
    }
    /// Its words.
    async fn text(&self) -> Text {
        Text::from(&self.view.text)
    }
}
