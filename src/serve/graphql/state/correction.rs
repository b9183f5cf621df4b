//! `Correction`: a correction of an event on record.

use std::sync::Arc;

use async_graphql::{Object, Result};

use super::{event, fact_word::FactWord, party};
use crate::{
    event::CorrectionEffect,
    serve::graphql::types::{event::Event, party::Party},
    views::{CorrectionView, Views},
};

/// A correction, and the event that it corrects.
#[derive(Debug)]
pub struct Correction {
    view: CorrectionView,
    views: Arc<Views>,
}

impl Correction {
    /// Wraps a correction.
    pub fn new(view: CorrectionView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
}

/// A correction, and the event that it corrects, which stays on record.
#[Object]
impl Correction {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.correction.index)
    }
    /// The party that issued it.
    async fn by(&self) -> Result<Party> {
        party(&self.views, &self.view.correction.party)
    }
    /// Its effect. A void event counts in no computed state.
    async fn effect(&self) -> FactWord<CorrectionEffect> {
        FactWord(self.view.correction.effect)
    }
    /// The event that it corrects. Null if that is not on record at this size.
    async fn corrects(&self) -> Result<Option<Event>> {
        self.view.entry.map(|index| event(&self.views, index)).transpose()
    }
    /// What is said to be wrong. Null if the words can't be read.
    async fn wrong(&self) -> Option<&str> {
        self.view.correction.wrong.as_deref()
    }
    /// What is said to be right. Null if the words can't be read.
    async fn right(&self) -> Option<&str> {
        self.view.correction.right.as_deref()
    }
    /// The event that replaces the corrected one. Null if none is named.
    async fn replacement(&self) -> Result<Option<Event>> {
        self.view.correction.replacement.map(|index| event(&self.views, index)).transpose()
    }
}
