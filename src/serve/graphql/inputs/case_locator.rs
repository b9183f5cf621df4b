//! `CaseLocator`: the ways to name a case.

use async_graphql::{ID, OneofObject};

use crate::serve::graphql::scalars::{hash::Hash, index::Index};

/// Names one case: exactly one member is given.
#[derive(Debug, Clone, OneofObject)]
pub enum CaseLocator {
    /// Its global id.
    Id(ID),
    /// The id of the event that opened it, as `/case/<id>` has it.
    EventId(Hash),
    /// The index of the entry that opened it.
    Index(Index),
}
