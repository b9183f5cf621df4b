//! `Case`: a case as it was opened, its events and its state.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::{event_connection::EventConnection, page::PageArgs, party::Party};
use crate::{
    ledger::Filter,
    serve::graphql::{
        fault::Answer as _,
        field_cost::{Costs, Of},
        inputs::event_filter::EventFilter,
        scalars::{
            date_time::DateTime,
            global_id::{GlobalId, NodeKind},
            hash::Hash,
            index::Index,
            url::{Base, Url},
        },
        state::{self, CaseState},
    },
    views::{self, Views},
};

/// A state is computed from all entries of the case.
pub const COSTS: Costs = Costs { work: &[("state", 20)], ..Costs::of(Of::Types(&["Case"])) };

/// One respondent, one matter.
#[derive(Debug, Clone)]
pub struct Case {
    case: Arc<views::Case>,
    views: Arc<Views>,
}

impl Case {
    /// Wraps a case.
    pub fn new(case: views::Case, views: &Arc<Views>) -> Self {
        Self { case: Arc::new(case), views: views.clone() }
    }
    /// Index of the entry that opened it.
    pub fn index(&self) -> u64 {
        self.case.index
    }
}

/// One respondent, one matter. Incidents, statements, demands and exhibits belong to it.
#[Object]
impl Case {
    /// Its global id, for `node`.
    async fn id(&self) -> ID {
        GlobalId { kind: NodeKind::Case, event: self.case.id }.into()
    }
    /// The id of the event that opened it.
    async fn event_id(&self) -> Hash {
        self.case.id.into()
    }
    /// Index of the entry that opened it.
    #[graphql(name = "index")]
    async fn entry_index(&self) -> Index {
        self.case.index.into()
    }
    /// The permalink of its page on this server. Null over a WebSocket.
    async fn url(&self, ctx: &Context<'_>) -> Option<Url> {
        ctx.data_opt::<Base>()?.page("case", self.case.id)
    }
    /// Its title. Null if the words are withheld or give none.
    async fn title(&self) -> Option<&str> {
        self.case.title.as_deref()
    }
    /// Its summary. Null if the words are withheld or give none.
    async fn summary(&self) -> Option<&str> {
        self.case.summary.as_deref()
    }
    /// The party that the matter is about.
    async fn respondent(&self) -> Result<Option<Party>> {
        Party::read(&self.views, &self.case.respondent)
    }
    /// The country whose law the case is under, as ISO 3166-1 alpha-2.
    async fn jurisdiction(&self) -> &str {
        self.case.jurisdiction
    }
    /// The IANA time zone in which dates of the case are read.
    async fn timezone(&self) -> &str {
        self.case.timezone
    }
    /// Whether the case is invented. Permanent.
    async fn fictional(&self) -> bool {
        self.case.fictional
    }
    /// Whether it was opened by mistake, as its newest correction says, and nothing rests on it.
    async fn mistaken(&self) -> bool {
        self.case.mistaken
    }
    /// How many entries its thread has.
    async fn size(&self) -> Result<Index> {
        Ok((self.views.thread(&self.case.id).answer()?.len() as u64).into())
    }
    /// When the last entry of the case was recorded.
    async fn last_recorded(&self) -> Result<DateTime> {
        Ok(DateTime(self.views.case_entries(&self.case).answer()?.last_recorded))
    }
    /// Its state at the instant `asOf`, by the entries below `knownAt`. Null if it was not on record at that size.
    async fn state(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The instant at which clocks are read; now if left out.")] as_of: Option<DateTime>,
        #[graphql(
            desc = "Only entries below this tree size count; that of the latest checkpoint if left out."
        )]
        known_at: Option<Index>,
    ) -> Result<Option<CaseState>> {
        let (views, as_of) = state::at(ctx, &self.views, as_of, known_at)?;
        CaseState::read(&views, &self.case.id, as_of)
    }
    /// Its events in the order of the log, its opening first. `filter.case` is ignored.
    async fn events(
        &self,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
        #[graphql(desc = "Conditions on the events.")] filter: Option<EventFilter>,
    ) -> Result<EventConnection> {
        let filter = Filter { case: Some(self.case.id), ..filter.unwrap_or_default().into() };
        EventConnection::read(&self.views, &PageArgs { first, last, after, before }, &filter)
    }
}
