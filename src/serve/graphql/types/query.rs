//! `Query`: the root of queries.

use async_graphql::{Context, ID, Object, Result};

use super::{
    case::Case,
    case_connection::CaseConnection,
    checkpoint::Checkpoint,
    event::Event,
    event_connection::EventConnection,
    inclusion_proof::{InclusionProof, PATH},
    ledger_info::LedgerInfo,
    node::Node,
    page::PageArgs,
    party::Party,
    preview::Preview,
    search_connection::SearchConnection,
    service_config::ServiceConfig,
};
use crate::{
    event::Digest,
    note::VerifyingKey,
    serve::{
        graphql::{
            fault::{Answer as _, bad_input, internal, views},
            field_cost::{Costs, Of},
            inputs::{
                case_locator::CaseLocator, demand_locator::DemandLocator, event_filter::EventFilter,
                event_locator::EventLocator, party_locator::PartyLocator, search_filter::SearchFilter,
                search_order::SearchOrder,
            },
            scalars::{
                date_time::DateTime,
                global_id::{GlobalId, NodeKind},
                hash::Hash,
                index::Index,
            },
            state::{self, DemandState, Now, Transparency},
        },
        limits,
    },
    views::{self, PreviewError},
};

/// A search may take a second, so a request may hold four. A preview parses an event and its words, which takes some ten
/// milliseconds at most. A demand's state is computed from the entries of a case, and transparency from all entries that
/// changed the record itself.
pub const COSTS: Costs = Costs {
    work: &[
        ("inclusionProof", 10),
        ("consistencyProof", 10),
        ("preview", 450),
        ("search", 4_500),
        ("demand", 20),
        ("transparency", 100),
    ],
    lists: &[("consistencyProof", PATH), ("fileNamedBy", limits::FILE_NAMED_BY as u64)],
    full_lists: &[("nodes", limits::PAGE_MOST as u64)],
    ..Costs::of(Of::Types(&["Query"]))
};

/// The root of queries.
pub struct Query;

