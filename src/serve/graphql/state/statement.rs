//! `Statement`, its versions and how they differ.

use std::sync::Arc;

use async_graphql::{Enum, Object, Result, SimpleObject};

use super::{event, text::Text};
use crate::{
    serve::graphql::{scalars::event_date::EventDate, types::event::Event},
    views::{self, StatementView, Views},
};

/// A statement that changed or was taken back.
#[derive(Debug)]
pub struct Statement {
    view: StatementView,
    views: Arc<Views>,
}

impl Statement {
    /// Wraps a statement.
    pub fn new(view: StatementView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
}

/// A statement that changed or was taken back.
#[Object]
impl Statement {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.line.index)
    }
    /// Its versions, the first one first.
    async fn versions(&self) -> Vec<StatementVersion> {
        let version = |v: &views::Version| StatementVersion { version: v.clone(), views: self.views.clone() };
        self.view.versions.iter().map(version).collect()
    }
    /// That it was taken back; null while it stands.
    async fn withdrawn(&self) -> Option<StatementWithdrawal> {
        let taken = self.view.withdrawn.clone()?;
        Some(StatementWithdrawal { taken, views: self.views.clone() })
    }
}

/// One version of the words of a statement.
#[derive(Debug)]
pub struct StatementVersion {
    version: views::Version,
    views: Arc<Views>,
}

/// One version of the words of a statement.
#[Object]
impl StatementVersion {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.version.index)
    }
    /// When the change was seen; null for the first version.
    async fn observed(&self) -> Option<EventDate> {
        self.version.observed.clone().map(EventDate)
    }
    /// Whether the speaker said that it changed; null for the first version.
    async fn announced(&self) -> Option<bool> {
        self.version.announced
    }
    /// The words.
    async fn text(&self) -> Text {
        Text::from(&self.version.text)
    }
    /// What is said to have changed.
    async fn changed(&self) -> Text {
        Text::from(&self.version.changed)
    }
    /// What changed since the version before, word by word. Null for the first version, and where the words of one of
    /// the two are not here or have more than 2,000 words.
    async fn difference(&self) -> Option<Vec<TextChange>> {
        let change = |c: &views::Change| {
            let (kind, text) = match c {
                views::Change::Same(text) => (ChangeKind::Same, text),
                views::Change::Removed(text) => (ChangeKind::Removed, text),
                views::Change::Added(text) => (ChangeKind::Added, text),
            };
            TextChange { kind, text: text.clone() }
        };
        Some(self.version.difference.as_ref()?.iter().map(change).collect())
    }
}

/// What became of a run of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ChangeKind {
    /// In both texts.
    Same,
    /// In the earlier text alone.
    Removed,
    /// In the later text alone.
    Added,
}

/// A run of words that stayed, went or came.
#[derive(Debug, SimpleObject)]
pub struct TextChange {
    /// What became of it.
    pub kind: ChangeKind,
    /// The words.
    pub text: String,
}

/// That a statement was taken back.
#[derive(Debug)]
pub struct StatementWithdrawal {
    taken: views::Taken,
    views: Arc<Views>,
}

/// That a statement was taken back.
#[Object]
impl StatementWithdrawal {
    /// The event that says so.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.taken.index)
    }
    /// When it was seen.
    async fn observed(&self) -> EventDate {
        EventDate(self.taken.observed.clone())
    }
    /// Whether the speaker said so.
    async fn announced(&self) -> bool {
        self.taken.announced
    }
}
