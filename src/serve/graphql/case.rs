//! `Case`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::{
    date_time::DateTime,
    event_connection::EventConnection,
    event_filter::EventFilter,
    fault::views,
    global_id::{GlobalId, NodeKind},
    hash::Hash,
    index::Index,
    page::PageArgs,
    page::weight,
    party::Party,
};
use crate::{ledger::Filter, views};

/// One respondent, one matter.
#[derive(Debug, Clone)]
pub struct Case(Arc<views::Case>);

impl Case {
    /// Wraps a case.
    pub fn new(case: views::Case) -> Self {
        Self(Arc::new(case))
    }
    /// Index of the entry that opened it.
    pub fn index(&self) -> u64 {
        self.0.index
    }
}

/// One respondent, one matter. Incident, statements, demands and exhibits hang off it.
#[Object]
impl Case {
    /// Its global id, for `node`.
    async fn id(&self) -> ID {
        GlobalId { kind: NodeKind::Case, event: self.0.id }.into()
    }
    /// The id of the event that opened it.
    async fn event_id(&self) -> Hash {
        self.0.id.into()
    }
    /// Index of the entry that opened it.
    #[graphql(name = "index")]
    async fn entry_index(&self) -> Index {
        self.0.index.into()
    }
    /// Its title; null where the words are withheld or give none.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }
    /// Its summary; null where the words are withheld or give none.
    async fn summary(&self) -> Option<&str> {
        self.0.summary.as_deref()
    }
    /// Whom the matter is about.
    async fn respondent(&self, ctx: &Context<'_>) -> Result<Option<Party>> {
        Party::read(views(ctx), &self.0.respondent)
    }
    /// The country whose law the case is under, as ISO 3166-1 alpha-2.
    async fn jurisdiction(&self) -> &str {
        self.0.jurisdiction
    }
    /// The IANA time zone in which dates of the case are read.
    async fn timezone(&self) -> &str {
        self.0.timezone
    }
    /// Whether the case is invented. Permanent.
    async fn fictional(&self) -> bool {
        self.0.fictional
    }
    /// How many entries stand in its thread.
    async fn size(&self) -> Index {
        (self.0.entries.len() as u64).into()
    }
    /// When the last of them was recorded.
    async fn last_recorded(&self) -> DateTime {
        DateTime(self.0.last_recorded)
    }
    /// Its events, in the order of the log, its opening first. `filter.case` is ignored.
    #[graphql(complexity = "weight(first, last, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what stands before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which of them.")] filter: Option<EventFilter>,
    ) -> Result<EventConnection> {
        let filter = Filter { case: Some(self.0.id), ..filter.unwrap_or_default().into() };
        EventConnection::read(views(ctx), &PageArgs { first, last, after, before }, &filter)
    }
}
