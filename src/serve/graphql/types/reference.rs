//! `Reference`: what an event points at in one role.

use async_graphql::SimpleObject;

use crate::serve::graphql::{
    field_cost::{Costs, Of},
    scalars::hash::Hash,
};

/// How many ids one role of an event can hold (formats.md, section 3).
pub const IDS: u64 = 64;

/// The ids of one role.
pub const COSTS: Costs = Costs { lists: &[("ids", IDS)], ..Costs::of(Of::Types(&["Reference"])) };

/// What an event points at, in one role.
#[derive(SimpleObject)]
pub struct Reference {
    /// The role, e.g. `speaker`.
    pub role: &'static str,
    /// The ids of the events in it.
    pub ids: Vec<Hash>,
}
