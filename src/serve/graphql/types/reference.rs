//! `Reference`.

use async_graphql::SimpleObject;

use crate::serve::graphql::scalars::hash::Hash;

/// What an event points at, in one role.
#[derive(SimpleObject)]
pub struct Reference {
    /// The role, e.g. `speaker`.
    pub role: &'static str,
    /// The ids of the events in it.
    pub ids: Vec<Hash>,
}
