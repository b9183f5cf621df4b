//! `Withholding` and `Release`: words and files that were withheld, and those that were given back.

use std::sync::Arc;

use async_graphql::{Object, Result};

use super::{event, fact_word::FactWord, party};
use crate::{
    event::{Position, ReleaseGround, WithholdingGround},
    serve::graphql::types::{event::Event, party::Party},
    views::{ReleasedView, Views, WithheldView},
};

/// A withholding, and the entry whose words or files it withholds.
#[derive(Debug)]
pub struct Withholding {
    view: WithheldView,
    views: Arc<Views>,
}

impl Withholding {
    /// Wraps a withholding.
    pub fn new(view: WithheldView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
}

fn positions(list: &[Position]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// A withholding: words or files of an entry are no longer served. The entry, its hash and every proof of it stay valid.
#[Object]
impl Withholding {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.withholding.index)
    }
    /// The party that withheld them.
    async fn by(&self) -> Result<Party> {
        party(&self.views, &self.view.withholding.party)
    }
    /// The ground of the withholding.
    async fn ground(&self) -> FactWord<WithholdingGround> {
        FactWord(self.view.withholding.ground)
    }
    /// The event whose words or files were withheld. Null if that is not on record at this size.
    async fn entry(&self) -> Result<Option<Event>> {
        self.view.entry.map(|index| event(&self.views, index)).transpose()
    }
    /// The parts of that entry that were withheld: `content`, `files/0`.
    async fn positions(&self) -> Vec<String> {
        positions(&self.view.withholding.positions)
    }
    /// A note, if there is one.
    async fn note(&self) -> Option<&str> {
        self.view.withholding.note.as_deref()
    }
    /// The authority for it, if one is given.
    async fn authority(&self) -> Option<&str> {
        self.view.withholding.authority.as_deref()
    }
    /// A redacted text, if there is one.
    async fn redacted(&self) -> Option<&str> {
        self.view.withholding.redacted.as_deref()
    }
    /// Whether any of these parts is still withheld.
    async fn in_force(&self) -> bool {
        self.view.withholding.in_force
    }
}

/// A release.
#[derive(Debug)]
pub struct Release {
    view: ReleasedView,
    views: Arc<Views>,
}

impl Release {
    /// Wraps a release.
    pub fn new(view: ReleasedView, views: &Arc<Views>) -> Self {
        Self { view, views: views.clone() }
    }
}

/// A release: withheld words or files were given back.
#[Object]
impl Release {
    /// Its event.
    async fn event(&self) -> Result<Event> {
        event(&self.views, self.view.index)
    }
    /// The ground of the release.
    async fn ground(&self) -> FactWord<ReleaseGround> {
        FactWord(self.view.ground)
    }
    /// The event whose words or files were given back. Null if that is not on record at this size.
    async fn entry(&self) -> Result<Option<Event>> {
        self.view.entry.map(|index| event(&self.views, index)).transpose()
    }
    /// The parts of that entry that were given back: `content`, `files/0`.
    async fn positions(&self) -> Vec<String> {
        positions(&self.view.positions)
    }
}
