//! `EventLocator`.

use async_graphql::OneofObject;

use super::{hash::Hash, index::Index};

/// Names one event: exactly one member is given.
#[derive(Debug, Clone, Copy, OneofObject)]
pub enum EventLocator {
    /// Its id.
    Id(Hash),
    /// The index of its entry.
    Index(Index),
}