/// What can be asked. Everything in one answer is about the same checkpoint.
#[Object]
impl Query {
    /// One event. Null if it is not on record.
    async fn event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event to look up.")] by: EventLocator,
    ) -> Result<Option<Event>> {
        let views = views(ctx);
        let record = match by {
            EventLocator::Id(id) => views.record_of(&GlobalId::read_kind("by.id", &id, NodeKind::Event)?),
            EventLocator::EventId(id) => views.record_of(&id.into()),
            EventLocator::Index(index) => views.record(index.0),
        };
        Ok(record.answer()?.map(|record| Event::new(record, views)))
    }
    /// Events in the order of the log.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100: the latest.")] last: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
        #[graphql(desc = "Conditions on the events.")] filter: Option<EventFilter>,
    ) -> Result<EventConnection> {
        let filter = filter.unwrap_or_default().into();
        EventConnection::read(views(ctx), &PageArgs { first, last, after, before }, &filter)
    }
    /// One case. Null if it is not on record.
    async fn case(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case to look up.")] by: CaseLocator,
    ) -> Result<Option<Case>> {
        let views = views(ctx);
        let case = match by {
            CaseLocator::Id(id) => views.case(&GlobalId::read_kind("by.id", &id, NodeKind::Case)?),
            CaseLocator::EventId(id) => views.case(&id.into()),
            CaseLocator::Index(index) => match views.record(index.0).answer()? {
                Some(record) => views.case_of(&record),
                None => Ok(None),
            },
        };
        Ok(case.answer()?.map(|case| Case::new(case, views)))
    }
    /// Cases in the order in which they were opened.
    async fn cases(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100: the latest.")] last: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<CaseConnection> {
        CaseConnection::read(views(ctx), &PageArgs { first, last, after, before })
    }
    /// One party. Null if it is not on record.
    async fn party(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The party to look up.")] by: PartyLocator,
    ) -> Result<Option<Party>> {
        let views = views(ctx);
        let id = match by {
            PartyLocator::Id(id) => Some(GlobalId::read_kind("by.id", &id, NodeKind::Party)?),
            PartyLocator::EventId(id) => Some(id.into()),
            PartyLocator::Index(index) => views.record(index.0).answer()?.map(|r| r.event().id()),
            PartyLocator::Key(vkey) => {
                let key: VerifyingKey =
                    vkey.parse().map_err(|e| bad_input(format!("by.key: expected a vkey ({e})")))?;
                views.reader().key(key.as_bytes()).answer()?.map(|row| row.party)
            }
        };
        match id {
            Some(id) => Party::read(views, &id),
            None => Ok(None),
        }
    }
    /// The state of a demand at the instant `asOf`, by the entries below `knownAt`. Null if there is no such demand, or if it does
    /// not count then. A demand that was declared void counts for nothing; it stays on record as an `event`.
    async fn demand(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The demand to look up.")] by: DemandLocator,
        #[graphql(desc = "The instant at which clocks are read; now if left out.")] as_of: Option<DateTime>,
        #[graphql(
            desc = "Only entries below this tree size count; that of the latest checkpoint if left out."
        )]
        known_at: Option<Index>,
    ) -> Result<Option<DemandState>> {
        let (views, as_of) = state::at(ctx, views(ctx), as_of, known_at)?;
        let id = match by {
            DemandLocator::EventId(id) => Some(id.into()),
            DemandLocator::Index(index) => views.record(index.0).answer()?.map(|r| r.event().id()),
        };
        match id {
            Some(id) => DemandState::read(&views, &id, as_of),
            None => Ok(None),
        }
    }
    /// What was done to the record itself: withholdings, releases, corrections, keys.
    async fn transparency(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only entries below this tree size count; that of the latest checkpoint if left out."
        )]
        known_at: Option<Index>,
    ) -> Result<Transparency> {
        let (views, _) = state::at(ctx, views(ctx), None, known_at)?;
        Transparency::read(&views)
    }
    /// The object that has this global id. Null if it is not on record.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A global id, as a field `id` gave it.")] id: ID,
    ) -> Result<Option<Node>> {
        Node::read(views(ctx), "id", &id)
    }
    /// The objects that have these global ids, in their order. Null in place of each that is not on record.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100 global ids, as fields `id` gave them.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > limits::PAGE_MOST {
            return Err(bad_input(format!(
                "ids: expected at most {}, found {}",
                limits::PAGE_MOST,
                ids.len()
            )));
        }
        let views = views(ctx);
        ids.iter().enumerate().map(|(i, id)| Node::read(views, &format!("ids[{i}]"), id)).collect()
    }
    /// The latest checkpoint.
    async fn checkpoint(&self, ctx: &Context<'_>) -> Checkpoint {
        Checkpoint(views(ctx).checkpoint().clone())
    }
    /// The proof that an entry is in the tree of a given size. Null unless `index < size` and the log has at least that size.
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
    /// The hashes that prove that the new tree begins with the entries of the old one (RFC 6962, section 2.1.2).
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
    /// Entries whose words, names or sentences hold what is looked for, in Malay and English. A word also finds others of the
    /// same root. `"exact words"`, `begin*` and `-without` are understood. No text is a syntax error.
    async fn search(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "What to look for: 1 to 16 words, at most 512 bytes. An entry must hold all of them."
        )]
        words: String,
        #[graphql(desc = "Conditions on the entries.")] filter: Option<SearchFilter>,
        #[graphql(desc = "The order of the hits.", default)] order: SearchOrder,
        #[graphql(desc = "How many, at most 100; 20 if left out.")] first: Option<i32>,
        #[graphql(desc = "Only items after this cursor of a list in the same order.")] after: Option<String>,
    ) -> Result<SearchConnection> {
        super::search::read(ctx, &words, filter.unwrap_or_default(), order, first, after.as_deref()).await
    }
    /// How an event would read if it were recorded. It need not be signed. Nothing is recorded or kept. If the event would be
    /// refused, as far as that can be told without its signatures, the answer is an error whose message is the refusal.
    async fn preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The event's note, as `record` takes it. Its signatures are not checked.")]
        note: String,
        #[graphql(desc = "The words that the event commits to, if it commits to any.")] content: Option<
            String,
        >,
    ) -> Result<Preview> {
        let content = content.as_deref().map(str::as_bytes);
        // The handler gives every request its clock before it runs.
        let now = ctx.data_unchecked::<Now>().ask();
        let foreseen = views(ctx).preview(note.as_bytes(), content, now).and_then(|sentence| {
            views(ctx).foresee(note.as_bytes(), content, now)?;
            Ok(sentence)
        });
        match foreseen {
            Ok(sentence) => Ok(Preview { sentence: sentence.to_string() }),
            Err(PreviewError::Refused(refusal)) => Err(bad_input(refusal.to_string())),
            Err(PreviewError::Read(e)) => Err(internal(&e)),
        }
    }
    /// The indexes of the first 100 events that name the file with this digest, in the order of the log, without those whose file
    /// is withheld. While there is one, the file is served, even if it is withheld in other events.
    async fn file_named_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, by the BLAKE3 of its bytes.")] blake3: Hash,
    ) -> Result<Vec<Index>> {
        let indexes = views(ctx).file_named_by(&Digest(blake3.0)).answer()?;
        Ok(indexes.into_iter().take(limits::FILE_NAMED_BY).map(Index).collect())
    }
    /// The limits of this server, so that a program can keep to them.
    async fn service_config(&self) -> ServiceConfig {
        ServiceConfig::new()
    }
    /// The ledger that this server serves.
    async fn ledger(&self) -> LedgerInfo {
        LedgerInfo
    }
}
