//! `Query`.

use async_graphql::{Context, Object, Result};

use super::{
    case::Case,
    case_connection::CaseConnection,
    checkpoint::Checkpoint,
    event::Event,
    event_connection::EventConnection,
    event_filter::EventFilter,
    event_locator::EventLocator,
    fault::{Answer as _, bad_input, views},
    hash::Hash,
    inclusion_proof::InclusionProof,
    index::Index,
    ledger_info::LedgerInfo,
    page::{PageArgs, weight},
    party::Party,
    search_connection::SearchConnection,
    search_filter::SearchFilter,
    search_order::SearchOrder,
};
use crate::views;

/// What can be asked.
pub struct Query;

/// What can be asked. All of one answer speaks of one checkpoint.
#[Object]
impl Query {
    /// One event; null if it is not on record.
    async fn event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] by: EventLocator,
    ) -> Result<Option<Event>> {
        let views = views(ctx);
        let record = match by {
            EventLocator::Id(id) => views.record_of(&id.into()),
            EventLocator::Index(index) => views.record(index.0),
        };
        Ok(record.answer()?.map(Event::new))
    }
    /// Events in the order of the log.
    #[graphql(complexity = "weight(first, last, child_complexity)")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100: the latest.")] last: Option<i32>,
        #[graphql(desc = "Only what stands after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what stands before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which of them.")] filter: Option<EventFilter>,
    ) -> Result<EventConnection> {
        let filter = filter.unwrap_or_default().into();
        EventConnection::read(views(ctx), &PageArgs { first, last, after, before }, &filter)
    }
    /// One case; null if there is none of this id.
    async fn case(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the event that opened it.")] id: Hash,
    ) -> Result<Option<Case>> {
        Ok(views(ctx).case(&id.into()).answer()?.map(Case::new))
    }
    /// Cases in the order in which they were opened.
    #[graphql(complexity = "weight(first, last, child_complexity)")]
    async fn cases(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100: the latest.")] last: Option<i32>,
        #[graphql(desc = "Only what stands after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only what stands before this cursor.")] before: Option<String>,
    ) -> Result<CaseConnection> {
        CaseConnection::read(views(ctx), &PageArgs { first, last, after, before })
    }
    /// One party; null if there is none of this id.
    async fn party(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the event that registered it.")] id: Hash,
    ) -> Result<Option<Party>> {
        Party::read(views(ctx), &id.into())
    }
    /// The latest checkpoint.
    async fn checkpoint(&self, ctx: &Context<'_>) -> Checkpoint {
        Checkpoint(views(ctx).checkpoint().clone())
    }
    /// That an entry stands in the tree of a given size; null unless `index < size` and the log has that size.
    #[graphql(complexity = "10 + child_complexity")]
    async fn inclusion_proof(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Index of the entry.")] index: Index,
        #[graphql(desc = "Size of the tree; that of the latest checkpoint if left out.")] size: Option<Index>,
    ) -> Result<Option<InclusionProof>> {
        let views = views(ctx);
        let size = size.map_or(views.size(), |s| s.0);
        if size > views.size() {
            return Ok(None);
        }
        Ok(views::inclusion(views.reader(), index.0, size).answer()?.map(InclusionProof))
    }
    /// The hashes that show that the tree of one size continues that of another (RFC 6962, section 2.1.2).
    #[graphql(complexity = "10 + child_complexity")]
    async fn consistency_proof(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the old tree.")] old: Index,
        #[graphql(desc = "Size of the new tree; that of the latest checkpoint if left out.")] new: Option<
            Index,
        >,
    ) -> Result<Vec<Hash>> {
        let views = views(ctx);
        let new = new.map_or(views.size(), |s| s.0);
        if old.0 > new || new > views.size() {
            return Err(bad_input(format!("old, new: expected old <= new <= {}", views.size())));
        }
        let path = views.reader().consistency(old.0, new).answer()?.unwrap_or_default();
        Ok(path.into_iter().map(Hash::from).collect())
    }
    /// Entries that say something, by words, names and sentences, in Malay and English. A word finds others of its
    /// root; `"exact words"`, `begin*` and `-without` are understood, and no text is an error of syntax.
    #[graphql(complexity = "weight(first, None, 3 + child_complexity)")]
    async fn search(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to look for: 1 to 16 words, at most 512 bytes. All must be there.")]
        words: String,
        #[graphql(desc = "Which entries.")] filter: Option<SearchFilter>,
        #[graphql(desc = "In which order.", default)] order: SearchOrder,
        #[graphql(desc = "How many, at most 100; 20 if left out.")] first: Option<i32>,
        #[graphql(desc = "Only what stands after this cursor of a list in the same order.")] after: Option<
            String,
        >,
    ) -> Result<SearchConnection> {
        super::search::read(ctx, &words, filter.unwrap_or_default(), order, first, after.as_deref()).await
    }
    /// Which ledger this is.
    async fn ledger(&self) -> LedgerInfo {
        LedgerInfo
    }
}
