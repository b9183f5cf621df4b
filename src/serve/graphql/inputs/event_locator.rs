//! `EventLocator`: the ways to name an event.

use async_graphql::{ID, OneofObject};

use crate::serve::graphql::scalars::{hash::Hash, index::Index};

/// Names one event: exactly one member is given.
#[derive(Debug, Clone, OneofObject)]
pub enum EventLocator {
    /// Its global id.
    Id(ID),
    /// BLAKE3 of its three signed lines.
    EventId(Hash),
    /// The index of its entry.
    Index(Index),
}
