//! `RecordPayload` and `RecordResult`: the results of a call of `record`.

use async_graphql::SimpleObject;

use super::{receipt::Receipt, user_error::UserError};
use crate::serve::{
    graphql::field_cost::{Costs, Of},
    limits,
};

/// There is a result for each submission.
pub const COSTS: Costs = Costs {
    full_lists: &[("results", limits::SUBMISSIONS_MOST as u64)],
    ..Costs::of(Of::Types(&["RecordPayload"]))
};

/// The result of one submission.
#[derive(SimpleObject)]
pub struct RecordResult {
    /// The receipt; null if it was refused.
    pub receipt: Option<Receipt>,
    /// Why it was refused; empty if it was not.
    pub user_errors: Vec<UserError>,
}

/// The result of a call of `record`.
#[derive(SimpleObject)]
pub struct RecordPayload {
    /// One result for each submission, in their order; empty if the call itself was refused.
    pub results: Vec<RecordResult>,
    /// Why the call itself was refused; empty if it was not.
    pub user_errors: Vec<UserError>,
}
