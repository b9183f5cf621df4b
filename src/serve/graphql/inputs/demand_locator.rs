//! `DemandLocator`: the ways to name a demand.

use async_graphql::OneofObject;

use crate::serve::graphql::scalars::{hash::Hash, index::Index};

/// Names one demand: exactly one member is given.
#[derive(Debug, OneofObject)]
pub enum DemandLocator {
    /// The id of the event that issued it, as `/demand/<id>` has it.
    EventId(Hash),
    /// The index of the entry that issued it.
    Index(Index),
}
