//! `Preview`: how an event would read if it were recorded.

use async_graphql::SimpleObject;

/// What would be said of an event that is not on record.
#[derive(SimpleObject)]
pub struct Preview {
    /// The sentence that its page would have, in English.
    pub sentence: String,
}
