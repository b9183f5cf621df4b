//! `Reference`: the events that an event points at in one role.

use async_graphql::SimpleObject;

use crate::serve::graphql::{
    field_cost::{Costs, Of},
    scalars::hash::Hash,
};

/// The most ids that one role of an event can hold (formats.md, section 3).
pub const IDS: u64 = 64;

/// The only list is that of the ids of a role.
pub const COSTS: Costs = Costs { lists: &[("ids", IDS)], ..Costs::of(Of::Types(&["Reference"])) };

/// The events that an event points at in one role.
#[derive(SimpleObject)]
pub struct Reference {
    /// The role, e.g. `speaker`.
    pub role: &'static str,
    /// The ids of these events.
    pub ids: Vec<Hash>,
}
