//! `PartyLocator`: the ways to name a party.

use async_graphql::{ID, OneofObject};

use crate::serve::graphql::scalars::{hash::Hash, index::Index};

/// Names one party: exactly one member is given.
#[derive(Debug, Clone, OneofObject)]
pub enum PartyLocator {
    /// Its global id.
    Id(ID),
    /// The id of the event that registered it, as `/party/<id>` has it.
    EventId(Hash),
    /// The index of that event's entry.
    Index(Index),
    /// A key that it has or had, as a vkey.
    Key(String),
}
