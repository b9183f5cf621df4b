//! `Party`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::{
    event_connection::EventConnection,
    event_filter::EventFilter,
    fault::{Answer as _, views},
    global_id::{GlobalId, NodeKind},
    hash::Hash,
    index::Index,
    page::{PageArgs, weight},
    party_key::PartyKey,
    party_kind::PartyKind,
};
use crate::{
    event::EventId,
    ledger::Filter,
    views::{self, Name, Views},
};

/// Somebody who can speak, or be spoken about.
#[derive(Debug, Clone)]
pub struct Party(Arc<views::Party>);

impl Party {
    /// The party of this id.
    ///
    /// # Errors
    /// Our fault.
    pub fn read(views: &Views, id: &EventId) -> Result<Option<Self>> {
        Ok(views.party(id).answer()?.map(Self))
    }
}

/// Somebody who can speak, or be spoken about. It may have no key.
#[Object]
impl Party {
    /// Its global id, for `node`.
    async fn id(&self) -> ID {
        GlobalId { kind: NodeKind::Party, event: self.0.id }.into()
    }
    /// The id of the event that registered it.
    async fn event_id(&self) -> Hash {
        self.0.id.into()
    }
    /// Index of that event's entry.
    async fn index(&self) -> Index {
        self.0.index.into()
    }
    /// What it is called, by the latest words that say so; null where none do or they are withheld.
    async fn name(&self) -> Option<&str> {
        match &self.0.name {
            Name::Known(name) => Some(name),
            Name::Withheld | Name::Unnamed => None,
        }
    }
    /// What it is; null for the operator.
    async fn kind(&self) -> Option<PartyKind> {
        self.0.kind.map(Into::into)
    }
    /// Whether it is invented. Permanent.
    async fn fictional(&self) -> bool {
        self.0.fictional
    }
    /// Whether it runs this ledger.
    async fn operator(&self) -> bool {
        self.0.operator
    }
    /// Whether it may register parties.
    async fn registrar(&self) -> bool {
        self.0.registrar
    }
    /// Whether it may record other people's public words.
    async fn recorder(&self) -> bool {
        self.0.recorder
    }
    /// Its keys, in the order in which they were added, revoked ones included.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn keys(&self, ctx: &Context<'_>) -> Result<Vec<PartyKey>> {
        Ok(views(ctx).keys(&self.0.id).answer()?.into_iter().map(PartyKey::new).collect())
    }
    /// Events signed by it or naming it, in the order of the log. `filter.party` is ignored.
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
        let filter = Filter { party: Some(self.0.id), ..filter.unwrap_or_default().into() };
        EventConnection::read(views(ctx), &PageArgs { first, last, after, before }, &filter)
    }
}
