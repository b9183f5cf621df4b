//! `Party`: a party with its name, roles, keys and events.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::{event_connection::EventConnection, page::PageArgs, party_key::PartyKey, party_kind::PartyKind};
use crate::{
    event::EventId,
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
        state::{self, PartyState},
    },
    views::{self, Name, Views},
};

/// A state is computed from the entries of the party.
pub const COSTS: Costs = Costs { work: &[("state", 20)], ..Costs::of(Of::Types(&["Party"])) };

/// Somebody who can speak, or be spoken about.
#[derive(Debug, Clone)]
pub struct Party {
    party: Arc<views::Party>,
    views: Arc<Views>,
}

impl Party {
    /// Reads the party that the event `id` registered; `None` if there is none.
    ///
    /// # Errors
    /// A failed read of the log.
    pub fn read(views: &Arc<Views>, id: &EventId) -> Result<Option<Self>> {
        Ok(views.party(id).answer()?.map(|party| Self { party, views: views.clone() }))
    }
}

/// Somebody who can speak, or be spoken about. It may have no key.
#[Object]
impl Party {
    /// Its global id, for `node`.
    async fn id(&self) -> ID {
        GlobalId { kind: NodeKind::Party, event: self.party.id }.into()
    }
    /// The id of the event that registered it.
    async fn event_id(&self) -> Hash {
        self.party.id.into()
    }
    /// Index of that event's entry.
    async fn index(&self) -> Index {
        self.party.index.into()
    }
    /// Whether it was registered by mistake, and nothing rests on that.
    async fn mistaken(&self) -> Result<bool> {
        match self.views.record_of(&self.party.id).answer()? {
            Some(record) => self.views.mistaken(&record).answer(),
            None => Ok(false),
        }
    }
    /// The permalink of its page on this server. Null over a WebSocket.
    async fn url(&self, ctx: &Context<'_>) -> Option<Url> {
        ctx.data_opt::<Base>()?.page("party", self.party.id)
    }
    /// Its name, by the latest words that give one. Null if none do, or if these are withheld.
    async fn name(&self) -> Option<&str> {
        match &self.party.name {
            Name::Known(name) => Some(name),
            Name::Withheld | Name::Unnamed => None,
        }
    }
    /// What kind of party it is. Null for the operator.
    async fn kind(&self) -> Option<PartyKind> {
        self.party.kind.map(Into::into)
    }
    /// Whether it is invented. Permanent.
    async fn fictional(&self) -> bool {
        self.party.fictional
    }
    /// Whether it runs this ledger.
    async fn operator(&self) -> bool {
        self.party.operator
    }
    /// Whether it may register parties.
    async fn registrar(&self) -> bool {
        self.party.registrar
    }
    /// Whether it may record other people's public words.
    async fn recorder(&self) -> bool {
        self.party.recorder
    }
    /// Its keys, in the order in which they were added, revoked ones included.
    async fn keys(&self) -> Result<Vec<PartyKey>> {
        let keys = self.views.keys(&self.party.id).answer()?;
        Ok(keys.into_iter().map(|key| PartyKey::new(key, &self.views)).collect())
    }
    /// Its names, roles and record at the instant `asOf`, by the entries below `knownAt`. Null if it was not on record at that
    /// size.
    async fn state(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The instant at which clocks are read; now if left out.")] as_of: Option<DateTime>,
        #[graphql(
            desc = "Only entries below this tree size count; that of the latest checkpoint if left out."
        )]
        known_at: Option<Index>,
    ) -> Result<Option<PartyState>> {
        let (views, as_of) = state::at(ctx, &self.views, as_of, known_at)?;
        PartyState::read(&views, &self.party.id, as_of)
    }
    /// Events that it signed or that name it, in the order of the log. `filter.party` is ignored.
    async fn events(
        &self,
        #[graphql(desc = "How many from the front, at most 100; 20 if neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "How many from the back, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
        #[graphql(desc = "Conditions on the events.")] filter: Option<EventFilter>,
    ) -> Result<EventConnection> {
        let filter = Filter { party: Some(self.party.id), ..filter.unwrap_or_default().into() };
        EventConnection::read(&self.views, &PageArgs { first, last, after, before }, &filter)
    }
}
