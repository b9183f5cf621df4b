//! `CaseState`: the state of a case at two instants.

use std::sync::{Arc, OnceLock};

use async_graphql::{Object, Result};

use super::{
    super::fault::Answer as _,
    correction::Correction,
    demand_connection::DemandConnection,
    demand_state::DemandState,
    incident::Incident,
    latest::Latest,
    link::Link,
    party,
    promise::Promise,
    statement::Statement,
    timeline_connection::{TimelineConnection, TimelineOrder},
    withholding::Withholding,
};
use crate::{
    event::EventId,
    ledger::ReadError,
    log::Time,
    serve::graphql::{
        scalars::{date_time::DateTime, index::Index},
        types::{page::PageArgs, party::Party},
    },
    views::{CaseSummary, CaseThread, Views},
};

/// A case at two instants. Each part is computed when it is asked for.
#[derive(Debug)]
pub struct CaseState {
    thread: Arc<CaseThread>,
    summary: OnceLock<CaseSummary>,
    as_of: Time,
    views: Arc<Views>,
}

impl CaseState {
    /// Reads the state of a case at the time `as_of`; `None` if these views know no such case.
    ///
    /// # Errors
    /// A failed read of the log.
    pub fn read(views: &Arc<Views>, id: &EventId, as_of: Time) -> Result<Option<Self>> {
        let thread = views.case_thread(id, as_of).answer()?;
        let state = |thread| Self { thread, summary: OnceLock::new(), as_of, views: views.clone() };
        Ok(thread.map(state))
    }

    fn summary(&self) -> Result<&CaseSummary, ReadError> {
        match self.summary.get() {
            Some(summary) => Ok(summary),
            None => {
                let summary = self.views.summary_of(&self.thread, self.as_of)?;
                Ok(self.summary.get_or_init(|| summary))
            }
        }
    }

    fn demand(&self, index: u64) -> Result<DemandState, ReadError> {
        let summary = self.summary()?;
        let at = summary.demands.iter().zip(&summary.sentences).find(|(d, _)| d.index == index);
        let (demand, sentence) = at.ok_or_else(|| ReadError::Fault(format!("demand {index} is missing")))?;
        let view = self.views.demand_view(&self.thread, demand.clone(), sentence.clone())?;
        Ok(DemandState::new(view, self.as_of, &self.views))
    }
}

/// The state of a case at two instants: by the entries below `knownAt`, with clocks read at `asOf`.
#[Object]
impl CaseState {
    /// The instant at which clocks are read; what is said to have happened later does not count.
    async fn as_of(&self) -> DateTime {
        DateTime(self.as_of)
    }
    /// The tree size: only entries below it count.
    async fn known_at(&self) -> Index {
        Index(self.views.size())
    }
    /// Whether the case has more entries than the first 10,000, from which its states are computed.
    async fn cut_short(&self) -> bool {
        self.thread.cut_short()
    }
    /// The party that the matter is about.
    async fn respondent(&self) -> Result<Party> {
        party(&self.views, &self.thread.case.respondent)
    }
    /// Where it stands: a sentence for each demand, or one for the case if there is no demand.
    async fn sentences(&self) -> Result<Vec<String>> {
        Ok(self.summary().answer()?.sentences.iter().map(ToString::to_string).collect())
    }
    /// Its demands, in the order of the log.
    async fn demands(
        &self,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<DemandConnection> {
        let indexes: Vec<u64> = self.summary().answer()?.demands.iter().map(|d| d.index).collect();
        let args = PageArgs { first, last, after, before };
        DemandConnection::read(&indexes, &args, |index| self.demand(index).answer())
    }
    /// Its entries. Void ones are among them, and say so.
    async fn timeline(
        &self,
        #[graphql(desc = "The order of the entries.", default)] order: TimelineOrder,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only items after this cursor of a list in the same order.")] after: Option<String>,
        #[graphql(desc = "Only items before this cursor of a list in the same order.")] before: Option<
            String,
        >,
    ) -> Result<TimelineConnection> {
        let args = PageArgs { first, last, after, before };
        TimelineConnection::read(&self.thread, order.into(), &args, &self.views)
    }
    /// What is said to have happened, and when the respondent first disclosed it.
    async fn incidents(&self) -> Result<Latest<Incident>> {
        let incidents = self.views.incidents(&self.thread).answer()?;
        Ok(Latest::of(&incidents, |view| Incident::new(view, &self.views)))
    }
    /// Statements that changed or were taken back.
    async fn changed_statements(&self) -> Result<Latest<Statement>> {
        let (statements, _) = self.views.statements(&self.thread).answer()?;
        Ok(Latest::of(&statements, |view| Statement::new(view, &self.views)))
    }
    /// Links asserted in it.
    async fn links(&self) -> Result<Latest<Link>> {
        let links = self.views.links(&self.thread).answer()?;
        Ok(Latest::of(&links, |view| Link::new(view, &self.views)))
    }
    /// Promises made in it.
    async fn promises(&self) -> Result<Latest<Promise>> {
        let promises = self.views.promises(&self.thread).answer()?;
        Ok(Latest::of(&promises, |view| Promise::new(view, &self.views)))
    }
    /// What was corrected in it.
    async fn corrections(&self) -> Result<Latest<Correction>> {
        let (_, corrections) = self.views.reductions(&self.thread).answer()?;
        Ok(Latest::of(&corrections, |view| Correction::new(view, &self.views)))
    }
    /// What was withheld in it, and on what ground.
    async fn withholdings(&self) -> Result<Latest<Withholding>> {
        let (withheld, _) = self.views.reductions(&self.thread).answer()?;
        Ok(Latest::of(&withheld, |view| Withholding::new(view, &self.views)))
    }
}
