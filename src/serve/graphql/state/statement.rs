//! `Statement`, its versions and the differences between them.

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
    /// Its versions, the oldest first.
    async fn versions(&self) -> Vec<StatementVersion> {
        let version = |v: &views::Version| StatementVersion { version: v.clone(), views: self.views.clone() };
        self.view.versions.iter().map(version).collect()
    }
    /// Its withdrawal. Null while it stands.
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
    /// When the change was seen. Null for the first version.
    async fn observed(&self) -> Option<EventDate> {
        self.version.observed.clone().map(EventDate)
    }
    /// Whether the speaker announced the change. Null for the first version.
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
    /// The changes from the version before, word by word. Null for the first version, and if one of the two texts is missing or
    /// has more than 2,000 words.
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

/// How a run of words changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ChangeKind {
    /// It is in both texts.
    Same,
    /// It is only in the earlier text.
    Removed,
    /// It is only in the later text.
    Added,
}

/// A run of words that stayed, was removed or was added.
#[derive(Debug, SimpleObject)]
pub struct TextChange {
    /// How it changed.
    pub kind: ChangeKind,
    /// The words.
    pub text: String,
}

/// The withdrawal of a statement.
#[derive(Debug)]
pub struct StatementWithdrawal {
    taken: views::Taken,
    views: Arc<Views>,
}

/// The withdrawal of a statement.
#[Object]
impl StatementWithdrawal {
    /// The event that records it.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.taken.index)
    }
    /// When the withdrawal was seen.
    async fn observed(&self) -> EventDate {
        EventDate(self.taken.observed.clone())
    }
    /// Whether the speaker announced it.
    async fn announced(&self) -> bool {
        self.taken.announced
    }
}
