//! `UserError`: a caller's mistake, with its code, place and message.

use async_graphql::SimpleObject;

use super::refusal_code::RefusalCode;
use crate::{
    event::{MAX_REFUSAL, Refusal},
    serve::graphql::field_cost::{Costs, Leaf, Of},
};

/// The place and the message of a refusal have the same bound.
pub const COSTS: Costs = Costs {
    leaves: &[("place", Leaf::text(MAX_REFUSAL)), ("message", Leaf::text(MAX_REFUSAL))],
    ..Costs::of(Of::Types(&["UserError"]))
};

/// What was wrong with a submission, or with the whole call: the first fault found.
#[derive(Debug, SimpleObject)]
pub struct UserError {
    /// The rule that it breaks.
    pub code: RefusalCode,
    /// Where: a line, a member such as `facts.count`, a ref such as `refs.about[1]`.
    pub place: String,
    /// What was expected and what was found.
    pub message: String,
}

impl From<Refusal> for UserError {
    fn from(r: Refusal) -> Self {
        Self { code: r.code.into(), place: r.place, message: r.message }
    }
}
